//! The sandbox: a simulator of the API on loopback, to rehearse a manifest before month-end, to exercise a
//! pipeline, and to test against. It knows nothing of our client.
//!
//! It keeps a rate limit, makes and lists reports, serves downloads from a second port, and goes wrong
//! where it is told to, by the seed and not by accident. A state file lets reports outlive a process.
//!
//! A sub-partner whose organisation id, or what that decodes to, contains `refused-400`, `refused-403` or
//! `refused-404` always refuses, until `mended` is set. Everything else is in [`SandboxConfig`].
//!
//! [`Limiter`] and [`Throttle`] are pure and can be driven in simulated time.

mod call;
mod clock;
mod config;
mod connection;
mod dice;
mod exchange;
mod faults;
mod journal;
mod limiter;
mod record;
mod reply;
mod routes;
mod server;
mod span;
mod store;
mod throttle;
mod token;
mod world;

#[cfg(test)]
mod tests;

pub use call::Endpoint;
pub use config::{
    Duplicates, Envelope, ExistingReport, LatencyConfig, ListWithoutOrg, ProvisioningState,
    RefusalStatus, ReportsConfig, SandboxConfig, SubPartner, SubPartnersConfig, TokenConfig,
};
pub use faults::{Fault, FaultMatch, FaultRule};
pub use journal::StateError;
pub use limiter::{Allowance, FixedWindow, Limiter, LimiterConfig, SlidingWindow, TokenBucket};
pub use record::{Download, Exchange};
pub use reply::ErrorBody;
pub use server::{RunningSandbox, Sandbox, SandboxError};
pub use span::{Span, SpanError};
pub use store::StoredReport;
pub use throttle::{Announce, LimitScope, RateLimitConfig, RetryAfterForm, Throttle};
pub use token::{ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
