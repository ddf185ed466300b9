//! One exchange over HTTP: a request out, an [`Answer`] back, never an error and never a second try.

use std::time::Duration;

use chrono::Utc;
use reqwest::{Client, RequestBuilder, header::HeaderMap};

use super::{
    Answer, Notice, OnHead, Outcome, Refusal,
    body::{self, BodyEnd, Limits},
    cause,
    classify::{Verdict, verdict},
    link::LinkError,
    notice,
    text::Cleaner,
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

/// Why a 2xx is of no use.
#[derive(Debug)]
pub(super) enum Misread {
    /// What was asked for is not in the body.
    NotThere,
    /// It is, but the list cannot be followed to its end.
    Link(LinkError),
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
    /// hears what the headers say before the body is waited for.
    pub(super) async fn ask<T>(
        &self,
        request: RequestBuilder,
        wanted: Wanted,
        cleaner: &Cleaner,
        on_head: &OnHead<'_>,
        read: impl FnOnce(&HeaderMap, &[u8]) -> Result<T, Misread>,
    ) -> Answer<T> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Answer {
                    outcome: transport_error::outcome(&error, self.patience, cleaner),
                    notice: Notice::default(),
                };
            }
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let notice = notice::read(status, &headers, Utc::now(), cleaner);
        on_head(&notice);
        let success = response.status().is_success();
        let limits = if success { wanted.limits() } else { ERROR_BODY };
        let body = body::read(response, limits).await;

        let found = match success && body.end == BodyEnd::Whole {
            true => read(&headers, &body.bytes),
            false => Err(Misread::NotThere),
        };
        let found = match found {
            Ok(found) => Some(found),
            Err(Misread::NotThere) => None,
            // Understood, but there is no way on: asking again would give the same link.
            Err(Misread::Link(error)) => {
                let text = cleaner.line(&error.to_string());
                let cause = cause::bad_response(status, &notice, text);
                let outcome = Outcome::Refused(Refusal::Final, cause);
                return Answer { outcome, notice };
            }
        };
        let cause = || match success {
            true => cause::of_unreadable(status, &notice, body.end, wanted.what),
            false => cause::of_error(status, &notice, &body, cleaner),
        };
        let outcome = match verdict(status, found, notice.retry_after.is_some()) {
            Verdict::Done(found) => Outcome::Done(found),
            Verdict::Refused(refusal) => Outcome::Refused(refusal, cause()),
            Verdict::InDoubt(doubt) => Outcome::InDoubt(doubt, cause()),
        };
        Answer { outcome, notice }
    }
}
