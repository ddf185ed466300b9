//! The client against a server that says exactly what a test wants.

mod canned_server;
mod client;
mod token_source;

use super::{Notice, body, cause};

/// One line for people from an error's body, for the fuzz target.
pub(crate) fn error_text(status: u16, bytes: &[u8]) -> String {
    let body = body::Body {
        bytes: bytes.to_vec(),
        end: body::BodyEnd::Whole,
    };
    crate::text::hold("a-secret");
    cause::of_error(status, &Notice::default(), &body).text
}
