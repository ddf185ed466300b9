//! What to type next: whole commands, built from what was typed.

use std::{collections::BTreeSet, path::Path};

use chrono::NaiveDate;

use super::{
    CommandLine, Context, LEDGER, ManifestArgs, ResolveArgs, RunContext, WHERE, is_manifest,
    quoted_word, variable,
};
use crate::{
    audit::{Audit, Difference, Remedy, close_path},
    files::paths_next_to,
    ledger::{Row, State},
    output::{Commands, Hint},
    text::shell_word,
};
use request::OrgId;

/// `day`: what `--combine` counts relative periods from.
fn commands(context: &Context, command_line: &CommandLine, day: Option<NaiveDate>) -> Commands {
    let ledger = context.ledger.display().to_string();
    let day = day.map_or_else(String::new, |day| format!(" --as-of {day}"));
    let again = command_line.again();
    let bare = command_line.next("retry", &WHERE) + &day;
    let (retry, unfinished) = if command_line.is("collect") {
        let retry = format!("{bare} --collect");
        let why = "to create what is not created yet, and collect it";
        (retry.clone(), Hint::new(why, retry))
    } else {
        (bare.clone(), Hint::new("to look them up again", &again))
    };
    let collect = if command_line.has("collect") { "" } else { " --collect" };
    let is_fixed = !context.apart.sandbox || command_line.has("sandbox_fixed");
    Commands {
        again,
        unfinished,
        fixed: (!is_fixed).then_some(" --sandbox-fixed"),
        recreate: format!("{bare} --recreate-failed{collect}"),
        retry,
        retry_all: command_line.next("retry", LEDGER),
        collect: command_line.next("collect", &WHERE) + &day,
        status: command_line.with("status", [ledger]),
        resolve: command_line.next("resolve", &WHERE),
        // Only if --sandbox was typed: a variable would make a rehearsal of this command too.
        for_real: (command_line.has("sandbox"))
            .then(|| Hint::new("for real", command_line.for_real())),
    }
}

/// [`commands`] for rows that have changed since the command was typed: their codes may no longer be those that --cause
/// names, and the sandbox's sub-partners do not exist on a real server.
pub(super) fn commands_for(run: &RunContext<'_>, rows: &[&Row]) -> Commands {
    let (context, command_line) = (run.context, &run.outputs.command_line);
    let mut commands = commands(context, command_line, run.outputs.day_to_combine);
    let is_unfinished =
        |row: &&&Row| !matches!(row.state, State::Created(_) | State::InDoubt { .. });
    let codes = rows.iter().filter(is_unfinished);
    let codes: BTreeSet<&str> = codes.map(|row| row.state.error_code()).collect();
    if command_line.has("cause") {
        let typed_causes = command_line.values("cause");
        let is_typed = |code: &&str| typed_causes.iter().any(|typed| typed == code);
        if !codes.iter().all(is_typed) {
            let kept = WHERE.iter().copied().filter(|id| *id != "cause");
            let mut retry = command_line.next("retry", &kept.collect::<Vec<_>>());
            // A row that was never sent has no code, and no value of --cause selects it.
            if !codes.contains("") {
                let causes = codes.iter().map(|code| shell_word(code));
                retry.extend(causes.map(|code| format!(" --cause {code}")));
            }
            commands.again.clone_from(&retry);
            commands.retry = retry;
        }
    }
    let orgs = rows.iter().filter_map(|row| row.request().sub_partner.as_ref());
    if orgs.into_iter().any(OrgId::is_from_sandbox) {
        let manifest = context.manifest.0.with_extension("real.yaml");
        commands.for_real = commands.for_real.filter(|_| !manifest.exists()).map(|_| {
            let words = [manifest.display().to_string(), "--discover".to_owned()];
            Hint::new(
                "for real, begin with a manifest of your own sub-partners",
                command_line.with("init", words),
            )
        });
    }
    commands
}

