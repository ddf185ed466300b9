//! `monthend status`

use tracing::warn;

use super::{
    args::{StatusArgs, StatusFormat},
    error::CliError,
    exit::Exit,
};
use crate::{
    ledger::{LedgerError, read_file},
    output::{StatusView, console},
};

/// Counts a ledger's rows. Reads only, without the lock.
pub(super) fn status(args: &StatusArgs) -> Result<Exit, CliError> {
    let reading =
        read_file(&args.ledger)?.ok_or_else(|| LedgerError::Missing(args.ledger.clone()))?;
    for repair in &reading.repairs {
        warn!(
            "{}: {repair}; the next run repairs it",
            args.ledger.display()
        );
    }
    let selected = args.selection.selection().of_ledger(&reading.ledger)?;
    let rows = reading
        .ledger
        .rows()
        .filter(|row| selected.contains(&row.id()));
    let view = StatusView::new(args.ledger.display().to_string(), rows);
    let text = match args.format {
        StatusFormat::Table => view.table(),
        StatusFormat::Json => view.json().map_err(|e| CliError::Stdout(e.into()))?,
    };
    console::print(&text).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}
