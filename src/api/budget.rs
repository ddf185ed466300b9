//! What is left of the server's rate limit, in the forms in which servers tell it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;

use super::{
    Budget,
    header_list::{parameter, split},
    retry_after::{LONGEST, seconds},
};

/// A reset above this is not a number of seconds from now but a time: seconds since 1970.
const EPOCH_SECONDS: u64 = 1_000_000_000;
/// The same in milliseconds.
const EPOCH_MILLISECONDS: u64 = 1_000_000_000_000;

/// Reads the budget from an answer's headers, the first readable of these forms:
///
/// 1. `RateLimit: "name";r=50;t=30` with `RateLimit-Policy: "name";q=100;w=60` (IETF draft
///    `ratelimit-headers`, 08 and later); of several policies the one with the fewest requests left;
/// 2. `RateLimit: limit=100, remaining=50, reset=30` with `RateLimit-Policy: 100;w=60` (draft 07);
/// 3. `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` (draft 06 and earlier);
/// 4. `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`.
///
/// A reset is a number of seconds, or a time since 1970 that is measured from `now`, the answer's own
/// `Date` where it has one. `None` where a form has no readable rest or reset.
pub(super) fn budget(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Budget> {
    let policies = joined(headers, "ratelimit-policy").unwrap_or_default();
    joined(headers, "ratelimit")
        .and_then(|text| named(&text, &policies, now).or_else(|| combined(&text, &policies, now)))
        .or_else(|| separate(headers, "ratelimit", &policies, now))
        .or_else(|| separate(headers, "x-ratelimit", "", now))
}

/// All values of a header as one list (RFC 9110, 5.3).
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn named(text: &str, policies: &str, now: DateTime<Utc>) -> Option<Budget> {
    split(text, ',')
        .filter_map(|member| {
            let policy = split(policies, ',').find(|policy| name(policy) == name(member));
            let window = policy.and_then(|p| seconds(&value(p, ';', "w")?));
            let reset = match value(member, ';', "t") {
                Some(text) => until_reset(&text, now)?,
                None => window?, // not said: it is full again a window from now at the latest
            };
            Some(Budget {
                remaining: value(member, ';', "r")?.parse().ok()?,
                reset,
                limit: policy.and_then(|p| value(p, ';', "q")?.parse().ok()),
                window,
            })
        })
        .min_by_key(|budget| budget.remaining)
}

fn combined(text: &str, policies: &str, now: DateTime<Utc>) -> Option<Budget> {
    let limit = value(text, ',', "limit").and_then(|limit| limit.parse().ok());
    Some(Budget {
        remaining: value(text, ',', "remaining")?.parse().ok()?,
        reset: until_reset(&value(text, ',', "reset")?, now)?,
        limit,
        window: limit.and_then(|limit| window_of(limit, policies)),
    })
}

fn separate(
    headers: &HeaderMap,
    prefix: &str,
    policies: &str,
    now: DateTime<Utc>,
) -> Option<Budget> {
    let field = |suffix: &str| joined(headers, &format!("{prefix}-{suffix}"));
    let limits = field("limit").unwrap_or_default();
    let limit = split(&limits, ',')
        .next()
        .and_then(|first| name(first).parse().ok());
    let window = limit.and_then(|limit| {
        window_of(limit, policies).or_else(|| window_of(limit, &limits)) // `100, 100;w=60`
    });
    Some(Budget {
        remaining: field("remaining")?.trim().parse().ok()?,
        reset: until_reset(&field("reset")?, now)?,
        limit,
        window,
    })
}

/// What stands before the parameters of a list member.
fn name(member: &str) -> &str {
    split(member, ';').next().unwrap_or_default()
}

/// The value of the parameter `key` (any case) among those that `separator` parts.
fn value(text: &str, separator: char, key: &str) -> Option<String> {
    split(text, separator)
        .map(parameter)
        .find_map(|(name, value)| name.eq_ignore_ascii_case(key).then_some(value))
}

/// The window of the policy that allows `limit` requests: `100;w=60`.
fn window_of(limit: u64, policies: &str) -> Option<Duration> {
    split(policies, ',')
        .filter(|policy| name(policy).parse() == Ok(limit))
        .find_map(|policy| seconds(&value(policy, ';', "w")?))
}

fn until_reset(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let moment = match text.parse::<u64>() {
        Ok(n) if n > EPOCH_MILLISECONDS => DateTime::from_timestamp_millis(n.try_into().ok()?)?,
        Ok(n) if n > EPOCH_SECONDS => DateTime::from_timestamp(n.try_into().ok()?, 0)?,
        _ => return seconds(text),
    };
    Some((moment - now).to_std().unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(headers: &[(&str, &str)]) -> Option<Budget> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        budget(&map, DateTime::from_timestamp(1_790_000_000, 0).unwrap())
    }

    fn a_budget(remaining: u64, reset: u64, limit: Option<u64>, window: Option<u64>) -> Budget {
        Budget {
            remaining,
            reset: Duration::from_secs(reset),
            limit,
            window: window.map(Duration::from_secs),
        }
    }

    #[test]
    fn every_form_is_read() {
        let full = Some(a_budget(50, 30, Some(100), Some(60)));
        let bare = Some(a_budget(50, 30, Some(100), None));
        let x = |reset| {
            [
                ("x-ratelimit-limit", "100"),
                ("x-ratelimit-remaining", "50"),
                ("x-ratelimit-reset", reset),
            ]
        };
        let separate = |limit| {
            [
                ("ratelimit-limit", limit),
                ("ratelimit-remaining", "50"),
                ("ratelimit-reset", "30"),
            ]
        };
        for (headers, budget) in [
            (
                &[
                    ("ratelimit", r#""default";r=50;t=30"#),
                    ("ratelimit-policy", r#""default";q=100;w=60"#),
                ][..],
                full,
            ),
            (
                &[
                    ("ratelimit", r#""day, all";r=900;t=9, "burst"; r=50; t=30"#),
                    ("ratelimit-policy", r#""day, all";q=1000;w=86400"#),
                    ("ratelimit-policy", r#""burst";q=100;w=60"#),
                ],
                full,
            ),
            (
                &[("ratelimit", "default;r=50;t=30")],
                Some(a_budget(50, 30, None, None)),
            ),
            (
                &[
                    ("ratelimit", r#""default";r=0"#),
                    ("ratelimit-policy", r#""default";q=100;w=60"#),
                ],
                Some(a_budget(0, 60, Some(100), Some(60))),
            ),
            (
                &[
                    ("ratelimit", "limit=100, remaining=50, reset=30"),
                    ("ratelimit-policy", "10;w=1, 100;w=60"),
                ],
                full,
            ),
            (&[("ratelimit", "Limit=100,Remaining=50,Reset=30")], bare),
            (&separate("100"), bare),
            (&separate("100, 100;w=60"), full),
            (&x("30"), bare),
            (&x("1790000030"), bare),
            (&x("1790000030000"), bare),
            (&x("1780000000"), Some(a_budget(50, 0, Some(100), None))),
        ] {
            assert_eq!(read(headers), budget, "{headers:?}");
        }
    }

    #[test]
    fn nonsense_is_no_budget() {
        for headers in [
            &[][..],
            &[("ratelimit", "")],
            &[("ratelimit", r#""default""#)],
            &[("ratelimit", r#""default";r=5"#)],
            &[("ratelimit", r#""default";r=-1;t=30"#)],
            &[("ratelimit", "limit=100, remaining=many, reset=30")],
            &[("ratelimit", "limit=100, remaining=50, reset=-1")],
            &[("ratelimit-policy", r#""default";q=100;w=60"#)],
            &[("ratelimit-remaining", "5")],
            &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "inf")],
            &[
                ("x-ratelimit-remaining", "5"),
                ("x-ratelimit-reset", "18446744073709551615"),
            ],
        ] {
            assert_eq!(read(headers), None, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(
            limit in "[ -~]{0,40}", policy in "[ -~]{0,40}", reset in "[ -~]{0,25}", remaining in "[ -~]{0,25}",
        ) {
            let read = read(&[
                ("ratelimit", &limit), ("ratelimit-policy", &policy),
                ("ratelimit-reset", &reset), ("ratelimit-remaining", &remaining),
            ]);
            prop_assert!(read.is_none_or(|budget| budget.reset <= LONGEST));
        }
    }
}
