//! The life of one row in plain sentences: its history, and its state now.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};

use super::words;
use crate::{
    ledger::{Row, State},
    output::history::{AttemptRecord, HistoryEvent, HistoryLine, RunEnd, RunStart, SeenReport},
    text::one_line,
};

pub struct LifeView<'a> {
    row: &'a Row,
    /// Of this row, with its commands and the pauses between its attempts.
    lines: Vec<&'a HistoryLine>,
}

impl<'a> LifeView<'a> {
    pub fn new(row: &'a Row, lines: &'a [HistoryLine]) -> Self {
        let id = row.id().to_string();
        let is_about = |line: &&HistoryLine| line.request_id() == Some(&id);
        let about: Vec<&HistoryLine> = lines.iter().filter(is_about).collect();
        let runs: HashSet<&str> = about.iter().map(|line| &*line.run).collect();
        let first = about.iter().map(|line| line.at).min();
        let last = about.iter().map(|line| line.at).max();
        let is_told = |line: &&HistoryLine| match line.what {
            HistoryEvent::Run(_) | HistoryEvent::End(_) => runs.contains(&*line.run),
            HistoryEvent::Pause { .. } | HistoryEvent::Failing { .. } => {
                runs.contains(&*line.run) && Some(line.at) >= first && Some(line.at) <= last
            }
            _ => is_about(line),
        };
        let mut lines: Vec<&HistoryLine> = lines.iter().filter(is_told).collect();
        lines.sort_by_key(|line| line.at);
        LifeView { row, lines }
    }

    pub fn text(&self) -> String {
        let mut out = format!("{}  {}\n", self.row.id(), one_line(&words::name(self.row)));
        if self.lines.is_empty() {
            out.push_str("the history says nothing of it\n");
        }
        for line in &self.lines {
            out.push_str(&format!("{}  {}\n", time(line.at), sentence(&line.what)));
        }
        out.push_str(&format!("now: {}\n", one_line(&now(self.row))));
        out
    }

    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(&self.lines)? + "\n")
    }
}

pub(super) fn time(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M:%S UTC")
}

fn duration(ms: u64) -> String {
    words::duration(Duration::from_millis(ms))
}

/// On one line: anybody can write the file.
fn sentence(what: &HistoryEvent) -> String {
    one_line(&match what {
        HistoryEvent::Run(run) => began(run),
        HistoryEvent::End(end) => ended(end),
        HistoryEvent::Attempt(attempt) => attempted(attempt),
        HistoryEvent::Pause { reason, http_status, wait_ms, .. } => {
            let status = http_status.map_or_else(String::new, |status| format!(" ({status})"));
            let wait = duration(*wait_ms);
            format!("the server asked for a pause of {wait}: {reason}{status}")
        }
        HistoryEvent::Failing { failures, error } => {
            format!(
                "{failures} requests in a row had failed, the last one: {error}; they were sent more slowly"
            )
        }
        HistoryEvent::Adopted { report_id, .. } => {
            format!("its report was found on the server: {report_id}")
        }
        HistoryEvent::NotMade { .. } => {
            "its report was not found on the server, so it was to be sent again".to_owned()
        }
        HistoryEvent::NotLookedUp { error, .. } => {
            format!("it could not be looked up and stayed in doubt: {error}")
        }
        HistoryEvent::Failed { error_code, error, .. } => {
            format!("it failed with {error_code}: {error}")
        }
        HistoryEvent::Existing { report_id: Some(id), .. } => {
            format!("the server had a report for it already, which was taken: {id}")
        }
        HistoryEvent::Existing { report_id: None, .. } => {
            "the server had reports already that could be its own; a person had to decide"
                .to_owned()
        }
        HistoryEvent::Candidates { reports, .. } => {
            let shown: Vec<String> = reports.iter().map(candidate).collect();
            format!("reports that may be its own: {}", shown.join("; "))
        }
        HistoryEvent::Recreate { replaced, .. } => format!(
            "the server had failed to generate its report{}, which was discarded to be recreated",
            of(replaced.as_deref())
        ),
        HistoryEvent::Resolve { report_id, replaced, reason, .. } => {
            let decided = match report_id {
                Some(id) => format!("report {id}"),
                None => "to be sent again".to_owned(),
            };
            let discarded = match replaced {
                Some(id) => format!(", report {id} was discarded"),
                None => String::new(),
            };
            let reason = reason.as_ref().map_or_else(String::new, |why| format!("; {why}"));
            format!("resolved by hand: {decided}{discarded}{reason}")
        }
        HistoryEvent::Collected { file, rows, sha256, .. } => {
            let rows = rows.map_or_else(String::new, |rows| {
                let rows = usize::try_from(rows).unwrap_or(usize::MAX);
                format!(", {}", words::count(rows, "row"))
            });
            format!("its file was collected: {file}{rows}, SHA-256 {sha256}")
        }
        HistoryEvent::NotCollected { report_status, error, .. } => {
            let status = if report_status.is_empty() {
                String::new()
            } else {
                format!(" (the server says {report_status})")
            };
            format!("its file was not collected: {error}{status}")
        }
    })
}

