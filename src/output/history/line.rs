//! One line of the history.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, SubsecRound as _, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ledger::RecordedHashes,
    text::{foreign, harmless_json, read_moment},
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
    Attempt(AttemptRecord),
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
}

/// Which rows were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Selected {
    /// `--job`
    #[serde(default)]
    pub job: Vec<String>,
    /// `--sub-partner`
    #[serde(default)]
    pub sub_partner: Vec<String>,
    /// `--type`
    #[serde(default)]
    pub r#type: Vec<String>,
    /// `--period`
    #[serde(default)]
    pub period: Vec<String>,
    /// `--cause`
    #[serde(default)]
    pub cause: Vec<String>,
    /// `--partition`, as `K/N`; null: all shares.
    #[serde(default)]
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

/// A create, from when it left to its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Attempt")]
pub struct AttemptRecord {
    /// Whose.
    pub request_id: String,
    /// Which one of this request, all runs together, from 1.
    pub attempt: u32,
    /// Until the answer was read, or nothing more was expected.
    pub latency_ms: u64,
    /// `created`; `refused`: certainly not processed; `not_sent`: the server never saw it; `in_doubt`.
    pub outcome: String,
    /// The id that the answer gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_id: Option<String>,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The server's code, or our word, as in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What the answer said, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The server's id for its support desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
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
        HistoryEvent::Attempt(AttemptRecord { request_id, .. })
        | HistoryEvent::Adopted { request_id, .. }
        | HistoryEvent::Collected { request_id, .. }
        | HistoryEvent::Existing { request_id, report_id: Some(_) }
        | HistoryEvent::Resolve { request_id, report_id: Some(_), .. } => Some(request_id.as_str()),
        _ => None,
    });
    shown.collect()
}

/// The report that each request has by the lines, which are in order, and since when.
pub fn reports_by_request(lines: &[HistoryLine]) -> HashMap<&str, (&str, DateTime<Utc>)> {
    let mut reports = HashMap::new();
    for line in lines {
        let (request_id, report_id) = match &line.what {
            HistoryEvent::Attempt(AttemptRecord {
                request_id,
                report_id: report_id @ Some(_),
                ..
            })
            | HistoryEvent::Existing { request_id, report_id: report_id @ Some(_) }
            | HistoryEvent::Resolve { request_id, report_id, .. } => {
                (request_id, report_id.as_deref())
            }
            HistoryEvent::Adopted { request_id, report_id } => {
                (request_id, Some(report_id.as_str()))
            }
            HistoryEvent::Recreate { request_id, .. } => (request_id, None),
            _ => continue,
        };
        match report_id {
            Some(report_id) => reports.insert(request_id.as_str(), (report_id, line.at)),
            None => reports.remove(request_id.as_str()),
        };
    }
    reports
}
