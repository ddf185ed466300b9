use std::collections::HashMap;

use super::Plan;
use crate::ledger::{Counts, Ledger, LedgerRead, RowIndex, State};
use request::{Request, RequestId, RequestIds};

/// The ledger of a run, with a row for each selected request in its final order, and the rows still to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkList {
    pub ledger: Ledger,
    /// Selected rows that are neither created nor waiting for a decision, in order.
    pub work: Vec<RowIndex>,
    /// Rows that are not selected, in doubt, and twins of a row of `work`: they are looked up first.
    pub doubts: Vec<RowIndex>,
    /// Selected rows that need nothing: created already, or waiting for a decision.
    pub untouched: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ledger ends in a torn line about {0}, and nothing else says what that is; `monthend run` with the manifest \
     that plans it looks it up; remove the line only if you know how that request ended"
)]
pub struct UnknownRequest(pub RequestId);

impl WorkList {
    /// For `run`: every selected request of the plan gets a row. Planned rows come first, in plan order.
    pub fn to_run(
        reading: LedgerRead,
        plan: &Plan,
        selected: &RequestIds,
    ) -> Result<Self, UnknownRequest> {
        let LedgerRead { mut ledger, mut unknown, .. } = reading;
        for planned in plan.requests() {
            let in_doubt = unknown.remove(&planned.id);
            let place = ledger.place(planned.id);
            if place.is_some() || !(in_doubt || selected.contains(&planned.id)) {
                continue;
            }
            let row = planned.row();
            ledger.fold(if in_doubt { row.doubted(None) } else { row });
        }
        if let Some(id) = unknown.pop_first() {
            return Err(UnknownRequest(id));
        }
        ledger.reorder(plan.ids());
        Ok(WorkList::of(ledger, selected))
    }

    /// For `retry`: the ledger's rows as they are.
    pub fn to_retry(reading: LedgerRead, selected: &RequestIds) -> Result<Self, UnknownRequest> {
        match reading.unknown.first() {
            Some(id) => Err(UnknownRequest(*id)),
            None => Ok(WorkList::of(reading.ledger, selected)),
        }
    }

    /// For `collect`: nothing is created, and nothing looked up. Selected rows that are not created stay as they are.
    pub fn to_collect(ledger: Ledger, selected: &RequestIds) -> Self {
        let mut untouched = Counts::default();
        for row in ledger.rows().filter(|row| selected.contains(&row.key())) {
            if !matches!(row.state, State::Created(_)) {
                *untouched.of(&row.state) += 1;
            }
        }
        WorkList { ledger, untouched, ..WorkList::default() }
    }

    /// Takes the ledger and the rows in doubt, with their twins. `None` if there are none; then nothing is taken.
    pub fn take_doubts(&mut self) -> Option<WorkList> {
        let ledger = &self.ledger;
        let is_in_doubt =
            |place: &RowIndex| matches!(ledger.row(*place).state, State::Sending { .. });
        let work: Vec<RowIndex> = self.work.iter().copied().filter(is_in_doubt).collect();
        if work.is_empty() && self.doubts.is_empty() {
            return None;
        }
        Some(WorkList {
            ledger: std::mem::take(&mut self.ledger),
            work,
            doubts: self.doubts.clone(),
            untouched: self.untouched,
        })
    }

    pub fn of(ledger: Ledger, selected: &RequestIds) -> Self {
        let mut work_list = WorkList::default();
        for (place, row) in ledger.places() {
            if !selected.contains(&row.key()) {
                continue;
            }
            match row.state {
                State::Created(_) => work_list.untouched.skipped += 1,
                State::InDoubt { .. } => work_list.untouched.failed += 1,
                State::Failed { .. } | State::Pending { .. } | State::Sending { .. } => {
                    work_list.work.push(place);
                }
            }
        }
        work_list.doubts = twins_in_doubt(&ledger, &work_list.work, selected);
        work_list.ledger = ledger;
        work_list
    }
}

fn twins_in_doubt(ledger: &Ledger, work: &[RowIndex], selected: &RequestIds) -> Vec<RowIndex> {
    let mut by_kind: HashMap<_, Vec<&Request>> = HashMap::new();
    for place in work {
        let request = ledger.row(*place).request();
        let kind = (request.report_type, request.period);
        by_kind.entry(kind).or_default().push(request);
    }
    let others = ledger.places().filter(|(_, row)| {
        let request = row.request();
        matches!(row.state, State::Sending { .. })
            && !selected.contains(&row.key())
            && by_kind
                .get(&(request.report_type, request.period))
                .is_some_and(|kin| kin.iter().any(|other| other.is_twin_of(request)))
    });
    others.map(|(place, _)| place).collect()
}
