//! What must hold: after every run, and when a history has ended.

use std::collections::{BTreeMap, HashMap};

use monthend::{
    api::ListQuery,
    ledger::{Ledger, Row, State},
    request::{ReportId, Request},
    runner::Finished,
};

use super::{history::History, server::Report};

/// Whatever was reported as written is still there, and so is what the user wrote.
pub(crate) fn nothing_lost(history: &History<'_>, ledger: &Ledger) {
    for (row, id) in history.written.borrow().iter() {
        let found = ledger.get(*row).and_then(|row| row.state.report_id());
        if found != Some(id) {
            history
                .world
                .fail(format!("{row} was reported as {id} and is now {found:?}"));
        }
    }
    for row in &history.plan {
        let now = ledger.get(row.id());
        if now.is_none_or(|now| {
            now.extra != row.extra || now.label != row.label || now.job != row.job
        }) {
            history
                .world
                .fail(format!("{row:?} lost its note, label or job: {now:?}"));
        }
    }
    // Whatever a run has found in the file must stay.
    for row in ledger.rows() {
        if let Some(id) = row.state.report_id() {
            history.written.borrow_mut().insert(row.id(), id.clone());
        }
        let sent = history.server.arrived(row.request());
        if sent > 0 && row.attempts == 0 {
            history.world.fail(format!("{row:?} was sent {sent} times"));
        }
    }
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
        history
            .world
            .fail("the file at rest is not the ledger in memory".to_owned());
    }
    let mut owners: HashMap<&ReportId, &Row> = HashMap::new();
    for row in ledger.rows() {
        if matches!(row.state, State::Sending { intent: None, .. })
            && !history.torn.borrow().contains(&row.id())
        {
            let request = row.request();
            history
                .world
                .fail(format!("the intent of {request} is lost"));
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
    let told = [
        counts.created + counts.skipped,
        counts.failed,
        counts.pending,
        counts.sending,
    ];
    if told != counted {
        history.world.fail(format!(
            "the run counts {told:?}, and there are {counted:?}"
        ));
    }
}

/// Everything came to its end, once.
pub(crate) fn at_the_end(history: &History<'_>, finished: &Finished) {
    let reports = history.server.reports();
    let mut ours: BTreeMap<&Request, Vec<&Report>> = BTreeMap::new();
    for report in reports.iter().filter(|r| r.ours) {
        ours.entry(&report.request).or_default().push(report);
    }
    for (request, made) in &ours {
        if made.len() > 1 {
            history
                .world
                .fail(format!("{request} was made {} times", made.len()));
        }
    }
    for row in finished.ledger.rows() {
        let request = row.request();
        let made = ours.get(request).and_then(|made| made.first());
        let failure = match &row.state {
            State::Pending { .. } | State::Sending { .. } => Some("has no end"),
            State::Created(id) => {
                history.world.count("rows created");
                created_wrongly(history, &reports, request, id, made.copied())
            }
            State::InDoubt { .. } => {
                history.world.count("rows in_doubt");
                in_doubt_wrongly(history, &reports, row, made.copied())
            }
            State::Failed { .. } => {
                history.world.count("rows failed");
                failed_wrongly(history, request, made.copied())
            }
        };
        if let Some(failure) = failure {
            history
                .world
                .fail(format!("{request} {failure}: {row:?}; made: {made:?}"));
        }
    }
}

fn created_wrongly(
    history: &History<'_>,
    reports: &[Report],
    request: &Request,
    id: &ReportId,
    made: Option<&Report>,
) -> Option<&'static str> {
    let Some(report) = reports.iter().find(|r| r.id == *id) else {
        return Some("has an id that the server does not know");
    };
    if made.is_some_and(|made| made.id != *id) {
        return Some("has another id than that of the report we made");
    }
    if report.request != *request {
        return Some("has the report of another request");
    }
    if !report.ours && !history.server.had_conflict(request) {
        return Some("has a report that was made before");
    }
    None
}

fn failed_wrongly(
    history: &History<'_>,
    request: &Request,
    made: Option<&Report>,
) -> Option<&'static str> {
    if made.is_some() {
        return Some("failed, and its report was made");
    }
    let refused = &history.server.traits.refused;
    if !(request.sub_partner.iter()).any(|org| refused.contains(org)) {
        return Some("failed, and nothing refuses it");
    }
    None
}

/// A row may end in doubt only where nobody can know:
///
/// - the server never shows when a report was made, or
/// - the server said 409 and several reports fit, or
/// - a torn line took the time of the intent with it;
///
/// and in each case a report stands on the server that a list shows for it and no row owns, be it its own or not;
/// or a twin is in doubt for such a reason.
fn in_doubt_wrongly(
    history: &History<'_>,
    reports: &[Report],
    row: &Row,
    made: Option<&Report>,
) -> Option<&'static str> {
    // A torn line may have taken the end of the cause with it.
    let torn = history.torn.borrow().contains(&row.id());
    if let Some(made) = made
        && !torn
        && !row.error().contains(made.id.as_str())
    {
        return Some("is in doubt and does not name the report we made");
    }
    let excused = |row: &Request| {
        !history.server.traits.shows_age()
            || history.server.had_conflict(row)
            || history.torn.borrow().contains(&row.id())
    };
    let twins = history.plan.iter().map(Row::request);
    let twin_excused = twins
        .filter(|other| other.is_twin_of(row.request()))
        .any(excused);
    if !excused(row.request()) && !twin_excused {
        return Some("is in doubt, and the server showed what was needed");
    }
    let query = ListQuery {
        sub_partner: row.request().sub_partner.clone(),
        report_type: Some(row.request().report_type),
        period: Some(row.request().period),
    };
    if !reports.iter().any(|r| history.server.matches(r, &query)) {
        return Some("is in doubt, and no report could be it");
    }
    None
}
