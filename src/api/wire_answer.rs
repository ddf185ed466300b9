//! Answers of servers that are called without a network.

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::IgnoredAny;
use url::Url;

use super::{
    Answer, Listed, Notice, Page,
    body::{BodyEnd, ResponseBody},
    notice, reading,
};
use crate::{
    request::{OrgId, ReportId, Request},
    settings::{BaseUrl, Discover},
};

/// An answer as it came over the wire, to be read as [`super::HttpApi`] reads it: a simulated server then meets the
/// client's own judgement.
#[derive(Debug, Clone)]
pub struct WireAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names and values; what cannot be a header is left out.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub whole: bool,
    /// When the head arrived, by the client's clock.
    pub arrived: DateTime<Utc>,
}

impl WireAnswer {
    /// To a create for `request`.
    pub fn created(self, request: &Request) -> Answer<ReportId> {
        self.read("the report's id", |_, body| reading::created(body, request))
    }

    /// To a list: the page at `url`.
    pub fn reports(self, url: &Url, base: &BaseUrl) -> Answer<Page<Listed>> {
        reading::of_read(self.read("the list of reports", |headers, body| {
            reading::page(headers, body, url, base, reading::reports)
        }))
    }

    /// To a list of sub-partners: the page at `url`.
    pub fn sub_partners(self, url: &Url, base: &BaseUrl, which: Discover) -> Answer<Page<OrgId>> {
        reading::of_read(self.read("the list of sub-partners", |headers, body| {
            reading::page(headers, body, url, base, reading::sub_partners(which))
        }))
    }

    /// To a single read of the report `id`.
    pub fn report(self, id: &ReportId) -> Answer<Option<Listed>> {
        let answer = self.read("the report", |_, body| reading::report(body, id));
        reading::none_where_gone(reading::of_read(answer))
    }

    /// To anything whose body is JSON.
    pub fn json(self) -> Answer<()> {
        self.read("the answer", |_, body| {
            let any: Option<IgnoredAny> = super::wire::read(body);
            any.map(drop).ok_or(reading::Misread::NotThere)
        })
    }

    /// What the head says: it is heard before the body is read.
    pub fn notice(&self) -> Notice {
        notice::read(self.status, &self.header_map(), self.arrived)
    }

    fn header_map(&self) -> HeaderMap {
        let headers = self.headers.iter();
        headers
            .filter_map(|(name, value)| {
                let name = HeaderName::from_static(name);
                Some((name, HeaderValue::from_bytes(value).ok()?))
            })
            .collect()
    }

    fn read<T>(
        self,
        what: &str,
        read: impl FnOnce(&HeaderMap, &str) -> Result<T, reading::Misread>,
    ) -> Answer<T> {
        let (headers, notice) = (self.header_map(), self.notice());
        let end = match self.whole {
            true => BodyEnd::Whole,
            false => BodyEnd::Broken,
        };
        let body = ResponseBody::new(&self.body, end, &headers);
        reading::judge(notice, &headers, &body, what, read)
    }
}
