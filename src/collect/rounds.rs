//! Finds out with few requests which reports are ready. A list with `status=IN_PROGRESS` answers for many rows: one
//! that is missing there is ready, has failed, or is not listed yet, and is read by its id, which its download address
//! needs anyway. Whether a list without `subPartnerOrgId` has the sub-partners' reports is not documented: once it
//! shows one, it answers for all.

mod rows;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use rows::{Waiting, WaitingRows, WaitingStep};

use crate::{
    api::{LARGEST_PAGE, ListQuery, Listed},
    ledger::RowIndex,
};
use request::{OrgId, ReportId, ReportStatus};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// While creates need the gate too, at most one of so many requests is a list.
const SHARE: u32 = 16;
/// Rows that are due so soon after a round join it.
const SLACK: Duration = Duration::from_millis(500);
/// A younger report may not be listed yet: its absence proves nothing about what lists have.
const YOUNG: Duration = Duration::from_secs(10);

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

#[derive(Debug)]
pub(super) struct Rounds {
    rows: WaitingRows,
    scope: ListReach,
    last_round: Option<Instant>,
    /// While creates need the gate too: the time between two requests.
    apart: Option<Duration>,
    /// Until then the next round would request more lists than allowed.
    held_until: Option<Instant>,
    /// The wide list of this round was answered, and the narrow ones are to be requested.
    wide_done: bool,
    asking: usize,
    /// The last round has begun.
    closing: bool,
    /// The lowest age at which a report became ready that had been in progress before.
    typical: Option<Duration>,
    /// The highest age of such a report.
    slowest: Option<Duration>,
}

impl Rounds {
    pub(super) fn new(now: Instant) -> Self {
        Rounds {
            rows: WaitingRows::new(now),
            scope: ListReach::Unknown,
            last_round: None,
            apart: None,
            held_until: None,
            wide_done: false,
            asking: 0,
            closing: false,
            typical: None,
            slowest: None,
        }
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
        let waiting = Waiting {
            id,
            org,
            made: self.rows.made(age, now),
            due: now + soonest.saturating_sub(age),
            step: WaitingStep::Waits,
            unlisted: 0,
            seen: false,
            missed: false,
            shown: None,
        };
        self.rows.insert(place, waiting);
    }

