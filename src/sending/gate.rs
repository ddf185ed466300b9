//! The one gate of the process: a 429 to one request makes all others wait here.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};

use super::{Breaker, Ceiling, PacePolicy, RateController, ServerFailure, Stage, Traffic};
use crate::manifest::{Limits, RetryPolicy};

mod guards;

use guards::Turn;
pub use guards::{Closed, Idle};

/// Holds every request back until it may leave, in the order of arrival.
///
/// [`Gate::enter`] waits for a slot (`limits.concurrency`), the end of every announced wait, the ceiling, the learned
/// pace and the breaker. [`Slot::leave`], right before sending, checks again: a slow disk, which makes intents durable
/// in between, cannot bunch requests. After an announced wait one request goes first; each that the server accepts lets
/// two others follow, up to the full concurrency.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<GateState>,
    /// Held by the first in the order of arrival: only this one checks again when something changes.
    ordinary: tokio::sync::Mutex<()>,
    between: tokio::sync::Mutex<()>,
    changed: Notify,
    policy: RetryPolicy,
}

/// This many ordinary requests may pass the first waiting read.
const BETWEEN: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// In the order of arrival. For creates.
    Ordinary,
    /// After at most a few ordinary requests. For reads: they must neither wait behind many creates nor delay them.
    Between,
    /// First, also while the gate is closed: the renewal of the token.
    First,
}

impl Priority {
    fn traffic(self) -> Traffic {
        match self {
            Priority::Ordinary => Traffic::Create,
            Priority::Between | Priority::First => Traffic::Other,
        }
    }
}

/// What an answer says about the pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Feedback {
    /// The server let the request through its limits, even if it refused what it asks.
    Accepted,
    /// 429, with the announced wait if there was one.
    RateLimited(Option<Duration>),
    /// 423 or 503 with an announced wait.
    Busy(Duration),
    /// No connection, no answer in time, a 5xx, or an answer that is not the API's.
    Failed,
    /// A page with a 2xx or 3xx status in place of an API answer.
    Page,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StopCause {
    /// The server asks for a longer wait than `retry.max_retry_after`; it ends at `until`.
    WaitTooLong {
        /// The announced wait, or the rest of it.
        wait: Duration,
        until: Instant,
    },
    /// `retry.max_consecutive_failures` in a row.
    ServerDown { failures: u32 },
    /// Nothing was accepted for `retry.max_stall`.
    Stalled { since: Duration },
}

/// A wait was announced after [`Gate::enter`]: the request must not leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MustWait;

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    pub sent: u64,
    /// Requests that the server let through its limits.
    pub accepted: u64,
    pub rate_limited: u64,
    /// Waits that began with a 429. Those of requests that were in flight together count once.
    pub throttles: u64,
    /// Requests between [`Gate::enter`] and the end of their answer.
    pub in_flight: usize,
    /// Time spent in announced waits so far.
    pub paused: Duration,
    /// The end of the announced wait, if one is in force.
    pub paused_until: Option<Instant>,
    /// The learned pace in requests per second, if one is in force.
    pub learned_pace: Option<f64>,
    /// The last measured rate that the server grants, in requests per second.
    pub measured_rate: Option<f64>,
}

#[derive(Debug)]
struct GateState {
    concurrency: usize,
    in_flight: usize,
    window: usize,
    closed: u32,
    first: u32,
    ordinary: u32,
    /// `None` if none waits; else how many ordinary ones went before the first of them.
    between: Option<u32>,
    pauses: u64,
    not_before: Option<Instant>,
    entry: Ceiling,
    exit: Ceiling,
    pace_policy: Box<dyn PacePolicy>,
    breaker: Breaker,
    /// Rate limits without an announced wait, in a row.
    unannounced: u32,
    /// When the last request was accepted, or the first one came, plus the idle time since.
    last_accepted: Option<Instant>,
    stopped: Option<StopCause>,
    stats: Stats,
}

impl Gate {
    pub fn new(limits: &Limits, policy: &RetryPolicy) -> Self {
        Gate::with_pace_policy(limits, policy, Box::new(RateController::new()))
    }

    pub fn with_pace_policy(
        limits: &Limits,
        policy: &RetryPolicy,
        pace_policy: Box<dyn PacePolicy>,
    ) -> Self {
        // One of the burst is reserved: requests that left in time can arrive bunched by one.
        let kept_back = std::num::NonZeroU32::new(limits.burst.get() - 1).unwrap_or(limits.burst);
        Gate {
            state: Mutex::new(GateState {
                concurrency: limits.concurrency.get(),
                in_flight: 0,
                window: 1,
                closed: 0,
                first: 0,
                ordinary: 0,
                between: None,
                pauses: 0,
                not_before: None,
                entry: Ceiling::new(limits.rate, kept_back),
                exit: Ceiling::new(limits.rate, limits.burst),
                pace_policy,
                breaker: Breaker::new(policy),
                unannounced: 0,
                last_accepted: None,
                stopped: None,
                stats: Stats::default(),
            }),
            ordinary: tokio::sync::Mutex::default(),
            between: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            policy: policy.clone(),
        }
    }

