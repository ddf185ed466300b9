//! A ledger of an earlier month, to be compared with.

use std::path::{Path, PathBuf};

use super::{
    error::CliError,
    status::warn_of_rescued,
    target::{Then, real_ledger, tell_repairs},
};
use crate::ledger::{Ledger, LedgerError, read_file, refuse_mixing};

/// An earlier ledger, read without its lock.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) ledger: Ledger,
    /// Where its files lie.
    pub(super) folder: PathBuf,
}

impl Earlier {
    /// Reads the ledger at `path`. A rehearsal is compared with rehearsals only.
    ///
    /// # Errors
    /// It is not there, or no ledger, or of the other kind.
    pub(super) fn read(path: &Path, is_rehearsal: bool) -> Result<Self, CliError> {
        let real = real_ledger(path)?;
        let reading = read_file(&real)?.ok_or_else(|| LedgerError::Missing(path.to_owned()))?;
        refuse_mixing(path, Some(&reading.ledger), is_rehearsal)?;
        tell_repairs(path, &reading, Then::Past);
        warn_of_rescued(path, Some(&reading.ledger));
        Ok(Earlier {
            ledger: reading.ledger,
            folder: real.parent().unwrap_or(Path::new("")).to_owned(),
        })
    }
}
