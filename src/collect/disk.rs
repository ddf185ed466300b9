//! The disk under files that are being fetched. Tests get one that fills up and that forgets what was not flushed.

use std::{
    fs::File,
    io::{self, Write as _},
};

use tokio::task::JoinHandle;

pub(super) fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> JoinHandle<io::Result<T>> {
    #[cfg(not(test))]
    return tokio::task::spawn_blocking(work);
    // A thread would be done at an unpredictable time.
    #[cfg(test)]
    tokio::spawn(async move { work() })
}

pub(super) fn write(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    simulated::write()?;
    file.write_all(bytes)
}

pub(super) fn flush(file: &File) -> io::Result<()> {
    file.sync_all()?;
    #[cfg(test)]
    simulated::flushed(file)?;
    Ok(())
}

/// What a test makes of the disk that its thread sees.
#[cfg(test)]
pub(super) mod simulated {
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
        fs::{self, File, Metadata, OpenOptions},
        io,
        path::Path,
    };

    thread_local! {
        /// How many writes are left until the disk is full; `None`: it never is.
        static ROOM: Cell<Option<u64>> = const { Cell::new(None) };
        /// How much of each file is durable, by its number.
        static DURABLE: RefCell<BTreeMap<u64, u64>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// The disk is full after so many writes.
    pub(in crate::collect) fn fills_after(writes: Option<u64>) {
        ROOM.set(writes);
    }

    /// The power goes off: every file below `folder` is cut to what was flushed of it.
    pub(in crate::collect) fn cut_power(folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, found) = (entry.path(), entry.metadata().unwrap());
            if found.is_dir() {
                cut_power(&path);
                continue;
            }
            let durable = DURABLE.with_borrow(|known| known.get(&number(&found)).copied());
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(durable.unwrap_or(0).min(found.len())).unwrap();
        }
    }

    pub(super) fn write() -> io::Result<()> {
        match ROOM.get() {
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            room => {
                ROOM.set(room.map(|left| left - 1));
                Ok(())
            }
        }
    }

    pub(super) fn flushed(file: &File) -> io::Result<()> {
        let found = file.metadata()?;
        DURABLE.with_borrow_mut(|known| known.insert(number(&found), found.len()));
        Ok(())
    }

    #[cfg(unix)]
    fn number(found: &Metadata) -> u64 {
        std::os::unix::fs::MetadataExt::ino(found)
    }

    #[cfg(not(unix))]
    fn number(_: &Metadata) -> u64 {
        0 // the histories are played where files have numbers
    }
}
