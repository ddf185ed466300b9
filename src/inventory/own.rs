//! The partner's own reports, told from the sub-partners'.
//!
//! Whether a list without sub-partner shows the sub-partners' reports too is not documented, and an item does not say
//! whose it is. So what could be the partner's own is set against what the sub-partners' lists show.

use std::collections::{BTreeSet, HashSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::Evidence;
use crate::{
    api::{Api, ListQuery},
    request::{OrgId, ReportId},
    session::{ReadError, Session},
    settings::Discover,
};

/// Finds out which of `candidates`, shown by a list without sub-partner filtered as `query`, are not the partner's
/// own. `known` are sub-partners that the ledger or the plan names; the API is asked for all others.
///
/// # Errors
/// The server cannot be asked, be it for its sub-partners or for their lists: then nothing is known.
pub(super) async fn tell_apart<A: Api>(
    session: &Session<'_, A>,
    evidence: &Evidence,
    query: &ListQuery,
    candidates: &[ReportId],
    known: &BTreeSet<OrgId>,
    concurrency: usize,
) -> Result<(), ReadError> {
    let open: HashSet<&ReportId> = candidates
        .iter()
        .filter(|id| evidence.is_own(id).is_none())
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let mut partners = known.clone();
    partners.extend(session.sub_partners(Discover::All).await?);
    let lists = stream::iter(partners).map(async |partner| {
        let query = ListQuery {
            sub_partner: Some(partner),
            ..query.clone()
        };
        session.list(&query).await
    });
    let lists: Vec<_> = lists.buffer_unordered(concurrency).try_collect().await?;
    let theirs: HashSet<ReportId> = lists
        .into_iter()
        .flatten()
        .map(|report| report.id)
        .collect();
    for id in open {
        evidence.found_own(id.clone(), !theirs.contains(id));
    }
    Ok(())
}
