//! Looks at a ledger without holding it.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{LedgerError, LedgerRead, read};
use crate::{
    files::{folder_of, open_regular},
    text::hexadecimal,
};

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

#[cfg(unix)]
fn names_of(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(file)
}

#[cfg(not(unix))]
fn names_of(_: &fs::Metadata) -> u64 {
    1 // not to be known there
}

/// Where to put what belongs beside the ledger, such as the lock. Fails for a link that leads nowhere.
pub fn real_ledger(path: &Path) -> Result<PathBuf, LedgerError> {
    if path.is_symlink() { real_path(path) } else { Ok(path.to_owned()) }
}

/// Takes no lock. `None` where there is no file.
pub fn read_file(path: &Path) -> Result<Option<LedgerRead>, LedgerError> {
    bytes_of(path)?.map(|bytes| read(&bytes, path)).transpose()
}

/// As [`read_file`], with the SHA-256 of the bytes, in hexadecimal digits.
pub fn read_file_with_hash(path: &Path) -> Result<Option<(LedgerRead, String)>, LedgerError> {
    let Some(bytes) = bytes_of(path)? else {
        return Ok(None);
    };
    Ok(Some((read(&bytes, path)?, hexadecimal(&Sha256::digest(&bytes)))))
}

/// `None` where there is no file.
pub(super) fn bytes_of(path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut bytes = Vec::new();
    let read = open_regular(path).and_then(|mut file| file.read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            Err(LedgerError::NotALedger { path: path.to_owned(), why: e.to_string() })
        }
        Err(source) => {
            Err(LedgerError::Io { doing: "read the ledger", path: path.to_owned(), source })
        }
    }
}
