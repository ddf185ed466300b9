//! What the server holds for requests of which the ledger knows something: each row's own report, and others.
//!
//! One list without sub-partner for each period comes first. Whether it shows the sub-partners' reports is not
//! documented, so it counts for a sub-partner only where it shows every report that the ledger has of it: then ten pages
//! can stand for a thousand lists. Where it holds a report that no row has, whose that is says only the sub-partners' own
//! lists, and those who could be meant are asked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Evidence, Maker,
    existing::only_own,
    look_up::in_full,
    matching::{common_query, fits},
    own::tell_apart,
};
use crate::{
    api::{Api, Listed},
    request::{OrgId, Period, ReportId, Request},
    session::{ReadError, Session},
};

/// A request, and the report that its row has.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The request.
    pub request: &'a Request,
    /// Its report's id, where the ledger has one.
    pub report: Option<&'a ReportId>,
}

/// What the server holds for one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Held {
    /// The row's own report; `None` where the row has none, or the server neither lists it nor finds it by its id.
    pub own: Option<Listed>,
    /// Reports that could be the request's as well, and belong to no row. For the partner's own request none that may
    /// be a sub-partner's.
    pub others: Vec<Other>,
}

/// A report that belongs to no row.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    /// The report.
    pub report: Listed,
    /// Whether it was made by whoever made the reports of the ledger.
    pub maker: Maker,
}

/// A list of one sub-partner, or the one without, in one period.
type Lists<'a> = HashMap<(Option<&'a OrgId>, Period), Vec<Listed>>;

/// What was listed where `request` could be.
fn shown<'l>(lists: &'l Lists<'_>, request: &'l Request) -> &'l [Listed] {
    let narrow = lists.get(&(request.sub_partner.as_ref(), request.period));
    let wide = || lists.get(&(None, request.period));
    narrow.or_else(wide).map_or(&[], Vec::as_slice)
}

/// Asks the server what it holds for `asked`; the answers are in their order. `orgs` are all sub-partners that plan or
/// ledger name. `is_taken` says which reports belong to rows, or were given up.
///
/// # Errors
/// The server cannot be asked.
pub async fn find_held<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    asked: &[Known<'_>],
    orgs: &BTreeSet<OrgId>,
    is_taken: impl Fn(&ReportId) -> bool,
    concurrency: usize,
) -> Result<Vec<Held>, ReadError> {
    let lists = lists(session, asked, &is_taken, concurrency).await?;
    // Each row's own report: what is listed was made, all others are asked for by their ids.
    let own = stream::iter(asked).map(async |known| {
        let Some(id) = known.report else {
            return Ok(None);
        };
        match shown(&lists, known.request)
            .iter()
            .find(|report| report.id == *id)
        {
            Some(report) => Ok(Some(report.clone())),
            None => session.get(id).await,
        }
    });
    let own: Vec<_> = own.buffered(concurrency).try_collect().await?;

    // What could be its own as well.
    let mut others = Vec::with_capacity(asked.len());
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
        others.push(found);
    }
    if let Some(id) = asked.iter().find_map(|known| known.report)
        && others.iter().any(|others| !others.is_empty())
    {
        evidence.ask_earlier(session, id).await?;
    }
    keep_own(
        session,
        evidence,
        asked,
        &lists,
        &mut others,
        orgs,
        concurrency,
    )
    .await?;
    let held = own.into_iter().zip(others).map(|(own, others)| {
        let others = others.into_iter().map(|report| Other {
            maker: evidence.maker_before(&report),
            report,
        });
        Held {
            own,
            others: others.collect(),
        }
    });
    Ok(held.collect())
}

