//! Look-ups: when, for whom together, and what follows from what they show.

use std::{collections::BTreeMap, rc::Rc};

use futures::future::LocalBoxFuture;
use tokio::time::Instant;

use super::{Done, Scheduler, Work};
use crate::{
    api::{Api, Doubt},
    ledger::{Place, Reason, Row, State},
    request::{OrgId, ReportId},
    runner::{
        EventKind,
        after_create::{Next, QuestionKind},
        doubt::{Finding, Known, Seen, judge, look, schedule},
    },
    session::ReadError,
};

impl<'c, A: Api> Scheduler<'c, '_, '_, A> {
    /// Looks for all rows that are due, those of one sub-partner with one list.
    pub(super) fn start_looks(&mut self, now: Instant, under_way: &mut Work<'c>) {
        let mut due: BTreeMap<Option<OrgId>, Vec<Place>> = BTreeMap::new();
        while let Some((at, place)) = self.doubts.first().copied().filter(|(at, _)| *at <= now) {
            self.doubts.remove(&(at, place));
            let ledger = self.context.record.ledger();
            let org = ledger.row(place).request().sub_partner.clone();
            due.entry(org).or_default().push(place);
        }
        for places in due.into_values() {
            let context = self.context;
            let owned = Rc::clone(&self.owned);
            let cache = Rc::clone(&self.created_cache);
            let requests: Vec<_> = {
                let ledger = context.record.ledger();
                places
                    .iter()
                    .map(|place| ledger.row(*place).request().clone())
                    .collect()
            };
            under_way.push(Box::pin(async move {
                let requests: Vec<_> = requests.iter().collect();
                let seen = tokio::select! {
                    biased;
                    () = context.stopping.wait() => None,
                    seen = look(context.session, &requests, |id| owned.borrow().contains(id), &cache) => Some(seen),
                };
                Done::Look(places, seen)
            }));
        }
    }

    pub(super) fn on_not_looked_up(&mut self, places: &[Place], error: &ReadError) {
        let cause = match error {
            ReadError::Halted(halt) => {
                self.stop(halt.clone().into());
                return;
            }
            ReadError::Failed(cause) => cause,
        };
        for place in places {
            if self.look_again(*place) {
                continue;
            }
            self.not_looked_up.push(cause.clone());
            let row = self.context.record.row(*place);
            self.emit(EventKind::NotLookedUp(row));
        }
    }

    /// Plans the next look; false where the last one was had.
    fn look_again(&mut self, place: Place) -> bool {
        let settle = self.context.session.policy().settle;
        let Some(question) = self
            .progress
            .get_mut(&place)
            .and_then(|p| p.question.as_mut())
        else {
            return false;
        };
        if schedule(question.kind, question.looks, settle).1 {
            return false;
        }
        question.looks += 1;
        // A look that came late stands for those it overtook.
        let now = Instant::now();
        let mut next = schedule(question.kind, question.looks, settle);
        while !next.1 && question.since + next.0 <= now {
            question.looks += 1;
            next = schedule(question.kind, question.looks, settle);
        }
        self.doubts.insert((question.since + next.0, place));
        true
    }

    /// Judges what a look saw of one row.
    pub(super) fn on_looked(
        &mut self,
        place: Place,
        seen: Vec<Seen>,
    ) -> Option<LocalBoxFuture<'c, Done>> {
        let row = self.context.record.row(place);
        let has_rival = self.has_rival(&row);
        let settle = self.context.session.policy().settle;
        let progress = self.progress.get_mut(&place)?;
        let question = progress.question.clone()?;
        // Others may have got theirs since the look began.
        let seen: Vec<Seen> = {
            let owned = self.owned.borrow();
            seen.into_iter()
                .filter(|s| !owned.contains(&s.id))
                .collect()
        };
        let known = Known {
            intent_at: row.state.intent(),
            listed_before: progress.listed_before.as_ref(),
            has_rival,
            settled: schedule(question.kind, question.looks, settle).1,
        };
        let finding = judge(&question, &seen, &known);
        let (mut row, next) = match finding {
            Finding::LookAgain => {
                self.look_again(place);
                return None;
            }
            Finding::Adopt(id) => {
                self.owned.borrow_mut().insert(id.clone());
                (row.created(id), Next::Settled)
            }
            Finding::NotMade
                if progress.tries < self.context.session.policy().max_attempts.get() =>
            {
                progress.listed_before = Some(seen.into_iter().map(|s| s.id).collect());
                (row.not_made(), Next::AtOnce)
            }
            Finding::NotMade | Finding::NoneExists => {
                (row.failed(Reason::from(&question.cause)), Next::Settled)
            }
            Finding::Undecidable(candidates) => (
                row.undecided(what_is_known(question.kind, &candidates), candidates),
                Next::Settled,
            ),
        };
        progress.question = None;
        let context = self.context;
        Some(Box::pin(async move {
            let recorded = context.record.conclude(&mut row).await;
            Done::Recorded(place, Box::new(row), next, recorded)
        }))
    }

    /// Whether a report that fits this row may be a twin's: one that is in doubt too, in this run or left so by
    /// another, or one that waits for a decision about a create that left after this row's first.
    fn has_rival(&self, row: &Row) -> bool {
        let ledger = self.context.record.ledger();
        ledger.rows().any(|other| {
            let unsettled = match &other.state {
                State::Sending { .. } => true,
                State::InDoubt { intent, .. } => {
                    row.state.intent().is_none() || row.state.intent() <= *intent
                }
                State::Pending { .. } | State::Created(_) | State::Failed { .. } => false,
            };
            unsettled && other.request().is_twin_of(row.request())
        })
    }
}

/// What a person is told who has to decide.
fn what_is_known(kind: QuestionKind, candidates: &[ReportId]) -> String {
    let what = match kind {
        QuestionKind::WasItMade(Doubt::Open) => "the answer was lost",
        QuestionKind::WasItMade(Doubt::SaidYes) => {
            "the server accepted it but its answer had no id"
        }
        QuestionKind::WhichExists => "the server says that the report exists already",
    };
    match candidates {
        [] => format!("{what}, and no report that could be it is listed"),
        _ => format!("{what}, and it cannot be known which report is its own"),
    }
}
