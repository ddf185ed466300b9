//! What must hold: after every run, and when a history has ended.

use std::collections::{BTreeMap, HashMap};

use monthend::testing::{Finished, Ledger, Row, State};
use request::{ReportId, Request};

use super::{doubts, history::History, server::Report};

/// Whatever was reported as written is still there, and so is what the user wrote.
pub(crate) fn nothing_lost(history: &History<'_>, ledger: &Ledger) {
    for (row, id) in history.written.borrow().iter() {
        let found = ledger.get(*row).and_then(|row| row.state.report_id());
        if found != Some(id) {
            history.world.fail(format!("{row} was reported as {id} and is now {found:?}"));
        }
    }
    for row in &history.plan {
        let now = ledger.get(row.id());
        if now.is_none_or(|now| {
            now.extra != row.extra || now.label != row.label || now.job != row.job
        }) {
            history.world.fail(format!("{row:?} lost its note, label or job: {now:?}"));
        }
    }
    // Whatever a run has found in the file must stay.
    for row in ledger.rows() {
        if let Some(id) = row.state.report_id() {
            history.written.borrow_mut().insert(row.id(), id.clone());
        }
        earliest_intent_stays(history, row);
        let sent = history.server.arrived(row.request());
        let torn = history.torn.borrow().contains(&row.id());
        if row.attempts < if torn { sent.min(1) } else { sent } {
            history.world.fail(format!("{row:?} was sent {sent} times"));
        }
    }
}

/// While it is not known what became of a row's creates, its intent is that of the first.
fn earliest_intent_stays(history: &History<'_>, row: &Row) {
    let mut intents = history.intents.borrow_mut();
    let before = intents.remove(&row.id());
    let Some(intent) = row.state.intent() else {
        return;
    };
    let is_torn = history.torn.borrow().contains(&row.id());
    if before.is_some_and(|before| before < intent) && !is_torn {
        let failure = format!("the intent of {} moved on from {before:?}", row.request());
        history.world.fail(failure);
    }
    intents.insert(row.id(), intent);
}

/// The file is what the ledger in memory is, one line per request, in the plan's order.
pub(crate) fn at_rest(history: &History<'_>, ledger: &Ledger) {
    let order: Vec<_> = history.plan.iter().map(Row::id).collect();
    let rows: Vec<_> = ledger.rows().map(Row::id).collect();
    if order != rows {
        history.world.fail("the rows are not the plan's".to_owned());
    }
    let contents = history.disk.contents().unwrap_or_default();
    if contents != ledger.to_csv() {
        history.world.fail("the file at rest is not the ledger in memory".to_owned());
    }
    let mut owners: HashMap<&ReportId, &Row> = HashMap::new();
    for row in ledger.rows() {
        if matches!(row.state, State::Sending { intent: None, .. })
            && !history.torn.borrow().contains(&row.id())
        {
            let request = row.request();
            history.world.fail(format!("the intent of {request} is lost"));
        }
        let Some(id) = row.state.report_id() else {
            continue;
        };
        if let Some(other) = owners.insert(id, row) {
            history.world.fail(format!(
                "{id} belongs to {} and {}",
                row.request(),
                other.request()
            ));
        }
    }
}

/// However a run ended by itself, the ledger is at rest or the run says that it is not.
pub(crate) fn after_run(history: &History<'_>, finished: &Finished) {
    if finished.unsaved.is_none() {
        at_rest(history, &finished.ledger);
    }
    for (row, sent) in &history.process.borrow().said_yes {
        let row = finished.ledger.get(*row);
        if let Some(row) = row.filter(|row| row.attempts > *sent) {
            let failure = format!("{row:?} was accepted, and was sent again");
            history.world.fail(failure);
        }
    }
    let counts = finished.counts;
    let mut counted = [0; 4];
    for row in finished.ledger.rows() {
        counted[match row.state {
            State::Created(_) => 0,
            State::Failed { .. } | State::InDoubt { .. } => 1,
            State::Pending { .. } => 2,
            State::Sending { .. } => 3,
        }] += 1;
    }
    let told = [counts.created + counts.skipped, counts.failed, counts.pending, counts.sending];
    if told != counted {
        history.world.fail(format!("the run counts {told:?}, and there are {counted:?}"));
    }
}

