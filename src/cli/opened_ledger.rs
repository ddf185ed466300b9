//! A ledger that is only read: that of a page, or an earlier one to compare with.

use std::path::{Path, PathBuf};

use super::{
    context::{RepairNote, real_ledger, tell_repairs},
    error::CliError,
    status::warn_where_refused,
};
use crate::{
    ledger::{Ledger, LedgerError, read_file_with_hash},
    whole_file::folder_of,
};
use request::ReportId;

/// A ledger, read without its lock.
#[derive(Debug)]
pub(super) struct OpenedLedger {
    pub(super) ledger: Ledger,
    /// Where it really lies. Absolute.
    pub(super) path: PathBuf,
    /// The folder in which it really lies. Its files are named from there.
    pub(super) folder: PathBuf,
    /// The SHA-256 of its bytes.
    pub(super) sha256: String,
}

impl OpenedLedger {
    /// Reads the ledger at `path`.
    ///
    /// # Errors
    /// It is not there, or no ledger.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let missing = || LedgerError::Missing(path.to_owned());
        let real = real_ledger(path)?;
        let (reading, sha256) = read_file_with_hash(&real)?.ok_or_else(missing)?;
        tell_repairs(path, &reading, RepairNote::Past);
        warn_where_refused(path, Some(&reading.ledger));
        let folder = folder_of(&real)
            .canonicalize()
            .map_err(|source| LedgerError::Io {
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

    /// As [`OpenedLedger::read`], to be compared with a rehearsal or with a real ledger.
    ///
    /// # Errors
    /// As there; or it is of the other kind.
    pub(super) fn to_compare_with(path: &Path, is_rehearsal: bool) -> Result<Self, CliError> {
        let earlier = OpenedLedger::read(path).map_err(|error| match error {
            CliError::Ledger(LedgerError::Missing(path)) => CliError::NoEarlier(path),
            error => error,
        })?;
        let is_other = |id: &ReportId| id.is_from_sandbox() != is_rehearsal;
        if earlier.ledger.report_ids().any(is_other) {
            return Err(CliError::Incomparable {
                path: path.to_owned(),
                holds: match is_rehearsal {
                    true => "a real server",
                    false => "the sandbox",
                },
            });
        }
        Ok(earlier)
    }
}
