//! `audit`: every difference is named, and nothing is changed.

use std::fs;

use sandbox::Endpoint;
use serde_json::Value;

use crate::support::{Desk, LedgerFile, Served, TOKEN, follows, own, partners};

const READY: &str = "reports: { completes_after: 0s }";
const TOTALS: &str =
    "audit:\n  totals: { column: CONSUMPTION, by: [SKU], not_in: { USER: [A-COMMON-AREA] } }\n";
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
    let ended = args.iter().fold(command, |command, arg| command.arg(*arg)).expect(code);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended}"))
}

fn kinds(audit: &Value) -> Vec<&str> {
    let differences = audit["differences"].as_array().unwrap().iter();
    differences.map(|difference| difference["kind"].as_str().unwrap()).collect()
}

#[test]
fn what_agrees_has_no_difference_and_nothing_is_changed() {
    let server = Served::new(READY);
    let desk = desk(&server);
    let (ledger, files, sent) = (desk.read("m.ledger.csv"), desk.files(), server.exchanges().len());
    let found = audit(&desk, &[], 0);
    assert_eq!(kinds(&found), [""; 0]);
    assert_eq!(found["checked"]["requests"], 6);
    assert_eq!(found["checked"]["files"], 6);
    assert_eq!(found["checked"]["totals"], 2);
    assert_eq!(found["totals"][1]["sums"]["USER"], "30.6");
    let ended = desk.monthend(["audit", "m.yaml"]).expect(0);
    let close = "\nno differences\n\nto close the month, once nothing more is to come:\n  ";
    assert!(ended.stdout.contains(close), "{ended}");
    assert!(ended.stdout.ends_with("monthend close m.yaml\n"), "{ended}");
    assert!(ended.stdout.contains("Acme"), "{ended}");
    assert_eq!((desk.read("m.ledger.csv"), desk.files()), (ledger, files));
    let reads = [Some(Endpoint::List), Some(Endpoint::Get), Some(Endpoint::SubPartners)];
    let exchanges = server.exchanges();
    let asked = &exchanges[sent..];
    assert!(asked.iter().all(|exchange| reads.contains(&exchange.endpoint)), "{asked:#?}");
    assert!(asked.len() <= 4, "two audits took {} requests", asked.len());
}

