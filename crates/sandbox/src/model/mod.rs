//! One model of the API's server, for every transport. It is pure: no network, no clock, no chance of its own.
//!
//! ```text
//! Ask -> receive: token, limit, fault -> wait -> effect (store, list, view) -> spoil -> wait -> Ending
//! ```

mod ask;
mod config;
mod contents;
mod contradiction;
mod dice;
mod download;
mod fault;
mod header;
mod limiter;
mod list;
mod org;
mod others;
mod reply;
mod report;
mod server;
mod span;
mod store;
mod sub_partners;
mod throttle;
mod token;
mod view;
mod visit;

#[cfg(test)]
mod tests;

pub(crate) use ask::field;
pub use ask::{Ask, Endpoint, Fields, ListAsk, Place, SortBy, SubPartnersAsk, What};
pub use config::{
    ClocksConfig, CreatedIs, Duplicates, Envelope, ExistingReport, LatencyConfig, ListWithoutOrg,
    Paging, ProvisioningState, RefusalStatus, ReportsConfig, SandboxConfig, SubPartner,
    SubPartnersConfig, TokenConfig,
};
pub use contents::ContentsConfig;
pub use contradiction::Contradiction;
pub use download::{DownloadFault, DownloadRule, File};
pub use fault::{Fault, FaultMatch, FaultRule};
pub use header::Header;
pub use limiter::{Limiter, LimiterConfig};
pub use org::Spelling;
pub use reply::{Answer, Body, Content, Ending, ErrorBody, LinkForm, Reply};
pub use report::{Category, Origin, OtherReport, Person, Record, StoredReport};
pub use server::Server;
pub use span::{Shift, Span, SpanError};
pub use throttle::{LimitScope, RateLimitConfig, RetryAfterForm, Throttle};
pub use token::{ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
pub use visit::{Chance, Step, Visit};
