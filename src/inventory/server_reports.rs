//! What the server holds for rows of the ledger. Whether a list without sub-partner shows the sub-partners' reports is
//! not documented, so it counts for a sub-partner only where it shows every report that the ledger has of it: then ten
//! pages can stand for a thousand lists. Whose an unknown report is, only the sub-partners' own lists say.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;

use super::{
    Inventory, Maker,
    look_up::in_full,
    matching::{common_query, fits},
};
use crate::{
    api::{Api, LARGEST_PAGE, ListQuery, Listed},
    sending::{ReadError, Session},
};
use request::{OrgId, Period, ReportId, Request};

#[derive(Debug, Clone, Copy)]
pub struct AuditedRow<'a> {
    pub request: &'a Request,
    pub report: Option<&'a ReportId>,
    /// Since when the ledger has it, by the local clock.
    pub since: Option<DateTime<Utc>>,
}

/// Further reads of a report that is not found and may be new: reads lag, and not all alike.
const MORE_READS: u32 = 2;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerReports {
    /// `None` where the row has none, or the server neither lists it nor finds it by its id.
    pub own: Option<Listed>,
    /// Reports that could be the request's as well, and belong to no row.
    pub others: Vec<Other>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    pub report: Listed,
    /// Compared with the makers of the ledger's reports.
    pub maker: Maker,
    /// The request is the partner's own, and the report may be a sub-partner's.
    pub may_be_theirs: bool,
}

/// By sub-partner (`None` for a list without one) and period.
type ListedReports<'a> = HashMap<(Option<&'a OrgId>, Period), Vec<Listed>>;

fn shown<'l>(lists: &'l ListedReports<'_>, request: &'l Request) -> &'l [Listed] {
    let narrow = lists.get(&(request.sub_partner.as_ref(), request.period));
    let wide = || lists.get(&(None, request.period));
    narrow.or_else(wide).map_or(&[], Vec::as_slice)
}

impl<A: Api> Inventory<'_, A> {
    /// In the order of `asked`. `orgs` are all sub-partners of plan and ledger; `is_taken`: a row has it, or replaced
    /// it.
    pub async fn find_held(
        &self,
        asked: &[AuditedRow<'_>],
        orgs: &BTreeSet<OrgId>,
        is_taken: impl Fn(&ReportId) -> bool,
    ) -> Result<Vec<ServerReports>, ReadError> {
        let Inventory { session, evidence, concurrency } = *self;
        let lists = self.lists(asked, &is_taken).await?;
        // What is listed was made; all others are read by id.
        let own_reads = stream::iter(asked).map(async |known| {
            let Some(id) = known.report else {
                return Ok(None);
            };
            match shown(&lists, known.request).iter().find(|report| report.id == *id) {
                Some(report) => Ok(Some(report.clone())),
                None => find(session, id, known.since).await,
            }
        });
        let own_reports: Vec<_> = own_reads.buffered(concurrency).try_collect().await?;

        let mut listed = Vec::with_capacity(asked.len());
        for known in asked {
            let mut found: Vec<Listed> = Vec::new();
            for report in shown(&lists, known.request) {
                let is_other = fits(report, known.request)
                    && !is_taken(&report.id)
                    && !found.iter().any(|other| other.id == report.id);
                if is_other {
                    let report = in_full(session, evidence, report).await?;
                    found.extend(fits(&report, known.request).then_some(report));
                }
            }
            listed.push(found);
        }
        let of_ledger = asked.iter().find_map(|known| Some((known.report?, known.request)));
        if let Some((id, request)) = of_ledger
            && listed.iter().any(|found| !found.is_empty())
        {
            evidence.ask_earlier(session, id, request).await?;
        }
        let other = |report: Listed| Other {
            maker: evidence.maker_before(&report),
            may_be_theirs: false,
            report,
        };
        let mut others: Vec<Vec<Other>> =
            listed.into_iter().map(|found| found.into_iter().map(other).collect()).collect();
        self.judge_own(asked, &lists, &mut others, orgs).await?;
        let held = own_reports.into_iter().zip(others);
        Ok(held.map(|(own, of_row)| ServerReports { own, others: of_row }).collect())
    }

    async fn lists<'r>(
        &self,
        asked: &[AuditedRow<'r>],
        is_taken: &impl Fn(&ReportId) -> bool,
    ) -> Result<ListedReports<'r>, ReadError> {
        let mut by_period: BTreeMap<Period, Vec<AuditedRow<'r>>> = BTreeMap::new();
        for known in asked {
            by_period.entry(known.request.period).or_default().push(*known);
        }
        // Lists without sub-partner must take fewer requests than those they can stand for, unless the partner's own
        // requests need them.
        let orgs: HashSet<_> = asked.iter().map(|known| &known.request.sub_partner).collect();
        let pages = |known: &Vec<AuditedRow<'_>>| match known.len().div_ceil(LARGEST_PAGE) {
            1 => 1,
            several => 2 * several,
        };
        let is_worth_it = by_period.values().map(pages).sum::<usize>() < orgs.len();
        let asks_own =
            |known: &[AuditedRow<'_>]| known.iter().any(|k| k.request.sub_partner.is_none());
        let to_list = by_period.iter().filter(|(_, known)| is_worth_it || asks_own(known));
        let wide = stream::iter(to_list).map(async |(period, known)| {
            let requests: Vec<&Request> = known.iter().map(|known| known.request).collect();
            let query = common_query(&requests).unwrap_or_default();
            let query = ListQuery { sub_partner: None, ..query };
            match self.session.list(&query).await {
                // Long lists fail where short ones do not, such as those that change while they are read.
                Err(ReadError::Failed(_)) if !asks_own(known) => Ok(((None, *period), Vec::new())),
                listed => Ok(((None, *period), listed?)),
            }
        });
        let mut lists: ListedReports<'r> =
            wide.buffer_unordered(self.concurrency).try_collect().await?;

        let uncovered = uncovered(&by_period, &lists, is_taken);
        let narrow = stream::iter(uncovered).map(async |(org, requests)| {
            let listed = match common_query(&requests) {
                Some(query) => self.session.list(&query).await?,
                None => Vec::new(),
            };
            Ok((org, requests, listed))
        });
        let of_orgs: Vec<_> = narrow.buffer_unordered(self.concurrency).try_collect().await?;
        for (org, requests, listed) in of_orgs {
            for period in requests.into_iter().map(|r| r.period).collect::<BTreeSet<_>>() {
                lists.insert((Some(org), period), listed.clone());
            }
        }
        Ok(lists)
    }

    /// Removes sub-partners' reports from those of the partner's own requests, and marks what may be one.
    async fn judge_own(
        &self,
        asked: &[AuditedRow<'_>],
        lists: &ListedReports<'_>,
        others: &mut [Vec<Other>],
        orgs: &BTreeSet<OrgId>,
    ) -> Result<(), ReadError> {
        let narrow = lists.iter().filter(|((org, _), _)| org.is_some());
        let theirs = narrow.flat_map(|(_, reports)| reports);
        self.evidence.found_theirs(theirs.map(|report| report.id.clone()));
        for (known, candidates) in asked.iter().zip(others) {
            let request = known.request;
            if request.sub_partner.is_some() || candidates.is_empty() {
                continue;
            }
            let shows_all = !shows_only_own(lists, request.period);
            // A row that has a report needs no search for what may be a sub-partner's.
            if shows_all
                && known.report.is_none()
                && let Some(query) = common_query(&[request])
            {
                let ids: Vec<ReportId> =
                    candidates.iter().map(|other| other.report.id.clone()).collect();
                match self.find_sub_partner_reports(&query, &ids, orgs).await {
                    Err(ReadError::Halted(halt)) => return Err(ReadError::Halted(halt)),
                    // The sub-partners, or what they have, cannot be known.
                    Err(ReadError::Failed(_)) | Ok(()) => {}
                }
            }
            candidates.retain(|other| !self.evidence.is_theirs(&other.report.id));
            for other in candidates {
                other.may_be_theirs = shows_all;
            }
        }
        Ok(())
    }
}

