//! `monthend status`

use std::path::Path;

use tracing::warn;

use super::{
    args::{StatusArgs, StatusFormat},
    error::CliError,
    exit::Exit,
};
use crate::{
    ledger::{Ledger, LedgerError, read_file, real_path, refuse_unmerged},
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
    warn_of_rescued(&args.ledger, Some(&reading.ledger));
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

/// Says where a rescued ledger holds what the one at `path` lacks: a command that only reads goes on.
pub(super) fn warn_of_rescued(path: &Path, ledger: Option<&Ledger>) {
    let known = real_path(path).and_then(|path| refuse_unmerged(&path, ledger));
    if let Err(e) = known {
        warn!("{e}");
    }
}
