use std::collections::HashSet;

use tokio::time::Instant;
use tracing::{Instrument as _, field::Empty, trace_span};

use super::{
    Attempt, EventKind,
    after_create::{NextStep, RowProgress, after_create},
    shared::Shared,
};
use crate::{
    api::{Answer, Api, Cause, ListQuery, Outcome, Refusal},
    inventory::Departure,
    ledger::{JournalError, Row},
    sending::{EXCHANGES, Halt, ReadError},
};
use request::{Doubt, ReportId, Request};

pub(super) enum AttemptResult {
    /// It never left: the run is over.
    NotLet(Row, Option<Halt>),
    /// A wait was announced between intent and send, or the server's clock must be read again; the row is pending.
    HeldBack(Row),
    Answered(Row, NextStep, Option<Halt>, Answered),
    Unrecorded(Row, JournalError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Forbidden,
    ByAPage,
    Otherwise,
    NotAtAll,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListFirst {
    No,
    /// Nothing yet distinguishes a new report from an older one, and answers are lost or the token's owner is unknown.
    Yes,
}

pub(super) async fn attempt<A: Api>(
    shared: &Shared<'_, A>,
    before: Row,
    progress: &mut RowProgress,
    look_first: ListFirst,
) -> AttemptResult {
    let session = shared.session;
    let is_unknown = progress.listed_before.is_none() && !progress.looked_in_vain;
    if look_first == ListFirst::Yes && is_unknown {
        let listed = tokio::select! {
            biased;
            () = shared.stopping.wait() => return AttemptResult::NotLet(before, None),
            listed = Box::pin(list_for(shared, before.request())) => listed,
        };
        match listed {
            Ok(ids) => progress.listed_before = Some(ids),
            Err(ReadError::Halted(halt)) => return AttemptResult::NotLet(before, Some(halt)),
            // A doubt will have to be resolved without it.
            Err(ReadError::Failed(_)) => progress.looked_in_vain = true,
        }
    }
    let entered = tokio::select! {
        biased;
        () = shared.stopping.wait() => return AttemptResult::NotLet(before, None),
        entered = session.enter() => entered,
    };
    let permit = match entered {
        Ok(permit) => permit,
        Err(halt) => return AttemptResult::NotLet(before, Some(halt)),
    };

    if session.has_lost_the_time() {
        // No server clock could date the intent.
        return AttemptResult::HeldBack(before);
    }
    let mut sent = before.sent(session.server_now());
    if let Err(e) = shared.record.announce(&mut sent, session.now()).await {
        // It never left, and the disk may not have the line.
        return AttemptResult::Unrecorded(before, e);
    }
    let may_leave = tokio::select! {
        biased;
        () = shared.stopping.wait() => false,
        leaving = permit.leave() => leaving.is_ok(),
    };
    if !may_leave {
        let mut row = before.held_back();
        return match shared.conclude(&mut row).await {
            Ok(()) => AttemptResult::HeldBack(row),
            Err(e) => AttemptResult::Unrecorded(row, e),
        };
    }

    let stage = session.gate().stage();
    let earliest = progress.sent;
    let (wall, left) = (session.now(), Instant::now());
    let departure = shared.evidence.leaves(wall, permit.token());
    progress.sent = Some(earliest.map_or(departure, |earliest| earliest.and(departure)));
    let span = trace_span!(
        target: EXCHANGES,
        "request",
        request_id = %sent.id(),
        attempt = sent.attempts,
        tracking_id = Empty
    );
    let created = session.create(permit, sent.request()).instrument(span);
    let (mut answer, halt) = created.await;
    check_report_id(shared, &mut answer, sent.request(), departure);
    let told = Attempt::new(&sent, wall, left.elapsed(), &answer);
    if matches!(answer.outcome, Outcome::Refused(..) | Outcome::NotSent(_)) {
        progress.sent = earliest;
    }
    let answered = answered(&answer);
    let around = session.around(stage);
    let (mut row, next) = after_create(&before, sent, progress, answer, &around);
    let recorded = shared.conclude(&mut row).await;
    shared.emit(EventKind::Attempted(told));
    match recorded {
        Ok(()) => AttemptResult::Answered(row, next, halt, answered),
        Err(e) => AttemptResult::Unrecorded(row, e),
    }
}

async fn list_for<A: Api>(
    shared: &Shared<'_, A>,
    request: &Request,
) -> Result<HashSet<ReportId>, ReadError> {
    let session = shared.session;
    let listed = session.list(&ListQuery::of(request)).await?;
    shared.evidence.saw_all(&listed, session.now());
    Ok(listed.into_iter().map(|report| report.id).collect())
}

/// An id that another row has, or could have by an earlier list, is not usable: a proxy repeated an earlier answer.
fn check_report_id<A: Api>(
    shared: &Shared<'_, A>,
    answer: &mut Answer<ReportId>,
    request: &Request,
    sent: Departure,
) {
    let Outcome::Done(id) = &answer.outcome else {
        return;
    };
    let is_a_candidate = shared.candidates.borrow().contains(id);
    if !is_a_candidate && shared.take(id, request) {
        let evidence = &shared.evidence;
        evidence.made(id.clone(), request.clone(), sent);
        return;
    }
    let cause = Cause {
        http_status: answer.notice.status,
        code: "bad_response".to_owned(),
        text: format!("the server answered with report {id}, which belongs to another row"),
        ..Cause::default()
    };
    answer.outcome = Outcome::InDoubt(Doubt::SaidYes, cause);
}

fn answered(answer: &Answer<ReportId>) -> Answered {
    match (&answer.outcome, answer.notice.status) {
        (Outcome::Refused(Refusal::Forbidden, _), _) => Answered::Forbidden,
        (Outcome::InDoubt(..), Some(_)) if answer.notice.is_foreign => Answered::ByAPage,
        (_, Some(_)) => Answered::Otherwise,
        (_, None) => Answered::NotAtAll,
    }
}
