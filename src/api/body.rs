//! Reading a body as it arrives, and no more of it than is needed.

use std::time::Duration;

use reqwest::Response;

/// A body as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// At most the limit.
    pub(super) bytes: Vec<u8>,
    /// Whether that is all of it.
    pub(super) end: BodyEnd,
}

/// How the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// The whole body is there.
    Whole,
    /// There is more; the rest was left unread.
    TooLong,
    /// The connection broke, or the time was up.
    Broken,
}

/// How much of a body is read, and how long to wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// In bytes.
    pub(super) size: usize,
    /// From the arrival of the headers. `None`: the time-out of the whole exchange is enough.
    pub(super) patience: Option<Duration>,
}

/// Reads the body of `response` within `limits`.
///
/// Never fails: the status has arrived already, and it says more than the body. A response that is left
/// before its end closes its connection, so that the rest costs nothing here.
pub(super) async fn read(response: &mut Response, limits: Limits) -> Body {
    let mut bytes = Vec::new();
    let all = fill(response, &mut bytes, limits.size);
    let end = match limits.patience {
        None => all.await,
        Some(patience) => tokio::time::timeout(patience, all)
            .await
            .unwrap_or(BodyEnd::Broken),
    };
    Body { bytes, end }
}

async fn fill(response: &mut Response, bytes: &mut Vec<u8>, size: usize) -> BodyEnd {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = size.saturating_sub(bytes.len());
                bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    return BodyEnd::TooLong;
                }
            }
            Ok(None) => return BodyEnd::Whole,
            Err(_) => return BodyEnd::Broken,
        }
    }
}
