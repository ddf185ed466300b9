//! How a command ended, for all outputs.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};

use super::causes::{CauseGroup, GroupBy, causes, failed};
use crate::{
    ledger::{Row, State, StatusCounts},
    output::history::Selected,
    sending::Stats,
};
use request::ReportStatus;

#[derive(Debug, Clone)]
pub struct About {
    pub command: &'static str,
    pub manifest: String,
    pub manifest_path: PathBuf,
    pub manifest_sha256: String,
    pub ledger: PathBuf,
    /// The day that relative periods count from.
    pub as_of: Option<NaiveDate>,
    pub selection: Selected,
    pub rehearsal: bool,
    pub collects: bool,
    /// The first line of each job in the manifest, where its jobs were read.
    pub job_lines: BTreeMap<Arc<str>, usize>,
    /// By the local clock.
    pub began_at: DateTime<Utc>,
}

#[derive(Debug)]
pub struct Ending<'a> {
    pub about: &'a About,
    pub base_url: &'a str,
    /// By the local clock.
    pub ended_at: DateTime<Utc>,
    pub exit_code: u8,
    pub reason: Option<String>,
    /// In ledger order; none where the command ended before they were known.
    pub rows: Vec<&'a Row>,
    pub pace: Stats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collecting {
    Done,
    /// Not tried, or the server still generates it.
    Waiting,
    Failed,
}

impl<'a> Ending<'a> {
    /// The most frequent first.
    pub(super) fn failures(&self, alike: GroupBy) -> Vec<CauseGroup<'a>> {
        causes(self.rows.iter().copied(), alike, failed)
    }

    /// Empty unless files were asked for. By report status, else `not_collected`.
    pub(super) fn uncollected(&self, alike: GroupBy) -> Vec<CauseGroup<'a>> {
        causes(self.rows.iter().copied(), alike, |row| {
            let status = &*row.collected.status;
            let code = if status.is_empty() { "not_collected" } else { status };
            let is_missing = self.collecting(row) != Collecting::Done;
            is_missing.then(|| (code, row.collected.error.clone()))
        })
    }

    pub(super) fn elapsed(&self) -> Duration {
        (self.ended_at - self.about.began_at).to_std().unwrap_or_default()
    }

    pub fn standing(&self) -> StatusCounts {
        let mut standing = StatusCounts::default();
        self.rows.iter().for_each(|row| standing.add(row));
        standing
    }

    pub(super) fn collecting(&self, row: &Row) -> Collecting {
        if !self.about.collects || !matches!(row.state, State::Created(_)) || row.is_collected() {
            return Collecting::Done;
        }
        let status = row.collected.status();
        let is_tried = !row.collected.error.is_empty();
        if is_tried && status != ReportStatus::InProgress {
            Collecting::Failed
        } else {
            Collecting::Waiting
        }
    }
}
