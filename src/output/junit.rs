//! `--junit`: one test case for each selected row.

use std::{collections::HashSet, time::Duration};

use quick_junit::{
    NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite, XmlString,
};

use super::{
    ending::{Collecting, Ending},
    words,
};
use crate::{
    audit::ListOutcome,
    ledger::{Row, State},
    text::one_line,
};

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

/// A test case for each entry of `reconcile:` and period.
pub fn reconcile_junit(
    manifest: &str,
    outcomes: &[ListOutcome<'_>],
) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(text(manifest));
    for outcome in outcomes {
        let mut status = TestCaseStatus::success();
        if !outcome.is_agreement() {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(text("not_reconciled"));
            status.set_message(text(&outcome.summary()));
            status.set_description(text(&outcome.summary()));
        }
        let name = format!("{} {}", outcome.entry.name, outcome.period);
        let mut case = TestCase::new(text(&name), status);
        case.set_classname("lists");
        suite.add_test_case(case);
    }
    written("reconcile", suite)
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
