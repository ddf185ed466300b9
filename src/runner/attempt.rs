//! One attempt: gate, intent, create, result. The order of effects of the module's story, as straight code.

use std::cell::{Cell, RefCell};

use tokio::{sync::Notify, time::Instant};

use super::{
    Counts, Event, EventKind,
    decide::{Around, Next, Progress, after_create},
};
use crate::{
    api::{Answer, Api, Outcome},
    ledger::{Journal, JournalError, Ledger, Row, Status},
    request::ReportId,
    session::{Halt, Session},
};

/// What the owner shares with attempts and looks. Everything runs on one thread.
pub(super) struct Context<'a, 's, A: Api> {
    pub(super) session: &'a Session<'s, A>,
    pub(super) journal: Journal,
    pub(super) ledger: &'a RefCell<Ledger>,
    pub(super) counts: Cell<Counts>,
    /// When the run began.
    pub(super) began: Instant,
    /// Hears what happens.
    pub(super) on_event: &'a dyn Fn(&Event),
    /// Set once nothing more may leave.
    pub(super) stopping: Cell<bool>,
    /// Woken when `stopping` is set.
    pub(super) stop: Notify,
}

impl<A: Api> Context<'_, '_, A> {
    /// Puts the line of an intent on the disk, then takes it into the ledger: while it is not durable nothing leaves.
    async fn record_intent(&self, row: &mut Row) -> Result<(), JournalError> {
        let line = self.line(row);
        self.journal.append(line).await?;
        self.keep(row);
        Ok(())
    }

    /// Takes a result into the ledger, then puts its line on the disk: whatever becomes of the wait for the disk,
    /// the ledger that is written at the end knows it.
    pub(super) async fn record_result(&self, row: &mut Row) -> Result<(), JournalError> {
        let line = self.line(row);
        self.keep(row);
        self.journal.append(line).await
    }

    fn line(&self, row: &mut Row) -> Vec<u8> {
        row.updated_at = Some(self.session.now());
        self.ledger.borrow().line(row)
    }

    /// Takes the row into the ledger in memory.
    pub(super) fn keep(&self, row: &Row) {
        let mut ledger = self.ledger.borrow_mut();
        let mut counts = self.counts.get();
        if let Some(before) = ledger.get(row.id()) {
            *counts.of(&before.status) -= 1;
        }
        ledger.fold(row.clone());
        *counts.of(&row.status) += 1;
        self.counts.set(counts);
    }

    /// Tells those who watch.
    pub(super) fn emit(&self, kind: EventKind) {
        (self.on_event)(&Event {
            at: self.session.now(),
            elapsed: self.began.elapsed(),
            counts: self.counts.get(),
            pace: self.session.gate().stats(),
            kind,
        });
    }

    /// Waits until the run stops.
    pub(super) async fn stopped(&self) {
        loop {
            let notified = self.stop.notified();
            if self.stopping.get() {
                return;
            }
            notified.await;
        }
    }
}

/// How an attempt ended.
pub(super) enum Attempted {
    /// It never left: the run is over. The row is as it was.
    NotLet(Option<Halt>),
    /// A wait was announced between the intent and the send; the row is pending again.
    HeldBack,
    /// It was answered, or its answer was lost; the row's line is durable.
    Answered(Next, Option<Halt>, Answered),
    /// The ledger could not be written. The row is what is known of it all the same.
    Unrecorded(JournalError),
}

/// What the rules that look at all rows together need of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Forbidden,
    /// The server answered something else.
    Otherwise,
    /// There was no answer.
    NotAtAll,
}

/// Takes one row through an attempt.
pub(super) async fn attempt<A: Api>(
    context: &Context<'_, '_, A>,
    row: &mut Row,
    progress: &mut Progress,
) -> Attempted {
    let session = context.session;
    let entered = tokio::select! {
        biased;
        () = context.stopped() => return Attempted::NotLet(None),
        entered = session.enter() => entered,
    };
    let permit = match entered {
        Ok(permit) => permit,
        Err(halt) => return Attempted::NotLet(Some(halt)),
    };

    let before = row.clone();
    row.status = Status::Sending;
    row.intent_at = row.intent_at.or_else(|| Some(session.server_now()));
    row.attempts = row.attempts.saturating_add(1);
    if let Err(e) = context.record_intent(row).await {
        // It never left, and the disk may not hold the line.
        *row = before;
        return Attempted::Unrecorded(e);
    }
    let left = tokio::select! {
        biased;
        () = context.stopped() => false,
        left = permit.leave() => left.is_ok(),
    };
    if !left {
        *row = before;
        row.status = Status::Pending;
        return match context.record_result(row).await {
            Ok(()) => Attempted::HeldBack,
            Err(e) => Attempted::Unrecorded(e),
        };
    }

    let stage = session.gate().stage();
    let (left_at, left) = (session.now(), Instant::now());
    let answer = session.api().create(&permit.token, row.request()).await;
    let told = super::Attempt::new(row, left_at, left.elapsed(), &answer);
    let halt = session.answered(permit, &answer).await.err();
    let answered = answered(&answer);
    let Answer { outcome, notice } = answer;
    if matches!(outcome, Outcome::Refused(..) | Outcome::NotSent(_)) {
        // This create's outcome is known; an earlier one's may still not be.
        row.intent_at = before.intent_at;
    }
    if matches!(outcome, Outcome::NotSent(_)) {
        row.attempts = before.attempts;
    }
    if notice.status.is_some() {
        row.cause.http_status = notice.status;
        row.cause.tracking_id = notice.tracking_id;
    }
    let around = Around {
        max_attempts: session.policy().max_attempts.get(),
        stage,
        accepted: session.gate().stats().accepted,
        backoff: &|tries| session.backoff().after(tries),
    };
    let next = after_create(row, progress, outcome, &around);
    let recorded = context.record_result(row).await;
    context.emit(EventKind::Attempted(told));
    match recorded {
        Ok(()) => Attempted::Answered(next, halt, answered),
        Err(e) => Attempted::Unrecorded(e),
    }
}

fn answered(answer: &Answer<ReportId>) -> Answered {
    match (&answer.outcome, answer.notice.status) {
        (Outcome::Refused(crate::api::Refusal::Forbidden, _), _) => Answered::Forbidden,
        (_, Some(_)) => Answered::Otherwise,
        (_, None) => Answered::NotAtAll,
    }
}
