use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, Utc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ask::{Fields, field},
    contents::is_about,
    dice::Dice,
    report::StoredReport,
    span::Span,
};
use request::{ReportType, Request};

const FOLDER: &str = "/wholesale/";
const KEY_PAIR_ID: &str = "SANDBOXKEYPAIR";

pub(super) fn signed_path(
    dice: Dice,
    report: &StoredReport,
    now: DateTime<Utc>,
    good_for: Span,
) -> String {
    let expires = (now + good_for.0).timestamp();
    let signature = signature(dice, &report.id, expires);
    format!(
        "{FOLDER}{}.csv?Expires={expires}&Signature={signature}&Key-Pair-Id={KEY_PAIR_ID}",
        report.id
    )
}

fn signature(dice: Dice, id: &str, expires: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(dice.bytes("signature", id, expires.cast_unsigned()))
}

/// The report whose file this path is good for now.
pub(super) fn signed_id<'a>(
    dice: Dice,
    now: DateTime<Utc>,
    path: &'a str,
    query: &Fields,
) -> Option<&'a str> {
    let id = path.strip_prefix(FOLDER)?.strip_suffix(".csv")?;
    let expires: i64 = field(query, "Expires")?.parse().ok()?;
    let is_signed = field(query, "Signature")? == signature(dice, id, expires);
    (is_signed && expires >= now.timestamp()).then_some(id)
}

/// What goes wrong with the file of a report. The first rule that matches counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DownloadRule {
    /// A part of the organisation's id or of what it decodes to; `own` is the partner itself; left out: everyone.
    #[serde(default)]
    pub org: Option<String>,
    /// The report type.
    #[serde(default, rename = "type")]
    pub report_type: Option<ReportType>,
    /// Only the first so many requests for the file of one report.
    #[serde(default)]
    pub tries: Option<u64>,
    /// What happens.
    pub then: DownloadFault,
}

/// What happens to a request for a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DownloadFault {
    /// It is answered with an error; 403 as one whose address has ended.
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// The connection breaks in the middle of what was asked for.
    Cut {},
    /// Nothing comes any more from the middle on.
    Stall {},
    /// The connection breaks in the middle, and the next request meets another version of the file.
    Changed {},
    /// A web page comes in its place.
    Html {},
    /// Nothing comes, with a good answer.
    Empty {},
    /// This text comes in its place.
    Text {
        /// The text.
        text: String,
    },
    /// A row has fewer cells.
    Ragged {},
    /// A stretch of zeros.
    Zeros {},
    /// It is sent on to another address.
    Redirect {
        /// Where to.
        location: String,
    },
}

/// A file, and its fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The whole file.
    pub csv: String,
    /// What happens to this request.
    pub fault: Option<DownloadFault>,
}

impl DownloadRule {
    pub(super) fn fits(&self, request: &Request, tries: u64) -> bool {
        let named = self.org.as_slice();
        (named.is_empty() || is_about(request, named))
            && self.report_type.is_none_or(|kind| kind == request.report_type)
            && self.tries.is_none_or(|most| tries <= most)
    }
}
