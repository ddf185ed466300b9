//! The file of a ledger: found, read, and held by this process.

use std::{
    cell::RefCell,
    fs::{self, Metadata},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::{
    Disk as _, FileDisk, Ledger, LedgerError, LedgerRead, Lock, RescueResult, Row, Tampered, read,
    refuse_unmerged, save,
};
use crate::{
    files::{folder_of, open_regular, refuse_mounted, try_folder},
    text::hexadecimal,
};
use request::OrgId;

/// Follows a link; the file need not exist yet. A link that leads nowhere is an error: a new ledger in its place would
/// forget what was created.
pub fn real_path(path: &Path) -> Result<PathBuf, LedgerError> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(real),
        Err(_) if path.is_symlink() => Err(LedgerError::DeadLink {
            path: path.to_owned(),
            target: fs::read_link(path).unwrap_or_default(), // seen just now
        }),
        Err(_) => {
            let folder = fs::canonicalize(folder_of(path));
            match (folder, path.file_name()) {
                (Ok(folder), Some(name)) => Ok(folder.join(name)),
                _ => Ok(path.to_owned()),
            }
        }
    }
}

/// Refuses a file with hard links: replacing it under one name would make two ledgers of it.
pub fn refuse_second_name(path: &Path) -> Result<(), LedgerError> {
    match fs::metadata(path).map_or(1, |found| names_of(&found)) {
        0 | 1 => Ok(()),
        names => Err(LedgerError::SecondName { path: path.to_owned(), names }),
    }
}

pub(super) fn names_of(found: &Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(found);
    #[cfg(not(unix))]
    return 1; // not to be known there
}

/// Where to put what belongs next to the ledger, such as the lock. Fails for a link that leads nowhere.
pub fn real_ledger(path: &Path) -> Result<PathBuf, LedgerError> {
    if path.is_symlink() { real_path(path) } else { Ok(path.to_owned()) }
}

/// Takes no lock. `None` where there is no file.
pub fn read_file(path: &Path) -> Result<Option<LedgerRead>, LedgerError> {
    bytes_of(path)?.map(|bytes| read(&bytes, path)).transpose()
}

/// As [`read_file`], with the SHA-256 of the bytes, in hexadecimal digits.
pub fn read_file_with_hash(path: &Path) -> Result<Option<(LedgerRead, String)>, LedgerError> {
    let hashed = |bytes: Vec<u8>| Ok((read(&bytes, path)?, hexadecimal(&Sha256::digest(&bytes))));
    bytes_of(path)?.map(hashed).transpose()
}

/// `None` where there is no file.
fn bytes_of(path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut bytes = Vec::new();
    let read = open_regular(path).and_then(|mut file| file.read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            Err(LedgerError::NotALedger { path: path.to_owned(), why: e.to_string() })
        }
        Err(e) => Err(LedgerError::io("read the ledger", path)(e)),
    }
}

/// A ledger that this process has locked.
#[derive(Debug)]
pub struct LedgerFile {
    /// A symbolic link has been followed, so that a rewrite does not replace the link.
    pub path: PathBuf,
    pub reading: Option<LedgerRead>,
    pub disk: FileDisk,
    /// The bytes of `reading`, until the file is written.
    as_read: RefCell<Vec<u8>>,
}

impl LedgerFile {
    /// Replaces the file at the first write, unless it is exactly `ledger`. Where someone else changed it since it was
    /// read, it stays, and what was read is saved next to it.
    pub async fn write(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let is_same = self.disk.holds(ledger.lines()).unwrap_or(false);
        let written = if is_same { Ok(()) } else { self.disk.replace(ledger.to_csv()).await };
        let Err(source) = written else {
            self.as_read.take();
            return Ok(());
        };
        let path = self.path.clone();
        match source.get_ref().and_then(|e| e.downcast_ref::<Tampered>()) {
            None => Err(LedgerError::Io { doing: "write the ledger", path, source }),
            Some(Tampered(what)) => {
                let known = self.as_read.take();
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
        try_folder(folder_of(&self.path)).map_err(LedgerError::io("replace the ledger", &self.path))
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
        let checked = refuse_unmerged(&held.path, ledger);
        or_release(checked.map(|()| held), lock, now)
    }

    /// As [`LedgerFile::hold`], but for merging: a rescued ledger may lie next to it.
    pub fn take(path: &Path, now: DateTime<Utc>) -> Result<(Self, Lock), LedgerError> {
        let path = real_path(path)?;
        refuse_mounted(&path).map_err(LedgerError::io("write the ledger", &path))?;
        let lock = Lock::take(&path, now)?;
        or_release(LedgerFile::read(path), lock, now)
    }

    /// Reads the file at `path`, which nobody else may write.
    fn read(path: PathBuf) -> Result<Self, LedgerError> {
        let bytes = bytes_of(&path)?;
        let disk = FileDisk::new(path.clone(), bytes.as_deref());
        if bytes.is_some() {
            refuse_second_name(&path)?;
        }
        let reading = bytes.as_ref().map(|bytes| read(bytes, &path)).transpose()?;
        let as_read = RefCell::new(bytes.unwrap_or_default());
        Ok(LedgerFile { path, reading, disk, as_read })
    }
}

fn or_release(
    file: Result<LedgerFile, LedgerError>,
    lock: Lock,
    now: DateTime<Utc>,
) -> Result<(LedgerFile, Lock), LedgerError> {
    match file {
        Ok(file) => Ok((file, lock)),
        Err(e) => {
            lock.release(now);
            Err(e)
        }
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
