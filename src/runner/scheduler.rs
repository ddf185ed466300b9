//! Which row goes next, what follows for it, and when a run is over.

mod look_ups;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
    rc::Rc,
};

use futures::{StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    Event, EventKind, Interrupt, StopReason,
    after_create::{Next, Progress, Question, QuestionKind},
    attempt::{Answered, Attempted, Context, attempt},
    doubt::{CreatedCache, Seen},
    run::Watch,
    twins::Twins,
};
use crate::{
    api::{Api, Cause, ListQuery},
    ledger::{JournalError, Place, Row, State},
    request::{OrgId, ReportId, Request},
    session::{Halt, ReadError},
};

/// Which rows go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Sent before and to be sent again.
    Again,
    /// Not sent yet.
    Fresh,
    /// After all others.
    Last,
}

/// Holds what is known of every row that is not done with, and starts what may start.
pub(super) struct Scheduler<'c, 'a, 's, A: Api> {
    context: &'c Context<'a, 's, A>,
    watch: Watch<'a>,
    concurrency: usize,
    all: usize,
    /// Places of rows that may be sent now.
    ready: BTreeSet<(Class, Place)>,
    /// Rows in a backoff, and when it ends.
    delayed: BTreeSet<(Instant, Place)>,
    /// Rows to look up, and when.
    doubts: BTreeSet<(Instant, Place)>,
    progress: HashMap<Place, Progress>,
    /// Waiting for a twin, by place.
    twins: Twins<(Class, Place)>,
    /// Every report id of the ledger: whose report it is is known.
    owned: Rc<RefCell<HashSet<ReportId>>>,
    created_cache: Rc<CreatedCache>,
    /// Answers 403 so far and whom they were about, while there was nothing else and nothing was ever created.
    forbidden: Option<(usize, HashSet<Option<OrgId>>)>,
    stop: Option<StopReason>,
    unrecorded: Vec<Row>,
    not_looked_up: Vec<Cause>,
    knows_time: bool,
}

/// What became of the rows beside what the ledger says.
pub(super) struct Outcome {
    pub(super) stop: Option<StopReason>,
    pub(super) unrecorded: Vec<Row>,
    pub(super) not_looked_up: Vec<Cause>,
}

/// Something that was under way is done.
enum Done {
    KnowsTime(Result<(), Halt>),
    Attempt(Box<(Place, Progress, Attempted)>),
    Look(Vec<Place>, Option<Result<Vec<Vec<Seen>>, ReadError>>),
    /// A row's line that a look led to.
    Recorded(Place, Box<Row>, Next, Result<(), JournalError>),
}

type Work<'c> = FuturesUnordered<LocalBoxFuture<'c, Done>>;

impl<'c, 'a, 's, A: Api> Scheduler<'c, 'a, 's, A> {
    pub(super) fn new(
        context: &'c Context<'a, 's, A>,
        watch: Watch<'a>,
        concurrency: usize,
        all: usize,
    ) -> Self {
        Scheduler {
            context,
            watch,
            concurrency,
            all,
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            doubts: BTreeSet::new(),
            progress: HashMap::new(),
            twins: Twins::default(),
            owned: Rc::default(),
            created_cache: Rc::default(),
            forbidden: None,
            stop: None,
            unrecorded: Vec::new(),
            not_looked_up: Vec::new(),
            knows_time: false,
        }
    }

