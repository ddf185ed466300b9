use axum::{
    body::Bytes,
    http::{HeaderMap, Method, header, request::Parts},
};
use chrono::NaiveDate;
use serde::Deserialize;
use url::form_urlencoded;

use request::{Period, ReportType, Request};

use crate::model::{
    Ask, Endpoint, ListAsk, Place, Renewal, Reply, ReportStatus, SortBy, SubPartnersAsk, What,
};

pub(super) const BASE_PATH: &str = "/sandbox/v1";

pub(super) type Fields = Vec<(String, String)>;

#[derive(Debug)]
pub(super) struct Bad {
    status: u16,
    words: String,
}

impl Bad {
    pub(super) fn new(status: u16, words: &str) -> Self {
        let words = words.to_owned();
        Bad { status, words }
    }
}

impl From<Bad> for Reply {
    fn from(bad: Bad) -> Self {
        Reply::error(bad.status, &bad.words)
    }
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) ask: Ask,
    path: String,
    query: Fields,
    origin: Option<String>,
}

impl Call {
    pub(super) fn read(parts: &Parts, body: &Bytes) -> Result<Self, Bad> {
        let headers = &parts.headers;
        let query = fields(parts.uri.query().unwrap_or("").as_bytes());
        let unreadable = |endpoint| move |bad: Bad| What::Unreadable(endpoint, bad.into());
        let path = parts.uri.path();
        let what =
            match (resource(path).ok_or_else(no_such_resource)?, &parts.method) {
                (Resource::Reports, &Method::POST) => read_create(headers, body)
                    .map_or_else(unreadable(Endpoint::Create), What::Create),
                (Resource::Reports, &Method::GET) => {
                    read_list(&query).map_or_else(unreadable(Endpoint::List), What::List)
                }
                (Resource::Report(id), &Method::GET) => What::Get(id.to_owned()),
                (Resource::Report(id), &Method::DELETE) => What::Delete(id.to_owned()),
                (Resource::SubPartners, &Method::GET) => read_sub_partners(&query)
                    .map_or_else(unreadable(Endpoint::SubPartners), What::SubPartners),
                (Resource::AccessToken, &Method::POST) => read_renewal(headers, body)
                    .map_or_else(unreadable(Endpoint::Token), What::Renew),
                (_, method) => {
                    let words = format!("{method} is not supported by this resource.");
                    return Err(Bad::new(405, &words));
                }
            };
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Call {
            ask: Ask {
                token: text(header::AUTHORIZATION).and_then(bearer),
                no_cache: text(header::CACHE_CONTROL).is_some_and(|text| text.contains("no-cache")),
                what,
            },
            path: path.to_owned(),
            query,
            origin: text(header::HOST).map(|host| format!("http://{host}")),
        })
    }

    /// RFC 8288. Some answers name another relation first.
    pub(super) fn link(
        &self,
        reply: &Reply,
        api_origin: &str,
        with_first: bool,
    ) -> Option<Vec<u8>> {
        let place = reply.next.as_ref()?;
        let origin = self.origin.as_deref().unwrap_or(api_origin);
        let url = |value: Option<&str>| {
            let mut text = form_urlencoded::Serializer::new(String::new());
            text.extend_pairs(self.query.iter().filter(|(key, _)| key != place.name()));
            if let Some(value) = value {
                text.append_pair(place.name(), value);
            }
            format!("{origin}{}?{}", self.path, text.finish())
        };
        let first =
            if with_first { format!("<{}>; rel=\"first\", ", url(None)) } else { String::new() };
        Some(reply.link_form.write(&first, &url(Some(&place.value()))))
    }
}

pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(super) fn fields(text: &[u8]) -> Fields {
    form_urlencoded::parse(text).into_owned().collect()
}

enum Resource<'a> {
    Reports,
    Report(&'a str),
    SubPartners,
    AccessToken,
}

fn resource(path: &str) -> Option<Resource<'_>> {
    let path = path.strip_prefix(BASE_PATH)?;
    match path {
        "/wholesale/billing/reports" => Some(Resource::Reports),
        "/wholesale/subPartners" => Some(Resource::SubPartners),
        "/access_token" => Some(Resource::AccessToken),
        _ => path
            .strip_prefix("/wholesale/billing/reports/")
            .filter(|id| !id.is_empty() && !id.contains('/'))
            .map(Resource::Report),
    }
}

fn no_such_resource() -> Bad {
    Bad::new(404, "The URI requested is invalid.")
}

fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn content_type_is(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody {
    billing_start_date: Option<String>,
    billing_end_date: Option<String>,
    #[serde(rename = "type")]
    report_type: Option<String>,
    sub_partner_org_id: Option<String>,
    internal: Option<bool>,
}

fn read_create(headers: &HeaderMap, body: &Bytes) -> Result<Request, Bad> {
    if !content_type_is(headers, "application/json") {
        return Err(Bad::new(415, "The body must be application/json."));
    }
    let body: CreateBody = serde_json::from_slice(body)
        .map_err(|error| bad(&format!("The body cannot be read: {error}.")))?;
    let start = required_day("billingStartDate", body.billing_start_date.as_deref())?;
    let end = required_day("billingEndDate", body.billing_end_date.as_deref())?;
    let period = Period::new(start, end)
        .map_err(|_| bad("billingEndDate must not be before billingStartDate."))?;
    let report_type = match body.report_type {
        None => ReportType::Partner,
        Some(text) => known_type(&text)?,
    };
    Ok(Request {
        sub_partner: read_org(body.sub_partner_org_id.as_deref())?,
        report_type,
        period,
        internal: body.internal.unwrap_or(false),
    })
}

fn read_list(query: &Fields) -> Result<ListAsk, Bad> {
    let day_of = |name| field(query, name).map(|text| day(name, text)).transpose();
    let status = field(query, "status").map(|text| {
        let mut all = ReportStatus::ALL.into_iter();
        all.find(|status| status.as_str() == text)
            .ok_or_else(|| bad("status must be IN_PROGRESS, COMPLETED or FAILED."))
    });
    let sort_by = match field(query, "sortBy") {
        None | Some("billingStartDate") => SortBy::BillingStartDate,
        Some("billingEndDate") => SortBy::BillingEndDate,
        Some("id") => SortBy::Id,
        Some("status") => SortBy::Status,
        Some(_) => {
            return Err(bad("sortBy must be id, billingStartDate, billingEndDate or status."));
        }
    };
    let place = match (field(query, "cursor"), read_offset(query)?) {
        (Some(cursor), _) => Some(Place::Cursor(cursor.to_owned())),
        (None, offset) => offset.map(Place::Offset),
    };
    Ok(ListAsk {
        org: read_org(field(query, "subPartnerOrgId"))?,
        report_type: field(query, "type").map(known_type).transpose()?,
        start: day_of("billingStartDate")?,
        end: day_of("billingEndDate")?,
        status: status.transpose()?,
        sort_by,
        max: read_max(query)?,
        place,
    })
}

fn read_sub_partners(query: &Fields) -> Result<SubPartnersAsk, Bad> {
    Ok(SubPartnersAsk {
        state: field(query, "provisioningState").map(str::to_owned),
        offset: read_offset(query)?.unwrap_or(0),
        max: read_max(query)?,
    })
}

fn read_renewal(headers: &HeaderMap, body: &Bytes) -> Result<Renewal, Bad> {
    if !content_type_is(headers, "application/x-www-form-urlencoded") {
        let words = "The body must be application/x-www-form-urlencoded.";
        return Err(Bad::new(415, words));
    }
    let form = fields(body);
    let text = |name| field(&form, name).map(str::to_owned);
    Ok(Renewal {
        grant_type: text("grant_type"),
        client_id: text("client_id"),
        client_secret: text("client_secret"),
        refresh_token: text("refresh_token"),
    })
}

fn read_max(query: &Fields) -> Result<Option<usize>, Bad> {
    let Some(text) = field(query, "max") else {
        return Ok(None);
    };
    match text.parse() {
        Ok(max) if max > 0 => Ok(Some(max)),
        _ => Err(bad("max must be a number from 1 to 100.")),
    }
}

fn read_offset(query: &Fields) -> Result<Option<usize>, Bad> {
    let text = field(query, "offset");
    let offset = text.map(|text| text.parse().map_err(|_| bad("offset must be a number.")));
    offset.transpose()
}

fn read_org(text: Option<&str>) -> Result<Option<request::OrgId>, Bad> {
    text.map(str::parse)
        .transpose()
        .map_err(|error| bad(&format!("subPartnerOrgId is invalid: {error}.")))
}

fn bad(description: &str) -> Bad {
    Bad::new(400, description)
}

fn day(name: &str, text: &str) -> Result<NaiveDate, Bad> {
    strict_day(text)
        .ok_or_else(|| bad(&format!("{name} must be a calendar day in the form YYYY-MM-DD.")))
}

/// `YYYY-MM-DD` only: chrono alone accepts `2026-9-1`.
fn strict_day(text: &str) -> Option<NaiveDate> {
    let strict = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    strict.then(|| text.parse().ok()).flatten()
}

fn required_day(name: &str, text: Option<&str>) -> Result<NaiveDate, Bad> {
    let text = text.ok_or_else(|| bad(&format!("{name} is required.")))?;
    day(name, text)
}

fn known_type(text: &str) -> Result<ReportType, Bad> {
    text.parse().map_err(|_| bad("type must be PARTNER, CUSTOMER or USER."))
}
