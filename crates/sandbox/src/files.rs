//! The host of the downloads: parts of files (RFC 9110, 14), and their faults.

use std::{io, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Request as HttpRequest, State as AxumState},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use futures::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::{Download, reading::fields, world::World};
use crate::model::{Claim, DownloadFault, File, field};

const DENIED: &str = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
const PAGE: &str = "<!DOCTYPE html><html><body>Please sign in.</body></html>";

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
            at: world.clock.elapsed(),
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
    let claim = Claim {
        path: request.uri().path(),
        expires: field(&query, "Expires"),
        signature: field(&query, "Signature"),
    };
    let now = world.clock.elapsed();
    let file = world.state().server.file(now, claim);
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
            let mut response = plain(StatusCode::FOUND, "text/plain", "");
            set(&mut response, header::LOCATION, location);
            return response;
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
    let length = rest.len();
    let mut response = Response::new(body(rest, file.fault.as_ref()));
    if let Some(from) = from {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {from}-{}/{total}", total - 1);
        set(&mut response, header::CONTENT_RANGE, &range);
    }
    for (name, value) in [
        (header::CONTENT_TYPE, "text/csv"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::ETAG, &version),
        (header::CONTENT_LENGTH, &length.to_string()),
    ] {
        set(&mut response, name, value);
    }
    response
}

fn body(bytes: Bytes, fault: Option<&DownloadFault>) -> Body {
    let half = bytes.slice(..bytes.len().div_ceil(2));
    let half = stream::iter([Ok(half)]);
    match fault {
        Some(DownloadFault::Cut {} | DownloadFault::Changed {}) => {
            // Without a turn of the scheduler in between, the half is never sent.
            let end = stream::once(async {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                Err(io::Error::from(io::ErrorKind::UnexpectedEof))
            });
            Body::from_stream(half.chain(end))
        }
        Some(DownloadFault::Stall {}) => Body::from_stream(half.chain(stream::pending())),
        _ => Body::from(bytes),
    }
}

fn plain(status: StatusCode, media_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, media_type);
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
