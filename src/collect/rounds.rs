//! Finds out with few requests which reports are ready. A list with `status=IN_PROGRESS` answers for many rows: one
//! that is missing there is ready, has failed, or is not listed yet, and is read by its id, which its download address
//! needs anyway. Whether a list without `subPartnerOrgId` has the sub-partners' reports is not documented: once it
//! shows one, it answers for all.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    api::{LARGEST_PAGE, ListQuery, Listed},
    ledger::RowIndex,
};
use request::{OrgId, ReportId, ReportStatus};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// While creates need the gate too, at most one of so many requests is a list.
const SHARE: u32 = 32;
/// Rows that are due so soon after a round join it.
const SLACK: Duration = Duration::from_millis(500);
/// A younger report may not be listed yet: its absence proves nothing about what lists have.
const YOUNG: Duration = Duration::from_secs(10);
/// Reports may be older than the oldest [`Instant`], which may be the start of this computer.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListQuestion {
    pub(super) query: ListQuery,
    rows: Vec<RowIndex>,
    is_wide: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListReach {
    Unknown,
    All,
    OwnOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitingStep {
    Waits,
    /// To be read by its id: it may be ready.
    Ready,
    /// To be read by its id, since no list would say more.
    Guess,
    UnderWay,
}

#[derive(Debug)]
struct Waiting {
    id: ReportId,
    org: Option<OrgId>,
    /// By the row, on [`Rounds::clock`].
    made: Duration,
    /// By the server's stamp. Shown to people only: that clock may be set to anything.
    shown: Option<Duration>,
    /// When it is to be asked about next, while it waits.
    due: Instant,
    step: WaitingStep,
    /// How often it was in progress although the list lacked it.
    unlisted: u32,
    seen: bool,
    /// A wide list lacked it when it was no longer young.
    missed: bool,
    /// People know that it takes long.
    is_told: bool,
}

#[derive(Debug)]
pub(super) struct Rounds {
    began: Instant,
    rows: BTreeMap<RowIndex, Waiting>,
    /// To be read by id, the oldest report first.
    ready: BTreeSet<(Duration, RowIndex)>,
    /// When the rows want the next round. While creates need the gate too, the oldest report decides, else the first
    /// that is due.
    due: Option<Instant>,
    scope: ListReach,
    last_round: Option<Instant>,
    /// How many requests the lists of the last round took.
    cost: u32,
    /// While creates need the gate too: the time between two requests.
    apart: Option<Duration>,
    /// The wide list of this round was answered, and the narrow ones are to be requested.
    wide_done: bool,
    asking: usize,
    /// The last round has begun.
    closing: bool,
    /// The lowest age at which a report became ready that had been in progress before.
    typical: Option<Duration>,
    /// The highest age of such a report.
    slowest: Option<Duration>,
    /// When the youngest report was made that was seen in progress.
    youngest: Option<Duration>,
}

impl Rounds {
    pub(super) fn new(now: Instant) -> Self {
        Rounds {
            began: now,
            rows: BTreeMap::new(),
            ready: BTreeSet::new(),
            due: None,
            scope: ListReach::Unknown,
            last_round: None,
            cost: 0,
            apart: None,
            wide_done: false,
            asking: 0,
            closing: false,
            typical: None,
            slowest: None,
            youngest: None,
        }
    }

    fn clock(&self, now: Instant) -> Duration {
        CENTURY + now.saturating_duration_since(self.began)
    }

    /// Adds a report that is `age` old at `now`. One that was created just now is not due at once.
    pub(super) fn add(
        &mut self,
        place: RowIndex,
        id: ReportId,
        org: Option<OrgId>,
        (age, now): (Duration, Instant),
    ) {
        let soonest = self.typical.unwrap_or(SHORTEST).min(LONGEST);
        let due = now + soonest.saturating_sub(age);
        let waiting = Waiting {
            id,
            org,
            made: self.clock(now).saturating_sub(age),
            shown: None,
            due,
            step: WaitingStep::Waits,
            unlisted: 0,
            seen: false,
            missed: false,
            is_told: false,
        };
        self.rows.insert(place, waiting);
        self.wait(place, due);
    }

    /// While creates need the gate too, lists are requested less often; `apart` is the time between two requests.
    pub(super) fn set_apart(&mut self, apart: Option<Duration>) {
        let before = std::mem::replace(&mut self.apart, apart);
        if before.is_some() != apart.is_some() {
            self.find_due();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = RowIndex> {
        self.rows.keys().copied()
    }

    /// By the server's stamp, else by the row.
    pub(super) fn age(&self, place: RowIndex, now: Instant) -> Duration {
        let row = self.rows.get(&place);
        let made = row.map(|row| row.shown.unwrap_or(row.made));
        made.map_or(Duration::ZERO, |made| self.clock(now).saturating_sub(made))
    }

    /// Once, the age of a report that takes much longer than others did.
    pub(super) fn lags(&mut self, place: RowIndex, now: Instant) -> Option<Duration> {
        let limit = self.slowest? * 3 + LONGEST;
        let clock = self.clock(now);
        let row = self.rows.get_mut(&place).filter(|row| row.seen && !row.is_told)?;
        row.is_told = clock.saturating_sub(row.made) > limit;
        row.is_told.then(|| self.age(place, now))
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asking > 0 || self.wide_done
    }

    /// Never while lists are in flight.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.due.filter(|_| self.asking == 0)?;
        let pause = self.typical.map_or(SHORTEST, |typical| typical / 7);
        let share = self
            .apart
            .map_or(Duration::ZERO, |apart| apart.saturating_mul(self.cost.saturating_mul(SHARE)));
        let pause = pause.clamp(SHORTEST, LONGEST).max(share);
        Some(self.last_round.map_or(due, |last| due.max(last + pause)))
    }

    /// The oldest row first. One that was never seen waits while it is younger than those that took longer.
    pub(super) fn next_ready(&mut self, now: Instant) -> Option<RowIndex> {
        while let Some((made, place)) = self.ready.pop_first() {
            let age = self.clock(now).saturating_sub(made);
            let early = self.estimate(now).saturating_sub(age);
            let row = self.rows.get_mut(&place)?;
            if row.step == WaitingStep::Guess && !self.closing && !early.is_zero() {
                self.wait(place, now + early.min(pause_at(age)));
            } else {
                row.step = WaitingStep::UnderWay;
                return Some(place);
            }
        }
        None
    }

    /// `last` asks about all rows. Rows that are to be read by id become ready.
    pub(super) fn round(&mut self, now: Instant, last: bool) -> Vec<ListQuestion> {
        if self.asking > 0 || (self.closing && !self.wide_done) {
            return Vec::new();
        }
        self.closing |= last;
        let is_due = last || self.wide_done || self.next_due().is_some_and(|due| due <= now);
        if !is_due {
            return Vec::new();
        }
        let mut groups: BTreeMap<Option<OrgId>, Vec<RowIndex>> = BTreeMap::new();
        let mut due_rows = BTreeSet::new();
        for (place, row) in &self.rows {
            if row.step == WaitingStep::Waits {
                groups.entry(row.org.clone()).or_default().push(*place);
                if last || row.due <= now + SLACK {
                    due_rows.insert(*place);
                }
            }
        }
        if !self.wide_done {
            (self.last_round, self.cost) = (Some(now), 0);
            let rows: Vec<RowIndex> = groups.values().flatten().copied().collect();
            let is_wide = match self.scope {
                ListReach::All => rows.len() > 1,
                ListReach::Unknown => groups.len() > 1,
                ListReach::OwnOnly => false,
            };
            if is_wide {
                return self.ask(vec![ListQuestion { query: query(None), rows, is_wide: true }]);
            }
        }
        self.wide_done = false;
        groups.retain(|_, rows| rows.iter().any(|place| due_rows.contains(place)));
        let mut questions = Vec::new();
        for (org, rows) in groups {
            if let [only] = rows[..] {
                // No list would spare us the read.
                self.set_ready(only, WaitingStep::Guess);
            } else {
                questions.push(ListQuestion { query: query(org), rows, is_wide: false });
            }
        }
        self.ask(questions)
    }

    fn ask(&mut self, questions: Vec<ListQuestion>) -> Vec<ListQuestion> {
        self.asking = questions.len();
        self.cost += questions.iter().map(|question| requests(question.rows.len())).sum::<u32>();
        self.find_due();
        questions
    }

    /// `None` where the list failed, and the ids have to be read. Returns the rows still in progress, with their
    /// status.
    pub(super) fn answered(
        &mut self,
        question: &ListQuestion,
        listed: Option<&[Listed]>,
        age: impl Fn(&Listed) -> Option<Duration>,
        now: Instant,
    ) -> Vec<(RowIndex, String)> {
        self.asking = self.asking.saturating_sub(1);
        let Some(listed) = listed else {
            if question.is_wide {
                (self.scope, self.wide_done) = (ListReach::OwnOnly, true)
            } else {
                (question.rows.iter()).for_each(|place| self.set_ready(*place, WaitingStep::Ready))
            }
            return Vec::new();
        };
        let shown: HashMap<&ReportId, &Listed> =
            listed.iter().map(|report| (&report.id, report)).collect();
        if question.is_wide {
            let mut rows = question.rows.iter().filter_map(|place| self.rows.get(place));
            if rows.any(|row| row.org.is_some() && shown.contains_key(&row.id)) {
                self.scope = ListReach::All;
            }
            self.wide_done = self.scope != ListReach::All;
        }
        let has_all = !question.is_wide || self.scope == ListReach::All;
        let (estimate, clock) = (self.estimate(now), self.clock(now));
        let mut in_progress = Vec::new();
        for place in &question.rows {
            let Some(row) = self.rows.get_mut(place) else {
                continue;
            };
            let since_made = clock.saturating_sub(row.made);
            match shown.get(&row.id) {
                Some(report) if report.status().is_final() => {
                    self.set_ready(*place, WaitingStep::Ready);
                }
                Some(report) => {
                    row.unlisted = 0;
                    let word = report.status.as_deref().unwrap_or(ReportStatus::IN_PROGRESS);
                    in_progress.push((*place, word.to_owned()));
                    self.still_in_progress(*place, age(report), now);
                }
                None if !has_all && row.org.is_some() => row.missed |= since_made >= YOUNG,
                None if row.unlisted > 0 && row.due > now => {}
                // It is not ready so soon: it is not listed yet.
                None if !self.closing && since_made < estimate.min(YOUNG) => {
                    self.wait(*place, now + pause_at(since_made));
                }
                None => self.set_ready(*place, WaitingStep::Ready),
            }
        }
        if self.asking == 0 {
            self.find_due();
        }
        in_progress
    }

    /// By a read of its id.
    pub(super) fn in_progress(&mut self, place: RowIndex, age: Option<Duration>, now: Instant) {
        if let Some(row) = self.rows.get_mut(&place) {
            row.unlisted += 1;
        }
        self.still_in_progress(place, age, now);
    }

    pub(super) fn done(&mut self, place: RowIndex, now: Instant) {
        if let Some(row) = self.rows.remove(&place)
            && row.seen
        {
            let age = self.clock(now).saturating_sub(row.made);
            self.typical = Some(self.typical.map_or(age, |typical| typical.min(age)));
            self.slowest = self.slowest.max(Some(age));
        }
    }

    fn wait(&mut self, place: RowIndex, due: Instant) {
        if let Some(row) = self.rows.get_mut(&place) {
            (row.step, row.due) = (WaitingStep::Waits, due);
        }
        let first = self.due.map_or(due, |first| first.min(due));
        self.due = self.due.filter(|_| self.apart.is_some()).or(Some(first));
    }

    fn set_ready(&mut self, place: RowIndex, step: WaitingStep) {
        if let Some(row) = self.rows.get_mut(&place) {
            row.step = step;
            self.ready.insert((row.made, place));
        }
    }

    fn find_due(&mut self) {
        let waiting = self.rows.values().filter(|row| row.step == WaitingStep::Waits);
        self.due = match self.apart {
            Some(_) => waiting.min_by_key(|row| row.made).map(|row| row.due),
            None => waiting.map(|row| row.due).min(),
        };
    }

    /// As the first that was ready, or longer than the youngest that was not: one that hangs does not delay the others
    /// for long.
    fn estimate(&self, now: Instant) -> Duration {
        let youngest = self.youngest.map(|made| self.clock(now).saturating_sub(made).min(LONGEST));
        self.typical.or(youngest).unwrap_or_default()
    }

    fn still_in_progress(&mut self, place: RowIndex, shown: Option<Duration>, now: Instant) {
        let clock = self.clock(now);
        let Some(row) = self.rows.get_mut(&place) else {
            return;
        };
        if row.missed && self.scope == ListReach::Unknown {
            self.scope = ListReach::OwnOnly;
        }
        row.seen = true;
        row.shown = shown.map(|age| clock.saturating_sub(age)).or(row.shown);
        self.youngest = self.youngest.max(Some(row.made));
        let age = clock.saturating_sub(row.made);
        let mut pause = match self.typical {
            Some(typical) if typical > age => (typical - age).clamp(SHORTEST, LONGEST),
            _ => pause_at(age),
        };
        if row.unlisted > 0 {
            pause = pause.max(SHORTEST * 2u32.pow(row.unlisted.min(6))).min(LONGEST);
        }
        self.wait(place, now + pause);
    }
}

/// A list of several pages is read until two readings agree.
fn requests(reports: usize) -> u32 {
    let pages = u32::try_from(reports.div_ceil(LARGEST_PAGE)).unwrap_or(u32::MAX);
    if pages > 1 { pages.saturating_mul(2) } else { 1 }
}

fn pause_at(age: Duration) -> Duration {
    (age / 4).clamp(SHORTEST, LONGEST)
}

fn query(sub_partner: Option<OrgId>) -> ListQuery {
    ListQuery { sub_partner, status: Some(ReportStatus::IN_PROGRESS), ..ListQuery::default() }
}

#[cfg(test)]
mod tests;
