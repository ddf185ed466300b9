//! The gate that every request of the process passes.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};

use super::{Breaker, Ceiling, PacePolicy, RateController, ServerFailure, Stage, Traffic, Window};
use crate::settings::{Limits, RetryPolicy};

/// Holds every request back until it may leave, in the order in which they came.
///
/// A request passes in two steps. [`Gate::enter`] waits for a slot (`limits.concurrency`), for the end of every
/// announced wait, for the ceiling, the learned pace and the breaker. A caller that then does something that
/// takes time (making an intent durable) calls [`Slot::leave`] right before sending: it looks at the
/// announced waits once more, and keeps the ceiling for what really leaves, so that a slow disk cannot bunch
/// requests that were let go one by one.
///
/// An announced wait is an instant that only moves forward and ends by time alone. When it has ended, one
/// request goes ahead; each that the server takes lets two others follow, up to the full concurrency.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<GateState>,
    /// Held by the one whose turn it is, in the order of arrival: only that one has to look again when something
    /// changes, however many wait behind it.
    ordinary: tokio::sync::Mutex<()>,
    /// The same for [`Priority::Between`].
    between: tokio::sync::Mutex<()>,
    changed: Notify,
    policy: RetryPolicy,
}

/// After so many others that wait at most one goes that came later.
const BETWEEN: u32 = 3;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// In the order of arrival. For creates.
    Ordinary,
    /// Among others that came before, after a few of them. For reads, which many creates that wait
    /// already would hold up for long, and which must not hold up creates.
    Between,
    /// Before all others, also while the gate is closed: the renewal of credentials.
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

/// What an answer says about pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Feedback {
    /// The server took the request or refused it for what it asks: it was let through.
    Accepted,
    /// 429, with the announced wait where there was one.
    RateLimited(Option<Duration>),
    /// 423 or 503 with an announced wait.
    Busy(Duration),
    /// No connection, no answer in time, a 5xx, or an answer that is not the API's.
    Failed,
    /// A page with a status that says yes or sends elsewhere, in the API's place.
    Page,
}

/// Why nothing will leave any more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StopCause {
    /// The server asks for a longer wait than `retry.max_retry_after`; it ends at `until`.
    WaitTooLong {
        /// What was announced, or what is left of it.
        wait: Duration,
        /// When it ends.
        until: Instant,
    },
    /// `retry.max_consecutive_failures` in a row.
    ServerDown {
        /// How many.
        failures: u32,
    },
    /// Nothing was accepted for `retry.max_stall`.
    Stalled {
        /// How long.
        since: Duration,
    },
}

/// A wait was announced after the request had been let go: it must not leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MustWait;

/// What the gate counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    /// Requests that left.
    pub sent: u64,
    /// Requests that the server let through its limits.
    pub accepted: u64,
    /// Answers 429.
    pub rate_limited: u64,
    /// Waits that began with a 429. Those that were in flight together are one.
    pub throttles: u64,
    /// Requests between [`Gate::enter`] and the end of their answer.
    pub in_flight: usize,
    /// Time spent in announced waits so far.
    pub paused: Duration,
    /// The end of the announced wait, where one is in force.
    pub paused_until: Option<Instant>,
    /// The pace in force that was learned, in requests per second.
    pub learned_pace: Option<f64>,
    /// The rate that the server was last measured to grant, in requests per second.
    pub measured_rate: Option<f64>,
    /// The window that the server was found to keep, where it is one.
    pub window: Option<Window>,
}

#[derive(Debug)]
struct GateState {
    concurrency: usize,
    in_flight: usize,
    /// How many may be in flight while sending gathers way.
    window: usize,
    /// Closed for all but the renewal of credentials.
    closed: u32,
    /// How many wait that go before all others.
    first: u32,
    /// How many ordinary ones wait.
    ordinary: u32,
    /// Where the first of those between waits: how many ordinary ones have gone before it.
    between: Option<u32>,
    /// How many waits were announced so far.
    pauses: u64,
    /// End of the last announced wait.
    not_before: Option<Instant>,
    entry: Ceiling,
    exit: Ceiling,
    law: Box<dyn PacePolicy>,
    breaker: Breaker,
    /// Rate limits without an announced wait, in a row.
    unannounced: u32,
    /// When the last request was accepted, or the first one came; moved on by the time that was idle by choice.
    last_accepted: Option<Instant>,
    stopped: Option<StopCause>,
    stats: Stats,
}

