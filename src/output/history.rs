//! The history of a ledger, `NAME.history.jsonl` ([`path_of`]): one JSON object a line ([`HistoryLine`]). It is for
//! auditors, and no run depends on it. Lines that cannot be read are skipped; lines are only ever added.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDate, SubsecRound as _, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    files::{companion, open_regular, refuse_irregular, without_links},
    ledger::RecordedHashes,
    run::Attempt,
    text::{foreign, harmless_json, moment, read_moment},
};
use request::{PersonId, ReportId};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Line")]
pub struct HistoryLine {
    /// When it happened, by the local clock, UTC. Of an attempt: when it left.
    #[serde(deserialize_with = "read_moment")]
    pub at: DateTime<Utc>,
    /// The command that it belongs to: the same text on all lines of one command, and on no others.
    pub run: String,
    /// What happened.
    #[serde(flatten)]
    pub what: HistoryEvent,
}

/// What happened. `kind` says which of these a line is; more kinds may follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HistoryEvent {
    /// `run`, `retry` or `collect` began.
    Run(RunStart),
    /// It ended. A command without such a line was killed.
    End(RunEnd),
    /// A create left and was answered, or its answer was lost.
    Attempt(Attempt),
    /// The server asked for a pause: nothing left before its end.
    Pause {
        /// Why.
        reason: String,
        /// The status of the answer that asked for it; null where it is not known.
        http_status: Option<u16>,
        /// How long, in milliseconds.
        wait_ms: u64,
        /// When it ended.
        #[serde(deserialize_with = "read_moment")]
        until: DateTime<Utc>,
    },
    /// Requests failed one after the other; from here on they were sent at a slower pace.
    Failing {
        /// How many in a row.
        failures: u32,
        /// How the last one failed.
        error: String,
    },
    /// The report of a row in doubt, or of one that the server refused as a duplicate, was found on the server.
    Adopted {
        /// Whose.
        request_id: String,
        /// Its report.
        report_id: String,
    },
    /// The server did not make the report of a row in doubt: it is sent again.
    NotMade {
        /// Whose.
        request_id: String,
    },
    /// A doubt could not be looked up; the row stays `sending`.
    NotLookedUp {
        /// Whose.
        request_id: String,
        /// Why.
        error: String,
    },
    /// The row failed, and nothing more happens to it in this run.
    Failed {
        /// Whose.
        request_id: String,
        /// `error_code` of the ledger; `in_doubt` is for a person to decide.
        error_code: String,
        /// `error` of the ledger.
        error: String,
    },
    /// What was seen of the reports that may be a row's own, when the row was left to a person to decide.
    Candidates {
        /// Whose.
        request_id: String,
        /// Each of them.
        reports: Vec<SeenReport>,
    },
    /// `--existing adopt` took a report that the server had already.
    Existing {
        /// Whose.
        request_id: String,
        /// The report that was taken; null where it could not be told which is the request's own.
        report_id: Option<String>,
    },
    /// `retry --recreate-failed` discarded a report that the server could not generate.
    Recreate {
        /// Whose.
        request_id: String,
        /// The report that was discarded.
        replaced: Option<String>,
    },
    /// A person decided, with `monthend resolve`.
    Resolve {
        /// Whose.
        request_id: String,
        /// The report that was taken; null where the request is to be sent again.
        report_id: Option<String>,
        /// The report that was discarded for it (`--replace`).
        replaced: Option<String>,
        /// Why (`--reason`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Where the command ran.
        #[serde(flatten)]
        account: Account,
    },
    /// A person accepted a difference, with `monthend accept`.
    AcceptedDifference {
        /// Of the difference.
        id: String,
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// The last day on which it counts; null: it has no end.
        until: Option<NaiveDate>,
        /// Where the command ran.
        #[serde(flatten)]
        account: Account,
    },
    /// The month was closed, with `monthend close`.
    Closed {
        /// Who.
        by: String,
        /// Of the bytes of the close file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        /// Why (`--reason`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Where the command ran.
        #[serde(flatten)]
        account: Account,
    },
    /// It was opened again, with `monthend close --reopen`.
    Reopened {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Where the command ran.
        #[serde(flatten)]
        account: Account,
    },
    /// The file of a report was put in its place.
    Collected {
        /// Whose.
        request_id: String,
        /// Relative to the ledger's folder, with `/`.
        file: String,
        /// Of its bytes.
        sha256: String,
        /// Its rows without the header.
        rows: Option<u64>,
    },
    /// A report was not collected.
    NotCollected {
        /// Whose.
        request_id: String,
        /// What the server said of the report; empty where it was not asked.
        report_status: String,
        /// Why.
        error: String,
    },
}