/// The lists that tell whose every report of `asked` is.
async fn lists<'a, A: Api>(
    session: &Session<'_, A>,
    asked: &[Known<'a>],
    is_taken: &impl Fn(&ReportId) -> bool,
    concurrency: usize,
) -> Result<Lists<'a>, ReadError> {
    let mut by_period: BTreeMap<Period, Vec<Known<'a>>> = BTreeMap::new();
    for known in asked {
        by_period
            .entry(known.request.period)
            .or_default()
            .push(*known);
    }
    // A list without sub-partner has to be worth it: the partner's own are asked about, or such lists can stand for more
    // lists than they have pages.
    let orgs: HashSet<_> = asked
        .iter()
        .map(|known| &known.request.sub_partner)
        .collect();
    let is_worth_it = orgs.len() > by_period.len() + asked.len() / 100;
    let wide = by_period.iter().filter(|(_, known)| {
        is_worth_it
            || known
                .iter()
                .any(|known| known.request.sub_partner.is_none())
    });
    let wide = stream::iter(wide).map(async |(period, known)| {
        let requests: Vec<&Request> = known.iter().map(|known| known.request).collect();
        let Some(mut query) = common_query(&requests) else {
            return Ok(((None, *period), Vec::new()));
        };
        query.sub_partner = None;
        Ok(((None, *period), session.list(&query).await?))
    });
    let mut lists: Lists<'a> = wide.buffer_unordered(concurrency).try_collect().await?;

    let mut narrow: BTreeMap<&OrgId, Vec<&Request>> = BTreeMap::new();
    for (period, known) in &by_period {
        let none = Vec::new();
        let wide = lists.get(&(None, *period)).unwrap_or(&none);
        let ids: HashSet<&ReportId> = wide.iter().map(|report| &report.id).collect();
        let strangers: Vec<&Listed> = wide.iter().filter(|r| !is_taken(&r.id)).collect();
        let mut by_org: BTreeMap<&OrgId, Vec<Known<'a>>> = BTreeMap::new();
        for known in known {
            if let Some(org) = &known.request.sub_partner {
                by_org.entry(org).or_default().push(*known);
            }
        }
        for (org, known) in by_org {
            let mut reports = known.iter().filter_map(|known| known.report).peekable();
            let is_covered = reports.peek().is_some() && reports.all(|id| ids.contains(id));
            let may_be_theirs =
                |known: &Known<'_>| strangers.iter().any(|report| fits(report, known.request));
            if !is_covered || known.iter().any(may_be_theirs) {
                let requests = known.iter().map(|known| known.request);
                narrow.entry(org).or_default().extend(requests);
            }
        }
    }
    let narrow = stream::iter(narrow).map(async |(org, requests)| {
        let listed = match common_query(&requests) {
            Some(query) => session.list(&query).await?,
            None => Vec::new(),
        };
        Ok((org, requests, listed))
    });
    let narrow: Vec<_> = narrow.buffer_unordered(concurrency).try_collect().await?;
    for (org, requests, listed) in narrow {
        for period in requests
            .into_iter()
            .map(|r| r.period)
            .collect::<BTreeSet<_>>()
        {
            lists.insert((Some(org), period), listed.clone());
        }
    }
    Ok(lists)
}

/// Takes from the others of the partner's own requests what is, or may be, a sub-partner's.
async fn keep_own<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    asked: &[Known<'_>],
    lists: &Lists<'_>,
    others: &mut [Vec<Listed>],
    orgs: &BTreeSet<OrgId>,
    concurrency: usize,
) -> Result<(), ReadError> {
    let theirs = lists.iter().filter(|((org, _), _)| org.is_some());
    for report in theirs.flat_map(|(_, reports)| reports) {
        evidence.found_own(report.id.clone(), false);
    }
    let mut by_period: BTreeMap<Period, (Vec<&Request>, Vec<ReportId>)> = BTreeMap::new();
    for (known, others) in asked.iter().zip(&*others) {
        if known.request.sub_partner.is_none() && !others.is_empty() {
            let (requests, ids) = by_period.entry(known.request.period).or_default();
            requests.push(known.request);
            ids.extend(others.iter().map(|other| other.id.clone()));
        }
    }
    for (period, (requests, ids)) in by_period {
        let of_period = lists.iter().filter(|((_, of), _)| *of == period);
        let of_period = of_period.map(|((org, _), reports)| (*org, reports.as_slice()));
        if only_own(&of_period.collect()) {
            for id in ids {
                evidence.found_own(id, true);
            }
        } else if let Some(query) = common_query(&requests) {
            match tell_apart(session, evidence, &query, &ids, orgs, concurrency).await {
                Err(ReadError::Halted(halt)) => return Err(ReadError::Halted(halt)),
                // Who the sub-partners are, or what they have, is not to be known: all of it may be theirs.
                Err(ReadError::Failed(_)) | Ok(()) => {}
            }
        }
    }
    for (known, others) in asked.iter().zip(others) {
        if known.request.sub_partner.is_none() {
            others.retain(|report| evidence.is_own(&report.id) == Some(true));
        }
    }
    Ok(())
}
