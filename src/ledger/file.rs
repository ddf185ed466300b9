use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::{
    Disk as _, FileDisk, Ledger, LedgerError, LedgerRead, Lock, RescueResult, Row, Tampered,
    blocks::SIZE,
    peek::{len_of, open, real_path, refuse_second_name},
    read::{read, read_from},
    refuse_unmerged, save,
};
use crate::files::{HashingReader, folder_of, refuse_mounted, try_folder};
use request::OrgId;

/// A ledger that this process has locked.
#[derive(Debug)]
pub struct LedgerFile {
    /// A symbolic link has been followed, so that a rewrite does not replace the link.
    pub path: PathBuf,
    pub reading: Option<LedgerRead>,
    pub disk: FileDisk,
    /// The bytes of `reading`, until the file is written.
    as_read: RefCell<Option<Vec<u8>>>,
}

impl LedgerFile {
    /// Replaces the file at the first write, unless it is exactly `ledger`. Where someone else changed it since it was
    /// read, it stays, and what was read is saved next to it.
    pub async fn write(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), LedgerError> {
        if self.disk.holds(ledger.chunks()).unwrap_or(false) {
            self.as_read.take();
            return Ok(());
        }
        let Err(source) = self.disk.replace_with(&mut ledger.chunks()).await else {
            self.as_read.take();
            return Ok(());
        };
        let path = self.path.clone();
        match source.get_ref().and_then(|e| e.downcast_ref::<Tampered>()) {
            None => Err(LedgerError::Io { doing: "write the ledger", path, source }),
            Some(Tampered(what)) => {
                let known = self.as_read.take().unwrap_or_default();
                let rows = read(&known, &path).map(|reading| reading.ledger);
                let rows = rows.unwrap_or_default(); // it was read before
                let saved = if known.is_empty() {
                    RescueResult::Nothing
                } else {
                    save(&path, &known, &rows, now)
                };
                Err(LedgerError::Tampered { path, what, saved })
            }
        }
    }

    /// Checks before the first line is appended that the file can be replaced at the end.
    pub fn try_folder(&self) -> Result<(), LedgerError> {
        try_folder(folder_of(&self.path)).map_err(|source| LedgerError::Io {
            doing: "replace the ledger",
            path: self.path.clone(),
            source,
        })
    }

    /// Refuses to mix reports of the sandbox with those of a real server.
    pub fn refuse_mixing(&self, is_rehearsal: bool) -> Result<(), LedgerError> {
        let ledger = self.reading.as_ref().map(|reading| &reading.ledger);
        refuse_mixing(&self.path, ledger, is_rehearsal)
    }

    /// Takes the lock and reads the file. A rescued ledger has to be merged first.
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

    /// As [`LedgerFile::hold`], but for merging: a rescued ledger may lie next to it.
    pub fn take(path: &Path, now: DateTime<Utc>) -> Result<(Self, Lock), LedgerError> {
        let path = real_path(path)?;
        refuse_mounted(&path).map_err(|source| LedgerError::Io {
            doing: "write the ledger",
            path: path.clone(),
            source,
        })?;
        let lock = Lock::take(&path, now)?;
        match LedgerFile::read(path) {
            Ok(held) => Ok((held, lock)),
            Err(e) => {
                lock.release(now);
                Err(e)
            }
        }
    }

    /// Reads the file at `path`, which nobody else may write.
    fn read(path: PathBuf) -> Result<Self, LedgerError> {
        let Some(file) = open(&path)? else {
            return Ok(LedgerFile {
                disk: FileDisk::new(path.clone(), None),
                path,
                reading: None,
                as_read: RefCell::default(),
            });
        };
        refuse_second_name(&path)?;
        let len = len_of(&file);
        let mut file = Kept { source: HashingReader::new(file), bytes: Vec::with_capacity(len) };
        let reading = read_from(&mut file, len, &path, SIZE)?;
        Ok(LedgerFile {
            disk: FileDisk::of(path.clone(), Some(file.source.digest())),
            path,
            reading: Some(reading),
            as_read: RefCell::new(Some(file.bytes)),
        })
    }
}

struct Kept<R> {
    source: R,
    bytes: Vec<u8>,
}

impl<R: io::Read> io::Read for Kept<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.bytes.extend_from_slice(&into[..read]);
        Ok(read)
    }
}

/// Refuses to mix reports of the sandbox with those of a real server; `ledger` is what the file at `path` holds.
pub fn refuse_mixing(
    path: &Path,
    ledger: Option<&Ledger>,
    is_rehearsal: bool,
) -> Result<(), LedgerError> {
    let mut ids = ledger.into_iter().flat_map(Ledger::report_ids);
    let mut rows = ledger.into_iter().flat_map(Ledger::rows);
    let (held, wanted) = if is_rehearsal {
        ("reports of a real server", "the sandbox")
    } else {
        ("reports of the sandbox", "a real server")
    };
    if ids.any(|id| id.is_from_sandbox() != is_rehearsal) {
        return Err(LedgerError::Rehearsal { path: path.to_owned(), held, wanted });
    }
    // A rehearsal that created nothing has left only these.
    let is_nobody =
        |row: &Row| (row.request().sub_partner.as_ref()).is_some_and(OrgId::is_from_sandbox);
    if !is_rehearsal && rows.any(is_nobody) {
        return Err(LedgerError::Rehearsal {
            path: path.to_owned(),
            held: "sub-partners of the sandbox",
            wanted,
        });
    }
    Ok(())
}
