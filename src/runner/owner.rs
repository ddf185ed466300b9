//! The owner of a run: which row goes next, what becomes of it, and when it is over.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap, HashSet},
    io,
    pin::pin,
    rc::Rc,
    time::Duration,
};

use futures::{StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    Counts, Event, EventKind, Interrupt, StopReason,
    attempt::{Answered, Attempted, Context, attempt},
    decide::{Next, Progress, Question, QuestionKind, created},
    doubt::{CreatedCache, Finding, Known, Seen, judge, look, schedule},
    twins::Twins,
};
use crate::{
    api::{Api, Cause, Doubt, ListQuery},
    ledger::{Disk, JournalError, Ledger, Row, Status, journal},
    pacing::Stats,
    request::{OrgId, ReportId, Request},
    session::{Halt, ReadError, Session},
};

/// What a run is given.
pub struct Setup<'a, 's, A: Api, D> {
    /// The conversation with the server.
    pub session: &'a Session<'s, A>,
    /// The rows: every one that the run is about stands in it, in the order in which it will be at rest.
    pub ledger: Ledger,
    /// Where the ledger is kept. It holds `ledger` already.
    pub disk: &'a D,
    /// Places in the ledger of the rows to bring to their end, in order. None of them is created, or awaits
    /// a decision.
    pub work: Vec<usize>,
    /// How many requests there are in all, selected or not.
    pub all: usize,
    /// How many selected rows need nothing, for the counts: created before, and waiting for a decision.
    pub idle: Counts,
    /// How many requests may be in flight together.
    pub concurrency: usize,
    /// Signals.
    pub interrupt: Interrupt,
    /// Hears what happens.
    pub on_event: &'a dyn Fn(&Event),
}

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// Why it stopped early, if it did.
    pub stop: Option<StopReason>,
    /// The selected rows by what became of them.
    pub counts: Counts,
    /// Why doubts could not be looked up, where that happened.
    pub not_looked_up: Vec<Cause>,
    /// What the gate counted.
    pub pace: Stats,
    /// How long it took.
    pub elapsed: Duration,
    /// The ledger as it is now, in memory.
    pub ledger: Ledger,
    /// Set where the file could not be brought to rest.
    pub unsaved: Option<Unsaved>,
}

/// A ledger that could not be written at the end of a run.
#[derive(Debug)]
pub struct Unsaved {
    /// What the disk said.
    pub error: io::Error,
    /// Rows whose last line is not in the file.
    pub rows: Vec<Row>,
}

/// Brings every row of `setup.work` to its end, or stops for a reason that is given.
///
/// However it ends, the ledger is then at rest on the disk, or [`Finished::unsaved`] says what is missing there.
pub async fn run<A: Api, D: Disk>(setup: Setup<'_, '_, A, D>) -> Finished {
    let Setup {
        session,
        ledger,
        disk,
        work,
        all,
        idle,
        concurrency,
        interrupt,
        on_event,
    } = setup;
    let began = Instant::now();
    let ledger = RefCell::new(ledger);
    let (journal, writer) = journal(disk);
    let mut counts = idle;
    for place in &work {
        *counts.of(&ledger.borrow().row(*place).status) += 1;
    }
    let context = Context {
        session,
        journal,
        ledger: &ledger,
        counts: Cell::new(counts),
        stopping: Cell::new(false),
        stop: Notify::new(),
    };
    let drive = async {
        let owner = Owner {
            context: &context,
            began,
            on_event,
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
        };
        owner.drive(work, &interrupt).await
    };
    let mut writing = pin!(writer.run());
    let outcome = tokio::select! {
        biased;
        outcome = drive => outcome,
        () = &mut writing => unreachable!("the context holds a journal, so the writer does not end"),
    };
    let counts = context.counts.get();
    drop(context);
    // Lines that nobody waits for any more: none may come after the file is brought to rest.
    writing.await;
    let ledger = ledger.into_inner();
    let saved = disk.replace(ledger.to_csv()).await;
    let stop = match (outcome.stop, &saved) {
        (stop @ Some(StopReason::Ledger(_)), _) | (stop, Ok(())) => stop,
        (_, Err(e)) => Some(StopReason::Ledger(JournalError(std::sync::Arc::new(
            io::Error::new(e.kind(), e.to_string()),
        )))),
    };
    let finished = Finished {
        stop,
        counts,
        not_looked_up: outcome.not_looked_up,
        pace: session.gate().stats(),
        elapsed: began.elapsed(),
        ledger,
        unsaved: saved.err().map(|error| Unsaved {
            error,
            rows: outcome.unrecorded,
        }),
    };
    on_event(&Event {
        at: session.now(),
        elapsed: finished.elapsed,
        counts,
        pace: finished.pace,
        kind: EventKind::Finished,
    });
    finished
}

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

