use std::collections::HashMap;

use super::{
    accepted::Acceptances,
    audited_request::AuditedRequest,
    difference::{Difference, DifferenceKind},
    figure::{NoAmount, change},
    file_audit::{FileAudit, FileChecks},
    files::Files,
    previous::Previous,
    reports,
    totals::Total,
};
use crate::{
    ledger::{Ledger, Row},
    plan::Planned,
};
use request::RequestId;

/// An audit without a server: a ledger, its files and an earlier ledger.
#[derive(Debug)]
pub struct Review<'a> {
    /// The ledger, which also serves as the plan.
    pub ledger: &'a Ledger,
    pub files: Files<'a>,
    pub checks: FileChecks<'a>,
    pub previous: Option<&'a Previous<'a>>,
    pub acceptances: &'a Acceptances,
}

#[derive(Debug, Default)]
pub struct Reviewed {
    /// Of rows that are not created or not collected, then of files, sums and earlier figures, then what has vanished.
    pub differences: Vec<Difference>,
    pub before: HashMap<RequestId, Before>,
    /// In the order of the rows.
    pub totals: Vec<Total>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// `594.22, was 619.12 (-24.9, -4 %)`, or only the earlier figure.
    Figure(String),
    NoFigure(NoAmount),
}

impl Reviewed {
    pub fn of_kind(&self, kind: DifferenceKind) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |it| it.kind == kind)
    }
}

/// The differences of planned requests that a ledger has no row of.
pub fn without_row<'a>(
    planned: impl IntoIterator<Item = &'a Planned>,
    ledger: &Ledger,
    acceptances: &Acceptances,
) -> Vec<Difference> {
    let missing = planned.into_iter().filter(|planned| ledger.get(planned.id).is_none());
    let differences = missing.map(|request| {
        let found = reports::not_created(&AuditedRequest { planned: request, row: None });
        Difference { acceptance: acceptances.get(found.id).cloned(), ..found }
    });
    differences.collect()
}

impl Review<'_> {
    pub fn run(&self) -> Reviewed {
        let planned: Vec<Planned> = self.ledger.rows().map(Planned::from).collect();
        let rows = self.ledger.rows();
        let subjects: Vec<AuditedRequest<'_>> = (planned.iter().zip(rows))
            .map(|(planned, row)| AuditedRequest { planned, row: Some(row) })
            .collect();
        let examination = FileAudit {
            subjects: &subjects,
            files: Some(self.files),
            checks: self.checks,
            previous: self.previous,
        };
        let examined = examination.run(self.ledger.rows().map(Row::request));
        let new = examined.new.into_iter().map(|place| (place, Before::Nothing));
        let figures = &examined.figures;
        let pairs = examined.pairs.into_iter().map(|(place, then)| {
            let before = match then {
                Ok(then) => Before::Figure(change(&then, figures[place].as_ref().ok())),
                Err(why) => Before::NoFigure(why),
            };
            (place, before)
        });
        let before = pairs.chain(new).map(|(place, before)| (subjects[place].id(), before));
        let unfinished = subjects.iter().filter_map(|subject| {
            let acceptance = self.acceptances.of_any(&reports::unfinished_ids(subject));
            Some(Difference { acceptance, ..reports::unfinished(subject)? })
        });
        let found = examined.found.into_iter().flatten().chain(examined.vanished);
        let found = found.map(|it| {
            let acceptance = self.acceptances.get(it.id).cloned();
            Difference { acceptance, ..it }
        });
        Reviewed {
            differences: unfinished.chain(found).collect(),
            before: before.collect(),
            totals: examined.totals,
        }
    }
}
