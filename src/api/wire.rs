//! The API's JSON and queries. Unknown fields are ignored.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{DownloadUrl, LARGEST_PAGE, ListQuery, Listed};
use crate::{
    manifest::Discover,
    text::{foreign, holds_secret, moment},
};
use request::{OrgId, PersonId, ReportId, ReportType, Request};

/// Broken strings are repaired. `None` if the text is no `T`.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let read = serde_json::from_str(text).ok();
    read.or_else(|| serde_json::from_str(&repaired(text)?).ok())
}

/// Repairs what JSON forbids in strings: halves of `\u` pairs (RFC 8259, 8.2), unknown escapes, control characters.
fn repaired(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '\\' || c.is_control()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(escape) = rest.strip_prefix('\\') else {
            out.push(' '); // a control character: white space between values, and no more within them
            rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
            continue;
        };
        let unit = |hex: &str| u16::from_str_radix(hex.strip_prefix('u')?.get(..4)?, 16).ok();
        let next = escape.chars().next();
        let length = match (next, unit(escape)) {
            (Some('u'), Some(0xd800..=0xdbff))
                if matches!(
                    escape[5..].strip_prefix('\\').and_then(unit),
                    Some(0xdc00..=0xdfff)
                ) =>
            {
                out.push_str(&rest[..12]);
                12
            }
            (Some('u'), Some(0xd800..=0xdfff)) => {
                out.push(char::REPLACEMENT_CHARACTER);
                6
            }
            (Some('u'), Some(_)) => {
                out.push_str(&rest[..6]);
                6
            }
            (Some('u') | None, _) => {
                out.push(char::REPLACEMENT_CHARACTER);
                1 + usize::from(next.is_some())
            }
            (Some(c), _) => {
                out.push_str(if "\"\\/bfnrt".contains(c) { "\\" } else { "" });
                out.push(c);
                1 + c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateBody<'a> {
    billing_start_date: NaiveDate,
    billing_end_date: NaiveDate,
    #[serde(rename = "type")]
    report_type: ReportType,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_partner_org_id: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    internal: bool,
}

impl<'a> From<&'a Request> for CreateBody<'a> {
    fn from(request: &'a Request) -> Self {
        CreateBody {
            billing_start_date: request.period.start(),
            billing_end_date: request.period.end(),
            report_type: request.report_type,
            sub_partner_org_id: request.sub_partner.as_ref().map(OrgId::as_str),
            internal: request.internal,
        }
    }
}

/// No `Debug`: it may have secrets.
#[derive(Deserialize)]
pub(super) struct WireTokens {
    pub(super) access_token: String,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
}

/// Whether a 2xx of the token endpoint is a refusal: `error` (RFC 6749, 5.2) or `errors`, unless it is temporary.
pub(super) fn is_refusal(text: &str) -> bool {
    let later = ["temporarily_unavailable", "server_error"];
    let answer: Value = read(text).unwrap_or_default();
    let error = [&answer["error"], &answer["errors"]];
    let mut error = error.into_iter().filter(|error| !error.is_null());
    error.next().is_some_and(|error| error.as_str().is_none_or(|code| !later.contains(&code)))
}

#[derive(Deserialize)]
struct WireErrors {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    errors: Value,
}

/// An error leaves unknown what the page lacks.
pub(super) fn reports_errors(page: &str) -> bool {
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(all) => !all.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.trim().is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    read(page).is_some_and(|WireErrors { error, errors }| says(&error) || says(&errors))
}

/// One item without a readable id makes the page unreadable: leaving it out could have its report created twice.
#[derive(Deserialize)]
pub(super) struct WireReports {
    pub(super) items: Vec<WireReport>,
}

/// Everything but the id is optional, and an unreadable optional field counts as missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireReport {
    #[serde(deserialize_with = "parsed")]
    id: ReportId,
    #[serde(default, deserialize_with = "lenient")]
    billing_start_date: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    billing_end_date: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    report_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    category: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created_by: Option<PersonId>,
    #[serde(default)]
    internal: Value,
    #[serde(default, deserialize_with = "lenient")]
    sub_partner_org_id: Option<OrgId>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, rename = "tempDownloadURL", deserialize_with = "lenient")]
    download: Option<DownloadUrl>,
    #[serde(default)]
    errors: Value,
}

impl From<WireReport> for Listed {
    fn from(report: WireReport) -> Self {
        Listed {
            id: report.id,
            start: report.billing_start_date.as_deref().and_then(day),
            end: report.billing_end_date.as_deref().and_then(day),
            report_type: report.report_type.and_then(|word| word.to_ascii_uppercase().parse().ok()),
            category: report.category,
            created: report.created.as_deref().and_then(stamp),
            created_by: report.created_by,
            internal: report.internal.as_bool(),
            sub_partner: report.sub_partner_org_id,
            status: report.status.as_deref().map(foreign),
            download: report.download,
            errors: errors_text(&report.errors),
        }
    }
}