/// The most urgent command, and why; none where no command helps. `merge`: takes over the rows of other ledgers.
/// `ledger` is the real path.
pub(super) fn after_audit(
    audit: &Audit,
    ledger: &Path,
    context: &Context,
    merge: Option<String>,
    command_line: &CommandLine,
) -> Option<(&'static str, String)> {
    let is_for_a_command = |difference: &&Difference| !matches!(difference.remedy, Remedy::Look(_));
    let differences = audit.counting().filter(is_for_a_command);
    let first = differences.min_by_key(|difference| difference.remedy)?;
    let commands = commands(context, command_line, None);
    let run = || command_line.on_same("run");
    Some(match first.remedy {
        Remedy::Look(_) => return None,
        Remedy::PutBack => (
            "to see what is not as it was when the month was closed",
            verify_command(ledger, command_line),
        ),
        Remedy::Reconcile => ("to see what does not match", command_line.on_same("reconcile")),
        Remedy::Merge => ("to take over the rows of the other ledgers", merge?),
        Remedy::Adopt => {
            ("to record the reports that the server already has", run() + " --existing adopt")
        }
        Remedy::Run => ("to create what is missing", run()),
        Remedy::LookUp => ("to look up what is in doubt", run()),
        Remedy::Retry => match commands.fixed {
            Some(fixed) => ("to retry what failed, with the causes fixed", commands.retry + fixed),
            None => ("to retry what failed, once the causes are fixed", commands.retry),
        },
        Remedy::Recreate => {
            ("to recreate the reports that the server could not generate", commands.recreate)
        }
        Remedy::CollectThenRecreate | Remedy::Collect => {
            ("to collect what is missing", commands.collect)
        }
        Remedy::Overwrite => {
            ("to download changed files again, over what lies there", commands.collect + " --force")
        }
        Remedy::MoveAndCollect => {
            let folder = ledger.parent().unwrap_or(Path::new(""));
            let file = folder.join(first.file.as_deref().unwrap_or_default());
            let mut away = file.clone().into_os_string();
            away.push(".moved");
            let moved = [quoted_word(file.as_os_str()), quoted_word(&away)];
            (
                "to keep the first of these files apart and download it again",
                format!("mv {} && {}", moved.join(" "), commands.collect),
            )
        }
        // No command can know which candidate is the row's report.
        Remedy::Decide => {
            ("to see the rows in doubt with the candidates, and decide", commands.resolve)
        }
        Remedy::Replace => (
            "to have the first report that is gone created again by the next run",
            format!("{} --request {} --resend --replace", commands.resolve, first.request_id?),
        ),
    })
}

/// Compares the files of a closed month with its hashes. `ledger` is the real path.
pub(super) fn verify_command(ledger: &Path, command_line: &CommandLine) -> String {
    command_line.with("verify", [close_path(ledger).display().to_string()])
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
            quoted_word(context.ledger.as_os_str())
        ),
    }
}

/// A command on the manifest of `ledger`: the one that was named, or one next to the ledger. `None`: there is none.
pub(super) fn on_manifest(
    command_line: &CommandLine,
    command: &str,
    ledger: &Path,
) -> Option<String> {
    const KEPT: [&str; 5] = ["ledger", "sandbox", "sandbox_config", "sandbox_fixed", "manifest"];
    let typed = command_line.values("manifest");
    let is_named = match typed.first() {
        Some(named) => is_manifest(Path::new(named)),
        None => !command_line.is("merge") && variable("MONTHEND_MANIFEST").is_some(),
    };
    if !is_named {
        return manifest_next_to(ledger).map(|words| command_line.with(command, words));
    }
    let next = command_line.next(command, &KEPT);
    // The commands on a whole month know no shares.
    Some(if command_line.is_share() && !command_line.has("ledger") {
        format!("{next} --ledger {}", quoted_word(ledger.as_os_str()))
    } else {
        next
    })
}

/// The manifest in the ledger's folder whose ledger it is, or whose rehearsals' ledger, as arguments.
pub(super) fn manifest_next_to(ledger: &Path) -> Option<Vec<String>> {
    let real = ledger.canonicalize().ok()?;
    for manifest in paths_next_to(ledger).into_iter().filter(|path| is_manifest(path)) {
        for sandbox in [false, true] {
            let args = ManifestArgs::of(&manifest, sandbox);
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
