#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use crate::files::{HashingReader, NewFile, open_regular, refuse_irregular, without_waiting};

/// Durable storage of one file: the seam at which a simulated disk takes the file system's place.
#[expect(async_fn_in_trait, reason = "driven on one thread, never as a trait object")]
pub trait Disk {
    /// Durably replaces the file as a whole: after a crash either the old file or the new one is there.
    async fn replace(&self, contents: Vec<u8>) -> io::Result<()>;

    /// Fails where the file is no longer what was last read or written: for a command that has nothing to write.
    async fn look(&self) -> io::Result<()> {
        Ok(())
    }

    /// Writes `bytes` at the file's end, in one piece; not durable before [`Disk::sync`]. After an error none of
    /// `bytes` counts as written, and the next append begins where this one did.
    async fn append(&self, bytes: Vec<u8>) -> io::Result<()>;

    /// Makes everything appended so far durable.
    async fn sync(&self) -> io::Result<()>;

    /// [`Disk::append`], then [`Disk::sync`].
    async fn append_and_sync(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.append(bytes).await?;
        self.sync().await
    }
}

#[derive(Debug, Clone)]
pub struct FileDisk(Arc<Mutex<OpenFile>>);

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    known: KnownContents,
    /// Open for appending from the first line on.
    file: Option<File>,
}

/// What the file was when this process last read or wrote it, to notice changes by others.
#[derive(Debug, Clone)]
enum KnownContents {
    Absent,
    /// Its bytes are compared, since nothing else is certain about what others write. `compared`: its stamp when that
    /// was last done.
    Read {
        contents: Sha256,
        compared: Option<FileStamp>,
    },
    /// While its stamp is the same, its bytes are compared only before it is replaced.
    Written {
        trace: FileStamp,
        contents: Sha256,
    },
}

/// What every write changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    len: u64,
    modified: Option<SystemTime>,
    /// The file's change time (ctime), which nobody can set back; only some file systems have it.
    changed: Option<(i64, i64)>,
    identity: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookDepth {
    /// The stamp: before each line, and where there is nothing to write.
    Trace,
    Bytes,
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        FileStamp {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            changed: changed(metadata),
            identity: identity(metadata),
        }
    }
}

/// Device and inode. An open file cannot be replaced where there are none.
pub(super) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    return Some((metadata.dev(), metadata.ino()));
    #[cfg(not(unix))]
    return None;
}

fn changed(metadata: &Metadata) -> Option<(i64, i64)> {
    #[cfg(unix)]
    return Some((metadata.ctime(), metadata.ctime_nsec()));
    #[cfg(not(unix))]
    return None;
}

impl FileDisk {
    /// The file at `path`; `contents` is what was read from it, `None` where it was not there.
    pub fn new(path: PathBuf, contents: Option<&[u8]>) -> Self {
        let known = contents.map_or(KnownContents::Absent, |contents| KnownContents::Read {
            contents: Sha256::new_with_prefix(contents),
            compared: None,
        });
        FileDisk(Arc::new(Mutex::new(OpenFile { path, known, file: None })))
    }

    /// Whether the file is exactly these lines. If so, it is read again only when its stamp changes.
    pub(super) fn holds(&self, lines: impl Iterator<Item = Vec<u8>>) -> io::Result<bool> {
        let mut inner = lock(&self.0);
        let mut digest = Sha256::new();
        lines.for_each(|line| digest.update(line));
        let is_known = match &inner.known {
            KnownContents::Absent => false,
            KnownContents::Read { contents, .. } | KnownContents::Written { contents, .. } => {
                contents.clone().finalize() == digest.finalize()
            }
        };
        if is_known {
            inner.unchanged(LookDepth::Bytes)?;
        }
        Ok(is_known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut OpenFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&mut lock(&inner)))
            .await
            .map_err(io::Error::other)?
    }
}

fn lock(inner: &Mutex<OpenFile>) -> MutexGuard<'_, OpenFile> {
    inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Disk for FileDisk {
    async fn replace(&self, contents: Vec<u8>) -> io::Result<()> {
        self.run(move |inner| inner.replace(&contents)).await
    }

    async fn look(&self) -> io::Result<()> {
        self.run(|inner| inner.unchanged(LookDepth::Trace)).await
    }

    async fn append(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.run(move |inner| inner.append(&bytes)).await
    }

    async fn sync(&self) -> io::Result<()> {
        self.run(|inner| inner.sync()).await
    }

    async fn append_and_sync(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.run(move |inner| {
            inner.append(&bytes)?;
            inner.sync()
        })
        .await
    }
}

