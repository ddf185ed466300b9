//! Which reports are ready, with few questions.
//!
//! A list of what is in progress (`status=IN_PROGRESS`, up to 100 on a page) answers for many reports at once: who is
//! not on it is ready, has failed, or is not listed yet, and is then asked for by its id, which is needed anyway for
//! the address of its file. Whether a list without `subPartnerOrgId` has the sub-partners' reports too is not
//! documented: as soon as one is seen there, that one list answers for all. Where a list would answer for one report
//! only, its id is asked at once. How long to wait is learned from how long the first ones took.

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
use request::{OrgId, ReportId};

/// Between two rounds of questions at least, and at most.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// While creates need the gate too, of so many requests that leave at most one is a list.
const SHARE: u32 = 16;
/// Who would be asked about so soon after a round is asked about in it.
const SLACK: Duration = Duration::from_millis(500);
/// A report younger than this may not be listed yet: its absence proves nothing about what lists have.
const YOUNG: Duration = Duration::from_secs(10);
/// The filter that makes lists short.
pub(super) const IN_PROGRESS: &str = "IN_PROGRESS";

/// Whether a status is one that a report ends with.
pub(super) fn is_final(status: &str) -> bool {
    ["COMPLETED", "FAILED"]
        .iter()
        .any(|last| status.eq_ignore_ascii_case(last))
}

/// One list to ask for, and the rows that it answers for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListQuestion {
    pub(super) query: ListQuery,
    rows: Vec<RowIndex>,
    /// Whether it is the list without `subPartnerOrgId` for everyone.
    is_wide: bool,
}

/// What a list without `subPartnerOrgId` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListReach {
    Unknown,
    All,
    OwnOnly,
}

/// The rows that are waited for.
#[derive(Debug)]
pub(super) struct Rounds {
    rows: WaitingRows,
    scope: ListReach,
    last_round: Option<Instant>,
    /// While creates need the gate too: how far requests are apart.
    apart: Option<Duration>,
    /// The next round would ask for more lists than it may before then.
    held_until: Option<Instant>,
    /// The wide list of this round was answered, and the narrow ones are to be asked.
    wide_done: bool,
    asking: usize,
    /// The last round has begun.
    closing: bool,
    /// The lowest age at which a report was found ready that had been in progress before.
    typical: Option<Duration>,
    /// The highest age of such a report.
    slowest: Option<Duration>,
}

impl Rounds {
    /// Waits for nothing yet.
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

    /// Waits for one more report, which is `age` old at `now`. One that was made just now is not asked about at once.
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

    /// While creates need the gate too, `apart` is how far requests are apart: lists are then asked for less often.
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

    /// The rows that are still waited for.
    pub(super) fn places(&self) -> impl Iterator<Item = RowIndex> {
        self.rows.iter().map(|(place, _)| place)
    }

    /// How old a row's report is: as the server shows it, else by what the row says.
    pub(super) fn age(&self, place: RowIndex, now: Instant) -> Duration {
        let row = self.rows.get(place);
        row.map_or(Duration::ZERO, |row| {
            self.rows.age(row.shown.unwrap_or(row.made), now)
        })
    }

    /// Whether a report takes much longer than others did, and then how old it is.
    pub(super) fn lags(&self, place: RowIndex, now: Instant) -> Option<Duration> {
        let row = self.rows.get(place).filter(|row| row.seen)?;
        let limit = self.slowest? * 3 + LONGEST;
        (self.rows.age(row.made, now) > limit).then(|| self.age(place, now))
    }

    /// Whether questions are open.
    pub(super) fn is_asking(&self) -> bool {
        self.asking > 0 || self.wide_done
    }

    /// When there is something to ask; never while questions are open. While creates need the gate too, the oldest
    /// report says when: it is the likeliest to be ready.
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

    /// The next row to be asked for by its id; it is under way then. The oldest first. One of which nothing is known
    /// waits while it is younger than those that took longer.
    pub(super) fn next_ready(&mut self, now: Instant) -> Option<RowIndex> {
        loop {
            let (place, row) = self.rows.next_ready()?;
            let age = self.rows.age(row.made, now);
            let is_early = row.step == WaitingStep::Guess && !self.closing;
            let early = self.estimate(now).saturating_sub(age);
            if !is_early || early.is_zero() {
                self.rows
                    .change(place, |row| row.step = WaitingStep::UnderWay);
                return Some(place);
            }
            self.rows.change(place, |row| {
                row.step = WaitingStep::Waits;
                row.due = now + early.min(pause_at(age));
            });
        }
    }