fn candidate(report: &SeenReport) -> String {
    format!("{}, {}", report.report_id, facts(report))
}

/// `created 2026-11-02 03:04:06 UTC by Y2lz, COMPLETED`, as far as it was shown.
pub(super) fn facts(report: &SeenReport) -> String {
    let created = match report.created {
        Some(created) => format!("created {}", time(created)),
        None => "created at a time that the server does not show".to_owned(),
    };
    let by = match &report.created_by {
        Some(by) => format!("by {by}"),
        None => "by a person that the server does not show".to_owned(),
    };
    let status = report.status.as_ref();
    let status = status.map_or_else(String::new, |status| format!(", {status}"));
    one_line(&format!("{created} {by}{status}"))
}

fn of(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" {id}"))
}

fn began(run: &RunStart) -> String {
    let rehearsal = if run.rehearsal { ", a rehearsal" } else { "" };
    let as_of = run.as_of.map_or_else(String::new, |day| format!(", as of {day}"));
    format!(
        "monthend {} {} began: manifest {} ({}), {}{as_of}{rehearsal}",
        run.version,
        run.command,
        run.manifest,
        run.manifest_sha256.get(..12).unwrap_or(&run.manifest_sha256),
        run.base_url,
    )
}

fn ended(end: &RunEnd) -> String {
    match &end.reason {
        None => format!("it ended with exit code {}", end.exit_code),
        Some(reason) => format!("it ended with exit code {}: {reason}", end.exit_code),
    }
}

fn attempted(attempt: &AttemptRecord) -> String {
    let said = attempt.error.as_deref().or(attempt.error_code.as_deref());
    let said = said.map_or_else(String::new, |said| format!(": {said}"));
    let mut what = match (&*attempt.outcome, &attempt.report_id) {
        ("created", Some(id)) => format!("the server created report {id}"),
        ("refused", _) => format!("the server refused it{said}"),
        ("not_sent", _) => format!("it did not reach the server{said}"),
        _ => format!("the answer was lost{said}"),
    };
    let more = [
        attempt.http_status.map(|status| format!("HTTP {status}")),
        attempt.tracking_id.as_ref().map(|id| format!("tracking id {id}")),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    if !more.is_empty() {
        what.push_str(&format!(" ({})", more.join(", ")));
    }
    let (number, latency) = (attempt.attempt, duration(attempt.latency_ms));
    format!("attempt {number} left; after {latency} {what}")
}

fn now(row: &Row) -> String {
    let attempts = words::count(usize::try_from(row.attempts).unwrap_or(usize::MAX), "attempt");
    let collected = &row.collected;
    match &row.state {
        State::Created(id) if !collected.error.is_empty() => {
            format!("created, report {id}; not collected: {}", collected.error)
        }
        State::Created(id) if !collected.file.is_empty() => {
            format!(
                "created, report {id}, collected as {}, SHA-256 {}",
                collected.file, collected.sha256
            )
        }
        State::Created(id) => format!("created, report {id}"),
        state => {
            let said = state.text();
            let said = if said.is_empty() { said } else { format!(": {said}") };
            format!("{}{said} ({attempts})", state.word())
        }
    }
}
