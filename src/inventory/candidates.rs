//! Shows a person who decides what the server has of the reports that may be a row's own.

use super::matching::{common_query, fits};
use crate::{
    api::{Api, Listed},
    sending::{ReadError, Session},
};
use request::{ReportId, Request};

/// `None` where the server has no such report.
pub type ShownCandidate = (ReportId, Option<Listed>);

/// What a run `named` for `request`, and what the sub-partner's list shows for it. For the partner itself only the
/// named ones: its list may show the sub-partners' reports too.
pub async fn show_candidates<A: Api>(
    session: &Session<'_, A>,
    request: &Request,
    named: &[ReportId],
    is_taken: impl Fn(&ReportId) -> bool,
) -> Result<Vec<ShownCandidate>, ReadError> {
    let query = common_query(&[request]).filter(|query| query.sub_partner.is_some());
    let listed = match query {
        None => Ok(Vec::new()),
        Some(query) => session.list(&query).await,
    };
    let (listed, refusal) = match listed {
        Ok(listed) => (listed, None),
        // A person who may not list reports may still read one.
        Err(ReadError::Failed(cause)) if !named.is_empty() => (Vec::new(), Some(cause)),
        Err(error) => return Err(error),
    };
    let is_new = |report: &&Listed| {
        fits(report, request) && !named.contains(&report.id) && !is_taken(&report.id)
    };
    let new = listed.iter().filter(is_new).map(|report| &report.id);
    let mut shown: Vec<ShownCandidate> = Vec::new();
    for id in named.iter().chain(new) {
        if shown.iter().any(|(known, _)| known == id) {
            continue; // a list may name one twice
        }
        let in_list = listed.iter().find(|report| report.id == *id);
        let is_whole = in_list.is_some_and(|it| it.created.is_some() && it.created_by.is_some());
        let report = match in_list {
            Some(report) if is_whole => Some(report.clone()),
            _ => match session.get_once(id).await {
                Ok(Some(read)) => Some(completed(read, in_list)),
                Ok(None) => in_list.cloned(),
                Err(ReadError::Failed(_)) if refusal.is_none() && in_list.is_some() => {
                    in_list.cloned()
                }
                Err(error) => return Err(error),
            },
        };
        shown.push((id.clone(), report));
    }
    Ok(shown)
}

/// A single read, with what only the list shows.
fn completed(read: Listed, in_list: Option<&Listed>) -> Listed {
    let Some(listed) = in_list.cloned() else { return read };
    Listed {
        created: read.created.or(listed.created),
        created_by: read.created_by.or(listed.created_by),
        status: read.status.or(listed.status),
        ..read
    }
}
