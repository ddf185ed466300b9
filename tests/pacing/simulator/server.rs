//! The server: a limiter of the sandbox, how it announces waits, and what else can be wrong with it.

use std::{num::NonZeroU32, ops::Range, time::Duration};

use monthend::testing::Feedback;
use sandbox::{Limiter, LimiterConfig, Span};

/// How a 429 announces its wait; what a client makes of the header is what counts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// Rounded up, at least 1.
    WholeSeconds,
    /// Rounded up to a hundredth.
    Fractional,
    /// A date: rounded up, and a second more for what the answer's own date lost.
    HttpDate,
    /// `0`, or a date in the past.
    Zero,
    /// No header, or one that cannot be read.
    Missing,
}

impl RetryAfter {
    /// All of them.
    pub(crate) const ALL: [RetryAfter; 5] = [
        RetryAfter::WholeSeconds,
        RetryAfter::Fractional,
        RetryAfter::HttpDate,
        RetryAfter::Zero,
        RetryAfter::Missing,
    ];

    /// How the tables name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            RetryAfter::WholeSeconds => "whole seconds",
            RetryAfter::Fractional => "fractional",
            RetryAfter::HttpDate => "date",
            RetryAfter::Zero => "zero",
            RetryAfter::Missing => "none",
        }
    }

    fn announce(self, wait: Duration) -> Option<Duration> {
        let rounded_to = |millis: u64| {
            let steps = wait.as_nanos().div_ceil(u128::from(millis) * 1_000_000);
            Duration::from_millis(u64::try_from(steps).unwrap().max(1) * millis)
        };
        match self {
            RetryAfter::WholeSeconds => Some(rounded_to(1000)),
            RetryAfter::Fractional => Some(rounded_to(10)),
            RetryAfter::HttpDate => Some(rounded_to(1000) + Duration::from_secs(1)),
            RetryAfter::Zero => Some(Duration::ZERO),
            RetryAfter::Missing => None,
        }
    }
}

/// Something that happens to the requests that arrive in `during`.
#[derive(Debug, Clone)]
pub(crate) enum Misfortune {
    /// 423 or 503 with this wait.
    Busy(Range<Duration>, Duration),
    /// 429 with this wait, whatever the limiter says.
    Throttled(Range<Duration>, Duration),
    /// No answer.
    Down(Range<Duration>),
    /// 429 for this share of all requests, whenever they come.
    Whim(f64),
}

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct ServerConfig {
    /// Its limit.
    pub(crate) limiter: LimiterConfig,
    /// How long it has been up when the run begins: fixed windows do not begin with us.
    pub(crate) phase: Duration,
    /// How it announces waits.
    pub(crate) retry_after: RetryAfter,
    /// Each kind of request has a budget of its own.
    pub(crate) per_method: bool,
    /// A request inside an announced wait makes it this much longer.
    pub(crate) penalty: Option<Duration>,
    /// From this time on it keeps another limit.
    pub(crate) changes: Option<(Duration, LimiterConfig)>,
    /// Another client sends a request this often.
    pub(crate) others: Option<Duration>,
    /// What goes wrong.
    pub(crate) misfortunes: Vec<Misfortune>,
}

impl ServerConfig {
    /// A server that keeps `limiter` and is otherwise plain.
    pub(crate) fn new(limiter: LimiterConfig) -> Self {
        ServerConfig {
            limiter,
            phase: Duration::ZERO,
            retry_after: RetryAfter::WholeSeconds,
            per_method: false,
            penalty: None,
            changes: None,
            others: None,
            misfortunes: Vec::new(),
        }
    }
}

/// `rate` requests a second, `burst` at once.
pub(crate) fn token_bucket(rate: u32, burst: u32) -> LimiterConfig {
    LimiterConfig::TokenBucket {
        rate: number(rate),
        per: Span(Duration::from_secs(1)),
        burst: number(burst),
    }
}

/// `max` requests in each window of so many seconds.
pub(crate) fn fixed_window(max: u32, seconds: u64) -> LimiterConfig {
    LimiterConfig::FixedWindow { max: number(max), window: Span(Duration::from_secs(seconds)) }
}

/// `max` requests in any window of so many seconds.
pub(crate) fn sliding_window(max: u32, seconds: u64) -> LimiterConfig {
    LimiterConfig::SlidingWindow { max: number(max), window: Span(Duration::from_secs(seconds)) }
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

/// A kind of request, as far as limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// A create.
    Create,
    /// A look-up.
    List,
}

/// A running server. Times are measured from the beginning of the run.
pub(crate) struct Server {
    config: ServerConfig,
    creates: Lane,
    lists: Lane,
    others_until: Duration,
    random: fastrand::Rng,
}

struct Lane {
    limiter: Limiter,
    closed_until: Duration,
}

impl Server {
    /// A server whose budget is full. Its whims are drawn by `seed`.
    pub(crate) fn new(config: ServerConfig, seed: u64) -> Self {
        let lane = || Lane { limiter: Limiter::new(config.limiter), closed_until: Duration::ZERO };
        Server {
            creates: lane(),
            lists: lane(),
            others_until: Duration::ZERO,
            random: fastrand::Rng::with_seed(!seed),
            config,
        }
    }

    /// A request arrives; what its answer says of pace.
    pub(crate) fn answer(&mut self, now: Duration, method: Method) -> Feedback {
        if let Some((_, limiter)) = self.config.changes.take_if(|(at, _)| *at <= now) {
            self.creates.limiter = Limiter::new(limiter);
            self.lists.limiter = Limiter::new(limiter);
        }
        for misfortune in &self.config.misfortunes {
            match misfortune {
                Misfortune::Busy(during, wait) if during.contains(&now) => {
                    return Feedback::Busy(*wait);
                }
                Misfortune::Throttled(during, wait) if during.contains(&now) => {
                    return Feedback::RateLimited(Some(*wait));
                }
                Misfortune::Down(during) if during.contains(&now) => {
                    return Feedback::Failed;
                }
                Misfortune::Whim(share) if self.random.f64() < *share => {
                    let announced = self.config.retry_after.announce(Duration::ZERO);
                    return Feedback::RateLimited(announced);
                }
                _ => {}
            }
        }
        let up = now + self.config.phase;
        if let Some(every) = self.config.others {
            while self.others_until < now {
                let at = self.others_until + self.config.phase;
                let _ = self.creates.limiter.admit(at);
                self.others_until += every;
            }
        }
        let lane = match method {
            Method::List if self.config.per_method => &mut self.lists,
            Method::Create | Method::List => &mut self.creates,
        };
        match (self.config.penalty, lane.limiter.clone().admit(up)) {
            (Some(penalty), _) if up < lane.closed_until => {
                lane.closed_until += penalty;
                Feedback::RateLimited(self.config.retry_after.announce(lane.closed_until - up))
            }
            (_, Ok(())) => {
                let _ = lane.limiter.admit(up);
                Feedback::Accepted
            }
            (_, Err(wait)) => {
                lane.closed_until = lane.closed_until.max(up + wait);
                Feedback::RateLimited(self.config.retry_after.announce(wait))
            }
        }
    }
}
