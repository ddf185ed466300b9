//! One sandbox of several: for ledgers of shares that were rehearsed each with a sandbox of its own, and merged.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::journal::{StateError, records, text_of};
use crate::model::{Origin, Record, StoredReport};

/// The state of a sandbox that has the reports of all `states`, in order of time. Of reports that the configuration gave
/// to each of them there is one, and any that `is_held`. `None` where there is no state. Tokens and counted tries are
/// left out: they begin again.
///
/// # Errors
/// A state cannot be read, or is none.
pub fn merge_states(
    states: &[PathBuf],
    is_held: impl Fn(&str) -> bool,
) -> Result<Option<Vec<u8>>, StateError> {
    let mut reports = Vec::new();
    let mut found = false;
    for path in states {
        let bytes = match fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(|source| StateError::Io {
                path: path.clone(),
                source,
            })?,
        };
        found = true;
        reports.extend(reports_of(path, &bytes)?);
    }
    if !found {
        return Ok(None);
    }
    reports.sort_by(|a, b| (a.made, a.number, &a.id).cmp(&(b.made, b.number, &b.id)));
    // What is held comes first among equals, so that its copies go.
    let (held, others): (Vec<_>, Vec<_>) = reports.into_iter().partition(|it| is_held(&it.id));
    let mut ids = HashSet::new();
    let mut given: Vec<StoredReport> = Vec::new();
    let mut merged: Vec<StoredReport> = Vec::new();
    for report in held.into_iter().chain(others) {
        let is_copy = |other: &StoredReport| {
            (&other.request, other.category, other.by)
                == (&report.request, report.category, report.by)
        };
        let is_given = report.origin == Origin::Elsewhere;
        let is_known = is_given && !is_held(&report.id) && given.iter().any(is_copy);
        if is_known || !ids.insert(report.id.clone()) {
            continue;
        }
        if is_given {
            given.push(report.clone());
        }
        merged.push(report);
    }
    merged.sort_by_key(|report| report.made);
    let made = merged.iter_mut().zip(1..).map(|(report, number)| {
        report.number = number;
        Record::Made((&*report).into())
    });
    let text = text_of(made);
    Ok(text.ok())
}

/// The reports that one state has, deleted ones left out.
fn reports_of(path: &Path, bytes: &[u8]) -> Result<Vec<StoredReport>, StateError> {
    let mut reports: Vec<StoredReport> = Vec::new();
    records(path, bytes, |record| {
        match record {
            Record::Made(made) => reports.push(made.try_into()?),
            Record::Deleted { id } => reports.retain(|report| report.id != id),
            Record::Renewed { .. } | Record::Tried { .. } => {}
        }
        Ok(())
    })?;
    Ok(reports)
}
