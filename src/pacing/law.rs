//! What a law of the pace is told and asked.

use std::{fmt::Debug, time::Duration};

use tokio::time::Instant;

/// What a server grants, learned from its answers. Pure: it is told what happened and when, and says when the next request
/// may leave. A run goes by [`RateController`](super::RateController); `benches/pacing` puts others beside it.
pub trait PacePolicy: Debug + Send {
    /// No request may leave before this time.
    fn not_before(&self, now: Instant) -> Instant;

    /// How many may be in flight, given how many are.
    fn most_in_flight(&self, in_flight: usize) -> usize;

    /// The learned pace in requests per second, or `None` while none is in force.
    fn pace(&self) -> Option<f64>;

    /// The rate that the server was last measured to grant, in requests per second; a guess does not count.
    fn measured(&self) -> Option<f64>;

    /// The window that the server is believed to keep, and how far the one that goes on now is.
    fn window(&self) -> Option<Window>;

    /// A request leaves.
    fn on_sent(&mut self, now: Instant);

    /// The server let a request pass its limiter, whatever it then said about it.
    fn on_accepted(&mut self, now: Instant);

    /// The server answered 429; nothing leaves before `until`.
    fn on_limited(&mut self, now: Instant, until: Instant);

    /// The server asks for a wait that has nothing to do with its rate limit: time stands still until then. Requests
    /// that were in flight together announce the same wait, which counts once.
    fn on_busy(&mut self, now: Instant, until: Instant);
}

/// A window that takes so many requests, and then no more until it is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// How many requests it takes.
    pub quota: f64,
    /// How long it lasts.
    pub length: Duration,
    /// When the one that goes on now began; in a pause, when the next one begins.
    pub began: Instant,
    /// How many requests it has taken.
    pub used: f64,
}
