use std::{collections::hash_map::Entry, sync::Arc};

use foldhash::HashMap;

use super::Partition;
use crate::{
    ledger::{Ledger, Row},
    manifest::{Discovered, Job, Manifest, SubPartner, SubPartnerSource, SubPartners},
};
use request::{OrgId, Request, RequestId, RequestIds};

#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub id: RequestId,
    pub request: Request,
    /// The first job that names it.
    pub job: Arc<str>,
    /// The label from that job, or from anywhere in the manifest.
    pub label: Option<Arc<str>>,
}

impl From<&Row> for Planned {
    fn from(row: &Row) -> Self {
        Planned {
            id: row.id(),
            request: row.request().clone(),
            job: Arc::clone(&row.job),
            label: row.label.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCount {
    pub name: Arc<str>,
    /// Requests that it names first.
    pub requests: usize,
    /// Requests that it repeats, of itself or an earlier job.
    pub folded: usize,
    pub excluded: usize,
}

/// All requests of a manifest: jobs as written; within a job sub-partner, then period, then type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    requests: Vec<Planned>,
    jobs: Vec<JobCount>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "the plan has more than {max} requests; raise limits.max_requests if that is meant, \
         or narrow the jobs"
    )]
    TooLarge {
        /// `limits.max_requests`
        max: usize,
    },
    #[error("every request of the plan is excluded, so the manifest bills nobody; check `exclude`")]
    AllExcluded,
    /// So rare that it is refused.
    #[error(
        "the requests `{first}` and `{second}` happen to have the same id; put one into another manifest"
    )]
    IdCollision {
        /// Planned before `second`.
        first: Request,
        second: Request,
    },
}

impl Planned {
    pub fn row(&self) -> Row {
        Row::planned(self.request.clone(), Arc::clone(&self.job), self.label.clone())
    }
}

impl Plan {
    /// Multiplies out the jobs of `manifest`; `discovered` holds the sub-partners that the API listed.
    pub fn expand(manifest: &Manifest, discovered: &Discovered) -> Result<Self, PlanError> {
        let max = manifest.settings.limits.max_requests;
        let labels = first_labels(manifest);
        let mut places: HashMap<RequestId, usize> = HashMap::default();
        let mut plan = Plan::default();
        for job in &manifest.jobs {
            let mut count =
                JobCount { name: Arc::clone(&job.name), requests: 0, folded: 0, excluded: 0 };
            for (request, label) in requests(job, discovered) {
                if is_excluded(job, &request) {
                    count.excluded += 1;
                    continue;
                }
                let id = request.id();
                let free = match places.entry(id) {
                    Entry::Vacant(free) => free,
                    Entry::Occupied(place) => {
                        let first = &plan.requests[*place.get()].request;
                        if *first != request {
                            return Err(PlanError::IdCollision {
                                first: first.clone(),
                                second: request,
                            });
                        }
                        count.folded += 1;
                        continue;
                    }
                };
                if plan.requests.len() == max {
                    return Err(PlanError::TooLarge { max });
                }
                free.insert(plan.requests.len());
                let named = || request.sub_partner.as_ref().and_then(|org| labels.get(org));
                let label = label.or_else(|| named().map(|first| Arc::clone(first)));
                plan.requests.push(Planned { id, request, job: Arc::clone(&job.name), label });
                count.requests += 1;
            }
            plan.jobs.push(count);
        }
        Ok(plan)
    }

    /// The plan, if it bills anybody; else every request is excluded.
    pub fn not_empty(self) -> Result<Self, PlanError> {
        if self.requests.is_empty() { Err(PlanError::AllExcluded) } else { Ok(self) }
    }

