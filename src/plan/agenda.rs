//! What a run has to do: the plan against the ledger.

use std::{collections::HashSet, sync::Arc};

use super::Plan;
use crate::{
    ledger::{Ledger, Place, Reading, Row, State},
    request::RequestId,
};

/// A ledger that holds every row a run is about, in the order in which it will be at rest, and which of them are
/// to be brought to their end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Agenda {
    /// The rows.
    pub ledger: Ledger,
    /// Places of the selected rows that are not created and await no decision, in order.
    pub work: Vec<Place>,
    /// Selected rows that are created already.
    pub created: usize,
    /// Selected rows that await a person's decision.
    pub undecided: usize,
}

/// A torn line of the ledger speaks of a request that nobody can name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ledger ends in a torn line about {0}, which is not in this plan; run the manifest that it belongs to, \
     or remove the line if it is known what became of it"
)]
pub struct UnknownRequest(pub RequestId);

impl Agenda {
    /// For `run`: every selected request of the plan gets a row; planned rows come first, in plan order, and all
    /// others keep their places after them.
    ///
    /// # Errors
    /// The ledger's torn end is about a request that the plan does not have.
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
            let row = Row::planned(planned.request.clone(), Arc::clone(&planned.job), label);
            ledger.fold(if in_doubt { row.doubted(None) } else { row });
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
    /// The ledger's torn end is about a request that only a plan can name.
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
        for (place, row) in ledger.places() {
            if !selected.contains(&row.id()) {
                continue;
            }
            match row.state {
                State::Created(_) => agenda.created += 1,
                State::InDoubt { .. } => agenda.undecided += 1,
                State::Failed { .. } | State::Pending { .. } | State::Sending { .. } => {
                    agenda.work.push(place);
                }
            }
        }
        agenda.ledger = ledger;
        agenda
    }
}
