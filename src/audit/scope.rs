use std::collections::{BTreeSet, HashSet};

use super::{
    audited_request::AuditedRequest,
    difference::DifferenceKind,
    file_audit::{FileAudit, FileChecks},
    files::Files,
    outcome::{Audit, Checked},
    previous::Previous,
    remedy::Remedy,
    reports,
};
use crate::{
    api::Api,
    inventory::{AuditedRow, Evidence, Inventory, ServerReports},
    ledger::{Ledger, Row},
    plan::Plan,
    sending::{ReadError, Session},
};
use request::{OrgId, ReportId, RequestId, RequestIds};

#[derive(Debug)]
pub struct Scope<'a> {
    plan: &'a Plan,
    planned: RequestIds,
    ledger: &'a Ledger,
    subjects: Vec<AuditedRequest<'a>>,
}

impl<'a> Scope<'a> {
    pub fn new(plan: &'a Plan, selected: &RequestIds, ledger: &'a Ledger) -> Self {
        let subjects = (plan.requests().iter())
            .filter(|planned| selected.contains(&planned.id))
            .map(|planned| AuditedRequest { planned, row: ledger.get(planned.id) });
        Scope { plan, planned: plan.ids().collect(), ledger, subjects: subjects.collect() }
    }

    /// The selected requests in plan order: as differences name them, as people read them, and the job of each.
    pub fn requests(&self) -> Vec<(RequestId, String, String)> {
        let names = self.subjects.iter().map(|it| {
            let name = it.planned.request.named(it.who());
            (it.id(), name, it.planned.job.to_string())
        });
        names.collect()
    }

    pub async fn ask<A: Api>(
        &self,
        session: &Session<'_, A>,
        concurrency: usize,
    ) -> Result<Vec<ServerReports>, ReadError> {
        let known = self.subjects.iter().map(|subject| AuditedRow {
            request: &subject.planned.request,
            report: subject.report(),
            since: subject.row.and_then(|row| row.updated_at),
        });
        let planned = self.plan.requests().iter().map(|planned| &planned.request);
        let requests = planned.chain(self.ledger.rows().map(Row::request));
        let orgs: BTreeSet<OrgId> = requests.filter_map(|r| r.sub_partner.clone()).collect();
        let given_up = self.ledger.rows().flat_map(|row| &row.replaces);
        let taken: HashSet<&ReportId> = self.ledger.report_ids().chain(given_up).collect();
        let inventory = Inventory { session, evidence: &Evidence::default(), concurrency };
        let asked: Vec<AuditedRow<'_>> = known.collect();
        inventory.find_held(&asked, &orgs, |id| taken.contains(id)).await
    }

    /// `held`: the result of [`Scope::ask`]; without it, differences with the server are not sought. Without `files`,
    /// no file is read.
    pub fn compare(
        &self,
        held: Option<&[ServerReports]>,
        files: Option<Files<'_>>,
        checks: FileChecks<'_>,
        previous: Option<&Previous<'_>>,
    ) -> Audit {
        let examination = FileAudit { subjects: &self.subjects, files, checks, previous };
        let planned = self.plan.requests().iter();
        let examined = examination.run(planned.map(|planned| &planned.request));
        let mut audit = Audit {
            checked: Checked { requests: self.subjects.len(), ..examined.checked },
            totals: examined.totals,
            ..Audit::default()
        };
        for (place, (subject, found)) in self.subjects.iter().zip(examined.found).enumerate() {
            audit.checked.reports += usize::from(subject.report().is_some());
            let held = held.and_then(|held| held.get(place));
            let report = match held {
                Some(held) => reports::judge(subject, held, self.may_be_a_twins(subject, held)),
                None => subject.report().is_none().then(|| reports::not_created(subject)),
            };
            let kind = report.as_ref().map(|difference| difference.kind);
            let is_lost = matches!(kind, Some(DifferenceKind::Gone | DifferenceKind::ServerFailed));
            // What cannot be downloaded any more has to be recreated first.
            let recreate = match held {
                Some(_) => report.as_ref().filter(|_| is_lost).map(|report| report.remedy),
                None => subject.row.and_then(Remedy::of_lost),
            };
            audit.differences.extend(report);
            let mut of_files = Vec::new();
            if files.is_some() && subject.has_report_without_file() && !is_lost {
                of_files.push(reports::not_collected(subject, held));
            }
            of_files.extend(found);
            for difference in &mut of_files {
                let remedy = recreate.filter(|_| difference.remedy.is_download());
                difference.remedy = remedy.unwrap_or(difference.remedy);
            }
            audit.differences.extend(of_files);
        }
        let vanished = examined.vanished.into_iter();
        audit.differences.extend(vanished.map(|(_, difference)| difference));
        audit
    }

    /// How many of the others may belong to the twin with the other `internal`, if that has no report.
    fn may_be_a_twins(&self, subject: &AuditedRequest<'_>, held: &ServerReports) -> usize {
        let mut twin = subject.planned.request.clone();
        twin.internal = !twin.internal;
        let id = twin.id();
        let row = self.ledger.get(id);
        let has_report = row.is_some_and(|row| row.state.report_id().is_some());
        let fits = held.others.iter().any(|other| other.report.can_answer(&twin));
        usize::from(fits && self.planned.contains(&id) && !has_report)
    }
}
