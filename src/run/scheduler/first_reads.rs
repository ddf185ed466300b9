//! What a run reads early, so that later doubts can be resolved.

use std::collections::HashSet;

use futures::future::LocalBoxFuture;

use super::{Completed, FirstList, Scheduler};
use crate::{
    api::{Api, ListQuery, Listed},
    ledger::RowIndex,
    run::after_create::RowProgress,
};

impl<'c, A: Api> Scheduler<'c, A> {
    /// The server clock must be known before it dates the first intent.
    pub(super) fn ask_first_list(&self, place: RowIndex) -> LocalBoxFuture<'c, Completed> {
        let shared = self.shared;
        let ledger = shared.record.ledger();
        let request = ledger.row(place).request();
        let query = ListQuery::of(request);
        Box::pin(async move {
            tokio::select! {
                biased;
                () = shared.stopping.wait() => Completed::FirstList(place, Ok(None)),
                listed = shared.session.first_list(&query) => Completed::FirstList(place, listed),
            }
        })
    }

    pub(super) fn on_first_list(&mut self, place: RowIndex, listed: Option<Vec<Listed>>) {
        self.first_list = FirstList::Had;
        let Some(listed) = listed else { return };
        let evidence = &self.shared.evidence;
        evidence.saw_all(&listed, self.shared.session.now());
        let ids: HashSet<_> = listed.into_iter().map(|report| report.id).collect();
        let row = self.shared.record.row(place);
        let progress = self.progress.entry(place);
        let progress = progress.or_insert_with(|| RowProgress::found(&row));
        progress.listed_before = Some(ids);
    }

    /// Reads a report that is certainly ours, early and once, so that clocks and people are known when doubts come.
    pub(super) fn ask_witness(&self) -> LocalBoxFuture<'c, Completed> {
        let shared = self.shared;
        Box::pin(async move {
            let asked = tokio::select! {
                biased;
                () = shared.stopping.wait() => Ok(()),
                asked = shared.evidence.ask_witness(shared.session) => asked,
            };
            Completed::Witness(asked)
        })
    }
}
