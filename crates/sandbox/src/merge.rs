use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::journal::{StateError, records, text_of};
use crate::model::{Origin, Record, StoredReport};

/// A state with the reports of all `states`; one that several of them were configured with only once, unless `is_held`.
pub fn merge_states(
    states: &[PathBuf],
    is_held: impl Fn(&str) -> bool,
) -> Result<Option<Vec<u8>>, StateError> {
    let mut reports = Vec::new();
    let mut found = false;
    for path in states {
        let bytes = match fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(|source| StateError::Io { path: path.clone(), source })?,
        };
        found = true;
        reports.extend(reports_of(path, &bytes)?);
    }
    if !found {
        return Ok(None);
    }
    reports.sort_by(|a, b| (a.made, a.number, &a.id).cmp(&(b.made, b.number, &b.id)));
    // Held reports first, so that their copies are dropped.
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
        Record::Made(report.clone())
    });
    let text = text_of(made);
    Ok(text.ok())
}

fn reports_of(path: &Path, bytes: &[u8]) -> Result<Vec<StoredReport>, StateError> {
    let mut reports: Vec<StoredReport> = Vec::new();
    records(path, bytes, |record| {
        match record {
            Record::Made(made) => reports.push(made),
            Record::Deleted { id } => reports.retain(|report| report.id != id),
            Record::Renewed { .. } | Record::Tried { .. } => {}
        }
        Ok(())
    })?;
    Ok(reports)
}
