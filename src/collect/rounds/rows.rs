//! The rows that are waited for, sorted by all that is looked for, so that nothing is searched however many wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::TimeDelta;
use tokio::time::Instant;

use crate::ledger::RowIndex;
use request::{OrgId, ReportId};

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: ReportId,
    pub(super) org: Option<OrgId>,
    /// By the row.
    pub(super) made: CreatedAt,
    /// By the server's stamp. Shown to people only: that clock may be set to anything.
    pub(super) shown: Option<CreatedAt>,
    /// When it is to be asked about next, while it waits.
    pub(super) due: Instant,
    pub(super) step: WaitingStep,
    /// How often it was in progress although the list lacked it.
    pub(super) unlisted: u32,
    pub(super) seen: bool,
    /// The last wide list lacked it.
    pub(super) missed: bool,
}

/// Relative to when the waiting began: often before this computer was started, where an [`Instant`] may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CreatedAt(TimeDelta);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitingStep {
    Waits,
    /// To be read by its id: it may be ready.
    Ready,
    /// To be read by its id, since no list would say more.
    Guess,
    UnderWay,
}

#[derive(Debug)]
pub(super) struct WaitingRows {
    began: Instant,
    all: BTreeMap<RowIndex, Waiting>,
    by_due: BTreeSet<(Instant, RowIndex)>,
    /// The oldest report first.
    by_age: BTreeSet<(CreatedAt, RowIndex)>,
    /// Rows to be read by id, the oldest report first.
    ready: BTreeSet<(CreatedAt, RowIndex)>,
    /// Rows seen in progress, the oldest report first.
    seen: BTreeSet<(CreatedAt, RowIndex)>,
}

impl WaitingRows {
    pub(super) fn new(began: Instant) -> Self {
        WaitingRows {
            began,
            all: BTreeMap::new(),
            by_due: BTreeSet::new(),
            by_age: BTreeSet::new(),
            ready: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn made(&self, age: Duration, now: Instant) -> CreatedAt {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        CreatedAt(self.since_began(now).checked_sub(&age).unwrap_or(TimeDelta::MIN))
    }

    pub(super) fn age(&self, made: CreatedAt, now: Instant) -> Duration {
        let age = self.since_began(now).checked_sub(&made.0);
        age.map_or(Duration::MAX, |age| age.to_std().unwrap_or_default())
    }

    fn since_began(&self, now: Instant) -> TimeDelta {
        TimeDelta::from_std(now.saturating_duration_since(self.began)).unwrap_or(TimeDelta::MAX)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, place: RowIndex) -> Option<&Waiting> {
        self.all.get(&place)
    }

    pub(super) fn is_due(&self, place: RowIndex, by: Instant) -> bool {
        self.get(place).is_some_and(|row| row.due <= by)
    }

    /// In the order of the ledger.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RowIndex, &Waiting)> {
        self.all.iter().map(|(place, row)| (*place, row))
    }

    pub(super) fn insert(&mut self, place: RowIndex, row: Waiting) {
        self.index(place, &row);
        self.all.insert(place, row);
    }

    pub(super) fn remove(&mut self, place: RowIndex) -> Option<Waiting> {
        let row = self.all.remove(&place)?;
        self.forget(place, &row);
        Some(row)
    }

    pub(super) fn change(&mut self, place: RowIndex, change: impl FnOnce(&mut Waiting)) {
        if let Some(mut row) = self.remove(place) {
            change(&mut row);
            self.insert(place, row);
        }
    }

    pub(super) fn forget_missed(&mut self) {
        self.all.values_mut().for_each(|row| row.missed = false);
    }

    pub(super) fn first_due(&self) -> Option<Instant> {
        self.by_due.first().map(|(due, _)| *due)
    }

    pub(super) fn oldest_due(&self) -> Option<Instant> {
        let (_, place) = self.by_age.first()?;
        self.get(*place).map(|row| row.due)
    }

    pub(super) fn next_ready(&self) -> Option<(RowIndex, &Waiting)> {
        let (_, place) = self.ready.first()?;
        self.get(*place).map(|row| (*place, row))
    }

    pub(super) fn youngest_seen(&self) -> Option<CreatedAt> {
        self.seen.last().map(|(made, _)| *made)
    }

    fn index(&mut self, place: RowIndex, row: &Waiting) {
        match row.step {
            WaitingStep::Waits => {
                self.by_due.insert((row.due, place));
                self.by_age.insert((row.made, place));
            }
            WaitingStep::Ready | WaitingStep::Guess => drop(self.ready.insert((row.made, place))),
            WaitingStep::UnderWay => {}
        }
        if row.seen {
            self.seen.insert((row.made, place));
        }
    }

    fn forget(&mut self, place: RowIndex, row: &Waiting) {
        self.by_due.remove(&(row.due, place));
        self.by_age.remove(&(row.made, place));
        self.ready.remove(&(row.made, place));
        self.seen.remove(&(row.made, place));
    }
}
