//! `monthend status`

use std::path::Path;

use tracing::warn;

use super::{
    args::{StatusArgs, StatusFormat},
    error::CliError,
    exit::Exit,
    target::{real_ledger, tell_repairs},
};
use crate::{
    history::{self, Read},
    ledger::{Ledger, LedgerError, read_file, real_path, refuse_unmerged},
    output::{LifeView, StatusView, console},
    request::RequestId,
};

/// Counts a ledger's rows. Reads only, without the lock.
pub(super) fn status(args: &StatusArgs) -> Result<Exit, CliError> {
    let missing = || LedgerError::Missing(args.ledger.clone());
    let reading = read_file(&real_ledger(&args.ledger)?)?.ok_or_else(missing)?;
    tell_repairs(&args.ledger, &reading.repairs, "; the next run repairs it");
    warn_of_rescued(&args.ledger, Some(&reading.ledger));
    if let Some(request_id) = args.history {
        return history(args, request_id, &reading.ledger);
    }
    let selected = args.selection.selection()?.of_ledger(&reading.ledger)?;
    let rows = reading
        .ledger
        .rows()
        .filter(|row| selected.contains(&row.key()));
    let view = StatusView::new(args.ledger.display().to_string(), rows);
    let text = match args.format() {
        StatusFormat::Table => view.table(),
        StatusFormat::Json => view.json().map_err(|e| CliError::Stdout(e.into()))?,
    };
    console::print(&text).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}

/// Tells one row's life.
fn history(args: &StatusArgs, request_id: RequestId, ledger: &Ledger) -> Result<Exit, CliError> {
    let Some(place) = ledger.place(request_id) else {
        return Err(CliError::Unresolvable(format!(
            "{request_id}: no such request in {}",
            args.ledger.display()
        )));
    };
    let path = history::beside(&real_ledger(&args.ledger)?);
    let known = history::read(&path).unwrap_or_else(|e| {
        warn!("the history {} cannot be read ({e})", path.display());
        Read::default()
    });
    if known.unreadable > 0 {
        let (path, n) = (path.display(), known.unreadable);
        warn!("{path}: lines that cannot be read and are left out: {n}");
    }
    let life = LifeView::new(ledger.row(place), &known.lines);
    let text = match args.format() {
        StatusFormat::Table => life.text(),
        StatusFormat::Json => life.json().map_err(|e| CliError::Stdout(e.into()))?,
    };
    console::print(&text).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}

/// Says where a rescued ledger holds what the one at `path` lacks: a command that only reads goes on.
pub(super) fn warn_of_rescued(path: &Path, ledger: Option<&Ledger>) {
    let known = real_path(path).and_then(|path| refuse_unmerged(&path, ledger));
    if let Err(e) = known {
        warn!("{e}");
    }
}
