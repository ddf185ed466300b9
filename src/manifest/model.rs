use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use crate::{
    settings::{Discover, Settings},
    yaml::SourcePlace,
};
use request::{OrgId, Period, ReportType};

/// A manifest without problems. Relative periods are resolved and partners files are read; only
/// [`SubPartnerSource::Discovered`] is open, since it asks the API.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// The file that it was read from.
    pub origin: ManifestSource,
    /// `name:`, or the file's stem.
    pub name: String,
    /// All settings.
    pub settings: Settings,
    /// The ledger's path: `ledger:` or `<manifest stem>.ledger.csv`, in the manifest's folder.
    pub ledger: PathBuf,
    /// In the order written; never empty; names are unique.
    pub jobs: Vec<Job>,
    /// Every label of the manifest and its partners files, with its id.
    pub labels: Labels,
    /// Warnings, in the order found.
    pub oddities: Vec<PlanWarningSource>,
    /// Whether a period counts from `--as-of`.
    pub is_relative: bool,
}

/// Something that is allowed, and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanWarningSource {
    /// An id that is not an organisation's id, as far as we can tell.
    NoOrganisation {
        /// As it is written, and sent.
        id: OrgId,
        /// The reason: a clause.
        why: &'static str,
        /// Where it is first written.
        place: SourcePlace,
    },
    /// An id of the sandbox: fine in a rehearsal, a mistake elsewhere.
    OfSandbox {
        /// The id.
        id: OrgId,
        /// Where it is first written.
        place: SourcePlace,
    },
    /// One id with two labels.
    TwoLabels {
        /// The id.
        id: OrgId,
        /// Its first label.
        first: Arc<str>,
        /// Its second label.
        other: Arc<str>,
        /// Where the second label is written.
        place: SourcePlace,
    },
    /// A partners file has columns that are not read.
    FurtherColumns {
        /// The file.
        file: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
}

impl Manifest {
    /// The kinds of sub-partners to discover.
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
    /// The line of each job, counted from 1; empty if the jobs were not read.
    pub job_lines: BTreeMap<Arc<str>, usize>,
    /// The files that it names with `file:`, relative to its folder, whether its jobs were read or not.
    pub files: Vec<PathBuf>,
}

/// The organisation of each label.
pub type Labels = BTreeMap<Arc<str>, OrgId>;

/// A product of sub-partners, periods and types, without the exclusions.
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
    /// Never empty, in the order written, perhaps with duplicates.
    pub periods: Vec<Period>,
    /// The exclusions.
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

/// One entry of `sub_partners`; a partners file is replaced by its lines.
#[derive(Debug, Clone, PartialEq)]
pub enum SubPartnerSource {
    /// A sub-partner by its id.
    Named(SubPartner),
    /// All that the API lists when the plan is made.
    Discovered(Discover),
}

/// A sub-partner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubPartner {
    /// The id that is sent.
    pub id: OrgId,
    /// From the manifest or a partners file. Never empty.
    pub label: Option<Arc<str>>,
}

/// Requests of a job to leave out: those that match every given part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// This sub-partner; labels are resolved.
    pub sub_partner: Option<OrgId>,
    /// This type.
    pub report_type: Option<ReportType>,
    /// Exactly this period.
    pub period: Option<Period>,
}
