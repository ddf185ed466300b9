//! Look-ups: when they begin, which rows share one, and what follows from the result.

use std::{collections::BTreeMap, time::Duration};

use futures::future::LocalBoxFuture;
use tokio::time::Instant;

use super::{Completed, Scheduler, Work};
use crate::{
    api::Api,
    inventory::{
        AttemptOrigin, Candidate, Inventory, LookUpQuestion, LookUpResult, LookUpTarget, Ownership,
        QuestionKind, judge,
    },
    ledger::{Reason, Row, RowIndex, State},
    run::{
        Creates, EventKind,
        after_create::NextStep,
        shared::{OtherRuns, Shared},
    },
    sending::ReadError,
};
use request::{Doubt, OrgId, Period, ReportId, Request};

/// When look-ups begin, as shares of `retry.settle` after the answer was lost. The last one is at `settle`.
const LOOKS: [f64; 4] = [0.0, 0.15, 0.45, 1.0];
/// The same for a 409: the existing report is listed already, or will be soon.
const CONFLICT_LOOKS: [f64; 2] = [0.0, 1.0];
/// The pause between look-ups that wait for the run to learn more about clocks and people.
const MAY_LEARN: Duration = Duration::from_secs(5);

/// How often the last look-up is repeated because it failed to read a report: one bad answer must decide nothing.
const MOST_REREADS: u32 = 3;

/// How long after the answer was lost the look-up number `looks` (from 0) begins, and whether it is the last.
fn schedule(kind: QuestionKind, looks: u32, settle: Duration) -> (Duration, bool) {
    let shares: &[f64] = match kind {
        QuestionKind::WasItMade(_) => &LOOKS,
        QuestionKind::WhichExists => &CONFLICT_LOOKS,
    };
    let place = usize::try_from(looks).unwrap_or(usize::MAX).min(shares.len() - 1);
    (settle.mul_f64(shares[place]), place == shares.len() - 1)
}

impl<'c, A: Api> Scheduler<'c, A> {
    /// One list for all due rows of the same sub-partner and period: an item of other days then contradicts the query.
    pub(super) fn start_looks(&mut self, now: Instant, under_way: &mut Work<'c>) {
        let mut due: BTreeMap<(Option<OrgId>, Period), Vec<RowIndex>> = BTreeMap::new();
        while let Some((at, place)) = self.doubts.first().copied().filter(|(at, _)| *at <= now) {
            self.doubts.remove(&(at, place));
            let ledger = self.shared.record.ledger();
            let request = ledger.row(place).request();
            let list = (request.sub_partner.clone(), request.period);
            due.entry(list).or_default().push(place);
        }
        for ((org, _), places) in due {
            let (shared, concurrency) = (self.shared, self.concurrency);
            let sought: Vec<LookUpTarget> =
                places.iter().map(|place| self.sought(*place)).collect();
            // These sub-partners' reports could be taken for the partner's own.
            let known = match org {
                Some(_) => Default::default(),
                None => {
                    let ledger = shared.record.ledger();
                    let orgs = ledger.rows().filter_map(|row| row.request().sub_partner.clone());
                    orgs.collect()
                }
            };
            under_way.push(Box::pin(async move {
                let taken = |id: &ReportId| shared.taken(id);
                let looking = async {
                    learn_of_earlier(shared, &sought).await?;
                    let (session, evidence) = (shared.session, &shared.evidence);
                    let inventory = Inventory { session, evidence, concurrency };
                    inventory.look_up(&sought, taken, &known).await
                };
                let seen = tokio::select! {
                    biased;
                    () = shared.stopping.wait() => None,
                    seen = looking => Some(seen),
                };
                Completed::Look(places, seen)
            }));
        }
    }

    fn sought(&self, place: RowIndex) -> LookUpTarget {
        let ledger = self.shared.record.ledger();
        let row = ledger.row(place);
        let progress = self.progress.get(&place);
        let settle = self.shared.session.policy().settle;
        LookUpTarget {
            request: row.request().clone(),
            sent: progress.and_then(|progress| progress.sent),
            intent: row.state.intent(),
            written: row.updated_at,
            origin: progress.map_or(AttemptOrigin::EarlierProcess, |progress| progress.origin),
            has_twins_elsewhere: row.request().sub_partner.is_none()
                && self.shared.other_runs == OtherRuns::Shares,
            settled: progress
                .and_then(|progress| progress.open.as_ref())
                .is_some_and(|open| schedule(open.kind, open.looks, settle).1),
        }
    }

