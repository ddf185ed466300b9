use std::path::Path;

use chrono::Utc;
use tracing::warn;

use super::{
    args::{StatusArgs, SummaryFormat},
    command_line::{CommandLine, LEDGER},
    context::{RepairNote, ledger_of, real_ledger, tell_repairs},
    environment::variable,
    error::CliError,
    exit::Exit,
    gone::forgotten_of_history,
    results,
};
use crate::{
    ledger::{
        Ledger, LedgerError, Lock, Row, read_file, real_path, refuse_second_name, refuse_unmerged,
    },
    output::{
        LifeView, StatusView,
        history::{self, Read},
    },
    text::system_says,
};
use request::RequestId;

/// Reads only, without the lock.
pub(super) fn status(args: &StatusArgs, command_line: &CommandLine) -> Result<Exit, CliError> {
    let selection = args.selection()?;
    let path = ledger_of(args, selection.partition)?;
    let missing = || LedgerError::Missing(path.clone());
    let reading = read_file(&real_ledger(&path)?)?.ok_or_else(missing)?;
    tell_repairs(&path, &reading, RepairNote::Left);
    warn_where_refused(&path, Some(&reading.ledger));
    if let Some(trace) = forgotten_of_history(&path, &reading) {
        trace.warn(&path);
    }
    if let Some(request_id) = args.history {
        return history(args, &path, request_id, &reading.ledger);
    }
    let rows: Vec<&Row> = selection.rows_of(&reading.ledger)?;
    let has_doubts = rows.iter().any(|row| row.state.is_in_doubt());
    let mut view = StatusView::new(path.display().to_string(), rows);
    view.resolve = has_doubts.then(|| {
        let is_named = args.ledger.is_some() || variable("MONTHEND_MANIFEST").is_some();
        if is_named {
            command_line.next("resolve", LEDGER)
        } else {
            command_line.with("resolve", [path.display().to_string()])
        }
    });
    results::show(&view, args.format())?;
    Ok(Exit::Success)
}

fn history(
    args: &StatusArgs,
    path: &Path,
    request_id: RequestId,
    ledger: &Ledger,
) -> Result<Exit, CliError> {
    let format = args.life_format().ok_or(CliError::CsvOfLife)?;
    let Some(place) = ledger.place(request_id) else {
        return Err(CliError::Unresolvable(format!(
            "{request_id}: no such request in {}",
            path.display()
        )));
    };
    let known = history_of(&real_ledger(path)?);
    if known.unreadable > 0 {
        let (path, n) = (path.display(), known.unreadable);
        warn!("the history of {path}: lines that cannot be read and are left out: {n}");
    }
    let life = LifeView::new(ledger.row(place), &known.lines);
    match format {
        SummaryFormat::Table => results::table(&life.text())?,
        SummaryFormat::Json => results::json(life.json())?,
    }
    Ok(Exit::Success)
}

/// `ledger` is the real path. A history that cannot be read is a warning, and empty.
pub(super) fn history_of(ledger: &Path) -> Read {
    let path = history::path_of(ledger);
    history::read(&path).unwrap_or_else(|e| {
        warn!("the history {} cannot be read ({})", path.display(), system_says(&e));
        Read::default()
    })
}

/// A run goes on: counts are of this moment, and a row in doubt may be in flight.
pub(super) fn warn_of_run(ledger: &Path) {
    if let Some(holder) = Lock::peek_holder(ledger, Utc::now()) {
        warn!(
            "{} is in use by {holder}: rows that are `sending` may be in flight, and no command that writes works before it has ended",
            ledger.display()
        );
    }
}

/// A run would refuse the ledger at `path`, which has a second name or lacks what a rescued ledger holds. A command
/// that only reads goes on.
pub(super) fn warn_where_refused(path: &Path, ledger: Option<&Ledger>) {
    let known = real_path(path).and_then(|path| {
        refuse_second_name(&path)?;
        refuse_unmerged(&path, ledger)
    });
    if let Err(e) = known {
        warn!("{e}");
    }
}
