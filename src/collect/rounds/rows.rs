//! The rows that are waited for, in every order in which one is looked for: nothing is searched, however many wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::TimeDelta;
use tokio::time::Instant;

use crate::ledger::RowIndex;
use request::{OrgId, ReportId};

/// What is known of a row whose report is not there yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: ReportId,
    pub(super) org: Option<OrgId>,
    /// As the row says.
    pub(super) made: CreatedAt,
    /// As the server shows it. People are told so, and nothing is planned by it: its clock may be set to anything.
    pub(super) shown: Option<CreatedAt>,
    /// When it is to be asked about next, while it waits.
    pub(super) due: Instant,
    pub(super) step: WaitingStep,
    /// How often it was not listed as in progress and was so all the same.
    pub(super) unlisted: u32,
    /// It was seen in progress.
    pub(super) seen: bool,
    /// The last wide list lacked it.
    pub(super) missed: bool,
}

/// When a report was made, from when the waiting began: often before, and perhaps before this computer was started,
/// where an [`Instant`] may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CreatedAt(TimeDelta);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitingStep {
    Waits,
    /// To be asked for by its id: it may be ready.
    Ready,
    /// To be asked for by its id, since no list would say more.
    Guess,
    UnderWay,
}

/// All of them.
#[derive(Debug)]
pub(super) struct WaitingRows {
    began: Instant,
    all: BTreeMap<RowIndex, Waiting>,
    /// Who waits, by when they are due.
    by_due: BTreeSet<(Instant, RowIndex)>,
    /// Who waits, the oldest report first.
    by_age: BTreeSet<(CreatedAt, RowIndex)>,
    /// Who is to be asked for by their id, the oldest report first.
    ready: BTreeSet<(CreatedAt, RowIndex)>,
    /// Who was seen in progress, the oldest report first.
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

    /// When a report was made that is `age` old at `now`.
    pub(super) fn made(&self, age: Duration, now: Instant) -> CreatedAt {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        CreatedAt(
            self.since_began(now)
                .checked_sub(&age)
                .unwrap_or(TimeDelta::MIN),
        )
    }

    /// How old a report is.
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

    /// Whether a row is due by then.
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

    /// Changes a row, and where it stands in the orders.
    pub(super) fn change(&mut self, place: RowIndex, change: impl FnOnce(&mut Waiting)) {
        if let Some(mut row) = self.remove(place) {
            change(&mut row);
            self.insert(place, row);
        }
    }

    /// A new wide list is asked for: nobody is missing on it yet.
    pub(super) fn forget_missed(&mut self) {
        self.all.values_mut().for_each(|row| row.missed = false);
    }

    /// When the first of those who wait is due.
    pub(super) fn first_due(&self) -> Option<Instant> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// When the oldest report of those who wait is due.
    pub(super) fn oldest_due(&self) -> Option<Instant> {
        let (_, place) = self.by_age.first()?;
        self.get(*place).map(|row| row.due)
    }

    /// Who is to be asked for by the id next: the oldest report.
    pub(super) fn next_ready(&self) -> Option<(RowIndex, &Waiting)> {
        let (_, place) = self.ready.first()?;
        self.get(*place).map(|row| (*place, row))
    }

    /// When the youngest report was made that was seen in progress.
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
