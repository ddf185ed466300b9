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

/// An audit without a server: a ledger, its files and an earlier ledger.
#[derive(Debug)]
pub struct Review<'a> {
    /// The ledger, which also serves as the plan.
    pub ledger: &'a Ledger,
    /// Where its files lie.
    pub files: Files<'a>,
    /// The columns to sum up.
    pub totals: Option<&'a Totals>,
    /// The earlier ledger.
    pub previous: Option<&'a Previous<'a>>,
}

/// The results. Indexes are those of the ledger's rows.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// Differences of files, sums and earlier figures, each with the index of its row.
    pub differences: Vec<(usize, Difference)>,
    /// The earlier figures of the rows that are compared.
    pub before: Vec<(usize, Before)>,
    /// Rows of the earlier ledger whose sub-partner and type are missing.
    pub vanished: Vec<Difference>,
    /// Every sum, in the order of the rows.
    pub totals: Vec<Total>,
}

/// The earlier figure of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// None: the row is new.
    Nothing,
    /// `594.22, was 619.12 (-24.9, -4 %)`, or only the earlier figure.
    Figure(String),
    /// The earlier row has no figure, and why.
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
