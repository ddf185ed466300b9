//! The manifest: YAML text to checked types, with every mistake located.

mod model;
mod settings;

pub use model::{Discover, Exclusion, Job, Labels, Manifest, Source, SubPartner, SubPartners};
pub use settings::{ApiSettings, Limits, Rate, RateUnit, RetryPolicy, Settings};
