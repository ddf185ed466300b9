use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Row, State};

/// Rows by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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

impl StatusCounts {
    pub fn add(&mut self, row: &Row) {
        let StatusCounts { created, failed, pending, sending, .. } = self;
        *of_state(&row.state, [created, failed, pending, sending]) += 1;
        if row.is_collected() {
            self.collected += 1;
            self.empty += usize::from(row.collected.rows == Some(0));
        }
    }
}

fn of_state<'c>(
    state: &State,
    [created, failed, pending, sending]: [&'c mut usize; 4],
) -> &'c mut usize {
    match state {
        State::Created(_) => created,
        State::Failed { .. } | State::InDoubt { .. } => failed,
        State::Pending { .. } => pending,
        State::Sending { .. } => sending,
    }
}

/// The selected rows of a run by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Created before this run.
    pub skipped: usize,
    /// Created by somebody else before this run (`--existing adopt`).
    pub adopted: usize,
    /// Created in this run.
    pub created: usize,
    /// Failed, or `in_doubt`.
    pub failed: usize,
    /// Not sent, or known not to have been processed.
    pub pending: usize,
    pub sending: usize,
    /// Created rows with a file; 0 where nothing is collected.
    pub collected: usize,
    /// Collected rows whose file has a header only.
    pub empty: usize,
    /// Created rows that are to be collected and are not yet.
    pub uncollected: usize,
    /// Uncollected rows whose report was not ready in time.
    pub in_progress: usize,
    /// Uncollected rows whose report the server could not generate.
    pub server_failed: usize,
    /// Other uncollected rows; the row says why.
    pub refused: usize,
}

impl Counts {
    pub fn total(&self) -> usize {
        self.done() + self.pending + self.sending
    }

    /// Rows that this run is done with.
    pub fn done(&self) -> usize {
        self.skipped + self.adopted + self.created + self.failed
    }

    /// The count for `state`, of a row that was not created before this run.
    pub fn of(&mut self, state: &State) -> &mut usize {
        let Counts { created, failed, pending, sending, .. } = self;
        of_state(state, [created, failed, pending, sending])
    }
}
