//! Which row goes next, and when a run is over.

mod first_reads;
mod look_ups;

use std::{
    collections::{BTreeSet, HashSet},
    pin::pin,
    time::Duration,
};

use foldhash::HashMap;
use futures::{StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    EventKind, RunInput, StopReason,
    after_create::{LookUpState, NextStep, RowProgress},
    attempt::{Answered, AttemptResult, ListFirst, attempt},
    shared::Shared,
    twins::Twins,
};
use crate::{
    api::{Api, Cause, Listed},
    inventory::{Candidate, QuestionKind},
    ledger::{JournalError, Row, RowIndex, State},
    sending::{Halt, ReadError},
};
use request::{OrgId, Request};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creates {
    All,
    /// Rows in doubt are looked up, and nothing is sent.
    None,
}

/// In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Queue {
    Again,
    Fresh,
    /// The partner's own: lists may show the sub-partners' reports for them, and rows have those by then.
    Own,
    Last,
}

pub(super) struct Scheduler<'c, A: Api> {
    shared: &'c Shared<'c, A>,
    concurrency: usize,
    all: usize,
    creates: Creates,
    /// Rows that were not selected: their doubts are resolved, but they are not sent.
    unselected: HashSet<RowIndex>,
    ready: BTreeSet<(Queue, RowIndex)>,
    delayed: BTreeSet<(Instant, RowIndex)>,
    doubts: BTreeSet<(Instant, RowIndex)>,
    progress: HashMap<RowIndex, RowProgress>,
    sending: usize,
    twins: Twins<(Queue, RowIndex)>,
    /// Answers 403 and their organisations, as long as there was nothing else and nothing was ever created.
    forbidden: Option<(usize, HashSet<Option<OrgId>>)>,
    /// How many rows may fail in this run, and how many have.
    failures: (Option<usize>, usize),
    open: usize,
    unrecorded: Vec<Row>,
    not_looked_up: Vec<Cause>,
    first_list: FirstList,
    first_create: FirstCreate,
    had_doubts: bool,
    /// A witness is being read: one at a time is enough.
    asks_witness: bool,
}

/// The first create leaves alone, and so does the next one after a page: each page is a row in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstCreate {
    NotSent,
    Alone(Instant),
    Over,
}

const ALONE: Duration = Duration::from_secs(2);

/// The list request that each run sends first. Its `Date` header sets the server clock; its items existed before our
/// first create. It is sent again after the computer slept or its clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstList {
    NotAsked,
    Asked,
    Had,
}

pub(super) struct SchedulerResult {
    pub(super) unrecorded: Vec<Row>,
    pub(super) not_looked_up: Vec<Cause>,
}

enum Completed {
    FirstList(RowIndex, Result<Option<Vec<Listed>>, Halt>),
    Witness(Result<(), ReadError>),
    Attempt(Box<(RowIndex, RowProgress, AttemptResult)>),
    Look(Vec<RowIndex>, Option<Result<Vec<Vec<Candidate>>, ReadError>>),
    Recorded(RowIndex, Box<Row>, NextStep, Result<(), JournalError>),
}

type Work<'c> = FuturesUnordered<LocalBoxFuture<'c, Completed>>;

impl<'c, A: Api> Scheduler<'c, A> {
    pub(super) fn new<D>(shared: &'c Shared<'c, A>, input: &RunInput<'_, A, D>) -> Self {
        Scheduler {
            shared,
            concurrency: input.concurrency,
            all: input.all,
            creates: input.creates,
            unselected: input.doubts.iter().copied().collect(),
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            doubts: BTreeSet::new(),
            progress: HashMap::default(),
            sending: 0,
            twins: Twins::default(),
            forbidden: None,
            failures: (input.max_failures, 0),
            open: 0,
            unrecorded: Vec::new(),
            not_looked_up: Vec::new(),
            first_list: FirstList::NotAsked,
            first_create: FirstCreate::NotSent,
            had_doubts: false,
            asks_witness: false,
        }
    }

