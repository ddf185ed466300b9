//! The remote API: one exchange in, one [`Answer`] out. Knows nothing of retries and pace.

mod answer;
mod body;
mod classify;
mod client;
mod credentials;
mod download_url;
mod error_body;
mod http_client;
mod link;
mod notice;
mod reading;
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod token;
mod token_source;
mod transport;
mod transport_error;
mod wire;

pub use answer::{
    Answer, Cause, ListPage, ListQuery, Listed, Notice, OnHead, Outcome, Page, Refusal, WaitKind,
};
pub use client::HttpApi;
pub use credentials::{Credentials, CredentialsError};
pub use download_url::DownloadUrl;
pub use http_client::HttpApiError;
pub(crate) use http_client::download_client;
pub(crate) use notice::announced_wait;
pub use token::Token;

use url::Url;

use crate::manifest::Discover;
use request::{OrgId, ReportId, Request};

/// The most reports on a page of a list, and the default (API reference).
pub const LARGEST_PAGE: usize = 100;

/// The API as the session sees it. Each call is one exchange: no waiting for limits, no retries, no redirects.
/// `on_head` receives the head before the body is read.
#[expect(async_fn_in_trait, reason = "driven on one thread, never as a trait object")]
pub trait Api {
    /// The access token.
    type Token: Clone;

    /// `POST /wholesale/billing/reports`.
    async fn create(
        &self,
        token: &Self::Token,
        request: &Request,
        on_head: &dyn OnHead,
    ) -> Answer<ReportId>;

    /// `GET /wholesale/billing/reports`
    async fn list(
        &self,
        token: &Self::Token,
        page: ListPage<'_>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<Listed>>;

    /// `GET /wholesale/billing/reports/{id}`; `Done(None)` if the server has no such report (404, 410).
    async fn get(
        &self,
        token: &Self::Token,
        id: &ReportId,
        on_head: &dyn OnHead,
    ) -> Answer<Option<Listed>>;

    /// `GET /wholesale/subPartners`, the first page or the page at `next`.
    async fn sub_partners(
        &self,
        token: &Self::Token,
        which: Discover,
        next: Option<&Url>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<OrgId>>;

    /// A new token after a 401 for `refused`, or the first one; `Refused` if there is no source of tokens.
    async fn renew(
        &self,
        refused: Option<&Self::Token>,
        on_head: &dyn OnHead,
    ) -> Answer<Self::Token>;
}
