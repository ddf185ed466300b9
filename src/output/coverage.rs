use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::manifest::{Discover, Manifest, SubPartnerSource, SubPartners};
use request::OrgId;

/// How the manifest's sub-partners differ from those of the token's account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Active at the API, and in no job: nobody bills them.
    pub in_no_job: Vec<String>,
    /// In a job, but not listed for this token: perhaps from another account.
    pub not_listed: Vec<Unlisted>,
    /// Sub-partners that the manifest names by id.
    pub named: usize,
}

/// A sub-partner of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename = "SubPartner", deny_unknown_fields)]
pub struct Unlisted {
    /// Its id.
    pub sub_partner_org_id: String,
    /// Its label; null where it has none.
    pub sub_partner: Option<String>,
}

impl Coverage {
    /// Compares the jobs of `manifest` with the sub-partners that the API lists, the active ones and all.
    pub fn new(manifest: &Manifest, active: &[OrgId], all: &[OrgId]) -> Self {
        let mut named: BTreeMap<&OrgId, Option<&Arc<str>>> = BTreeMap::new();
        let mut has_all_active = false;
        for job in &manifest.jobs {
            let SubPartners::Listed(sources) = &job.sub_partners else {
                continue;
            };
            for source in sources {
                match source {
                    SubPartnerSource::Named(partner) => {
                        let label = named.entry(&partner.id).or_default();
                        *label = label.or(partner.label.as_ref());
                    }
                    SubPartnerSource::Discovered(Discover::Active | Discover::All) => {
                        has_all_active = true
                    }
                    SubPartnerSource::Discovered(Discover::Suspended) => {}
                }
            }
        }
        let listed: BTreeSet<&OrgId> = all.iter().chain(active).collect();
        let active: BTreeSet<&OrgId> = active.iter().collect();
        let in_no_job =
            active.into_iter().filter(|org| !has_all_active && !named.contains_key(org));
        let not_listed = named.iter().filter(|(org, _)| !listed.contains(*org));
        Coverage {
            in_no_job: in_no_job.map(OrgId::to_string).collect(),
            not_listed: not_listed
                .map(|(org, label)| Unlisted {
                    sub_partner_org_id: org.to_string(),
                    sub_partner: label.map(|label| label.to_string()),
                })
                .collect(),
            named: named.len(),
        }
    }

    /// Whether none of the named ids is listed: the token probably belongs to another account.
    pub fn is_anothers(&self) -> bool {
        self.named > 0 && self.not_listed.len() == self.named
    }
}
