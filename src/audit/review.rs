//! An audit without a server: what the rows of a ledger come to, with their files and an earlier ledger.

use super::{
    audited_request::AuditedRequest,
    difference::Difference,
    figure::{NoAmount, change},
    file_audit::FileAudit,
    files::Files,
    previous::Previous,
    totals::Total,
};
use crate::{
    ledger::{Ledger, Row},
    plan::Planned,
    settings::Totals,
};

/// What is reviewed.
#[derive(Debug)]
pub struct Review<'a> {
    /// The ledger, which is taken for the plan too.
    pub ledger: &'a Ledger,
    /// Where its files lie.
    pub files: Files<'a>,
    /// What is summed up.
    pub totals: Option<&'a Totals>,
    /// What is compared with.
    pub previous: Option<&'a Previous<'a>>,
}

/// What came of it. Places are those of the ledger's rows, in their order.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// Differences of files, sums, and with what was before, each with the place that it is about.
    pub differences: Vec<(usize, Difference)>,
    /// What was before, for the rows that are compared.
    pub before: Vec<(usize, Before)>,
    /// Whom the ledger does not have any more.
    pub vanished: Vec<Difference>,
    /// Every sum, in the order of the rows.
    pub totals: Vec<Total>,
}

/// What stands beside a row in an earlier ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Nothing: it is new.
    Nothing,
    /// A row with a figure: `594.22, was 619.12 (-24.9, -4 %)`, or only what it was.
    Figure(String),
    /// A row that has no figure, and why.
    NoFigure(NoAmount),
}

impl Review<'_> {
    /// Reads every file once.
    pub fn run(&self) -> Reviewed {
        let planned: Vec<Planned> = self.ledger.rows().map(Planned::from).collect();
        let rows = self.ledger.rows();
        let subjects: Vec<AuditedRequest<'_>> = (planned.iter().zip(rows))
            .map(|(planned, row)| AuditedRequest {
                planned,
                row: Some(row),
            })
            .collect();
        let examination = FileAudit {
            subjects: &subjects,
            files: Some(self.files),
            totals: self.totals,
            previous: self.previous,
        };
        let examined = examination.run(self.ledger.rows().map(Row::request));
        let new = examined
            .new
            .into_iter()
            .map(|place| (place, Before::Nothing));
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
