//! One exchange over HTTP: a request out, an [`Answer`] back, never an error and never a second try.

use std::time::Duration;

use chrono::Utc;
use reqwest::{Client, RequestBuilder, header::HeaderMap};

use super::{
    Answer, Notice, OnHead, body, notice,
    reading::{Misread, judge},
    transport_error,
};

/// Of an error's body. Its headers may announce a wait, which the other requests must learn soon.
const ERROR_SIZE: usize = 64 * 1024;
const ERROR_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// As in "the server answered 200, but ... could not be read".
    pub(super) what: &'static str,
    /// In bytes.
    pub(super) size: usize,
}

#[derive(Debug)]
pub(super) struct Transport {
    pub(super) client: Client,
    /// The time-out of a whole exchange; set in `client`, here for messages.
    pub(super) patience: Duration,
}

impl Transport {
    pub(super) async fn ask<T>(
        &self,
        request: RequestBuilder,
        wanted: Wanted,
        on_head: &dyn OnHead,
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
        on_head.on_head(&notice);
        let body = if response.status().is_success() {
            body::read(&mut response, wanted.size, None).await
        } else {
            body::read(&mut response, ERROR_SIZE, Some(ERROR_PATIENCE)).await
        };
        judge(notice, response.headers(), &body, wanted.what, read)
    }
}
