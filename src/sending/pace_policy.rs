use std::fmt::Debug;

use tokio::time::Instant;

/// What a server grants, learned from its answers; pure. `benches/pacing` compares policies.
pub trait PacePolicy: Debug + Send {
    /// No request may leave before this time.
    fn not_before(&self, now: Instant) -> Instant;

    /// How many may be in flight, of which `in_flight` are.
    fn most_in_flight(&self, in_flight: usize) -> usize;

    /// The learned pace in requests per second; `None` while none is in force.
    fn pace(&self) -> Option<f64>;

    /// The last measured rate that the server grants, in requests per second; guesses do not count.
    fn measured(&self) -> Option<f64>;

    fn on_sent(&mut self, now: Instant);

    /// The server let a request through its limits, whatever else it answered.
    fn on_accepted(&mut self, now: Instant);

    /// The server answered 429; nothing leaves before `until`.
    fn on_limited(&mut self, now: Instant, until: Instant);

    /// The server asks for a wait that is not about its rate limit: time stands still. The same wait counts once.
    fn on_busy(&mut self, now: Instant, until: Instant);
}