impl Gate {
    /// A gate with nothing in flight.
    pub fn new(limits: &Limits, policy: &RetryPolicy) -> Self {
        Gate::with_law(limits, policy, Box::new(RateController::new()))
    }

    /// The same, with another law of the pace.
    pub fn with_law(limits: &Limits, policy: &RetryPolicy, law: Box<dyn PacePolicy>) -> Self {
        // One of the burst is kept back: requests that left in time can arrive bunched by one.
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
                law,
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

    /// Waits until a request may go on. Dropping the future gives its place up.
    ///
    /// # Errors
    /// Nothing will leave any more.
    pub async fn enter(&self, priority: Priority) -> Result<Slot<'_>, StopCause> {
        // Dropped from left to right: the turn is over before the next in line has its own.
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
                    return Ok(Slot {
                        gate: self,
                        pauses,
                        traffic,
                    });
                }
                Err(Blocked::Stopped(cause)) => return Err(cause),
                // Woken early by a change or late by time: either way everything is looked at again.
                Err(Blocked::Until(at)) => {
                    let _ = timeout_at(at, changed).await;
                }
            }
        }
    }

    /// Takes over a wait that was announced to an earlier process, or by an answer that was no refusal.
    pub fn pause(&self, wait: Duration) {
        self.state().pause(wait, &self.policy);
        self.changed.notify_waiters();
    }

    /// Lets nothing but [`Priority::First`] enter until the guard is dropped.
    pub fn close(&self) -> Closed<'_> {
        self.state().closed += 1;
        Closed(self)
    }

    /// The caller has nothing to send by its own choice: until the guard is dropped, time does not count as a stall.
    pub fn idle(&self) -> Idle<'_> {
        Idle {
            gate: self,
            since: Instant::now(),
        }
    }

    /// What was accepted for `retry.max_stall` was no progress: nothing leaves any more.
    pub fn stall(&self) {
        let since = self.policy.max_stall;
        let stalled = StopCause::Stalled { since };
        self.state().stopped.get_or_insert(stalled);
        self.changed.notify_waiters();
    }

    /// Why nothing leaves any more, once that is so.
    pub fn stopped(&self) -> Option<StopCause> {
        self.state().stopped
    }

    /// How far the breaker has gone.
    pub fn stage(&self) -> Stage {
        self.state().breaker.stage()
    }

    /// Failures in a row, by the breaker's count.
    pub fn failures(&self) -> u32 {
        self.state().breaker.failures()
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        let state = self.state();
        let now = Instant::now();
        let left = state
            .not_before
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        Stats {
            paused: state.stats.paused.saturating_sub(left),
            paused_until: state.not_before.filter(|at| *at > now),
            learned_pace: state.law.pace(),
            measured_rate: state.law.measured(),
            window: state.law.window(),
            in_flight: state.in_flight,
            ..state.stats
        }
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

enum Blocked {
    Stopped(StopCause),
    /// Asking again before this is useless, unless something changes.
    Until(Instant),
}

impl GateState {
    /// One look at everything: the pure step behind [`Gate::enter`]. Gives the number of waits so far.
    fn try_enter(&mut self, priority: Priority, policy: &RetryPolicy) -> Result<u64, Blocked> {
        let now = Instant::now();
        let stalled_at = *self.last_accepted.get_or_insert(now) + policy.max_stall;
        if self.stopped.is_none() && now >= stalled_at {
            self.stopped = Some(StopCause::Stalled {
                since: policy.max_stall,
            });
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
        let slots = slots.min(self.law.most_in_flight(self.in_flight));
        if self.in_flight >= slots {
            return until(stalled_at);
        }
        if let Some(at) = self.breaker.not_before().filter(|at| *at > now) {
            return until(at);
        }
        let paced = self.law.not_before(now);
        if paced > now {
            return until(paced);
        }
        // Last, since it takes a pass.
        if let Err(at) = self.entry.check() {
            return until(at);
        }
        if priority == Priority::Ordinary
            && let Some(gone) = &mut self.between
        {
            *gone += 1;
        }
        self.in_flight += 1;
        self.law.on_sent(now);
        self.breaker.on_sent(now);
        Ok(self.pauses)
    }

    fn pause(&mut self, wait: Duration, policy: &RetryPolicy) {
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
            self.stopped
                .get_or_insert(StopCause::WaitTooLong { wait, until });
        }
    }

    /// The announced wait; where there is none, or one that asks to come back at once, our own backoff, the same
    /// for everyone: answers that were in flight together count once.
    fn wait_for(&mut self, announced: Option<Duration>, policy: &RetryPolicy) -> Duration {
        if let Some(wait) = announced.filter(|wait| !wait.is_zero()) {
            return wait;
        }
        if self.not_before.is_none_or(|at| at <= Instant::now()) {
            self.unannounced = (self.unannounced + 1).min(16);
        }
        let doublings = self.unannounced.max(1) - 1;
        policy
            .base_delay
            .saturating_mul(1 << doublings)
            .min(policy.max_delay)
    }

    /// `pauses`: how many waits had been announced when the request was let go.
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
                self.law.on_accepted(now);
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
                // Sent before a wait that is over by now: what led to it is known already.
                let late = pauses != self.pauses && !waiting;
                self.stats.throttles += u64::from(!waiting);
                let wait = self.wait_for(announced, policy);
                self.pause(wait, policy);
                let until = self.not_before.unwrap_or(now);
                match late {
                    true => self.law.on_busy(now, until),
                    false => self.law.on_limited(now, until),
                }
            }
            Feedback::Busy(announced) => {
                self.breaker.on_answer(traffic);
                let wait = self.wait_for(Some(announced), policy);
                self.pause(wait, policy);
                self.law.on_busy(now, self.not_before.unwrap_or(now));
            }
            Feedback::Failed | Feedback::Page => {
                let how = match feedback {
                    Feedback::Page => ServerFailure::Page,
                    _ => ServerFailure::NoAnswer,
                };
                self.breaker.on_failure(traffic, how, now);
                if self.breaker.stage() == Stage::Open {
                    let failures = self.breaker.failures();
                    self.stopped
                        .get_or_insert(StopCause::ServerDown { failures });
                }
            }
        }
    }
}

