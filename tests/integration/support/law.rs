//! What no world may break, by the server's own record.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::StoredReport;
use sandbox::model::{Category, Origin};

use super::{LedgerFile, ledger::Line};

/// Every way in which a ledger breaks the law, given all `reports` that the server ever had.
///
/// No request is made twice by us; no report belongs to two rows; no row holds another request's report, or one of
/// another category; a row that failed says why.
pub(crate) fn breaches(reports: &[StoredReport], ledger: &LedgerFile) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut made: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for report in reports.iter().filter(|r| r.origin == Origin::Create) {
        made.entry(asked(report)).or_default().push(&report.id);
    }
    for (request, ids) in made.iter().filter(|(_, ids)| ids.len() > 1) {
        breaches.push(format!("made {} times: {request}: {ids:?}", ids.len()));
    }
    let by_id: BTreeMap<&str, &StoredReport> = reports.iter().map(|r| (&*r.id, r)).collect();
    let mut owned = BTreeSet::new();
    for line in &ledger.lines {
        let id = &line["report_id"];
        let (status, explained) = (&line["status"], !line["error_code"].is_empty());
        if id.is_empty() {
            if status == "failed" && !explained {
                breaches.push(format!("failed without a reason: {line:?}"));
            }
            continue;
        }
        if !owned.insert(id) {
            breaches.push(format!("a second row holds {id}: {line:?}"));
        }
        match by_id.get(id) {
            None => breaches.push(format!("the server never had {id}: {line:?}")),
            Some(report) if asked(report) != asked_by(line) => {
                breaches.push(format!("another request's report, {}: {line:?}", asked(report)));
            }
            Some(report) if report.category != Category::Reconciliation => {
                breaches.push(format!("a report of another category: {line:?}"));
            }
            Some(_) => {}
        }
    }
    breaches
}

/// What a report was made for.
pub(crate) fn asked(report: &StoredReport) -> String {
    let request = &report.request;
    let org = request.sub_partner.as_ref().map_or("", |org| org.as_str());
    let (start, end) = (request.period.start(), request.period.end());
    format!("{org} {} {start} {end} {}", request.report_type, request.internal)
}

/// What a row asks for, in the same words.
pub(crate) fn asked_by(line: &Line) -> String {
    let columns =
        ["sub_partner_org_id", "type", "billing_start_date", "billing_end_date", "internal"];
    columns.map(|column| line[column].to_owned()).join(" ")
}
