//! What a run has to do: the plan against the ledger.

use std::{collections::HashSet, sync::Arc};

use super::Plan;
use crate::{
    ledger::{Ledger, Reading, Row, Status},
    request::RequestId,
};

/// The ledger of a run, with a row for each selected request, in the order that it has at rest; and the rows that
/// are left to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Agenda {
    /// The rows.
    pub ledger: Ledger,
    /// Places of the selected rows that are neither created nor waiting for a person's decision, in order.
    pub work: Vec<usize>,
    /// Selected rows that are created already.
    pub created: usize,
    /// Selected rows that wait for a person's decision.
    pub undecided: usize,
}

/// The ledger ends in a torn line, and the plan does not have its request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ledger ends in a torn line of request {0}, which is not in this plan; run the manifest that it belongs to, \
     or remove the line if you know whether its report was made"
)]
pub struct UnknownRequest(pub RequestId);

impl Agenda {
    /// For `run`: every selected request of the plan gets a row. Planned rows come first, in plan order; the
    /// others keep their order after them.
    ///
    /// # Errors
    /// The ledger's torn line is of a request that the plan does not have.
    pub fn to_run(
        reading: Reading,
        plan: &Plan,
        selected: &HashSet<RequestId>,
    ) -> Result<Self, UnknownRequest> {
        let Reading {
            mut ledger,
            mut unknown,
            ..
        } = reading;
        for planned in plan.requests() {
            let in_doubt = unknown.remove(&planned.id);
            if ledger.place(planned.id).is_some() || !(in_doubt || selected.contains(&planned.id)) {
                continue;
            }
            let label = planned.label.clone();
            let mut row = Row::pending(planned.request.clone(), Arc::clone(&planned.job), label);
            if in_doubt {
                row.status = Status::Sending;
            }
            ledger.fold(row);
        }
        if let Some(id) = unknown.pop_first() {
            return Err(UnknownRequest(id));
        }
        ledger.reorder(plan.requests().iter().map(|planned| planned.id));
        Ok(Agenda::of(ledger, selected))
    }

    /// For `retry`: the ledger's rows as they are.
    ///
    /// # Errors
    /// The ledger's torn line is of a request that only a plan can name.
    pub fn to_retry(
        reading: Reading,
        selected: &HashSet<RequestId>,
    ) -> Result<Self, UnknownRequest> {
        match reading.unknown.first() {
            Some(id) => Err(UnknownRequest(*id)),
            None => Ok(Agenda::of(reading.ledger, selected)),
        }
    }

    fn of(ledger: Ledger, selected: &HashSet<RequestId>) -> Self {
        let mut agenda = Agenda::default();
        for (place, row) in ledger.rows().iter().enumerate() {
            if !selected.contains(&row.id()) {
                continue;
            }
            match row.status {
                Status::Created(_) => agenda.created += 1,
                Status::Failed if row.awaits_decision() => agenda.undecided += 1,
                Status::Failed | Status::Pending | Status::Sending => agenda.work.push(place),
            }
        }
        agenda.ledger = ledger;
        agenda
    }
}
