//! The rows of a run and the lines that make them durable. Lines are appended in groups: one flush makes all lines durable
//! that came in meanwhile.

use std::{
    cell::{Cell, Ref, RefCell},
    collections::HashSet,
    io,
    mem::discriminant,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use super::{Counts, Disk, Ledger, Row, RowIndex};
use crate::text::system_says;
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

/// Why a line is not durable. Shared by all lines of its group.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", system_says(.0))]
pub struct JournalError(pub Arc<io::Error>);

impl JournalError {
    pub(super) fn closed() -> Self {
        JournalError(Arc::new(io::Error::other("the ledger is closed")))
    }
}

struct JournalLine {
    line: Vec<u8>,
    durable: oneshot::Sender<Result<(), JournalError>>,
}

#[derive(Debug, Clone)]
pub struct Journal(mpsc::UnboundedSender<JournalLine>);

#[derive(Debug)]
pub struct JournalWriter<'d, D> {
    disk: &'d D,
    lines: mpsc::UnboundedReceiver<JournalLine>,
}

/// A journal that appends to `disk`, and its writer.
pub fn journal<D: Disk>(disk: &D) -> (Journal, JournalWriter<'_, D>) {
    let (sender, lines) = mpsc::unbounded_channel();
    (Journal(sender), JournalWriter { disk, lines })
}

impl Journal {
    /// Lines are written in the order of the calls; returns once `line` is durable. After an error it may be in the
    /// file.
    pub async fn append(&self, line: Vec<u8>) -> Result<(), JournalError> {
        let (durable, done) = oneshot::channel();
        self.0.send(JournalLine { line, durable }).map_err(|_| JournalError::closed())?;
        done.await.map_err(|_| JournalError::closed())?
    }
}

impl<D: Disk> JournalWriter<'_, D> {
    /// Works until every [`Journal`] is dropped. Returns whether there was any line.
    pub async fn run(mut self) -> bool {
        let (mut group, mut has_written) = (Vec::new(), false);
        while self.lines.recv_many(&mut group, usize::MAX).await > 0 {
            has_written = true;
            let lines: Vec<&[u8]> = group.iter().map(|e: &JournalLine| &e.line[..]).collect();
            let written = self.disk.append_and_sync(lines.concat()).await;
            let result = written.map_err(|e| JournalError(Arc::new(e)));
            for entry in group.drain(..) {
                // The receiver may have stopped waiting.
                let _ = entry.durable.send(result.clone());
            }
        }
        has_written
    }
}
