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
#[derive(Debug)]
pub struct Record {
    ledger: RefCell<Ledger>,
    /// `None` before and after the run: nothing is written then.
    journal: RefCell<Option<Journal>>,
    counts: Cell<Counts>,
    /// Rows that are worked on but were not selected.
    uncounted: HashSet<RequestId>,
}

impl Record {
    pub fn new(ledger: Ledger, counts: Counts, uncounted: HashSet<RequestId>) -> Self {
        Record {
            ledger: RefCell::new(ledger),
            journal: RefCell::default(),
            counts: Cell::new(counts),
            uncounted,
        }
    }

    /// From now on lines go to `journal`, whose file holds the ledger already.
    pub fn open(&self, journal: Journal) {
        self.journal.replace(Some(journal));
    }

    /// Ends the journal, and takes the ledger out.
    pub fn close(&self) -> Ledger {
        self.journal.take();
        self.ledger.take()
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

    /// Makes `row`'s line durable, with the time `at`, then updates the ledger: nothing happens before it was announced.
    pub async fn announce(&self, row: &mut Row, at: DateTime<Utc>) -> Result<(), JournalError> {
        row.updated_at = Some(at);
        let line = self.ledger.borrow().line(row);
        self.append(line).await?;
        self.keep(row);
        Ok(())
    }

    /// Updates the ledger, then makes the line durable: the final rewrite has the row even if this append fails.
    pub async fn conclude(&self, row: &mut Row, at: DateTime<Utc>) -> Result<(), JournalError> {
        row.updated_at = Some(at);
        self.note(row).await
    }

    /// [`Record::conclude`] for a row to which nothing has happened: its time stays.
    pub async fn note(&self, row: &Row) -> Result<(), JournalError> {
        let line = self.ledger.borrow().line(row);
        self.keep(row);
        self.append(line).await
    }

    async fn append(&self, line: Vec<u8>) -> Result<(), JournalError> {
        let journal = self.journal.borrow().clone();
        match journal {
            Some(journal) => journal.append(line).await,
            None => Err(JournalError::closed()),
        }
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
}
