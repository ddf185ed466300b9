//! Writes the history of a ledger while a command goes on.

use std::{io, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Ending, Reporter};
use crate::{
    ledger::{Row, State, StatusCounts},
    output::history::{self, HistoryEvent, HistoryLine, RunStart, SeenReport, append},
    run::{Attempt, Event, EventKind, Fetched},
    sending::SessionEvent,
};

/// Bytes kept in memory at most: what is not written when the process dies is lost.
const BUFFER: usize = 64 * 1024;
/// Answers that were in flight together announce one pause with slightly different ends.
const SAME_PAUSE: TimeDelta = TimeDelta::milliseconds(500);

#[derive(Debug)]
pub struct HistoryReporter {
    path: PathBuf,
    /// Tells this command's lines from those of others.
    run: String,
    lines: Vec<u8>,
    paused_until: Option<DateTime<Utc>>,
}

impl HistoryReporter {
    pub fn new(path: PathBuf, run: String, at: DateTime<Utc>, began: RunStart) -> Self {
        let mut history = HistoryReporter { path, run, lines: Vec::new(), paused_until: None };
        history.add(at, HistoryEvent::Run(began));
        history
    }

    fn add(&mut self, at: DateTime<Utc>, what: HistoryEvent) {
        // A line always serialises.
        let _ = HistoryLine::new(at, &self.run, what).write(&mut self.lines);
    }

    fn write(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            Ok(())
        } else {
            append(&self.path, &std::mem::take(&mut self.lines))
        }
    }

    fn on_news(&mut self, at: DateTime<Utc>, news: &SessionEvent) {
        match news {
            SessionEvent::Paused { status, wait, until } => {
                if self.paused_until.is_some_and(|known| *until < known + SAME_PAUSE) {
                    return;
                }
                self.paused_until = Some(*until);
                let reason = match status {
                    Some(429) => "the server's rate limit",
                    _ => "the server was busy",
                };
                let pause = HistoryEvent::Pause {
                    reason: reason.to_owned(),
                    http_status: *status,
                    wait_ms: millis(*wait),
                    until: *until,
                };
                self.add(at, pause);
            }
            SessionEvent::Failing { failures, cause } => {
                let error = cause.text.clone();
                let failures = *failures;
                self.add(at, HistoryEvent::Failing { failures, error });
            }
            // Repeated creates stand in the history as attempts.
            SessionEvent::Retrying { .. } | SessionEvent::Renewed => {}
        }
    }
}

impl Reporter for HistoryReporter {
    fn name(&self) -> String {
        format!("the history {}", self.path.display())
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::Attempted(attempt) => self.add(attempt.left_at, attempted(attempt)),
            EventKind::News(news) => self.on_news(event.at, news),
            kind => {
                if let Some(what) = what(kind) {
                    self.add(event.at, what);
                }
            }
        }
        if self.lines.len() < BUFFER { Ok(()) } else { self.write() }
    }

    fn tick(&mut self) -> io::Result<()> {
        self.write()
    }

    fn end(&mut self, ending: &Ending<'_>) -> io::Result<()> {
        let StatusCounts { created, failed, pending, sending, collected, .. } = ending.standing();
        let end = history::RunEnd {
            exit_code: ending.exit_code,
            reason: ending.reason.clone(),
            created,
            failed,
            pending,
            sending,
            collected,
        };
        self.add(ending.ended_at, HistoryEvent::End(end));
        self.write()
    }
}

fn attempted(attempt: &Attempt) -> HistoryEvent {
    HistoryEvent::Attempt(history::AttemptRecord {
        request_id: attempt.request.to_string(),
        attempt: attempt.number,
        latency_ms: millis(attempt.latency),
        outcome: attempt.outcome.to_owned(),
        report_id: attempt.report_id.as_ref().map(ToString::to_string),
        http_status: attempt.http_status,
        error_code: attempt.error_code.clone(),
        error: attempt.error.clone(),
        tracking_id: attempt.tracking_id.clone(),
    })
}

fn what(kind: &EventKind) -> Option<HistoryEvent> {
    let report_id = |row: &Row| row.state.report_id().map(ToString::to_string);
    Some(match kind {
        EventKind::Settled(row) if !matches!(row.state, State::Created(_)) => {
            HistoryEvent::Failed {
                request_id: row.id().to_string(),
                error_code: row.state.error_code().to_owned(),
                error: row.state.text(),
            }
        }
        EventKind::Adopted(row) => HistoryEvent::Adopted {
            request_id: row.id().to_string(),
            report_id: report_id(row).unwrap_or_default(),
        },
        EventKind::NotMade(row) => HistoryEvent::NotMade { request_id: row.id().to_string() },
        EventKind::NotLookedUp(row) => {
            HistoryEvent::NotLookedUp { request_id: row.id().to_string(), error: row.state.text() }
        }
        EventKind::Candidates(request, reports) => {
            let reports = reports.iter().map(|report| {
                let by = report.created_by.as_ref();
                SeenReport::new(&report.id, report.created, by, report.status.as_deref())
            });
            let request_id = request.to_string();
            HistoryEvent::Candidates { request_id, reports: reports.collect() }
        }
        EventKind::Existing(row) => {
            HistoryEvent::Existing { request_id: row.id().to_string(), report_id: report_id(row) }
        }
        EventKind::GivenUp(row) => HistoryEvent::Recreate {
            request_id: row.id().to_string(),
            replaced: row.replaces.last().map(ToString::to_string),
        },
        EventKind::Collected(row, Fetched::Now) => HistoryEvent::Collected {
            request_id: row.id().to_string(),
            file: row.collected.file.clone(),
            sha256: row.collected.sha256.clone(),
            rows: row.collected.rows,
        },
        EventKind::NotCollected(row, _) => HistoryEvent::NotCollected {
            request_id: row.id().to_string(),
            report_status: row.collected.status.clone(),
            error: row.collected.error.clone(),
        },
        // Said by the run that downloaded it.
        EventKind::Collected(_, Fetched::Before) => return None,
        // Another line about the same row follows, or they concern all rows.
        EventKind::Settled(_)
        | EventKind::Attempted(_)
        | EventKind::Started
        | EventKind::Retrying { .. }
        | EventKind::InDoubt(_)
        | EventKind::Lagging { .. }
        | EventKind::News(_)
        | EventKind::Stopping(_)
        | EventKind::Finished => return None,
    })
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