pub(super) fn number_as_id(report: &str) -> Option<ReportId> {
    let report: Value = read(report)?;
    report.get("id")?.as_u64()?.to_string().parse().ok()
}

/// A page of sub-partners: the API's schema calls the list `items`, its example `subPartners`.
#[derive(Deserialize)]
pub(super) struct WireSubPartners {
    #[serde(alias = "subPartners")]
    items: Vec<WireSubPartner>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubPartner {
    org_id: String,
    #[serde(default, deserialize_with = "lenient")]
    provisioning_state: Option<String>,
}

impl WireSubPartners {
    pub(super) fn is_full(&self) -> bool {
        self.items.len() == LARGEST_PAGE
    }

    /// An entry that does not show its kind stays. The error: an invalid id, and why.
    pub(super) fn only(self, which: Discover) -> Result<Vec<OrgId>, (String, String)> {
        self.items
            .into_iter()
            .filter(|entry| match (&entry.provisioning_state, state(which)) {
                (Some(is), Some(asked)) => is.eq_ignore_ascii_case(asked),
                _ => true,
            })
            .map(|entry| id(&entry.org_id).map_err(|why| (entry.org_id, why)))
            .collect()
    }
}

fn state(which: Discover) -> Option<&'static str> {
    match which {
        Discover::Active => Some("active"),
        Discover::Suspended => Some("suspended"),
        Discover::All => None,
    }
}

/// The id stays within one path segment, whatever it contains.
pub(super) fn report_url(mut reports: Url, id: &ReportId) -> Url {
    if let Ok(mut path) = reports.path_segments_mut() {
        path.push(id.as_str()); // an http URL always has a path
    }
    reports
}

pub(super) fn list_url(mut url: Url, query: &ListQuery, max: usize) -> Url {
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("max", &max.to_string());
        if let Some(period) = query.period {
            pairs.append_pair("billingStartDate", &period.start().to_string());
            pairs.append_pair("billingEndDate", &period.end().to_string());
        }
        if let Some(report_type) = query.report_type {
            pairs.append_pair("type", report_type.as_str());
        }
        if let Some(org) = &query.sub_partner {
            pairs.append_pair("subPartnerOrgId", org.as_str());
        }
        if let Some(status) = query.status {
            pairs.append_pair("status", status);
        }
    }
    url
}

pub(super) fn sub_partners_url(mut url: Url, which: Discover) -> Url {
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("max", &LARGEST_PAGE.to_string());
        if let Some(state) = state(which) {
            pairs.append_pair("provisioningState", state);
        }
    }
    url
}

/// `None` if the URL has other parameters than ours: then the server pages in its own way, and only its links count.
pub(super) fn next_offset(url: &Url) -> Option<Url> {
    let is_offset = |name: &str| name == "offset";
    let ours = |name: &str| is_offset(name) || ["max", "provisioningState"].contains(&name);
    if !url.query_pairs().all(|(name, _)| ours(&name)) {
        return None;
    }
    let offset: usize = match url.query_pairs().find(|(name, _)| is_offset(name)) {
        Some((_, text)) => text.parse().ok()?,
        None => 0,
    };
    let others: Vec<_> =
        url.query_pairs().into_owned().filter(|(name, _)| !is_offset(name)).collect();
    let mut next = url.clone();
    next.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair("offset", &offset.checked_add(LARGEST_PAGE)?.to_string());
    Some(next)
}

/// `errors`, an array of `{code, description}` (API reference), on one line.
fn errors_text(errors: &Value) -> Option<String> {
    let said: Vec<String> = errors.as_array()?.iter().filter_map(error_text).collect();
    let line = foreign(&said.join("; "));
    (!line.is_empty()).then_some(line)
}

fn error_text(error: &Value) -> Option<String> {
    let word = |name: &str| match error.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match (word("code"), word("description").or_else(|| word("message"))) {
        (Some(code), Some(text)) => Some(format!("{code}: {text}")),
        (code, text) => text.or(code),
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()
}

/// A moment without an offset is from an unknown clock, and counts as missing.
fn stamp(text: &str) -> Option<DateTime<Utc>> {
    let has_offset = DateTime::parse_from_rfc3339(text).is_ok();
    moment(text).filter(|_| has_offset)
}

/// An id is invalid if it could not be read completely, or if it echoes a secret, since it is written into the ledger.
fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    id(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn id<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err("a character of it is lost".to_owned());
    }
    if holds_secret(text) {
        return Err("it holds a secret".to_owned());
    }
    text.parse().map_err(|why: T::Err| why.to_string())
}

fn lenient<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests;