/// The account that a command ran as.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// The login name; none where the system knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The computer's name; none where the system knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// How a command began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunStart {
    /// `run`, `retry` or `collect`.
    pub command: String,
    /// Of monthend.
    pub version: String,
    /// The manifest's name.
    pub manifest: String,
    /// Of the manifest's bytes.
    pub manifest_sha256: String,
    /// The API.
    pub base_url: String,
    /// Whether the reports are a sandbox's.
    pub rehearsal: bool,
    /// The day that relative periods counted from; null for a command that takes its requests from the ledger.
    pub as_of: Option<NaiveDate>,
    /// The selectors as they were given; all empty: everything.
    pub selection: Selected,
    /// Where the command ran.
    #[serde(flatten)]
    pub account: Account,
}

/// Which rows were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Selected {
    /// `--job`
    pub job: Vec<String>,
    /// `--sub-partner`
    pub sub_partner: Vec<String>,
    /// `--type`
    pub r#type: Vec<String>,
    /// `--period`
    pub period: Vec<String>,
    /// `--cause`
    pub cause: Vec<String>,
    /// `--partition`, as `K/N`; null: all shares.
    pub partition: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "End")]
pub struct RunEnd {
    /// Its exit code.
    pub exit_code: u8,
    /// Why it stopped early; null where it did not.
    pub reason: Option<String>,
    /// Of the selected rows, those that are created.
    pub created: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that are not sent.
    pub pending: usize,
    /// Those in doubt.
    pub sending: usize,
    /// Those whose file is there.
    pub collected: usize,
}

/// What the server showed of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenReport {
    /// Which.
    pub report_id: String,
    /// When it was created, by the server's clock; null where the server does not show it.
    pub created: Option<DateTime<Utc>>,
    /// The id of the person whose token created it; null where the server does not show it.
    pub created_by: Option<String>,
    /// How far the server was with it, in its own word; null where the server does not show it.
    pub status: Option<String>,
}

impl SeenReport {
    pub fn new(
        id: &ReportId,
        created: Option<DateTime<Utc>>,
        created_by: Option<&PersonId>,
        status: Option<&str>,
    ) -> Self {
        SeenReport {
            report_id: id.to_string(),
            created,
            created_by: created_by.map(|person| foreign(&person.to_string())),
            status: status.map(str::to_owned),
        }
    }
}

impl HistoryLine {
    /// `at` is cut to milliseconds.
    pub fn new(at: DateTime<Utc>, run: &str, what: HistoryEvent) -> Self {
        HistoryLine { at: at.trunc_subsecs(3), run: run.to_owned(), what }
    }

    /// With its line feed.
    pub fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let json = serde_json::to_string(self)?;
        out.extend_from_slice(harmless_json(&json).as_bytes());
        out.push(b'\n');
        Ok(())
    }
}

/// Of collected files, as collected last. An id that is none belongs to no row.
pub fn recorded_hashes(lines: &[HistoryLine]) -> RecordedHashes {
    let collected = lines.iter().filter_map(|line| match &line.what {
        HistoryEvent::Collected { request_id, sha256, .. } => {
            Some((request_id.parse().ok()?, sha256.clone()))
        }
        _ => None,
    });
    collected.collect()
}

/// Requests with a create, a report or a collected file in the lines.
pub fn requests_created(lines: &[HistoryLine]) -> HashSet<&str> {
    let shown = lines.iter().filter_map(|line| match &line.what {
        HistoryEvent::Attempt(Attempt { request_id, .. })
        | HistoryEvent::Adopted { request_id, .. }
        | HistoryEvent::Collected { request_id, .. }
        | HistoryEvent::Existing { request_id, report_id: Some(_) }
        | HistoryEvent::Resolve { request_id, report_id: Some(_), .. } => Some(request_id.as_str()),
        _ => None,
    });
    shown.collect()
}

/// The report of a request, by the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedReport<'l> {
    pub id: &'l str,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Whether the row had it: otherwise the row was in doubt, or the report was only seen.
    pub is_certain: bool,
}

/// The report that each request has by the lines, which are in order.
pub fn reports_by_request(lines: &[HistoryLine]) -> HashMap<&str, RecordedReport<'_>> {
    let mut reports = HashMap::new();
    for line in lines {
        let (request_id, report_id, is_certain) = match &line.what {
            HistoryEvent::Attempt(Attempt {
                request_id,
                report_id: Some(report_id),
                outcome,
                ..
            }) => (request_id, Some(report_id), outcome == Attempt::CREATED),
            HistoryEvent::Existing { request_id, report_id: Some(report_id) } => {
                (request_id, Some(report_id), false)
            }
            HistoryEvent::Resolve { request_id, report_id, .. } => {
                (request_id, report_id.as_ref(), true)
            }
            HistoryEvent::Adopted { request_id, report_id } => (request_id, Some(report_id), true),
            HistoryEvent::Recreate { request_id, .. } => (request_id, None, true),
            _ => continue,
        };
        match report_id {
            Some(id) => {
                reports.insert(request_id.as_str(), RecordedReport { id, at: line.at, is_certain })
            }
            None => reports.remove(request_id.as_str()),
        };
    }
    reports
}

