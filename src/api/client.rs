use std::num::NonZeroUsize;

use reqwest::{
    Method, RequestBuilder,
    header::{AUTHORIZATION, CACHE_CONTROL},
};
use url::Url;

use super::{
    Answer, Api, Credentials, HttpApiError, ListPage, Listed, Notice, OnHead, Outcome, Page,
    Refusal, Token, error_body, http_client,
    link::check_origin,
    reading,
    token_source::TokenSource,
    transport::{Transport, Wanted},
    wire,
};
use crate::{
    manifest::{ApiSettings, BaseUrl, Discover},
    text::foreign,
};
use request::{OrgId, ReportId, Request};

const REPORTS: &str = "wholesale/billing/reports";
const SUB_PARTNERS: &str = "wholesale/subPartners";
const ACCESS_TOKEN: &str = "access_token";

const MIB: usize = 1024 * 1024;
const REPORT_ID: Wanted = Wanted { what: "the report's id", size: MIB };
const REPORT: Wanted = Wanted { what: "the report", size: MIB };
const REPORT_LIST: Wanted = Wanted { what: "the list of reports", size: 16 * MIB };
const SUB_PARTNER_LIST: Wanted = Wanted { what: "the list of sub-partners", size: 16 * MIB };

/// One page of a list, at an address that may come from the server.
struct PageRequest<'a> {
    token: &'a Token,
    url: Url,
    wanted: Wanted,
}

/// Each call is one HTTP request, sent at most once; the token goes to the base URL's own origin only.
#[derive(Debug)]
pub struct HttpApi {
    transport: Transport,
    base: BaseUrl,
    reports: Url,
    tokens: TokenSource,
}

impl HttpApi {
    pub fn new(
        settings: &ApiSettings,
        concurrency: NonZeroUsize,
        credentials: Credentials,
    ) -> Result<Self, HttpApiError> {
        Ok(HttpApi {
            transport: Transport {
                client: http_client::build(settings, concurrency)?,
                patience: settings.request_timeout,
            },
            reports: settings.base_url.join(REPORTS),
            base: settings.base_url.clone(),
            tokens: TokenSource::new(credentials),
        })
    }

    fn request(&self, method: Method, url: Url, token: &Token) -> RequestBuilder {
        self.transport.client.request(method, url).header(AUTHORIZATION, token.bearer())
    }

    /// A cached answer must not be used: a report that it lacks would be created again.
    fn read(&self, url: Url, token: &Token) -> RequestBuilder {
        self.request(Method::GET, url, token).header(CACHE_CONTROL, "no-cache")
    }

    async fn page<B: serde::de::DeserializeOwned, T>(
        &self,
        PageRequest { token, url, wanted }: PageRequest<'_>,
        on_head: &dyn OnHead,
        read: impl FnOnce(B, &Url) -> Result<Page<T>, reading::Misread>,
    ) -> Answer<Page<T>> {
        if let Err(error) = check_origin(&url, &self.base) {
            let notice = Notice::default();
            let mut cause = error_body::bad_response(0, &notice, foreign(&error.to_string()));
            cause.http_status = None;
            let outcome = Outcome::Refused(Refusal::Final, cause);
            return Answer { outcome, notice };
        }
        let request = self.read(url.clone(), token);
        let answer = self.transport.ask(request, wanted, on_head, |headers, body| {
            reading::page(headers, body, &url, &self.base, read)
        });
        reading::of_read(answer.await)
    }
}

impl Api for HttpApi {
    type Token = Token;

    async fn create(
        &self,
        token: &Token,
        request: &Request,
        on_head: &dyn OnHead,
    ) -> Answer<ReportId> {
        let call = self
            .request(Method::POST, self.reports.clone(), token)
            .json(&wire::CreateBody::from(request));
        let read = |_: &_, body: &str| reading::created(body, request);
        let answer = (self.transport).ask(call, REPORT_ID, on_head, read);
        answer.await
    }

    async fn list(
        &self,
        token: &Token,
        page: ListPage<'_>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<Listed>> {
        let first = || wire::list_url(self.reports.clone(), page.query, page.max);
        let url = page.next.cloned().unwrap_or_else(first);
        let request = PageRequest { token, url, wanted: REPORT_LIST };
        self.page(request, on_head, reading::reports).await
    }

    async fn get(
        &self,
        token: &Token,
        id: &ReportId,
        on_head: &dyn OnHead,
    ) -> Answer<Option<Listed>> {
        let url = wire::report_url(self.reports.clone(), id);
        let request = self.read(url, token);
        let read = |_: &_, body: &str| reading::report(body, id);
        let answer = (self.transport).ask(request, REPORT, on_head, read);
        reading::none_where_gone(reading::of_read(answer.await))
    }

    async fn sub_partners(
        &self,
        token: &Token,
        which: Discover,
        next: Option<&Url>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<OrgId>> {
        let first = || wire::sub_partners_url(self.base.join(SUB_PARTNERS), which);
        let url = next.cloned().unwrap_or_else(first);
        let request = PageRequest { token, url, wanted: SUB_PARTNER_LIST };
        self.page(request, on_head, reading::sub_partners(which)).await
    }

    async fn renew(&self, refused: Option<&Token>, on_head: &dyn OnHead) -> Answer<Token> {
        let url = self.base.join(ACCESS_TOKEN);
        reading::without_redirects(self.tokens.next(&self.transport, url, refused, on_head).await)
    }
}
