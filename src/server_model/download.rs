//! Downloads: signed paths that end, and plausible CSV behind them.

use std::fmt::Write as _;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, Utc};

use super::{dice::Dice, report::StoredReport, span::Span};
use crate::request::ReportType;

const FOLDER: &str = "/wholesale/";
const KEY_PAIR_ID: &str = "SANDBOXKEYPAIR";

/// Path and query under which the report can be fetched for a while, without a token.
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

/// What a request for a file shows as its right to it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The path, without the query.
    pub path: &'a str,
    /// `Expires`
    pub expires: Option<&'a str>,
    /// `Signature`
    pub signature: Option<&'a str>,
}

impl<'a> Claim<'a> {
    /// The id of the report whose file may be seen, if any.
    pub(super) fn holds(&self, dice: Dice, now: DateTime<Utc>) -> Option<&'a str> {
        let id = self.path.strip_prefix(FOLDER)?.strip_suffix(".csv")?;
        let expires: i64 = self.expires?.parse().ok()?;
        let signed = self.signature? == signature(dice, id, expires);
        (signed && expires >= now.timestamp()).then_some(id)
    }
}

const PRODUCTS: [&str; 4] = [
    "Webex Calling Essentials",
    "Webex Calling Standard",
    "Webex Meetings",
    "Webex Suite",
];

/// What a report of this type may look like: the same for the same seed and report.
pub(super) fn csv(dice: Dice, report: &StoredReport) -> String {
    let request = &report.request;
    let (columns, lines) = match request.report_type {
        ReportType::Partner => ("", PRODUCTS.len() as u64),
        ReportType::Customer => (",CUSTOMER_ORG_ID", 12),
        ReportType::User => (",CUSTOMER_ORG_ID,USER_ID", 40),
    };
    let org = request.sub_partner.as_ref().map_or("", |org| org.as_str());
    let mut text = format!(
        "BILLING_START_DATE,BILLING_END_DATE,SUB_PARTNER_ORG_ID{columns},PRODUCT,QUANTITY,DAYS\n"
    );
    for line in 0..lines {
        let chance = dice.bytes("line", &report.id, line);
        let whom = match request.report_type {
            ReportType::Partner => String::new(),
            ReportType::Customer => format!(",{}", dice.uuid("customer", "", line)),
            ReportType::User => format!(
                ",{},{}",
                dice.uuid("customer", "", line / 8),
                dice.uuid("user", "", line)
            ),
        };
        let product = PRODUCTS[usize::from(chance[0]) % PRODUCTS.len()];
        let quantity = match request.report_type {
            ReportType::User => 1,
            _ => u16::from(chance[1]) + 1,
        };
        let days = chance[2] % 28 + 1;
        let period = request.period;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{},{},{product},{quantity},{days}",
            period.start(),
            period.end(),
            format_args!("{}{whom}", cell(org)),
        );
    }
    text
}

/// A cell of the CSV. An organisation id may hold a comma or a quote; a CSV cell then needs quotes.
fn cell(org: &str) -> String {
    if org.contains([',', '"']) {
        format!("\"{}\"", org.replace('"', "\"\""))
    } else {
        org.to_owned()
    }
}