struct Owner<'c, 'a, 's, A: Api> {
    context: &'c Context<'a, 's, A>,
    began: Instant,
    on_event: &'a dyn Fn(&Event),
    concurrency: usize,
    all: usize,
    /// Places of rows that may be sent now.
    ready: BTreeSet<(Class, usize)>,
    /// Rows in a backoff, and when it ends.
    delayed: BTreeSet<(Instant, usize)>,
    /// Rows to look up, and when.
    doubts: BTreeSet<(Instant, usize)>,
    progress: HashMap<usize, Progress>,
    /// Waiting for a twin, by place.
    twins: Twins<(Class, usize)>,
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

struct Outcome {
    stop: Option<StopReason>,
    unrecorded: Vec<Row>,
    not_looked_up: Vec<Cause>,
}

/// Something that was under way is done.
enum Done {
    KnowsTime(Result<(), Halt>),
    Attempt(Box<(usize, Row, Progress, Attempted)>),
    Look(Vec<usize>, Option<Result<Vec<Vec<Seen>>, ReadError>>),
    /// A row's line that a look led to.
    Recorded(usize, Box<Row>, Next, Result<(), JournalError>),
}

type Work<'c> = FuturesUnordered<LocalBoxFuture<'c, Done>>;

impl<'c, A: Api> Owner<'c, '_, '_, A> {
    async fn drive(mut self, work: Vec<usize>, interrupt: &Interrupt) -> Outcome {
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
    fn begin(&mut self, work: &[usize]) {
        let ledger = self.context.ledger.borrow();
        let ids = ledger
            .rows()
            .iter()
            .filter_map(|row| row.status.report_id());
        *self.owned.borrow_mut() = ids.cloned().collect();
        if self.owned.borrow().is_empty() {
            self.forbidden = Some((0, HashSet::new()));
        }
        let now = Instant::now();
        for place in work {
            let row = ledger.row(*place);
            if row.status != Status::Sending {
                self.ready.insert((Class::Fresh, *place));
                continue;
            }
            self.twins.begin(row.request());
            let said_yes = row
                .cause
                .http_status
                .is_some_and(|status| (200..300).contains(&status));
            let doubt = if said_yes {
                Doubt::SaidYes
            } else {
                Doubt::Open
            };
            let cause = if row.cause.text.is_empty() {
                Cause {
                    code: "reset".to_owned(),
                    text: "the run ended before the answer came".to_owned(),
                    ..Cause::default()
                }
            } else {
                row.cause.clone()
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
        let first = |set: &BTreeSet<(Instant, usize)>| set.first().map(|(at, _)| *at);
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
            let row = self.context.ledger.borrow().row(place).clone();
            if !self.twins.is_free_for(row.request()) {
                self.twins.wait(row.request().clone(), next);
                continue;
            }
            self.twins.begin(row.request());
            let progress = self.progress.remove(&place).unwrap_or_default();
            let context = self.context;
            *sending += 1;
            under_way.push(Box::pin(async move {
                let (mut row, mut progress) = (row, progress);
                let attempted = attempt(context, &mut row, &mut progress).await;
                Done::Attempt(Box::new((place, row, progress, attempted)))
            }));
        }
    }

    /// The server's clock has to be known before the first intent is dated by it.
    fn learn_time(&self, place: usize) -> LocalBoxFuture<'c, Done> {
        let context = self.context;
        let ledger = context.ledger.borrow();
        let request = ledger.row(place).request();
        let query = ListQuery {
            sub_partner: request.sub_partner.clone(),
            report_type: Some(request.report_type),
            period: Some(request.period),
        };
        Box::pin(async move {
            tokio::select! {
                biased;
                () = context.stopped() => Done::KnowsTime(Ok(())),
                learned = context.session.learn_time(&query) => Done::KnowsTime(learned),
            }
        })
    }

    /// Looks for all rows that are due, those of one sub-partner with one list.
    fn start_looks(&mut self, now: Instant, under_way: &mut Work<'c>) {
        let mut due: HashMap<Option<OrgId>, Vec<usize>> = HashMap::new();
        let mut order = Vec::new();
        while let Some((at, place)) = self.doubts.first().copied().filter(|(at, _)| *at <= now) {
            self.doubts.remove(&(at, place));
            let org = self
                .context
                .ledger
                .borrow()
                .row(place)
                .request()
                .sub_partner
                .clone();
            let group = due.entry(org.clone()).or_default();
            if group.is_empty() {
                order.push(org);
            }
            group.push(place);
        }
        for org in order {
            let places = due.remove(&org).unwrap_or_default();
            let context = self.context;
            let owned = Rc::clone(&self.owned);
            let cache = Rc::clone(&self.created_cache);
            let requests: Vec<_> = {
                let ledger = context.ledger.borrow();
                places
                    .iter()
                    .map(|place| ledger.row(*place).request().clone())
                    .collect()
            };
            under_way.push(Box::pin(async move {
                let requests: Vec<_> = requests.iter().collect();
                let seen = tokio::select! {
                    biased;
                    () = context.stopped() => None,
                    seen = look(context.session, &requests, |id| owned.borrow().contains(id), &cache) => Some(seen),
                };
                Done::Look(places, seen)
            }));
        }
    }

    /// Takes note of what is done.
    fn on_done(&mut self, done: Done, under_way: &mut Work<'c>) {
        match done {
            Done::KnowsTime(Ok(())) => self.knows_time = true,
            Done::KnowsTime(Err(halt)) => self.stop(halt.into()),
            Done::Attempt(done) => {
                let (place, row, progress, attempted) = *done;
                self.on_attempted(place, row, progress, attempted);
            }
            Done::Look(_, None) => {}
            Done::Look(places, Some(Err(error))) => self.on_not_looked_up(&places, &error),
            Done::Look(places, Some(Ok(found))) => {
                for (place, seen) in places.into_iter().zip(found) {
                    under_way.extend(self.on_looked(place, seen));
                }
            }
            Done::Recorded(place, row, next, Ok(())) => self.proceed(place, &row, next),
            Done::Recorded(_, row, _, Err(error)) => self.on_unrecorded(*row, error),
        }
    }

    fn on_attempted(&mut self, place: usize, row: Row, progress: Progress, attempted: Attempted) {
        self.progress.insert(place, progress);
        match attempted {
            Attempted::NotLet(halt) => {
                self.free(row.request());
                if let Some(halt) = halt {
                    self.stop(halt.into());
                }
            }
            Attempted::HeldBack => self.proceed(place, &row, Next::AtOnce),
            Attempted::Unrecorded(error) => self.on_unrecorded(row, error),
            Attempted::Answered(next, halt, answered) => {
                self.on_forbidden(&row, answered);
                self.proceed(place, &row, next);
                if let Some(halt) = halt {
                    self.stop(halt.into());
                }
            }
        }
    }

    /// What comes next for a row whose line is durable.
    fn proceed(&mut self, place: usize, row: &Row, next: Next) {
        let now = Instant::now();
        match next {
            Next::LookUp => {
                // Still in doubt, so its twins still wait.
                if row.status == Status::Sending {
                    self.emit(EventKind::InDoubt(row.clone()));
                }
                self.doubts.insert((now, place));
                return;
            }
            Next::Settled => {
                self.owned
                    .borrow_mut()
                    .extend(row.status.report_id().cloned());
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
        self.context.keep(&row);
        self.unrecorded.push(row);
        self.stop(StopReason::Ledger(error));
    }

    /// 403 on everything from the start is about the credentials, not about the rows (contract, section 2: exit
    /// code 3). Judged while nothing was ever created in this ledger.
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
                    self.stop(StopReason::Forbidden(row.cause.clone()));
                }
            }
            (Answered::Forbidden, None) | (Answered::NotAtAll, _) => {}
        }
    }

    fn on_not_looked_up(&mut self, places: &[usize], error: &ReadError) {
        let cause = match error {
            ReadError::Halted(halt) => {
                self.stop(halt.clone().into());
                return;
            }
            ReadError::Failed(cause) => cause,
        };
        for place in places {
            if self.look_again(*place) {
                continue;
            }
            self.not_looked_up.push(cause.clone());
            let row = self.context.ledger.borrow().row(*place).clone();
            self.emit(EventKind::NotLookedUp(row));
        }
    }

    /// Plans the next look; false where the last one was had.
    fn look_again(&mut self, place: usize) -> bool {
        let settle = self.context.session.policy().settle;
        let Some(question) = self
            .progress
            .get_mut(&place)
            .and_then(|p| p.question.as_mut())
        else {
            return false;
        };
        if schedule(question.kind, question.looks, settle).1 {
            return false;
        }
        question.looks += 1;
        // A look that came late stands for those it overtook.
        let now = Instant::now();
        let mut next = schedule(question.kind, question.looks, settle);
        while !next.1 && question.since + next.0 <= now {
            question.looks += 1;
            next = schedule(question.kind, question.looks, settle);
        }
        self.doubts.insert((question.since + next.0, place));
        true
    }

    /// Judges what a look saw of one row.
    fn on_looked(&mut self, place: usize, seen: Vec<Seen>) -> Option<LocalBoxFuture<'c, Done>> {
        let mut row = self.context.ledger.borrow().row(place).clone();
        let has_rival = self.has_rival(&row);
        let settle = self.context.session.policy().settle;
        let progress = self.progress.get_mut(&place)?;
        let question = progress.question.clone()?;
        // Others may have got theirs since the look began.
        let seen: Vec<Seen> = {
            let owned = self.owned.borrow();
            seen.into_iter()
                .filter(|s| !owned.contains(&s.id))
                .collect()
        };
        let known = Known {
            intent_at: row.intent_at,
            listed_before: progress.listed_before.as_ref(),
            has_rival,
            settled: schedule(question.kind, question.looks, settle).1,
        };
        let finding = judge(&question, &seen, &known);
        let next = match finding {
            Finding::LookAgain => {
                self.look_again(place);
                return None;
            }
            Finding::Adopt(id) => {
                self.owned.borrow_mut().insert(id.clone());
                created(&mut row, id);
                Next::Settled
            }
            Finding::NotMade
                if progress.tries < self.context.session.policy().max_attempts.get() =>
            {
                progress.listed_before = Some(seen.into_iter().map(|s| s.id).collect());
                row.status = Status::Pending;
                Next::AtOnce
            }
            Finding::NotMade | Finding::NoneExists => {
                row.status = Status::Failed;
                row.cause = question.cause;
                row.intent_at = None;
                Next::Settled
            }
            Finding::Undecidable(candidates) => {
                row.status = Status::Failed;
                row.cause.code = Row::IN_DOUBT.to_owned();
                row.cause.text = undecidable(question.kind, &candidates);
                Next::Settled
            }
        };
        progress.question = None;
        let context = self.context;
        Some(Box::pin(async move {
            let recorded = context.record_result(&mut row).await;
            Done::Recorded(place, Box::new(row), next, recorded)
        }))
    }

    /// Whether a report that fits this row may be a twin's: one that is in doubt too, in this run or left so by
    /// another, or one that waits for a decision about a create that left after this row's first.
    fn has_rival(&self, row: &Row) -> bool {
        let ledger = self.context.ledger.borrow();
        ledger.rows().iter().any(|other| {
            let in_doubt = other.status == Status::Sending;
            let undecided = other.awaits_decision()
                && (row.intent_at.is_none() || row.intent_at <= other.intent_at);
            (in_doubt || undecided) && other.request().is_twin_of(row.request())
        })
    }

    fn stop(&mut self, reason: StopReason) {
        match &self.stop {
            Some(earlier) if !reason.outranks(earlier) => return,
            _ => {}
        }
        self.stop = Some(reason.clone());
        self.context.stopping.set(true);
        self.context.stop.notify_waiters();
        self.emit(EventKind::Stopping(reason));
    }

    fn emit(&self, kind: EventKind) {
        (self.on_event)(&Event {
            at: self.context.session.now(),
            elapsed: self.began.elapsed(),
            counts: self.context.counts.get(),
            pace: self.context.session.gate().stats(),
            kind,
        });
    }
}

/// What a person is told who has to decide.
fn undecidable(kind: QuestionKind, candidates: &[ReportId]) -> String {
    let what = match kind {
        QuestionKind::WasItMade(Doubt::Open) => "the answer was lost",
        QuestionKind::WasItMade(Doubt::SaidYes) => {
            "the server accepted it but its answer had no id"
        }
        QuestionKind::WhichExists => "the server says that the report exists already",
    };
    if candidates.is_empty() {
        return format!(
            "{what}, and no report that could be it is listed; decide with `monthend resolve`"
        );
    }
    let ids: Vec<&str> = candidates.iter().map(ReportId::as_str).collect();
    format!(
        "{what}, and it cannot be known which report is its own; decide with `monthend resolve` between: {}",
        ids.join(", ")
    )
}