    pub(super) async fn drive(mut self, work: &[RowIndex]) -> SchedulerResult {
        self.begin(work);
        self.emit(EventKind::Started);
        let mut under_way: Work<'_> = FuturesUnordered::new();
        let mut grace: Option<Instant> = None;
        let mut caught = pin!(self.shared.interrupt.caught());
        loop {
            self.start(&mut under_way);
            let stops = self.is_stopping();
            let is_still = under_way.is_empty() && (stops || self.next_due().is_none());
            // Without rows, a witness that is still being read is useless.
            if is_still || self.open == 0 {
                break;
            }
            let due = self.next_due().filter(|_| !stops);
            // Waiting for a list to settle is no stall of the server.
            let _idle = (under_way.is_empty() && !self.doubts.is_empty())
                .then(|| self.shared.session.gate().idle());
            tokio::select! {
                biased;
                signal = &mut caught, if grace.is_none() => {
                    grace = Some(Instant::now() + self.shared.interrupt.grace);
                    self.stop(StopReason::Interrupted(signal));
                }
                () = sleep_until(grace.unwrap_or_else(Instant::now)), if grace.is_some() => break,
                // Collecting may stop the run.
                () = self.shared.stopping.wait(), if !stops => {}
                Some(done) = under_way.next() => {
                    self.sending -= usize::from(matches!(done, Completed::Attempt(..)));
                    self.on_done(done, &mut under_way);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
        // Every row came to its end, so nothing was stopped.
        if self.open == 0 {
            self.shared.stopping.take_back_failures();
        }
        SchedulerResult { unrecorded: self.unrecorded, not_looked_up: self.not_looked_up }
    }

    fn begin(&mut self, work: &[RowIndex]) {
        self.open = work.len();
        let ledger = self.shared.record.ledger();
        if ledger.report_ids().next().is_none() {
            self.forbidden = Some((0, HashSet::new()));
        }
        let now = Instant::now();
        for place in work {
            let row = ledger.row(*place);
            let State::Sending { doubt, reason, .. } = &row.state else {
                let class = match row.request().sub_partner {
                    Some(_) => Queue::Fresh,
                    None => Queue::Own,
                };
                self.ready.insert((class, *place));
                continue;
            };
            self.twins.begin(row.request());
            let doubt = *doubt;
            let cause = if reason.text.is_empty() {
                Cause {
                    code: "reset".to_owned(),
                    text: "the run ended before the answer came".to_owned(),
                    ..Cause::default()
                }
            } else {
                Cause { code: reason.code.clone(), text: reason.text.clone(), ..Cause::default() }
            };
            let mut progress = RowProgress::found(row);
            progress.open = Some(LookUpState {
                kind: QuestionKind::WasItMade(doubt),
                // However old the line is: the process may have died much later, and the clock may have been set.
                since: now,
                looks: 0,
                reread: 0,
                cause,
            });
            self.progress.insert(*place, progress);
            self.doubts.insert((now, *place));
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let first = |set: &BTreeSet<(Instant, RowIndex)>| set.first().map(|(at, _)| *at);
        let alone = match self.first_create {
            FirstCreate::Alone(until) if !self.ready.is_empty() => Some(until),
            _ => None,
        };
        first(&self.delayed).into_iter().chain(first(&self.doubts)).chain(alone).min()
    }

    fn start(&mut self, under_way: &mut Work<'c>) {
        if self.is_stopping() {
            return;
        }
        let now = Instant::now();
        while let Some((at, place)) = self.delayed.first().copied().filter(|(at, _)| *at <= now) {
            self.delayed.remove(&(at, place));
            self.ready.insert((Queue::Again, place));
        }
        self.start_looks(now, under_way);
        if self.creates == Creates::None {
            return;
        }
        if matches!(self.first_create, FirstCreate::Alone(until) if until <= now) {
            (self.first_create, self.had_doubts) = (FirstCreate::Over, true);
        }
        if self.first_list == FirstList::Had && self.shared.session.has_lost_the_time() {
            self.first_list = FirstList::NotAsked;
        }
        if self.first_list != FirstList::Had {
            if self.first_list == FirstList::NotAsked
                && let Some((_, place)) = self.ready.first()
            {
                self.first_list = FirstList::Asked;
                under_way.push(self.ask_first_list(*place));
            }
            return;
        }
        // The gate limits requests in flight; as many again may be on their way to and from the disk.
        while self.sending < 2 * self.concurrency
            && !matches!(self.first_create, FirstCreate::Alone(_))
        {
            let Some(next @ (_, place)) = self.ready.pop_first() else {
                break;
            };
            let row = self.shared.record.row(place);
            if !self.twins.is_free_for(row.request()) {
                self.twins.wait(row.request().clone(), next);
                continue;
            }
            self.twins.begin(row.request());
            let progress = self.progress.remove(&place);
            let shared = self.shared;
            self.sending += 1;
            if self.first_create == FirstCreate::NotSent {
                self.first_create = FirstCreate::Alone(now + ALONE);
            }
            let (evidence, token) = (&shared.evidence, shared.session.token_in_use());
            let is_lossy = self.had_doubts && !evidence.is_complete();
            let look_first = if is_lossy || evidence.is_unproven(token) {
                ListFirst::Yes
            } else {
                ListFirst::No
            };
            under_way.push(Box::pin(async move {
                let mut progress = progress.unwrap_or_else(|| RowProgress::found(&row));
                let attempted = attempt(shared, row, &mut progress, look_first).await;
                Completed::Attempt(Box::new((place, progress, attempted)))
            }));
        }
    }

    fn on_done(&mut self, done: Completed, under_way: &mut Work<'c>) {
        self.asks_witness &= !matches!(done, Completed::Witness(_));
        match done {
            Completed::FirstList(place, Ok(listed)) => self.on_first_list(place, listed),
            Completed::FirstList(_, Err(halt))
            | Completed::Witness(Err(ReadError::Halted(halt))) => {
                self.stop(halt.into());
            }
            Completed::Witness(Ok(()) | Err(ReadError::Failed(_))) => {}
            Completed::Attempt(done) => {
                let (place, progress, attempted) = *done;
                self.first_create = match (&attempted, self.first_create) {
                    (AttemptResult::Answered(.., Answered::ByAPage), FirstCreate::Alone(_)) => {
                        FirstCreate::NotSent
                    }
                    _ => FirstCreate::Over,
                };
                self.had_doubts |= progress.open.is_some();
                self.on_attempted(place, progress, attempted);
                let wanted = !self.asks_witness && self.shared.evidence.wants_witness();
                if !self.is_stopping() && wanted {
                    self.asks_witness = true;
                    under_way.push(self.ask_witness());
                }
            }
            Completed::Look(_, None) => {}
            Completed::Look(places, Some(Err(error))) => {
                self.on_not_looked_up(&places, &error, under_way);
            }
            Completed::Look(places, Some(Ok(found))) => {
                for (place, seen) in places.into_iter().zip(found) {
                    under_way.extend(self.on_looked(place, seen));
                }
            }
            Completed::Recorded(place, row, next, Ok(())) => {
                match row.state {
                    State::Created(_) => self.emit(EventKind::Adopted((*row).clone())),
                    State::Pending { .. } => self.emit(EventKind::NotMade((*row).clone())),
                    State::Failed { .. } | State::InDoubt { .. } | State::Sending { .. } => {}
                }
                self.proceed(place, &row, next);
            }
            Completed::Recorded(_, row, _, Err(error)) => self.on_unrecorded(*row, error),
        }
    }

    fn on_attempted(&mut self, place: RowIndex, progress: RowProgress, attempted: AttemptResult) {
        self.progress.insert(place, progress);
        match attempted {
            AttemptResult::NotLet(row, halt) => {
                self.free(row.request());
                if let Some(halt) = halt {
                    self.stop(halt.into());
                }
            }
            AttemptResult::HeldBack(row) => self.proceed(place, &row, NextStep::AtOnce),
            AttemptResult::Unrecorded(row, error) => self.on_unrecorded(row, error),
            AttemptResult::Answered(row, next, halt, answered) => {
                self.on_forbidden(&row, answered);
                self.proceed(place, &row, next);
                if let Some(halt) = halt {
                    self.stop(halt.into());
                }
            }
        }
    }

    fn proceed(&mut self, place: RowIndex, row: &Row, next: NextStep) {
        let now = Instant::now();
        match next {
            NextStep::LookUp => {
                // Still in doubt, so its twins still wait.
                if matches!(row.state, State::Sending { .. }) {
                    self.emit(EventKind::InDoubt(row.clone()));
                }
                self.doubts.insert((now, place));
                return;
            }
            NextStep::Settled => {
                self.progress.remove(&place);
                if matches!(row.state, State::Created(_)) && !self.unselected.contains(&place) {
                    self.shared.announce_report(place);
                }
                self.emit(EventKind::Settled(row.clone()));
                self.open -= 1;
                self.on_settled(place, row);
            }
            NextStep::AtOnce => drop(self.ready.insert((Queue::Again, place))),
            NextStep::Last => drop(self.ready.insert((Queue::Last, place))),
            NextStep::After(after) => {
                self.delayed.insert((now + after, place));
                let row = row.clone();
                self.emit(EventKind::Retrying { row, after });
            }
        }
        self.free(row.request());
    }

    fn on_settled(&mut self, place: RowIndex, row: &Row) {
        if matches!(row.state, State::Created(_)) || self.unselected.contains(&place) {
            return;
        }
        let (most, failures) = &mut self.failures;
        *failures += 1;
        let failures = *failures;
        if most.is_some_and(|most| failures >= most) {
            self.stop(StopReason::TooManyFailures(failures));
        }
    }

    fn free(&mut self, request: &Request) {
        self.ready.extend(self.twins.end(request));
    }

    fn on_unrecorded(&mut self, row: Row, error: JournalError) {
        self.shared.record.keep(&row);
        self.unrecorded.push(row);
        self.stop(StopReason::Ledger(error));
    }

    /// 403 on everything from the start, with nothing ever created, is about the credentials (exit code 3).
    fn on_forbidden(&mut self, row: &Row, answered: Answered) {
        /// Answers and sub-partners, or the whole plan if that is less.
        const ENOUGH: (usize, usize) = (20, 3);
        match (answered, &mut self.forbidden) {
            (Answered::Otherwise, forbidden) => *forbidden = None,
            (Answered::Forbidden, Some((answers, partners))) => {
                *answers += 1;
                partners.insert(row.request().sub_partner.clone());
                let enough = *answers >= ENOUGH.0 && partners.len() >= ENOUGH.1;
                if enough || *answers >= self.all {
                    self.stop(StopReason::Forbidden(row.state.text()));
                }
            }
            (Answered::Forbidden, None) | (Answered::ByAPage | Answered::NotAtAll, _) => {}
        }
    }

    fn stop(&mut self, reason: StopReason) {
        if self.shared.stopping.stop(&reason) {
            self.emit(EventKind::Stopping(reason));
        }
    }

    fn is_stopping(&self) -> bool {
        self.shared.stopping.is_stopping()
    }

    fn emit(&self, kind: EventKind) {
        self.shared.emit(kind);
    }
}
