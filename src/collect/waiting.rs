//! Which reports are ready, with few questions.
//!
//! A list of what is in progress (`status=IN_PROGRESS`, up to 100 on a page) answers for many reports at once: who is
//! not on it is ready, has failed, or is not listed yet, and is then asked for by its id, which is needed anyway for
//! the address of its file. Whether a list without `subPartnerOrgId` has the sub-partners' reports too is not
//! documented: as soon as one is seen there, that one list answers for all. Where a list would answer for one report
//! only, its id is asked at once. How long to wait is learned from how long the first ones took.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    api::{LARGEST_PAGE, ListQuery, Listed},
    ledger::Place,
    request::{OrgId, ReportId},
};

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
pub(super) struct Question {
    pub(super) query: ListQuery,
    rows: Vec<Place>,
    /// Whether it is the list without `subPartnerOrgId` for everyone.
    is_wide: bool,
}

/// What a list without `subPartnerOrgId` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Unknown,
    All,
    OwnOnly,
}

#[derive(Debug)]
struct Waiting {
    id: ReportId,
    org: Option<OrgId>,
    /// How old its report was, and when.
    aged: (Duration, Instant),
    due: Instant,
    step: Step,
    /// How often it was not listed as in progress and was so all the same.
    unlisted: u32,
    /// It was seen in progress.
    seen: bool,
    /// The last wide list lacked it.
    missed: bool,
}

impl Waiting {
    /// When its report was made; `None`, which comes first, where this is before the clock's beginning.
    fn made(&self) -> Option<Instant> {
        let (age, at) = self.aged;
        at.checked_sub(age)
    }

