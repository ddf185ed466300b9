//! The host of the downloads: parts of files (RFC 9110, 14), and their faults.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request as HttpRequest, State as AxumState},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use futures::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::{reading::fields, world::World};
use crate::model::{DownloadFault, File};

const DENIED: &str = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
const PAGE: &str = "<!DOCTYPE html><html><body>Please sign in.</body></html>";

/// A request to the host of the downloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// When it arrived, from the sandbox's start.
    pub at: Duration,
    /// Path and query.
    pub target: String,
    /// It carried an `Authorization` header: the token leaked to another host.
    pub leaked_authorization: bool,
    /// `Range`, verbatim.
    pub range: Option<String>,
    /// The answer's status.
    pub status: u16,
}

pub(super) async fn handle(
    AxumState(world): AxumState<Arc<World>>,
    request: HttpRequest,
) -> Response {
    let file = file_of(&world, &request);
    let response = match file {
        Ok(file) => respond(&file, request.headers()),
        Err(status) => plain(status, "application/xml", DENIED),
    };
    if world.config.record {
        let range = request.headers().get(header::RANGE);
        world.state().downloads.push(Download {
            at: world.elapsed(),
            target: request.uri().to_string(),
            leaked_authorization: request.headers().contains_key(header::AUTHORIZATION),
            range: range.and_then(|range| Some(range.to_str().ok()?.to_owned())),
            status: response.status().as_u16(),
        });
    }
    response
}

/// Like the real host, it does not say whether a file exists.
fn file_of(world: &World, request: &HttpRequest) -> Result<File, StatusCode> {
    if request.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let query = fields(request.uri().query().unwrap_or("").as_bytes());
    let now = world.elapsed();
    let file = world.state().server.file(now, request.uri().path(), &query);
    file.ok_or(StatusCode::FORBIDDEN)
}

fn respond(file: &File, asked: &HeaderMap) -> Response {
    let mut bytes = file.csv.clone().into_bytes();
    match &file.fault {
        Some(DownloadFault::Status { status }) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return plain(status, "application/xml", DENIED);
        }
        Some(DownloadFault::Redirect { location }) => {
            let headers = [(header::LOCATION, location.clone())];
            return (StatusCode::FOUND, headers).into_response();
        }
        Some(DownloadFault::Html {}) => return plain(StatusCode::OK, "text/html", PAGE),
        Some(DownloadFault::Empty {}) => return plain(StatusCode::OK, "text/csv", ""),
        Some(DownloadFault::Text { text }) => {
            return plain(StatusCode::OK, "text/plain", text.clone());
        }
        Some(DownloadFault::Ragged {}) => bytes.extend_from_slice(b"1,2\n"),
        Some(DownloadFault::Zeros {}) => bytes.extend_from_slice(&[0; 40]),
        // An older version of the file.
        Some(DownloadFault::Changed {}) => bytes.insert(0, b'X'),
        Some(DownloadFault::Cut {} | DownloadFault::Stall {}) | None => {}
    }
    let version = format!("\"{}\"", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(&bytes)));
    let total = bytes.len();
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_current = text(header::IF_RANGE).is_none_or(|known| known == version);
    let from = text(header::RANGE)
        .filter(|_| is_current)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    if from.is_some_and(|from: usize| from >= total) {
        return plain(StatusCode::RANGE_NOT_SATISFIABLE, "application/xml", DENIED);
    }
    let rest = Bytes::from(bytes.split_off(from.unwrap_or(0)));
    let mut headers = HeaderMap::new();
    let mut set = |name, value: String| {
        // Numbers and base64 are valid.
        headers.extend(HeaderValue::try_from(value).map(|value| (name, value)));
    };
    set(header::CONTENT_TYPE, "text/csv".to_owned());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::ETAG, version);
    set(header::CONTENT_LENGTH, rest.len().to_string());
    let status = match from {
        None => StatusCode::OK,
        Some(from) => {
            set(header::CONTENT_RANGE, format!("bytes {from}-{}/{total}", total - 1));
            StatusCode::PARTIAL_CONTENT
        }
    };
    (status, headers, body(rest, file.fault.as_ref())).into_response()
}

fn body(bytes: Bytes, fault: Option<&DownloadFault>) -> Body {
    let half = bytes.slice(..bytes.len().div_ceil(2));
    let half = stream::iter([Ok(half)]);
    match fault {
        Some(DownloadFault::Cut {} | DownloadFault::Changed {}) => {
            // Without a turn of the scheduler in between, the half is never sent.
            let end = stream::once(async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(io::Error::from(io::ErrorKind::UnexpectedEof))
            });
            Body::from_stream(half.chain(end))
        }
        Some(DownloadFault::Stall {}) => Body::from_stream(half.chain(stream::pending())),
        _ => Body::from(bytes),
    }
}

fn plain(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, media_type)], body.into()).into_response()
}
