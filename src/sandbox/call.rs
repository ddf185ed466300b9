//! One request to the API, read once: what it asks for, and by what it is recognised when it comes again.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, header, request::Parts},
};
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::{reply::Reply, routes};
use crate::request::{ReportType, Request};

/// What can be asked of the API.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /wholesale/billing/reports`
    Create,
    /// `GET /wholesale/billing/reports`
    List,
    /// `GET /wholesale/billing/reports/{id}`
    Get,
    /// `DELETE /wholesale/billing/reports/{id}`
    Delete,
    /// `GET /wholesale/subPartners`
    SubPartners,
    /// `POST /access_token`
    Token,
}

/// The path that every other one begins with.
pub(super) const BASE_PATH: &str = "/sandbox/v1";

/// The names and values of a query or a form, in the order sent.
pub(super) type Fields = Vec<(String, String)>;

/// What a request asks for, with all that the answer depends on.
#[derive(Debug)]
pub(super) enum Asked {
    /// A new report, or why the body is not a request for one.
    Create(Result<Request, Reply>),
    List(Fields),
    Get(String),
    Delete(String),
    SubPartners(Fields),
    /// A new token: the form, or that the body is none.
    Token(Option<Fields>),
}

/// A request to the API.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) endpoint: Endpoint,
    pub(super) asked: Asked,
    /// Equal for equal requests: what tries are counted by.
    pub(super) key: String,
    /// `subPartnerOrgId` of a create or a list.
    pub(super) org: Option<String>,
    /// `type` of a create or a list.
    pub(super) report_type: Option<ReportType>,
    /// The bearer token.
    pub(super) token: Option<String>,
    /// The address that links begin with, as the client named it.
    pub(super) origin: Option<String>,
}

impl Call {
    /// Reads a request.
    ///
    /// # Errors
    /// The 404 or 405 for a path or method that the API does not have.
    pub(super) fn read(parts: &Parts, body: &Bytes) -> Result<Self, Reply> {
        let headers = &parts.headers;
        let query = || fields(parts.uri.query().unwrap_or("").as_bytes());
        let asked = match resource(parts.uri.path()).ok_or_else(no_such_resource)? {
            Resource::Reports => match parts.method {
                Method::POST => Asked::Create(routes::reports::read_create(headers, body)),
                Method::GET => Asked::List(query()),
                _ => return Err(not_supported(&parts.method)),
            },
            Resource::Report(id) => match parts.method {
                Method::GET => Asked::Get(id.to_owned()),
                Method::DELETE => Asked::Delete(id.to_owned()),
                _ => return Err(not_supported(&parts.method)),
            },
            Resource::SubPartners => match parts.method {
                Method::GET => Asked::SubPartners(query()),
                _ => return Err(not_supported(&parts.method)),
            },
            Resource::AccessToken => match parts.method {
                Method::POST => Asked::Token(
                    content_type_is(headers, "application/x-www-form-urlencoded")
                        .then(|| fields(body)),
                ),
                _ => return Err(not_supported(&parts.method)),
            },
        };
        let mut call = Call::of(asked);
        call.token = bearer(headers);
        call.origin = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .map(|host| format!("http://{host}"));
        Ok(call)
    }

    fn of(asked: Asked) -> Self {
        let (endpoint, key, org, report_type) = match &asked {
            Asked::Create(Ok(request)) => (
                Endpoint::Create,
                request.to_string(),
                request.sub_partner.as_ref().map(ToString::to_string),
                Some(request.report_type),
            ),
            Asked::Create(Err(_)) => (Endpoint::Create, String::new(), None, None),
            Asked::List(query) => (
                Endpoint::List,
                text_of(query),
                field(query, "subPartnerOrgId").map(str::to_owned),
                field(query, "type").and_then(|text| text.parse().ok()),
            ),
            Asked::Get(id) => (Endpoint::Get, id.clone(), None, None),
            Asked::Delete(id) => (Endpoint::Delete, id.clone(), None, None),
            Asked::SubPartners(query) => (Endpoint::SubPartners, text_of(query), None, None),
            Asked::Token(_) => (Endpoint::Token, String::new(), None, None),
        };
        Call {
            endpoint,
            key,
            org,
            report_type,
            asked,
            token: None,
            origin: None,
        }
    }

    /// Whether the organisation id, or what it decodes to, contains `text`.
    pub(super) fn org_contains(&self, text: &str) -> bool {
        self.org
            .as_deref()
            .is_some_and(|org| org_contains(org, text))
    }
}

/// Whether `org`, or the text that it is the base64 of, contains `text`.
pub(super) fn org_contains(org: &str, text: &str) -> bool {
    let bare = org.trim_end_matches('=');
    let decoded = BASE64_URL_SAFE_NO_PAD
        .decode(bare)
        .or_else(|_| BASE64_STANDARD_NO_PAD.decode(bare))
        .unwrap_or_default();
    org.contains(text) || String::from_utf8_lossy(&decoded).contains(text)
}

/// The value of the first field with this name.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Whether the body is said to be of this media type, whatever its parameters.
pub(super) fn content_type_is(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
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

fn no_such_resource() -> Reply {
    Reply::error(404, "The URI requested is invalid.")
}

fn not_supported(method: &Method) -> Reply {
    Reply::error(405, &format!("{method} is not supported by this resource."))
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

fn fields(text: &[u8]) -> Fields {
    form_urlencoded::parse(text).into_owned().collect()
}

fn text_of(fields: &Fields) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}
