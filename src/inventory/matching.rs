//! Whether a report can be a request's, by what the server shows of it.

use crate::{
    api::{ListQuery, Listed},
    request::Request,
};

/// What a create makes; `category` of reports where the server shows it (API reference).
const RECONCILIATION: &str = "RECONCILIATION";
/// A report whose generation failed is of no use to anyone.
const FAILED: &str = "FAILED";

/// Whether a report can be this request's.
pub(super) fn fits(report: &Listed, request: &Request) -> bool {
    is_made_by_a_create(report) && report.can_answer(request)
}

/// Reports of another category have the same type and dates, and no create of ours makes them.
fn is_made_by_a_create(report: &Listed) -> bool {
    report
        .category
        .as_ref()
        .is_none_or(|category| category.eq_ignore_ascii_case(RECONCILIATION))
}

/// Whether its generation failed, as the server says.
pub(super) fn has_failed(report: &Listed) -> bool {
    report.status.as_deref() == Some(FAILED)
}

/// Whether it is there for someone to use, or has failed: not in progress any more.
pub(super) fn is_over(report: &Listed) -> bool {
    matches!(report.status.as_deref(), Some("COMPLETED" | FAILED))
}

/// One list that shows the reports of all `requests`: filtered by what they have in common. They share their
/// sub-partner.
pub(super) fn common_query(requests: &[&Request]) -> Option<ListQuery> {
    let (first, rest) = requests.split_first()?;
    let same_type = rest.iter().all(|r| r.report_type == first.report_type);
    let same_period = rest.iter().all(|r| r.period == first.period);
    Some(ListQuery {
        sub_partner: first.sub_partner.clone(),
        report_type: same_type.then_some(first.report_type),
        period: same_period.then_some(first.period),
        status: None,
    })
}
