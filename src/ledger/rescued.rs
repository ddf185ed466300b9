//! Rescued ledgers: a run's rows, saved next to a ledger that someone else has changed.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::{Ledger, LedgerError, MergeInput, Row, merge, read_file};
use crate::{
    files,
    text::{shell_path, system_says},
};

/// Saves our ledger at `path` where someone deleted it; else next to it, unless the ledger there lacks nothing.
/// `contents` and `known` are the same as bytes and as rows.
pub fn save(path: &Path, contents: &[u8], known: &Ledger, now: DateTime<Utc>) -> RescueResult {
    let put = |to: &Path| -> io::Result<()> {
        fs::create_dir_all(files::folder_of(to))?;
        files::replace(to, contents)
    };
    let (to, saved) = match path.exists() {
        true if lacks_nothing(path, known) => return RescueResult::Nothing,
        true => {
            let rescued = free_name(path, now);
            let ledger = path.to_owned();
            (rescued.clone(), RescueResult::NextTo { ledger, rescued })
        }
        false => (path.to_owned(), RescueResult::There),
    };
    match put(&to) {
        Ok(()) => saved,
        Err(e) => RescueResult::Nowhere(system_says(&e)),
    }
}

/// Whether merging `known` into the ledger at `path` would change nothing at all.
fn lacks_nothing(path: &Path, known: &Ledger) -> bool {
    let Ok(Some(theirs)) = read_file(path) else {
        return false;
    };
    let name = path;
    let parts = [&theirs.ledger, known].map(|ledger| MergeInput { name, ledger });
    merge(&parts, None).is_ok_and(|merged| merged.to_csv() == theirs.ledger.to_csv())
}

fn free_name(path: &Path, now: DateTime<Utc>) -> PathBuf {
    let stamp = now.format("%Y%m%dT%H%M%S%3fZ");
    let names = std::iter::once(String::new()).chain((2..).map(|n: u32| format!("_{n}")));
    let mut names = names.map(|n| path.with_extension(format!("rescued-{stamp}{n}.csv")));
    names.find(|name| !name.exists()).unwrap_or_default()
}

/// The name of `rescued` once it was merged; `None` where it is no rescued ledger of the one at `path`.
pub fn merged_name(path: &Path, rescued: &Path) -> Option<PathBuf> {
    let same_folder = path.parent() == rescued.parent();
    let name = rescued.file_name()?.to_str()?;
    let is_one = same_folder && is_rescued(path, name);
    is_one.then(|| rescued.with_extension("merged.csv"))
}

/// Whether `name` is that of a rescued ledger that was not merged yet.
fn is_rescued(path: &Path, name: &str) -> bool {
    after_prefix(path, name)
        .is_some_and(|rest| rest.ends_with(".csv") && !rest.ends_with(".merged.csv"))
}

/// Whether `place` has the name of a rescued ledger, merged or not.
pub fn is_place_of_rescued(path: &Path, place: &Path) -> bool {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    path.parent() == place.parent() && after_prefix(path, &name).is_some()
}

fn after_prefix<'n>(path: &Path, name: &'n str) -> Option<&'n str> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    name.strip_prefix(&*stem)?.strip_prefix(".rescued-")
}

/// Oldest first.
fn rescued_next_to(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(files::folder_of(path)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if is_rescued(path, &name.to_string_lossy()) {
            found.push(path.with_file_name(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Refuses a ledger while a rescued one next to it has a row, status, report id or intent that it lacks.
pub fn refuse_unmerged(path: &Path, ledger: Option<&Ledger>) -> Result<(), LedgerError> {
    let failed = LedgerError::io("look for rescued ledgers next to", path);
    let files = rescued_next_to(path).map_err(failed)?;
    let mut unmerged = Vec::new();
    for file in files {
        let rescued = read_file(&file).and_then(|reading| {
            let reading = reading.unwrap_or_default(); // gone since we looked
            reading.into_ledger(&file)
        });
        let rescued = rescued.map_err(|source| LedgerError::Rescued {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        if adds(ledger.unwrap_or(&Ledger::default()), &rescued) {
            unmerged.push(file);
        }
    }
    if unmerged.is_empty() {
        Ok(())
    } else {
        Err(LedgerError::Unmerged { path: path.to_owned(), rescued: unmerged })
    }
}

/// Whether merging would change what happens next. A conflict counts: a person has to decide it.
fn adds(ledger: &Ledger, rescued: &Ledger) -> bool {
    let name = Path::new("");
    let parts = [ledger, rescued].map(|ledger| MergeInput { name, ledger });
    let Ok(merged) = merge(&parts, None) else {
        return true;
    };
    let what_counts = |row: &Row| {
        let state = &row.state;
        // `in_doubt` is a failure by its status, and yet never sent again.
        (state.word(), state.is_in_doubt(), state.report_id().cloned(), state.intent())
    };
    merged.rows().any(|row| {
        let known = ledger.get(row.request().id());
        known.map(what_counts) != Some(what_counts(row))
    })
}

/// What became of our rows where someone else has changed the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RescueResult {
    /// The ledger there has all of it.
    Nothing,
    /// The ledger was deleted, so ours took its place.
    There,
    NextTo {
        ledger: PathBuf,
        rescued: PathBuf,
    },
    /// It could not be written.
    Nowhere(String),
}

impl fmt::Display for RescueResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RescueResult::Nothing => write!(f, "the file was left alone; nothing is lost"),
            RescueResult::There => write!(f, "what this run knew was written there again"),
            RescueResult::NextTo { ledger, rescued } => write!(
                f,
                "the file was left alone. What this run knew is in {}; merge them with\n  {}",
                rescued.display(),
                merge_command(ledger, std::slice::from_ref(rescued))
            ),
            RescueResult::Nowhere(why) => {
                write!(f, "the file was left alone; what this run knew could not be saved: {why}")
            }
        }
    }
}

pub fn merge_command(path: &Path, rescued: &[PathBuf]) -> String {
    let ledger = path.exists().then_some(path);
    let parts = ledger.into_iter().chain(rescued.iter().map(PathBuf::as_path));
    let parts: Vec<String> = parts.map(shell_path).collect();
    format!("monthend merge {} -o {}", parts.join(" "), shell_path(path))
}
