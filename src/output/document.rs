//! Documents that are written once, when a command has ended.

use std::{io, path::PathBuf};

use askama::Template;
use chrono::{DateTime, NaiveDate, SubsecRound as _, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CauseGroup, Ending, GroupBy, Reporter, console, junit::junit, rows};
use crate::{
    files,
    ledger::{Row, State, StatusCounts},
    text::{harmless_json, one_line},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    Junit,
    Summary,
    Metrics,
}

#[derive(Debug)]
pub struct Document {
    pub kind: DocumentKind,
    /// None: stdout.
    pub place: Option<PathBuf>,
}

impl Reporter for Document {
    fn name(&self) -> String {
        let place = self.place.as_ref();
        place.map_or_else(|| "stdout".to_owned(), |place| place.display().to_string())
    }

    fn end(&mut self, ending: &Ending<'_>) -> io::Result<()> {
        let text = match self.kind {
            DocumentKind::Junit => junit(ending).map_err(io::Error::other),
            DocumentKind::Metrics => metrics(ending).map_err(io::Error::other),
            DocumentKind::Summary => summary_json(ending)
                .map(|json| harmless_json(&json).into_owned())
                .map_err(Into::into),
        }?;
        match &self.place {
            Some(place) => files::replace(place, text.as_bytes()),
            None => console::print_json(&text),
        }
    }
}

/// For Prometheus, by its node exporter's textfile collector. Every sample has the label `manifest`.
#[derive(Template)]
#[template(path = "metrics.txt")]
struct Metrics<'a> {
    ending: &'a Ending<'a>,
    /// As the value of a label.
    manifest: String,
}

pub(super) fn metrics(ending: &Ending<'_>) -> askama::Result<String> {
    let manifest = one_line(&ending.about.manifest).replace('\\', r"\\").replace('"', "\\\"");
    Metrics { ending, manifest }.render()
}

/// How `run`, `retry` or `collect` ended.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SummaryJson<'a> {
    /// `run`, `retry` or `collect`.
    command: &'static str,
    /// Of monthend.
    version: &'static str,
    /// The manifest's name.
    manifest: &'a str,
    /// Of the manifest's bytes.
    manifest_sha256: &'a str,
    /// The ledger, as it was named.
    ledger: String,
    /// The API; empty where the command ended before it was reached.
    base_url: &'a str,
    /// Whether the reports are a sandbox's.
    rehearsal: bool,
    /// The day that relative periods counted from; null for a command that takes its requests from the ledger.
    as_of: Option<NaiveDate>,
    /// When it began, UTC.
    began_at: DateTime<Utc>,
    /// When it ended, UTC.
    ended_at: DateTime<Utc>,
    /// From the one to the other.
    elapsed_seconds: f64,
    /// 0, 1, 3, 4, 129, 130, 143 or 70: docs/exit-codes.md.
    exit_code: u8,
    /// Why it stopped early; null where it did not.
    reason: Option<&'a str>,
    /// The selected rows by what became of them.
    counts: StatusCounts,
    /// The failed rows by cause, the most frequent first.
    failures: Vec<CauseJson>,
    /// Where files were asked for: the created rows without one, by cause.
    uncollected: Vec<CauseJson>,
    /// Rows that are not sent.
    pending: Vec<String>,
    /// Rows in doubt.
    sending: Vec<String>,
    /// What left, and what was waited for.
    pace: PaceJson,
}

/// Rows with one cause.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cause")]
struct CauseJson {
    /// As in the ledger; of what is not collected: what the server said of the report, else `not_collected`.
    error_code: String,
    /// One line.
    message: String,
    /// How many sub-partners it concerns; the partner itself is none.
    sub_partners: usize,
    /// How many requests.
    requests: usize,
    /// Which ones, in the ledger's order.
    request_ids: Vec<String>,
}

/// What left, and what was waited for.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pace")]
struct PaceJson {
    /// Requests that left, of all kinds.
    http_requests: u64,
    /// Those that the server let through its limits.
    accepted: u64,
    /// Answers 429.
    rate_limited: u64,
    /// Time in pauses that the server asked for.
    paused_seconds: f64,
    /// Accepted requests per second, on average.
    accepted_per_second: f64,
    /// The rate that the server was last measured to grant, per second; null where it was not.
    measured_per_second: Option<f64>,
}

pub(super) fn summary_json(ending: &Ending<'_>) -> serde_json::Result<String> {
    let about = ending.about;
    let elapsed = ending.elapsed().as_secs_f64();
    let pace = &ending.pace;
    rows::json(&SummaryJson {
        command: about.command,
        version: env!("CARGO_PKG_VERSION"),
        manifest: &about.manifest,
        manifest_sha256: &about.manifest_sha256,
        ledger: about.ledger.display().to_string(),
        base_url: ending.base_url,
        rehearsal: about.rehearsal,
        as_of: about.as_of,
        began_at: about.began_at.trunc_subsecs(3),
        ended_at: ending.ended_at.trunc_subsecs(3),
        elapsed_seconds: elapsed,
        exit_code: ending.exit_code,
        reason: ending.reason.as_deref(),
        counts: ending.standing(),
        failures: ending.failures(GroupBy::Message).iter().map(cause).collect(),
        uncollected: ending.uncollected(GroupBy::Message).iter().map(cause).collect(),
        pending: ids(ending, |row| matches!(row.state, State::Pending { .. })),
        sending: ids(ending, |row| matches!(row.state, State::Sending { .. })),
        pace: PaceJson {
            http_requests: pace.sent,
            accepted: pace.accepted,
            rate_limited: pace.rate_limited,
            paused_seconds: pace.paused.as_secs_f64(),
            accepted_per_second: pace.accepted as f64 / elapsed.max(1e-3),
            measured_per_second: pace.measured_rate,
        },
    })
}

fn cause(failure: &CauseGroup<'_>) -> CauseJson {
    CauseJson {
        error_code: failure.code.to_owned(),
        message: failure.message().to_owned(),
        sub_partners: failure.sub_partners(),
        requests: failure.rows.len(),
        request_ids: failure.rows.iter().map(|row| row.id().to_string()).collect(),
    }
}

fn ids(ending: &Ending<'_>, is_one: impl Fn(&Row) -> bool) -> Vec<String> {
    let rows = ending.rows.iter().filter(|row| is_one(row));
    rows.map(|row| row.id().to_string()).collect()
}
