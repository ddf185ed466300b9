//! Differences that a person has accepted: `NAME.accepted.csv` next to the ledger. Lines are only ever added, and the
//! last one for an id counts.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    files::{companion, read_regular, replace},
    ledger::{neutralise, restore},
    text::{moment, system_says},
};
use reconcile::DifferenceId;

/// In bytes.
const LONGEST: u64 = 256 * 1024 * 1024;

const HEADER: [&str; 5] = ["id", "reason", "by", "until", "accepted_at"];

/// Where the differences of a ledger are accepted; `ledger` is the ledger itself, not a link to it.
pub fn accepted_path(ledger: &Path) -> PathBuf {
    companion(ledger, "accepted.csv")
}

/// Whether a file with this first line is one of accepted differences.
pub fn is_accepted_header(line: &[u8]) -> bool {
    let line = line.strip_prefix(BOM).unwrap_or(line).trim_ascii();
    line == HEADER.join(",").as_bytes()
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Why a difference is accepted, who said so, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptance {
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub by: String,
    /// The last day on which it counts; null: it has no end.
    pub until: Option<NaiveDate>,
    /// When, UTC.
    pub accepted_at: DateTime<Utc>,
    /// Whether its last day has passed: then the difference counts again.
    #[serde(skip)]
    pub is_ended: bool,
}

/// Why a file of accepted differences is not read. Exit code 2: it was written by hand.
#[derive(Debug, thiserror::Error)]
pub enum AcceptedError {
    #[error("{}:{line}: {why}", path.display())]
    Line { path: PathBuf, line: u64, why: String },
    #[error("the accepted differences {} cannot be read ({})", path.display(), system_says(source))]
    Unreadable { path: PathBuf, source: io::Error },
}

/// The accepted differences of a ledger, as of a day.
#[derive(Debug, Clone, Default)]
pub struct Acceptances {
    /// The last one of each id, in the order in which the ids were first accepted.
    by_id: IndexMap<DifferenceId, Arc<Acceptance>>,
}

impl Acceptances {
    /// None where there is no such file. `ledger` is the ledger itself, not a link to it.
    pub fn read(ledger: &Path, as_of: NaiveDate) -> Result<Self, AcceptedError> {
        let mut by_id = IndexMap::new();
        for (id, mut acceptance) in lines(&accepted_path(ledger))? {
            acceptance.is_ended = acceptance.until.is_some_and(|last| last < as_of);
            by_id.insert(id, Arc::new(acceptance));
        }
        Ok(Acceptances { by_id })
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The last one for an id, whether it has ended or not.
    pub fn get(&self, id: DifferenceId) -> Option<&Arc<Acceptance>> {
        self.by_id.get(&id)
    }

    /// The one for an id that has not ended.
    pub fn in_force(&self, id: DifferenceId) -> Option<&Arc<Acceptance>> {
        self.get(id).filter(|it| !it.is_ended)
    }

    /// Accepted ids that are none of `found`.
    pub fn unused(&self, found: &HashSet<DifferenceId>) -> Vec<DifferenceId> {
        self.by_id.keys().filter(|id| !found.contains(*id)).copied().collect()
    }
}

/// Adds a line for each id. The lines that are there stay as they are; if one is wrong, nothing is written.
pub fn append(
    ledger: &Path,
    ids: &[DifferenceId],
    acceptance: &Acceptance,
) -> Result<(), AcceptedError> {
    let path = accepted_path(ledger);
    lines(&path)?;
    let there = bytes_of(&path)?;
    let mut bytes = if has_text(&there) { there } else { header() };
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
    ids.iter().for_each(|id| bytes.extend(line(*id, acceptance)));
    replace(&path, &bytes).map_err(|source| AcceptedError::Unreadable { path, source })
}

/// The lines of all files, each once; `None` where there is none. Lines of one file stay in their order; otherwise they
/// are in the order of their times.
pub fn merge_accepted(paths: &[PathBuf]) -> Result<Option<Vec<u8>>, AcceptedError> {
    let mut all = Vec::new();
    for path in paths {
        let mut latest = DateTime::<Utc>::MIN_UTC;
        for (id, acceptance) in lines(path)? {
            // A clock that was set back changes no order.
            latest = latest.max(acceptance.accepted_at);
            all.push((latest, line(id, &acceptance)));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    let mut known = HashSet::new();
    let lines: Vec<Vec<u8>> = all.into_iter().map(|(_, line)| line).collect();
    let once: Vec<&[u8]> =
        lines.iter().map(Vec::as_slice).filter(|line| known.insert(*line)).collect();
    Ok((!once.is_empty()).then(|| [header(), once.concat()].concat()))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, AcceptedError> {
    match read_regular(path, LONGEST) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(Vec::new()),
        read => read.map_err(|source| AcceptedError::Unreadable { path: path.to_owned(), source }),
    }
}

fn has_text(bytes: &[u8]) -> bool {
    !bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii().is_empty()
}

/// In the order of the file.
fn lines(path: &Path) -> Result<Vec<(DifferenceId, Acceptance)>, AcceptedError> {
    let bytes = bytes_of(path)?;
    let text = bytes.strip_prefix(BOM).unwrap_or(&bytes);
    let wrong = |line, why| AcceptedError::Line { path: path.to_owned(), line, why };
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let (mut record, mut found, mut has_header) = (ByteRecord::new(), Vec::new(), false);
    while reader.read_byte_record(&mut record).map_err(|e| wrong(0, e.to_string()))? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            continue;
        }
        let cells = cells_of(&record).map_err(|why| wrong(line, why))?;
        if has_header {
            found.push(acceptance(&cells).map_err(|why| wrong(line, why))?);
        } else if cells.map(str::trim) == HEADER {
            has_header = true;
        } else {
            let header = HEADER.join(",");
            return Err(wrong(line, format!("the first line must be the header, {header}")));
        }
    }
    Ok(found)
}

fn cells_of(record: &ByteRecord) -> Result<[&str; 5], String> {
    let cells: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
    let cells = cells.map_err(|_| "it is not UTF-8; save the file as UTF-8".to_owned())?;
    let number = cells.len();
    cells.try_into().map_err(|_| {
        let (header, cells) = (HEADER.join(","), crate::text::count(number, "cell"));
        format!("it has {cells} between commas, and must have five: {header}")
    })
}

fn acceptance(cells: &[&str; 5]) -> Result<(DifferenceId, Acceptance), String> {
    let [_, reason, by, ..] = *cells;
    let [id, _, _, until, accepted_at] = cells.map(str::trim);
    let read = id.parse().map_err(|e| format!("{id:?} is no id of a difference: {e}"))?;
    let day = |text: &str| text.parse::<NaiveDate>().ok().filter(|_| text.len() == 10);
    let last = (!until.is_empty()).then(|| {
        day(until)
            .ok_or_else(|| format!("until is {until:?}: write a day as YYYY-MM-DD, or nothing"))
    });
    let at = moment(accepted_at).ok_or_else(|| {
        format!("accepted_at is {accepted_at:?}: write a time as 2026-11-02T09:30:00Z")
    })?;
    for (name, text) in [("reason", reason), ("by", by)] {
        if text.trim().is_empty() {
            return Err(format!("{name} is empty"));
        }
    }
    let acceptance = Acceptance {
        reason: restore(reason).to_owned(),
        by: restore(by).to_owned(),
        until: last.transpose()?,
        accepted_at: at,
        is_ended: false,
    };
    Ok((read, acceptance))
}

fn header() -> Vec<u8> {
    (HEADER.join(",") + "\n").into_bytes()
}

fn line(id: DifferenceId, acceptance: &Acceptance) -> Vec<u8> {
    let Acceptance { reason, by, until, accepted_at, .. } = acceptance;
    let mut out = WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let cells = [
        id.to_string(),
        neutralise(reason).into_owned(),
        neutralise(by).into_owned(),
        until.map_or_else(String::new, |day| day.to_string()),
        accepted_at.to_rfc3339_opts(SecondsFormat::Millis, true),
    ];
    // Memory takes every line.
    let _ = out.write_record(cells);
    out.into_inner().unwrap_or_default()
}
