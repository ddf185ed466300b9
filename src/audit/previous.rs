//! `vanished` and `dropped`: what an earlier ledger has, and today's plan and files lack.

use super::{
    audited_request::AuditedRequest,
    comparison::MaxDrop,
    contents::{FileContents, FileQuestions},
    difference::{Difference, DifferenceKind},
    figure::{NoAmount, figure, figure_text},
    files::Files,
    remedy::Remedy,
};
use crate::{
    ledger::{Ledger, Row},
    manifest::Totals,
    plan::Planned,
};
use reconcile::{Amount, IdParts};
use request::{OrgId, ReportId, Request, RequestIds, internal_mark};

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
        let questions = FileQuestions { totals: self.totals, rule: None };
        let file = self.files.map(|files| files.read(row, |it| FileContents::read(it, questions)));
        figure(row, file.as_ref(), self.totals)
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
    let what = format!(
        "{}; {} had {} ({lost} % less)",
        figure_text(now, previous.totals),
        earlier.request().period,
        figure_text(then, previous.totals),
    );
    let look = "ask why: a report that was requested too early may be incomplete";
    let request = &subject.planned.request;
    let parts = about(DifferenceKind::Dropped, request).text(&request.period.to_string());
    let id = parts.figure(Some(then)).figure(Some(now)).finish();
    let why = (what, Remedy::Look(look));
    Some(Difference { id, ..subject.file_differs(DifferenceKind::Dropped, &[], why) })
}

pub(super) fn vanished(row: &Row, previous: &Previous<'_>) -> Difference {
    let figure = previous.figure(row);
    let figure = figure.map(|then| format!(" ({})", figure_text(&then, previous.totals)));
    let what = format!(
        "it had a report then{}, and is not in the plan any more",
        figure.unwrap_or_default()
    );
    let planned = Planned::from(row);
    let subject = AuditedRequest { planned: &planned, row: Some(row) };
    let look = "if it is still billed, add it to the manifest";
    let parts = about(DifferenceKind::Vanished, row.request());
    let id = parts.texts(subject.report().map(ReportId::as_str)).finish();
    let why = (what, Remedy::Look(look));
    Difference { id, ..subject.differs(DifferenceKind::Vanished, &[], why) }
}

/// What an id hashes of a difference between two months.
fn about(kind: DifferenceKind, request: &Request) -> IdParts {
    let org = request.sub_partner.as_ref().map_or("", OrgId::as_str);
    let parts = IdParts::new(kind.word()).text(org).text(request.report_type.as_str());
    parts.text(internal_mark(request.internal))
}
