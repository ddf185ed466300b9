//! The real API over HTTP.

use std::num::NonZeroUsize;

use reqwest::{Method, RequestBuilder, header::AUTHORIZATION};
use url::Url;

use super::{
    Answer, Api, BaseUrl, Credentials, HttpApiError, ListQuery, Listed, Notice, Outcome, Page,
    Refusal, Token, cause,
    exchange::{Exchanger, Wanted},
    http_client,
    link::check_origin,
    reading,
    text::Cleaner,
    token_source::TokenSource,
    wire,
};
use crate::{
    manifest::{ApiSettings, Discover},
    request::{OrgId, ReportId, Request},
};

const REPORTS: &str = "wholesale/billing/reports";
const SUB_PARTNERS: &str = "wholesale/subPartners";
const ACCESS_TOKEN: &str = "access_token";

const MIB: usize = 1024 * 1024;
const REPORT_ID: Wanted = Wanted {
    what: "the report's id",
    size: MIB,
};
const REPORT: Wanted = Wanted {
    what: "the report",
    size: MIB,
};
const REPORT_LIST: Wanted = Wanted {
    what: "the list of reports",
    size: 16 * MIB,
};
const SUB_PARTNER_LIST: Wanted = Wanted {
    what: "the list of sub-partners",
    size: 16 * MIB,
};

/// The API at [`ApiSettings::base_url`].
///
/// Each call is one HTTP request, sent at most once; the token goes to the base URL's own origin only.
#[derive(Debug)]
pub struct HttpApi {
    exchanger: Exchanger,
    base: BaseUrl,
    tokens: TokenSource,
}

impl HttpApi {
    /// Sets up the client; sends nothing. Up to `concurrency` idle connections are kept.
    ///
    /// # Errors
    /// [`HttpApiError`]: `api.ca_file` cannot be read or holds no certificates, or the client refuses it.
    pub fn new(
        settings: &ApiSettings,
        concurrency: NonZeroUsize,
        credentials: Credentials,
    ) -> Result<Self, HttpApiError> {
        Ok(HttpApi {
            exchanger: Exchanger {
                client: http_client::build(settings, concurrency)?,
                patience: settings.request_timeout,
            },
            base: settings.base_url.clone(),
            tokens: TokenSource::new(credentials),
        })
    }

    fn request(&self, method: Method, url: Url, token: &Token) -> RequestBuilder {
        self.exchanger
            .client
            .request(method, url)
            .header(AUTHORIZATION, token.bearer())
    }

    /// Asks for the page at `url`; `read` makes items and, where no `Link` says otherwise, the next page of a body.
    async fn page<B: serde::de::DeserializeOwned, T>(
        &self,
        token: &Token,
        url: Url,
        wanted: Wanted,
        read: impl FnOnce(B, &Url) -> Page<T>,
    ) -> Answer<Page<T>> {
        let cleaner = Cleaner::new([token.expose()]);
        if let Err(error) = check_origin(&url, &self.base) {
            let notice = Notice::default();
            let mut cause = cause::bad_response(0, &notice, cleaner.line(&error.to_string()));
            cause.http_status = None;
            let outcome = Outcome::Refused(Refusal::Final, cause);
            return Answer { outcome, notice };
        }
        let request = self.request(Method::GET, url.clone(), token);
        let answer = self
            .exchanger
            .ask(request, wanted, &cleaner, |headers, body| {
                reading::page(headers, body, &url, &self.base, read)
            });
        answer.await
    }
}

impl Api for HttpApi {
    type Token = Token;

    async fn create(&self, token: &Token, request: &Request) -> Answer<ReportId> {
        let cleaner = Cleaner::new([token.expose()]);
        let request = self
            .request(Method::POST, self.base.join(REPORTS), token)
            .json(&wire::CreateBody::from(request));
        let answer = (self.exchanger).ask(request, REPORT_ID, &cleaner, reading::created);
        answer.await
    }

    async fn list(
        &self,
        token: &Token,
        query: &ListQuery,
        next: Option<&Url>,
    ) -> Answer<Page<Listed>> {
        let url = next.cloned();
        let url = url.unwrap_or_else(|| wire::list_url(self.base.join(REPORTS), query));
        (self.page(token, url, REPORT_LIST, reading::reports)).await
    }

    async fn get(&self, token: &Token, id: &ReportId) -> Answer<Option<Listed>> {
        let cleaner = Cleaner::new([token.expose()]);
        let url = wire::report_url(self.base.join(REPORTS), id);
        let request = self.request(Method::GET, url, token);
        let answer = (self.exchanger).ask(request, REPORT, &cleaner, reading::report);
        reading::none_where_gone(answer.await)
    }

    async fn sub_partners(
        &self,
        token: &Token,
        which: Discover,
        next: Option<&Url>,
    ) -> Answer<Page<OrgId>> {
        let url = next.cloned();
        let url =
            url.unwrap_or_else(|| wire::sub_partners_url(self.base.join(SUB_PARTNERS), which));
        self.page(
            token,
            url,
            SUB_PARTNER_LIST,
            |entries: wire::SubPartners, url| Page {
                next: entries.is_full().then(|| wire::next_offset(url)).flatten(),
                items: entries.only(which),
            },
        )
        .await
    }

    async fn renew(&self, refused: Option<&Token>) -> Answer<Token> {
        let url = self.base.join(ACCESS_TOKEN);
        self.tokens.token(&self.exchanger, url, refused).await
    }
}

#[cfg(test)]
mod tests;
