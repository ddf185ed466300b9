use std::path::Path;

use crate::{
    audit::{Audit, Difference, Remedy},
    cli::{
        command_line::{CALENDAR, CommandLine, WHERE, quoted},
        context::Context,
        drive::commands,
    },
};

/// The most urgent command, and why; none where no command helps. `merge`: takes over the rows of other ledgers.
pub(super) fn next(
    audit: &Audit,
    folder: &Path,
    context: &Context,
    merge: Option<String>,
    command_line: &CommandLine,
) -> Option<(&'static str, String)> {
    let is_for_a_command = |difference: &&Difference| !matches!(difference.remedy, Remedy::Look(_));
    let differences = audit.differences.iter().filter(is_for_a_command);
    let first = differences.min_by_key(|difference| difference.remedy)?;
    let commands = commands(context, command_line, None);
    let run = || command_line.next("run", &[&WHERE[..], &CALENDAR].concat());
    Some(match first.remedy {
        Remedy::Look(_) => return None,
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
            let file = folder.join(first.file.as_deref().unwrap_or_default());
            let mut away = file.clone().into_os_string();
            away.push(".moved");
            let moved = [quoted(file.as_os_str()), quoted(&away)];
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
