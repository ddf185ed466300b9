//! How a request is named for people.

use crate::Request;

/// Stands for the partner itself, where a sub-partner could be.
pub const OWN: &str = "own";

/// Whose reports they are: the label, else the sub-partner's id, else [`OWN`].
pub fn who<'a>(label: Option<&'a str>, sub_partner: Option<&'a str>) -> &'a str {
    label.or(sub_partner).unwrap_or(OWN)
}

/// What follows the period or the name where internal organisations are included.
pub fn internal_mark(is_internal: bool) -> &'static str {
    if is_internal { " internal" } else { "" }
}

impl Request {
    /// See [`who`].
    pub fn who<'a>(&'a self, label: Option<&'a str>) -> &'a str {
        who(label, self.sub_partner.as_ref().map(|org| org.as_str()))
    }

    /// `Acme USER 2026-09 internal`, for `who` as it is to be shown.
    pub fn named(&self, who: &str) -> String {
        let internal = internal_mark(self.internal);
        format!("{who} {} {}{internal}", self.report_type, self.period)
    }
}
