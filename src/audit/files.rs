use std::{
    io::{self, Read},
    path::Path,
};

use super::remedy::Remedy;
use crate::{
    files::{HashingReader, open_regular},
    ledger::{RecordedHashes, Row},
    text::{hexadecimal, one_line, system_says},
};

#[derive(Debug)]
pub(super) enum FileState<T> {
    /// The row names no file.
    None,
    /// How that is known, and what to do.
    Missing(String, Remedy),
    /// It has other bytes than those that were collected. `sha256` is theirs; empty: they cannot be read.
    Changed { what: String, remedy: Remedy, sha256: String },
    /// What was read of it.
    Unchanged(T),
}

#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    pub folder: &'a Path,
    pub recorded: &'a RecordedHashes,
    /// Whether the month is closed, so that no command may displace a file.
    pub is_closed: bool,
}

impl Files<'_> {
    /// Reads the collected file of a row, once and to its end, whatever `read` leaves of it. What `read` gives counts only
    /// where the bytes are those that were collected.
    pub(super) fn read<T>(
        &self,
        row: &Row,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> FileState<T> {
        let mut state = self.state(row, read);
        if let FileState::Missing(_, remedy) | FileState::Changed { remedy, .. } = &mut state
            && self.is_closed
        {
            *remedy = remedy.once_closed();
        }
        state
    }

    fn state<T>(
        &self,
        row: &Row,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> FileState<T> {
        let collected = &row.collected;
        if collected.file.is_empty() {
            return FileState::None;
        }
        let file = one_line(&collected.file);
        let unreadable = |e: io::Error| {
            let what = format!("{file} cannot be read ({})", system_says(&e));
            FileState::Changed { what, remedy: Remedy::LET_IT_BE_READ, sha256: String::new() }
        };
        let path = self.folder.join(&collected.file);
        if path.is_dir() {
            let what = format!("a folder is in the place of {file}");
            return FileState::Missing(what, Remedy::MoveAndCollect);
        }
        let opened = match open_regular(&path) {
            Ok(opened) => opened,
            Err(e) => match e.kind() {
                io::ErrorKind::NotFound if path.is_symlink() => {
                    let what = format!("a link that leads nowhere is in the place of {file}");
                    return FileState::Missing(what, Remedy::Overwrite);
                }
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    return FileState::Missing(format!("{file} is not there"), Remedy::Collect);
                }
                io::ErrorKind::InvalidInput => {
                    let what = format!("what is no file is in the place of {file}");
                    return FileState::Missing(what, Remedy::MoveAndCollect);
                }
                _ => return unreadable(e),
            },
        };
        let mut input = HashingReader::new(opened);
        let contents = match read(&mut input) {
            Ok(contents) => contents,
            Err(e) => return unreadable(e),
        };
        let found = match input.read_all() {
            Ok(whole) => hexadecimal(&whole.sha256()),
            Err(e) => return unreadable(e),
        };
        let known = &collected.sha256;
        let recorded = self.recorded.get(&row.id());
        if !known.is_empty() && collected.is_file(&found, recorded) {
            return FileState::Unchanged(contents);
        }
        let (what, remedy) = match recorded {
            _ if known.is_empty() => {
                (format!("the ledger has no hash of {file}"), Remedy::Overwrite)
            }
            Some(recorded) if collected.is_file(&found, None) => {
                let what = format!(
                    "{file} was collected with the SHA-256 {recorded}, as the history says, and the ledger has {known}"
                );
                (what, Remedy::MoveAndCollect)
            }
            _ => {
                let what = format!(
                    "{file} was changed: its SHA-256 is {found}, that of the ledger is {known}"
                );
                (what, Remedy::Overwrite)
            }
        };
        FileState::Changed { what, remedy, sha256: found }
    }
}
