use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap};

use super::{
    Notice, Refusal, WaitKind,
    classify::{BodyContent, Classification, verdict},
    retry_after::retry_after,
};
use crate::text::foreign_word;

impl Notice {
    /// Whether and why the server announces a wait, from the head alone.
    pub fn wait_kind(&self) -> Option<WaitKind> {
        match verdict(self.status?, BodyContent::<()>::Unreadable, self.retry_after.is_some()) {
            Classification::Refused(Refusal::Wait(kind)) => Some(kind),
            _ => None,
        }
    }
}

/// `now`: when the answer arrived by our clock. Times are measured from the answer's own `Date` if it has one.
pub(super) fn read(status: u16, headers: &HeaderMap, now: DateTime<Utc>) -> Notice {
    let date = date(headers);
    Notice {
        date,
        retry_after: retry_after(headers, date.unwrap_or(now)),
        status: Some(status),
        tracking_id: headers.get("trackingid").and_then(|id| foreign_word(id.to_str().ok()?)),
        is_foreign: false, // the body says it
        is_unread: false,
    }
}

pub(crate) fn announced_wait(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers, date(headers).unwrap_or_else(Utc::now))
}

fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(text.trim()).ok().map(DateTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderValue, RETRY_AFTER};

    use super::*;

    #[test]
    fn waits_are_measured_by_the_servers_clock() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static;
        headers.insert(DATE, value("Sun, 06 Nov 1994 08:49:00 GMT"));
        headers.insert(RETRY_AFTER, value("Sun, 06 Nov 1994 08:49:37 GMT"));
        headers.insert("TrackingId", value("ROUTER_1 "));
        let ours = "2026-10-01T00:00:00Z".parse().unwrap();
        let notice = read(429, &headers, ours);
        assert_eq!(notice.date, Some("1994-11-06T08:49:00Z".parse().unwrap()));
        assert_eq!(notice.retry_after, Some(Duration::from_secs(37)));
        assert_eq!(notice.tracking_id.as_deref(), Some("ROUTER_1"));

        // Without a `Date` that can be read, our own clock is all there is.
        headers.insert(RETRY_AFTER, value("Thu, 01 Oct 2026 00:00:09 GMT"));
        headers.remove(DATE);
        let notice = read(429, &headers, ours);
        assert_eq!(notice.retry_after, Some(Duration::from_secs(9)));

        headers.insert(DATE, value("yesterday"));
        let notice = read(429, &headers, ours);
        assert_eq!((notice.date, notice.retry_after), (None, Some(Duration::from_secs(9))));
    }
}
