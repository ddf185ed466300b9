//! A ledger on the disk, read only or held.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::{FileDisk, LedgerError, Lock, Reading, read};

/// Reads the ledger at `path`, without a lock. `None` where there is no file.
///
/// # Errors
/// The file cannot be read or is no ledger.
pub fn read_file(path: &Path) -> Result<Option<Reading>, LedgerError> {
    match fs::read(path) {
        Ok(bytes) => read(&bytes, path).map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LedgerError::Io {
            doing: "read the ledger",
            path: path.to_owned(),
            source,
        }),
    }
}

/// A ledger that this process holds: nobody else may run on it.
#[derive(Debug)]
pub struct LedgerFile {
    /// Where it lies; a symbolic link has been followed, so that a rewrite does not replace the link.
    pub path: PathBuf,
    /// The lock beside it.
    pub lock: Lock,
    /// What the file held; `None` where it is new.
    pub reading: Option<Reading>,
    /// The file, for the journal.
    pub disk: FileDisk,
}

impl LedgerFile {
    /// Takes the lock and reads the file.
    ///
    /// # Errors
    /// In use, unreadable, or no ledger.
    pub fn hold(path: &Path, now: DateTime<Utc>) -> Result<Self, LedgerError> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let lock = Lock::take(&path, now)?;
        match read_file(&path) {
            Ok(reading) => Ok(LedgerFile {
                disk: FileDisk::new(path.clone()),
                path,
                lock,
                reading,
            }),
            Err(e) => {
                lock.release(now);
                Err(e)
            }
        }
    }
}
