//! The client: the gate, driven as the runner drives it.

use std::{
    cell::{Cell, RefCell},
    num::{NonZeroU32, NonZeroUsize},
    ops::RangeInclusive,
    time::Duration,
};

use futures::StreamExt as _;
use monthend::testing::{
    Feedback, Gate, Limits, PacePolicy, Priority, Rate, RateController, RateUnit, RetryPolicy,
    Stats, StopCause,
};
use tokio::time::{Instant, sleep};

use super::server::{Method, Server, ServerConfig};

/// A run to be simulated.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// Against whom.
    pub(crate) server: ServerConfig,
    /// `limits:`
    pub(crate) limits: Limits,
    /// `retry:`
    pub(crate) policy: RetryPolicy,
    /// The pace policy.
    pub(crate) pace_policy: NewPacePolicy,
    /// How many requests have to be accepted.
    pub(crate) requests: u32,
    /// Every so many of them is a look-up.
    pub(crate) list_every: Option<u32>,
    /// From send to answer, in milliseconds; drawn evenly, and the server sees it about half way.
    pub(crate) latency: RangeInclusive<u64>,
    /// Until an intent is durable, in milliseconds; drawn evenly.
    pub(crate) intent: RangeInclusive<u64>,
    /// What is drawn.
    pub(crate) seed: u64,
}

/// Makes a pace policy that knows nothing yet.
pub(crate) type NewPacePolicy = fn() -> Box<dyn PacePolicy>;

/// A request that left. Times are measured from the beginning of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// When.
    pub(crate) left: Duration,
    /// When its answer was here.
    pub(crate) answered: Duration,
    /// What it was.
    pub(crate) feedback: Feedback,
    /// The end of the announced wait that was in force after its answer.
    pub(crate) paused_until: Option<Duration>,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// In the order of the answers.
    pub(crate) sent: Vec<Sent>,
    /// Until the last answer.
    pub(crate) makespan: Duration,
    /// The most that were under way at once.
    pub(crate) most_in_flight: usize,
    /// Why it did not finish.
    pub(crate) stopped: Option<StopCause>,
    /// The gate's own counts.
    pub(crate) stats: Stats,
}

impl Trace {
    /// How many were answered so.
    pub(crate) fn count(&self, is: impl Fn(&Feedback) -> bool) -> usize {
        self.sent.iter().filter(|sent| is(&sent.feedback)).count()
    }

    /// 429s.
    pub(crate) fn limited(&self) -> usize {
        self.count(|feedback| matches!(feedback, Feedback::RateLimited(_)))
    }

    /// Accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.count(|feedback| *feedback == Feedback::Accepted)
    }

    /// When they left, in order.
    pub(crate) fn departures(&self) -> Vec<Duration> {
        let mut departures: Vec<_> = self.sent.iter().map(|sent| sent.left).collect();
        departures.sort_unstable();
        departures
    }
}

/// So many a second, or a minute where that is no whole number.
pub(crate) fn rate(per_minute: u32) -> Rate {
    let (count, per) = match per_minute % 60 {
        0 => (per_minute / 60, RateUnit::Second),
        _ => (per_minute, RateUnit::Minute),
    };
    Rate::Limited { count: NonZeroU32::new(count).unwrap(), per }
}

impl Scenario {
    /// A thousand creates, sixteen at once, 50 ms away.
    pub(crate) fn new(server: ServerConfig, rate: Rate) -> Self {
        Scenario {
            server,
            limits: Limits {
                rate,
                burst: NonZeroU32::new(10).unwrap(),
                concurrency: NonZeroUsize::new(16).unwrap(),
                max_requests: usize::MAX,
            },
            policy: RetryPolicy::default(),
            pace_policy: || Box::new(RateController::new()),
            requests: 1000,
            list_every: None,
            latency: 40..=60,
            intent: 1..=6,
            seed: 1,
        }
    }

    /// Runs it.
    pub(crate) fn run(&self) -> Trace {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(Run::new(self).into_trace())
    }
}

struct Run<'a> {
    scenario: &'a Scenario,
    began: Instant,
    gate: Gate,
    server: RefCell<Server>,
    random: RefCell<fastrand::Rng>,
    sent: RefCell<Vec<Sent>>,
    in_flight: Cell<usize>,
    most_in_flight: Cell<usize>,
    stopped: Cell<Option<StopCause>>,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        Run {
            scenario,
            began: Instant::now(),
            gate: Gate::with_pace_policy(
                &scenario.limits,
                &scenario.policy,
                (scenario.pace_policy)(),
            ),
            server: RefCell::new(Server::new(scenario.server.clone(), scenario.seed)),
            random: RefCell::new(fastrand::Rng::with_seed(scenario.seed)),
            sent: RefCell::default(),
            in_flight: Cell::new(0),
            most_in_flight: Cell::new(0),
            stopped: Cell::new(None),
        }
    }

    async fn into_trace(self) -> Trace {
        let work = futures::stream::iter(1..=self.scenario.requests).for_each_concurrent(
            2 * self.scenario.limits.concurrency.get(),
            |number| {
                let list = self.scenario.list_every.is_some_and(|n| number % n == 0);
                let method = if list { Method::List } else { Method::Create };
                self.until_accepted(method)
            },
        );
        work.await;
        Trace {
            makespan: self.began.elapsed(),
            most_in_flight: self.most_in_flight.get(),
            stopped: self.stopped.get(),
            stats: self.gate.stats(),
            sent: self.sent.into_inner(),
        }
    }

    async fn until_accepted(&self, method: Method) {
        while self.stopped.get().is_none() {
            match self.attempt(method).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(cause) => self.stopped.set(Some(cause)),
            }
        }
    }

    /// Whether it was accepted.
    async fn attempt(&self, method: Method) -> Result<bool, StopCause> {
        let pass = self.gate.enter(Priority::Ordinary).await?;
        self.in_flight.set(self.in_flight.get() + 1);
        self.most_in_flight.set(self.most_in_flight.get().max(self.in_flight.get()));
        self.pass_time(&self.scenario.intent).await;
        if pass.leave().await.is_err() {
            self.in_flight.set(self.in_flight.get() - 1);
            return Ok(false);
        }
        let left = self.began.elapsed();
        let latency = self.draw(&self.scenario.latency);
        let there = latency.mul_f64(self.random.borrow_mut().f64() * 0.2 + 0.4);
        sleep(there).await;
        let now = self.began.elapsed();
        let feedback = self.server.borrow_mut().answer(now, method);
        sleep(latency - there).await;
        self.in_flight.set(self.in_flight.get() - 1);
        pass.answered(feedback);
        drop(pass);
        self.sent.borrow_mut().push(Sent {
            left,
            answered: self.began.elapsed(),
            feedback,
            paused_until: self.gate.stats().paused_until.map(|at| at - self.began),
        });
        Ok(feedback == Feedback::Accepted)
    }

    async fn pass_time(&self, millis: &RangeInclusive<u64>) {
        sleep(self.draw(millis)).await;
    }

    fn draw(&self, millis: &RangeInclusive<u64>) -> Duration {
        let micros = millis.start() * 1000..=millis.end() * 1000;
        Duration::from_micros(self.random.borrow_mut().u64(micros))
    }
}
