//! What a run needs of the disk. Whatever is made to try it is deleted at once.

use std::{fs::OpenOptions, io, path::Path};

use chrono::Utc;

use crate::{
    cli::{
        command_line::CommandLine,
        context::{Context, real_ledger},
        error::CliError,
        exit::Exit,
        gone::{TraceSearch, trace_of},
        guard::refusal,
        room::{Room, existing, room_for, size},
    },
    files::{folder_of, refuse_mounted, remedy, try_folder},
    ledger::{LedgerRead, Lock, read_file, refuse_mixing, refuse_second_name, refuse_unmerged},
    output::{CheckFailure, CheckItem, Checklist},
    plan::{Partition, Plan},
    text::system_says,
};

/// The file, its folder, its lock, and rescued ledgers next to it.
pub(super) fn try_ledger(context: &Context, report: &mut Checklist) -> LedgerRead {
    let missing = |subject| (subject, CheckFailure::Ledger);
    let name = context.ledger.display();
    let path = match real_ledger(&context.ledger) {
        Ok(path) => path,
        Err(error) => {
            report.not_ok(missing(CheckItem::Ledger), error.to_string(), "");
            return LedgerRead::default();
        }
    };
    let usable = read_file(&path).and_then(|reading| {
        refuse_second_name(&path)?;
        let ledger = reading.as_ref().map(|reading| &reading.ledger);
        refuse_mixing(&path, ledger, context.is_rehearsal())?;
        Ok(reading)
    });
    let for_real = context.refuse_as_for_real().and_then(|()| context.refuse_gone_for_real());
    let reading = match for_real.and(usable.map_err(CliError::from)) {
        Ok(reading) => reading,
        Err(error) => {
            let failure = match error.exit() {
                Exit::Usage => CheckFailure::Usage,
                _ => CheckFailure::Ledger,
            };
            report.not_ok((CheckItem::Ledger, failure), error.text(), "");
            return LedgerRead::default();
        }
    };
    let rows = reading.as_ref().map_or(0, |reading| reading.ledger.len());
    match (&reading, appendable(&path)) {
        (None, _) => match trace_of(&context.ledger) {
            None => report.ok(CheckItem::Ledger, format!("none at {name} yet: a run starts it")),
            Some(trace) => report.not_ok(
                missing(CheckItem::Ledger),
                format!("there is none at {name}, but {trace}"),
                "put it back; if it is lost: monthend run with --existing adopt",
            ),
        },
        (Some(_), Ok(())) => report.ok(CheckItem::Ledger, format!("{name}, rows: {rows}")),
        (Some(_), Err(error)) => report.not_ok(
            missing(CheckItem::Ledger),
            format!("{name} cannot be written: {}", system_says(&error)),
            match error.kind() {
                io::ErrorKind::ResourceBusy => String::new(), // the error says it
                _ => format!("{}, or name another ledger (--ledger)", remedy(&error)),
            },
        ),
    }
    let folder = folder_of(&path);
    match try_folder(folder) {
        Ok(()) => {
            report.ok(CheckItem::LedgerFolder, format!("{} can be written", folder.display()))
        }
        Err(error) => report.not_ok(
            missing(CheckItem::LedgerFolder),
            format!("{} cannot hold a ledger: {}", folder.display(), refusal(&error)),
            format!(
                "{}, or put the ledger elsewhere (--ledger)",
                if folder.exists() { remedy(&error) } else { "make it" }
            ),
        ),
    }
    match Lock::peek_holder(&path, Utc::now()) {
        None => report.ok(CheckItem::Lock, "no run holds the ledger"),
        Some(holder) => report.not_ok(
            missing(CheckItem::Lock),
            format!("the ledger is in use by {holder}"),
            "wait until it has ended",
        ),
    }
    let ledger = reading.as_ref().map(|reading| &reading.ledger);
    match refuse_unmerged(&path, ledger) {
        Ok(()) => report.ok(CheckItem::Rescued, "none to merge"),
        Err(error) => report.not_ok(missing(CheckItem::Rescued), error.to_string(), ""),
    }
    reading.unwrap_or_default()
}

pub(super) fn try_known(
    context: &Context,
    plan: &Plan,
    (reading, share): (&LedgerRead, Option<Partition>),
    command_line: &CommandLine,
    report: &mut Checklist,
) {
    if trace_of(&context.ledger).is_some() {
        return; // it is said already
    }
    let own =
        plan.requests().iter().filter(|it| share.is_none_or(|share| share.holds(&it.request)));
    let search = TraceSearch {
        context,
        plan,
        selected: &own.map(|planned| planned.id).collect(),
        reading,
        share,
        output: None,
    };
    let Some(trace) = search.run() else { return };
    let advice = match trace.merge(&context.ledger, command_line) {
        Some(merge) => format!("take them over: {merge}"),
        None => {
            "put back the ledger that has them; if it is lost: monthend run with --existing adopt"
                .to_owned()
        }
    };
    let name = context.ledger.display();
    let message = format!("{name} lacks reports that exist: {trace}");
    if trace.is_meant {
        report.unknown(CheckItem::KnownReports, message, advice);
    } else {
        let lacking = (CheckItem::KnownReports, CheckFailure::Ledger);
        report.not_ok(lacking, message, advice);
    }
}

/// The folder of collected files, or where it would be made.
pub(super) fn try_output(context: &Context, report: &mut Checklist) {
    let output = context.output(None, &context.ledger);
    let there = existing(&output);
    let tried =
        if there.is_dir() { try_folder(&there) } else { Err(io::ErrorKind::NotADirectory.into()) };
    if let Err(error) = context.refuse_output_as_for_real(None) {
        let missing = (CheckItem::Output, CheckFailure::Usage);
        let advice = "name another folder in collect.output or --output";
        return report.not_ok(missing, error.text(), advice);
    }
    match tried {
        Ok(()) if there == output => {
            report.ok(CheckItem::Output, format!("{} can be written", output.display()));
        }
        Ok(()) => report.ok(CheckItem::Output, format!("{} can be made", output.display())),
        Err(error) => report.not_ok(
            (CheckItem::Output, CheckFailure::Usage),
            format!("{} cannot be written: {}", there.display(), refusal(&error)),
            format!("{}, or name another folder in collect.output or --output", remedy(&error)),
        ),
    }
}

pub(super) fn try_space(ledger: &Path, rows: usize, report: &mut Checklist) {
    let path = real_ledger(ledger).unwrap_or_else(|_| ledger.to_owned());
    match room_for(&path, rows) {
        Room::Short(shortage) => report.not_ok(
            (CheckItem::DiskSpace, CheckFailure::Ledger),
            shortage.to_string(),
            "make room",
        ),
        Room::Enough { free, needed } => report.ok(
            CheckItem::DiskSpace,
            format!(
                "{} left; the ledger needs at most {}, plus the size of the report files",
                size(free),
                size(needed)
            ),
        ),
        Room::Unknown => report.unknown(CheckItem::DiskSpace, "the system does not tell", ""),
    }
}

/// A run appends to the file before it puts a new one in its place.
fn appendable(path: &Path) -> io::Result<()> {
    refuse_mounted(path)?;
    OpenOptions::new().append(true).open(path).map(drop)
}
