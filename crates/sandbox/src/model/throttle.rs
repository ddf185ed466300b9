use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ask::Endpoint,
    limiter::{Limiter, LimiterConfig},
    reply::http_date,
    span::Span,
};

/// `rate_limit:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitConfig {
    /// The limit itself. The default is a bucket of 10 that gets 20 tokens back in a second.
    pub limiter: LimiterConfig,
    /// Which requests share it.
    pub scope: LimitScope,
    /// How a 429 says how long to wait.
    pub retry_after: RetryAfterForm,
    /// A request that comes during an announced wait is refused and makes the wait this much longer;
    /// left out: it is judged like any other.
    pub penalty: Option<Span>,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        RateLimitConfig {
            limiter: LimiterConfig::TokenBucket {
                rate: const { NonZeroU32::new(20).unwrap() },
                per: Span(Duration::from_secs(1)),
                burst: const { NonZeroU32::new(10).unwrap() },
            },
            scope: LimitScope::Shared,
            retry_after: RetryAfterForm::WholeSeconds,
            penalty: None,
        }
    }
}

impl RateLimitConfig {
    /// No limit.
    pub fn unlimited() -> Self {
        RateLimitConfig { limiter: LimiterConfig::Unlimited {}, ..RateLimitConfig::default() }
    }
}

/// Which requests share one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// All of them.
    Shared,
    /// Creates, lists and so on each have their own.
    PerEndpoint,
}

/// How a 429 says how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfterForm {
    /// `2`: rounded up, at least 1.
    WholeSeconds,
    /// `1.25`: rounded up to a hundredth.
    Fractional,
    /// `Tue, 03 Nov 2026 00:00:00 GMT`: not before the wait is over, by the answer's own `Date`.
    HttpDate,
    /// `0`, whatever the wait.
    Zero,
    /// No header.
    Missing,
    /// `soon`
    Nonsense,
}

impl RetryAfterForm {
    /// The header for a wait, and how long a client that understands it waits. `now`: by the clock of the answer's `Date`.
    pub(super) fn notice(
        self,
        wait: Duration,
        now: DateTime<Utc>,
    ) -> (Option<String>, Option<Duration>) {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let whole = Duration::from_secs(seconds.max(1));
        let (text, announced) = match self {
            RetryAfterForm::WholeSeconds => (whole.as_secs().to_string(), Some(whole)),
            RetryAfterForm::Fractional => {
                let hundredths = wait.as_millis().div_ceil(10).max(1);
                let announced = Duration::from_millis(hundredths as u64 * 10);
                (format!("{:.2}", announced.as_secs_f64()), Some(announced))
            }
            RetryAfterForm::HttpDate => {
                // Both dates are cut to whole seconds, so add the second that `Date` may lose.
                let announced = whole + Duration::from_secs(1);
                (http_date(now + announced), Some(announced))
            }
            RetryAfterForm::Zero => ("0".to_owned(), Some(Duration::ZERO)),
            RetryAfterForm::Missing => return (None, None),
            RetryAfterForm::Nonsense => ("soon".to_owned(), None),
        };
        (Some(text), announced)
    }
}

/// The running limit, with one budget for all endpoints or one for each.
#[derive(Debug, Clone)]
pub struct Throttle {
    config: RateLimitConfig,
    lanes: BTreeMap<Option<Endpoint>, Lane>,
}

#[derive(Debug, Clone)]
struct Lane {
    limiter: Limiter,
    closed_until: Duration,
}

impl Throttle {
    /// A throttle with full budgets.
    pub fn new(config: RateLimitConfig) -> Self {
        Throttle { config, lanes: BTreeMap::new() }
    }

    /// Admits one request at `now`, a monotonic time, or returns the wait, which a penalty makes longer.
    pub fn admit(&mut self, endpoint: Endpoint, now: Duration) -> Result<(), Duration> {
        let penalty = self.config.penalty;
        let lane = self.lane(endpoint);
        if let Some(penalty) = penalty
            && now < lane.closed_until
        {
            lane.closed_until += penalty.0;
            return Err(lane.closed_until - now);
        }
        lane.limiter.admit(now).inspect_err(|wait| {
            lane.closed_until = lane.closed_until.max(now + *wait);
        })
    }

    pub(super) fn announce(&mut self, endpoint: Endpoint, until: Duration) {
        let lane = self.lane(endpoint);
        lane.closed_until = lane.closed_until.max(until);
    }

    fn lane(&mut self, endpoint: Endpoint) -> &mut Lane {
        let key = match self.config.scope {
            LimitScope::Shared => None,
            LimitScope::PerEndpoint => Some(endpoint),
        };
        self.lanes.entry(key).or_insert_with(|| Lane {
            limiter: Limiter::new(self.config.limiter),
            closed_until: Duration::ZERO,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_a_second(penalty: Option<Span>, scope: LimitScope) -> Throttle {
        Throttle::new(RateLimitConfig {
            limiter: LimiterConfig::FixedWindow {
                max: NonZeroU32::MIN,
                window: Span(Duration::from_secs(1)),
            },
            penalty,
            scope,
            ..RateLimitConfig::default()
        })
    }

    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn impatience_is_punished_only_where_configured() {
        let mut mild = one_a_second(None, LimitScope::Shared);
        let mut strict = one_a_second(Some("2s".parse().unwrap()), LimitScope::Shared);
        for throttle in [&mut mild, &mut strict] {
            assert_eq!(throttle.admit(Endpoint::Create, Duration::ZERO), Ok(()));
            assert_eq!(throttle.admit(Endpoint::Create, HALF), Err(HALF));
        }
        assert_eq!(mild.admit(Endpoint::List, HALF), Err(HALF));
        assert_eq!(strict.admit(Endpoint::List, HALF), Err(HALF * 5));
        let end = Duration::from_secs(3);
        assert_eq!(strict.admit(Endpoint::List, end), Ok(()));
    }

    #[test]
    fn lanes_are_shared_or_not() {
        let mut shared = one_a_second(None, LimitScope::Shared);
        let mut split = one_a_second(None, LimitScope::PerEndpoint);
        for throttle in [&mut shared, &mut split] {
            assert!(throttle.admit(Endpoint::Create, HALF).is_ok());
        }
        assert!(shared.admit(Endpoint::List, HALF).is_err());
        assert!(split.admit(Endpoint::List, HALF).is_ok());
        assert!(split.admit(Endpoint::Create, HALF).is_err());
    }

    #[test]
    fn every_form_of_a_wait_covers_it() {
        let now = "2026-11-03T10:00:00.900Z".parse().unwrap();
        let wait = Duration::from_millis(1201);
        for (form, header) in [
            (RetryAfterForm::WholeSeconds, Some("2")),
            (RetryAfterForm::Fractional, Some("1.21")),
            (RetryAfterForm::HttpDate, Some("Tue, 03 Nov 2026 10:00:03 GMT")),
            (RetryAfterForm::Zero, Some("0")),
            (RetryAfterForm::Missing, None),
            (RetryAfterForm::Nonsense, Some("soon")),
        ] {
            let (text, _) = form.notice(wait, now);
            assert_eq!(text.as_deref(), header, "{form:?}");
        }
    }
}
