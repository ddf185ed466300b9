//! Tells the partner's own reports from the sub-partners'. Whether a list without sub-partner shows those too is not
//! documented, and an item does not say whose it is: so it is compared with the sub-partners' lists.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Inventory, matching::contradicts};
use crate::{
    api::{Api, ListQuery},
    manifest::Discover,
    sending::ReadError,
};
use request::{OrgId, ReportId};

impl<A: Api> Inventory<'_, A> {
    /// `known` are sub-partners of plan or ledger; the API is asked for all others. A report in no sub-partner's list
    /// may appear there later: lists lag.
    pub(super) async fn find_sub_partner_reports(
        &self,
        query: &ListQuery,
        candidates: &[ReportId],
        known: &BTreeSet<OrgId>,
    ) -> Result<(), ReadError> {
        if candidates.iter().all(|id| self.evidence.is_theirs(id)) {
            return Ok(());
        }
        let mut partners = known.clone();
        partners.extend(self.session.sub_partners(Discover::All).await?);
        let lists = stream::iter(partners).map(async |partner| {
            let query = ListQuery { sub_partner: Some(partner), ..query.clone() };
            let mut listed = self.session.list(&query).await?;
            listed.retain(|report| !contradicts(report, &query));
            Ok(listed)
        });
        let lists: Vec<_> = lists.buffer_unordered(self.concurrency).try_collect().await?;
        self.evidence.found_theirs(lists.into_iter().flatten().map(|report| report.id));
        Ok(())
    }
}
