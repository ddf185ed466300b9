//! `monthend status`

use std::path::Path;

use tracing::warn;

use super::{
    args::{StatusArgs, StatusFormat},
    error::CliError,
    exit::Exit,
    target::{Then, ledger_of, real_ledger, tell_repairs},
};
use crate::{
    ledger::{Ledger, LedgerError, read_file, real_path, refuse_unmerged},
    output::{StatusView, console},
};

/// Counts a ledger's rows. Reads only, without the lock.
pub(super) fn status(args: &StatusArgs) -> Result<Exit, CliError> {
    let selection = args.selection()?;
    let path = ledger_of(args, selection.partition)?;
    let missing = || LedgerError::Missing(path.clone());
    let reading = read_file(&real_ledger(&path)?)?.ok_or_else(missing)?;
    tell_repairs(&path, &reading, Then::Left);
    warn_of_rescued(&path, Some(&reading.ledger));
    let selected = selection.of_ledger(&reading.ledger)?;
    let rows = reading
        .ledger
        .rows()
        .filter(|row| selected.contains(&row.key()));
    let view = StatusView::new(path.display().to_string(), rows);
    let text = match args.format() {
        StatusFormat::Table => view.table(),
        StatusFormat::Json => view.json().map_err(|e| CliError::Stdout(e.into()))?,
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
