use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::{
    Notice, Refusal, WaitKind,
    classify::{BodyContent, Classification, verdict},
};
use crate::text::foreign_word;

/// Long enough to stop any run, and safe to add to any clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A larger number is a time in seconds since 1970: no server asks for a wait of thirty years.
const SECONDS_SINCE_1970: f64 = 1e9;
const MILLISECONDS_SINCE_1970: f64 = 1e12;

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

/// Accepts whole or fractional seconds, an HTTP date in any of its three forms (RFC 9110, 10.2.3 and 5.6.7), or a
/// number that is a time, as some gateways write it. A time is measured from `now`, the answer's own `Date` if it has
/// one. A past one gives zero. Of several values (`5, 5`, as proxies join them) the longest readable one counts.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    headers
        .get_all(RETRY_AFTER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| longest(value, now))
        .max()
}

/// A date may have its own comma, after the day of the week.
fn longest(list: &str, now: DateTime<Utc>) -> Option<Duration> {
    let parts: Vec<&str> = list.split(',').map(str::trim).collect();
    let alone = parts.iter().filter_map(|part| wait(part, now));
    let dates = parts.windows(2).filter_map(|pair| wait(&pair.join(", "), now));
    alone.chain(dates).max()
}

fn wait(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let seconds = match number(text) {
        Some(millis) if millis > MILLISECONDS_SINCE_1970 => millis / 1000.0 - seconds_of(now),
        Some(time) if time > SECONDS_SINCE_1970 => time - seconds_of(now),
        Some(seconds) => seconds,
        None => {
            let until = DateTime::<Utc>::from(httpdate::parse_http_date(text).ok()?);
            seconds_of(until) - seconds_of(now)
        }
    };
    let wait = Duration::try_from_secs_f64(seconds.max(0.0));
    Some(wait.map_or(LONGEST, |wait| wait.min(LONGEST)))
}

fn number(text: &str) -> Option<f64> {
    // Rust's grammar for numbers also allows signs, exponents and `inf`.
    let plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

/// A double is exact to the microsecond.
fn seconds_of(time: DateTime<Utc>) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn wait_of(values: &[&[u8]]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
        }
        retry_after(&headers, "1994-11-06T08:49:00Z".parse().unwrap())
    }

    #[test]
    fn every_form_is_read() {
        let s = Duration::from_secs;
        for (text, wait) in [
            ("120", Some(s(120))),
            (" 7\t", Some(s(7))),
            ("0", Some(s(0))),
            ("0.25", Some(Duration::from_millis(250))),
            ("1.", Some(s(1))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(s(37))),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(s(37))),
            ("Sun Nov  6 08:49:37 1994", Some(s(37))),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(s(0))),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(s(0))),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LONGEST)),
            ("99999999999999999999999999", Some(LONGEST)),
            ("315360000", Some(LONGEST)),
            ("1000000000", Some(LONGEST)),
            ("", None),
            ("-1", None),
            ("+1", None),
            (".5", None),
            ("1e3", None),
            ("1.2.3", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("10s", None),
            ("Sun, 06 Nov 1994", None),
            ("1994-11-06T08:49:37Z", None),
            ("5, 5", Some(s(5))),
            ("1,30 , soon,7", Some(s(30))),
            ("rand(30),add(30)", None),
            ("5, Sun, 06 Nov 1994 08:49:37 GMT", Some(s(37))),
            ("Sunday, 06-Nov-94 08:49:37 GMT, 50", Some(s(50))),
        ] {
            assert_eq!(wait_of(&[text.as_bytes()]), wait, "{text:?}");
        }
        assert_eq!(wait_of(&[&"9".repeat(500).into_bytes()]), Some(LONGEST));
    }

    /// A number above 10^9 is a time in seconds since 1970, one above 10^12 in milliseconds.
    #[test]
    fn a_large_number_is_a_time() {
        let now: DateTime<Utc> = "2026-10-01T00:00:00Z".parse().unwrap(); // 1790812800
        let mut headers = HeaderMap::new();
        for (text, seconds) in [
            ("1790812805", 5.0),
            ("1790812805.5", 5.5),
            ("1790812805250", 5.25),
            ("1790812799", 0.0),
            ("1790812799000", 0.0),
            ("1000000001", 0.0),
            ("1790816400, 5", 3600.0),
        ] {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            let wait = retry_after(&headers, now).unwrap();
            assert!((wait.as_secs_f64() - seconds).abs() < 1e-6, "{text}: {wait:?}");
        }
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1000000000000"));
        assert_eq!(retry_after(&headers, now), Some(LONGEST), "the year 33658");
    }

    #[test]
    fn the_longest_readable_header_counts() {
        assert_eq!(wait_of(&[]), None);
        assert_eq!(wait_of(&[b"1", b"soon", b"30", b"5", b"\xff"]), Some(Duration::from_secs(30)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(0x20..=0xffu8, 0..40)) {
            if HeaderValue::from_bytes(&bytes).is_ok() {
                prop_assert!(wait_of(&[&bytes]).is_none_or(|wait| wait <= LONGEST));
            }
        }
    }

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
