use std::{cell::RefCell, collections::HashSet};

use foldhash::HashMap;
use tokio::time::Instant;
use tracing::{Instrument as _, field::Empty, trace_span};

use super::{
    Attempt, EventKind,
    after_create::{NextStep, RowProgress, after_create},
    event::Emitter,
    stop::Stopping,
};
use crate::{
    api::{Answer, Api, Cause, ListQuery, Outcome, Refusal},
    inventory::{Departure, Evidence, Ownership},
    ledger::{JournalError, Record, Row},
    sending::{EXCHANGES, Halt, ReadError, Session},
};
use request::Doubt;
use request::{OrgId, ReportId, Request};

/// Whether other runs may send requests of the same plan at the same time, on other ledgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BesideOthers {
    /// No other run.
    No,
    /// Other partitions: a report that looks like the partner's own may be one that another run has just created.
    Shares,
}

/// Everything runs on one thread.
pub(super) struct Shared<'a, 's, A: Api> {
    pub(super) session: &'a Session<'s, A>,
    pub(super) record: &'a Record<'a>,
    pub(super) stopping: &'a Stopping,
    pub(super) beside_others: BesideOthers,
    pub(super) watch: &'a Emitter<'a>,
    pub(super) evidence: Evidence,
    /// Reports that are in no row but not free: discarded, or about to be recorded; with their organisation.
    pub(super) claimed: RefCell<HashMap<ReportId, Option<OrgId>>>,
    /// Reports that rows in doubt could have: a person decides.
    pub(super) candidates: RefCell<HashSet<ReportId>>,
}

impl<A: Api> Shared<'_, '_, A> {
    pub(super) fn taken(&self, id: &ReportId) -> Ownership {
        let ledger = self.record.ledger();
        let claimed = self.claimed.borrow();
        let by = match ledger.holder(id) {
            Some(place) => Some(&ledger.row(place).request().sub_partner),
            None => claimed.get(id),
        };
        by.map_or(Ownership::Free, |by| Ownership::By(by.clone()))
    }

    /// Claims a report for a row of `request`; false if a row has it already.
    pub(super) fn take(&self, id: &ReportId, request: &Request) -> bool {
        let is_free = self.record.ledger().holder(id).is_none();
        let mut claimed = self.claimed.borrow_mut();
        let is_free = is_free && !claimed.contains_key(id);
        if is_free {
            claimed.insert(id.clone(), request.sub_partner.clone());
        }
        is_free
    }

    /// A report in the ledger needs no claim any more.
    pub(super) async fn conclude(&self, row: &mut Row) -> Result<(), JournalError> {
        let recorded = self.record.conclude(row).await;
        if let Some(id) = row.state.report_id() {
            self.claimed.borrow_mut().remove(id);
        }
        recorded
    }

    pub(super) fn emit(&self, kind: EventKind) {
        self.watch.tell(self.session, self.record, kind);
    }
}

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
    context: &Shared<'_, '_, A>,
    before: Row,
    progress: &mut RowProgress,
    look_first: ListFirst,
) -> AttemptResult {
    let session = context.session;
    let is_unknown = progress.listed_before.is_none() && !progress.looked_in_vain;
    if look_first == ListFirst::Yes && is_unknown {
        let listed = tokio::select! {
            biased;
            () = context.stopping.wait() => return AttemptResult::NotLet(before, None),
            listed = Box::pin(list_for(context, before.request())) => listed,
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
        () = context.stopping.wait() => return AttemptResult::NotLet(before, None),
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
    if let Err(e) = context.record.announce(&mut sent).await {
        // It never left, and the disk may not have the line.
        return AttemptResult::Unrecorded(before, e);
    }
    let left = tokio::select! {
        biased;
        () = context.stopping.wait() => false,
        left = permit.leave() => left.is_ok(),
    };
    if !left {
        let mut row = before.held_back();
        return match context.conclude(&mut row).await {
            Ok(()) => AttemptResult::HeldBack(row),
            Err(e) => AttemptResult::Unrecorded(row, e),
        };
    }

    let stage = session.gate().stage();
    let earliest = progress.sent;
    let (wall, left) = (session.now(), Instant::now());
    let departure = context.evidence.leaves(wall, permit.token());
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
    check_report_id(context, &mut answer, sent.request(), departure);
    let told = Attempt::new(&sent, wall, left.elapsed(), &answer);
    if matches!(answer.outcome, Outcome::Refused(..) | Outcome::NotSent(_)) {
        progress.sent = earliest;
    }
    let answered = answered(&answer);
    let backoff = |tries| session.backoff().after(tries);
    let around = session.around(stage, &backoff);
    let (mut row, next) = after_create(&before, sent, progress, answer, &around);
    let recorded = context.conclude(&mut row).await;
    context.emit(EventKind::Attempted(told));
    match recorded {
        Ok(()) => AttemptResult::Answered(row, next, halt, answered),
        Err(e) => AttemptResult::Unrecorded(row, e),
    }
}

async fn list_for<A: Api>(
    context: &Shared<'_, '_, A>,
    request: &Request,
) -> Result<HashSet<ReportId>, ReadError> {
    let session = context.session;
    let listed = session.list(&ListQuery::of(request)).await?;
    context.evidence.saw_all(&listed, session.now());
    Ok(listed.into_iter().map(|report| report.id).collect())
}

/// An id that another row has, or could have by an earlier list, is not usable: a proxy repeated an earlier answer.
fn check_report_id<A: Api>(
    context: &Shared<'_, '_, A>,
    answer: &mut Answer<ReportId>,
    request: &Request,
    sent: Departure,
) {
    let Outcome::Done(id) = &answer.outcome else {
        return;
    };
    let is_a_candidate = context.candidates.borrow().contains(id);
    if !is_a_candidate && context.take(id, request) {
        let evidence = &context.evidence;
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