    /// Brings the rows at `work` to their end, or stops.
    pub(super) async fn drive(mut self, work: Vec<Place>, interrupt: &Interrupt) -> Outcome {
        self.begin(&work);
        self.emit(EventKind::Started);
        let mut under_way: Work<'_> = FuturesUnordered::new();
        let mut sending = 0;
        let mut grace: Option<Instant> = None;
        loop {
            self.start(&mut under_way, &mut sending);
            if under_way.is_empty() && (self.stop.is_some() || self.next_due().is_none()) {
                break;
            }
            let due = self.next_due().filter(|_| self.stop.is_none());
            tokio::select! {
                biased;
                signal = interrupt.caught(), if grace.is_none() => {
                    grace = Some(Instant::now() + interrupt.grace);
                    self.stop(StopReason::Interrupted(signal));
                }
                () = sleep_until(grace.unwrap_or_else(Instant::now)), if grace.is_some() => break,
                Some(done) = under_way.next() => {
                    sending -= usize::from(matches!(done, Done::Attempt(..)));
                    self.on_done(done, &mut under_way);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
        Outcome {
            stop: self.stop,
            unrecorded: self.unrecorded,
            not_looked_up: self.not_looked_up,
        }
    }

    /// Sorts the rows into those to send and those to look up.
    fn begin(&mut self, work: &[Place]) {
        let ledger = self.context.record.ledger();
        *self.owned.borrow_mut() = ledger.report_ids().cloned().collect();
        if self.owned.borrow().is_empty() {
            self.forbidden = Some((0, HashSet::new()));
        }
        let now = Instant::now();
        for place in work {
            let row = ledger.row(*place);
            let State::Sending { doubt, reason, .. } = &row.state else {
                self.ready.insert((Class::Fresh, *place));
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
                Cause {
                    code: reason.code.clone(),
                    text: reason.text.clone(),
                    ..Cause::default()
                }
            };
            let progress = self.progress.entry(*place).or_default();
            progress.question = Some(Question {
                kind: QuestionKind::WasItMade(doubt),
                // However old the line is: the create may have been at work until the process that sent it died,
                // and the computer's clock may have been set since.
                since: now,
                looks: 0,
                cause,
            });
            self.doubts.insert((now, *place));
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let first = |set: &BTreeSet<(Instant, Place)>| set.first().map(|(at, _)| *at);
        first(&self.delayed)
            .into_iter()
            .chain(first(&self.doubts))
            .min()
    }

    /// Starts whatever may start now.
    fn start(&mut self, under_way: &mut Work<'c>, sending: &mut usize) {
        if self.stop.is_some() {
            return;
        }
        let now = Instant::now();
        while let Some((at, place)) = self.delayed.first().copied().filter(|(at, _)| *at <= now) {
            self.delayed.remove(&(at, place));
            self.ready.insert((Class::Again, place));
        }
        self.start_looks(now, under_way);
        if !self.knows_time {
            if under_way.is_empty()
                && let Some((_, place)) = self.ready.first()
            {
                under_way.push(self.learn_time(*place));
            }
            return;
        }
        // The gate keeps the number in flight; as many again may be on their way to and from the disk.
        while *sending < 2 * self.concurrency {
            let Some(next @ (_, place)) = self.ready.pop_first() else {
                break;
            };
            let row = self.context.record.row(place);
            if !self.twins.is_free_for(row.request()) {
                self.twins.wait(row.request().clone(), next);
                continue;
            }
            self.twins.begin(row.request());
            let progress = self.progress.remove(&place).unwrap_or_default();
            let context = self.context;
            *sending += 1;
            under_way.push(Box::pin(async move {
                let mut progress = progress;
                let attempted = attempt(context, row, &mut progress).await;
                Done::Attempt(Box::new((place, progress, attempted)))
            }));
        }
    }

    /// The server's clock has to be known before the first intent is dated by it.
    fn learn_time(&self, place: Place) -> LocalBoxFuture<'c, Done> {
        let context = self.context;
        let ledger = context.record.ledger();
        let request = ledger.row(place).request();
        let query = ListQuery {
            sub_partner: request.sub_partner.clone(),
            report_type: Some(request.report_type),
            period: Some(request.period),
        };
        Box::pin(async move {
            tokio::select! {
                biased;
                () = context.stopping.wait() => Done::KnowsTime(Ok(())),
                learned = context.session.learn_time(&query) => Done::KnowsTime(learned),
            }
        })
    }

    /// Takes note of what is done.
    fn on_done(&mut self, done: Done, under_way: &mut Work<'c>) {
        match done {
            Done::KnowsTime(Ok(())) => self.knows_time = true,
            Done::KnowsTime(Err(halt)) => self.stop(halt.into()),
            Done::Attempt(done) => {
                let (place, progress, attempted) = *done;
                self.on_attempted(place, progress, attempted);
            }
            Done::Look(_, None) => {}
            Done::Look(places, Some(Err(error))) => self.on_not_looked_up(&places, &error),
            Done::Look(places, Some(Ok(found))) => {
                for (place, seen) in places.into_iter().zip(found) {
                    under_way.extend(self.on_looked(place, seen));
                }
            }
            Done::Recorded(place, row, next, Ok(())) => {
                match row.state {
                    State::Created(_) => self.emit(EventKind::Adopted((*row).clone())),
                    State::Pending { .. } => self.emit(EventKind::NotMade((*row).clone())),
                    State::Failed { .. } | State::InDoubt { .. } | State::Sending { .. } => {}
                }
                self.proceed(place, &row, next);
            }
            Done::Recorded(_, row, _, Err(error)) => self.on_unrecorded(*row, error),
        }
    }

    fn on_attempted(&mut self, place: Place, progress: Progress, attempted: Attempted) {
        self.progress.insert(place, progress);
        match attempted {
            Attempted::NotLet(row, halt) => {
                self.free(row.request());
                if let Some(halt) = halt {
                    self.stop(halt.into());
                }
            }
            Attempted::HeldBack(row) => self.proceed(place, &row, Next::AtOnce),
            Attempted::Unrecorded(row, error) => self.on_unrecorded(row, error),
            Attempted::Answered(row, next, halt, answered) => {
                self.on_forbidden(&row, answered);
                self.proceed(place, &row, next);
                if let Some(halt) = halt {
                    self.stop(halt.into());
                }
            }
        }
    }

    /// What comes next for a row whose line is durable.
    fn proceed(&mut self, place: Place, row: &Row, next: Next) {
        let now = Instant::now();
        match next {
            Next::LookUp => {
                // Still in doubt, so its twins still wait.
                if matches!(row.state, State::Sending { .. }) {
                    self.emit(EventKind::InDoubt(row.clone()));
                }
                self.doubts.insert((now, place));
                return;
            }
            Next::Settled => {
                self.owned
                    .borrow_mut()
                    .extend(row.state.report_id().cloned());
                self.progress.remove(&place);
                self.emit(EventKind::Settled(row.clone()));
            }
            Next::AtOnce => drop(self.ready.insert((Class::Again, place))),
            Next::Last => drop(self.ready.insert((Class::Last, place))),
            Next::After(after) => {
                self.delayed.insert((now + after, place));
                let row = row.clone();
                self.emit(EventKind::Retrying { row, after });
            }
        }
        self.free(row.request());
    }

    /// A request is neither in flight nor in doubt any more: its twins may go.
    fn free(&mut self, request: &Request) {
        self.ready.extend(self.twins.end(request));
    }

    fn on_unrecorded(&mut self, row: Row, error: JournalError) {
        self.context.record.keep(&row);
        self.unrecorded.push(row);
        self.stop(StopReason::Ledger(error));
    }

    /// 403 on everything from the start is about the credentials, not about the rows (exit code 3). Judged while nothing was ever created in this ledger.
    fn on_forbidden(&mut self, row: &Row, answered: Answered) {
        /// So many answers, about so many sub-partners, or the whole plan where that is less.
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
            (Answered::Forbidden, None) | (Answered::NotAtAll, _) => {}
        }
    }

    fn stop(&mut self, reason: StopReason) {
        match &self.stop {
            Some(earlier) if !reason.outranks(earlier) => return,
            _ => {}
        }
        self.stop = Some(reason.clone());
        self.context.stopping.stop();
        self.emit(EventKind::Stopping(reason));
    }

    fn emit(&self, kind: EventKind) {
        (self.watch.on_event)(&Event {
            at: self.context.session.now(),
            elapsed: self.watch.began.elapsed(),
            counts: self.context.record.counts(),
            pace: self.context.session.gate().stats(),
            kind,
        });
    }
}
