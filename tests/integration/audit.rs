//! `audit`: every difference is named, and nothing is changed.

use std::fs;

use monthend::sandbox::Endpoint;
use serde_json::Value;

use crate::support::{Desk, LedgerFile, Served, own, partners};

const READY: &str = "reports: { completes_after: 0s }";
const TOTALS: &str = "audit:\n  totals: { column: CONSUMPTION, by: [SKU] }\n";
const CONTENT: &str = "NAME,SKU,CONSUMPTION\nAnn,A,10.1\nBo,A,20.5\n";

/// Six created rows: own and Acme, all types; each with a file that agrees with the others.
fn desk(server: &Served) -> Desk {
    let jobs = own("PARTNER, CUSTOMER, USER", "2026-09")
        + &partners(["Acme"], "PARTNER, CUSTOMER, USER", "2026-09")
        + TOTALS;
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    for place in 0..6 {
        lay(&desk, &mut ledger, place, CONTENT);
    }
    desk.write("m.ledger.csv", ledger.to_csv());
    desk
}

/// Puts a file where a row says that it was collected.
fn lay(desk: &Desk, ledger: &mut LedgerFile, place: usize, content: &str) {
    desk.lay("", ledger, place, content);
}

fn audit(desk: &Desk, args: &[&str], code: i32) -> Value {
    let command = desk.monthend(["audit", "m.yaml", "--format", "json"]);
    let ended = args
        .iter()
        .fold(command, |command, arg| command.arg(*arg))
        .expect(code);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended}"))
}

