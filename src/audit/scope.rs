//! What is compared, and the comparison from one end to the other.

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
};

use super::{
    difference::{Difference, Kind},
    files::{self, FileState},
    outcome::{Audit, Checked},
    reports,
    subject::Subject,
    totals::{Summed, compare},
};
use crate::{
    api::Api,
    inventory::{Evidence, Held, Known, find_held},
    ledger::{Ledger, Row},
    plan::Plan,
    request::{OrgId, ReportId, RequestId},
    session::{ReadError, Session},
    settings::Totals,
};

/// The selected requests of a plan, with their rows.
#[derive(Debug)]
pub struct Scope<'a> {
    plan: &'a Plan,
    planned: HashSet<RequestId>,
    ledger: &'a Ledger,
    subjects: Vec<Subject<'a>>,
}

impl<'a> Scope<'a> {
    /// The requests of `plan` that are `selected`.
    pub fn new(plan: &'a Plan, selected: &HashSet<RequestId>, ledger: &'a Ledger) -> Self {
        let planned = plan.requests().iter();
        let subjects = planned
            .filter(|planned| selected.contains(&planned.id))
            .map(|planned| Subject {
                planned,
                row: ledger.get(planned.id),
            });
        Scope {
            plan,
            planned: plan.requests().iter().map(|planned| planned.id).collect(),
            ledger,
            subjects: subjects.collect(),
        }
    }

    /// Asks the server what it holds for these requests, in their order.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn ask<A: Api>(
        &self,
        session: &Session<'_, A>,
        concurrency: usize,
    ) -> Result<Vec<Held>, ReadError> {
        let known = self.subjects.iter().map(|subject| Known {
            request: &subject.planned.request,
            report: subject.report(),
            since: subject.row.and_then(|row| row.updated_at),
        });
        let planned = self.plan.requests().iter().map(|planned| &planned.request);
        let requests = planned.chain(self.ledger.rows().map(Row::request));
        let orgs: BTreeSet<OrgId> = requests.filter_map(|r| r.sub_partner.clone()).collect();
        let given_up = self.ledger.rows().flat_map(|row| &row.replaces);
        let taken: HashSet<&ReportId> = self.ledger.report_ids().chain(given_up).collect();
        let evidence = Evidence::default();
        find_held(
            session,
            &evidence,
            &known.collect::<Vec<_>>(),
            &orgs,
            |id| taken.contains(id),
            concurrency,
        )
        .await
    }

    /// Names every difference; `held` is what [`Scope::ask`] gave. Files are looked for in `folder`, the ledger's; they
    /// are left out without one. Reads each file once, with one row of it in memory.
    pub fn compare(&self, held: &[Held], folder: Option<&Path>, totals: Option<&Totals>) -> Audit {
        let mut audit = Audit {
            checked: Checked {
                requests: self.subjects.len(),
                ..Checked::default()
            },
            ..Audit::default()
        };
        let mut found: Vec<Vec<Difference>> = Vec::with_capacity(self.subjects.len());
        let mut summed = Vec::new();
        for (place, (subject, held)) in self.subjects.iter().zip(held).enumerate() {
            audit.checked.reports += usize::from(subject.report().is_some());
            let twins = self.may_be_a_twins(subject, held);
            let mut differences: Vec<_> =
                reports::judge(subject, held, twins).into_iter().collect();
            if let Some(folder) = folder
                && let Some(row) = subject.row.filter(|_| subject.report().is_some())
            {
                match files::look(row, folder, totals) {
                    FileState::None => differences.extend(files::not_collected(subject, held)),
                    FileState::Missing(why) => {
                        audit.checked.files += 1;
                        differences.push(subject.file_differs(Kind::FileMissing, &why));
                    }
                    FileState::Changed(why) => {
                        audit.checked.files += 1;
                        differences.push(subject.file_differs(Kind::FileChanged, &why));
                    }
                    FileState::Unchanged(sums) => {
                        audit.checked.files += 1;
                        audit.checked.empty += usize::from(row.collected.rows == Some(0));
                        let subject = *subject;
                        summed.extend(sums.map(|sums| Summed {
                            place,
                            subject,
                            sums,
                        }));
                    }
                }
            }
            found.push(differences);
        }
        if let Some(totals) = totals {
            let compared = compare(&summed, totals);
            audit.checked.totals = compared.groups;
            audit.totals = compared.totals;
            for (place, difference) in compared.differences {
                found[place].push(difference);
            }
        }
        audit.differences = found.into_iter().flatten().collect();
        audit
    }

    /// How many of the other reports may be that of the request that differs from this one by `internal` alone, since
    /// that has none of its own.
    fn may_be_a_twins(&self, subject: &Subject<'_>, held: &Held) -> usize {
        let mut twin = subject.planned.request.clone();
        twin.internal = !twin.internal;
        let id = twin.id();
        let row = self.ledger.get(id);
        let has_report = row.is_some_and(|row| row.state.report_id().is_some());
        let fits = held
            .others
            .iter()
            .any(|other| other.report.can_answer(&twin));
        usize::from(fits && self.planned.contains(&id) && !has_report)
    }
}
