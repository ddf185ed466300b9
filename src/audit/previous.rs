//! `vanished` and `dropped`: what an earlier ledger has, and today's plan and files lack.

use super::{
    audited_request::AuditedRequest,
    comparison::MaxDrop,
    difference::{Difference, DifferenceKind},
    figure::{FigureText, Measure, NoAmount, figure},
    files::Files,
    remedy::Remedy,
};
use crate::{
    ledger::{Ledger, Row},
    manifest::Totals,
    plan::Planned,
};
use reconcile::Amount;
use request::RequestIds;

#[derive(Debug)]
pub struct Previous<'a> {
    /// May be the ledger that is audited.
    pub ledger: &'a Ledger,
    /// The rows that may be reported as vanished.
    pub selected: RequestIds,
    /// Where its files are; `None`: files are not read.
    pub files: Option<Files<'a>>,
    pub max_drop: &'a MaxDrop,
    /// `None`: rows are counted.
    pub totals: Option<&'a Totals>,
}

impl Previous<'_> {
    pub(super) fn figure(&self, row: &Row) -> Result<Amount, NoAmount> {
        let file = self.files.map(|files| files.look(row, self.totals));
        figure(row, file.as_ref(), self.totals.into())
    }
}

/// `None` if the figure did not fall too much. `then` is that of the `earlier` row.
pub(super) fn dropped(
    subject: &AuditedRequest<'_>,
    now: &Amount,
    earlier: &Row,
    then: &Amount,
    previous: &Previous<'_>,
) -> Option<Difference> {
    let lost = previous.max_drop.exceeded(then, now)?;
    let measure = Measure::from(previous.totals);
    let what = format!(
        "{}; {} had {} ({lost} % less)",
        FigureText(measure, now),
        earlier.request().period,
        FigureText(measure, then),
    );
    let look = "ask why: a report that was requested too early may be incomplete";
    Some(subject.file_differs(DifferenceKind::Dropped, what, Remedy::Look(look)))
}

pub(super) fn vanished(row: &Row, previous: &Previous<'_>) -> Difference {
    let figure = previous.figure(row);
    let figure = figure.map(|then| format!(" ({})", FigureText(previous.totals.into(), &then)));
    let what = format!(
        "it had a report then{}, and is not in the plan any more",
        figure.unwrap_or_default()
    );
    let planned = Planned::from(row);
    let subject = AuditedRequest { planned: &planned, row: Some(row) };
    let look = "if it is still billed, add it to the manifest";
    subject.differs(DifferenceKind::Vanished, what, Remedy::Look(look))
}
