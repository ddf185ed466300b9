//! JUnit XML: a test case for each row of a run, or for each thing that a command checked.

use std::{
    collections::{HashMap, HashSet},
    io,
    time::Duration,
};

use askama::Template;
use chrono::SecondsFormat;

use super::{
    acceptance::acceptance_text,
    ending::{Collecting, Ending},
    filters, words,
};
use crate::{
    audit::{Acceptances, Audit, AuditedList, Difference, DifferenceKind, ListOutcome, Total},
    ledger::{Row, State},
};
use request::{ReportId, RequestId};

/// JUnit XML as GitLab and Jenkins read it. Ids are in `system-out`, since the schema of Jenkins' xUnit plugin
/// (junit-10.xsd) has no properties of a test case. It has no `skipped` on `testsuites` either.
#[derive(Template)]
#[template(path = "junit.xml")]
struct Junit<'a> {
    command: &'a str,
    manifest: &'a str,
    timestamp: Option<String>,
    time: String,
    failures: usize,
    skipped: usize,
    cases: Vec<TestCase>,
}

/// One thing that was done or checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    class: String,
    name: String,
    result: CaseResult,
    /// `None`: the case is not about a request.
    request_id: Option<RequestId>,
    report_id: Option<ReportId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CaseResult {
    Passed,
    /// Why.
    Skipped(String),
    /// The code, why, and the tracking id as a text to append; empty without one.
    Failed(String, String, String),
}

pub(super) fn junit(ending: &Ending<'_>) -> askama::Result<String> {
    let cases = ending.rows.iter().map(|row| TestCase {
        class: row.job.to_string(),
        name: words::lasting_name(row),
        result: CaseResult::of(ending, row),
        request_id: Some(row.id()),
        report_id: row.state.report_id().cloned(),
    });
    let began = ending.about.began_at.to_rfc3339_opts(SecondsFormat::Millis, false);
    let junit = Junit::new(ending.about.command, &ending.about.manifest, cases.collect());
    Junit { timestamp: Some(began), time: seconds(ending.elapsed()), ..junit }.render()
}