impl OpenFile {
    fn replace(&mut self, contents: &[u8]) -> io::Result<()> {
        self.unchanged(LookDepth::Trace)?;
        self.file = None;
        let mut new = NewFile::begin(&self.path)?;
        new.write_all(contents)?;
        let new = new.put_in_place_if(|| self.unchanged(LookDepth::Bytes))?;
        self.open(Sha256::new_with_prefix(contents), &FileStamp::of(&new.metadata()?))
    }

    /// Opens the file that was just put in its place, where its stamp is `written`.
    fn open(&mut self, contents: Sha256, written: &FileStamp) -> io::Result<()> {
        let file = self.append_to()?;
        let trace = FileStamp::of(&file.metadata()?);
        if trace.identity != written.identity || trace.len != written.len {
            return Err(tampered("replaced"));
        }
        self.known = KnownContents::Written { trace, contents };
        self.file = Some(file);
        Ok(())
    }

    /// Checks that the file opened for appending is the one that was read.
    fn open_again(&mut self, contents: Sha256) -> io::Result<()> {
        let file = self.append_to()?;
        let trace = FileStamp::of(&file.metadata()?);
        if HashingReader::new(&file).read_all()?.digest().finalize() != contents.clone().finalize()
        {
            return Err(tampered("changed"));
        }
        self.known = KnownContents::Written { trace, contents };
        self.file = Some(file);
        Ok(())
    }

    fn append_to(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true);
        without_waiting(&mut options);
        let opened = options.open(&self.path).map_err(deleted)?;
        refuse_irregular(&opened.metadata()?)?;
        Ok(opened)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &self.known {
            KnownContents::Read { contents, .. } => {
                let contents = contents.clone();
                self.open_again(contents)?;
            }
            KnownContents::Absent | KnownContents::Written { .. } => {
                self.unchanged(LookDepth::Trace)?
            }
        }
        let (Some(file), KnownContents::Written { trace, contents }) =
            (&mut self.file, &mut self.known)
        else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(e) = file.write_all(bytes) {
            // Half a line must not stand before the next one.
            if file.set_len(trace.len).is_err() {
                *contents = HashingReader::new(open_regular(&self.path)?).read_all()?.digest();
            }
            *trace = FileStamp::of(&file.metadata()?);
            return Err(e);
        }
        // If somebody replaced the file between check and write, the line went to a file without a name.
        let after = FileStamp::of(&fs::metadata(&self.path).map_err(deleted)?);
        if after.identity != trace.identity {
            return Err(tampered("replaced"));
        }
        if after.len != trace.len + bytes.len() as u64 {
            return Err(tampered("written to"));
        }
        contents.update(bytes);
        *trace = after;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn unchanged(&mut self, look: LookDepth) -> io::Result<()> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => Some(found),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let holds = |contents: &Sha256| -> io::Result<bool> {
            let opened = open_regular(&self.path).map_err(deleted)?;
            Ok(HashingReader::new(opened).read_all()?.digest().finalize()
                == contents.clone().finalize())
        };
        let what = match (&mut self.known, found) {
            (KnownContents::Absent, None) => return Ok(()),
            (KnownContents::Absent, Some(_)) => "made",
            (_, None) => "deleted",
            (KnownContents::Read { contents, compared }, Some(found)) => {
                let found = Some(FileStamp::of(&found));
                if (look == LookDepth::Trace && *compared == found) || holds(contents)? {
                    *compared = found;
                    return Ok(());
                }
                "changed"
            }
            (KnownContents::Written { trace, contents }, Some(found)) => {
                let found = FileStamp::of(&found);
                match &found {
                    _ if found == *trace && look == LookDepth::Trace => return Ok(()),
                    _ if found.identity != trace.identity => "replaced",
                    _ if found.len < trace.len => "shortened",
                    _ if found.len > trace.len => "written to",
                    _ if holds(contents)? => {
                        *trace = found; // permissions, a link, a copy: not its contents
                        return Ok(());
                    }
                    _ => "changed",
                }
            }
        };
        Err(tampered(what))
    }
}

/// Somebody deleted the file between two of our checks.
fn deleted(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => tampered("deleted"),
        _ => error,
    }
}

fn tampered(what: &'static str) -> io::Error {
    io::Error::other(Tampered(what))
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the file was {0} by someone else")]
pub(crate) struct Tampered(pub(crate) &'static str);