/// Requests of sub-partners for which the list without sub-partner cannot stand: it lacks one of their reports, or
/// shows one that may be theirs and belongs to no row.
fn uncovered<'r>(
    by_period: &BTreeMap<Period, Vec<AuditedRow<'r>>>,
    lists: &ListedReports<'_>,
    is_taken: impl Fn(&ReportId) -> bool,
) -> BTreeMap<&'r OrgId, Vec<&'r Request>> {
    let mut uncovered: BTreeMap<&OrgId, Vec<&Request>> = BTreeMap::new();
    for (period, known) in by_period {
        let wide = lists.get(&(None, *period)).map_or(&[][..], Vec::as_slice);
        let ids: HashSet<&ReportId> = wide.iter().map(|report| &report.id).collect();
        let strangers: Vec<&Listed> = wide.iter().filter(|r| !is_taken(&r.id)).collect();
        let mut by_org: BTreeMap<&OrgId, Vec<&AuditedRow<'r>>> = BTreeMap::new();
        for row in known {
            if let Some(org) = &row.request.sub_partner {
                by_org.entry(org).or_default().push(row);
            }
        }
        for (org, rows) in by_org {
            let mut reports = rows.iter().filter_map(|row| row.report).peekable();
            let is_covered = reports.peek().is_some() && reports.all(|id| ids.contains(id));
            let may_be_theirs =
                |row: &&AuditedRow<'_>| strangers.iter().any(|report| fits(report, row.request));
            if !is_covered || rows.iter().any(may_be_theirs) {
                uncovered.entry(org).or_default().extend(rows.iter().map(|row| row.request));
            }
        }
    }
    uncovered
}

/// Repeated while the report is younger than `settle`.
async fn find<A: Api>(
    session: &Session<'_, A>,
    id: &ReportId,
    since: Option<DateTime<Utc>>,
) -> Result<Option<Listed>, ReadError> {
    let settle = TimeDelta::from_std(session.policy().settle).unwrap_or(TimeDelta::MAX);
    let is_new = since.is_some_and(|since| session.now() - since < settle);
    let mut found = session.get(id).await?;
    for tries in 1..=MORE_READS {
        if found.is_some() || !is_new {
            break;
        }
        sleep(session.backoff().after(tries)).await;
        found = session.get(id).await?;
    }
    Ok(found)
}

/// Only where the list lacks a report of a sub-partner's list, and has none of one, it has the partner's own alone: a
/// sub-partner that has left is in no list.
fn shows_only_own(lists: &ListedReports<'_>, period: Period) -> bool {
    let Some(wide) = lists.get(&(None, period)) else {
        return false;
    };
    let wide: HashSet<&ReportId> = wide.iter().map(|report| &report.id).collect();
    let of_period =
        |report: &&Listed| report.start == Some(period.start()) && report.end == Some(period.end());
    let narrow = lists.iter().filter(|((org, _), _)| org.is_some());
    let mut theirs = narrow.flat_map(|(_, reports)| reports).filter(of_period).peekable();
    theirs.peek().is_some() && theirs.all(|report| !wide.contains(&report.id))
}
