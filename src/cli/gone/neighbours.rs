//! Ledgers of one folder, by their names.

use std::{
    ffi::OsStr,
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use crate::{
    cli::resolve_target::manifest_next_to,
    files::{folder_of, read_first_line},
    ledger::is_header,
    plan::Partition,
};

/// What a ledger and its shares have in common: the folder, and the name without `K-of-N`.
pub(super) fn family(path: &Path) -> Option<(&Path, &str)> {
    let name = path.file_name()?.to_str()?;
    let stem = Partition::of_name(name).map(|(stem, _)| stem);
    Some((folder_of(path), stem.or(name.strip_suffix(".csv"))?))
}

/// Each ledger of rehearsals has a server of its own.
pub(super) fn is_of_rehearsals(ledger: &Path) -> bool {
    family(ledger).is_some_and(|(_, stem)| stem.ends_with(".sandbox"))
}

/// A default name without its manifest, which was renamed.
pub(super) fn lost_its_manifest(ledger: &Path) -> bool {
    let stem = family(ledger).map_or("", |(_, stem)| stem);
    let plain = stem.strip_suffix(".sandbox").unwrap_or(stem);
    plain.ends_with(".ledger") && manifest_next_to(ledger).is_none()
}

/// The N of `K-of-N`.
pub(super) fn shares_in_all(ledger: &Path) -> Option<NonZeroU32> {
    let name = ledger.file_name()?.to_str()?;
    Some(Partition::of_name(name)?.1.count())
}

/// The ledgers in the folder of `path`, by name.
pub(super) fn ledgers_next_to(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder_of(path)).into_iter().flatten();
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut paths: Vec<PathBuf> = names.map(|name| path.with_file_name(name)).collect();
    paths.sort();
    let is_table = |file: &PathBuf| file.extension() == Some(OsStr::new("csv"));
    let has_header = |file: &PathBuf| read_first_line(file).is_ok_and(|line| is_header(&line));
    paths.into_iter().filter(move |file| is_table(file) && has_header(file))
}
