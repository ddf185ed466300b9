//! For tests and benchmarks alone.

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use super::{
    Answer, Listed, Notice, Page,
    body::{BodyEnd, ResponseBody},
    notice, reading,
};
use crate::manifest::{BaseUrl, Discover};
use request::{OrgId, ReportId, Request};

/// An answer as bytes, to be read as [`super::HttpApi`] reads it: so a simulated server meets the real client's rules.
#[derive(Debug, Clone)]
pub struct WireAnswer {
    pub status: u16,
    /// Names and values; invalid headers are ignored.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    pub whole: bool,
    /// When the head arrived, by the client's clock.
    pub arrived: DateTime<Utc>,
}

impl WireAnswer {
    pub fn created(self, request: &Request) -> Answer<ReportId> {
        self.read("the report's id", |_, body| reading::created(body, request))
    }

    /// The answer to a list: the page at `url`.
    pub fn reports(self, url: &Url, base: &BaseUrl) -> Answer<Page<Listed>> {
        reading::of_read(self.read("the list of reports", |headers, body| {
            reading::page(headers, body, url, base, reading::reports)
        }))
    }

    /// The answer to a list of sub-partners: the page at `url`.
    pub fn sub_partners(self, url: &Url, base: &BaseUrl, which: Discover) -> Answer<Page<OrgId>> {
        reading::of_read(self.read("the list of sub-partners", |headers, body| {
            reading::page(headers, body, url, base, reading::sub_partners(which))
        }))
    }

    /// To a single read of the report `id`.
    pub fn report(self, id: &ReportId) -> Answer<Option<Listed>> {
        let read = self.read("the report", |_, body| reading::report(body, id));
        reading::none_where_gone(reading::of_read(read))
    }

    /// The answer to a renewal: the new access token.
    pub fn token(self) -> Answer<String> {
        self.read("the access token", |_, body| {
            let object: Option<Map<String, Value>> = super::wire::read(body);
            let token = object.and_then(|mut object| match object.remove("access_token")? {
                Value::String(token) => Some(token),
                _ => None,
            });
            token.ok_or(reading::Misread::NotThere)
        })
    }

    /// The head, which is known before the body is read.
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
        let end = if self.whole { BodyEnd::Whole } else { BodyEnd::Broken };
        let body = ResponseBody::new(&self.body, end, &headers);
        reading::judge(notice, &headers, &body, what, read)
    }
}
