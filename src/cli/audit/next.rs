//! The command to go on with after an audit.

use std::path::Path;

use crate::{
    audit::{Audit, Difference, Remedy},
    cli::{
        drive::commands,
        target::Target,
        typed::{CALENDAR, Typed, WHERE, quoted},
    },
};

/// What to type next, and why: what comes first in the order of the work. Nothing where no command helps.
pub(super) fn next(
    audit: &Audit,
    folder: &Path,
    target: &Target,
    typed: &Typed,
) -> Option<(&'static str, String)> {
    let is_for_a_command = |difference: &&Difference| !matches!(difference.remedy, Remedy::Look(_));
    let differences = audit.differences.iter().filter(is_for_a_command);
    let first = differences.min_by_key(|difference| difference.remedy)?;
    let commands = commands(target, typed, None);
    let run = || typed.next("run", &[&WHERE[..], &CALENDAR].concat());
    let resolve = |decision: &str| format!("{} {} {decision}", commands.resolve, first.request_id);
    Some(match first.remedy {
        Remedy::Look(_) => return None,
        Remedy::Adopt => (
            "to record the reports that the server already has",
            run() + " --existing adopt",
        ),
        Remedy::Run => ("to create what is missing", run()),
        Remedy::LookUp => ("to look up what is in doubt", run()),
        Remedy::Retry => match commands.mended {
            Some(mended) => ("to retry what failed, with the causes fixed", mended),
            None => (
                "to retry what failed, once the causes are fixed",
                commands.retry,
            ),
        },
        Remedy::Recreate => (
            "to recreate the reports that the server could not generate",
            commands.recreate,
        ),
        Remedy::CollectThenRecreate | Remedy::Collect => {
            ("to collect what is missing", commands.collect)
        }
        Remedy::Overwrite => (
            "to download changed files again, over what lies there",
            commands.collect + " --force",
        ),
        Remedy::MoveAndCollect => {
            let file = folder.join(first.file.as_deref().unwrap_or_default());
            let mut away = file.clone().into_os_string();
            away.push(".moved");
            let moved = [quoted(file.as_os_str()), quoted(&away)];
            (
                "to keep the first of these files apart and download it again",
                format!("mv {} && {}", moved.join(" "), commands.collect),
            )
        }
        Remedy::Decide => ("to decide the first row in doubt", resolve("--resend")),
        Remedy::Replace => (
            "to have the first report that is gone created again by the next run",
            resolve("--resend --replace"),
        ),
    })
}