    /// If the last look-up fails, a row whose answer was lost stays in doubt. A row with a 409 fails: that is an answer,
    /// whichever report it means.
    pub(super) fn on_not_looked_up(
        &mut self,
        places: &[RowIndex],
        error: &ReadError,
        under_way: &mut Work<'c>,
    ) {
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
            let row = self.shared.record.row(*place);
            self.emit(EventKind::NotLookedUp(row.clone()));
            let open = self.progress.get_mut(place).and_then(|p| p.open.as_mut());
            if let Some(open) = open.filter(|open| open.kind == QuestionKind::WhichExists) {
                let failed = row.failed(Reason::from(&open.cause));
                under_way.push(self.conclude(*place, failed, NextStep::Settled));
            }
        }
    }

    fn conclude(
        &mut self,
        place: RowIndex,
        mut row: Row,
        next: NextStep,
    ) -> LocalBoxFuture<'c, Completed> {
        if let Some(progress) = self.progress.get_mut(&place) {
            progress.open = None;
        }
        let shared = self.shared;
        Box::pin(async move {
            let recorded = shared.conclude(&mut row).await;
            Completed::Recorded(place, Box::new(row), next, recorded)
        })
    }

    fn look_again(&mut self, place: RowIndex) -> bool {
        let settle = self.shared.session.policy().settle;
        let Some(question) = self.progress.get_mut(&place).and_then(|p| p.open.as_mut()) else {
            return false;
        };
        if schedule(question.kind, question.looks, settle).1 {
            return false;
        }
        question.looks += 1;
        // Look-ups that should have begun by now are skipped, except for the last.
        let now = Instant::now();
        let mut next = schedule(question.kind, question.looks, settle);
        while !next.1 && question.since + next.0 <= now {
            question.looks += 1;
            next = schedule(question.kind, question.looks, settle);
        }
        self.doubts.insert((question.since + next.0, place));
        true
    }

    /// Whether reports of this run, created or still to come, could tell more about clocks and people.
    fn may_learn(&self) -> bool {
        let evidence = &self.shared.evidence;
        let at_work = !self.ready.is_empty() || !self.delayed.is_empty() || self.sending > 0;
        at_work && self.creates == Creates::All && !evidence.is_complete()
            || evidence.may_yet_learn(self.shared.session.policy().settle)
    }

    pub(super) fn on_looked(
        &mut self,
        place: RowIndex,
        mut seen: Vec<Candidate>,
    ) -> Option<LocalBoxFuture<'c, Completed>> {
        let row = self.shared.record.row(place);
        let (has_rival, has_open_twin) = (self.has_rival(&row), self.has_open_twin(&row));
        let may_learn = self.may_learn();
        let settle = self.shared.session.policy().settle;
        let progress = self.progress.get_mut(&place)?;
        let open = progress.open.clone()?;
        // Other rows may have got their reports since the look-up began.
        let org = row.request().sub_partner.as_ref();
        seen.retain_mut(|report| match self.shared.taken(&report.id) {
            // A candidate of a row in doubt may be that row's, until a person has decided.
            Ownership::Free => {
                report.is_anothers |= self.shared.candidates.borrow().contains(&report.id);
                true
            }
            Ownership::By(by) => {
                report.is_anothers = org.zip(by.as_ref()).is_some_and(|(org, by)| org != by);
                report.is_anothers
            }
        });
        let evidence = &self.shared.evidence;
        let has_unread = seen.iter().any(|report| evidence.is_unread(&report.id));
        let rereads = has_unread && open.reread < MOST_REREADS;
        let question = LookUpQuestion {
            kind: open.kind,
            origin: progress.origin,
            listed_before: progress.listed_before.as_ref(),
            is_own: row.request().sub_partner.is_none(),
            has_rival,
            has_open_twin,
            settled: schedule(open.kind, open.looks, settle).1,
            may_learn: may_learn || rereads,
        };
        let (row, next) = match judge(&question, &seen) {
            LookUpResult::LookAgain => {
                if !self.look_again(place) {
                    if let Some(known) = self.progress.get_mut(&place).and_then(|p| p.open.as_mut())
                    {
                        known.reread += u32::from(rereads);
                    }
                    self.doubts.insert((Instant::now() + MAY_LEARN, place));
                }
                return None;
            }
            LookUpResult::Adopt(id) => {
                self.shared.take(&id, row.request());
                (row.created(id), NextStep::Settled)
            }
            LookUpResult::NotMade if self.unselected.contains(&place) => {
                (row.not_made(), NextStep::Settled)
            }
            LookUpResult::NotMade
                if progress.tries.counted() < self.shared.session.policy().max_attempts.get() =>
            {
                progress.listed_before = Some(seen.into_iter().map(|seen| seen.id).collect());
                (row.not_made(), NextStep::AtOnce)
            }
            LookUpResult::NotMade | LookUpResult::NoneExists => {
                (row.failed(Reason::from(&open.cause)), NextStep::Settled)
            }
            LookUpResult::Undecidable(mut candidates) => {
                // The answer to the create may have named a report that no list shows.
                let named = open.cause.report_id.filter(|id| {
                    !candidates.contains(id) && self.shared.taken(id) == Ownership::Free
                });
                candidates.extend(named);
                let known = &mut self.shared.candidates.borrow_mut();
                known.extend(candidates.iter().cloned());
                let text = why_undecided(open.kind, &candidates);
                let shown = evidence.candidates(&candidates);
                self.shared.emit(EventKind::Candidates(row.id(), shown));
                (row.undecided(text, candidates), NextStep::Settled)
            }
        };
        Some(self.conclude(place, row, next))
    }

    /// Whether a twin is in doubt too, or waits for a decision about a create that was sent after this one.
    fn has_rival(&self, row: &Row) -> bool {
        let ledger = self.shared.record.ledger();
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

    /// Whether a list may show the report of the twin with the other `internal` as if it were this row's.
    fn has_open_twin(&self, row: &Row) -> bool {
        let mut twin = row.request().clone();
        twin.internal = !twin.internal;
        let ledger = self.shared.record.ledger();
        let twin = ledger.get(twin.id());
        twin.is_some_and(|twin| twin.state.report_id().is_none())
    }
}

