//! The host of the downloads.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request as HttpRequest, State as AxumState},
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};

use super::{
    Download,
    call::{field, fields},
    world::World,
};
use crate::server_model::Claim;

/// Answers one request for a file.
pub(super) async fn handle(
    AxumState(world): AxumState<Arc<World>>,
    request: HttpRequest,
) -> Response {
    let content = content_of(&world, &request);
    let status = match &content {
        Ok(_) => StatusCode::OK,
        Err(status) => *status,
    };
    if world.config.record {
        world.state().downloads.push(Download {
            at: world.clock.elapsed(),
            target: request.uri().to_string(),
            leaked_authorization: request.headers().contains_key(header::AUTHORIZATION),
            status: status.as_u16(),
        });
    }
    let (media_type, body) = match content {
        Ok(csv) => ("text/csv", Body::from(csv)),
        Err(_) => (
            "application/xml",
            Body::from("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
        ),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The file that a request may see. Like the real host, it does not say whether a file exists.
fn content_of(world: &World, request: &HttpRequest) -> Result<String, StatusCode> {
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