    /// Waits until a request may go on. Dropping the future frees its place.
    pub async fn enter(&self, priority: Priority) -> Result<Slot<'_>, StopCause> {
        // Dropped from left to right: the turn ends before the next in line begins its own.
        let _turn = match priority {
            Priority::Ordinary => {
                let turn = Turn::begin(self, priority);
                (turn, Some(self.ordinary.lock().await))
            }
            Priority::Between => {
                let line = self.between.lock().await;
                (Turn::begin(self, priority), Some(line))
            }
            Priority::First => (Turn::begin(self, priority), None),
        };
        loop {
            let changed = self.changed.notified();
            let entered = self.state().try_enter(priority, &self.policy);
            match entered {
                Ok(pauses) => {
                    let traffic = priority.traffic();
                    return Ok(Slot { gate: self, pauses, traffic });
                }
                Err(Blocked::Stopped(cause)) => return Err(cause),
                // Woken by a change or by time: either way everything is checked again.
                Err(Blocked::Until(at)) => {
                    let _ = timeout_at(at, changed).await;
                }
            }
        }
    }

    /// Adopts a wait that was announced to an earlier process, or by an accepted answer.
    pub fn pause(&self, wait: Duration) {
        self.state().pause_all(wait, &self.policy);
        self.changed.notify_waiters();
    }

    /// Only [`Priority::First`] enters until the guard is dropped.
    pub fn close(&self) -> Closed<'_> {
        self.state().closed += 1;
        Closed(self)
    }

    /// The caller has nothing to send by its own choice: until the guard is dropped, time does not count as a stall.
    pub fn idle(&self) -> Idle<'_> {
        Idle { gate: self, since: Instant::now() }
    }

    /// What was accepted for `retry.max_stall` was no progress: nothing leaves any more.
    pub fn stall(&self) {
        let since = self.policy.max_stall;
        let stalled = StopCause::Stalled { since };
        self.state().stopped.get_or_insert(stalled);
        self.changed.notify_waiters();
    }

    pub fn stopped(&self) -> Option<StopCause> {
        self.state().stopped
    }

    pub fn stage(&self) -> Stage {
        self.state().breaker.stage()
    }

    pub fn failures(&self) -> u32 {
        self.state().breaker.failures()
    }

    pub fn stats(&self) -> Stats {
        let state = self.state();
        let now = Instant::now();
        let left = state.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        Stats {
            paused: state.stats.paused.saturating_sub(left),
            paused_until: state.not_before.filter(|at| *at > now),
            learned_pace: state.pace_policy.pace(),
            measured_rate: state.pace_policy.measured(),
            in_flight: state.in_flight,
            ..state.stats
        }
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

enum Blocked {
    Stopped(StopCause),
    Until(Instant),
}

impl GateState {
    /// The pure step of [`Gate::enter`]. Returns the number of waits so far.
    fn try_enter(&mut self, priority: Priority, policy: &RetryPolicy) -> Result<u64, Blocked> {
        let now = Instant::now();
        let stalled_at = *self.last_accepted.get_or_insert(now) + policy.max_stall;
        if self.stopped.is_none() && now >= stalled_at {
            self.stopped = Some(StopCause::Stalled { since: policy.max_stall });
        }
        if let Some(cause) = self.stopped {
            return Err(Blocked::Stopped(cause));
        }
        let until = |at: Instant| Err(Blocked::Until(at.min(stalled_at)));
        let is_turn = match priority {
            Priority::First => true,
            _ if self.closed > 0 || self.first > 0 => false,
            Priority::Ordinary => self.between.is_none_or(|gone| gone < BETWEEN),
            Priority::Between => {
                self.ordinary == 0 || self.between.is_some_and(|gone| gone >= BETWEEN)
            }
        };
        if !is_turn {
            return until(stalled_at);
        }
        if let Some(at) = self.not_before.filter(|at| *at > now) {
            return until(at);
        }
        let slots = match self.breaker.stage() {
            Stage::Probing => 1,
            Stage::Closed | Stage::Slow | Stage::Open => self.window.min(self.concurrency),
        };
        let slots = slots.min(self.pace_policy.most_in_flight(self.in_flight));
        if self.in_flight >= slots {
            return until(stalled_at);
        }
        if let Some(at) = self.breaker.not_before().filter(|at| *at > now) {
            return until(at);
        }
        let paced = self.pace_policy.not_before(now);
        if paced > now {
            return until(paced);
        }
        // Last, since it uses budget.
        if let Err(at) = self.entry.check() {
            return until(at);
        }
        if priority == Priority::Ordinary
            && let Some(gone) = &mut self.between
        {
            *gone += 1;
        }
        self.in_flight += 1;
        self.pace_policy.on_sent(now);
        self.breaker.on_sent(now);
        Ok(self.pauses)
    }

    fn pause_all(&mut self, wait: Duration, policy: &RetryPolicy) {
        let now = Instant::now();
        let far = Duration::from_secs(10 * 365 * 24 * 3600);
        let until = now + wait.min(far);
        let counted_to = self.not_before.map_or(now, |at| at.max(now));
        self.stats.paused += until.saturating_duration_since(counted_to);
        self.not_before = Some(self.not_before.map_or(until, |at| at.max(until)));
        if !wait.is_zero() {
            self.window = 1;
            self.pauses += 1;
        }
        if wait > policy.max_retry_after {
            self.stopped.get_or_insert(StopCause::WaitTooLong { wait, until });
        }
    }

    /// If the announced wait is missing or zero, our own backoff, the same for all: answers in flight count once.
    fn wait_for(&mut self, announced: Option<Duration>, policy: &RetryPolicy) -> Duration {
        if let Some(wait) = announced.filter(|wait| !wait.is_zero()) {
            return wait;
        }
        if self.not_before.is_none_or(|at| at <= Instant::now()) {
            self.unannounced = (self.unannounced + 1).min(16);
        }
        let doublings = self.unannounced.max(1) - 1;
        policy.base_delay.saturating_mul(1 << doublings).min(policy.max_delay)
    }

    /// `pauses`: waits that had been announced when the request entered.
    fn answered(
        &mut self,
        feedback: Feedback,
        (pauses, traffic): (u64, Traffic),
        policy: &RetryPolicy,
    ) {
        let now = Instant::now();
        match feedback {
            Feedback::Accepted => {
                self.breaker.on_answer(traffic);
                self.pace_policy.on_accepted(now);
                self.unannounced = 0;
                self.stats.accepted += 1;
                self.last_accepted = Some(now);
                // What was sent before a wait says nothing about the time after it.
                if pauses == self.pauses {
                    self.window = (self.window + 1).min(self.concurrency);
                }
            }
            Feedback::RateLimited(announced) => {
                self.breaker.on_answer(traffic);
                self.stats.rate_limited += 1;
                let waiting = self.not_before.is_some_and(|at| at > now);
                // Sent before a wait that is over by now: its cause is known already.
                let late = pauses != self.pauses && !waiting;
                self.stats.throttles += u64::from(!waiting);
                let wait = self.wait_for(announced, policy);
                self.pause_all(wait, policy);
                let until = self.not_before.unwrap_or(now);
                if late {
                    self.pace_policy.on_busy(now, until)
                } else {
                    self.pace_policy.on_limited(now, until)
                }
            }
            Feedback::Busy(announced) => {
                self.breaker.on_answer(traffic);
                let wait = self.wait_for(Some(announced), policy);
                self.pause_all(wait, policy);
                self.pace_policy.on_busy(now, self.not_before.unwrap_or(now));
            }
            Feedback::Failed | Feedback::Page => {
                let how = match feedback {
                    Feedback::Page => ServerFailure::Page,
                    _ => ServerFailure::NoAnswer,
                };
                self.breaker.on_failure(traffic, how, now);
                if self.breaker.stage() == Stage::Open {
                    let failures = self.breaker.failures();
                    self.stopped.get_or_insert(StopCause::ServerDown { failures });
                }
            }
        }
    }
}

#[derive(Debug)]
#[must_use = "dropping it gives the slot back"]
pub struct Slot<'g> {
    gate: &'g Gate,
    pauses: u64,
    traffic: Traffic,
}

impl Slot<'_> {
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// [`MustWait`] where a wait was announced since [`Gate::enter`], or nothing may leave any more.
    pub async fn leave(&self) -> Result<(), MustWait> {
        loop {
            let wait = {
                let mut state = self.gate.state();
                // Also if that wait is over by now: otherwise all that entered before it would leave together.
                if state.pauses != self.pauses || state.stopped.is_some() {
                    return Err(MustWait);
                }
                match state.exit.check() {
                    Ok(()) => {
                        state.stats.sent += 1;
                        return Ok(());
                    }
                    Err(at) => at,
                }
            };
            sleep_until(wait).await;
        }
    }

    /// Once, as soon as the head of the answer arrives. The slot stays occupied until it is dropped.
    pub fn answered(&self, feedback: Feedback) {
        self.gate.state().answered(feedback, (self.pauses, self.traffic), &self.gate.policy);
        self.gate.changed.notify_waiters();
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        drop(state);
        self.gate.changed.notify_waiters();
    }
}
