use std::{borrow::Cow, time::Duration};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ask::Place;

/// How an exchange ends for the client.
#[derive(Debug, Clone)]
pub enum Ending {
    /// An answer leaves.
    Answer(Box<Answer>),
    /// The connection is cut.
    Cut,
    /// Nothing ever comes.
    Silence,
}

/// An answer as it leaves.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What it says.
    pub reply: Reply,
    /// `Date`; `None` without one.
    pub date: Option<DateTime<Utc>>,
    /// `trackingid`
    pub tracking_id: String,
    /// `Link`, which need not be UTF-8.
    pub link: Option<Vec<u8>>,
}

/// What an answer says.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, verbatim.
    pub retry_after: Option<String>,
    /// How long a client that understands the header waits.
    pub announced: Option<Duration>,
    /// `Location`, verbatim.
    pub location: Option<String>,
    /// Where the next page of a list begins.
    pub next: Option<Place>,
    /// How the link to it is written.
    pub link_form: LinkForm,
    /// The body.
    pub content: Content,
    /// How long it takes after the head; zero if both come together.
    pub trickles: Duration,
}

/// What a body says.
#[derive(Debug, Clone, Default)]
pub enum Content {
    /// Nothing at all.
    #[default]
    Nothing,
    /// JSON.
    Json(Value),
    /// An error in one of many shapes.
    Error {
        /// Its shape.
        body: ErrorBody,
        /// Its words.
        description: String,
    },
    /// A proxy's page where JSON should be.
    Page,
    /// JSON that ends in the middle: the connection closes before `Content-Length` is reached.
    CutShort(Value),
}

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

/// The form of a `Link` header (RFC 8288).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkForm {
    /// `<URL>; rel="next"`
    #[default]
    Plain,
    /// Behind an element of the list that is empty.
    EmptyElement,
    /// With a title that is no UTF-8.
    Bytes,
    /// With the relation as a URI.
    Uri,
    /// A quoted text in it never ends: nobody can read it.
    Unclosed,
    /// Words stand before it: nobody can read it.
    Garbage,
    /// It does not say what it leads to.
    NoRelation,
}

impl LinkForm {
    /// The header's value: a link to the first page where there is one, and one to the next page at `url`.
    pub(super) fn write(self, first: Option<&str>, url: &str) -> Vec<u8> {
        let before = first.map_or(String::new(), |first| format!("<{first}>; rel=\"first\", "));
        let text = match self {
            LinkForm::Plain => format!("{before}<{url}>; rel=\"next\""),
            LinkForm::EmptyElement => format!("{before}, <{url}>; rel=\"next\""),
            LinkForm::Bytes => {
                let mut bytes = format!("{before}<{url}>; title=\"").into_bytes();
                bytes.extend(b"Seite f\xfcr Seite\"; rel=\"next\"");
                return bytes;
            }
            LinkForm::Uri => {
                format!("{before}<{url}>; rel=\"http://www.iana.org/assignments/relation/next\"")
            }
            LinkForm::Unclosed => format!("{before}<{url}>; title=\"page; rel=next"),
            LinkForm::Garbage => format!("{before}more at <{url}>; rel=\"next\""),
            LinkForm::NoRelation => format!("{before}<{url}>"),
        };
        text.into_bytes()
    }
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, value: Value) -> Self {
        Reply { status, content: Content::Json(value), ..Reply::default() }
    }

    /// An error in the shape that the API uses most.
    pub fn error(status: u16, description: &str) -> Self {
        Reply::error_as(status, ErrorBody::Classic, description)
    }

    /// An error in a certain shape.
    pub fn error_as(status: u16, body: ErrorBody, description: &str) -> Self {
        let content = Content::Error { body, description: description.to_owned() };
        Reply { status, content, ..Reply::default() }
    }

    /// `announced` counts from the moment the answer leaves.
    pub(super) fn with_wait(mut self, header: Option<String>, announced: Option<Duration>) -> Self {
        self.retry_after = header;
        self.announced = announced;
        self
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A body as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// `Content-Type`
    pub media_type: Option<&'static str>,
    /// The bytes, repeated `times` times.
    pub bytes: Cow<'static, [u8]>,
    /// How often `bytes` is repeated.
    pub times: usize,
    /// `Content-Length`, if it promises more than what comes: the connection then breaks.
    pub promised: Option<usize>,
}

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Gateway</title></head>\
    <body><h1>Something went wrong on the way</h1></body></html>\n";
