//! A ledger that is only read: that of a page, or an earlier one to compare with.

use std::path::{Path, PathBuf};

use super::{
    context::{RepairNote, real_ledger, tell_repairs},
    error::CliError,
    status::warn_where_refused,
};
use crate::{
    files::folder_of,
    ledger::{Ledger, LedgerError, read_file_with_hash},
};
use request::ReportId;

/// Read without the lock.
#[derive(Debug)]
pub(super) struct OpenedLedger {
    pub(super) ledger: Ledger,
    /// Absolute; links are followed.
    pub(super) path: PathBuf,
    /// The folder of `path`. File paths are relative to it.
    pub(super) folder: PathBuf,
    /// Of its bytes.
    pub(super) sha256: String,
}

impl OpenedLedger {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let missing = || LedgerError::Missing(path.to_owned());
        let real = real_ledger(path)?;
        let (reading, sha256) = read_file_with_hash(&real)?.ok_or_else(missing)?;
        tell_repairs(path, &reading, RepairNote::Past);
        warn_where_refused(path, Some(&reading.ledger));
        let folder = folder_of(&real).canonicalize().map_err(|source| LedgerError::Io {
            doing: "find the folder of",
            path: path.to_owned(),
            source,
        })?;
        Ok(OpenedLedger {
            ledger: reading.ledger,
            path: folder.join(real.file_name().unwrap_or_default()),
            folder,
            sha256,
        })
    }

    /// Both are of rehearsals, or both are real.
    pub(super) fn to_compare_with(path: &Path, is_rehearsal: bool) -> Result<Self, CliError> {
        let earlier = OpenedLedger::read(path).map_err(|error| match error {
            CliError::Ledger(LedgerError::Missing(missing)) => CliError::NoEarlier(missing),
            other => other,
        })?;
        let is_other = |id: &ReportId| id.is_from_sandbox() != is_rehearsal;
        if earlier.ledger.report_ids().any(is_other) {
            return Err(CliError::Incomparable {
                path: path.to_owned(),
                holds: if is_rehearsal { "a real server" } else { "the sandbox" },
            });
        }
        Ok(earlier)
    }
}
