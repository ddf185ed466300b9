//! `vanished` and `dropped`: what an earlier ledger had, and today's plan and files do not have any more.

use bigdecimal::{BigDecimal, RoundingMode};

use super::{
    audited_request::AuditedRequest,
    comparison::MaxDrop,
    difference::{Difference, DifferenceKind},
    figure::{FigureText, Measure, NoAmount, figure},
    files::Files,
    remedy::Remedy,
    sums::written,
};
use crate::{
    ledger::{Ledger, Row},
    plan::Planned,
    request::RequestIds,
    settings::Totals,
};

/// An earlier ledger, to be compared with.
#[derive(Debug)]
pub struct Previous<'a> {
    /// Its rows. It may be the ledger that is audited.
    pub ledger: &'a Ledger,
    /// Those of its rows that may be named as vanished.
    pub selected: RequestIds,
    /// Where its files lie; `None` where files are left out.
    pub files: Option<Files<'a>>,
    /// By how much a figure may fall.
    pub max_drop: &'a MaxDrop,
    /// What is summed up; without it, rows are counted.
    pub totals: Option<&'a Totals>,
}

impl Previous<'_> {
    /// The figure of one of its rows. Reads the file to its end.
    pub(super) fn figure(&self, row: &Row) -> Result<BigDecimal, NoAmount> {
        let file = self.files.map(|files| files.look(row, self.totals));
        figure(row, file.as_ref(), self.totals.into())
    }
}

/// The difference of a report whose figure is `now`, and was `then` in the `earlier` row, where it fell too much.
pub(super) fn dropped(
    subject: &AuditedRequest<'_>,
    now: &BigDecimal,
    earlier: &Row,
    then: &BigDecimal,
    previous: &Previous<'_>,
) -> Option<Difference> {
    let lost = previous.max_drop.exceeded(then, now)?;
    // Rounded down: 100 % is all of it.
    let lost = written(&lost.with_scale_round(1, RoundingMode::Down));
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

/// The difference of a row of the earlier ledger whose sub-partner is not in the plan with its type any more.
pub(super) fn vanished(row: &Row, previous: &Previous<'_>) -> Difference {
    let figure = previous.figure(row);
    let figure = figure.map(|then| format!(" ({})", FigureText(previous.totals.into(), &then)));
    let what = format!(
        "it had a report then{}, and is not in the plan any more",
        figure.unwrap_or_default()
    );
    let planned = Planned::from(row);
    let subject = AuditedRequest {
        planned: &planned,
        row: Some(row),
    };
    let look = "if it is still billed, add it to the manifest";
    subject.differs(DifferenceKind::Vanished, what, Remedy::Look(look))
}
