//! Answers, and the shapes that the API's errors take.

use std::{convert::Infallible, io};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock::http_date;

/// What the body of an error looks like; all of them have been seen in the wild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// `{"message", "errors": [{"description"}], "trackingId"}`
    #[default]
    Classic,
    /// `{"error": {"key", "message": [{"description", "code"}]}, "trackingId"}`
    Keyed,
    /// As `keyed`, with `error` as an array.
    KeyedList,
    /// `{"errors": [{"code": 2024, "description"}]}`
    Coded,
    /// `{"errors": [{"errorCode": "E2024", "description"}]}`
    CodedText,
    /// `classic`, with a description that a terminal or a spreadsheet would act on.
    Hostile,
    /// A page of a proxy.
    Html,
    /// Nothing.
    Empty,
    /// 50 MB of text.
    Huge,
    /// Bytes that are no text.
    NotUtf8,
}

/// An answer before it gets its tracking id and date.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) content: Content,
}

/// What an answer says.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Nothing,
    Json(Value),
    Error {
        body: ErrorBody,
        description: String,
    },
    /// A page where JSON should be.
    Page,
    /// JSON that ends in the middle: the connection closes before `Content-Length` is reached.
    CutShort(Value),
}

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Gateway</title></head>\
    <body><h1>Something went wrong on the way</h1></body></html>\n";
/// 64 KiB, of which a huge body has many.
static HUGE_CHUNK: [u8; 65_536] = [b'x'; 65_536];
const HUGE_CHUNKS: usize = 800;

impl Reply {
    pub(super) fn json(status: u16, value: Value) -> Self {
        Reply::new(status, Content::Json(value))
    }

    pub(super) fn nothing(status: u16) -> Self {
        Reply::new(status, Content::Nothing)
    }

    /// An error in the shape that the API uses most.
    pub(super) fn error(status: u16, description: &str) -> Self {
        Reply::error_as(status, ErrorBody::Classic, description)
    }

    pub(super) fn error_as(status: u16, body: ErrorBody, description: &str) -> Self {
        let description = description.to_owned();
        Reply::new(status, Content::Error { body, description })
    }

    fn new(status: u16, content: Content) -> Self {
        Reply {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: Vec::new(),
            content,
        }
    }

    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Sets a header, unless the value cannot be one.
    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Sets headers whose names are in lower case.
    pub(super) fn with_headers(self, headers: Vec<(&'static str, String)>) -> Self {
        headers.into_iter().fold(self, |reply, (name, value)| {
            reply.with_header(HeaderName::from_static(name), &value)
        })
    }

    /// The answer as it leaves.
    pub(super) fn into_response(self, tracking_id: &str, now: DateTime<Utc>) -> Response {
        let mut headers: HeaderMap = self.headers.into_iter().collect();
        let (media_type, body) = self.content.render(self.status, tracking_id, &mut headers);
        let date = http_date(now);
        let tracking = HeaderName::from_static("trackingid");
        for (name, value) in [(tracking, tracking_id), (header::DATE, &date)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        if let Some(media_type) = media_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

const JSON: Option<&str> = Some("application/json");

impl Content {
    fn render(
        self,
        status: StatusCode,
        tracking_id: &str,
        headers: &mut HeaderMap,
    ) -> (Option<&'static str>, Body) {
        match self {
            Content::Nothing => (None, Body::empty()),
            Content::Json(value) => (JSON, Body::from(value.to_string())),
            Content::Page => (Some("text/html"), Body::from(PAGE)),
            Content::CutShort(value) => {
                let text = value.to_string();
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
                (JSON, cut_short(text))
            }
            Content::Error { body, description } => {
                error_body(body, status, &description, tracking_id)
            }
        }
    }
}

/// The first half of `text`, then a connection that ends.
fn cut_short(text: String) -> Body {
    let half_len = text.len() / 2;
    let half = Bytes::from(text).slice(..half_len);
    let first = stream::iter([Ok(half)]);
    // Without a turn of the scheduler in between, the half would never leave.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::UnexpectedEof))
    });
    Body::from_stream(first.chain(end))
}

fn error_body(
    body: ErrorBody,
    status: StatusCode,
    description: &str,
    tracking_id: &str,
) -> (Option<&'static str>, Body) {
    let keyed = || {
        json!({
            "key": status.as_u16().to_string(),
            "message": [{ "description": description, "code": "1001" }],
        })
    };
    let value = match body {
        ErrorBody::Classic => classic(description, tracking_id),
        ErrorBody::Hostile => classic(
            &format!("=HYPERLINK(\"http://example.org\")\u{1b}[31m\r\n{description}\tend"),
            tracking_id,
        ),
        ErrorBody::Keyed => json!({ "error": keyed(), "trackingId": tracking_id }),
        ErrorBody::KeyedList => json!({ "error": [keyed()], "trackingId": tracking_id }),
        ErrorBody::Coded => json!({ "errors": [{ "code": 2024, "description": description }] }),
        ErrorBody::CodedText => {
            json!({ "errors": [{ "errorCode": "E2024", "description": description }] })
        }
        ErrorBody::Html => return (Some("text/html"), Body::from(PAGE)),
        ErrorBody::Empty => return (None, Body::empty()),
        ErrorBody::Huge => {
            let chunk = || Ok::<_, Infallible>(Bytes::from_static(&HUGE_CHUNK));
            let chunks = stream::iter((0..HUGE_CHUNKS).map(move |_| chunk()));
            return (Some("text/plain"), Body::from_stream(chunks));
        }
        ErrorBody::NotUtf8 => {
            return (JSON, Body::from(b"\xff\xfe\x00\x80".repeat(64)));
        }
    };
    (JSON, Body::from(value.to_string()))
}

fn classic(description: &str, tracking_id: &str) -> Value {
    json!({
        "message": description,
        "errors": [{ "description": description }],
        "trackingId": tracking_id,
    })
}