    /// What to ask for now; `last` asks about all that still wait. Rows that are to be asked by their id become ready.
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
                return vec![ListQuestion {
                    query: query(None),
                    rows,
                    is_wide: true,
                }];
            }
        }
        self.wide_done = false;
        let mut questions = Vec::new();
        for (org, places) in groups {
            let is_due = |place: &&RowIndex| last || self.rows.is_due(**place, soon);
            let due: Vec<RowIndex> = places.iter().filter(is_due).copied().collect();
            match (due.len(), places.len()) {
                (0, _) => {}
                // No list would spare us the question.
                (_, 1) => self.set_step(due[0], WaitingStep::Guess),
                _ => questions.push(ListQuestion {
                    query: query(org),
                    rows: places,
                    is_wide: false,
                }),
            }
        }
        self.asking = questions.len();
        questions
    }

    /// The answer to a question; `None` where there was none, and the ids have to be asked. `age` is how old a report
    /// is, as far as the server shows it. Gives the rows that are still in progress, with the server's word for it.
    pub(super) fn answered(
        &mut self,
        question: &ListQuestion,
        listed: Option<&[Listed]>,
        age: impl Fn(&Listed) -> Option<Duration>,
        now: Instant,
    ) -> Vec<(RowIndex, String)> {
        self.asking = self.asking.saturating_sub(1);
        let Some(listed) = listed else {
            match question.is_wide {
                true => (self.scope, self.wide_done) = (ListReach::OwnOnly, true),
                false => (question.rows.iter())
                    .for_each(|place| self.set_step(*place, WaitingStep::Ready)),
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
                    let status = report.status.as_deref().unwrap_or(IN_PROGRESS);
                    if is_final(status) {
                        self.set_step(*place, WaitingStep::Ready);
                    } else {
                        in_progress.push((*place, status.to_owned()));
                        self.still_in_progress(*place, age(report), now, true);
                    }
                }
                None if !has_all(&row.org, scope) => {
                    self.rows.change(*place, |row| row.missed = true);
                }
                None if row.unlisted > 0 && row.due > now => {}
                // It is not ready so soon: it is not listed yet.
                None if !closing && since_made < estimate.min(YOUNG) => {
                    let due = now + pause_at(since_made);
                    self.rows.change(*place, |row| row.due = due);
                }
                None => self.set_step(*place, WaitingStep::Ready),
            }
        }
        if question.is_wide {
            self.wide_done = self.scope != ListReach::All;
        }
        in_progress
    }

    /// A row that was asked for by its id is still in progress; `age` is how old its report is, as far as the server
    /// shows it.
    pub(super) fn in_progress(&mut self, place: RowIndex, age: Option<Duration>, now: Instant) {
        self.rows.change(place, |row| {
            row.step = WaitingStep::Waits;
            row.unlisted += 1;
        });
        self.still_in_progress(place, age, now, false);
    }

    /// A row needs nothing more.
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

    /// How long a report takes, as far as is known: as the first that was ready, or longer than the youngest that
    /// was not. One that hangs does not hold up the others for long.
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
            pause = pause
                .max(SHORTEST * 2u32.pow(row.unlisted.min(6)))
                .min(LONGEST);
        }
        let shown = shown_age.map(|age| self.rows.made(age, now));
        self.rows.change(place, |row| {
            row.seen = true;
            row.shown = shown.or(row.shown);
            row.due = now + pause;
            if is_listed {
                row.unlisted = 0;
            }
        });
    }
}

/// How many requests a list of so many reports takes: one of several pages is read until two readings agree.
fn requests(reports: usize) -> u32 {
    let pages = u32::try_from(reports.div_ceil(LARGEST_PAGE)).unwrap_or(u32::MAX);
    if pages > 1 {
        pages.saturating_mul(2)
    } else {
        1
    }
}

/// The wait until the next question about a report of this age.
fn pause_at(age: Duration) -> Duration {
    (age / 4).clamp(SHORTEST, LONGEST)
}

fn query(sub_partner: Option<OrgId>) -> ListQuery {
    ListQuery {
        sub_partner,
        status: Some(IN_PROGRESS),
        ..ListQuery::default()
    }
}

#[cfg(test)]
mod tests;
