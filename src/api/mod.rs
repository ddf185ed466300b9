//! The remote API: one exchange in, one [`Answer`] out. Knows nothing of retries and pace.

mod answer;
mod body;
mod cause;
mod classify;
mod client;
mod credentials;
mod download_url;
mod error_body;
mod http_client;
mod link;
mod notice;
mod reading;
mod retry_after;
mod secret_file;
#[cfg(test)]
pub(crate) mod tests;
mod token;
mod token_source;
mod transport;
mod transport_error;
mod wire;
mod wire_answer;

pub use answer::{
    Answer, Cause, Doubt, ListQuery, Listed, Notice, OnHead, Outcome, Page, Refusal, WaitKind,
};
pub(crate) use cause::page_code;
pub use client::HttpApi;
pub use credentials::{Credentials, CredentialsError, SecretFileError};
pub use download_url::DownloadUrl;
pub use http_client::HttpApiError;
pub(crate) use http_client::download_client;
pub(crate) use notice::announced_wait;
pub use token::{Token, TokenError};
pub use wire_answer::WireAnswer;

use url::Url;

use crate::{
    request::{OrgId, ReportId, Request},
    settings::Discover,
};

/// The most that the API gives on one page of a list, and what it gives where it is not asked for less.
pub const LARGEST_PAGE: usize = 100;

/// The API as the session sees it: the narrow seam at which a simulated server takes the real one's place.
///
/// Each call is one exchange. None of them waits for a limit or tries again; none follows a redirect. `on_head` is
/// told what the head of the answer says before its body is read; an implementation whose answers come in one piece
/// need not call it, since the [`Answer`] says it again.
#[expect(
    async_fn_in_trait,
    reason = "driven on one thread, never as a trait object"
)]
pub trait Api {
    /// What the calls are authorised with.
    type Token: Clone;

    /// `POST /wholesale/billing/reports`.
    async fn create(
        &self,
        token: &Self::Token,
        request: &Request,
        on_head: &OnHead<'_>,
    ) -> Answer<ReportId>;

    /// `GET /wholesale/billing/reports`, the first page for `query` with at most `max` reports, or the page at
    /// `next`, which knows its own size.
    async fn list(
        &self,
        token: &Self::Token,
        query: &ListQuery,
        max: usize,
        next: Option<&Url>,
        on_head: &OnHead<'_>,
    ) -> Answer<Page<Listed>>;

    /// `GET /wholesale/billing/reports/{id}`; `Done(None)` where the server has no such report (404, 410).
    async fn get(
        &self,
        token: &Self::Token,
        id: &ReportId,
        on_head: &OnHead<'_>,
    ) -> Answer<Option<Listed>>;

    /// `GET /wholesale/subPartners`, the first page or the page at `next`.
    async fn sub_partners(
        &self,
        token: &Self::Token,
        which: Discover,
        next: Option<&Url>,
        on_head: &OnHead<'_>,
    ) -> Answer<Page<OrgId>>;

    /// Gives a token to go on with after `refused` was answered with 401, or a first one where there was none.
    /// Reads the token file again, or asks `POST /access_token`; `Refused` where there is no way. Called by one
    /// renewal at a time.
    async fn renew(
        &self,
        refused: Option<&Self::Token>,
        on_head: &OnHead<'_>,
    ) -> Answer<Self::Token>;
}
