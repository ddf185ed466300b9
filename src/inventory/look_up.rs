//! Asking the server for everything that could be a request's report.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};

use super::{
    Departure, Evidence, Moment,
    clocks::Age,
    judge::{AttemptOrigin, Candidate, Maker},
    matching::{Fit, common_query, fit},
    sub_partners::find_sub_partner_reports,
};
use crate::{
    api::{Api, Cause, Listed},
    request::{OrgId, ReportId, Request},
    session::{ReadError, Session},
};

/// How many seconds before an intent our own report may be stamped if nobody has compared the two clocks: servers
/// that date answers and stamp reports by different clocks are seldom further apart.
const STAMP_TOLERANCE: i64 = 10;

/// A request whose report is sought, and what is known of its create.
#[derive(Debug, Clone)]
pub struct LookUpTarget {
    /// The request.
    pub request: Request,
    /// How its earliest create whose outcome is unknown left, where this process sent it.
    pub sent: Option<Departure>,
    /// The same by the server's clock, as the ledger says it.
    pub intent: Option<DateTime<Utc>>,
    /// Which process that create belongs to.
    pub origin: AttemptOrigin,
    /// Whether another run may be making a report that this request's list shows too.
    pub has_twins_elsewhere: bool,
    /// Whether `retry.settle` has passed: lists show by now what there is.
    pub settled: bool,
}

/// What other rows say of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// It is no row's.
    Free,
    /// A row of this sub-partner, or of the partner itself, has it; or a row gave it up.
    By(Option<OrgId>),
}

/// Looks for several requests of one sub-partner with one list. Gives what could be each one's, in their order.
///
/// `taken` says which reports other rows have, or gave up: these are candidates for no row. But a report that this
/// sub-partner's list shows and another sub-partner's row has is a contradiction (a proxy gave that row this one's
/// answer): it is named, so that the request is not sent again. What is listed was made, whatever a single read says.
/// `known` and `concurrency` are for the partner's own requests, which are set against the sub-partners' lists.
///
/// # Errors
/// The server cannot be asked.
pub async fn look_up<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    sought: &[LookUpTarget],
    taken: impl Fn(&ReportId) -> Ownership,
    known: &BTreeSet<OrgId>,
    concurrency: usize,
) -> Result<Vec<Vec<Candidate>>, ReadError> {
    let requests: Vec<&Request> = sought.iter().map(|sought| &sought.request).collect();
    let Some(query) = common_query(&requests) else {
        return Ok(Vec::new());
    };
    evidence.ask_witness(session).await?;
    let listed = session.list(&query).await?;
    let now = evidence.saw_all(&listed, session.now());
    let mut told_apart = query.sub_partner.is_some();
    let mut found = Vec::with_capacity(sought.len());
    for sought in sought {
        let mut seen = Vec::new();
        let mut ids = HashSet::new();
        let may_be_its = |report: &&Listed| fit(report, &sought.request, &query) != Fit::Other;
        for report in listed.iter().filter(may_be_its) {
            let is_candidate = match taken(&report.id) {
                Ownership::Free => true,
                Ownership::By(Some(other)) => {
                    (sought.request.sub_partner.as_ref()).is_some_and(|org| *org != other)
                }
                Ownership::By(None) => false,
            };
            if !is_candidate || !ids.insert(report.id.clone()) {
                continue;
            }
            let report = in_full(session, evidence, report).await?;
            if may_be_its(&&report) {
                seen.push(report);
            }
        }
        found.push(seen);
    }
    if query.sub_partner.is_none() {
        let mut candidates = Vec::new();
        for (sought, reports) in sought.iter().zip(&found).filter(|(s, _)| s.settled) {
            for report in reports {
                // Whoever made it, an older one needs no further look.
                if seen(session, evidence, sought, report, now).age != Age::Before {
                    candidates.push(report.id.clone());
                }
            }
        }
        let told =
            find_sub_partner_reports(session, evidence, &query, &candidates, known, concurrency)
                .await;
        match told {
            Ok(()) => told_apart = true,
            // Who may not read them has to decide without; a server in trouble can be asked again.
            Err(ReadError::Failed(cause)) if is_refusal(&cause) => {}
            Err(error) => return Err(error),
        }
        for reports in &mut found {
            reports.retain(|report| !evidence.is_theirs(&report.id));
        }
    }
    let judged = sought.iter().zip(found).map(|(sought, reports)| {
        let reports = reports.iter();
        let judged = reports.map(|report| {
            let mut seen = seen(session, evidence, sought, report, now);
            let own = sought.request.sub_partner.is_none();
            let is_told = told_apart && sought.settled && !sought.has_twins_elsewhere;
            seen.may_be_theirs = own && (!is_told || seen.maker == Maker::Unknown);
            seen.is_anothers = taken(&report.id) != Ownership::Free;
            seen.fit = fit(report, &sought.request, &query);
            seen
        });
        judged.collect()
    });
    Ok(judged.collect())
}

/// Whether a read will never be answered otherwise.
fn is_refusal(cause: &Cause) -> bool {
    matches!(cause.http_status, Some(400..=407 | 409..=422 | 424..=428))
}

/// A listed report with what a single read adds. Where that finds nothing (a replica that lags), the list counts.
pub(super) async fn in_full<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    listed: &Listed,
) -> Result<Listed, ReadError> {
    if listed.created.is_some() && listed.created_by.is_some() {
        return Ok(listed.clone());
    }
    if let Some(report) = evidence.details(&listed.id) {
        return Ok(report);
    }
    let Some(read) = evidence.single(session, &listed.id).await? else {
        evidence.keep(listed);
        return Ok(listed.clone());
    };
    evidence.saw(&read, evidence.moment(session.now()));
    let report = Listed {
        created: read.created.or(listed.created),
        created_by: read.created_by.or_else(|| listed.created_by.clone()),
        category: listed.category.clone().or(read.category),
        internal: listed.internal.or(read.internal),
        sub_partner: listed.sub_partner.clone().or(read.sub_partner),
        ..listed.clone()
    };
    evidence.keep(&report);
    Ok(report)
}

fn seen<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    sought: &LookUpTarget,
    report: &Listed,
    now: Moment,
) -> Candidate {
    evidence.saw_candidate(report);
    let date = (session.server_now(), now);
    let age = match (report.created, sought.origin, sought.sent, sought.intent) {
        (Some(stamp), AttemptOrigin::ThisProcess, Some(sent), _) => evidence.age(stamp, sent.at),
        (Some(stamp), AttemptOrigin::EarlierProcess, _, Some(intent)) => {
            evidence.age_by_date(stamp, intent, date)
        }
        _ => Age::Unknown,
    };
    let maker = match sought.origin {
        AttemptOrigin::ThisProcess => {
            evidence.maker(report, sought.sent.and_then(|sent| sent.token))
        }
        AttemptOrigin::EarlierProcess => evidence.maker_before(report),
    };
    let tolerance = match maker {
        Maker::Us => STAMP_TOLERANCE,
        Maker::Other | Maker::Stranger | Maker::Unknown => 0,
    };
    // Once the clocks were compared, the comparison counts.
    let by_its_stamp = !evidence.is_calibrated()
        && matches!((report.created, sought.intent), (Some(stamp), Some(intent)) if stamp.timestamp() + tolerance >= intent.timestamp());
    Candidate {
        id: report.id.clone(),
        age,
        maker,
        may_be_theirs: sought.request.sub_partner.is_none(),
        is_anothers: false,
        fit: Fit::Fits,
        since_by_its_stamp: by_its_stamp,
        stamped_when_asked: evidence.is_stamped_when_asked(),
    }
}
