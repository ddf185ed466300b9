//! The checked settings of a manifest: `api`, `limits` and `retry`, with their defaults.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use super::{BaseUrl, Rate, RateUnit};

/// `api:`, where and how the API is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiSettings {
    /// What every path is appended to.
    pub base_url: BaseUrl,
    /// Until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// From the first byte sent to the last byte read of one exchange.
    pub request_timeout: Duration,
    /// A PEM file of root certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        ApiSettings {
            base_url: BaseUrl::webex(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            ca_file: None,
        }
    }
}

/// `limits:`, the ceilings that the operator sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// In any stretch of time `t` at most `burst + rate * t` requests leave.
    pub rate: Rate,
    /// How many may leave at once.
    pub burst: NonZeroU32,
    /// How many may be in flight together.
    pub concurrency: NonZeroUsize,
    /// A plan with more requests is refused.
    pub max_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            rate: Rate::Limited {
                count: const { NonZeroU32::new(300).unwrap() },
                per: RateUnit::Minute,
            },
            burst: const { NonZeroU32::new(10).unwrap() },
            concurrency: const { NonZeroUsize::new(16).unwrap() },
            max_requests: 100_000,
        }
    }
}

/// `retry:`, how long and how often the runner tries.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Creates per request and run, the first included; answers that announce a wait do not count.
    pub max_attempts: NonZeroU32,
    /// The first backoff; doubled for each further attempt.
    pub base_delay: Duration,
    /// No backoff is longer.
    pub max_delay: Duration,
    /// A server that asks for more stops the run.
    pub max_retry_after: Duration,
    /// So many refused connections, time-outs and 5xx in a row stop the run.
    pub max_consecutive_failures: NonZeroU32,
    /// Nothing accepted for so long, waits included, stops the run.
    pub max_stall: Duration,
    /// A report that was made is listed within this time.
    pub settle: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            max_attempts: const { NonZeroU32::new(8).unwrap() },
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(15 * 60),
            max_consecutive_failures: const { NonZeroU32::new(50).unwrap() },
            max_stall: Duration::from_secs(3600),
            settle: Duration::from_secs(60),
        }
    }
}

/// What a run needs to know of a manifest beside its requests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// `api:`
    pub api: ApiSettings,
    /// `limits:`
    pub limits: Limits,
    /// `retry:`
    pub retry: RetryPolicy,
}