fn why_undecided(kind: QuestionKind, candidates: &[ReportId]) -> String {
    let what = match kind {
        QuestionKind::WasItMade(Doubt::Open) => "the answer was lost",
        QuestionKind::WasItMade(Doubt::SaidYes) => {
            "the server accepted it, but the answer had no usable id"
        }
        QuestionKind::WhichExists => "the server says that the report exists already",
    };
    match candidates {
        [] => format!("{what}, and no report that could be it is listed"),
        _ => format!("{what}, and we cannot tell which report is ours"),
    }
}

/// How many of the ledger's latest reports are read to learn who created them.
const EARLIER: usize = 3;

/// Learns who we were in earlier runs, from reports whose create was answered: what `--existing` or a 409 found may be
/// anyone's.
async fn learn_of_earlier<A: Api>(
    shared: &Shared<'_, A>,
    sought: &[LookUpTarget],
) -> Result<(), ReadError> {
    let evidence = &shared.evidence;
    let matters =
        sought.iter().any(|s| s.origin == AttemptOrigin::EarlierProcess) || !evidence.knows_us();
    if !matters || evidence.knows_earlier() {
        return Ok(());
    }
    let latest: Vec<(ReportId, Request)> = {
        let ledger = shared.record.ledger();
        let answered = |row: &&Row| matches!(row.last_answer.http_status, Some(200..300));
        let mut rows: Vec<&Row> = ledger.rows().filter(answered).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.updated_at));
        let known = |row: &&Row| Some((row.state.report_id()?.clone(), row.request().clone()));
        rows.iter().filter_map(known).take(EARLIER).collect()
    };
    let session = shared.session;
    for (id, request) in &latest {
        evidence.ask_earlier(session, id, request).await?;
        if evidence.knows_earlier() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_look_is_at_settle() {
        let settle = Duration::from_secs(60);
        for kind in [QuestionKind::WasItMade(Doubt::Open), QuestionKind::WhichExists] {
            let looks: Vec<_> = (0..6).map(|n| schedule(kind, n, settle)).collect();
            assert!(looks.is_sorted_by_key(|(at, _)| *at));
            assert_eq!(looks[0].0, Duration::ZERO);
            assert!(looks.iter().all(|(at, last)| *last == (*at == settle)));
        }
    }
}
