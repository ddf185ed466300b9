//! Which ledger `resolve` is about, and which manifest that ledger belongs to.

use std::{fs, path::Path};

use super::{
    args::{ManifestArgs, RehearsalArgs, ResolveArgs, is_manifest},
    command_line::{CommandLine, LEDGER},
    context::Context,
    error::CliError,
};
use crate::files::folder_of;

/// Without a manifest the settings are the defaults.
pub(super) fn target_of(args: &ResolveArgs) -> Result<Context, CliError> {
    let share = args.partition()?;
    if is_manifest(&args.place) {
        return Context::with_settings(&args.manifest(), share);
    }
    match &args.named {
        Some(named) => Err(CliError::TwoLedgers(args.place.clone(), named.clone())),
        None => Context::without_manifest(&ManifestArgs {
            ledger: Some(args.place.clone()),
            sandbox: RehearsalArgs::default(),
            ..args.manifest()
        }),
    }
}

/// A command on the ledger's manifest: the one that was named, or one next to the ledger.
pub(super) fn of_manifest(
    command: &str,
    args: &ResolveArgs,
    context: &Context,
    command_line: &CommandLine,
) -> String {
    if is_manifest(&args.place) {
        return command_line.next(command, LEDGER);
    }
    match manifest_next_to(&context.ledger) {
        Some(words) => command_line.with(command, words),
        None => format!(
            "{} --ledger {}",
            command_line.with(command, ["MANIFEST".to_owned()]),
            CommandLine::word(&context.ledger)
        ),
    }
}

/// The manifest in the ledger's folder whose ledger it is, or whose rehearsals' ledger, as arguments.
pub(super) fn manifest_next_to(ledger: &Path) -> Option<Vec<String>> {
    let real = ledger.canonicalize().ok()?;
    let entries = fs::read_dir(folder_of(ledger)).ok()?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let manifest = ledger.with_file_name(name);
        if !is_manifest(&manifest) {
            continue;
        }
        for sandbox in [false, true] {
            let args = ManifestArgs {
                manifest: manifest.clone(),
                ledger: None,
                base_url: None,
                sandbox: RehearsalArgs { sandbox, ..RehearsalArgs::default() },
            };
            let its = Context::with_settings(&args, None).map(|context| context.ledger);
            if its.is_ok_and(|its| its.canonicalize().is_ok_and(|its| its == real)) {
                let mut words = vec![manifest.display().to_string()];
                words.extend(sandbox.then(|| "--sandbox".to_owned()));
                return Some(words);
            }
        }
    }
    None
}
