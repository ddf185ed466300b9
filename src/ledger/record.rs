use std::{
    cell::{Cell, Ref, RefCell},
    collections::HashSet,
    mem::discriminant,
};

use chrono::{DateTime, Utc};

use super::{Counts, Journal, JournalError, Ledger, Row, RowIndex};
use request::RequestId;

/// Keeps a ledger in memory and its file in step, on one thread. An effect is announced before it
/// ([`Record::announce`]), its result recorded after it ([`Record::conclude`]).
pub struct Record<'a> {
    ledger: RefCell<Ledger>,
    journal: Journal,
    counts: Cell<Counts>,
    /// Rows that are worked on but were not selected.
    uncounted: HashSet<RequestId>,
    now: &'a dyn Fn() -> DateTime<Utc>,
}

impl<'a> Record<'a> {
    /// The file behind `journal` holds `ledger` already; `now` is the local clock, for `updated_at`.
    pub fn new(
        ledger: Ledger,
        journal: Journal,
        counts: Counts,
        uncounted: HashSet<RequestId>,
        now: &'a dyn Fn() -> DateTime<Utc>,
    ) -> Self {
        Record { ledger: RefCell::new(ledger), journal, counts: Cell::new(counts), uncounted, now }
    }

    pub fn ledger(&self) -> Ref<'_, Ledger> {
        self.ledger.borrow()
    }

    pub fn row(&self, place: RowIndex) -> Row {
        self.ledger.borrow().row(place).clone()
    }

    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// Makes `row`'s line durable, then updates the ledger: nothing happens before it was announced.
    pub async fn announce(&self, row: &mut Row) -> Result<(), JournalError> {
        let line = self.line(row);
        self.journal.append(line).await?;
        self.keep(row);
        Ok(())
    }

    /// Updates the ledger, then makes the line durable: the final rewrite has the row even if this append fails.
    pub async fn conclude(&self, row: &mut Row) -> Result<(), JournalError> {
        let line = self.line(row);
        self.keep(row);
        self.journal.append(line).await
    }

    /// [`Record::conclude`] for a row to which nothing has happened: its time stays.
    pub async fn note(&self, row: &Row) -> Result<(), JournalError> {
        let line = self.ledger.borrow().line(row);
        self.keep(row);
        self.journal.append(line).await
    }

    fn line(&self, row: &mut Row) -> Vec<u8> {
        row.updated_at = Some((self.now)());
        self.ledger.borrow().line(row)
    }

    /// Updates the ledger in memory only.
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

    /// Closes the journal.
    pub fn into_ledger(self) -> Ledger {
        self.ledger.into_inner()
    }
}
