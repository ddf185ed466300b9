//! A simulator of runs against rate limits, in simulated time: thousands of requests in milliseconds, the same
//! ones for the same seed.
//!
//! The real [`Gate`](monthend::testing::Gate) is driven as the runner drives it ([`Scenario`]), against the
//! sandbox's limiters behind a network that takes its time ([`ServerConfig`]). What happened is a [`client::Trace`].
//! [`bound`] says what no client could have done better.

pub(crate) mod bound;
pub(crate) mod client;
pub(crate) mod reference;
pub(crate) mod server;

pub(crate) use client::Scenario;
pub(crate) use server::ServerConfig;
