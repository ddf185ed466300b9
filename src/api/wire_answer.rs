//! Answers of servers that are called without a network.

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::IgnoredAny;
use url::Url;

use super::{
    Answer, BaseUrl, Listed, Page,
    body::{Body, BodyEnd},
    notice, reading,
    text::Cleaner,
};
use crate::request::ReportId;

/// An answer as it came over the wire, to be read as [`super::HttpApi`] reads it: a simulated server then meets the
/// client's own judgement.
#[derive(Debug, Clone)]
pub struct WireAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names and values; what cannot be a header is left out.
    pub headers: Vec<(&'static str, String)>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub whole: bool,
    /// When the head arrived, by the client's clock.
    pub arrived: DateTime<Utc>,
}

impl WireAnswer {
    /// To a create.
    pub fn created(self) -> Answer<ReportId> {
        self.read("the report's id", reading::created)
    }

    /// To a list: the page at `url`.
    pub fn reports(self, url: &Url, base: &BaseUrl) -> Answer<Page<Listed>> {
        self.read("the list of reports", |headers, body| {
            reading::page(headers, body, url, base, reading::reports)
        })
    }

    /// To a single read.
    pub fn report(self) -> Answer<Option<Listed>> {
        reading::none_where_gone(self.read("the report", reading::report))
    }

    /// To anything whose body is JSON.
    pub fn json(self) -> Answer<()> {
        self.read("the answer", |_, body| {
            let any: Option<IgnoredAny> = super::wire::read(body);
            any.map(drop).ok_or(reading::Misread::NotThere)
        })
    }

    fn read<T>(
        self,
        what: &str,
        read: impl FnOnce(&HeaderMap, &[u8]) -> Result<T, reading::Misread>,
    ) -> Answer<T> {
        let headers: HeaderMap = self
            .headers
            .into_iter()
            .filter_map(|(name, value)| {
                let name = HeaderName::from_static(name);
                Some((name, HeaderValue::from_str(&value).ok()?))
            })
            .collect();
        let cleaner = Cleaner::new([]);
        let notice = notice::read(self.status, &headers, self.arrived, &cleaner);
        let body = Body {
            bytes: self.body,
            end: if self.whole {
                BodyEnd::Whole
            } else {
                BodyEnd::Broken
            },
        };
        reading::judge(notice, &headers, &body, what, &cleaner, read)
    }
}
