//! The manifest: YAML text to checked types, with every problem located. Each file declares its part with `keys!`.

mod columns;
mod exclusion;
mod job;
mod labels;
mod load;
mod model;
mod named_files;
mod names;
mod options;
mod partners;
mod period;
mod reconcile_entries;
mod reconcile_text;
mod reconciling;
mod settings;
mod starter;
mod sub_partner;
mod text;
mod units;
mod yaml;

#[cfg(test)]
mod tests;

pub use load::{ManifestError, RunSettings};
pub use model::{
    Discover, Discovered, Job, Manifest, ManifestSource, NumberColumns, PlanWarningSource,
    SubPartner, SubPartnerSource, SubPartners,
};
#[cfg(test)]
pub use model::{Exclusion, Labels};
pub use options::{DateCheck, LoadOptions};
pub use reconciling::{
    ColumnPair, Divisor, FileRule, FileRules, ListFile, OtherSide, REQUEST_COLUMNS, ReconcileEntry,
    UNITS, UnitsRule,
};
pub use settings::{
    ApiSettings, BaseUrl, BaseUrlError, Limits, Rate, RateUnit, RetryPolicy, Settings, Totals,
};
pub(crate) use settings::{YEAR, duration_of};
pub use starter::{Found, starter};
pub use text::schema;
pub use yaml::Problem;
#[cfg(test)]
pub(crate) use yaml::Source;
pub(crate) use yaml::did_you_mean;
