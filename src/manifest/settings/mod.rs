//! The values that a manifest sets, for modules that know nothing of manifests. A new key of `api`, `limits` or `retry`
//! is one new line in `values`.

mod base_url;
mod duration;
mod exact;
mod file_rules;
mod rate;
mod values;

pub use base_url::{BaseUrl, BaseUrlError};
pub(crate) use duration::{YEAR, duration_of};
pub(super) use exact::{NUMBER, tolerance};
pub use rate::{Rate, RateUnit};
pub use values::{ApiSettings, Limits, RetryPolicy, Settings, Totals};
