//! Room on the disk for what a run writes: known before anything is sent.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::files::folder_of;

/// A row's lines in the journal, and its line in the new file next to it.
const BYTES_OF_A_ROW: u64 = 4096;
const BYTES_OF_THE_REST: u64 = 64 << 10;

/// In bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    folder: PathBuf,
    pub(super) free: u64,
    pub(super) needed: u64,
}

impl Room {
    /// For the lines of so many rows; `ledger` is the real path. None where the system does not tell.
    pub(super) fn for_rows(ledger: &Path, rows: usize) -> Option<Room> {
        let needed = BYTES_OF_THE_REST + BYTES_OF_A_ROW * rows as u64;
        let folder = folder_of(ledger);
        let free = available(&nearest_folder(folder))?;
        Some(Room { folder: folder.to_owned(), free, needed })
    }

    pub(super) fn is_short(&self) -> bool {
        self.free < self.needed
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (free, needed) = (size_text(self.free), size_text(self.needed));
        write!(f, "{free} left in {}, and the ledger may need {needed}", self.folder.display())
    }
}

/// `path`, or the nearest folder above it that exists.
pub(super) fn nearest_folder(path: &Path) -> PathBuf {
    let above = path.ancestors().filter(|above| !above.as_os_str().is_empty());
    let mut there = above.filter(|above| above.exists());
    there.next().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// In bytes, for this user.
#[cfg(unix)]
fn available(folder: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(folder).ok()?;
    // Some network file systems tell nothing and say 0 of 0.
    (space.f_blocks > 0).then(|| space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(not(unix))]
fn available(_: &Path) -> Option<u64> {
    None
}

/// `340 KiB`, `12 MiB`, `3 GiB`: rounded down.
pub(super) fn size_text(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let (mut count, mut unit) = (bytes / 1024, units[0]);
    for larger in &units[1..] {
        if count < 10 * 1024 {
            break;
        }
        (count, unit) = (count / 1024, larger);
    }
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in
            [(0, "0 KiB"), (348_160, "340 KiB"), (12 << 20, "12 MiB"), (3 << 40, "3072 GiB")]
        {
            assert_eq!(size_text(bytes), text);
        }
    }
}
