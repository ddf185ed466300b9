use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::{
    reconciling::{OtherSide, ReconcileEntry, UnitsRule},
    settings::Settings,
    yaml::SourcePlace,
};
use request::{OrgId, Period, ReportType};

/// A manifest without problems. Only [`SubPartnerSource::Discovered`] is open, since it asks the API.
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
    /// `units:`
    pub units: Option<UnitsRule>,
    /// `reconcile:`, in the order written.
    pub reconcile: Vec<ReconcileEntry>,
}

/// Something that is allowed, and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanWarningSource {
    /// An id that is not an organisation's id, as far as we can tell.
    NoOrganisation {
        id: OrgId,
        why: &'static str,
        place: SourcePlace,
    },
    /// An id of the sandbox: fine in a rehearsal, a mistake elsewhere.
    OfSandbox {
        id: OrgId,
        place: SourcePlace,
    },
    TwoLabels {
        id: OrgId,
        first: Arc<str>,
        other: Arc<str>,
        place: SourcePlace,
    },
    FurtherColumns {
        file: PathBuf,
        names: Vec<String>,
    },
}

/// The columns of collected files that hold numbers, by type.
pub type NumberColumns<'m> = BTreeMap<ReportType, BTreeSet<&'m str>>;

impl Manifest {
    /// The columns that `audit.totals`, `units` or a `compare` names.
    pub fn number_columns(&self) -> NumberColumns<'_> {
        let mut columns = NumberColumns::new();
        let mut add = |report_type, name| {
            columns.entry(report_type).or_default().insert(name);
        };
        if let Some(totals) = &self.settings.audit.totals {
            ReportType::ALL.into_iter().for_each(|it| add(it, totals.column.as_str()));
        }
        if let Some(units) = &self.units {
            add(units.report_type, &units.of);
        }
        for entry in &self.reconcile {
            for pair in &entry.compare {
                add(entry.report_type, &pair.report);
                if let OtherSide::Report(other) = entry.with {
                    add(other, &pair.list);
                }
            }
        }
        columns
    }

    /// Whether a job is called `name`.
    pub fn has_job(&self, name: &str) -> bool {
        self.jobs.iter().any(|job| *job.name == *name)
    }

    /// The kinds of sub-partners to discover.
    pub fn discovers(&self) -> BTreeSet<Discover> {
        let listed = self.jobs.iter().flat_map(|job| job.sub_partners.listed());
        let discovered = listed.filter_map(|source| match source {
            SubPartnerSource::Named(_) => None,
            SubPartnerSource::Discovered(which) => Some(*which),
        });
        discovered.collect()
    }
}

impl fmt::Display for PlanWarningSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanWarningSource::NoOrganisation { id, why, place } => {
                write!(f, "{id} ({place}): {why}")
            }
            PlanWarningSource::OfSandbox { id, place } => write!(f, "{id} ({place})"),
            PlanWarningSource::TwoLabels { id, first, other, place } => {
                write!(f, "{id} is {first:?} and {other:?} ({place})")
            }
            PlanWarningSource::FurtherColumns { file, names } => {
                write!(f, "{} in {}", names.join(", "), file.display())
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestSource {
    pub sha256: String,
    /// The line of each job, counted from 1; empty if the jobs were not read.
    pub job_lines: BTreeMap<Arc<str>, usize>,
    /// Its folder.
    pub folder: PathBuf,
    /// The files that it names, other than ledgers: partners files, lists (perhaps with `{period}`) and translations.
    /// As they are written, whether what names them was read or not. See [`ManifestSource::inputs`].
    pub files: Vec<String>,
    /// The earlier ledgers that `reconcile:` names.
    pub ledgers: Vec<PathBuf>,
}

pub type Labels = BTreeMap<Arc<str>, OrgId>;

/// A product of sub-partners, periods and types, without the exclusions.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Unique in the manifest.
    pub name: Arc<str>,
    pub sub_partners: SubPartners,
    /// Never empty, no duplicates, in the order written.
    pub types: Vec<ReportType>,
    pub internal: bool,
    /// Never empty, in the order written, perhaps with duplicates.
    pub periods: Vec<Period>,
    pub exclude: Vec<Exclusion>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SubPartners {
    /// The partner itself: the job names no sub-partners.
    Own,
    /// The listed ones, in the order written. Never empty.
    Listed(Vec<SubPartnerSource>),
}

impl SubPartners {
    /// None for the partner itself.
    pub fn listed(&self) -> &[SubPartnerSource] {
        match self {
            SubPartners::Own => &[],
            SubPartners::Listed(sources) => sources,
        }
    }
}

/// One entry of `sub_partners`; a partners file is replaced by its lines.
#[derive(Debug, Clone, PartialEq)]
pub enum SubPartnerSource {
    Named(SubPartner),
    Discovered(Discover),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubPartner {
    pub id: OrgId,
    /// From the manifest or a partners file. Never empty.
    pub label: Option<Arc<str>>,
}

/// Requests of a job to leave out: those that match every given part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    pub sub_partner: Option<OrgId>,
    pub report_type: Option<ReportType>,
    /// Exactly this period.
    pub period: Option<Period>,
}

/// Which sub-partners the API is asked for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Discover {
    /// Those whose provisioning state is `active`.
    Active,
    /// Those whose provisioning state is `suspended`.
    Suspended,
    /// All of them.
    All,
}

/// The sub-partners that the API listed, for each of the manifest's `discover` values.
pub type Discovered = BTreeMap<Discover, Vec<OrgId>>;
