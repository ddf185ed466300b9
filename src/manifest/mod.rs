//! The manifest: YAML text to checked types, with every problem located. Each file declares its part with `keys!`.

mod exclusion;
mod job;
mod labels;
mod load;
mod model;
mod names;
mod options;
mod partners;
mod period;
mod starter;
mod sub_partner;
mod text;

#[cfg(test)]
mod tests;

pub use crate::yaml::Problem;
pub use load::{ManifestError, RunSettings};
#[cfg(test)]
pub use model::{Exclusion, Labels};
pub use model::{
    Job, Manifest, ManifestSource, PlanWarningSource, SubPartner, SubPartnerSource, SubPartners,
};
pub use options::{DateCheck, LoadOptions};
pub use starter::{Found, starter};
pub use text::schema;