static HUGE_CHUNK: [u8; 65_536] = [b'x'; 65_536];
const HUGE_CHUNKS: usize = 800;
const JSON: Option<&str> = Some("application/json");

impl Body {
    fn of(media_type: Option<&'static str>, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        Body { media_type, bytes: bytes.into(), times: 1, promised: None }
    }

    fn json(value: &Value) -> Self {
        Body::of(JSON, value.to_string().into_bytes())
    }

    fn page() -> Self {
        Body::of(Some("text/html"), PAGE.as_bytes())
    }

    fn nothing() -> Self {
        Body::of(None, Vec::new())
    }
}

impl Answer {
    /// The headers, but for those that say how long the body is.
    pub fn headers(&self) -> Vec<(&'static str, Vec<u8>)> {
        let reply = &self.reply;
        let texts = [
            ("date", self.date.map(http_date)),
            ("trackingid", Some(self.tracking_id.clone())),
            ("retry-after", reply.retry_after.clone()),
            ("location", reply.location.clone()),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?.into_bytes())));
        texts.chain(self.link.clone().map(|link| ("link", link))).collect()
    }

    /// The body as it leaves.
    pub fn body(&self) -> Body {
        match &self.reply.content {
            Content::Nothing => Body::nothing(),
            Content::Json(value) => Body::json(value),
            Content::Page => Body::page(),
            Content::CutShort(value) => {
                let mut bytes = value.to_string().into_bytes();
                let promised = bytes.len();
                bytes.truncate(promised / 2);
                Body { promised: Some(promised), ..Body::of(JSON, bytes) }
            }
            Content::Error { body, description } => self.error_body(*body, description),
        }
    }

    fn error_body(&self, body: ErrorBody, description: &str) -> Body {
        let tracking_id = &self.tracking_id;
        let classic = |message: &str| {
            Body::json(&json!({
                "message": message,
                "errors": [{ "description": message }],
                "trackingId": tracking_id,
            }))
        };
        let keyed = || {
            json!({
                "key": self.reply.status.to_string(),
                "message": [{ "description": description, "code": "1001" }],
            })
        };
        match body {
            ErrorBody::Classic => classic(description),
            ErrorBody::Hostile => classic(&format!(
                "=HYPERLINK(\"http://example.org\")\u{1b}[31m\r\n{description}\tend"
            )),
            ErrorBody::Keyed => Body::json(&json!({ "error": keyed(), "trackingId": tracking_id })),
            ErrorBody::KeyedList => {
                Body::json(&json!({ "error": [keyed()], "trackingId": tracking_id }))
            }
            ErrorBody::Coded => {
                Body::json(&json!({ "errors": [{ "code": 2024, "description": description }] }))
            }
            ErrorBody::CodedText => Body::json(
                &json!({ "errors": [{ "errorCode": "E2024", "description": description }] }),
            ),
            ErrorBody::Html => Body::page(),
            ErrorBody::Empty => Body::nothing(),
            ErrorBody::Huge => {
                Body { times: HUGE_CHUNKS, ..Body::of(Some("text/plain"), &HUGE_CHUNK[..]) }
            }
            ErrorBody::NotUtf8 => Body::of(JSON, b"\xff\xfe\x00\x80".repeat(64)),
        }
    }
}

/// A time as HTTP headers write it, cut to whole seconds.
pub fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
