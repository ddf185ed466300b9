//! The differences of an audit that come from the entries of `reconcile:`.

use super::{
    difference::{Difference, DifferenceKind},
    reconciliation::ListOutcome,
    remedy::Remedy,
};
use crate::{manifest::ReconcileEntry, text::one_line};
use reconcile::IdParts;
use request::Period;

/// An entry, in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedList {
    /// `invoice 2026-09`; only the entry's name where it could not be compared in any period.
    pub name: String,
    /// `None`: both sides agree.
    pub difference: Option<Difference>,
}

/// What is kept of the comparison of an entry: all of it may be gigabytes.
pub trait ListSummary {
    fn of(outcome: &ListOutcome<'_>) -> Self;

    /// `why` the entry could not be compared: a word for it, and a sentence. `period`: `None` for all of them.
    fn failed(entry: &ReconcileEntry, period: Option<Period>, why: (&str, &str)) -> Self;
}

impl ListSummary for AuditedList {
    /// Files that are missing, changed or not collected are differences of their own, and make none here.
    fn of(outcome: &ListOutcome<'_>) -> Self {
        let entry = outcome.entry;
        let name = format!("{} {}", entry.name, outcome.period);
        let unfit = outcome.missing.iter().filter(|it| !it.is_known_to_audit);
        let unfit: Vec<&str> = unfit.map(|it| it.subject.as_str()).collect();
        if outcome.outcome.is_agreement() && unfit.is_empty() {
            return AuditedList { name, difference: None };
        }
        let ids: Vec<String> =
            outcome.outcome.differences().map(|key| outcome.id(&key).to_string()).collect();
        let about = parts(entry)
            .text(&outcome.period.to_string())
            .texts(ids.iter().map(String::as_str))
            .texts(unfit);
        let other = one_line(&outcome.other_side());
        let what = format!("its {} files and {other}: {}", entry.report_type, outcome.summary());
        AuditedList { difference: Some(difference(about, name.clone(), what)), name }
    }

    fn failed(entry: &ReconcileEntry, period: Option<Period>, (reason, why): (&str, &str)) -> Self {
        let period = period.map_or_else(String::new, |period| format!(" {period}"));
        let name = format!("{}{period}", entry.name);
        let about = parts(entry).text(&period).text(reason);
        let found = difference(about, name.clone(), format!("not compared: {why}"));
        let remedy = Remedy::Look("put the list in its place, or correct the entry");
        AuditedList { name, difference: Some(Difference { remedy, ..found }) }
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
    }
}
