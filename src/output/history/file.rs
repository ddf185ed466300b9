//! The file of a history.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::HistoryLine;
use crate::files::{companion, open_regular, refuse_irregular, without_links};

/// `ledger` is the ledger itself, not a link to it.
pub fn path_of(ledger: &Path) -> PathBuf {
    companion(ledger, "history.jsonl")
}

/// Appends whole `lines`, which begin on a line of their own behind one that a crash has torn. After an error a part of
/// `lines` may be there.
pub fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    refuse_foreign(path)?;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    without_links(&mut options);
    let mut file = options.open(path)?;
    refuse_irregular(&file.metadata()?)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines)
}

/// No other file is added to or replaced, and no link is followed; nothing at `path` is fine.
pub fn refuse_foreign(path: &Path) -> io::Result<()> {
    const BEGINS: &[u8] = b"{\"at\":";
    let odd = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if path.is_symlink() {
        return odd("it is a link, and a history is a file of its own; move it away");
    }
    let mut start = Vec::new();
    match open_regular(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?.take(64 * 1024).read_to_end(&mut start)?,
    };
    // A crash may have torn or zeroed lines.
    let is_empty = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let mut lines = start.split(|byte| matches!(byte, 0 | b'\n'));
    if start.iter().all(is_empty) || lines.any(|line| line.starts_with(BEGINS)) {
        Ok(())
    } else {
        odd("it is no history of a ledger; move it away")
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// In the order of the file.
    pub lines: Vec<HistoryLine>,
    /// Torn, or of a kind that this version does not know.
    pub unreadable: usize,
}

/// A missing file is empty.
pub fn read(path: &Path) -> io::Result<Read> {
    let mut history = Read::default();
    for line in lines(path)? {
        match serde_json::from_str(&line) {
            Ok(line) => history.lines.push(line),
            Err(_) => history.unreadable += 1,
        }
    }
    Ok(history)
}

/// As they stand, without empty ones. What is not UTF-8 is shown as such.
fn lines(path: &Path) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    match open_regular(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?.read_to_end(&mut bytes)?,
    };
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| String::from_utf8_lossy(line.trim_ascii()).into_owned());
    Ok(lines.filter(|line| !line.is_empty()).collect())
}

/// All that a merge needs of a line: kinds of later versions are kept as they are.
#[derive(Deserialize)]
struct Stamp {
    at: DateTime<Utc>,
}

/// The lines of all histories, each once, in order of time, without torn ones; `None` where there is none. Merging the
/// result again changes nothing.
pub fn merge(paths: &[PathBuf]) -> Result<Option<Vec<u8>>, (PathBuf, io::Error)> {
    let mut merged = BTreeSet::new();
    for path in paths {
        let lines_of_one = lines(path).map_err(|e| (path.clone(), e))?;
        merged.extend(lines_of_one.into_iter().filter_map(|line| {
            let stamp: Stamp = serde_json::from_str(&line).ok()?;
            Some((stamp.at, line))
        }));
    }
    let lines: String = merged.iter().map(|(_, line)| format!("{line}\n")).collect();
    Ok((!lines.is_empty()).then(|| lines.into_bytes()))
}
