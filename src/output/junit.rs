//! `--junit`: one test case for each selected row.

use std::{
    collections::{HashMap, HashSet},
    io,
    time::Duration,
};

use quick_junit::{
    NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite, XmlString,
};

use super::{
    ending::{Collecting, Ending},
    words,
};
use crate::{
    audit::{Audit, AuditedList, Difference, DifferenceKind, ListOutcome, Total},
    ledger::{Row, State},
    text::one_line,
};
use request::RequestId;

/// JUnit XML as GitLab and Jenkins read it. Ids stand in `system-out`: the schema of Jenkins' xUnit plugin
/// (junit-10.xsd) has no properties there.
pub(super) fn junit(ending: &Ending<'_>) -> Result<String, SerializeError> {
    let about = ending.about;
    let mut suite = TestSuite::new(text(&about.manifest));
    suite.set_timestamp(about.began_at);
    suite.set_time(elapsed(ending));
    let mut names = HashSet::new();
    for row in &ending.rows {
        let mut name = words::name(row);
        if !names.insert(name.clone()) {
            name = format!("{name} {}", row.id());
        }
        let mut case = TestCase::new(text(&name), status(ending, row));
        case.set_classname(text(&row.job));
        let report = row.state.report_id();
        let report =
            report.map_or_else(String::new, |id| format!("\nreport_id {}", one_line(id.as_str())));
        case.set_system_out(format!("request_id {}{report}", row.id()));
        suite.add_test_case(case);
    }
    written(about.command, suite)
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckCase {
    pub class: String,
    pub name: String,
    /// The kinds of what is wrong, and what there is to say.
    pub failure: Option<(String, String)>,
}

impl From<&AuditedList> for CheckCase {
    fn from(list: &AuditedList) -> Self {
        let failure = list.difference.iter();
        CheckCase::new("lists", &list.name, failure)
    }
}

impl From<&ListOutcome<'_>> for CheckCase {
    fn from(outcome: &ListOutcome<'_>) -> Self {
        let kind = DifferenceKind::NotReconciled.word().to_owned();
        CheckCase {
            class: "lists".to_owned(),
            name: format!("{} {}", outcome.entry.name, outcome.period),
            failure: (!outcome.is_agreement()).then(|| (kind, outcome.summary())),
        }
    }
}

impl CheckCase {
    fn new<'a>(class: &str, name: &str, differences: impl Iterator<Item = &'a Difference>) -> Self {
        let (kinds, texts): (Vec<&str>, Vec<String>) =
            differences.map(|it| (it.kind.word(), it.advice())).unzip();
        CheckCase {
            class: class.to_owned(),
            name: name.to_owned(),
            failure: (!kinds.is_empty()).then(|| (kinds.join(", "), texts.join("; "))),
        }
    }
}

/// A case for each request, by id, name and job; for each sum, each list, and whoever has vanished.
pub fn audit_cases(audit: &Audit, requests: &[(RequestId, String, String)]) -> Vec<CheckCase> {
    let mut of_request: HashMap<RequestId, Vec<&Difference>> = HashMap::new();
    let mut of_totals: HashMap<&str, &Difference> = HashMap::new();
    let mut vanished = Vec::new();
    for difference in &audit.differences {
        match (difference.kind, difference.request_id) {
            (DifferenceKind::TotalsDiffer, _) => {
                of_totals.insert(&difference.subject, difference);
            }
            (DifferenceKind::Vanished, _) => vanished.push(difference),
            (_, Some(id)) => of_request.entry(id).or_default().push(difference),
            (_, None) => {} // of a list
        }
    }
    let rows = requests.iter().map(|(id, name, job)| {
        CheckCase::new(job, name, of_request.get(id).into_iter().flatten().copied())
    });
    let mut totals: Vec<String> = audit.totals.iter().map(Total::subject).collect();
    totals.dedup();
    let totals = totals.iter().map(|name| {
        CheckCase::new("totals", name, of_totals.get(name.as_str()).copied().into_iter())
    });
    let lists = audit.lists.iter().map(CheckCase::from);
    let vanished =
        vanished.into_iter().map(|it| CheckCase::new("previous", &it.subject, [it].into_iter()));
    rows.chain(totals).chain(lists).chain(vanished).collect()
}

/// JUnit XML of what a command checked.
pub fn checks_junit(
    command: &str,
    manifest: &str,
    cases: impl IntoIterator<Item = CheckCase>,
) -> io::Result<String> {
    let mut suite = TestSuite::new(text(manifest));
    let mut names = HashSet::new();
    for (number, check) in cases.into_iter().enumerate() {
        let status = match &check.failure {
            None => TestCaseStatus::success(),
            Some((kinds, why)) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(text(kinds));
                status.set_message(text(why));
                status.set_description(text(why));
                status
            }
        };
        let is_new = names.insert((check.class.clone(), check.name.clone()));
        let name = if is_new { check.name } else { format!("{} {number}", check.name) };
        let mut case = TestCase::new(text(&name), status);
        case.set_classname(text(&check.class));
        suite.add_test_case(case);
    }
    written(command, suite).map_err(io::Error::other)
}

fn written(command: &str, suite: TestSuite) -> Result<String, SerializeError> {
    let mut report = Report::new(text(&format!("monthend {command}")));
    report.set_time(suite.time.unwrap_or_default());
    report.add_test_suite(suite);
    // Jenkins' schema has no `skipped` on `testsuites`, which comes first; the suite has it.
    let skipped = format!(" skipped=\"{}\"", report.skipped);
    Ok(report.to_string()?.replacen(&skipped, "", 1))
}

fn elapsed(ending: &Ending<'_>) -> Duration {
    let elapsed = ending.ended_at - ending.about.began_at;
    elapsed.to_std().unwrap_or_default()
}

fn status(ending: &Ending<'_>, row: &Row) -> TestCaseStatus {
    let skipped = |why: &str| {
        let mut status = TestCaseStatus::skipped();
        status.set_message(text(why));
        status
    };
    let failed = |code: &str, why: &str| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let tracking = row.last_answer.tracking_id.as_deref();
        let tracking = tracking.map_or_else(String::new, |id| format!(" (tracking id {id})"));
        status.set_type(text(code));
        status.set_message(text(why));
        status.set_description(text(&format!("{code}: {why}{tracking}")));
        status
    };
    match &row.state {
        State::Failed { .. } | State::InDoubt { .. } => {
            failed(row.state.error_code(), &row.state.text())
        }
        State::Pending { .. } => skipped("pending: not sent yet"),
        State::Sending { .. } => skipped("sending: in doubt, a report may exist"),
        State::Created(_) => match ending.collecting(row) {
            Collecting::Done => TestCaseStatus::success(),
            Collecting::Waiting if row.collected.error.is_empty() => skipped("not collected yet"),
            Collecting::Waiting => skipped(&row.collected.error),
            Collecting::Failed => failed("not_collected", &row.collected.error),
        },
    }
}

/// Foreign text as XML 1.0 can hold it, on one line.
fn text(text: &str) -> XmlString {
    XmlString::new(one_line(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}
