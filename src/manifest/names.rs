use std::sync::Arc;

use crate::manifest::yaml::{Form, Mistake, Quoted, checked_line, words};
use request::{OWN, OrgId, OrgIdError, ReportType};

pub(super) const AS_TEXT: &str =
    "in the spreadsheet, give the column the format text, then enter the id again";

pub(super) fn checked_id(text: &str) -> Result<OrgId, Mistake> {
    if text == OWN {
        return Err(Mistake::new("`own` is no id: it stands for the partner itself")
            .help("to bill the partner itself, leave `sub_partners` out"));
    }
    text.parse().map_err(|error| {
        let help = match error {
            OrgIdError::Spoilt => AS_TEXT,
            _ => "copy the `orgId` of the sub-partner; it begins with Y2lzY29zcGFyazov",
        };
        Mistake::new(format!("{}: {error}", Quoted(text))).help(help)
    })
}

/// `own` is an ordinary label, but cannot be selected: in selections it is the partner.
pub(super) fn checked_label(text: &str) -> Result<Arc<str>, Mistake> {
    checked_line(text, "a label").map(Arc::from)
}

pub(super) fn report_type() -> Form<ReportType> {
    words("report type", ReportType::ALL.map(|t| (t.as_str(), t)))
}
