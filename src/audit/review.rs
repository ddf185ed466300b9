use super::{
    accepted::Acceptances,
    audited_request::AuditedRequest,
    difference::Difference,
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

/// Indexes are those of the ledger's rows.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// Of files, sums and earlier figures.
    pub differences: Vec<(usize, Difference)>,
    /// Of rows that are not created, or not collected.
    pub unfinished: Vec<(usize, Difference)>,
    pub before: Vec<(usize, Before)>,
    pub vanished: Vec<Difference>,
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
    /// All that was found.
    pub fn all(&self) -> impl Iterator<Item = &Difference> {
        let of_rows = self.unfinished.iter().chain(&self.differences).map(|(_, it)| it);
        of_rows.chain(&self.vanished)
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
        let differences = examined.found.into_iter().enumerate();
        let unfinished = subjects.iter().enumerate().filter_map(|(place, subject)| {
            let acceptance = self.acceptances.of_any(&reports::unfinished_ids(subject));
            let difference = reports::unfinished(subject)?;
            Some((place, Difference { acceptance, ..difference }))
        });
        let unfinished = unfinished.collect();
        let mut reviewed = Reviewed {
            unfinished,
            differences: differences
                .flat_map(|(place, found)| found.into_iter().map(move |d| (place, d)))
                .collect(),
            before: pairs.chain(new).collect(),
            vanished: examined.vanished,
            totals: examined.totals,
        };
        let found = reviewed.differences.iter_mut().map(|(_, difference)| difference);
        for difference in found.chain(&mut reviewed.vanished) {
            difference.acceptance = self.acceptances.get(difference.id).cloned();
        }
        reviewed
    }
}
