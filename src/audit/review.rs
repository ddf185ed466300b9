use super::{
    audited_request::AuditedRequest,
    difference::Difference,
    figure::{NoAmount, change},
    file_audit::{FileAudit, FileChecks},
    files::Files,
    previous::Previous,
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
}

/// Indexes are those of the ledger's rows.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// Of files, sums and earlier figures.
    pub differences: Vec<(usize, Difference)>,
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
        let pairs = examined.pairs.into_iter().map(|pair| {
            let before = match pair.then {
                Ok(then) => Before::Figure(change(&then, figures[pair.place].as_ref().ok())),
                Err(why) => Before::NoFigure(why),
            };
            (pair.place, before)
        });
        let differences = examined.found.into_iter().enumerate();
        Reviewed {
            differences: differences
                .flat_map(|(place, found)| found.into_iter().map(move |d| (place, d)))
                .collect(),
            before: pairs.chain(new).collect(),
            vanished: examined.vanished.into_iter().map(|(_, d)| d).collect(),
            totals: examined.totals,
        }
    }
}
