//! The manifest: YAML text to checked types, with every mistake located.
//!
//! [`Manifest::load`] finds all mistakes in one go. `text`, `job`, `sub_partner`, `period` and `exclusion` declare how
//! a manifest is written, with `keys!` of the module `yaml`, and say what that means. `partners` reads the files that
//! it names, and `labels` knows which label belongs to which sub-partner. The result has the types of `model` and of
//! [`crate::settings`].

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
