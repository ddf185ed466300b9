//! The checked manifest: what is left once every mistake has been reported.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use crate::{
    request::{OrgId, Period, ReportType},
    settings::{Discover, Settings},
    yaml::SourcePlace,
};

/// A manifest without mistakes. Relative periods are resolved and partners files are read; only
/// [`SubPartnerSource::Discovered`] is still open, since it asks the API.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The file it came from, as the user named it.
    pub path: PathBuf,
    /// What tells its file from others.
    pub origin: ManifestSource,
    /// `name:`, or the file's stem.
    pub name: String,
    /// How to talk to the API, and how patiently.
    pub settings: Settings,
    /// Where the ledger lies: `ledger:` or `<manifest stem>.ledger.csv`, joined to the manifest's folder.
    pub ledger: PathBuf,
    /// In the order written; never empty; names are unique.
    pub jobs: Vec<Job>,
    /// Every label of the manifest and its partners files, and the id that it means.
    pub labels: Labels,
    /// What is allowed in it and probably not meant, in the order found.
    pub oddities: Vec<PlanWarningSource>,
    /// Whether a period counts from `--as-of`.
    pub is_relative: bool,
}

/// Something that is allowed, and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanWarningSource {
    /// An id that is not an organisation's, as far as can be told.
    NoOrganisation {
        /// As it is written, and sent.
        id: OrgId,
        /// How that was seen: a clause.
        why: &'static str,
        /// Where it stands first.
        place: SourcePlace,
    },
    /// An id that only the sandbox knows: no oddity in a rehearsal, and a mistake elsewhere.
    OfSandbox {
        /// Whose.
        id: OrgId,
        /// Where it stands first.
        place: SourcePlace,
    },
    /// One id with two labels.
    TwoLabels {
        /// Whose.
        id: OrgId,
        /// The label that it was given first.
        first: Arc<str>,
        /// The other.
        other: Arc<str>,
        /// Where the other stands.
        place: SourcePlace,
    },
    /// A partners file has columns that are not read.
    FurtherColumns {
        /// Which file.
        file: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
}

impl Manifest {
    /// The kinds of sub-partners that the API has to be asked for, in no order that matters.
    pub fn discovers(&self) -> BTreeSet<Discover> {
        let listed = self.jobs.iter().filter_map(|job| match &job.sub_partners {
            SubPartners::Own => None,
            SubPartners::Listed(sources) => Some(sources),
        });
        listed
            .flatten()
            .filter_map(|source| match source {
                SubPartnerSource::Named(_) => None,
                SubPartnerSource::Discovered(which) => Some(*which),
            })
            .collect()
    }
}

/// What it is about, where it stands.
impl fmt::Display for PlanWarningSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanWarningSource::NoOrganisation { id, why, place } => {
                write!(f, "{id} ({place}): {why}")
            }
            PlanWarningSource::OfSandbox { id, place } => write!(f, "{id} ({place})"),
            PlanWarningSource::TwoLabels {
                id,
                first,
                other,
                place,
            } => write!(f, "{id} is {first:?} and {other:?} ({place})"),
            PlanWarningSource::FurtherColumns { file, names } => {
                write!(f, "{} in {}", names.join(", "), file.display())
            }
        }
    }
}

/// The file that a manifest was read from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestSource {
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// On which line each job begins, counted from 1; empty where the jobs were not read.
    pub job_lines: BTreeMap<Arc<str>, usize>,
    /// The files that it names with `file:`, joined to its folder, whether its jobs were read or not.
    pub files: Vec<PathBuf>,
}

/// Which organisation a label means. One label never means two.
pub type Labels = BTreeMap<Arc<str>, OrgId>;

/// A product of sub-partners, periods and types, less what is excluded.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Unique in the manifest.
    pub name: Arc<str>,
    /// The sub-partners that it bills.
    pub sub_partners: SubPartners,
    /// Never empty, no duplicates, in the order written.
    pub types: Vec<ReportType>,
    /// Include internal organisations.
    pub internal: bool,
    /// Never empty, in the order written; duplicates are folded by the plan.
    pub periods: Vec<Period>,
    /// What is left out.
    pub exclude: Vec<Exclusion>,
}

/// The sub-partners that a job bills.
#[derive(Debug, Clone, PartialEq)]
pub enum SubPartners {
    /// The partner itself: the job names no sub-partners.
    Own,
    /// The listed ones, in the order written. Never empty.
    Listed(Vec<SubPartnerSource>),
}

/// One entry of `sub_partners`; a partners file has become its lines.
#[derive(Debug, Clone, PartialEq)]
pub enum SubPartnerSource {
    /// A sub-partner by its id.
    Named(SubPartner),
    /// Whoever the API lists when the plan is made.
    Discovered(Discover),
}

/// A sub-partner as people and the API know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubPartner {
    /// What the API takes.
    pub id: OrgId,
    /// What people read, where the manifest or a partners file gives one. Never empty.
    pub label: Option<Arc<str>>,
}

/// Requests of a job that are left out: those that match every part that is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// This sub-partner; labels have become ids.
    pub sub_partner: Option<OrgId>,
    /// This type.
    pub report_type: Option<ReportType>,
    /// Exactly this period.
    pub period: Option<Period>,
}
