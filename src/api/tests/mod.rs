//! The client against a server that says exactly what a test wants.

mod canned_server;
mod client;
mod token_source;

use super::{Notice, body, error_body};

/// One line for people from an error's body, for the fuzz target.
pub(crate) fn error_text(status: u16, bytes: &[u8]) -> String {
    let headers = reqwest::header::HeaderMap::new();
    let body = body::ResponseBody::new(bytes, body::BodyEnd::Whole, &headers);
    crate::text::hold("a-secret");
    error_body::of_error(status, &Notice::default(), &body).text
}
