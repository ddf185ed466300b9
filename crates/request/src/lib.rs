//! What is asked of the API: one [`Request`] is one billing report to create. Values are checked when they are made.
#![cfg_attr(
    test,
    allow(clippy::shadow_unrelated, reason = "a test tells one step after the other")
)]

mod doubt;
mod id;
mod org_id;
mod period;
mod person_id;
mod report_id;
mod report_status;
mod report_type;
mod words;

use std::fmt;

pub use doubt::{Doubt, page_code};
pub use id::{RequestId, RequestIdError, RequestIds};
pub use org_id::{OrgId, OrgIdError, is_spoilt_number};
pub use period::{Month, MonthError, Period, PeriodError, day, spell_day};
pub use person_id::{PersonId, PersonIdForm};
pub use report_id::{ReportId, ReportIdError};
pub use report_status::ReportStatus;
pub use report_type::{ReportType, UnknownReportType};
pub use words::{OWN, internal_mark, who};

/// One report to create. Two requests that are equal are the same request, whatever job or manifest names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// The sub-partner, or `None` for the partner itself.
    pub sub_partner: Option<OrgId>,
    /// What the report is broken down by.
    pub report_type: ReportType,
    /// The days it covers.
    pub period: Period,
    /// Whether internal organisations are included.
    pub internal: bool,
}

impl Request {
    /// Whether a list of reports cannot tell the two apart (docs/guarantees.md, "Twins").
    pub fn is_twin_of(&self, other: &Request) -> bool {
        self != other
            && self.report_type == other.report_type
            && self.period == other.period
            && (self.sub_partner == other.sub_partner
                || self.sub_partner.is_none()
                || other.sub_partner.is_none())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named(self.who(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(org: Option<&str>, internal: bool) -> Request {
        Request {
            sub_partner: org.map(|o| o.parse().unwrap()),
            report_type: ReportType::User,
            period: Period::month(2026, 9).unwrap(),
            internal,
        }
    }

    #[test]
    fn twins_are_what_a_list_cannot_tell_apart() {
        let (own, own_internal) = (request(None, false), request(None, true));
        let (a, a_internal, b) =
            (request(Some("a"), false), request(Some("a"), true), request(Some("b"), false));
        for (x, y, twins) in [
            (&own, &own_internal, true),
            (&own, &a, true),
            (&own, &a_internal, true),
            (&own_internal, &b, true),
            (&a, &a_internal, true),
            (&a, &b, false),
            (&a_internal, &b, false),
            (&a, &a, false),
        ] {
            assert_eq!(x.is_twin_of(y), twins, "{x} / {y}");
            assert_eq!(y.is_twin_of(x), twins, "{y} / {x}");
        }
        let other_type = Request { report_type: ReportType::Partner, ..own.clone() };
        assert!(!own.is_twin_of(&other_type));
    }
}
