//! The ledger's file as the journal sees it.

use std::{
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hasher as _},
    io::{self, Write as _},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

use crate::whole_file;

/// Durable storage of one file: the seam at which a simulated disk takes the file system's place.
#[expect(
    async_fn_in_trait,
    reason = "driven on one thread, never as a trait object"
)]
pub trait Disk {
    /// Puts `contents` in the file's place, whole or not at all, and durably: after a crash either the old
    /// file or the new one is there.
    async fn replace(&self, contents: Vec<u8>) -> io::Result<()>;

    /// Writes `bytes` at the file's end, in one piece. Not durable before [`Disk::sync`].
    ///
    /// After an error nothing of `bytes` counts as written, and the next append goes to where this one began.
    async fn append(&self, bytes: Vec<u8>) -> io::Result<()>;

    /// Makes everything appended so far durable.
    async fn sync(&self) -> io::Result<()>;
}

/// A real file.
#[derive(Debug, Clone)]
pub struct FileDisk(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    known: Known,
    /// Open for appending from the first line on.
    file: Option<File>,
}

/// What the file was when we last read or wrote it. Whoever changes it meanwhile is noticed by this.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// There was none.
    Absent,
    /// It was read: its bytes are compared, since nothing else is certain about what others write.
    Read { hash: u64 },
    /// We wrote it.
    Written(Trace),
}

/// What a write of anybody's changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trace {
    len: u64,
    modified: Option<SystemTime>,
    /// Device and number, where files have them.
    identity: Option<(u64, u64)>,
}

impl Trace {
    fn of(metadata: &fs::Metadata) -> Self {
        Trace {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(metadata),
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Option<(u64, u64)> {
    None // an open file cannot be replaced there
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

impl FileDisk {
    /// The file at `path`, which held `contents` when it was read, or was not there.
    pub fn new(path: PathBuf, contents: Option<&[u8]>) -> Self {
        let known = contents.map_or(Known::Absent, |bytes| Known::Read { hash: hash(bytes) });
        FileDisk(Arc::new(Mutex::new(Inner {
            path,
            known,
            file: None,
        })))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&mut lock(&inner)))
            .await
            .map_err(io::Error::other)?
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Disk for FileDisk {
    async fn replace(&self, contents: Vec<u8>) -> io::Result<()> {
        self.run(move |inner| {
            inner.unchanged()?;
            inner.file = None;
            whole_file::replace(&inner.path, &contents)?;
            inner.open()
        })
        .await
    }

    async fn append(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.run(move |inner| inner.append(&bytes)).await
    }

    async fn sync(&self) -> io::Result<()> {
        self.run(|inner| inner.file.as_ref().map_or(Ok(()), File::sync_data))
            .await
    }
}

impl Inner {
    fn open(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(&self.path)?;
        self.known = Known::Written(Trace::of(&file.metadata()?));
        self.file = Some(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unchanged()?;
        if self.file.is_none() {
            self.open()?;
        }
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let before = file.metadata()?.len();
        let written = file.write_all(bytes);
        if written.is_err() {
            // Half a line must not stand before the next one.
            let _ = file.set_len(before);
        }
        self.known = Known::Written(Trace::of(&file.metadata()?));
        written
    }

    /// Whether the file is still what we know of it.
    fn unchanged(&self) -> io::Result<()> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => Some(found),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let what = match (&self.known, found) {
            (Known::Absent, None) => return Ok(()),
            (Known::Absent, Some(_)) => "made",
            (_, None) => "deleted",
            (Known::Read { hash: known }, Some(_)) => {
                if hash(&fs::read(&self.path)?) == *known {
                    return Ok(());
                }
                "changed"
            }
            (Known::Written(known), Some(found)) => {
                let found = Trace::of(&found);
                if found == *known {
                    return Ok(());
                }
                match found {
                    _ if found.identity != known.identity => "replaced",
                    _ if found.len < known.len => "shortened",
                    _ => "written to",
                }
            }
        };
        Err(io::Error::other(Tampered(what)))
    }
}

/// Carried by the [`io::Error`] of a file that someone else touched: what happened to it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the file was {0} by someone else")]
pub(crate) struct Tampered(pub(crate) &'static str);
