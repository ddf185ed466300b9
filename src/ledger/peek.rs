//! Looks at a ledger without holding it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{LedgerError, LedgerRead, blocks::SIZE, read::read_from};
use crate::{
    files::{HashingReader, folder_of, open_regular},
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

/// Where to put what belongs next to the ledger, such as the lock. Fails for a link that leads nowhere.
pub fn real_ledger(path: &Path) -> Result<PathBuf, LedgerError> {
    if path.is_symlink() { real_path(path) } else { Ok(path.to_owned()) }
}

/// Takes no lock. `None` where there is no file.
pub fn read_file(path: &Path) -> Result<Option<LedgerRead>, LedgerError> {
    let file = open(path)?;
    file.map(|file| read_from(&file, len_of(&file), path, SIZE)).transpose()
}

/// As [`read_file`], with the SHA-256 of the bytes, in hexadecimal digits.
pub fn read_file_with_hash(path: &Path) -> Result<Option<(LedgerRead, String)>, LedgerError> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    let len = len_of(&file);
    let mut file = HashingReader::new(file);
    let reading = read_from(&mut file, len, path, SIZE)?;
    Ok(Some((reading, hexadecimal(&file.sha256()))))
}

pub(super) fn open(path: &Path) -> Result<Option<File>, LedgerError> {
    match open_regular(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            Err(LedgerError::NotALedger { path: path.to_owned(), why: e.to_string() })
        }
        Err(source) => {
            Err(LedgerError::Io { doing: "read the ledger", path: path.to_owned(), source })
        }
    }
}

/// About how many bytes a file has, to reserve room.
pub(super) fn len_of(file: &File) -> usize {
    let len = file.metadata().map_or(0, |found| found.len());
    usize::try_from(len).unwrap_or_default()
}
