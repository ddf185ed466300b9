//! What the server already holds for requests of which the ledger knows nothing: for a ledger that was lost.
//!
//! One list per sub-partner, filtered by what its requests have in common. A list without sub-partner may show
//! the sub-partners' reports too, and an item does not say whose it is; so what could be the partner's own
//! is held against what every sub-partner's list shows, and only the rest is the partner's.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::doubt::{common_query, fits};
use crate::{
    api::{Api, Listed},
    request::{OrgId, Period, ReportId, ReportType, Request},
    session::{ReadError, Session},
    settings::Discover,
};

/// What the server holds for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// Nothing.
    None,
    /// This report, the newest where there are several.
    Newest(ReportId),
    /// Several reports, or twins that share them: it cannot be known which belongs to the request.
    Unclear(Vec<ReportId>),
}

/// A report whose generation failed is of no use to anyone: it does not count as existing.
const FAILED: &str = "FAILED";

/// Asks the server what it holds for `requests`; the answers are in their order. Ids in `owned` belong to other
/// rows.
///
/// # Errors
/// The server cannot be asked.
pub async fn find_existing<A: Api>(
    session: &Session<'_, A>,
    requests: &[&Request],
    owned: &HashSet<ReportId>,
    concurrency: usize,
) -> Result<Vec<Existing>, ReadError> {
    let mut by_org: HashMap<Option<&OrgId>, Vec<&Request>> = HashMap::new();
    for request in requests {
        by_org
            .entry(request.sub_partner.as_ref())
            .or_default()
            .push(request);
    }
    let lists = stream::iter(&by_org).map(async |(org, requests)| {
        let listed = match common_query(requests) {
            Some(query) => session.list(&query).await?,
            None => Vec::new(),
        };
        Ok((*org, listed))
    });
    let mut listed: HashMap<Option<&OrgId>, Vec<Listed>> =
        lists.buffer_unordered(concurrency).try_collect().await?;
    if let Some(own) = listed.remove(&None) {
        let asked = by_org.get(&None).map(Vec::as_slice).unwrap_or_default();
        let theirs: HashSet<ReportId> = listed
            .values()
            .flatten()
            .map(|report| report.id.clone())
            .collect();
        let own = only_own(session, own, asked, theirs, concurrency).await?;
        listed.insert(None, own);
    }
    let mut alike: HashMap<_, usize> = HashMap::new();
    for request in requests {
        *alike.entry(key(request)).or_default() += 1;
    }
    let mut found = Vec::with_capacity(requests.len());
    for request in requests {
        let of_org = listed.get(&request.sub_partner.as_ref()).map(Vec::as_slice);
        let candidates: Vec<&Listed> = of_org
            .unwrap_or_default()
            .iter()
            .filter(|report| fits(report, request) && !owned.contains(&report.id))
            .filter(|report| report.status.as_deref() != Some(FAILED))
            .collect();
        let has_twin = alike[&key(request)] > 1;
        found.push(choose(session, candidates, has_twin).await?);
    }
    Ok(found)
}

/// What a list can tell apart once it is known whose report it is: requests with the same key are twins.
fn key(request: &Request) -> (Option<&OrgId>, ReportType, Period) {
    (
        request.sub_partner.as_ref(),
        request.report_type,
        request.period,
    )
}

async fn choose<A: Api>(
    session: &Session<'_, A>,
    candidates: Vec<&Listed>,
    has_twin: bool,
) -> Result<Existing, ReadError> {
    let ids = || candidates.iter().map(|report| report.id.clone()).collect();
    match (&candidates[..], has_twin) {
        ([], _) => return Ok(Existing::None),
        (_, true) => return Ok(Existing::Unclear(ids())),
        ([only], false) => return Ok(Existing::Newest(only.id.clone())),
        _ => {}
    }
    let mut newest = None;
    for report in &candidates {
        let created = match report.created {
            Some(created) => Some(created),
            None => session
                .get(&report.id)
                .await?
                .and_then(|details| details.created),
        };
        let Some(created) = created else {
            return Ok(Existing::Unclear(ids()));
        };
        newest = newest.max(Some((created, &report.id)));
    }
    Ok(newest.map_or(Existing::None, |(_, id)| Existing::Newest(id.clone())))
}

/// Of what a list without sub-partner shows for `asked`, the partner's own: what no sub-partner's list shows.
async fn only_own<A: Api>(
    session: &Session<'_, A>,
    mut own: Vec<Listed>,
    asked: &[&Request],
    theirs: HashSet<ReportId>,
    concurrency: usize,
) -> Result<Vec<Listed>, ReadError> {
    own.retain(|report| {
        !theirs.contains(&report.id) && asked.iter().any(|request| fits(report, request))
    });
    let Some(query) = common_query(asked).filter(|_| !own.is_empty()) else {
        return Ok(own);
    };
    let partners = session.sub_partners(Discover::All).await?;
    let query = &query;
    let lists = stream::iter(partners).map(async |partner| {
        let query = crate::api::ListQuery {
            sub_partner: Some(partner),
            ..query.clone()
        };
        session.list(&query).await
    });
    let theirs: Vec<Vec<Listed>> = lists.buffer_unordered(concurrency).try_collect().await?;
    let theirs: HashSet<ReportId> = theirs
        .into_iter()
        .flatten()
        .map(|report| report.id)
        .collect();
    own.retain(|report| !theirs.contains(&report.id));
    Ok(own)
}
