//! Writes the history of a ledger while a command goes on.

use std::{io, path::PathBuf};

use chrono::{DateTime, Utc};

use super::{Ending, Reporter};
use crate::{
    ledger::{Row, State, StatusCounts},
    output::history::{HistoryEvent, HistoryLine, RunEnd, RunStart, SeenReport, append},
    run::{Event, EventKind, Fetched},
    sending::SessionEvent,
};

/// Bytes kept in memory at most: what is not written when the process dies is lost.
const BUFFER: usize = 64 * 1024;

#[derive(Debug)]
pub struct HistoryReporter {
    path: PathBuf,
    /// Tells this command's lines from those of others.
    run: String,
    lines: Vec<u8>,
}

impl HistoryReporter {
    pub fn new(path: PathBuf, run: String, at: DateTime<Utc>, began: RunStart) -> Self {
        let mut history = HistoryReporter { path, run, lines: Vec::new() };
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
}

impl Reporter for HistoryReporter {
    fn name(&self) -> String {
        format!("the history {}", self.path.display())
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        if let Some(what) = what(&event.kind) {
            let at = match &event.kind {
                EventKind::Attempted(attempt) => attempt.left_at,
                _ => event.at,
            };
            self.add(at, what);
        }
        if self.lines.len() < BUFFER { Ok(()) } else { self.write() }
    }

    fn tick(&mut self) -> io::Result<()> {
        self.write()
    }

    fn end(&mut self, ending: &Ending<'_>) -> io::Result<()> {
        let StatusCounts { created, failed, pending, sending, collected, .. } = ending.standing();
        let end = RunEnd {
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

/// `None` where another line about the same row follows, or the run that downloaded a file has said it.
fn what(kind: &EventKind) -> Option<HistoryEvent> {
    let request_id = |row: &Row| row.id().to_string();
    let report_id = |row: &Row| row.state.report_id().map(ToString::to_string);
    Some(match kind {
        EventKind::Attempted(attempt) => HistoryEvent::Attempt(attempt.clone()),
        EventKind::News(SessionEvent::Paused { status, wait, until }) => HistoryEvent::Pause {
            reason: if *status == Some(429) {
                "the server's rate limit".to_owned()
            } else {
                "the server was busy".to_owned()
            },
            http_status: *status,
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            until: *until,
        },
        EventKind::News(SessionEvent::Failing { failures, cause }) => {
            HistoryEvent::Failing { failures: *failures, error: cause.text.clone() }
        }
        EventKind::Settled(row) if !matches!(row.state, State::Created(_)) => {
            HistoryEvent::Failed {
                request_id: request_id(row),
                error_code: row.state.error_code().to_owned(),
                error: row.state.text(),
            }
        }
        EventKind::Adopted(row) => HistoryEvent::Adopted {
            request_id: request_id(row),
            report_id: report_id(row).unwrap_or_default(),
        },
        EventKind::NotMade(row) => HistoryEvent::NotMade { request_id: request_id(row) },
        EventKind::NotLookedUp(row) => {
            HistoryEvent::NotLookedUp { request_id: request_id(row), error: row.state.text() }
        }
        EventKind::Candidates(request, reports) => HistoryEvent::Candidates {
            request_id: request.to_string(),
            reports: (reports.iter())
                .map(|report| {
                    let by = report.created_by.as_ref();
                    SeenReport::new(&report.id, report.created, by, report.status.as_deref())
                })
                .collect(),
        },
        EventKind::Existing(row) => {
            HistoryEvent::Existing { request_id: request_id(row), report_id: report_id(row) }
        }
        EventKind::GivenUp(row) => HistoryEvent::Recreate {
            request_id: request_id(row),
            replaced: row.replaces.last().map(ToString::to_string),
        },
        EventKind::Collected(row, Fetched::Now) => HistoryEvent::Collected {
            request_id: request_id(row),
            file: row.collected.file.clone(),
            sha256: row.collected.sha256.clone(),
            rows: row.collected.rows,
        },
        EventKind::NotCollected(row, _) => HistoryEvent::NotCollected {
            request_id: request_id(row),
            report_status: row.collected.status.clone(),
            error: row.collected.error.clone(),
        },
        _ => return None,
    })
}
