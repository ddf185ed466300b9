//! The remote API: one exchange in, one [`Answer`] out. Knows nothing of retries and pace.

mod answer;
mod base_url;
mod body;
mod budget;
mod cause;
mod classify;
mod client;
mod credentials;
mod error_body;
mod exchange;
mod header_list;
mod http_client;
mod link;
mod notice;
#[cfg(test)]
mod raw_server;
mod reading;
mod retry_after;
mod secret_file;
mod text;
mod token;
mod token_source;
mod transport;
mod wire;
mod wire_answer;

pub use answer::{
    Answer, Budget, Cause, Doubt, ListQuery, Listed, Notice, Outcome, Page, Refusal, WaitKind,
};
pub use base_url::{BaseUrl, BaseUrlError};
pub use client::HttpApi;
pub use credentials::{Credentials, CredentialsError, SecretFileError};
pub use http_client::HttpApiError;
pub use token::{Token, TokenError};
pub use wire_answer::WireAnswer;

use url::Url;

use crate::{
    manifest::Discover,
    request::{OrgId, ReportId, Request},
};

/// The API as the runner sees it: the narrow seam at which a simulated server takes the real one's place.
///
/// Each call is one exchange. None of them waits for a limit or tries again; none follows a redirect.
#[expect(
    async_fn_in_trait,
    reason = "driven on one thread, never as a trait object"
)]
pub trait Api {
    /// What the calls are authorised with.
    type Token: Clone;

    /// `POST /wholesale/billing/reports`.
    async fn create(&self, token: &Self::Token, request: &Request) -> Answer<ReportId>;

    /// `GET /wholesale/billing/reports`, the first page for `query` or the page at `next`.
    async fn list(
        &self,
        token: &Self::Token,
        query: &ListQuery,
        next: Option<&Url>,
    ) -> Answer<Page<Listed>>;

    /// `GET /wholesale/billing/reports/{id}`; `Done(None)` where the server has no such report (404, 410).
    async fn get(&self, token: &Self::Token, id: &ReportId) -> Answer<Option<Listed>>;

    /// `GET /wholesale/subPartners`, the first page or the page at `next`.
    async fn sub_partners(
        &self,
        token: &Self::Token,
        which: Discover,
        next: Option<&Url>,
    ) -> Answer<Page<OrgId>>;

    /// Gives a token to go on with after `refused` was answered with 401, or a first one where there was none.
    /// Reads the token file again, or asks `POST /access_token`; `Refused` where there is no way.
    async fn renew(&self, refused: Option<&Self::Token>) -> Answer<Self::Token>;
}

/// One line for people from an error's body, for the fuzz target.
#[cfg(test)]
pub(crate) fn read_error_body_for_fuzzing(status: u16, bytes: &[u8]) -> String {
    let body = body::Body {
        bytes: bytes.to_vec(),
        end: body::BodyEnd::Whole,
    };
    cause::of_error(
        status,
        &Notice::default(),
        &body,
        &text::Cleaner::new(["a-secret"]),
    )
    .text
}
