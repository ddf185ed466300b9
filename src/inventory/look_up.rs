use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Departure, Evidence, Inventory, Moment,
    clocks::{Age, MARGIN, grain},
    judge::{AttemptOrigin, Candidate, Maker},
    matching::{Fit, common_query, fit},
};
use crate::{
    api::{Api, Cause, Listed},
    sending::{ReadError, Session},
};
use request::{OrgId, ReportId, Request};

/// Seconds that our report may be stamped before the intent where the clocks were not compared.
const STAMP_TOLERANCE: i64 = 10;

#[derive(Debug, Clone)]
pub struct LookUpTarget {
    pub request: Request,
    /// The earliest create in doubt, where this process sent it.
    pub sent: Option<Departure>,
    /// The same by the server's clock, from the ledger.
    pub intent: Option<DateTime<Utc>>,
    /// `updated_at`, by the local clock of then.
    pub written: Option<DateTime<Utc>>,
    pub origin: AttemptOrigin,
    /// Another run may be making a report that this request's list shows too.
    pub has_twins_elsewhere: bool,
    /// `retry.settle` has passed: lists show by now what there is.
    pub settled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    Free,
    /// A row of this sub-partner, or of the partner itself, has it; or a row gave it up.
    By(Option<OrgId>),
}

impl<A: Api> Inventory<'_, A> {
    /// With one list for several requests of one sub-partner. A report that is `taken` is no candidate; but one that
    /// another sub-partner's row has is named, so that the request is not sent again: a proxy may have given that row
    /// this one's answer.
    pub async fn look_up(
        &self,
        targets: &[LookUpTarget],
        taken: impl Fn(&ReportId) -> Ownership,
        known: &BTreeSet<OrgId>,
    ) -> Result<Vec<Vec<Candidate>>, ReadError> {
        let Inventory { session, evidence, .. } = *self;
        let requests: Vec<&Request> = targets.iter().map(|target| &target.request).collect();
        let Some(query) = common_query(&requests) else {
            return Ok(Vec::new());
        };
        evidence.ask_witness(session).await?;
        let listed = session.list(&query).await?;
        let now = evidence.saw_all(&listed, session.now());
        let mut told_apart = query.sub_partner.is_some();
        let mut found = Vec::with_capacity(targets.len());
        for target in targets {
            let mut seen = Vec::new();
            let mut ids = HashSet::new();
            let may_be_its = |report: &&Listed| fit(report, &target.request, &query) != Fit::Other;
            for report in listed.iter().filter(may_be_its) {
                let is_candidate = match taken(&report.id) {
                    Ownership::Free => true,
                    Ownership::By(Some(other)) => {
                        (target.request.sub_partner.as_ref()).is_some_and(|org| *org != other)
                    }
                    Ownership::By(None) => false,
                };
                if !is_candidate || !ids.insert(report.id.clone()) {
                    continue;
                }
                let mut report = in_full(session, evidence, report).await?;
                // No single answer rules out a report: the request would be sent again.
                let shown = seen_as(session, evidence, target, &report, now);
                let is_ruled_out = shown.age == Age::Before
                    || matches!(shown.maker, Maker::Other | Maker::Stranger)
                    || report.created.is_some_and(|stamp| grain(stamp) > TimeDelta::seconds(1));
                if target.settled && is_ruled_out {
                    report = confirmed(session, evidence, report).await?;
                }
                if may_be_its(&&report) {
                    seen.push(report);
                }
            }
            found.push(seen);
        }
        if query.sub_partner.is_none() {
            let mut candidates = Vec::new();
            for (target, reports) in targets.iter().zip(&found).filter(|(s, _)| s.settled) {
                for report in reports {
                    // Whoever made it, an older one needs no further check.
                    if seen_as(session, evidence, target, report, now).age != Age::Before {
                        candidates.push(report.id.clone());
                    }
                }
            }
            match self.find_sub_partner_reports(&query, &candidates, known).await {
                Ok(()) => told_apart = true,
                // Without permission to read them the look-up has to do without; other failures may pass.
                Err(ReadError::Failed(cause)) if is_refusal(&cause) => {}
                Err(error) => return Err(error),
            }
            for reports in &mut found {
                reports.retain(|report| !evidence.is_theirs(&report.id));
            }
        }
        let judged = targets.iter().zip(found).map(|(target, reports)| {
            let reports = reports.iter();
            let judged = reports.map(|report| {
                let mut seen = seen_as(session, evidence, target, report, now);
                let own = target.request.sub_partner.is_none();
                let is_told = told_apart && target.settled && !target.has_twins_elsewhere;
                seen.may_be_theirs = own && (!is_told || seen.maker == Maker::Unknown);
                seen.is_anothers = taken(&report.id) != Ownership::Free;
                seen.fit = fit(report, &target.request, &query);
                seen
            });
            judged.collect()
        });
        Ok(judged.collect())
    }
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
    confirmed(session, evidence, listed.clone()).await
}

