//! The ledger's file as the journal sees it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

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
    /// Open for appending, and how much of it is ours.
    file: Option<(File, u64)>,
}

impl FileDisk {
    /// The file at `path`; nothing is opened yet.
    pub fn new(path: PathBuf) -> Self {
        FileDisk(Arc::new(Mutex::new(Inner { path, file: None })))
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
            replace_file(&inner.path, &contents)?;
            inner.open()
        })
        .await
    }

    async fn append(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.run(move |inner| inner.append(&bytes)).await
    }

    async fn sync(&self) -> io::Result<()> {
        self.run(|inner| match &inner.file {
            Some((file, _)) => file.sync_data(),
            None => Ok(()),
        })
        .await
    }
}

impl Inner {
    fn open(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(&self.path)?;
        let len = file.metadata()?.len();
        self.file = Some((file, len));
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.open()?;
        }
        self.unchanged()?;
        let Some((file, len)) = &mut self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(e) = file.write_all(bytes) {
            // Half a line must not stand before the next one.
            let _ = file.set_len(*len);
            return Err(e);
        }
        *len += bytes.len() as u64;
        Ok(())
    }

    /// Whether the path still leads to the file that is open, and nobody else wrote to it.
    fn unchanged(&self) -> io::Result<()> {
        let Some((file, len)) = &self.file else {
            return Ok(());
        };
        let (ours, theirs) = (file.metadata()?, fs::metadata(&self.path));
        let what = match theirs {
            Err(e) if e.kind() == io::ErrorKind::NotFound => "deleted",
            Err(e) => return Err(e),
            Ok(theirs) if !same_file(&ours, &theirs) => "replaced",
            Ok(theirs) if theirs.len() < *len => "shortened",
            Ok(theirs) if theirs.len() > *len => "written to",
            Ok(_) => return Ok(()),
        };
        Err(io::Error::other(Tampered(what)))
    }
}

/// Carried by the [`io::Error`] of a file that someone else touched: what happened to it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the file was {0} by someone else")]
pub(crate) struct Tampered(pub(crate) &'static str);

#[cfg(unix)]
fn same_file(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true // an open file cannot be replaced there
}

/// Writes `contents` beside `path`, flushes it, renames it over `path` and flushes the folder. The new file
/// gets the old one's permissions.
pub(crate) fn replace_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = File::create(&beside).and_then(|mut file| {
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(contents)?;
        file.sync_all()
    });
    if let Err(e) = written.and_then(|()| fs::rename(&beside, path)) {
        let _ = fs::remove_file(&beside);
        return Err(e);
    }
    sync_folder(path)
}

/// Makes the directory entry of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if cfg!(unix) {
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    } else {
        Ok(())
    }
}
