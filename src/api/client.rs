//! The real API over HTTP.

use std::num::NonZeroUsize;

use reqwest::{
    Method, RequestBuilder,
    header::{AUTHORIZATION, CACHE_CONTROL},
};
use url::Url;

use super::{
    Answer, Api, Credentials, Doubt, HttpApiError, ListQuery, Listed, Notice, OnHead, Outcome,
    Page, Refusal, Token, cause, http_client,
    link::{check_origin, next_page},
    text::Cleaner,
    token_source::TokenSource,
    transport::{Misread, Transport, Wanted},
    wire,
};
use crate::{
    request::{OrgId, ReportId, Request},
    settings::{ApiSettings, BaseUrl, Discover},
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
    transport: Transport,
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
            transport: Transport {
                client: http_client::build(settings, concurrency)?,
                patience: settings.request_timeout,
            },
            base: settings.base_url.clone(),
            tokens: TokenSource::new(credentials),
        })
    }

    fn request(&self, method: Method, url: Url, token: &Token) -> RequestBuilder {
        self.transport
            .client
            .request(method, url)
            .header(AUTHORIZATION, token.bearer())
    }

    /// A request that changes nothing. What a cache between us and the server kept is of no use: a report that is
    /// missing there would be made again.
    fn read(&self, url: Url, token: &Token) -> RequestBuilder {
        self.request(Method::GET, url, token)
            .header(CACHE_CONTROL, "no-cache")
    }

    /// Asks for the page at `url`; `read` makes items and, where no `Link` says otherwise, the next page of a body.
    async fn page<B: serde::de::DeserializeOwned, T>(
        &self,
        token: &Token,
        url: Url,
        wanted: Wanted,
        on_head: &OnHead<'_>,
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
        let request = self.read(url.clone(), token);
        let answer = self
            .transport
            .ask(request, wanted, &cleaner, on_head, |headers, body| {
                let page = read(wire::read(body).ok_or(Misread::NotThere)?, &url);
                let linked = next_page(headers, &url, &self.base).map_err(Misread::Link)?;
                Ok(Page {
                    next: linked.or(page.next),
                    ..page
                })
            });
        of_read(answer.await)
    }
}

/// A redirect leaves no doubt about a request that changes nothing, and asking again would be sent elsewhere again.
fn of_read<T>(answer: Answer<T>) -> Answer<T> {
    match answer.outcome {
        Outcome::InDoubt(Doubt::Open, cause) if matches!(answer.notice.status, Some(300..=399)) => {
            Answer {
                outcome: Outcome::Refused(Refusal::Final, cause),
                ..answer
            }
        }
        _ => answer,
    }
}

impl Api for HttpApi {
    type Token = Token;

    async fn create(
        &self,
        token: &Token,
        request: &Request,
        on_head: &OnHead<'_>,
    ) -> Answer<ReportId> {
        let cleaner = Cleaner::new([token.expose()]);
        let body = wire::CreateBody::from(request);
        let call = self
            .request(Method::POST, self.base.join(REPORTS), token)
            .json(&body);
        let answer = self
            .transport
            .ask(call, REPORT_ID, &cleaner, on_head, |_, body| {
                let report: wire::Report = wire::read(body).ok_or(Misread::NotThere)?;
                let report = Listed::from(report);
                // A proxy that repeats an earlier answer: another request's report is not this one's.
                match report.can_answer(request) {
                    true => Ok(report.id),
                    false => Err(Misread::NotThere),
                }
            });
        answer.await
    }

    async fn list(
        &self,
        token: &Token,
        query: &ListQuery,
        max: usize,
        next: Option<&Url>,
        on_head: &OnHead<'_>,
    ) -> Answer<Page<Listed>> {
        let url = next.cloned();
        let url = url.unwrap_or_else(|| wire::list_url(self.base.join(REPORTS), query, max));
        self.page(
            token,
            url,
            REPORT_LIST,
            on_head,
            |reports: wire::Reports, _| Page {
                items: reports.items.into_iter().map(Listed::from).collect(),
                next: None,
            },
        )
        .await
    }

    async fn get(
        &self,
        token: &Token,
        id: &ReportId,
        on_head: &OnHead<'_>,
    ) -> Answer<Option<Listed>> {
        let cleaner = Cleaner::new([token.expose()]);
        let url = wire::report_url(self.base.join(REPORTS), id);
        let request = self.read(url, token);
        let answer = self
            .transport
            .ask(request, REPORT, &cleaner, on_head, |_, body| {
                let report: wire::Report = wire::read(body).ok_or(Misread::NotThere)?;
                Ok(Some(report.into()))
            });
        let mut answer = of_read(answer.await);
        if matches!(answer.outcome, Outcome::Refused(Refusal::Final, _))
            && matches!(answer.notice.status, Some(404 | 410))
        {
            answer.outcome = Outcome::Done(None);
        }
        answer
    }

    async fn sub_partners(
        &self,
        token: &Token,
        which: Discover,
        next: Option<&Url>,
        on_head: &OnHead<'_>,
    ) -> Answer<Page<OrgId>> {
        let url = next.cloned();
        let url =
            url.unwrap_or_else(|| wire::sub_partners_url(self.base.join(SUB_PARTNERS), which));
        self.page(
            token,
            url,
            SUB_PARTNER_LIST,
            on_head,
            |entries: wire::SubPartners, url| Page {
                next: entries.is_full().then(|| wire::next_offset(url)).flatten(),
                items: entries.only(which),
            },
        )
        .await
    }

    async fn renew(&self, refused: Option<&Token>, on_head: &OnHead<'_>) -> Answer<Token> {
        let url = self.base.join(ACCESS_TOKEN);
        of_read(
            self.tokens
                .next(&self.transport, url, refused, on_head)
                .await,
        )
    }
}
