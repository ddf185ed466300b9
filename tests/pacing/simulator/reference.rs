//! The table: limiter kinds x configured rates.

use std::{num::NonZeroU32, time::Duration};

use monthend::testing::Rate;
use sandbox::LimiterConfig;

use super::{
    Scenario, ServerConfig, bound,
    client::rate,
    server::{Misfortune, RetryAfter, fixed_window, sliding_window, token_bucket},
};

/// A limit of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    /// How the table names it.
    pub(crate) name: &'static str,
    /// The limit.
    pub(crate) limiter: LimiterConfig,
    /// Its rate in requests per minute.
    pub(crate) per_minute: u32,
    /// What it lets through at once.
    pub(crate) burst: u32,
    /// Its window, where it has one: a run begins anywhere in it.
    pub(crate) window: Option<Duration>,
}

/// The limits of the table.
pub(crate) fn references() -> Vec<Reference> {
    let windowed = |name, limiter, max: u32, seconds: u64| Reference {
        name,
        limiter,
        per_minute: max * 60 / seconds as u32,
        burst: max,
        window: Some(Duration::from_secs(seconds)),
    };
    vec![
        Reference {
            name: "token bucket, 20/s, burst 10",
            limiter: token_bucket(20, 10),
            per_minute: 1200,
            burst: 10,
            window: None,
        },
        windowed("fixed window, 20 per 1 s", fixed_window(20, 1), 20, 1),
        windowed("fixed window, 300 per 60 s", fixed_window(300, 60), 300, 60),
        windowed("sliding window, 20 per 1 s", sliding_window(20, 1), 20, 1),
        windowed("sliding window, 300 per 60 s", sliding_window(300, 60), 300, 60),
    ]
}

/// A row of the table, for each limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Configured {
    /// As fast as is certainly admitted.
    Equal,
    /// Half of that.
    Half,
    /// Four times the server's rate.
    FourTimes,
    /// No ceiling.
    Unlimited,
}

impl Configured {
    /// How the table names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Configured::Equal => "equal",
            Configured::Half => "half",
            Configured::FourTimes => "4x",
            Configured::Unlimited => "unlimited",
        }
    }
}

/// The scenario of a cell.
pub(crate) fn scenario(
    reference: &Reference,
    configured: Configured,
    requests: u32,
    seed: u64,
) -> Scenario {
    let mut server = ServerConfig::new(reference.limiter);
    if let Some(window) = reference.window {
        server.phase = window.mul_f64(fastrand::Rng::with_seed(seed ^ 0x5eed).f64());
    }
    // A window of `M` per `W` admits for certain who sends `b + r * W <= M`.
    let burst = match (reference.window, configured) {
        (Some(_), Configured::Equal | Configured::Half) => (reference.burst / 30).max(1),
        _ => 10,
    };
    let certain = match reference.window {
        Some(window) => (reference.burst - burst) * 60 / window.as_secs() as u32,
        None => reference.per_minute,
    };
    let rate = match configured {
        Configured::Equal => rate(certain),
        Configured::Half => rate(reference.per_minute / 2),
        Configured::FourTimes => rate(reference.per_minute * 4),
        Configured::Unlimited => Rate::Unlimited,
    };
    let mut scenario = Scenario::new(server, rate);
    scenario.limits.burst = NonZeroU32::new(burst).unwrap();
    scenario.requests = requests;
    scenario.seed = seed;
    scenario
}

/// A run without a ceiling against a server that announces its waits like this.
pub(crate) fn announcing(
    reference: &Reference,
    form: RetryAfter,
    requests: u32,
    seed: u64,
) -> Scenario {
    let mut scenario = scenario(reference, Configured::Unlimited, requests, seed);
    scenario.server.retry_after = form;
    scenario.latency = 25..=75;
    scenario.policy.base_delay = Duration::from_millis(200);
    scenario
}

/// A run against a server without a limit that answers a share of all requests with a 429. No pace is better than another.
pub(crate) fn refusing_at_random(
    share: f64,
    form: RetryAfter,
    requests: u32,
    seed: u64,
) -> Scenario {
    let mut server = ServerConfig::new(LimiterConfig::Unlimited {});
    server.retry_after = form;
    server.misfortunes = vec![Misfortune::Whim(share)];
    let mut scenario = Scenario::new(server, Rate::Unlimited);
    scenario.requests = requests;
    scenario.seed = seed;
    scenario
}

/// What came of a cell.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Figures {
    /// Makespan / lower bound.
    pub(crate) ratio: f64,
    /// 429s per 1,000 requests.
    pub(crate) limited: f64,
}

/// Runs it.
pub(crate) fn figures(scenario: &Scenario) -> Figures {
    let trace = scenario.run();
    assert_eq!(trace.stopped, None, "{scenario:?}");
    let server =
        bound::of_server(scenario.server.limiter, scenario.server.phase, scenario.requests);
    let bound = server.max(bound::of_ceiling(&scenario.limits, scenario.requests));
    Figures {
        ratio: trace.makespan.as_secs_f64() / bound.as_secs_f64(),
        limited: trace.limited() as f64 * 1000.0 / f64::from(scenario.requests),
    }
}