/// For commands whose duration nobody asks for.
pub fn checks_junit(
    command: &str,
    manifest: &str,
    cases: impl IntoIterator<Item = TestCase>,
) -> io::Result<String> {
    let junit = Junit::new(command, manifest, cases.into_iter().collect());
    junit.render().map_err(io::Error::other)
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

impl<'a> Junit<'a> {
    /// A name that repeats gets the id of its request, or its number, at its end.
    fn new(command: &'a str, manifest: &'a str, mut cases: Vec<TestCase>) -> Self {
        let mut names = HashSet::new();
        for (number, case) in cases.iter_mut().enumerate() {
            if !names.insert(case.name.clone()) {
                let id = case.request_id.map_or_else(|| number.to_string(), |id| id.to_string());
                case.name = format!("{} {id}", case.name);
            }
        }
        let count =
            |is_it: fn(&CaseResult) -> bool| cases.iter().filter(|it| is_it(&it.result)).count();
        Junit {
            command,
            manifest,
            timestamp: None,
            time: seconds(Duration::ZERO),
            failures: count(|result| matches!(result, CaseResult::Failed(..))),
            skipped: count(|result| matches!(result, CaseResult::Skipped(_))),
            cases,
        }
    }
}

impl CaseResult {
    /// Nothing counts; these differences are accepted.
    fn accepted(texts: Vec<String>) -> Self {
        if texts.is_empty() { CaseResult::Passed } else { CaseResult::Skipped(texts.join("; ")) }
    }

    fn of(ending: &Ending<'_>, row: &Row) -> Self {
        let skipped = |why: &str| CaseResult::Skipped(why.to_owned());
        let failed = |code: &str, why: String| {
            let tracking = row.last_answer.tracking_id.as_ref();
            let tracking = tracking.map_or_else(String::new, |id| format!(" (tracking id {id})"));
            CaseResult::Failed(code.to_owned(), why, tracking)
        };
        match &row.state {
            State::Failed { .. } | State::InDoubt { .. } => {
                failed(row.state.error_code(), row.state.text())
            }
            State::Pending { .. } => skipped("pending: not sent yet"),
            State::Sending { .. } => skipped("sending: in doubt, a report may exist"),
            State::Created(_) => match ending.collecting(row) {
                Collecting::Done => CaseResult::Passed,
                Collecting::Waiting if row.collected.error.is_empty() => {
                    skipped("not collected yet")
                }
                Collecting::Waiting => skipped(&row.collected.error),
                Collecting::Failed => failed("not_collected", row.collected.error.clone()),
            },
        }
    }
}

/// The class of test cases that are entries of `reconcile:`.
const LISTS: &str = "lists";

impl TestCase {
    /// An entry of `reconcile:` in a period.
    pub fn of_outcome(outcome: &ListOutcome<'_>, acceptances: &Acceptances) -> Self {
        let kind = DifferenceKind::NotReconciled.word().to_owned();
        let failed = || CaseResult::Failed(kind, outcome.summary(acceptances), String::new());
        let keys = outcome.outcome.differences().filter_map(|key| {
            let acceptance = acceptances.in_force(outcome.id(&key))?;
            Some(format!("{}: {}", outcome.named(&key), acceptance_text(acceptance)))
        });
        let agreed = || CaseResult::accepted(keys.collect());
        let name = format!("{} {}", outcome.entry.name, outcome.period);
        let result = if outcome.is_agreement(acceptances) { agreed() } else { failed() };
        TestCase::with(LISTS, &name, result)
    }

    /// About no request.
    fn with(class: &str, name: &str, result: CaseResult) -> Self {
        let (class, name) = (class.to_owned(), name.to_owned());
        TestCase { class, name, result, request_id: None, report_id: None }
    }

    fn new<'a>(class: &str, name: &str, differences: impl Iterator<Item = &'a Difference>) -> Self {
        let (counting, accepted): (Vec<&Difference>, Vec<&Difference>) =
            differences.partition(|it| it.counts());
        let kinds: Vec<&str> = counting.iter().map(|it| it.kind.word()).collect();
        let texts: Vec<String> = counting.iter().map(|it| it.advice()).collect();
        let failed = || CaseResult::Failed(kinds.join(", "), texts.join("; "), String::new());
        let said = accepted.iter().filter_map(|it| {
            let said = acceptance_text(it.acceptance.as_deref()?);
            Some(format!("{}, {}: {said}", it.kind.word(), it.what))
        });
        let agreed = || CaseResult::accepted(said.collect());
        TestCase::with(class, name, if kinds.is_empty() { agreed() } else { failed() })
    }

    fn of_list(list: &AuditedList) -> Self {
        let case = TestCase::new(LISTS, &list.name, list.difference.iter());
        let keys = list.accepted.iter();
        let keys = keys.map(|it| format!("{}: {}", it.what, acceptance_text(&it.acceptance)));
        match case.result {
            CaseResult::Passed => TestCase { result: CaseResult::accepted(keys.collect()), ..case },
            _ => case,
        }
    }
}

/// A case for each of `requests` (id, name, job), each sum, each list, and each sub-partner that has vanished.
pub fn audit_cases(audit: &Audit, requests: &[(RequestId, String, String)]) -> Vec<TestCase> {
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
            (_, None) => {} // of a list, which has its difference itself
        }
    }
    let rows = requests.iter().map(|(id, name, job)| {
        let differences = of_request.get(id).into_iter().flatten().copied();
        TestCase { request_id: Some(*id), ..TestCase::new(job, name, differences) }
    });
    let mut totals: Vec<String> = audit.totals.iter().map(Total::subject).collect();
    totals.dedup();
    let totals = totals.iter().map(|name| {
        TestCase::new("totals", name, of_totals.get(name.as_str()).copied().into_iter())
    });
    let lists = audit.lists.iter().map(TestCase::of_list);
    let vanished =
        vanished.into_iter().map(|it| TestCase::new("previous", &it.subject, [it].into_iter()));
    rows.chain(totals).chain(lists).chain(vanished).collect()
}
