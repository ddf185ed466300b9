//! Files under their final names: whole, readable by their owner only, and nobody else's overwritten.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::part_file::{self, CheckedFile, PartFile, blocking};
use crate::files;

/// What a collected file may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Only files that are known to be ours.
    Ours,
    /// Whatever lies there (`--force`).
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InTheWay {
    /// Nothing replaces a folder.
    Folder,
    /// A link, a pipe and the like.
    NoFile,
    File,
}

/// Returns what is in the way. A file at `place` is replaced if it has the same bytes, or the hash `ours`: it was put there for the same row.
pub(super) async fn put(
    part: &PartFile,
    whole: &CheckedFile,
    place: &Path,
    ours: String,
    overwrite: Overwrite,
) -> io::Result<Option<InTheWay>> {
    let (from, place, sha256) = (part.path().to_owned(), place.to_owned(), whole.sha256.clone());
    blocking(move || {
        let there = match fs::symlink_metadata(&place) {
            Ok(found) if found.is_file() => part_file::look(&place)?,
            Ok(found) if found.is_dir() => return Ok(Some(InTheWay::Folder)),
            Ok(_) if overwrite == Overwrite::Ours => return Ok(Some(InTheWay::NoFile)),
            _ => None,
        };
        match there {
            Some(found)
                if found.sha256 != sha256
                    && !found.sha256.eq_ignore_ascii_case(&ours)
                    && overwrite == Overwrite::Ours =>
            {
                return Ok(Some(InTheWay::File));
            }
            // Equal bytes are replaced too: this makes them durable, and readable by their owner only.
            _ => {}
        }
        files::put_in_place(&from, &place)?;
        let rejected = rejected(&place);
        if is_as(&rejected, &place) {
            let _ = fs::remove_file(rejected);
        }
        Ok(None)
    })
    .await
}

/// Keeps a file that is no report next to its place: returns where, and whether. Somebody else's file is not replaced.
pub(super) async fn reject(
    part: &PartFile,
    place: &Path,
    overwrite: Overwrite,
) -> io::Result<(PathBuf, bool)> {
    let (from, to) = (part.path().to_owned(), rejected(place));
    blocking(move || {
        let is_kept =
            overwrite == Overwrite::All || fs::symlink_metadata(&to).is_err() || is_as(&to, &from);
        if is_kept {
            files::put_in_place(&from, &to)?;
        }
        Ok((to, is_kept))
    })
    .await
}

/// Whether the file can be one that was kept here earlier: it has the permissions of `ours`, its owner's alone.
fn is_as(path: &Path, ours: &Path) -> bool {
    let ours = fs::metadata(ours).map(|it| it.permissions());
    fs::symlink_metadata(path)
        .is_ok_and(|it| it.is_file() && ours.is_ok_and(|ours| it.permissions() == ours))
}

/// `PARTNER.csv.rejected`
fn rejected(place: &Path) -> PathBuf {
    files::with_end(place, ".rejected")
}

/// `None` where there is nothing, or no file. [`io::ErrorKind::IsADirectory`] for a folder.
pub(super) async fn look(path: PathBuf) -> io::Result<Option<CheckedFile>> {
    blocking(move || match fs::metadata(&path) {
        Ok(found) if found.is_file() => part_file::look(&path),
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    })
    .await
}

/// In 64 hexadecimal digits; `None` where there is no file.
pub fn hash_of(path: &Path) -> io::Result<Option<String>> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Ok(None);
    }
    Ok(part_file::look(path)?.map(|found| found.sha256))
}

/// Deletes what a killed run left of these requests: `output/PERIOD/TYPE/.<request_id>.part`.
pub(super) fn sweep(output: &Path, is_ours: impl Fn(&str) -> bool) {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    for file in
        folders(output).iter().flat_map(|period| folders(period)).flat_map(|kind| folders(&kind))
    {
        let name = file.file_name().and_then(|name| name.to_str());
        if name.is_some_and(&is_ours) {
            let _ = fs::remove_file(&file);
        }
    }
}
