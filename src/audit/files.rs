use std::{io, path::Path};

use super::{
    remedy::Remedy,
    sums::{Sums, sum_up},
};
use crate::{
    files::{HashingReader, open_regular},
    ledger::{RecordedHashes, Row},
    manifest::Totals,
    text::{hexadecimal, one_line, system_says},
};

#[derive(Debug)]
pub(super) enum FileState {
    None,
    /// How that is known, and what to do.
    Missing(String, Remedy),
    Changed(String, Remedy),
    /// With its sums, or why it has none, if they are asked for.
    Unchanged(Option<Result<Sums, String>>),
}

#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    pub folder: &'a Path,
    pub recorded: &'a RecordedHashes,
}

impl Files<'_> {
    pub(super) fn look(&self, row: &Row, totals: Option<&Totals>) -> FileState {
        let collected = &row.collected;
        if collected.file.is_empty() {
            return FileState::None;
        }
        let file = one_line(&collected.file);
        let unreadable = |e: io::Error| {
            let advice = "let it be read, or move it away and collect it again";
            FileState::Changed(
                format!("{file} cannot be read ({})", system_says(&e)),
                Remedy::Look(advice),
            )
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
        let sums = match totals.map(|totals| sum_up(&mut input, totals)).transpose() {
            Ok(sums) => sums,
            // Too wide or too long for a table, but its bytes may be unchanged.
            Err(e) if e.kind() == io::ErrorKind::InvalidData => Some(Err(e.to_string())),
            Err(e) => return unreadable(e),
        };
        let found = match input.read_all() {
            Ok(read) => hexadecimal(&read.sha256()),
            Err(e) => return unreadable(e),
        };
        let known = &collected.sha256;
        if known.is_empty() {
            let what = format!("the ledger has no hash of {file}");
            return FileState::Changed(what, Remedy::Overwrite);
        }
        let recorded = self.recorded.get(&row.id());
        if collected.is_file(&found, recorded) {
            return FileState::Unchanged(sums);
        }
        match recorded {
            Some(recorded) if collected.is_file(&found, None) => {
                let what = format!(
                    "{file} was collected with the SHA-256 {recorded}, as the history says, and the ledger has {known}"
                );
                FileState::Changed(what, Remedy::MoveAndCollect)
            }
            _ => {
                let what = format!(
                    "{file} was changed: its SHA-256 is {found}, that of the ledger is {known}"
                );
                FileState::Changed(what, Remedy::Overwrite)
            }
        }
    }
}
