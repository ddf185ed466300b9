//! A ledger on the disk, read only or held.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::{
    Disk as _, FileDisk, Ledger, LedgerError, Lock, Reading, Saved, Tampered, read,
    refuse_unmerged, save,
};

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
    /// The bytes of `reading`.
    as_read: Option<Vec<u8>>,
}

/// Where the ledger at `path` really lies: a link and what it leads to are one ledger, with one lock. The file need
/// not be there yet.
///
/// # Errors
/// [`LedgerError::DeadLink`]: a new ledger in the link's place would know nothing of what was made.
pub fn real_path(path: &Path) -> Result<PathBuf, LedgerError> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(real),
        Err(_) if path.is_symlink() => Err(LedgerError::DeadLink(path.to_owned())),
        Err(_) => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
            match (folder, path.file_name()) {
                (Ok(folder), Some(name)) => Ok(folder.join(name)),
                _ => Ok(path.to_owned()),
            }
        }
    }
}

impl LedgerFile {
    /// Puts `ledger` in the file's place, the first time that this process writes. A file that is exactly this
    /// already is left alone.
    ///
    /// # Errors
    /// [`LedgerError::Tampered`] where someone else changed the file since it was read: it is left as it is, and what
    /// was read is saved beside it.
    pub async fn write(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let csv = ledger.to_csv();
        if fs::read(&self.path).is_ok_and(|held| held == csv) {
            return Ok(());
        }
        let Err(source) = self.disk.replace(csv).await else {
            return Ok(());
        };
        let path = self.path.clone();
        match source.get_ref().and_then(|e| e.downcast_ref::<Tampered>()) {
            None => Err(LedgerError::Io {
                doing: "write the ledger",
                path,
                source,
            }),
            Some(Tampered(what)) => {
                let known = self.as_read.as_deref().unwrap_or_default();
                let rows = read(known, &path).map(|reading| reading.ledger);
                let rows = rows.unwrap_or_default(); // it was read before
                let saved = match known.is_empty() {
                    true => Saved::Nothing,
                    false => save(&path, known, &rows, Utc::now()),
                };
                Err(LedgerError::Tampered { path, what, saved })
            }
        }
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

    /// Takes the lock and reads the file, to go on with it. The ledger is held for as long as the lock is.
    ///
    /// # Errors
    /// In use, unreadable, no ledger, or one that has to be united with what an earlier run rescued.
    pub fn hold(path: &Path, now: DateTime<Utc>) -> Result<(Self, Lock), LedgerError> {
        let (held, lock) = LedgerFile::take(path, now)?;
        let ledger = held.reading.as_ref().map(|reading| &reading.ledger);
        match refuse_unmerged(&held.path, ledger) {
            Ok(()) => Ok((held, lock)),
            Err(e) => {
                lock.release(now);
                Err(e)
            }
        }
    }

    /// As [`LedgerFile::hold`], also where a rescued ledger lies beside it: to unite them.
    ///
    /// # Errors
    /// In use, unreadable, or no ledger.
    pub fn take(path: &Path, now: DateTime<Utc>) -> Result<(Self, Lock), LedgerError> {
        let path = real_path(path)?;
        let lock = Lock::take(&path, now)?;
        let held = read_bytes(&path).and_then(|bytes| {
            let reading = bytes.as_ref().map(|bytes| read(bytes, &path)).transpose()?;
            Ok(LedgerFile {
                disk: FileDisk::new(path.clone(), bytes.as_deref()),
                path,
                reading,
                as_read: bytes,
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
