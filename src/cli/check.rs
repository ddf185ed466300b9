//! `check`: opens what a run opens, and stops before the first create. Changes nothing on the disk.

mod disk;
mod server;

use super::{
    CheckArgs, CliError, CommandLine, Context, Exit, Signals, SummaryFormat, print_json,
    print_table,
};
use crate::{
    manifest::Manifest,
    output::{CheckItem, Checklist},
    text::count,
};

pub(super) async fn check(args: &CheckArgs, command_line: &CommandLine) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let mut report = Checklist::default();
    if let Some((mut context, manifest)) = read(args, command_line, &mut report)? {
        context.tell_rehearsal();
        let reading = disk::try_ledger(&context, &mut report);
        disk::try_output(&context, &mut report);
        let plan = server::ask(&mut context, manifest.as_ref(), &signals, &mut report).await?;
        let planned = plan.as_ref().map_or(0, |plan| plan.requests().len());
        disk::try_space(&context.ledger, reading.ledger.len().max(planned), &mut report);
        if let Some(plan) = &plan {
            disk::try_known(&context, plan, &reading, command_line, &mut report);
        }
    }
    match args.format() {
        SummaryFormat::Table => print_table(&report.table())?,
        SummaryFormat::Json => print_json(report.json())?,
    }
    Ok(match report.exit_code() {
        0 => Exit::Success,
        2 => Exit::Usage,
        4 => Exit::Ledger,
        _ => Exit::Stopped,
    })
}

/// The settings, and the whole manifest where it has no mistakes: else all but its jobs can be tried.
fn read(
    args: &CheckArgs,
    command_line: &CommandLine,
    report: &mut Checklist,
) -> Result<Option<(Context, Option<Manifest>)>, CliError> {
    let share = args.share.partition()?;
    let error = match Context::with_manifest(&args.manifest, &args.calendar, share) {
        Ok((context, manifest)) => {
            let jobs = count(manifest.jobs.len(), "job");
            report.ok(CheckItem::Manifest, format!("{jobs}, no mistakes"));
            return Ok(Some((context.forgetful(), Some(manifest))));
        }
        Err(error @ (CliError::Manifest(_) | CliError::OfSandbox(_))) => error,
        Err(error) => return Err(error),
    };
    error.report(command_line);
    let name = args.manifest.manifest.display();
    report.not_ok(
        CheckItem::Manifest,
        format!("{name} cannot be used: see the errors on stderr"),
        "fix it, then run `monthend plan`",
    );
    let settings = Context::with_settings(&args.manifest, share);
    Ok(settings.ok().map(|context| (context.forgetful(), None)))
}
