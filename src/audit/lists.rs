//! The differences of an audit that come from the entries of `reconcile:`.

use std::sync::Arc;

use super::{
    accepted::{Acceptance, Acceptances},
    difference::{Difference, DifferenceKind},
    reconciliation::ListOutcome,
    remedy::Remedy,
};
use crate::{manifest::ReconcileEntry, text::one_line};
use reconcile::{DifferenceId, IdParts};
use request::Period;

/// An entry, in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedList {
    /// `invoice 2026-09`; only the entry's name where it could not be compared in any period.
    pub name: String,
    /// `None`: both sides agree.
    pub difference: Option<Difference>,
    /// Keys that do not count.
    pub accepted: Vec<AcceptedKey>,
    /// Keys that have an acceptance, which may have ended.
    pub known: Vec<DifferenceId>,
}

/// What is kept of the comparison of an entry: all of it may be gigabytes.
pub trait ListSummary {
    fn of(outcome: &ListOutcome<'_>, acceptances: &Acceptances) -> Self;

    /// `why` the entry could not be compared: a word for it, and a sentence. `period`: `None` for all of them.
    fn failed(
        entry: &ReconcileEntry,
        period: Option<Period>,
        why: (&str, &str),
        acceptances: &Acceptances,
    ) -> Self;
}

/// A key of a comparison that a person has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedKey {
    pub id: DifferenceId,
    /// Its class and cells, as people read them.
    pub what: String,
    pub acceptance: Arc<Acceptance>,
}

impl ListSummary for AuditedList {
    /// Files that are missing, changed or not collected are differences of their own, and make none here.
    fn of(outcome: &ListOutcome<'_>, acceptances: &Acceptances) -> Self {
        let entry = outcome.entry;
        let name = format!("{} {}", entry.name, outcome.period);
        let unfit = outcome.missing.iter().filter(|it| !it.is_known_to_audit);
        let unfit: Vec<&str> = unfit.map(|it| it.subject.as_str()).collect();
        let (mut ids, mut accepted, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for key in outcome.outcome.differences() {
            let id = outcome.id(&key);
            let acceptance = acceptances.get(id);
            known.extend(acceptance.map(|_| id));
            match acceptance.filter(|it| !it.is_ended) {
                Some(acceptance) => {
                    let what = format!("{name}: {}", outcome.named(&key));
                    accepted.push(AcceptedKey { id, what, acceptance: Arc::clone(acceptance) });
                }
                None => ids.push(id.to_string()),
            }
        }
        if ids.is_empty() && unfit.is_empty() {
            return AuditedList { name, difference: None, accepted, known };
        }
        // In no order that a spelling has a part in.
        ids.sort_unstable();
        let about = parts(entry)
            .text(&outcome.period.to_string())
            .texts(ids.iter().map(String::as_str))
            .texts(unfit);
        let other = one_line(&outcome.other_side());
        let counts = outcome.summary(acceptances);
        let what = format!("its {} files and {other}: {counts}", entry.report_type);
        let found = difference(about, name.clone(), what);
        AuditedList { difference: Some(found), name, accepted, known }
    }

    fn failed(
        entry: &ReconcileEntry,
        period: Option<Period>,
        (reason, why): (&str, &str),
        _: &Acceptances,
    ) -> Self {
        let period = period.map_or_else(String::new, |period| format!(" {period}"));
        let name = format!("{}{period}", entry.name);
        let about = parts(entry).text(&period).text(reason);
        let found = difference(about, name.clone(), format!("not compared: {why}"));
        let remedy = Remedy::Look("then `monthend reconcile` compares it");
        let difference = Some(Difference { remedy, ..found });
        AuditedList { name, difference, accepted: Vec::new(), known: Vec::new() }
    }
}

fn parts(entry: &ReconcileEntry) -> IdParts {
    IdParts::new(DifferenceKind::NotReconciled.word()).text(&entry.name)
}

fn difference(parts: IdParts, subject: String, what: String) -> Difference {
    Difference {
        id: parts.finish(),
        kind: DifferenceKind::NotReconciled,
        request_id: None,
        report_id: None,
        file: None,
        subject,
        what,
        remedy: Remedy::Reconcile,
        acceptance: None,
    }
}