/// Everything came to its end, once.
pub(crate) fn at_the_end(history: &History<'_>, finished: &Finished) {
    if !history.server.traits.keeps_settle {
        return everything_ended(history, finished);
    }
    let reports = history.server.reports();
    let mut ours: BTreeMap<&Request, Vec<&Report>> = BTreeMap::new();
    for report in reports.iter().filter(|r| r.ours) {
        ours.entry(&report.request).or_default().push(report);
    }
    for (request, made) in &ours {
        if made.len() > 1 {
            history.world.fail(format!("{request} was made {} times", made.len()));
        }
    }
    for row in finished.ledger.rows() {
        let request = row.request();
        let made = ours.get(request).and_then(|made| made.first());
        let failure = match &row.state {
            State::Pending { .. } | State::Sending { .. } => Some("has no end".to_owned()),
            State::Created(id) => {
                history.world.count("rows created");
                created_wrongly(history, &reports, request, id, made.copied())
            }
            State::InDoubt { .. } => {
                history.world.count("rows in_doubt");
                in_doubt_wrongly(history, row, made.copied())
            }
            State::Failed { .. } => {
                history.world.count("rows failed");
                failed_wrongly(history, request, made.copied())
            }
        };
        if let Some(failure) = failure {
            history.world.fail(format!("{request} {failure}: {row:?}; made: {made:?}"));
        }
    }
}

/// All that can be asked for where lists are later than `settle`.
fn everything_ended(history: &History<'_>, finished: &Finished) {
    for row in finished.ledger.rows() {
        if matches!(row.state, State::Pending { .. } | State::Sending { .. }) {
            history.world.fail(format!("{row:?} has no end"));
        }
    }
}

fn created_wrongly(
    history: &History<'_>,
    reports: &[Report],
    request: &Request,
    id: &ReportId,
    made: Option<&Report>,
) -> Option<String> {
    let Some(report) = reports.iter().find(|r| r.id == *id) else {
        return Some("has an id that the server does not know".to_owned());
    };
    if report.request != *request && history.server.was_misled(request) {
        // The answer that was repeated had not reached us: nothing tells it from the right one.
        history.world.count("created: misled by a repeated answer");
        return None;
    }
    if made.is_some_and(|made| made.id != *id) {
        return Some("has another id than that of the report we made".to_owned());
    }
    let was_refused = history.server.had_conflict(request);
    if report.request != *request && was_refused && history.server.traits.cleaned_up {
        // What the server meant by 409 may have been deleted before anyone could look.
        history.world.count("created: after a 409, what was left");
        return None;
    }
    let is_told_apart = report.request != *request && !report.request.is_twin_of(request);
    if history.anothers.borrow().contains(id) && !is_told_apart {
        history.world.count("created: perhaps another person's");
        return None;
    }
    if report.request != *request {
        return Some("has the report of another request".to_owned());
    }
    if !report.ours && !was_refused {
        return Some("has a report that was made before".to_owned());
    }
    None
}

fn failed_wrongly(
    history: &History<'_>,
    request: &Request,
    made: Option<&Report>,
) -> Option<String> {
    let traits = &history.server.traits;
    if traits.lists_refused_with.is_some() && history.server.had_conflict(request) {
        history.world.count("failed: a 409, and no list");
        return None;
    }
    if made.is_some() {
        return Some("failed, and its report was made".to_owned());
    }
    let refused = &traits.refused;
    // What the server means by 409 may be in no list that can be read, or a twin's already.
    let conflict = history.server.had_conflict(request);
    if !conflict && !(request.sub_partner.iter()).any(|org| refused.contains(org)) {
        return Some("failed, and nothing refuses it".to_owned());
    }
    None
}

/// See [`doubts`].
fn in_doubt_wrongly(history: &History<'_>, row: &Row, made: Option<&Report>) -> Option<String> {
    // A torn line may have taken the end of the cause with it.
    let torn = history.torn.borrow().contains(&row.id());
    if let Some(made) = made
        && !torn
        && !row.error().contains(made.id.as_str())
    {
        return Some("is in doubt and does not name the report we made".to_owned());
    }
    let undecided = history.undecided.borrow();
    match undecided.get(&row.id()) {
        Some(Ok(why)) => {
            history.world.count(why);
            None
        }
        Some(Err(_)) if doubts::twin_is_in_doubt(history, row) => {
            history.world.count("in doubt: with a twin");
            None
        }
        Some(Err(wrong)) => Some(format!("is in doubt, and {wrong}")),
        None => Some("is in doubt, and nobody said so".to_owned()),
    }
}
