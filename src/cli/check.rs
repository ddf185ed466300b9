//! `check`: opens what a run opens, and stops before the first create. Changes nothing on the disk.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
};

use chrono::Utc;

use super::{
    CheckArgs, CliError, CliResult, CommandLine, Context, Exit, Room, Signals, SummaryFormat,
    closed_of, find_trace, format_or, nearest_folder, print_json, print_table, refusal, size_text,
    trace_of,
};
use crate::{
    audit::ClosedMonth,
    files::{folder_of, refuse_mounted, remedy, try_folder},
    ledger::{
        LedgerRead, Lock, read_file, real_ledger, refuse_mixing, refuse_second_name,
        refuse_unmerged,
    },
    manifest::Manifest,
    output::{Action, CheckItem, Checklist, moment_text},
    plan::{Plan, Planned},
    text::{count, system_says},
};

mod server;

pub(super) async fn check(args: &CheckArgs, command_line: &CommandLine) -> CliResult {
    let signals = Signals::listen();
    let mut report = Checklist::default();
    if let Some((mut context, manifest)) = read_manifest(args, command_line, &mut report)? {
        context.tell_rehearsal();
        let reading = try_ledger(&context, &mut report);
        try_output(&context, &mut report);
        let plan = server::ask(&mut context, manifest.as_ref(), &signals, &mut report).await?;
        let planned = plan.as_ref().map_or(0, |plan| plan.requests().len());
        try_space(&context.ledger, reading.ledger.len().max(planned), &mut report);
        if let Some(plan) = &plan {
            try_known(&context, plan, &reading, command_line, &mut report);
            try_open(&context, plan, &reading, &mut report);
        }
    }
    match format_or(args.format, SummaryFormat::Table) {
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
fn read_manifest(
    args: &CheckArgs,
    command_line: &CommandLine,
    report: &mut Checklist,
) -> CliResult<Option<(Context, Option<Manifest>)>> {
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

/// The file, its folder, its lock, and rescued ledgers next to it.
fn try_ledger(context: &Context, report: &mut Checklist) -> LedgerRead {
    let (path, reading) = match read_ledger(context) {
        Ok(found) => found,
        Err(error) => {
            report.not_ok(CheckItem::Ledger, error.text(), "");
            if error.exit() == Exit::Usage {
                report.it_is_usage();
            }
            return LedgerRead::default();
        }
    };
    let ledger = reading.as_ref().map(|reading| &reading.ledger);
    report.tried(CheckItem::Ledger, usable(context, &path, ledger.map(|ledger| ledger.len())));
    let folder = folder_of(&path);
    let (name, tried) = (folder.display(), try_folder(folder));
    let tried = tried.map(|()| format!("{name} can be written")).map_err(|error| {
        let remedy = if folder.exists() { remedy(&error) } else { "make it" };
        let message = format!("{name} cannot hold a ledger: {}", refusal(&error));
        (message, format!("{remedy}, or put the ledger elsewhere (--ledger)"))
    });
    report.tried(CheckItem::LedgerFolder, tried);
    match Lock::peek_holder(&path, Utc::now()) {
        None => report.ok(CheckItem::Lock, "no run holds the ledger"),
        Some(holder) => {
            let message = format!("the ledger is in use by {holder}");
            report.not_ok(CheckItem::Lock, message, "wait until it has ended");
        }
    }
    let unmerged = refuse_unmerged(&path, ledger);
    let unmerged = unmerged.map_err(|error| (error.to_string(), String::new()));
    report.tried(CheckItem::Rescued, unmerged.map(|()| "none to merge".to_owned()));
    reading.unwrap_or_default()
}

fn read_ledger(context: &Context) -> CliResult<(PathBuf, Option<LedgerRead>)> {
    let path = real_ledger(&context.ledger)?;
    context.refuse_as_for_real()?;
    context.refuse_gone_for_real()?;
    let reading = read_file(&path)?;
    refuse_second_name(&path)?;
    let ledger = reading.as_ref().map(|reading| &reading.ledger);
    refuse_mixing(&path, ledger, context.is_rehearsal())?;
    Ok((path, reading))
}

const LOST: &str = "if it is lost: monthend run with --existing adopt";

/// `rows`: `None` without a ledger.
fn usable(context: &Context, path: &Path, rows: Option<usize>) -> Result<String, (String, String)> {
    let name = context.ledger.display();
    let Some(rows) = rows else {
        return match trace_of(&context.ledger) {
            None => Ok(format!("none at {name} yet: a run starts it")),
            Some(trace) => Err((
                format!("there is none at {name}, but {trace}"),
                format!("put it back; {LOST}"),
            )),
        };
    };
    // A run appends to the file before it puts a new one in its place.
    let opened = refuse_mounted(path).and_then(|()| OpenOptions::new().append(true).open(path));
    opened.map(|_| format!("{name}, rows: {rows}")).map_err(|error| {
        let message = format!("{name} cannot be written: {}", system_says(&error));
        match error.kind() {
            io::ErrorKind::ResourceBusy => (message, String::new()), // the error says it
            _ => (message, format!("{}, or name another ledger (--ledger)", remedy(&error))),
        }
    })
}

/// Whether the month is closed, and a run would have something to do all the same.
fn try_open(context: &Context, plan: &Plan, reading: &LedgerRead, report: &mut Checklist) {
    let is_done = |it: &Planned| {
        matches!(Action::for_row(reading.ledger.get(it.id)), Action::Skip | Action::Decide)
    };
    let closed = real_ledger(&context.ledger).ok().and_then(|path| closed_of(&path));
    if let Some(ClosedMonth { at, by }) = closed
        && !plan.own(context.apart.share).all(is_done)
    {
        let (name, at) = (context.ledger.display(), moment_text(at));
        let message = format!("{name} was closed {at} by {by}, and requests are left to do");
        let advice = "name another ledger (--ledger) for another month, or open it: `monthend close --reopen`";
        report.not_ok(CheckItem::Ledger, message, advice);
    }
}

/// Reports of the plan that the ledger lacks and that files next to it show.
fn try_known(
    context: &Context,
    plan: &Plan,
    reading: &LedgerRead,
    command_line: &CommandLine,
    report: &mut Checklist,
) {
    if trace_of(&context.ledger).is_some() {
        return; // it is said already
    }
    let own = plan.own(context.apart.share).map(|planned| planned.id).collect();
    let Some(trace) = find_trace(context, reading, (plan, &own), None) else { return };
    let advice = match trace.merge(&context.ledger, command_line) {
        Some(merge) => format!("take them over: {merge}"),
        None => format!("put back the ledger that has them; {LOST}"),
    };
    let message = format!("{} lacks reports that exist: {trace}", context.ledger.display());
    if trace.is_meant {
        report.unknown(CheckItem::KnownReports, message, &advice);
    } else {
        report.not_ok(CheckItem::KnownReports, message, &advice);
    }
}

/// The folder of collected files, or where it would be made.
fn try_output(context: &Context, report: &mut Checklist) {
    const OTHER: &str = "name another folder in collect.output or --output";
    if let Err(error) = context.refuse_output_as_for_real(None) {
        report.not_ok(CheckItem::Output, error.text(), OTHER);
        return;
    }
    let output = context.output(None, &context.ledger);
    let there = nearest_folder(&output);
    let tried =
        if there.is_dir() { try_folder(&there) } else { Err(io::ErrorKind::NotADirectory.into()) };
    let does = if there == output { "written" } else { "made" };
    let tried = tried.map(|()| format!("{} can be {does}", output.display())).map_err(|error| {
        let message = format!("{} cannot be written: {}", there.display(), refusal(&error));
        (message, format!("{}, or {OTHER}", remedy(&error)))
    });
    report.tried(CheckItem::Output, tried);
}

/// For the lines of so many rows.
fn try_space(ledger: &Path, rows: usize, report: &mut Checklist) {
    let path = real_ledger(ledger).unwrap_or_else(|_| ledger.to_owned());
    match Room::for_rows(&path, rows) {
        Some(short) if short.is_short() => {
            report.not_ok(CheckItem::DiskSpace, short.to_string(), "make room");
        }
        Some(room) => {
            let (free, needed) = (size_text(room.free), size_text(room.needed));
            let needs = "plus the size of the report files";
            let message = format!("{free} left; the ledger needs at most {needed}, {needs}");
            report.ok(CheckItem::DiskSpace, message);
        }
        None => report.unknown(CheckItem::DiskSpace, "the system does not tell", ""),
    }
}
