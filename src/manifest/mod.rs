//! The manifest: YAML text to checked types, with every problem located. The submodules declare how it is written, with
//! `keys!` of the module `yaml`. [`Manifest::load`] finds all problems at once.

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

pub use crate::yaml::{Problem, Problems, SourceError, SourcePlace};
pub use load::{ManifestError, RunSettings, WrongFile};
pub use model::{
    Exclusion, Job, Labels, Manifest, ManifestSource, PlanWarningSource, SubPartner,
    SubPartnerSource, SubPartners,
};
pub use options::{DateCheck, LoadOptions};
pub use starter::{Found, StarterError, starter};
pub use text::schema;
