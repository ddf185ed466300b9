//! Asking the server for everything that could be a request's report.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};

use super::{
    Evidence, Moment,
    clocks::Age,
    judge::{Maker, Origin, Seen},
    matching::{common_query, fits},
    own::tell_apart,
};
use crate::{
    api::{Api, Listed},
    request::{OrgId, ReportId, Request},
    session::{ReadError, Session},
};

/// A request whose report is sought, and what is known of its create.
#[derive(Debug, Clone)]
pub struct Sought {
    /// The request.
    pub request: Request,
    /// When its earliest create whose outcome is unknown left: a moment of this process, else unknown.
    pub sent: Option<Moment>,
    /// The same by the server's clock, as the ledger says it.
    pub intent: Option<DateTime<Utc>>,
    /// Which process that create belongs to.
    pub origin: Origin,
}

/// Looks for several requests of one sub-partner with one list. Gives what could be each one's, in their order.
///
/// `is_taken` says which reports are nobody's candidates: other rows have them, or gave them up. What is listed was made,
/// whatever a single read says of it. `known` and `concurrency` are for the partner's own requests: see
/// `own::tell_apart`.
///
/// # Errors
/// The server cannot be asked.
pub async fn look_up<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    sought: &[Sought],
    is_taken: impl Fn(&ReportId) -> bool,
    known: &BTreeSet<OrgId>,
    concurrency: usize,
) -> Result<Vec<Vec<Seen>>, ReadError> {
    let requests: Vec<&Request> = sought.iter().map(|sought| &sought.request).collect();
    let Some(query) = common_query(&requests) else {
        return Ok(Vec::new());
    };
    if !evidence.is_complete() {
        evidence.ask_witness(session).await?;
    }
    let listed = session.list(&query).await?;
    let now = evidence.moment(session.now());
    for report in &listed {
        evidence.saw(report, now);
    }
    let mut found = Vec::with_capacity(sought.len());
    for sought in sought {
        let mut seen = Vec::new();
        let mut ids = HashSet::new();
        for report in listed.iter().filter(|report| fits(report, &sought.request)) {
            if is_taken(&report.id) || !ids.insert(report.id.clone()) {
                continue;
            }
            let report = in_full(session, evidence, report).await?;
            if fits(&report, &sought.request) {
                seen.push(report);
            }
        }
        found.push(seen);
    }
    if query.sub_partner.is_none() {
        let mut candidates = Vec::new();
        for (sought, reports) in sought.iter().zip(&found) {
            for report in reports {
                // Whoever made it, an older one needs no further look.
                if seen(session, evidence, sought, report, now).age != Age::Before {
                    candidates.push(report.id.clone());
                }
            }
        }
        let told = tell_apart(session, evidence, &query, &candidates, known, concurrency).await;
        if let Err(ReadError::Halted(halt)) = told {
            return Err(ReadError::Halted(halt));
        }
        for reports in &mut found {
            reports.retain(|report| evidence.is_own(&report.id) != Some(false));
        }
    }
    let judged = sought.iter().zip(found).map(|(sought, reports)| {
        let reports = reports.iter();
        reports
            .map(|report| seen(session, evidence, sought, report, now))
            .collect()
    });
    Ok(judged.collect())
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
    let Some(read) = session.get(&listed.id).await? else {
        return Ok(listed.clone());
    };
    evidence.saw(&read, evidence.moment(session.now()));
    let report = Listed {
        created: read.created.or(listed.created),
        created_by: read.created_by.or_else(|| listed.created_by.clone()),
        category: read.category.or_else(|| listed.category.clone()),
        internal: read.internal.or(listed.internal),
        sub_partner: read.sub_partner.or_else(|| listed.sub_partner.clone()),
        ..listed.clone()
    };
    evidence.keep(&report);
    Ok(report)
}

fn seen<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    sought: &Sought,
    report: &Listed,
    now: Moment,
) -> Seen {
    let date = (session.server_now(), now);
    let age = match (report.created, sought.origin, sought.sent, sought.intent) {
        (Some(stamp), Origin::ThisProcess, Some(sent), _) => evidence.age(stamp, sent),
        (Some(stamp), Origin::EarlierProcess, _, Some(intent)) => {
            evidence.age_by_date(stamp, intent, date)
        }
        _ => Age::Unknown,
    };
    let maker = match sought.origin {
        Origin::ThisProcess => evidence.maker(report),
        Origin::EarlierProcess => evidence.maker_before(report),
    };
    let by_its_stamp = matches!((report.created, sought.intent), (Some(stamp), Some(intent)) if stamp.timestamp() >= intent.timestamp());
    Seen {
        id: report.id.clone(),
        age,
        maker,
        may_be_theirs: sought.request.sub_partner.is_none()
            && (evidence.is_own(&report.id).is_none() || maker == Maker::Unknown),
        since_by_its_stamp: by_its_stamp,
        stamped_when_asked: evidence.is_stamped_when_asked(),
    }
}
