//! What the disk means for a row's file.

use std::{
    io::{self, Read},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use super::{
    difference::{Difference, Kind},
    reports::is_complete,
    subject::Subject,
    sums::{Sums, sum_up},
};
use crate::{
    inventory::Held, ledger::Row, settings::Totals, text::hexadecimal, whole_file::open_regular,
};

/// What became of the file that a row names.
#[derive(Debug)]
pub(super) enum FileState {
    /// The row names none.
    None,
    /// It is not there, and what is instead.
    Missing(String),
    /// It is not what was collected, and why.
    Changed(String),
    /// It has the bytes that were collected; with its sums, or why it has none, where they are asked for.
    Unchanged(Option<Result<Sums, String>>),
}

/// Looks for the row's file in the ledger's `folder`, and reads it once to its end: for its hash, and for its sums.
pub(super) fn look(row: &Row, folder: &Path, totals: Option<&Totals>) -> FileState {
    let collected = &row.collected;
    if collected.file.is_empty() {
        return FileState::None;
    }
    let file = &collected.file;
    let cannot = |e: io::Error| FileState::Changed(format!("{file} cannot be read: {e}"));
    let input = match open_regular(&folder.join(file)) {
        Ok(input) => input,
        Err(e) => match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                return FileState::Missing(format!("{file} is not there"));
            }
            _ => return cannot(e),
        },
    };
    if input.metadata().is_ok_and(|found| found.is_dir()) {
        return FileState::Missing(format!("{file} is a folder"));
    }
    let mut input = Hashed {
        input,
        hash: Sha256::new(),
    };
    let sums = match totals.map(|totals| sum_up(&mut input, totals)).transpose() {
        Ok(sums) => sums,
        // Too wide or too long for a table, which says nothing of its bytes.
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Some(Err(e.to_string())),
        Err(e) => return cannot(e),
    };
    if let Err(e) = io::copy(&mut input, &mut io::sink()) {
        return cannot(e);
    }
    let found = hexadecimal(&input.hash.finalize());
    if collected.sha256.is_empty() {
        return FileState::Changed(format!("the ledger has no hash of {file}"));
    }
    match found.eq_ignore_ascii_case(&collected.sha256) {
        true => FileState::Unchanged(sums),
        false => FileState::Changed(format!(
            "{file} was changed: its SHA-256 is {found}, collected was {}",
            collected.sha256
        )),
    }
}

/// The difference of a row without a file, where there is a report to be had.
pub(super) fn not_collected(subject: &Subject<'_>, held: &Held) -> Option<Difference> {
    let why = subject.row.map_or("", |row| row.collected.error.as_str());
    let why = match why.is_empty() {
        true => String::new(),
        false => format!(" ({why})"),
    };
    let what = format!("its report is complete, and there is no file{why}");
    is_complete(held).then(|| subject.differs(Kind::NotCollected, &what))
}

/// Hashes what is read by the way.
struct Hashed<R> {
    input: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
