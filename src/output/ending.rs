//! How a command ended: complete enough that no output has to ask back.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::causes::{CauseGroup, GroupBy, causes, failed};
use crate::{
    history::Selected,
    ledger::{Row, State},
    pacing::Stats,
};

/// What is known of a command before its work.
#[derive(Debug, Clone)]
pub struct About {
    /// `run`, `retry` or `collect`.
    pub command: &'static str,
    /// The manifest's name.
    pub manifest: String,
    /// The manifest, as it was given.
    pub manifest_path: PathBuf,
    /// Of the manifest's bytes, in hexadecimal digits.
    pub manifest_sha256: String,
    /// The ledger, as it was given.
    pub ledger: PathBuf,
    /// The day that relative periods count from, where that matters.
    pub as_of: Option<NaiveDate>,
    /// The selectors as they were given.
    pub selection: Selected,
    /// Whether the reports are a sandbox's.
    pub rehearsal: bool,
    /// Whether files were asked for.
    pub collects: bool,
    /// On which line of the manifest each job begins, where its jobs were read.
    pub job_lines: BTreeMap<Arc<str>, usize>,
    /// When it began, by the local clock.
    pub began_at: DateTime<Utc>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ending<'a> {
    /// What was known before.
    pub about: &'a About,
    /// The API; of a sandbox, where it listened.
    pub base_url: &'a str,
    /// When, by the local clock.
    pub ended_at: DateTime<Utc>,
    /// See docs/exit-codes.md.
    pub exit_code: u8,
    /// Why it stopped early, one line.
    pub reason: Option<String>,
    /// The selected rows in the ledger's order, as they are now; none where it ended before they were known.
    pub rows: Vec<&'a Row>,
    /// What the gate counted.
    pub pace: Stats,
}

/// The selected rows by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Standing")]
pub struct StatusCounts {
    /// Their reports exist.
    pub created: usize,
    /// They failed, or await a decision.
    pub failed: usize,
    /// They are not sent, or known not to have been processed.
    pub pending: usize,
    /// In doubt: a report may exist.
    pub sending: usize,
    /// Of the created ones, those whose file is there.
    pub collected: usize,
    /// Of the collected ones, those without any row.
    pub empty: usize,
}

/// Whether the report of a row is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collecting {
    /// It is, or there is nothing to collect.
    Done,
    /// It was not tried, or the server still makes it.
    Waiting,
    /// It cannot be had: the row says why.
    Failed,
}

impl<'a> Ending<'a> {
    /// The failed rows by cause, the most frequent first.
    pub(super) fn failures(&self, alike: GroupBy) -> Vec<CauseGroup<'a>> {
        causes(self.rows.iter().copied(), alike, failed)
    }

    /// Where files were asked for: the created rows without one, by what the server said of the report, else
    /// `not_collected`.
    pub(super) fn uncollected(&self, alike: GroupBy) -> Vec<CauseGroup<'a>> {
        causes(self.rows.iter().copied(), alike, |row| {
            let code = match &*row.collected.status {
                "" => "not_collected",
                status => status,
            };
            match self.collecting(row) {
                Collecting::Done => None,
                Collecting::Waiting | Collecting::Failed => {
                    Some((code, row.collected.error.clone()))
                }
            }
        })
    }

    /// Counts the rows.
    pub fn standing(&self) -> StatusCounts {
        let mut standing = StatusCounts::default();
        for row in &self.rows {
            *match row.state {
                State::Created(_) => &mut standing.created,
                State::Failed { .. } | State::InDoubt { .. } => &mut standing.failed,
                State::Pending { .. } => &mut standing.pending,
                State::Sending { .. } => &mut standing.sending,
            } += 1;
            if row.is_collected() {
                standing.collected += 1;
                standing.empty += usize::from(row.collected.rows == Some(0));
            }
        }
        standing
    }

    /// How far the report of a created row is, where files were asked for.
    pub(super) fn collecting(&self, row: &Row) -> Collecting {
        if !self.about.collects || !matches!(row.state, State::Created(_)) || row.is_collected() {
            return Collecting::Done;
        }
        let is_over = !row.collected.is_in_progress();
        let is_tried = !row.collected.error.is_empty();
        match is_tried && (is_over || row.collected.status.is_empty()) {
            true => Collecting::Failed,
            false => Collecting::Waiting,
        }
    }
}
