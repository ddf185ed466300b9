//! Requests as they come over HTTP.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, header, request::Parts},
};
use chrono::NaiveDate;
use serde::Deserialize;
use url::form_urlencoded;

use request::{OrgId, Period, ReportStatus, ReportType, Request};

use crate::model::{
    Ask, Endpoint, Fields, ListAsk, Place, Reply, SortBy, SubPartnersAsk, What, field,
};

pub(super) const BASE_PATH: &str = "/sandbox/v1";
const REPORTS: &str = "/wholesale/billing/reports";

/// A value, or the answer to a request that has another.
type Read<T> = Result<T, Box<Reply>>;

/// What a request asks for; an error is the answer where the API has no such resource or method.
pub(super) fn ask(parts: &Parts, body: &Bytes, api_origin: &str) -> Read<Ask> {
    let headers = &parts.headers;
    let query = fields(parts.uri.query().unwrap_or("").as_bytes());
    let path = parts.uri.path();
    let resource = path.strip_prefix(BASE_PATH).ok_or_else(no_such_resource)?;
    let id = resource.strip_prefix(REPORTS).and_then(|rest| rest.strip_prefix('/'));
    let id = id.filter(|id| !id.is_empty() && !id.contains('/'));
    let (endpoint, what) = match (&parts.method, resource, id) {
        (&Method::POST, REPORTS, _) => (Endpoint::Create, create(headers, body).map(What::Create)),
        (&Method::GET, REPORTS, _) => (Endpoint::List, list(&query).map(What::List)),
        (&Method::GET, _, Some(id)) => (Endpoint::Get, Ok(What::Get(id.to_owned()))),
        (&Method::DELETE, _, Some(id)) => (Endpoint::Delete, Ok(What::Delete(id.to_owned()))),
        (&Method::GET, "/wholesale/subPartners", _) => {
            (Endpoint::SubPartners, sub_partners(&query).map(What::SubPartners))
        }
        (&Method::POST, "/access_token", _) => {
            (Endpoint::Token, renewal(headers, body).map(What::Renew))
        }
        (method, REPORTS | "/wholesale/subPartners" | "/access_token", _)
        | (method, _, Some(_)) => {
            return Err(refusal(405, &format!("{method} is not supported by this resource.")));
        }
        _ => return Err(no_such_resource()),
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::HOST).map(|host| format!("http://{host}"));
    Ok(Ask {
        url: format!("{}{path}", origin.as_deref().unwrap_or(api_origin)),
        query,
        token: text(header::AUTHORIZATION).and_then(bearer),
        no_cache: text(header::CACHE_CONTROL).is_some_and(|text| text.contains("no-cache")),
        what: what.unwrap_or_else(|reply| What::Unreadable(endpoint, *reply)),
    })
}

pub(super) fn fields(text: &[u8]) -> Fields {
    form_urlencoded::parse(text).into_owned().collect()
}

fn no_such_resource() -> Box<Reply> {
    refusal(404, "The URI requested is invalid.")
}

fn refusal(status: u16, words: &str) -> Box<Reply> {
    Box::new(Reply::error(status, words))
}

fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn require_media_type(headers: &HeaderMap, media_type: &str) -> Read<()> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let named = value.and_then(|value| value.split(';').next()).unwrap_or("").trim();
    if named.eq_ignore_ascii_case(media_type) {
        Ok(())
    } else {
        Err(refusal(415, &format!("The body must be {media_type}.")))
    }
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

fn create(headers: &HeaderMap, body: &Bytes) -> Read<Request> {
    require_media_type(headers, "application/json")?;
    let body: CreateBody = serde_json::from_slice(body)
        .map_err(|error| refusal(400, &format!("The body cannot be read: {error}.")))?;
    let required = |name: &str, text: Option<&str>| {
        day(name, text)?.ok_or_else(|| refusal(400, &format!("{name} is required.")))
    };
    let start = required("billingStartDate", body.billing_start_date.as_deref())?;
    let end = required("billingEndDate", body.billing_end_date.as_deref())?;
    let period = Period::new(start, end)
        .map_err(|_| refusal(400, "billingEndDate must not be before billingStartDate."))?;
    Ok(Request {
        report_type: report_type(body.report_type.as_deref())?.unwrap_or(ReportType::Partner),
        sub_partner: org(body.sub_partner_org_id.as_deref())?,
        period,
        internal: body.internal.unwrap_or(false),
    })
}

fn list(query: &Fields) -> Read<ListAsk> {
    let text = |name| field(query, name);
    let status = |word: &str| {
        let known = [ReportStatus::IN_PROGRESS, ReportStatus::COMPLETED, ReportStatus::FAILED];
        known.contains(&word).then(|| ReportStatus::of(word))
    };
    let sort_by = |word: &str| match word {
        "billingStartDate" => Some(SortBy::BillingStartDate),
        "billingEndDate" => Some(SortBy::BillingEndDate),
        "id" => Some(SortBy::Id),
        "status" => Some(SortBy::Status),
        _ => None,
    };
    let orders = "id, billingStartDate, billingEndDate or status";
    let from = offset(query)?.map(Place::Offset);
    Ok(ListAsk {
        org: org(text("subPartnerOrgId"))?,
        report_type: report_type(text("type"))?,
        start: day("billingStartDate", text("billingStartDate"))?,
        end: day("billingEndDate", text("billingEndDate"))?,
        status: parsed("status", text("status"), status, "IN_PROGRESS, COMPLETED or FAILED")?,
        sort_by: parsed("sortBy", text("sortBy"), sort_by, orders)?.unwrap_or_default(),
        max: max(query)?,
        place: text("cursor").map(|cursor| Place::Cursor(cursor.to_owned())).or(from),
    })
}

fn sub_partners(query: &Fields) -> Read<SubPartnersAsk> {
    Ok(SubPartnersAsk {
        state: field(query, "provisioningState").map(str::to_owned),
        offset: offset(query)?.unwrap_or(0),
        max: max(query)?,
    })
}

fn renewal(headers: &HeaderMap, body: &Bytes) -> Read<Fields> {
    require_media_type(headers, "application/x-www-form-urlencoded")?;
    Ok(fields(body))
}

fn parsed<T>(
    name: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Read<Option<T>> {
    let Some(text) = text else { return Ok(None) };
    match read(text) {
        None => Err(refusal(400, &format!("{name} must be {expected}."))),
        value => Ok(value),
    }
}

fn max(query: &Fields) -> Read<Option<usize>> {
    let read = |text: &str| text.parse().ok().filter(|max| *max > 0);
    parsed("max", field(query, "max"), read, "a number from 1 to 100")
}

fn offset(query: &Fields) -> Read<Option<usize>> {
    parsed("offset", field(query, "offset"), |text| text.parse().ok(), "a number")
}

fn day(name: &str, text: Option<&str>) -> Read<Option<NaiveDate>> {
    let read = |day: &str| request::day(day).ok();
    parsed(name, text, read, "a calendar day in the form YYYY-MM-DD")
}

fn report_type(text: Option<&str>) -> Read<Option<ReportType>> {
    parsed("type", text, |text| text.parse().ok(), "PARTNER, CUSTOMER or USER")
}

fn org(text: Option<&str>) -> Read<Option<OrgId>> {
    let org = text.map(str::parse).transpose();
    org.map_err(|error| refusal(400, &format!("subPartnerOrgId is invalid: {error}.")))
}
