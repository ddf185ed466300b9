use std::{collections::HashSet, sync::Arc};

use super::selection::separated;
use crate::{
    ledger::Ledger,
    manifest::{Manifest, SubPartner, SubPartnerSource, SubPartners},
};
use request::OrgId;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the job {job} discovers its sub-partners, and the ledger has no row of it to tell who they are; ask the server \
     (without --offline), or select other jobs (--job)"
)]
pub struct NobodyKnown {
    job: Arc<str>,
}

/// Replaces each `discover` by the sub-partners in the ledger's rows of that job, of any period, and returns the names
/// of these jobs. Fails without such a row, unless `jobs` names other jobs only.
pub fn take_known(
    manifest: &mut Manifest,
    ledger: &Ledger,
    jobs: &[String],
) -> Result<Vec<Arc<str>>, NobodyKnown> {
    let jobs = separated(jobs, |name| manifest.has_job(name));
    let mut discovering = Vec::new();
    for job in &mut manifest.jobs {
        let SubPartners::Listed(sources) = &mut job.sub_partners else {
            continue;
        };
        let is_discovered =
            |source: &SubPartnerSource| matches!(source, SubPartnerSource::Discovered(_));
        let Some(place) = sources.iter().position(is_discovered) else {
            continue;
        };
        let mut seen = HashSet::new();
        let rows = ledger.rows().filter(|row| row.job == job.name);
        let known: Vec<OrgId> = rows
            .filter_map(|row| row.request().sub_partner.clone())
            .filter(|org| seen.insert(org.clone()))
            .collect();
        let is_selected = jobs.is_empty() || jobs.iter().any(|name| **name == *job.name);
        if known.is_empty() && is_selected {
            let job = Arc::clone(&job.name);
            return Err(NobodyKnown { job });
        }
        let named = known.into_iter().map(|id| {
            let label = None;
            SubPartnerSource::Named(SubPartner { id, label })
        });
        sources.splice(place..=place, named);
        sources.retain(|source| !is_discovered(source));
        discovering.push(Arc::clone(&job.name));
    }
    Ok(discovering)
}
