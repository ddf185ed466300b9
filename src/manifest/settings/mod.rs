//! The values that a manifest sets, for modules that know nothing of manifests. A new key of `api`, `limits` or `retry`
//! is one new line in `values`.

mod base_url;
mod discover;
mod duration;
mod rate;
mod share;
mod totals;
mod values;

pub use base_url::{BaseUrl, BaseUrlError};
pub use discover::{Discover, Discovered};
pub(crate) use duration::{YEAR, duration_of};
pub use rate::{Rate, RateUnit};
pub use totals::Totals;
pub use values::{ApiSettings, Limits, RetryPolicy, Settings};
