//! The sandbox: the [model of the server](crate::model) on loopback, and downloads from a second port. A sub-partner
//! whose organisation id, decoded or not, contains `refused-400`, `refused-401`, `refused-403` or `refused-404` always
//! refuses, until `fixed` is set. Everything else is in [`SandboxConfig`].
#![cfg_attr(
    test,
    allow(clippy::shadow_unrelated, reason = "a test tells one step after the other")
)]

mod clock;
mod connection;
mod error;
mod exchange;
mod files;
mod journal;
mod merge;
pub mod model;
mod reading;
mod record;
mod response;
mod server;
mod world;

#[cfg(test)]
mod tests;

pub use crate::model::{
    ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, ClocksConfig, ContentsConfig, CreatedIs, DownloadFault,
    DownloadRule, Duplicates, Endpoint, Envelope, ErrorBody, ExistingReport, Fault, FaultMatch,
    FaultRule, LatencyConfig, LimitScope, Limiter, LimiterConfig, ListWithoutOrg, Paging,
    ProvisioningState, REFRESH_TOKEN, RateLimitConfig, RefusalStatus, ReportsConfig,
    RetryAfterForm, SandboxConfig, Shift, Span, SpanError, Spelling, StoredReport, SubPartner,
    SubPartnersConfig, TokenConfig,
};
pub use error::SandboxError;
pub use journal::StateError;
pub use merge::merge_states;
pub use record::{Download, Exchange};
pub use server::{RunningSandbox, Sandbox};
