//! The lock next to the ledger, and what it remembers for the next process.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{LedgerError, disk::identity, file::names_of};
use crate::{
    files::{refuse_irregular, with_end, without_links},
    text::read_moment,
};

/// A wait that a server announced, kept so that the next process observes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub server: String,
    /// When it was announced, by the local clock.
    #[serde(default, deserialize_with = "read_moment")]
    pub since: DateTime<Utc>,
    /// By the local clock.
    #[serde(deserialize_with = "read_moment")]
    pub until: DateTime<Utc>,
}

impl Pause {
    /// The longest that a pause binds the next process: a server that asks for years blocks no ledger.
    pub const LONGEST: TimeDelta = TimeDelta::hours(24);

    /// The pause for a process that begins at `now`, at most [`Pause::LONGEST`]. If the clock was set back, nobody
    /// knows how much of it is over, so it begins again.
    fn seen_at(self, now: DateTime<Utc>) -> Self {
        let (since, wait) = if self.since > now {
            (now, self.until - self.since)
        } else if self.since == DateTime::<Utc>::default() {
            (now, self.until - now) // the file does not say when it was announced
        } else {
            (self.since, self.until - self.since)
        };
        Pause { until: since + wait.clamp(TimeDelta::zero(), Self::LONGEST), since, ..self }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct LockContents {
    holder: Option<Holder>,
    #[serde(default)]
    pauses: Vec<Pause>,
}

/// The lock on a ledger, `<ledger>.lock`. The operating system's lock counts, not the file, so a file that a killed
/// process left does not block.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    contents: LockContents,
}

impl Lock {
    pub fn path_of(ledger: &Path) -> PathBuf {
        with_end(ledger, ".lock")
    }

    /// Takes the lock at once or not at all.
    pub fn take(ledger: &Path, now: DateTime<Utc>) -> Result<Self, LedgerError> {
        let path = Self::path_of(ledger);
        let failed = LedgerError::io("make the lock", &path);
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let mut file = open(&path, &mut options).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LedgerError::InUse {
                        path: ledger.to_owned(),
                        holder: holder(&mut file, now),
                    });
                }
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            }
            // The last holder may have removed the file between our open and our lock.
            if !still_there(&file, &path) {
                continue;
            }
            if !is_ours(&mut file).map_err(failed)? {
                let why = "it is no lock of this program; move it away";
                return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, why)));
            }
            let mut lock =
                Lock { contents: read(&mut file).unwrap_or_default(), file, path: path.clone() };
            lock.contents.holder = Some(Holder { pid: std::process::id(), since: now });
            let pauses = lock.contents.pauses.drain(..).map(|pause| pause.seen_at(now));
            lock.contents.pauses = pauses.filter(|pause| pause.until > now).collect();
            lock.write().map_err(failed)?;
            return Ok(lock);
        }
    }

    /// For a command that only reads; makes no file.
    pub fn peek_holder(ledger: &Path, now: DateTime<Utc>) -> Option<Holder> {
        let mut file = open(&Self::path_of(ledger), OpenOptions::new().read(true)).ok()?;
        // A shared lock, released at once: two readers do not block each other.
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(holder(&mut file, now)),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    /// As [`Lock::pause`], for a command that only reads and so takes no lock.
    pub fn peek_pause(ledger: &Path, server: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut file = open(&Self::path_of(ledger), OpenOptions::new().read(true)).ok()?;
        let pauses = read(&mut file)?.pauses.into_iter().map(|pause| pause.seen_at(now));
        pauses.filter(|p| p.server == server).map(|p| p.until).max()
    }

    /// The end of the pause that `server` announced to an earlier process.
    pub fn pause(&self, server: &str) -> Option<DateTime<Utc>> {
        self.contents.pauses.iter().filter(|p| p.server == server).map(|p| p.until).max()
    }

    pub fn remember(&mut self, pause: Pause) -> io::Result<()> {
        if self.pause(&pause.server).is_some_and(|until| until >= pause.until) {
            return Ok(());
        }
        self.contents.pauses.retain(|p| p.server != pause.server);
        self.contents.pauses.push(pause);
        self.write()
    }

    /// Returns the end of the pause that `server` announced to an earlier process, and forgets it.
    pub fn forget_pause(&mut self, server: &str) -> io::Result<Option<DateTime<Utc>>> {
        let known = self.pause(server);
        self.contents.pauses.retain(|p| p.server != server);
        self.write().map(|()| known)
    }

    /// The file stays only where a pause still binds the next process.
    pub fn release(mut self, now: DateTime<Utc>) {
        self.contents.holder = None;
        self.contents.pauses.retain(|pause| pause.until > now);
        if !self.contents.pauses.is_empty() && self.write().is_ok() {
            return;
        }
        // Removed while it is still locked: see `take`.
        let _ = std::fs::remove_file(&self.path);
    }

    /// One write of the whole text, so that a reader sees the old or the new one.
    fn write(&mut self) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.contents)?;
        text.push(b'\n');
        let old = self.file.metadata()?.len();
        // Padding instead of truncating first: the file is never empty for a reader.
        while (text.len() as u64) < old {
            text.insert(text.len() - 1, b' ');
        }
        self.file.rewind()?;
        self.file.write_all(&text)?;
        self.file.sync_data()
    }
}

/// Follows no link and refuses a hard link of another file: it would be written over.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let odd = |what: &str| {
        let why = format!("it is {what}, and a lock is a file of its own; move it away");
        Err(io::Error::new(io::ErrorKind::InvalidInput, why))
    };
    if path.is_symlink() {
        return odd("a link");
    }
    without_links(options); // it may become one
    let file = options.open(path)?;
    let found = file.metadata()?;
    refuse_irregular(&found)?;
    if names_of(&found) > 1 {
        return odd("a hard link");
    }
    Ok(file)
}

/// Whether a file is a lock, or what a crash made of one: it is written over and deleted.
fn is_ours(file: &mut File) -> io::Result<bool> {
    const BEGINS: &[u8] = b"{\"holder\":";
    let mut start = Vec::new();
    file.rewind()?;
    file.take(4096).read_to_end(&mut start)?;
    let is_written = |byte: &u8| *byte != 0 && !byte.is_ascii_whitespace();
    let start = match start.iter().position(is_written) {
        Some(first) => &start[first..],
        None => return Ok(true),
    };
    Ok(start.starts_with(BEGINS) || BEGINS.starts_with(start))
}

fn read(file: &mut File) -> Option<LockContents> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(1 << 20).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn holder(file: &mut File, now: DateTime<Utc>) -> Holder {
    read(file).and_then(|contents| contents.holder).unwrap_or(Holder { pid: 0, since: now })
}

fn still_there(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(theirs)) => identity(&ours) == identity(&theirs),
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    #[serde(deserialize_with = "read_moment")]
    pub since: DateTime<Utc>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        match self.pid {
            0 => write!(f, "a process that the lock does not name"),
            pid => write!(f, "process {pid}, since {since}"),
        }
    }
}
