//! Merges histories, for `monthend merge`.

use std::{collections::BTreeSet, io, path::PathBuf};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::file;

/// All that a merge needs of a line: kinds of later versions are kept as they are.
#[derive(Deserialize)]
struct Stamp {
    at: DateTime<Utc>,
}

/// The lines of all histories, each once, in order of time, without torn ones; `None` where there is none. Merging the
/// result again changes nothing.
pub fn merge(paths: &[PathBuf]) -> Result<Option<Vec<u8>>, (PathBuf, io::Error)> {
    let mut merged = BTreeSet::new();
    for path in paths {
        let lines = file::lines(path).map_err(|e| (path.clone(), e))?;
        merged.extend(lines.into_iter().filter_map(|line| {
            let stamp: Stamp = serde_json::from_str(&line).ok()?;
            Some((stamp.at, line))
        }));
    }
    let lines: String = merged.iter().map(|(_, line)| format!("{line}\n")).collect();
    Ok((!lines.is_empty()).then(|| lines.into_bytes()))
}
