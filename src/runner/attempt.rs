//! One attempt: gate, intent, create, result. The order of effects of the module's story, as straight code.

use std::{cell::RefCell, collections::HashSet};

use tokio::time::Instant;

use super::{
    Attempt, Event, EventKind,
    after_create::{Next, Progress, after_create},
    run::Watch,
    stop::Stopping,
};
use crate::{
    api::{Answer, Api, Cause, Doubt, Outcome, Refusal},
    inventory::{Evidence, Moment},
    ledger::{JournalError, Record, Row, State},
    request::{ReportId, Request},
    session::{Halt, Session},
};

/// What the scheduler shares with attempts and look-ups. Everything runs on one thread.
pub(super) struct Context<'a, 's, A: Api> {
    pub(super) session: &'a Session<'s, A>,
    pub(super) record: Record<'a>,
    pub(super) stopping: Stopping,
    pub(super) watch: Watch<'a>,
    /// What was learned about clocks and people.
    pub(super) evidence: Evidence,
    /// Reports that belong to rows, or were given up for them: nobody else's.
    pub(super) taken: RefCell<HashSet<ReportId>>,
}

impl<A: Api> Context<'_, '_, A> {
    /// Tells those who watch.
    pub(super) fn emit(&self, kind: EventKind) {
        (self.watch.on_event)(&Event {
            at: self.session.now(),
            elapsed: self.watch.began.elapsed(),
            counts: self.record.counts(),
            pace: self.session.gate().stats(),
            kind,
        });
    }
}

/// How an attempt ended. A row that is given is what is known of it now, recorded or not.
pub(super) enum Attempted {
    /// It never left: the run is over.
    NotLet(Row, Option<Halt>),
    /// A wait was announced between the intent and the send; the row is pending again.
    HeldBack(Row),
    /// It was answered, or its answer was lost; the row's line is durable.
    Answered(Row, Next, Option<Halt>, Answered),
    /// The ledger could not be written.
    Unrecorded(Row, JournalError),
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
    before: Row,
    progress: &mut Progress,
) -> Attempted {
    let session = context.session;
    let entered = tokio::select! {
        biased;
        () = context.stopping.wait() => return Attempted::NotLet(before, None),
        entered = session.enter() => entered,
    };
    let permit = match entered {
        Ok(permit) => permit,
        Err(halt) => return Attempted::NotLet(before, Some(halt)),
    };

    let mut sent = before.sent(session.server_now());
    if let Err(e) = context.record.announce(&mut sent).await {
        // It never left, and the disk may not hold the line.
        return Attempted::Unrecorded(before, e);
    }
    let left = tokio::select! {
        biased;
        () = context.stopping.wait() => false,
        left = permit.leave() => left.is_ok(),
    };
    if !left {
        let mut row = before.held_back();
        return match context.record.conclude(&mut row).await {
            Ok(()) => Attempted::HeldBack(row),
            Err(e) => Attempted::Unrecorded(row, e),
        };
    }

    let stage = session.gate().stage();
    let earliest = progress.sent;
    let (wall, left) = (session.now(), Instant::now());
    let moment = context.evidence.moment(wall);
    progress.sent = earliest.or(Some(moment));
    let (mut answer, halt) = session.create(permit, sent.request()).await;
    believe(context, &mut answer, sent.request(), moment);
    let told = Attempt::new(&sent, wall, left.elapsed(), &answer);
    if matches!(answer.outcome, Outcome::Refused(..) | Outcome::NotSent(_)) {
        progress.sent = earliest;
    }
    let answered = answered(&answer);
    let backoff = |tries| session.backoff().after(tries);
    let around = session.around(stage, &backoff);
    let (mut row, next) = after_create(&before, sent, progress, answer, &around);
    let recorded = context.record.conclude(&mut row).await;
    context.emit(EventKind::Attempted(told));
    match recorded {
        Ok(()) => Attempted::Answered(row, next, halt, answered),
        Err(e) => Attempted::Unrecorded(row, e),
    }
}

/// Takes a new report's id for its row. An id that another row has, or that was listed before as what another row could
/// have, is a yes without an id of use: a proxy repeated an earlier answer.
fn believe<A: Api>(
    context: &Context<'_, '_, A>,
    answer: &mut Answer<ReportId>,
    request: &Request,
    left_at: Moment,
) {
    let Outcome::Done(id) = &answer.outcome else {
        return;
    };
    let is_a_candidate = {
        let ledger = context.record.ledger();
        let mut rows = ledger.rows();
        rows.any(|row| matches!(&row.state, State::InDoubt { candidates, .. } if candidates.contains(id)))
    };
    if !is_a_candidate && context.taken.borrow_mut().insert(id.clone()) {
        let evidence = &context.evidence;
        evidence.made(id.clone(), request.clone(), left_at);
        return;
    }
    let cause = Cause {
        http_status: answer.notice.status,
        code: "bad_response".to_owned(),
        text: format!("the server answered with report {id}, which belongs to another row"),
        tracking_id: None,
    };
    answer.outcome = Outcome::InDoubt(Doubt::SaidYes, cause);
}

fn answered(answer: &Answer<ReportId>) -> Answered {
    match (&answer.outcome, answer.notice.status) {
        (Outcome::Refused(Refusal::Forbidden, _), _) => Answered::Forbidden,
        (_, Some(_)) => Answered::Otherwise,
        (_, None) => Answered::NotAtAll,
    }
}