/// `ledger` is the ledger itself, not a link to it.
pub fn path_of(ledger: &Path) -> PathBuf {
    companion(ledger, "history.jsonl")
}

/// Appends whole `lines`, which begin on a line of their own behind one that a crash has torn. After an error a part of
/// `lines` may be there.
pub fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    refuse_foreign(path)?;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    without_links(&mut options);
    let mut file = options.open(path)?;
    refuse_irregular(&file.metadata()?)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines)
}

/// No other file is added to or replaced, and no link is followed; nothing at `path` is fine.
pub fn refuse_foreign(path: &Path) -> io::Result<()> {
    const BEGINS: &[u8] = b"{\"at\":";
    let odd = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if path.is_symlink() {
        return odd("it is a link, and a history is a file of its own; move it away");
    }
    let start = beginning(path, 64 * 1024)?;
    // A crash may have torn or zeroed lines.
    let is_empty = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let mut lines = start.split(|byte| matches!(byte, 0 | b'\n'));
    if start.iter().all(is_empty) || lines.any(|line| line.starts_with(BEGINS)) {
        Ok(())
    } else {
        odd("it is no history of a ledger; move it away")
    }
}

/// At most `most` bytes; none where there is no file.
fn beginning(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match open_regular(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        file => drop(file?.take(most).read_to_end(&mut bytes)?),
    }
    Ok(bytes)
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// In the order of the file.
    pub lines: Vec<HistoryLine>,
    /// Torn, or of a kind that this version does not know.
    pub unreadable: usize,
}

/// When the month was opened again, by whom, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopening {
    pub at: DateTime<Utc>,
    pub by: String,
    pub reason: String,
}

/// Each time, in the order of the lines.
pub fn reopenings(lines: &[HistoryLine]) -> Vec<Reopening> {
    let reopened = lines.iter().filter_map(|line| match &line.what {
        HistoryEvent::Reopened { by, reason, .. } => {
            Some(Reopening { at: line.at, by: by.clone(), reason: reason.clone() })
        }
        _ => None,
    });
    reopened.collect()
}

/// The SHA-256 of the close file that was written then; `None`: of the last one, unless the month was opened again.
pub fn recorded_close(lines: &[HistoryLine], then: Option<DateTime<Utc>>) -> Option<&str> {
    let mut turns = lines.iter().rev().filter(|line| then.is_none_or(|then| line.at == then));
    let turn = turns.find_map(|line| match &line.what {
        HistoryEvent::Closed { sha256, .. } => Some(sha256.as_deref()),
        HistoryEvent::Reopened { .. } => Some(None),
        _ => None,
    });
    turn.flatten()
}

/// When and by whom the month was closed, unless it was opened again.
pub fn last_close(lines: &[HistoryLine]) -> Option<(DateTime<Utc>, &str)> {
    let turns = lines.iter().rev().find_map(|line| match &line.what {
        HistoryEvent::Closed { by, .. } => Some(Some((line.at, by.as_str()))),
        HistoryEvent::Reopened { .. } => Some(None),
        _ => None,
    });
    turns.flatten()
}

/// A missing file is empty.
pub fn read(path: &Path) -> io::Result<Read> {
    let mut history = Read::default();
    for line in lines(path)? {
        match serde_json::from_str(&line) {
            Ok(line) => history.lines.push(line),
            Err(_) => history.unreadable += 1,
        }
    }
    Ok(history)
}

/// As they stand, without empty ones. What is not UTF-8 is shown as such.
fn lines(path: &Path) -> io::Result<Vec<String>> {
    let bytes = beginning(path, u64::MAX)?;
    let texts = (bytes.split(|byte| *byte == b'\n'))
        .map(|line| String::from_utf8_lossy(line.trim_ascii()).into_owned());
    Ok(texts.filter(|line| !line.is_empty()).collect())
}

/// The lines of all histories, each once, in order of time, without torn ones; `None` where there is none. Kinds of
/// later versions are kept as they are. Merging the result again changes nothing.
pub fn merge(paths: &[PathBuf]) -> Result<Option<Vec<u8>>, (PathBuf, io::Error)> {
    let mut merged = BTreeSet::new();
    for path in paths {
        let lines_of_one = lines(path).map_err(|e| (path.clone(), e))?;
        merged.extend(lines_of_one.into_iter().filter_map(|line| {
            let fields: Value = serde_json::from_str(&line).ok()?;
            Some((moment(fields["at"].as_str()?)?, line))
        }));
    }
    let text: String = merged.iter().map(|(_, line)| format!("{line}\n")).collect();
    Ok((!text.is_empty()).then(|| text.into_bytes()))
}

#[cfg(test)]
mod tests;
