use std::time::Duration;

use crate::model::Endpoint;

/// A request to the API and its result. Times are measured from the sandbox's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When it had arrived completely.
    pub at: Duration,
    /// When the answer, or the reset, was ready; `None` if the client left first or still waits.
    pub finished: Option<Duration>,
    /// The endpoint; `None` if the API does not have it.
    pub endpoint: Option<Endpoint>,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The body, as far as it is text.
    pub body: String,
    /// The bearer token.
    pub token: Option<String>,
    /// The answer's status; `None` if none was sent.
    pub status: Option<u16>,
    /// The wait that the answer announced in an understandable form, from `finished` on.
    pub announced: Option<Duration>,
}

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