/// Keeps a gate closed; see [`Gate::close`].
#[derive(Debug)]
#[must_use = "dropping it opens the gate"]
pub struct Closed<'g>(&'g Gate);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.state().closed -= 1;
        self.0.changed.notify_waiters();
    }
}

/// A time without anything to send; see [`Gate::idle`].
#[derive(Debug)]
#[must_use = "dropping it ends the idle time"]
pub struct Idle<'g> {
    gate: &'g Gate,
    since: Instant,
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        let (now, mut state) = (Instant::now(), self.gate.state());
        if let Some(at) = &mut state.last_accepted {
            *at = (*at + (now - self.since)).min(now);
        }
    }
}

/// What waits to enter, until this is dropped.
struct Turn<'g> {
    gate: &'g Gate,
    priority: Priority,
}

impl<'g> Turn<'g> {
    fn begin(gate: &'g Gate, priority: Priority) -> Self {
        let mut state = gate.state();
        match priority {
            Priority::Ordinary => state.ordinary += 1,
            Priority::Between => state.between = Some(0),
            Priority::First => state.first += 1,
        }
        drop(state);
        Turn { gate, priority }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        match self.priority {
            Priority::Ordinary => state.ordinary -= 1,
            Priority::Between => state.between = None,
            Priority::First => state.first -= 1,
        }
        let others_wait = state.ordinary > 0 || state.between.is_some();
        drop(state);
        if others_wait {
            self.gate.changed.notify_waiters();
        }
    }
}

/// Leave to send one request: it holds a slot until it is answered or dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the slot back"]
pub struct Slot<'g> {
    gate: &'g Gate,
    /// How many waits had been announced when it was given.
    pauses: u64,
    traffic: Traffic,
}

impl Slot<'_> {
    /// What the request is for.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The last look before the request is handed to the HTTP client.
    ///
    /// # Errors
    /// [`MustWait`] where a wait was announced since [`Gate::enter`], or nothing may leave any more.
    pub async fn leave(&self) -> Result<(), MustWait> {
        loop {
            let wait = {
                let mut state = self.gate.state();
                // Also if that wait is over by now: all that were let go before it would leave together.
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

    /// Tells what the answer says about pace: as soon as its head is here, and once. The slot is given back when
    /// the pass is dropped.
    pub fn answered(&self, feedback: Feedback) {
        self.gate
            .state()
            .answered(feedback, (self.pauses, self.traffic), &self.gate.policy);
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