    /// A plan of `rows`, in order.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut plan = Plan::default();
        for row in rows {
            let count = plan.jobs.iter_mut().find(|job| job.name == row.job);
            match count {
                Some(count) => count.requests += 1,
                None => plan.jobs.push(JobCount {
                    name: Arc::clone(&row.job),
                    requests: 1,
                    folded: 0,
                    excluded: 0,
                }),
            }
            plan.requests.push(Planned { id: row.key(), ..Planned::from(row) });
        }
        plan
    }

    /// The requests, in order.
    pub fn requests(&self) -> &[Planned] {
        &self.requests
    }

    pub fn ids(&self) -> impl Iterator<Item = RequestId> {
        self.requests.iter().map(|planned| planned.id)
    }

    /// Those of one share, or all.
    pub fn own(&self, share: Option<Partition>) -> impl Iterator<Item = &Planned> {
        self.requests.iter().filter(move |it| Partition::is_own(share, &it.request))
    }

    /// The rows of `ledger` that the plan does not have.
    pub fn leftover<'l>(&self, ledger: &'l Ledger) -> impl Iterator<Item = &'l Row> + use<'l> {
        let planned: RequestIds = self.ids().collect();
        ledger.rows().filter(move |row| !planned.contains(&row.key()))
    }

    /// What each job adds, in order.
    pub fn jobs(&self) -> &[JobCount] {
        &self.jobs
    }

    /// How many requests are repeated.
    pub fn folded(&self) -> usize {
        self.jobs.iter().map(|job| job.folded).sum()
    }
}

/// All requests of `job`, also those that an earlier job named first.
pub(super) fn named_by(job: &Job, discovered: &Discovered) -> RequestIds {
    requests(job, discovered)
        .filter(|(request, _)| !is_excluded(job, request))
        .map(|(request, _)| request.id())
        .collect()
}

fn is_excluded(job: &Job, request: &Request) -> bool {
    fn fits<T: PartialEq>(named: &Option<T>, actual: &T) -> bool {
        named.as_ref().is_none_or(|named| named == actual)
    }
    job.exclude.iter().any(|exclusion| {
        fits(&exclusion.report_type, &request.report_type)
            && fits(&exclusion.period, &request.period)
            && (exclusion.sub_partner.is_none() || exclusion.sub_partner == request.sub_partner)
    })
}

fn first_labels(manifest: &Manifest) -> HashMap<&OrgId, &Arc<str>> {
    let mut labels = HashMap::default();
    for job in &manifest.jobs {
        let SubPartners::Listed(sources) = &job.sub_partners else {
            continue;
        };
        for source in sources.iter() {
            if let SubPartnerSource::Named(SubPartner { id, label: Some(label) }) = source {
                labels.entry(id).or_insert(label);
            }
        }
    }
    for (label, id) in &manifest.labels {
        labels.entry(id).or_insert(label);
    }
    labels
}

/// All combinations of a job in order, with the sub-partner's label, before exclusion and folding.
fn requests(
    job: &Job,
    discovered: &Discovered,
) -> impl Iterator<Item = (Request, Option<Arc<str>>)> {
    sub_partners(job, discovered).into_iter().flat_map(move |partner| {
        job.periods.iter().flat_map(move |period| {
            let partner = partner.clone();
            job.types.iter().map(move |report_type| {
                let request = Request {
                    sub_partner: partner.as_ref().map(|p| p.id.clone()),
                    report_type: *report_type,
                    period: *period,
                    internal: job.internal,
                };
                let label = partner.as_ref().and_then(|p| p.label.clone());
                (request, label)
            })
        })
    })
}

/// In order; `None` is the partner itself.
fn sub_partners(job: &Job, discovered: &Discovered) -> Vec<Option<SubPartner>> {
    let SubPartners::Listed(sources) = &job.sub_partners else {
        return vec![None];
    };
    let mut all = Vec::new();
    for source in sources {
        match source {
            SubPartnerSource::Named(partner) => all.push(Some(partner.clone())),
            SubPartnerSource::Discovered(which) => {
                let found = discovered.get(which).into_iter().flatten();
                all.extend(found.map(|id| Some(SubPartner { id: id.clone(), label: None })));
            }
        }
    }
    all
}
