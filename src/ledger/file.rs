//! A ledger on the disk, read only or held.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::{FileDisk, Ledger, LedgerError, Lock, Reading, read};

/// Reads the ledger at `path`, without a lock. `None` where there is no file.
///
/// # Errors
/// The file cannot be read or is no ledger.
pub fn read_file(path: &Path) -> Result<Option<Reading>, LedgerError> {
    let bytes = read_bytes(path)?;
    bytes.map(|bytes| read(&bytes, path)).transpose()
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
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
    /// What the file held; `None` where it is new.
    pub reading: Option<Reading>,
    /// The file, for the journal.
    pub disk: FileDisk,
}

impl LedgerFile {
    /// Whether the file is exactly this.
    pub fn holds(&self, contents: &[u8]) -> bool {
        fs::read(&self.path).is_ok_and(|held| held == contents)
    }

    /// Refuses to mix reports of the sandbox with those of a real server.
    ///
    /// # Errors
    /// [`LedgerError::Rehearsal`].
    pub fn refuse_mixing(&self, is_rehearsal: bool) -> Result<(), LedgerError> {
        let ledger = self.reading.as_ref().map(|reading| &reading.ledger);
        let mut ids = ledger.into_iter().flat_map(Ledger::report_ids);
        let (held, wanted) = match is_rehearsal {
            false => ("reports of the sandbox", "a real server"),
            true => ("reports of a real server", "the sandbox"),
        };
        if ids.any(|id| id.is_from_sandbox() != is_rehearsal) {
            return Err(LedgerError::Rehearsal {
                path: self.path.clone(),
                held,
                wanted,
            });
        }
        Ok(())
    }

    /// Takes the lock and reads the file. The ledger is held for as long as the lock is.
    ///
    /// # Errors
    /// In use, unreadable, or no ledger.
    pub fn hold(path: &Path, now: DateTime<Utc>) -> Result<(Self, Lock), LedgerError> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let lock = Lock::take(&path, now)?;
        let held = read_bytes(&path).and_then(|bytes| {
            let reading = bytes.as_ref().map(|bytes| read(bytes, &path)).transpose()?;
            Ok(LedgerFile {
                disk: FileDisk::new(path.clone(), bytes.as_deref()),
                path,
                reading,
            })
        });
        match held {
            Ok(held) => Ok((held, lock)),
            Err(e) => {
                lock.release(now);
                Err(e)
            }
        }
    }
}
