//! Documents that are written once, when a command has ended.

use std::{collections::HashSet, io, path::PathBuf};

use askama::Template;
use chrono::SecondsFormat;

use super::{Ending, Reporter, console, ending::Collecting, summary_json::summary_json, words};
use crate::{
    files,
    ledger::{Row, State, StatusCounts},
    sending::Stats,
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
    kind: DocumentKind,
    /// None: stdout.
    place: Option<PathBuf>,
}

impl Document {
    pub fn file(kind: DocumentKind, place: PathBuf) -> Self {
        Document { kind, place: Some(place) }
    }

    pub fn stdout(kind: DocumentKind) -> Self {
        Document { kind, place: None }
    }
}

impl Reporter for Document {
    fn name(&self) -> String {
        match &self.place {
            Some(place) => place.display().to_string(),
            None => "stdout".to_owned(),
        }
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

/// JUnit XML as GitLab and Jenkins read it. Ids stand in `system-out`: the schema of Jenkins' xUnit plugin
/// (junit-10.xsd) has no properties there, and no `skipped` on `testsuites`.
#[derive(Template)]
#[template(path = "junit.xml")]
struct Junit {
    command: String,
    manifest: String,
    time: String,
    timestamp: String,
    failures: usize,
    skipped: usize,
    cases: Vec<TestCase>,
}

/// Of one selected row. All texts are such that XML can hold them.
struct TestCase {
    name: String,
    job: String,
    ids: String,
    result: CaseResult,
}

enum CaseResult {
    Passed,
    Skipped(String),
    Failed { code: String, why: String, all: String },
}

pub(super) fn junit(ending: &Ending<'_>) -> askama::Result<String> {
    let mut names = HashSet::new();
    let cases = ending.rows.iter().map(|row| {
        let mut name = words::name(row);
        if !names.insert(name.clone()) {
            name = format!("{name} {}", row.id());
        }
        let report = row.state.report_id();
        let report =
            report.map_or_else(String::new, |id| format!("\nreport_id {}", xml(id.as_str())));
        TestCase {
            name: xml(&name),
            job: xml(&row.job),
            ids: format!("request_id {}{report}", row.id()),
            result: CaseResult::of(ending, row),
        }
    });
    let cases: Vec<TestCase> = cases.collect();
    let count =
        |is_it: fn(&CaseResult) -> bool| cases.iter().filter(|it| is_it(&it.result)).count();
    Junit {
        command: format!("monthend {}", ending.about.command),
        manifest: xml(&ending.about.manifest),
        time: format!("{:.3}", ending.elapsed().as_secs_f64()),
        timestamp: ending.about.began_at.to_rfc3339_opts(SecondsFormat::Millis, false),
        failures: count(|result| matches!(result, CaseResult::Failed { .. })),
        skipped: count(|result| matches!(result, CaseResult::Skipped(_))),
        cases,
    }
    .render()
}

impl CaseResult {
    fn of(ending: &Ending<'_>, row: &Row) -> Self {
        let skipped = |why: &str| CaseResult::Skipped(xml(why));
        let failed = |code: &str, why: &str| {
            let tracking = row.last_answer.tracking_id.as_deref();
            let tracking = tracking.map_or_else(String::new, |id| format!(" (tracking id {id})"));
            let all = xml(&format!("{code}: {why}{tracking}"));
            CaseResult::Failed { code: xml(code), why: xml(why), all }
        };
        match &row.state {
            State::Failed { .. } | State::InDoubt { .. } => {
                failed(row.state.error_code(), &row.state.text())
            }
            State::Pending { .. } => skipped("pending: not sent yet"),
            State::Sending { .. } => skipped("sending: in doubt, a report may exist"),
            State::Created(_) => match ending.collecting(row) {
                Collecting::Done => CaseResult::Passed,
                Collecting::Waiting if row.collected.error.is_empty() => {
                    skipped("not collected yet")
                }
                Collecting::Waiting => skipped(&row.collected.error),
                Collecting::Failed => failed("not_collected", &row.collected.error),
            },
        }
    }
}

/// Foreign text as XML 1.0 can hold it, on one line.
fn xml(text: &str) -> String {
    one_line(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// For Prometheus, by its node exporter's textfile collector. Every sample has the label `manifest`.
#[derive(Template)]
#[template(path = "metrics.txt")]
struct Metrics<'a> {
    /// As the value of a label.
    manifest: String,
    counts: StatusCounts,
    pace: &'a Stats,
    elapsed: f64,
    /// In seconds since 1970.
    ended_at: f64,
    exit_code: u8,
}

pub(super) fn metrics(ending: &Ending<'_>) -> askama::Result<String> {
    let manifest = one_line(&ending.about.manifest).replace('\\', r"\\").replace('"', "\\\"");
    Metrics {
        manifest,
        counts: ending.standing(),
        pace: &ending.pace,
        elapsed: ending.elapsed().as_secs_f64(),
        ended_at: ending.ended_at.timestamp_millis() as f64 / 1000.0,
        exit_code: ending.exit_code,
    }
    .render()
}
