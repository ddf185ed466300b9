//! One exchange over HTTP: a request out, an [`Answer`] back, never an error and never a second try.

use std::time::Duration;

use chrono::Utc;
use reqwest::{Client, RequestBuilder, header::HeaderMap};

use super::{
    Answer, Notice, OnHead,
    body::{self, Limits},
    notice,
    reading::{Misread, judge},
    transport_error,
};

/// How much of an error's body is read, and how long it is waited for: its headers may say that we have
/// to stay away, and the other requests must hear of it soon.
const ERROR_BODY: Limits = Limits {
    size: 64 * 1024,
    patience: Some(Duration::from_secs(2)),
};

/// What is asked for: its name in messages and its size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// As in "the server answered 200, but ... could not be read".
    pub(super) what: &'static str,
    /// The largest body that is read, in bytes.
    pub(super) size: usize,
}

impl Wanted {
    fn limits(self) -> Limits {
        Limits {
            size: self.size,
            patience: None,
        }
    }
}

/// The HTTP client and how long it waits.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) client: Client,
    /// Of a whole exchange; set in `client`, here for messages.
    pub(super) patience: Duration,
}

impl Transport {
    /// Sends `request` and reads the answer with `read`, which sees the headers and the body of a 2xx. `on_head`
    /// is told what the headers say before the body is read.
    pub(super) async fn ask<T>(
        &self,
        request: RequestBuilder,
        wanted: Wanted,
        on_head: &OnHead<'_>,
        read: impl FnOnce(&HeaderMap, &str) -> Result<T, Misread>,
    ) -> Answer<T> {
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Answer {
                    outcome: transport_error::outcome(&error, self.patience),
                    notice: Notice::default(),
                };
            }
        };
        let status = response.status().as_u16();
        let notice = notice::read(status, response.headers(), Utc::now());
        on_head(&notice);
        let success = response.status().is_success();
        let limits = if success { wanted.limits() } else { ERROR_BODY };
        let body = body::read(&mut response, limits).await;

        let headers = response.headers();
        judge(notice, headers, &body, wanted.what, read)
    }
}
