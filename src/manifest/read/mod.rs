//! The manifest's parts: YAML nodes to checked values. Each reader reports what is wrong and gives `None`.

mod exclusion;
mod jobs;
mod period;
mod scalar;
mod settings;
mod sub_partner;

use std::path::{Path, PathBuf};

use super::{labels::LabelBook, load::LoadOptions, partners::PartnersFiles};

pub(super) use jobs::jobs;
pub(super) use scalar::line;
pub(super) use settings::settings;
pub(super) use sub_partner::{checked_id, checked_label};
#[cfg(test)]
pub(super) use {
    exclusion::EXCLUSION_KEYS,
    jobs::{DEFAULTS_KEYS, JOB_KEYS},
    period::{DAYS_KEYS, MONTHS_KEYS},
    settings::{API_KEYS, LIMITS_KEYS, RETRY_KEYS},
    sub_partner::SUB_PARTNER_KEYS,
};

/// What the readers of jobs know beside the text.
pub(super) struct Context<'a> {
    pub(super) options: &'a LoadOptions,
    /// The manifest's folder, which paths are relative to.
    pub(super) folder: &'a Path,
    pub(super) partners: PartnersFiles,
    pub(super) labels: LabelBook,
}

impl Context<'_> {
    /// A path of the manifest, from its folder.
    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }
}
