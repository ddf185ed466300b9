//! What the server already holds for requests that the ledger does not have. One list per sub-partner and period, so
//! that an item of other days contradicts its query. Reports of any person count: a lost ledger may have been a
//! colleague's.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Inventory,
    matching::{Fit, common_query, fit, fits},
};
use crate::{
    api::{Api, ListQuery, Listed},
    sending::{ReadError, Session},
};
use request::{OrgId, Period, ReportId, ReportStatus, ReportType, Request};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    None,
    Newest(ReportId),
    /// It cannot be known which of these belongs to the request, or whether one does.
    Unclear(Vec<ReportId>),
}

impl<A: Api> Inventory<'_, A> {
    /// In the order of `asked`; `all` are the requests of plan and ledger, since a report may belong to any that it
    /// fits.
    pub async fn find_existing(
        &self,
        asked: &[&Request],
        all: &[&Request],
        is_taken: impl Fn(&ReportId) -> bool,
    ) -> Result<Vec<Existing>, ReadError> {
        let mut by_list: BTreeMap<(Option<&OrgId>, Period), Vec<&Request>> = BTreeMap::new();
        for request in asked {
            let requests = by_list.entry((request.sub_partner.as_ref(), request.period));
            requests.or_default().push(request);
        }
        let lists = stream::iter(&by_list).map(async |(list, requests)| {
            let query = common_query(requests).unwrap_or_default(); // there is one
            let listed = self.session.list(&query).await?;
            Ok((*list, (query, listed)))
        });
        let listed: HashMap<_, (ListQuery, Vec<Listed>)> =
            lists.buffer_unordered(self.concurrency).try_collect().await?;
        let mut alike: HashMap<_, usize> = HashMap::new();
        for request in all.iter().collect::<HashSet<_>>() {
            *alike.entry(key(request)).or_default() += 1;
        }
        let mut found = Vec::with_capacity(asked.len());
        for request in asked {
            let list = (request.sub_partner.as_ref(), request.period);
            let Some((query, reports)) = listed.get(&list) else {
                found.push(Existing::None); // each was asked for
                continue;
            };
            let has_twin = alike.get(&key(request)).is_some_and(|n| *n > 1);
            // A report that shows the opposite of `internal` is the twin's, where there is a twin.
            let contradicts = |report: &Listed| match fit(report, request, query) {
                Fit::Contradicts => true,
                Fit::OtherInternal => !has_twin,
                Fit::Fits | Fit::Other => false,
            };
            let mut candidates: Vec<&Listed> = reports
                .iter()
                .filter(|report| fits(report, request) || contradicts(report))
                .filter(|report| report.status() != ReportStatus::Failed && !is_taken(&report.id))
                .collect();
            let mut unclear = candidates
                .iter()
                .any(|report| has_twin && report.internal.is_none() || contradicts(report));
            if request.sub_partner.is_none() && !candidates.is_empty() {
                let ids: Vec<ReportId> = candidates.iter().map(|r| r.id.clone()).collect();
                let known = all.iter().filter_map(|r| r.sub_partner.clone()).collect();
                if let Some(own_query) = common_query(&[request]) {
                    self.find_sub_partner_reports(&own_query, &ids, &known).await?;
                }
                candidates.retain(|report| !self.evidence.is_theirs(&report.id));
                // Whether the list shows only the partner's own is not documented, and a sub-partner that has left is
                // in none.
                unclear |= !candidates.is_empty();
            }
            candidates.iter().for_each(|report| self.evidence.saw_candidate(report));
            found.push(choose(self.session, candidates, unclear).await?);
        }
        Ok(found)
    }
}

/// Requests with the same key are twins: a list cannot tell their reports apart.
fn key(request: &Request) -> (Option<&OrgId>, ReportType, Period) {
    (request.sub_partner.as_ref(), request.report_type, request.period)
}

async fn choose<A: Api>(
    session: &Session<'_, A>,
    candidates: Vec<&Listed>,
    unclear: bool,
) -> Result<Existing, ReadError> {
    let ids = || candidates.iter().map(|report| report.id.clone()).collect();
    match (&candidates[..], unclear) {
        ([], _) => return Ok(Existing::None),
        (_, true) => return Ok(Existing::Unclear(ids())),
        ([only], false) => return Ok(Existing::Newest(only.id.clone())),
        _ => {}
    }
    let mut newest = None;
    for report in &candidates {
        let created = match report.created {
            Some(created) => Some(created),
            None => session.get(&report.id).await?.and_then(|details| details.created),
        };
        let Some(created) = created else {
            return Ok(Existing::Unclear(ids()));
        };
        newest = newest.max(Some((created, &report.id)));
    }
    Ok(newest.map_or(Existing::None, |(_, id)| Existing::Newest(id.clone())))
}