#[test]
fn files_that_are_missing_changed_or_never_collected_are_named() {
    let server = Served::new(READY);
    let desk = desk(&server);
    fs::remove_file(desk.path("reports/0.csv")).unwrap();
    desk.write("reports/4.csv", "NAME,SKU,CONSUMPTION\n");
    let mut ledger = desk.ledger();
    ledger.set(5, &[("report_file", ""), ("report_sha256", ""), ("report_rows", "")]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let found = audit(&desk, &[], 1);
    assert_eq!(kinds(&found), ["file_missing", "file_changed", "not_collected"]);
    let missing = &found["differences"][0];
    assert_eq!(missing["request_id"], ledger.lines[0]["request_id"]);
    assert_eq!(missing["report_id"], ledger.lines[0]["report_id"]);
    assert_eq!(missing["file"], "reports/0.csv");
    assert_eq!(
        missing["message"],
        "own PARTNER 2026-09: reports/0.csv is not there; `monthend collect` downloads it"
    );
    // What is missing was not read.
    assert_eq!(found["checked"]["files"], 4);
    assert_eq!(found["checked"]["totals"], 1);
    assert_eq!(kinds(&audit(&desk, &["--no-files"], 0)), [""; 0]);
    assert_eq!(kinds(&audit(&desk, &["--type", "USER"], 1)), ["not_collected"]);
    let csv = desk.monthend(["audit", "m.yaml", "--format", "csv"]).expect(1).stdout;
    assert!(
        csv.starts_with("kind,request_id,report_id,file,message,id,accepted\nfile_missing,r"),
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
    let id = records[0].iter().position(|name| name == "report_id").unwrap();
    let other = Desk::with(server.url(), &partners(["c"], "USER", "2026-09"));
    other.converge().expect(0);
    let second = other.ledger().lines[0]["report_id"].to_owned();
    let gone = &mut records[2][id];
    let last = if gone.pop() == Some('A') { 'Q' } else { 'A' };
    gone.push(last);
    records.remove(1);
    desk.write("m.ledger.csv", crate::support::to_csv(&records, "\n"));
    let found = audit(&desk, &[], 1);
    let all = ["unknown", "gone", "duplicate", "not_collected", "server_failed"];
    assert_eq!(kinds(&found), all, "{found:#}");
    let said = |place: usize| found["differences"][place]["message"].as_str().unwrap();
    assert_eq!(found["differences"][0]["report_id"], ledger.lines[0]["report_id"]);
    assert!(said(0).starts_with("a USER 2026-09: it has no row in the ledger"), "{found:#}");
    assert!(said(2).contains(&second), "{found:#}");
    assert_eq!(found["differences"][2]["report_id"], ledger.lines[2]["report_id"]);
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
        "own USER 2026-09: it has no column CONSUMPTION; did you mean CONSUMTION? correct `audit.totals` in the manifest, \
         or ask for the file"
    );
    assert_eq!(
        said(1),
        "Acme 2026-09: the sums of CONSUMPTION differ: SKU A: PARTNER 30.6, CUSTOMER 30.8, USER 30.6; compare \
         them with the invoice, and ask whoever sends it"
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
    let ended = audit().arg("--base-url").arg("http://127.0.0.1:9/v1").expect(4);
    assert!(ended.stderr.contains("reports of the sandbox"), "{ended}");
    server.stop();
    audit().expect(3);
    desk.write("m.ledger.csv", "no ledger\n");
    audit().expect(4);
}

#[test]
fn a_rehearsal_is_audited_against_its_own_sandbox() {
    let desk = Desk::with("https://webexapis.com/v1", &partners(["a", "b"], "USER", "2026-09"));
    let sandboxed = |command: &str| desk.monthend([command, "m.yaml", "--sandbox"]);
    sandboxed("run").expect(0);
    sandboxed("audit").arg("--no-files").expect(0);
}

#[test]
fn what_was_collected_agrees_until_someone_touches_it() {
    let server = Served::new(READY);
    let desk = Desk::with(server.url(), &partners(["a", "b"], "CUSTOMER, USER", "2026-09"));
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
        + &partners(["a", "wrong", "other"], "PARTNER, CUSTOMER, USER", "2026-09")
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
    assert!(said(1).starts_with("other USER 2026-09: it has no column CONSUMPTION"), "{found:#}");
    assert_eq!(found["checked"]["totals"], 4);
    assert_eq!(kinds(&audit(&desk, &["--sub-partner", "own"], 0)), [""; 0]);
}

/// A month without files is not proven, whatever keeps them away.
#[test]
fn a_report_without_a_file_is_a_difference_complete_or_not() {
    let server = Served::new("reports: { completes_after: 10h }");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().expect(0);
    let said = |found: &Value| -> Vec<String> {
        let all = found["differences"].as_array().unwrap().iter();
        all.map(|d| d["message"].as_str().unwrap().to_owned()).collect()
    };
    // Never asked for, and asked for in vain.
    for collects in [false, true] {
        if collects {
            desk.monthend(["collect", "m.yaml", "--wait=0s"]).expect(1);
        }
        let found = audit(&desk, &[], 1);
        assert_eq!(kinds(&found), ["not_collected"; 2]);
        assert_eq!(
            said(&found)[0],
            "a USER 2026-09: its report is not complete (IN_PROGRESS), and so it is not collected; `monthend collect` \
             downloads it"
        );
        let found = audit(&desk, &["--offline"], 1);
        assert_eq!(kinds(&found), ["not_collected"; 2]);
        let known = if collects {
            "its report was, when the server was last asked, not complete (IN_PROGRESS)"
        } else {
            "it is not known whether its report is complete"
        };
        assert!(said(&found)[0].contains(known), "{found:#}");
        assert_eq!(kinds(&audit(&desk, &["--no-files"], 0)), [""; 0]);
    }
}

/// Without a server all else is compared, and the output says what is not.
#[test]
fn an_audit_without_a_server_needs_no_token_and_says_what_it_leaves_out() {
    let mut server = Served::new(READY);
    let desk = Desk::with(server.url(), &partners(["a", "b", "c"], "USER", "2026-09"));
    desk.converge().arg("--collect").expect(0);
    server.stop();
    let offline = |code| {
        let command = desk.monthend(["audit", "m.yaml"]).without("WEBEX_ACCESS_TOKEN");
        command.env("MONTHEND_OFFLINE", "1").expect(code)
    };
    let files = desk.files();
    offline(0).shows([
        "no differences\n",
        "gone, server_failed, duplicate and unknown were not looked for",
    ]);
    // A file that is missing, one that was changed, and one that was changed together with its hash.
    let mut ledger = desk.ledger();
    let file = |place: usize| ledger.lines[place]["report_file"].to_owned();
    let (missing, changed, both) = (file(0), file(1), file(2));
    fs::remove_file(desk.path(&missing)).unwrap();
    desk.write(&changed, "SKU\n1\n");
    desk.write(&both, "SKU\n2\n");
    let hash = |text: &str| {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(text);
        digest.iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let collected = ledger.lines[2]["report_sha256"].to_owned();
    ledger.set(2, &[("report_sha256", &hash("SKU\n2\n"))]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let command = desk.monthend(["audit", "m.yaml", "--offline", "--format=json"]);
    let found = command.without("WEBEX_ACCESS_TOKEN").expect(1).json();
    follows("audit", &found);
    assert_eq!(found["offline"], true);
    assert_eq!(found["exit_code"], 1);
    assert_eq!(kinds(&found), ["file_missing", "file_changed", "file_changed"]);
    let said = found["differences"][2]["message"].as_str().unwrap();
    assert!(said.contains(&collected) && said.contains("as the history says"), "{said}");
    // No history: only the ledger's hash counts.
    fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    assert_eq!(kinds(&audit(&desk, &["--offline"], 1)), ["file_missing", "file_changed"]);
    assert_eq!(desk.files(), files, "nothing is made, not even a lock");
    offline(1).shows(["file_missing"]);
}

/// Who tampers with a file and with its hash in the ledger is betrayed by the history.
#[test]
fn a_hash_that_the_history_does_not_know_is_named_and_shown() {
    let server = Served::new(READY);
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().arg("--collect").expect(0);
    let mut ledger = desk.ledger();
    let (id, collected) = {
        let line = &ledger.lines[0];
        (line["request_id"].to_owned(), line["report_sha256"].to_owned())
    };
    let life = || desk.monthend(["status", "m.ledger.csv", "--history", &id]).expect(0);
    assert_eq!(life().stdout.matches(&collected).count(), 2, "when it was collected, and now");
    desk.lay("", &mut ledger, 0, "SKU\n1\n");
    desk.write("m.ledger.csv", ledger.to_csv());
    assert_eq!(kinds(&audit(&desk, &[], 1)), ["file_changed"]);
    life().shows([&*collected, &ledger.lines[0]["report_sha256"]]);
    // Collected again it is all right again: the last word of the history counts.
    follow(&desk, 1);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
    desk.write(&desk.ledger().lines[0]["report_file"], "SKU\n3\n");
    follow(&desk, 1);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
}

/// Types what an audit says at its end, in a shell, as often as it says something.
#[track_caller]
fn follow(desk: &Desk, most: usize) {
    for _ in 0..most {
        let ended = desk.monthend(["audit", "m.yaml"]).expect(1);
        let command = ended.stdout.lines().last().unwrap().trim().to_owned();
        assert!(command.contains("monthend "), "{ended}");
        let typed = std::process::Command::new("sh")
            .args(["-c", &command])
            .current_dir(desk.folder())
            .env("WEBEX_ACCESS_TOKEN", TOKEN)
            .env("MONTHEND_NO_DATE_CHECK", "1")
            .output()
            .unwrap();
        assert!(matches!(typed.status.code(), Some(0 | 1)), "{command}: {typed:?}");
    }
}

/// Whatever an audit names, typing what it says at its end brings it nearer to no difference.
#[test]
fn the_command_at_the_end_makes_progress() {
    let config = "{ reports: { completes_after: 0s, fail_for: [broken] } }";
    let server = Served::new(config);
    let jobs = partners(["a", "b", "c", "d", "refused-403"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    // No ledger; then reports without files; then the failed row alone, whose cause stays.
    follow(&desk, 2);
    let found = audit(&desk, &[], 1);
    assert_eq!(
        kinds(&found),
        ["not_collected", "not_collected", "not_collected", "not_collected", "not_created"]
    );
    let ended = desk.monthend(["audit", "m.yaml"]).expect(1);
    let last = ended.stdout.lines().last().unwrap();
    assert!(last.ends_with("monthend retry m.yaml"), "{ended}");
    desk.manifest(server.url(), &partners(["a", "b", "c", "d"], "USER", "2026-09"));
    follow(&desk, 1);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);

    // A file that is missing, one that was changed.
    let file = |place: usize| desk.ledger().lines[place]["report_file"].to_owned();
    fs::remove_file(desk.path(&file(0))).unwrap();
    follow(&desk, 1);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
    desk.write(&file(1), "x\n");
    follow(&desk, 1);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);

    // What is no file, in the place of one.
    let place = desk.path(&file(1));
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert_eq!(kinds(&audit(&desk, &[], 1)), ["file_missing"]);
    follow(&desk, 1);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
    fs::remove_file(&place).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&place).status();
    assert!(made.unwrap().success());
    assert_eq!(kinds(&audit(&desk, &["--offline"], 1)), ["file_missing"]);
    fs::remove_dir(place.with_extension("csv.moved")).unwrap();
    follow(&desk, 1);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);

    // A ledger that lost a line: the server has the report.
    let mut records = desk.ledger().records();
    records.remove(3);
    desk.write("m.ledger.csv", crate::support::to_csv(&records, "\n"));
    assert_eq!(kinds(&audit(&desk, &[], 1)), ["unknown"]);
    let made = server.reports().len();
    follow(&desk, 2);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
    assert_eq!(server.reports().len(), made, "nothing was created twice");

    // A report that the server does not have any more.
    let mut ledger = desk.ledger();
    let lost = ledger.lines[2]["report_id"].to_owned();
    let mut id = lost.clone();
    let last = if id.pop() == Some('A') { 'Q' } else { 'A' };
    id.push(last);
    ledger.set(2, &[("report_id", &id)]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let found = audit(&desk, &[], 1);
    assert_eq!(kinds(&found)[0], "gone");
    follow(&desk, 3);
    // The report of before was still there, and is taken again.
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
    assert_eq!(desk.ledger().lines[2]["report_id"], lost);
}

/// A run that would start over is refused there, so nobody is sent to it.
#[test]
fn a_lost_ledger_is_no_reason_to_create_everything_again() {
    let server = Served::new(READY);
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().arg("--collect").expect(0);
    let made = server.reports().len();
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    let offline = desk.monthend(["audit", "m.yaml", "--offline"]).expect(1);
    offline.says(["there is no ledger at m.ledger.csv, but m.ledger.history.jsonl shows creates of 2 requests"]).shows([
        "2 not_created\n",
        "monthend run m.yaml --existing adopt\n",
    ]);
    follow(&desk, 2);
    assert_eq!(kinds(&audit(&desk, &[], 0)), [""; 0]);
    assert_eq!(server.reports().len(), made);
}

/// The server could not generate it: the ledger has to learn that before it can be recreated.
#[test]
fn a_report_that_the_server_could_not_generate_is_recreated_by_what_is_said() {
    let server = Served::new("reports: { completes_after: 0s, fail_for: [broken] }");
    let desk = Desk::with(server.url(), &partners(["broken"], "USER", "2026-09"));
    desk.converge().expect(0);
    let id = || desk.ledger().lines[0]["report_id"].to_owned();
    let first = id();
    assert_eq!(kinds(&audit(&desk, &[], 1)), ["server_failed"]);
    follow(&desk, 2);
    assert_ne!(id(), first);
}

/// Which of two candidates is the row's, an audit cannot know: it shows the row, and decides nothing.
#[test]
fn a_row_in_doubt_is_shown_before_it_is_decided() {
    let server = Served::new(READY);
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    let text =
        "it cannot be known which is its own; decide with `monthend resolve` between: one, two";
    let cells =
        [("status", "failed"), ("report_id", ""), ("error_code", "in_doubt"), ("error", text)];
    ledger.set(0, &cells);
    desk.write("m.ledger.csv", ledger.to_csv());
    let before = desk.read("m.ledger.csv");
    let ended = desk.monthend(["audit", "m.yaml", "--offline"]).expect(1);
    ended.shows([
        "its row is in doubt (it cannot be known which is its own; candidates: one, two); a person decides, with `monthend resolve`",
        "monthend resolve m.yaml\n",
    ]);
    let listed = desk.monthend(["resolve", "m.yaml"]).expect(0);
    listed.shows(["  report one\n", "  report two\n"]);
    follow(&desk, 1);
    assert_eq!(desk.read("m.ledger.csv"), before);
}

/// A wrong column concerns every file, and is one mistake.
#[test]
fn a_column_that_no_file_has_is_one_line_of_the_table() {
    let server = Served::new(READY);
    let jobs = partners(["a", "b", "c", "d", "e", "f"], "CUSTOMER, USER", "2026-09")
        + "audit:\n  totals: { column: AMOUNT }\n";
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().arg("--collect").expect(0);
    let ended = desk.monthend(["audit", "m.yaml", "--offline"]).expect(1);
    let lines: Vec<&str> =
        ended.stdout.lines().filter(|line| line.starts_with("totals_unknown")).collect();
    // Two types have other columns to offer.
    assert!(lines.len() <= 2, "{ended}");
    assert!(
        lines[0].contains("a CUSTOMER 2026-09, ")
            && lines[0].contains(" more: it has no column AMOUNT; "),
        "{ended}"
    );
    ended.shows(["12 differences: 12 totals_unknown\n"]);
    let page = desk.monthend(["report", "m.yaml", "-o", "p.html"]);
    page.expect(0);
    let page = desk.read("p.html");
    assert!(page.matches("it has no column AMOUNT").count() <= 2);
    assert!(page.contains("Not in order: 12 files without a sum."), "{page}");
}

/// Rows that the manifest does not name any more are in no comparison, and are named all the same.
#[test]
fn rows_that_the_plan_does_not_have_are_named_in_a_note() {
    let server = Served::new(READY);
    let desk = Desk::with(server.url(), &partners(["a", "Huber"], "USER", "2026-08, 2026-09"));
    desk.converge().arg("--collect").expect(0);
    desk.manifest(server.url(), &partners(["a"], "USER", "2026-09"));
    let ended = desk.monthend(["audit", "m.yaml"]).expect(0);
    ended.shows([
        "no differences\n",
        "note: 3 rows of the ledger are not in the plan and not compared: a USER 2026-08, \
         Huber USER 2026-08, Huber USER 2026-09\n",
    ]);
    let found = audit(&desk, &["--period=2026-09"], 0);
    let note = found["notes"][0].as_str().unwrap();
    assert!(note.contains("1 row ") && note.ends_with("Huber USER 2026-09"), "{note}");
    let csv = desk.monthend(["audit", "m.yaml", "--format=csv"]).expect(0);
    assert!(!csv.stderr.contains("warning"), "{csv}");
    csv.says(["Huber USER 2026-08"]);
    assert_eq!(
        audit(&desk, &["--type=USER", "--period=2026-09", "--sub-partner=a"], 0)["notes"],
        serde_json::json!([])
    );
}

/// A file that cannot be downloaded again is not to be collected: the next command gets on.
#[test]
fn a_missing_file_of_a_report_that_is_gone_is_no_work_for_collect() {
    let desk = Desk::with("http://127.0.0.1:1", &partners(["a", "b"], "USER", "2026-09"));
    let monthend = |words: &[&str]| desk.monthend([words, &["m.yaml", "--sandbox"]].concat());
    monthend(&["run", "--collect"]).expect(0);
    fs::remove_file(desk.path("m.ledger.sandbox.csv.state")).unwrap();
    let file = desk.ledger_at("m.ledger.sandbox.csv").lines[0]["report_file"].to_owned();
    let id = desk.ledger_at("m.ledger.sandbox.csv").lines[0]["request_id"].to_owned();
    let recreate = format!("--request {id} --resend --replace");
    for changed in [false, true] {
        if changed {
            drop(desk.write(&file, "changed"))
        } else {
            fs::remove_file(desk.path(&file)).unwrap()
        }
        monthend(&["audit"]).expect(1).shows(["gone", &recreate]);
        let force = if changed { &["--force"][..] } else { &[] };
        let collect = [&["collect"], force].concat();
        monthend(&collect).expect(1).shows([&*recreate]);
        monthend(&["audit", "--offline"]).expect(1).shows([&*recreate]);
        monthend(&["audit"]).expect(1).shows([&*recreate]);
    }
}
