//! The state file: JSON lines, locked while a sandbox uses it. A torn last line is about nothing that a client knows.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::model::Record;

/// The first line; it only identifies the file.
const FIRST_LINE: &[u8] = b"{\"record\":\"sandbox\",\"version\":1}\n";

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another sandbox has it open.
    #[error("the sandbox state {} is in use by another sandbox; stop that one or name another file", .0.display())]
    InUse(PathBuf),
    /// It cannot be opened, read or repaired.
    #[error("the sandbox state {} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A line that no sandbox of this version wrote.
    #[error("the sandbox state {} makes no sense in line {line}; name another file, or delete this one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with the line.
        #[source]
        source: Nonsense,
    },
}

pub(super) type Nonsense = Box<dyn std::error::Error + Send + Sync>;

/// Returns the length of all whole lines, in bytes. `path` is for messages.
pub(super) fn records(
    path: &Path,
    bytes: &[u8],
    mut replay: impl FnMut(Record) -> Result<(), Nonsense>,
) -> Result<usize, StateError> {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let damaged = |line, source| StateError::Damaged { path: path.to_owned(), line, source };
    if !bytes.starts_with(FIRST_LINE) && !FIRST_LINE.starts_with(bytes) {
        return Err(damaged(1, "not the state of a sandbox of this version".into()));
    }
    for (index, line) in bytes[..whole].split_inclusive(|b| *b == b'\n').enumerate().skip(1) {
        (serde_json::from_slice(line).map_err(Nonsense::from))
            .and_then(&mut replay)
            .map_err(|source| damaged(index + 1, source))?;
    }
    Ok(whole)
}

/// A state that holds `records`. These values cannot fail; the error type is the JSON writer's.
pub(super) fn text_of(records: impl Iterator<Item = Record>) -> serde_json::Result<Vec<u8>> {
    let mut text = FIRST_LINE.to_vec();
    for record in records {
        serde_json::to_writer(&mut text, &record)?;
        text.push(b'\n');
    }
    Ok(text)
}

#[derive(Debug)]
pub(super) enum Journal {
    Forgetful,
    Open(StateFile),
    Closed,
}

#[derive(Debug)]
pub(super) struct StateFile {
    file: File,
    len: u64,
}

impl Journal {
    /// A record that `replay` refuses is damage.
    pub(super) fn open(
        path: &Path,
        replay: impl FnMut(Record) -> Result<(), Nonsense>,
    ) -> Result<Self, StateError> {
        let failed = |source| StateError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // Opening a pipe would block until its other end is opened.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let why = "it is not a regular file";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        // What only reads works in a folder that cannot be written; a create fails there.
        let is_read_only = |e: &io::Error| {
            matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
        };
        let opened = options.open(path);
        let opened = opened.or_else(|e| if is_read_only(&e) { File::open(path) } else { Err(e) });
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = records(path, &bytes, replay)?;
        let mut state = StateFile { file, len: whole as u64 };
        if whole < bytes.len() {
            state.drop_torn_line().map_err(failed)?;
        }
        if whole == 0 {
            state.append(FIRST_LINE).map_err(failed)?;
        }
        Ok(Journal::Open(state))
    }

    /// When this returns, the next process will see the record.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Journal::Forgetful => Ok(()),
            Journal::Open(file) => {
                let mut line = serde_json::to_vec(record)?;
                line.push(b'\n');
                file.append(&line)
            }
            Journal::Closed => Err(io::Error::other("the sandbox has stopped")),
        }
    }
}

impl StateFile {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(line) {
            self.drop_torn_line()?;
            return Err(error);
        }
        self.len += line.len() as u64;
        Ok(())
    }

    fn drop_torn_line(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.seek(SeekFrom::Start(self.len)).map(|_| ())
    }
}

/// A child process holds its parent's files for a moment, so the lock would outlast this handle.
impl Drop for StateFile {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Endpoint;

    fn record(number: u64) -> Record {
        Record::Tried {
            endpoint: Endpoint::Create,
            key: format!("request {number}\nwith \"quotes\""),
        }
    }

    fn read(path: &Path) -> Result<(Journal, Vec<Record>), StateError> {
        let mut records = Vec::new();
        let journal = Journal::open(path, |record| {
            records.push(record);
            Ok(())
        })?;
        Ok((journal, records))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_cut_loses_the_torn_line_only(share in 0.0f64..=1.0) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state");
            let (mut journal, _) = read(&path).unwrap();
            for number in 0..5 {
                journal.append(&record(number)).unwrap();
            }
            drop(journal);
            let bytes = std::fs::read(&path).unwrap();
            let cut = (bytes.len() as f64 * share) as usize;
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();

            let (mut journal, records) = read(&path).unwrap();
            let expected: Vec<_> = (0..whole.saturating_sub(1) as u64).map(record).collect();
            prop_assert_eq!(&records, &expected);
            journal.append(&record(9)).unwrap();
            drop(journal);
            let (_, again) = read(&path).unwrap();
            prop_assert_eq!(again.len(), expected.len() + 1);
        }
    }

    #[test]
    fn damage_inside_and_strange_files_are_refused_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        for (text, bad) in [
            ("hello\n", 1),
            ("{\"record\":\"sandbox\",\"version\":1}\n{oops\n{}\n", 2),
            ("{\"record\":\"sandbox\",\"version\":9}\n", 1),
        ] {
            std::fs::write(&path, text).unwrap();
            match read(&path) {
                Err(StateError::Damaged { line, .. }) => assert_eq!(line, bad, "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn one_sandbox_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let held = read(&path).unwrap();
        assert!(matches!(read(&path), Err(StateError::InUse(_))));
        drop(held);
        assert!(read(&path).is_ok());
    }
}