    /// While creates need the gate too, lists are requested less often; `apart` is the time between two requests.
    pub(super) fn set_apart(&mut self, apart: Option<Duration>, now: Instant) {
        match apart {
            Some(_) => drop(self.last_round.get_or_insert(now)),
            None => self.held_until = None,
        }
        self.apart = apart;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = RowIndex> {
        self.rows.iter().map(|(place, _)| place)
    }

    /// By the server's stamp, else by the row.
    pub(super) fn age(&self, place: RowIndex, now: Instant) -> Duration {
        let row = self.rows.get(place);
        row.map_or(Duration::ZERO, |row| self.rows.age(row.shown.unwrap_or(row.made), now))
    }

    /// The age of a report that takes much longer than others did.
    pub(super) fn lags(&self, place: RowIndex, now: Instant) -> Option<Duration> {
        let row = self.rows.get(place).filter(|row| row.seen)?;
        let limit = self.slowest? * 3 + LONGEST;
        (self.rows.age(row.made, now) > limit).then(|| self.age(place, now))
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asking > 0 || self.wide_done
    }

    /// Never while lists are in flight. While creates need the gate too, the oldest report decides.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if self.asking > 0 {
            return None;
        }
        let due = match self.apart {
            Some(_) => self.rows.oldest_due()?,
            None => self.rows.first_due()?,
        };
        let pause = self.typical.map_or(SHORTEST, |typical| typical / 7);
        let pause = pause.clamp(SHORTEST, LONGEST);
        let due = self.last_round.map_or(due, |last| due.max(last + pause));
        Some(self.held_until.map_or(due, |until| due.max(until)))
    }

    /// The oldest row first. One that was never seen waits while it is younger than those that took longer.
    pub(super) fn next_ready(&mut self, now: Instant) -> Option<RowIndex> {
        loop {
            let (place, row) = self.rows.next_ready()?;
            let age = self.rows.age(row.made, now);
            let is_early = row.step == WaitingStep::Guess && !self.closing;
            let early = self.estimate(now).saturating_sub(age);
            if !is_early || early.is_zero() {
                self.set_step(place, WaitingStep::UnderWay);
                return Some(place);
            }
            self.rows.change(place, |waiting| {
                waiting.step = WaitingStep::Waits;
                waiting.due = now + early.min(pause_at(age));
            });
        }
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
        for (place, row) in self.rows.iter() {
            if row.step == WaitingStep::Waits {
                groups.entry(row.org.clone()).or_default().push(place);
            }
        }
        let soon = now + SLACK;
        if !self.wide_done {
            if let (Some(apart), Some(earlier)) = (self.apart, self.last_round)
                && !last
            {
                let all = || groups.values().map(Vec::len).sum();
                let asked = groups.values().filter(|rows| rows.len() > 1);
                let asked =
                    asked.filter(|rows| rows.iter().any(|place| self.rows.is_due(*place, soon)));
                let narrow = || asked.map(|rows| requests(rows.len())).sum::<u32>();
                let lists = match self.scope {
                    ListReach::All => requests(all()),
                    ListReach::Unknown => requests(all()) + narrow(),
                    ListReach::OwnOnly => narrow(),
                };
                let until = earlier + apart.saturating_mul(lists.saturating_mul(SHARE));
                if until > now {
                    self.held_until = Some(until);
                    return Vec::new();
                }
                self.held_until = None;
            }
            self.last_round = Some(now);
            let rows: Vec<RowIndex> = groups.values().flatten().copied().collect();
            self.rows.forget_missed();
            let is_wide = match self.scope {
                ListReach::All => rows.len() > 1,
                ListReach::Unknown => groups.len() > 1,
                ListReach::OwnOnly => false,
            };
            if is_wide {
                self.asking = 1;
                return vec![ListQuestion { query: query(None), rows, is_wide: true }];
            }
        }
        self.wide_done = false;
        let mut questions = Vec::new();
        for (org, places) in groups {
            let is_asked = |place: &&RowIndex| last || self.rows.is_due(**place, soon);
            let due: Vec<RowIndex> = places.iter().filter(is_asked).copied().collect();
            match (due.len(), places.len()) {
                (0, _) => {}
                // No list would spare us the read.
                (_, 1) => self.set_step(due[0], WaitingStep::Guess),
                _ => {
                    questions.push(ListQuestion { query: query(org), rows: places, is_wide: false })
                }
            }
        }
        self.asking = questions.len();
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
                (question.rows.iter()).for_each(|place| self.set_step(*place, WaitingStep::Ready))
            }
            return Vec::new();
        };
        let shown: HashMap<&ReportId, &Listed> =
            listed.iter().map(|report| (&report.id, report)).collect();
        if question.is_wide {
            let rows = question.rows.iter();
            let rows = rows.filter_map(|place| self.rows.get(*place));
            let mut of_others = rows.filter(|row| row.org.is_some());
            if of_others.any(|row| shown.contains_key(&row.id)) {
                self.scope = ListReach::All;
            }
        }
        let has_all = |org: &Option<OrgId>, scope| {
            !question.is_wide || scope == ListReach::All || org.is_none()
        };
        let scope = self.scope;
        let (estimate, closing) = (self.estimate(now), self.closing);
        let mut in_progress = Vec::new();
        for place in &question.rows {
            let Some(row) = self.rows.get(*place) else {
                continue;
            };
            if row.step != WaitingStep::Waits {
                continue;
            }
            let since_made = self.rows.age(row.made, now);
            match shown.get(&row.id) {
                Some(report) => {
                    if report.status().is_final() {
                        self.set_step(*place, WaitingStep::Ready);
                    } else {
                        let word = report.status.as_deref().unwrap_or(ReportStatus::IN_PROGRESS);
                        in_progress.push((*place, word.to_owned()));
                        self.still_in_progress(*place, age(report), now, true);
                    }
                }
                None if !has_all(&row.org, scope) => {
                    self.rows.change(*place, |waiting| waiting.missed = true);
                }
                None if row.unlisted > 0 && row.due > now => {}
                // It is not ready so soon: it is not listed yet.
                None if !closing && since_made < estimate.min(YOUNG) => {
                    let due = now + pause_at(since_made);
                    self.rows.change(*place, |waiting| waiting.due = due);
                }
                None => self.set_step(*place, WaitingStep::Ready),
            }
        }
        if question.is_wide {
            self.wide_done = self.scope != ListReach::All;
        }
        in_progress
    }

    pub(super) fn in_progress(&mut self, place: RowIndex, age: Option<Duration>, now: Instant) {
        self.rows.change(place, |row| {
            row.step = WaitingStep::Waits;
            row.unlisted += 1;
        });
        self.still_in_progress(place, age, now, false);
    }

    pub(super) fn done(&mut self, place: RowIndex, now: Instant) {
        if let Some(row) = self.rows.remove(place)
            && row.seen
        {
            let age = self.rows.age(row.made, now);
            self.typical = Some(self.typical.map_or(age, |typical| typical.min(age)));
            self.slowest = Some(self.slowest.map_or(age, |slowest| slowest.max(age)));
        }
    }

    fn set_step(&mut self, place: RowIndex, step: WaitingStep) {
        self.rows.change(place, |row| row.step = step);
    }

    /// As the first that was ready, or longer than the youngest that was not: one that hangs does not delay the others
    /// for long.
    fn estimate(&self, now: Instant) -> Duration {
        let youngest = self.rows.youngest_seen();
        let youngest = youngest.map(|made| self.rows.age(made, now).min(LONGEST));
        self.typical.or(youngest).unwrap_or_default()
    }

    fn still_in_progress(
        &mut self,
        place: RowIndex,
        shown_age: Option<Duration>,
        now: Instant,
        is_listed: bool,
    ) {
        let Some(row) = self.rows.get(place) else {
            return;
        };
        let age = self.rows.age(row.made, now);
        if row.missed && age >= YOUNG && self.scope == ListReach::Unknown {
            self.scope = ListReach::OwnOnly;
        }
        let mut pause = match self.typical {
            Some(typical) if typical > age => (typical - age).clamp(SHORTEST, LONGEST),
            _ => pause_at(age),
        };
        if !is_listed {
            pause = pause.max(SHORTEST * 2u32.pow(row.unlisted.min(6))).min(LONGEST);
        }
        let shown = shown_age.map(|shown| self.rows.made(shown, now));
        self.rows.change(place, |waiting| {
            waiting.seen = true;
            waiting.shown = shown.or(waiting.shown);
            waiting.due = now + pause;
            if is_listed {
                waiting.unlisted = 0;
            }
        });
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