fn kinds(audit: &Value) -> Vec<&str> {
    let differences = audit["differences"].as_array().unwrap().iter();
    differences
        .map(|difference| difference["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn what_agrees_has_no_difference_and_nothing_is_changed() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let (ledger, files, sent) = (
        desk.read("m.ledger.csv"),
        desk.files(),
        server.exchanges().len(),
    );
    let found = audit(&desk, &[], 0);
    assert_eq!(kinds(&found), [""; 0]);
    assert_eq!(found["checked"]["requests"], 6);
    assert_eq!(found["checked"]["files"], 6);
    assert_eq!(found["checked"]["totals"], 2);
    assert_eq!(found["totals"][1]["sums"]["USER"], "30.6");
    let ended = desk.monthend(["audit", "m.yaml"]).expect(0);
    assert!(ended.stdout.ends_with("no differences\n"), "{ended}");
    assert!(ended.stdout.contains("Acme"), "{ended}");
    assert_eq!((desk.read("m.ledger.csv"), desk.files()), (ledger, files));
    let reads = [
        Some(Endpoint::List),
        Some(Endpoint::Get),
        Some(Endpoint::SubPartners),
    ];
    let exchanges = server.exchanges();
    let asked = &exchanges[sent..];
    assert!(
        asked
            .iter()
            .all(|exchange| reads.contains(&exchange.endpoint)),
        "{asked:#?}"
    );
    assert!(asked.len() <= 4, "two audits took {} requests", asked.len());
}

#[test]
fn files_that_are_missing_changed_or_never_collected_are_named() {
    let server = Served::new(READY);
    let desk = desk(&server);
    fs::remove_file(desk.path("reports/0.csv")).unwrap();
    desk.write("reports/4.csv", "NAME,SKU,CONSUMPTION\n");
    let mut ledger = desk.ledger();
    ledger.set(
        5,
        &[
            ("report_file", ""),
            ("report_sha256", ""),
            ("report_rows", ""),
        ],
    );
    desk.write("m.ledger.csv", ledger.to_csv());
    let found = audit(&desk, &[], 1);
    assert_eq!(
        kinds(&found),
        ["file_missing", "file_changed", "not_collected"]
    );
    let missing = &found["differences"][0];
    assert_eq!(missing["request_id"], ledger.lines[0]["request_id"]);
    assert_eq!(missing["report_id"], ledger.lines[0]["report_id"]);
    assert_eq!(missing["file"], "reports/0.csv");
    assert_eq!(
        missing["message"],
        "own PARTNER 2026-09: reports/0.csv is not there"
    );
    assert_eq!(found["checked"]["totals"], 1);
    assert_eq!(kinds(&audit(&desk, &["--no-files"], 0)), [""; 0]);
    assert_eq!(
        kinds(&audit(&desk, &["--type", "USER"], 1)),
        ["not_collected"]
    );
    let csv = desk
        .monthend(["audit", "m.yaml", "--format", "csv"])
        .expect(1)
        .stdout;
    assert!(
        csv.starts_with("kind,request_id,report_id,file,message\nfile_missing,r"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 4);
}

#[test]
fn reports_that_nobody_knows_are_gone_failed_or_second_are_named() {
    let server = Served::new("reports: { completes_after: 0s, fail_for: [broken] }");
    let jobs = partners(["a", "b", "c", "broken"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    let ledger = desk.ledger();
    // One line is lost; one names a report that was deleted; one request was made once more by another desk.
    let mut records = ledger.records();
    let id = records[0]
        .iter()
        .position(|name| name == "report_id")
        .unwrap();
    let other = Desk::with(server.url(), &partners(["c"], "USER", "2026-09"));
    other.converge().expect(0);
    let second = other.ledger().lines[0]["report_id"].to_owned();
    let gone = &mut records[2][id];
    let last = if gone.pop() == Some('A') { 'Q' } else { 'A' };
    gone.push(last);
    records.remove(1);
    desk.write("m.ledger.csv", crate::support::to_csv(&records, "\n"));
    let found = audit(&desk, &[], 1);
    let all = [
        "unknown",
        "gone",
        "duplicate",
        "not_collected",
        "server_failed",
    ];
    assert_eq!(kinds(&found), all, "{found:#}");
    let said = |place: usize| found["differences"][place]["message"].as_str().unwrap();
    assert_eq!(
        found["differences"][0]["report_id"],
        ledger.lines[0]["report_id"]
    );
    assert!(
        said(0).starts_with("a USER 2026-09: it has no row in the ledger"),
        "{found:#}"
    );
    assert!(said(2).contains(&second), "{found:#}");
    assert_eq!(
        found["differences"][2]["report_id"],
        ledger.lines[2]["report_id"]
    );
}

#[test]
fn sums_that_differ_are_told_and_a_column_that_is_not_there_is_offered() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let mut ledger = desk.ledger();
    lay(&desk, &mut ledger, 4, "SKU,CONSUMPTION\nA,30.8\nB,\n");
    lay(&desk, &mut ledger, 2, "SKU,CONSUMTION\nA,30.6\n");
    desk.write("m.ledger.csv", ledger.to_csv());
    let found = audit(&desk, &[], 1);
    assert_eq!(kinds(&found), ["totals_unknown", "totals_differ"]);
    let said = |place: usize| found["differences"][place]["message"].as_str().unwrap();
    assert_eq!(
        said(0),
        "own USER 2026-09: it has no column CONSUMPTION; did you mean CONSUMTION?"
    );
    assert_eq!(
        said(1),
        "Acme 2026-09: the sums of CONSUMPTION differ: SKU A: PARTNER 30.6, CUSTOMER 30.8, USER 30.6"
    );
    let table = desk.monthend(["audit", "m.yaml"]).expect(1).stdout;
    assert!(table.contains("differ\n"), "{table}");
}

#[test]
fn without_a_ledger_every_request_is_a_difference() {
    let server = Served::new(READY);
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    let found = audit(&desk, &[], 1);
    assert_eq!(kinds(&found), ["not_created"; 2]);
    assert!(!desk.has("m.ledger.csv"));
    assert_eq!(server.reports().len(), 0);
}

#[test]
fn what_keeps_an_audit_from_its_work_has_its_exit_code() {
    let mut server = Served::new(READY);
    let desk = desk(&server);
    let audit = || desk.monthend(["audit", "m.yaml"]);
    audit().without("WEBEX_ACCESS_TOKEN").expect(2);
    audit().arg("--sub-partner").arg("nobody").expect(2);
    audit().env("WEBEX_ACCESS_TOKEN", "wrong").expect(3);
    let ended = audit()
        .arg("--base-url")
        .arg("http://127.0.0.1:9/v1")
        .expect(4);
    assert!(ended.stderr.contains("reports of the sandbox"), "{ended}");
    server.stop();
    audit().expect(3);
    desk.write("m.ledger.csv", "no ledger\n");
    audit().expect(4);
}

#[test]
fn a_rehearsal_is_audited_against_its_own_sandbox() {
    let desk = Desk::with(
        "https://webexapis.com/v1",
        &partners(["a", "b"], "USER", "2026-09"),
    );
    let sandboxed = |command: &str| desk.monthend([command, "m.yaml", "--sandbox"]);
    sandboxed("run").expect(0);
    sandboxed("audit").arg("--no-files").expect(0);
}

#[test]
fn what_was_collected_agrees_until_someone_touches_it() {
    let server = Served::new(READY);
    let desk = Desk::with(
        server.url(),
        &partners(["a", "b"], "CUSTOMER, USER", "2026-09"),
    );
    desk.converge().arg("--collect").expect(0);
    let found = audit(&desk, &[], 0);
    assert_eq!(kinds(&found), [""; 0]);
    assert_eq!(found["checked"]["files"], 4);
    let ledger = desk.ledger();
    fs::remove_file(desk.path(&ledger.lines[1]["report_file"])).unwrap();
    assert_eq!(kinds(&audit(&desk, &[], 1)), ["file_missing"]);
    desk.monthend(["collect", "m.yaml"]).expect(0);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
}

/// The sandbox's files agree with each other, but where it is told otherwise.
#[test]
fn collected_files_are_added_up() {
    let config = "{ reports: { completes_after: 0s }, contents: { off_for: [wrong], renamed_for: [other] } }";
    let server = Served::new(config);
    let jobs = own("PARTNER, CUSTOMER, USER", "2026-09")
        + &partners(
            ["a", "wrong", "other"],
            "PARTNER, CUSTOMER, USER",
            "2026-09",
        )
        + TOTALS;
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().arg("--collect").expect(0);
    let found = audit(&desk, &[], 1);
    assert_eq!(kinds(&found), ["totals_differ", "totals_unknown"]);
    let said = |place: usize| found["differences"][place]["message"].as_str().unwrap();
    assert!(
        said(0).starts_with("wrong 2026-09: the sums of CONSUMPTION differ: SKU "),
        "{found:#}"
    );
    assert!(
        said(1).starts_with("other USER 2026-09: it has no column CONSUMPTION"),
        "{found:#}"
    );
    assert_eq!(found["checked"]["totals"], 4);
    assert_eq!(kinds(&audit(&desk, &["--sub-partner", "own"], 0)), [""; 0]);
}