    fn age(&self, now: Instant) -> Duration {
        let (age, at) = self.aged;
        age + now.saturating_duration_since(at)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Waits,
    /// To be asked for by its id: it may be ready.
    Ready,
    /// To be asked for by its id, since no list would say more.
    Guess,
    UnderWay,
}

impl Step {
    fn is_ready(self) -> bool {
        matches!(self, Step::Ready | Step::Guess)
    }
}

/// The rows that are waited for.
#[derive(Debug)]
pub(super) struct Watch {
    rows: BTreeMap<Place, Waiting>,
    scope: Scope,
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

impl Watch {
    /// Waits for nothing yet.
    pub(super) fn new() -> Self {
        Watch {
            rows: BTreeMap::new(),
            scope: Scope::Unknown,
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
        place: Place,
        id: ReportId,
        org: Option<OrgId>,
        (age, now): (Duration, Instant),
    ) {
        let soonest = self.typical.unwrap_or(SHORTEST).min(LONGEST);
        let waiting = Waiting {
            id,
            org,
            aged: (age, now),
            due: now + soonest.saturating_sub(age),
            step: Step::Waits,
            unlisted: 0,
            seen: false,
            missed: false,
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
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.rows.keys().copied()
    }

    /// The rows that were seen in progress.
    pub(super) fn was_seen(&self, place: Place) -> bool {
        self.rows.get(&place).is_some_and(|row| row.seen)
    }

    /// How old a row's report is.
    pub(super) fn age(&self, place: Place, now: Instant) -> Duration {
        self.rows
            .get(&place)
            .map_or(Duration::ZERO, |row| row.age(now))
    }

    /// Whether a report takes much longer than others did.
    pub(super) fn lags(&self, place: Place, now: Instant) -> Option<Duration> {
        let age = self.age(place, now);
        let limit = self.slowest? * 3 + LONGEST;
        (self.was_seen(place) && age > limit).then_some(age)
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
        let waits = self.rows.values().filter(|row| row.step == Step::Waits);
        let due = match self.apart {
            Some(_) => waits.min_by_key(|row| row.made())?.due,
            None => waits.map(|row| row.due).min()?,
        };
        let pause = self.typical.map_or(SHORTEST, |typical| typical / 7);
        let pause = pause.clamp(SHORTEST, LONGEST);
        let due = self.last_round.map_or(due, |last| due.max(last + pause));
        Some(self.held_until.map_or(due, |until| due.max(until)))
    }

    /// The next row to be asked for by its id; it is under way then. The oldest first. One of which nothing is known
    /// waits while it is younger than those that took longer.
    pub(super) fn next_ready(&mut self, now: Instant) -> Option<Place> {
        loop {
            let asked = self.rows.iter().filter(|(_, row)| row.step.is_ready());
            let (place, row) =
                asked.max_by_key(|(place, row)| (row.age(now), std::cmp::Reverse(**place)))?;
            let (place, is_guess) = (*place, row.step == Step::Guess);
            let age = self.age(place, now);
            let early = self
                .estimate(now)
                .checked_sub(age)
                .filter(|_| is_guess && !self.closing);
            let row = self.rows.get_mut(&place)?;
            match early {
                Some(early) if !early.is_zero() => {
                    row.step = Step::Waits;
                    row.due = now + early.min(pause_at(age));
                }
                _ => {
                    row.step = Step::UnderWay;
                    return Some(place);
                }
            }
        }
    }

    /// What to ask for now; `last` asks about all that still wait. Rows that are to be asked by their id become ready.
    pub(super) fn round(&mut self, now: Instant, last: bool) -> Vec<Question> {
        if self.asking > 0 || (self.closing && !self.wide_done) {
            return Vec::new();
        }
        self.closing |= last;
        let is_due = last || self.wide_done || self.next_due().is_some_and(|due| due <= now);
        if !is_due {
            return Vec::new();
        }
        let mut groups: BTreeMap<Option<OrgId>, Vec<Place>> = BTreeMap::new();
        for (place, row) in &self.rows {
            if row.step == Step::Waits {
                groups.entry(row.org.clone()).or_default().push(*place);
            }
        }
        let is_due =
            |place: &Place| last || self.rows.get(place).is_some_and(|r| r.due <= now + SLACK);
        if !self.wide_done {
            if let (Some(apart), Some(earlier)) = (self.apart, self.last_round)
                && !last
            {
                let all = || groups.values().map(Vec::len).sum();
                let asked = groups.values().filter(|rows| rows.len() > 1);
                let asked = asked.filter(|rows| rows.iter().any(is_due));
                let narrow = || asked.map(|rows| requests(rows.len())).sum::<u32>();
                let lists = match self.scope {
                    Scope::All => requests(all()),
                    Scope::Unknown => requests(all()) + narrow(),
                    Scope::OwnOnly => narrow(),
                };
                let until = earlier + apart.saturating_mul(lists.saturating_mul(SHARE));
                if until > now {
                    self.held_until = Some(until);
                    return Vec::new();
                }
                self.held_until = None;
            }
            self.last_round = Some(now);
            let rows: Vec<Place> = groups.values().flatten().copied().collect();
            for place in &rows {
                if let Some(row) = self.rows.get_mut(place) {
                    row.missed = false;
                }
            }
            let is_wide = match self.scope {
                Scope::All => rows.len() > 1,
                Scope::Unknown => groups.len() > 1,
                Scope::OwnOnly => false,
            };
            if is_wide {
                self.asking = 1;
                return vec![Question {
                    query: query(None),
                    rows,
                    is_wide: true,
                }];
            }
        }
        self.wide_done = false;
        let mut questions = Vec::new();
        for (org, places) in groups {
            let is_due =
                |place: &&Place| last || self.rows.get(place).is_some_and(|r| r.due <= now + SLACK);
            let due: Vec<Place> = places.iter().filter(is_due).copied().collect();
            match (due.len(), places.len()) {
                (0, _) => {}
                // No list would spare us the question.
                (_, 1) => self.set_step(due[0], Step::Guess),
                _ => questions.push(Question {
                    query: query(org),
                    rows: places,
                    is_wide: false,
                }),
            }
        }
        self.asking = questions.len();
        questions
    }

    /// The answer to a question; `None` where there was none, and the ids have to be asked. Gives the rows that are
    /// still in progress, with the server's word for it.
    pub(super) fn answered(
        &mut self,
        question: &Question,
        listed: Option<&[Listed]>,
        now: Instant,
    ) -> Vec<(Place, String)> {
        self.asking = self.asking.saturating_sub(1);
        let Some(listed) = listed else {
            match question.is_wide {
                true => (self.scope, self.wide_done) = (Scope::OwnOnly, true),
                false => question
                    .rows
                    .iter()
                    .for_each(|place| self.set_step(*place, Step::Ready)),
            }
            return Vec::new();
        };
        let statuses: HashMap<&ReportId, &str> = listed
            .iter()
            .map(|report| (&report.id, report.status.as_deref().unwrap_or(IN_PROGRESS)))
            .collect();
        if question.is_wide {
            let shows_others = question
                .rows
                .iter()
                .filter_map(|place| self.rows.get(place));
            let mut shown = shows_others.filter(|row| row.org.is_some());
            if shown.any(|row| statuses.contains_key(&row.id)) {
                self.scope = Scope::All;
            }
        }
        let scope = self.scope;
        let (estimate, closing) = (self.estimate(now), self.closing);
        let mut in_progress = Vec::new();
        for place in &question.rows {
            let Some(row) = self.rows.get_mut(place) else {
                continue;
            };
            if row.step != Step::Waits {
                continue;
            }
            match statuses.get(&row.id) {
                Some(status) if is_final(status) => row.step = Step::Ready,
                Some(status) => {
                    in_progress.push((*place, (*status).to_owned()));
                    self.still_in_progress(*place, now, true);
                }
                None if question.is_wide && scope != Scope::All && row.org.is_some() => {
                    row.missed = true;
                }
                None if row.unlisted > 0 && row.due > now => {}
                // It is not ready so soon: it is not listed yet.
                None if !closing && row.age(now) < estimate.min(YOUNG) => {
                    row.due = now + pause_at(row.age(now));
                }
                None => row.step = Step::Ready,
            }
        }
        if question.is_wide {
            self.wide_done = self.scope != Scope::All;
        }
        in_progress
    }

    /// A row that was asked for by its id is still in progress.
    pub(super) fn in_progress(&mut self, place: Place, now: Instant) {
        if let Some(row) = self.rows.get_mut(&place) {
            row.step = Step::Waits;
            row.unlisted += 1;
        }
        self.still_in_progress(place, now, false);
    }

    /// A row needs nothing more.
    pub(super) fn done(&mut self, place: Place, now: Instant) {
        let age = self.age(place, now);
        if let Some(row) = self.rows.remove(&place)
            && row.seen
        {
            self.typical = Some(self.typical.map_or(age, |typical| typical.min(age)));
            self.slowest = Some(self.slowest.map_or(age, |slowest| slowest.max(age)));
        }
    }

    fn set_step(&mut self, place: Place, step: Step) {
        if let Some(row) = self.rows.get_mut(&place) {
            row.step = step;
        }
    }

    /// How long a report takes, as far as is known: as the first that was ready, or longer than the youngest that
    /// was not. One that hangs does not hold up the others for long.
    fn estimate(&self, now: Instant) -> Duration {
        let unready = self.rows.values().filter(|row| row.seen);
        let youngest = unready.map(|row| row.age(now).min(LONGEST)).min();
        self.typical.or(youngest).unwrap_or_default()
    }

    fn still_in_progress(&mut self, place: Place, now: Instant, is_listed: bool) {
        let age = self.age(place, now);
        let typical = self.typical;
        let Some(row) = self.rows.get_mut(&place) else {
            return;
        };
        row.seen = true;
        if row.missed && age >= YOUNG && self.scope == Scope::Unknown {
            self.scope = Scope::OwnOnly;
        }
        let mut pause = match typical {
            Some(typical) if typical > age => (typical - age).clamp(SHORTEST, LONGEST),
            _ => pause_at(age),
        };
        if is_listed {
            row.unlisted = 0;
        } else {
            pause = pause
                .max(SHORTEST * 2u32.pow(row.unlisted.min(6)))
                .min(LONGEST);
        }
        row.due = now + pause;
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
mod tests {
    use tokio::time::{advance, sleep_until};

    use super::*;

    /// What a simulated server is like, and how it is asked.
    #[derive(Clone, Copy)]
    struct World {
        partners: usize,
        each: usize,
        /// A report is ready after so long.
        takes: Duration,
        /// Between two creates.
        apart: Duration,
        /// Whether the list without `subPartnerOrgId` has everyone's.
        is_wide: bool,
        /// How late reports are listed.
        lag: Duration,
    }

    #[derive(Debug, Default, PartialEq)]
    struct Asked {
        lists: usize,
        gets: usize,
        took: Duration,
    }

    /// Waits for all reports of a world, in simulated time.
    async fn wait_for_all(world: &World) -> Asked {
        let began = Instant::now();
        let count = world.partners * world.each;
        let made_at = |n: usize| began + world.apart * n as u32;
        let mut ledger = crate::ledger::Ledger::default();
        for n in 0..count {
            let request = crate::request::Request {
                sub_partner: Some(format!("org{}", n % world.partners).parse().unwrap()),
                report_type: crate::request::ReportType::User,
                period: crate::request::Period::month(2000 + (n / world.partners) as i32, 1)
                    .unwrap(),
                internal: false,
            };
            ledger.fold(crate::ledger::Row::planned(request, "j".into(), None));
        }
        let id = |n: usize| -> ReportId { format!("id{n}").parse().unwrap() };
        let mut watch = Watch::new();
        let places: Vec<Place> = ledger.places().map(|(place, _)| place).collect();
        let (mut asked, mut created) = (Asked::default(), 0);
        while created < count || !watch.is_empty() {
            let now = Instant::now();
            while created < count && made_at(created) <= now {
                let org = ledger.row(places[created]).request().sub_partner.clone();
                watch.add(
                    places[created],
                    id(created),
                    org,
                    (now - made_at(created), now),
                );
                created += 1;
            }
            watch.set_apart((created < count).then_some(world.apart), now);
            for question in watch.round(now, false) {
                let shown: Vec<Listed> = (0..created)
                    .filter(|n| {
                        let age = made_at(*n).elapsed();
                        let org = &question.query.sub_partner;
                        let row = ledger.row(places[*n]);
                        let is_listed = match org {
                            None => world.is_wide,
                            org => *org == row.request().sub_partner,
                        };
                        is_listed && age < world.takes && age >= world.lag
                    })
                    .map(|n| listed(id(n)))
                    .collect();
                asked.lists += shown.len().div_ceil(100).max(1);
                watch.answered(&question, Some(&shown), Instant::now());
            }
            // Few at a time, as the concurrency says.
            for place in std::iter::from_fn(|| watch.next_ready(Instant::now()))
                .take(16)
                .collect::<Vec<_>>()
            {
                asked.gets += 1;
                advance(Duration::from_millis(10)).await;
                let n = places.iter().position(|known| *known == place).unwrap();
                match made_at(n).elapsed() >= world.takes {
                    true => watch.done(place, Instant::now()),
                    false => watch.in_progress(place, Instant::now()),
                }
            }
            let next = (created < count).then(|| made_at(created));
            if watch.rows.values().all(|row| row.step == Step::Waits)
                && !watch.is_asking()
                && let Some(due) = watch.next_due().into_iter().chain(next).min()
            {
                sleep_until(due).await;
            }
        }
        asked.took = made_at(count - 1).elapsed();
        asked
    }

    fn listed(id: ReportId) -> Listed {
        Listed {
            id,
            start: None,
            end: None,
            report_type: None,
            category: None,
            created: None,
            created_by: None,
            internal: None,
            sub_partner: None,
            status: None,
            download: None,
            errors: None,
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    /// Three hundred reports that take a minute each, created at 300 a minute. Requests for each report, its create
    /// included, and how much longer it takes than the last report itself.
    #[tokio::test(start_paused = true)]
    async fn few_questions_are_enough() {
        let ten_by_thirty = World {
            partners: 10,
            each: 30,
            takes: MINUTE,
            apart: Duration::from_millis(200),
            is_wide: false,
            lag: Duration::ZERO,
        };
        for (world, most, late) in [
            (
                World {
                    is_wide: true,
                    ..ten_by_thirty
                },
                2.2,
                10,
            ),
            (World { ..ten_by_thirty }, 2.4, 10),
            (
                World {
                    lag: Duration::from_secs(2),
                    ..ten_by_thirty
                },
                2.4,
                15,
            ),
            (
                World {
                    partners: 300,
                    each: 1,
                    is_wide: true,
                    ..ten_by_thirty
                },
                2.2,
                10,
            ),
            // A list would answer for one report only: each is asked by its id.
            (
                World {
                    partners: 300,
                    each: 1,
                    ..ten_by_thirty
                },
                3.5,
                20,
            ),
        ] {
            let asked = wait_for_all(&world).await;
            let each = 1.0 + (asked.lists + asked.gets) as f64 / 300.0;
            println!(
                "{} x {}, wide {}: {each:.2} requests a report, {asked:?}",
                world.partners, world.each, world.is_wide
            );
            assert!(each <= most, "{each:.2} of {most}: {asked:?}");
            let late = Duration::from_secs(late);
            assert!(asked.took < MINUTE + late, "{asked:?}");
        }
    }

    /// Reports of yesterday: one list at most for each sub-partner, and one question for each report.
    #[tokio::test(start_paused = true)]
    async fn what_is_ready_is_not_waited_for() {
        let asked = wait_for_all(&World {
            partners: 5,
            each: 20,
            takes: Duration::ZERO,
            apart: Duration::ZERO,
            is_wide: false,
            lag: Duration::ZERO,
        })
        .await;
        assert_eq!((asked.lists, asked.gets), (6, 100));
        assert!(asked.took < Duration::from_secs(5), "{asked:?}");
    }
}
