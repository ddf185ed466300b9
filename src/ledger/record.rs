//! A ledger while it is worked on: what is known in memory, what is on the disk, and how far the work is.

use std::{
    cell::{Cell, Ref, RefCell},
    collections::HashSet,
    mem::discriminant,
};

use chrono::{DateTime, Utc};

use super::{Journal, JournalError, Ledger, Row, RowIndex, State};
use request::RequestId;

/// The selected rows by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Created before this run.
    pub skipped: usize,
    /// Made by somebody else before this run, and taken for the rows (`--existing adopt`).
    pub adopted: usize,
    /// Created in this run.
    pub created: usize,
    /// Failed, those that await a decision included.
    pub failed: usize,
    /// Not sent, or known not to have been processed.
    pub pending: usize,
    /// In doubt.
    pub sending: usize,
    /// Of the created ones, those whose file is there; 0 where nothing is collected.
    pub collected: usize,
    /// Of those, the ones whose file has a header only.
    pub empty: usize,
    /// Of the collected ones, those whose file lay there before this run.
    pub kept: usize,
    /// Of the created ones, those that are to be collected and are not, or not yet.
    pub uncollected: usize,
    /// Of the uncollected ones, those whose report was waited for in vain.
    pub in_progress: usize,
    /// Of the uncollected ones, those whose report the server could not make.
    pub server_failed: usize,
    /// Of the uncollected ones, those that were not to be had or not to be taken, for a reason that the row says.
    pub refused: usize,
}

impl Counts {
    /// All selected rows.
    pub fn total(&self) -> usize {
        self.done() + self.pending + self.sending
    }

    /// Those that this run is done with.
    pub fn done(&self) -> usize {
        self.skipped + self.adopted + self.created + self.failed
    }

    /// The count that a row in `state` belongs to, where it was not created before this run.
    pub fn of(&mut self, state: &State) -> &mut usize {
        match state {
            State::Created(_) => &mut self.created,
            State::Failed { .. } | State::InDoubt { .. } => &mut self.failed,
            State::Pending { .. } => &mut self.pending,
            State::Sending { .. } => &mut self.sending,
        }
    }
}

/// Keeps a ledger in memory and its file in step. Everything runs on one thread.
///
/// What announces an effect is recorded before it ([`Record::announce`]), what an effect led to after it
/// ([`Record::conclude`]).
pub struct Record<'a> {
    ledger: RefCell<Ledger>,
    journal: Journal,
    counts: Cell<Counts>,
    /// Rows that are worked on but were not selected.
    uncounted: HashSet<RequestId>,
    now: &'a dyn Fn() -> DateTime<Utc>,
}

impl<'a> Record<'a> {
    /// A record that begins with `ledger`, which the file behind `journal` holds already. `counts` has all selected
    /// rows; of those that are worked on, `uncounted` are none of them. `now` is the local clock, for `updated_at`.
    pub fn new(
        ledger: Ledger,
        journal: Journal,
        counts: Counts,
        uncounted: HashSet<RequestId>,
        now: &'a dyn Fn() -> DateTime<Utc>,
    ) -> Self {
        Record {
            ledger: RefCell::new(ledger),
            journal,
            counts: Cell::new(counts),
            uncounted,
            now,
        }
    }

    /// The ledger as it is known now.
    pub fn ledger(&self) -> Ref<'_, Ledger> {
        self.ledger.borrow()
    }

    /// The row at `place` as it is known now.
    pub fn row(&self, place: RowIndex) -> Row {
        self.ledger.borrow().row(place).clone()
    }

    /// How far the selected rows are.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// Counts what became of the report of a created row.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// Puts `row`'s line on the disk, then takes it into the ledger: until it is durable, nothing it announces happens.
    ///
    /// # Errors
    /// The line is not durable, and the ledger does not know it.
    pub async fn announce(&self, row: &mut Row) -> Result<(), JournalError> {
        let line = self.line(row);
        self.journal.append(line).await?;
        self.keep(row);
        Ok(())
    }

    /// Takes `row` into the ledger, then puts its line on the disk: whatever becomes of the wait for the disk, the
    /// ledger that is written at the end knows it.
    ///
    /// # Errors
    /// The line is not durable.
    pub async fn conclude(&self, row: &mut Row) -> Result<(), JournalError> {
        let line = self.line(row);
        self.keep(row);
        self.journal.append(line).await
    }

    /// [`Record::conclude`] for a row to which nothing has happened: its time stays.
    ///
    /// # Errors
    /// The line is not durable.
    pub async fn note(&self, row: &Row) -> Result<(), JournalError> {
        let line = self.ledger.borrow().line(row);
        self.keep(row);
        self.journal.append(line).await
    }

    fn line(&self, row: &mut Row) -> Vec<u8> {
        row.updated_at = Some((self.now)());
        self.ledger.borrow().line(row)
    }

    /// Takes `row` into the ledger in memory only.
    pub fn keep(&self, row: &Row) {
        let mut ledger = self.ledger.borrow_mut();
        if !self.uncounted.contains(&row.id()) {
            let mut counts = self.counts.get();
            let before = ledger.get(row.id()).map(|before| &before.state);
            // A row that was created before this run, and is collected in it, stays where it is counted.
            if before.map(discriminant) != Some(discriminant(&row.state)) {
                if let Some(before) = before {
                    *counts.of(before) -= 1;
                }
                *counts.of(&row.state) += 1;
            }
            self.counts.set(counts);
        }
        ledger.fold(row.clone());
    }

    /// The ledger, once nothing is worked on any more. Closes the journal.
    pub fn into_ledger(self) -> Ledger {
        self.ledger.into_inner()
    }
}