/// A listed report, without what a single read contradicts.
async fn confirmed<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    listed: Listed,
) -> Result<Listed, ReadError> {
    if let Some(report) = evidence.details(&listed.id) {
        return Ok(report);
    }
    let Some(read) = evidence.single(session, &listed.id).await? else {
        return Ok(listed);
    };
    evidence.saw(&read, evidence.moment(session.now()));
    let report = Listed {
        created: agreed_stamp(listed.created, read.created),
        created_by: agreed(listed.created_by.clone(), read.created_by),
        category: listed.category.clone().or(read.category),
        internal: listed.internal.or(read.internal),
        sub_partner: listed.sub_partner.clone().or(read.sub_partner),
        ..listed
    };
    evidence.keep(&report);
    Ok(report)
}

fn agreed<T: PartialEq>(listed: Option<T>, read: Option<T>) -> Option<T> {
    match (listed, read) {
        (Some(listed), Some(read)) => (listed == read).then_some(read),
        (listed, read) => read.or(listed),
    }
}

/// The finer of two stamps of one report, unless they are too far apart to be readings of one clock.
fn agreed_stamp(
    listed: Option<DateTime<Utc>>,
    read: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let (Some(listed), Some(read)) = (listed, read) else {
        return read.or(listed);
    };
    let grains = [grain(listed), grain(read)];
    let finer = if grains[0] < grains[1] { listed } else { read };
    let apart = (listed - read).abs();
    (apart <= MARGIN + grains[0].max(grains[1])).then_some(finer)
}

fn seen_as<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    sought: &LookUpTarget,
    report: &Listed,
    now: Moment,
) -> Candidate {
    evidence.saw_candidate(report);
    let date = (session.server_now(), now);
    let clocks = evidence.clocks.borrow();
    let age = match (report.created, sought.origin, sought.sent, sought.intent) {
        (Some(stamp), AttemptOrigin::ThisProcess, Some(sent), _) => clocks.age(stamp, sent.at),
        (Some(stamp), AttemptOrigin::EarlierProcess, _, Some(intent)) => {
            // The difference of server time and local time, then and now: the same where one clock dated both.
            let then = sought.written.map_or(TimeDelta::days(1), |at| intent - at);
            let apart = (then - (date.0 - session.now())).abs();
            clocks.age_by_date(stamp, (intent, apart), date)
        }
        _ => Age::Unknown,
    };
    let maker = match sought.origin {
        AttemptOrigin::ThisProcess => {
            evidence.maker(report, sought.sent.and_then(|sent| sent.token))
        }
        AttemptOrigin::EarlierProcess => evidence.maker_before(report),
    };
    let may_be_us = matches!(maker, Maker::Us | Maker::Unknown);
    let age = match age {
        // Its stamp in a list alone rules nothing out.
        Age::Before if may_be_us && evidence.is_unread(&report.id) => Age::Unknown,
        age => age,
    };
    let tolerance = match maker {
        Maker::Us => STAMP_TOLERANCE,
        Maker::Other | Maker::Stranger | Maker::Unknown => 0,
    };
    // Once the clocks were compared, the comparison counts.
    let by_its_stamp = !clocks.are_calibrated()
        && matches!((report.created, sought.intent), (Some(stamp), Some(intent)) if stamp.timestamp() + tolerance >= intent.timestamp());
    Candidate {
        id: report.id.clone(),
        age,
        maker,
        may_be_theirs: sought.request.sub_partner.is_none(),
        is_anothers: false,
        fit: Fit::Fits,
        since_by_its_stamp: by_its_stamp,
        stamped_when_asked: evidence.stamped_when_asked.get(),
    }
}
