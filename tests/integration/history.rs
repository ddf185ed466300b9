//! The history next to the ledger: what happened to each row, run after run; and that nothing depends on it.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::support::{Desk, Served, TOKEN, Validator, follows, own, partners};

const HISTORY: &str = "m.ledger.history.jsonl";

/// The lines of a history, each checked against the schema.
fn lines(desk: &Desk, name: &str) -> Vec<Value> {
    let schema = include_str!("../../schemas/history.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = Validator::new(&schema);
    let text = desk.read(name);
    let lines = text.lines().map(|line| {
        let line = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let result = validator.validate(&line);
        assert_eq!(result, Ok(()), "{line}");
        line
    });
    lines.collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

fn world() -> (Served, Desk) {
    let server = Served::new("");
    let jobs = partners(["good", "refused-404"], "USER", "2026-08");
    let desk = Desk::with(server.url(), &jobs);
    (server, desk)
}

#[test]
fn each_run_attempt_and_pause_has_its_line() {
    let (_server, desk) = world();
    desk.converge().arg("--type=USER").expect(1);
    let told = lines(&desk, HISTORY);
    let run = &told[0];
    assert_eq!(run["kind"], "run");
    assert_eq!(run["manifest"], "test");
    assert_eq!(run["selection"]["type"], serde_json::json!(["USER"]));
    assert!(run["login"].is_string() && run["host"].is_string(), "{run}");
    assert_eq!(run["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(run["manifest_sha256"].as_str().unwrap().len(), 64);
    let end = told.last().unwrap();
    assert_eq!((&end["kind"], &end["exit_code"]), (&"end".into(), &1.into()));
    assert_eq!(end["created"], 1);
    let ids: BTreeSet<&str> = told.iter().map(|line| line["run"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1);
    let attempts = of_kind(&told, "attempt");
    let created = attempts.iter().find(|line| line["outcome"] == "created").unwrap();
    let ledger = desk.ledger();
    let row = ledger.lines.iter().find(|row| row.0["status"] == "created").unwrap();
    assert_eq!(created["report_id"], row.0["report_id"].as_str());
    assert_eq!(created["tracking_id"], row.0["tracking_id"].as_str());
    assert!(created["latency_ms"].as_u64().is_some());
    assert_eq!(of_kind(&told, "failed").len(), 1);
    assert!(!desk.read(HISTORY).contains(TOKEN));

    // A second run sends the failed row again, and a finished one adds nothing but itself.
    let before = told.len();
    desk.converge().arg("--job=partners").arg("--sub-partner=good").expect(0);
    let told = lines(&desk, HISTORY);
    assert_eq!(told.len(), before + 2);
}

#[test]
fn a_row_s_life_is_told_line_by_line() {
    let (_server, desk) = world();
    desk.converge().expect(1);
    let ledger = desk.ledger();
    let of = |status: &str| {
        let row = ledger.lines.iter().find(|row| row.0["status"] == status);
        row.unwrap()["request_id"].to_owned()
    };
    let (created, failed) = (of("created"), of("failed"));
    desk.status().arg(format!("--history={created}")).expect(0).shows([
        "good USER 2026-08",
        " UTC  run            command=run version=",
        " UTC  attempt        attempt=1 latency_ms=",
        " outcome=created report_id=",
        " UTC  end            exit_code=1 ",
        "now: status=created report_id=",
    ]);
    desk.status().arg(format!("--history={failed}")).expect(0).shows([
        " outcome=refused http_status=404 ",
        " UTC  failed         error_code=",
        "now: status=failed http_status=404 error_code=",
    ]);
    let json =
        desk.status().arg(format!("--history={failed}")).arg("--format=json").expect(0).json();
    assert!(json.as_array().unwrap().len() > 3);
    for line in json.as_array().unwrap() {
        follows("history", line);
    }
    desk.status().arg("--history=r0000000000000000").expect(2).says(["no such request"]);
    desk.status()
        .arg("--history=Gable")
        .expect(2)
        .says(["is not a request id", "--rows` lists them"]);
    fs::remove_file(desk.path(HISTORY)).unwrap();
    desk.status()
        .arg(format!("--history={created}"))
        .expect(0)
        .shows(["the history says nothing of it", "now: status=created"]);
}

#[test]
fn what_people_decide_is_in_it() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["good"], "USER", "2026-08"));
    desk.converge().expect(0);
    let row = desk.ledger().lines[0].clone();
    let resolve =
        ["resolve", "m.ledger.csv", "--request", &row.0["request_id"], "--resend", "--replace"];
    desk.monthend(resolve).expect(0);
    let told = lines(&desk, HISTORY);
    let decided = of_kind(&told, "resolve");
    assert_eq!(decided.len(), 1);
    assert_eq!(decided[0]["replaced"], row.0["report_id"].as_str());
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    desk.converge().arg("--existing=adopt").expect(0);
    assert_eq!(of_kind(&lines(&desk, HISTORY), "existing").len(), 1);
}

#[test]
fn no_history_is_none() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-08"));
    desk.converge().arg("--no-history").expect(0);
    assert!(!desk.has(HISTORY));
    desk.converge().env("MONTHEND_NO_HISTORY", "1").expect(0);
    assert!(!desk.has(HISTORY));
}

/// Whatever stands in its place, a run is what it was: one warning more.
#[test]
fn nothing_depends_on_it() {
    let link = |to: &str, desk: &Desk| std::os::unix::fs::symlink(to, desk.path(HISTORY)).unwrap();
    for (what, warnings) in [("torn", 0), ("folder", 1), ("full", 1), ("nowhere", 1)] {
        let server = Served::new("");
        let desk = Desk::with(server.url(), &own("PARTNER, USER", "2026-08"));
        match what {
            "torn" => drop(desk.write(HISTORY, "{\"at\":\"2026-11-0")),
            "folder" => fs::create_dir(desk.path(HISTORY)).unwrap(),
            "full" => link("/dev/full", &desk),
            _ => link("no/such/folder/h", &desk),
        }
        let ended = desk.converge().arg("--quiet").expect(0);
        let told = ended.stderr.lines().filter(|line| !line.starts_with("SANDBOX"));
        assert_eq!(told.count(), warnings, "{ended}");
        if warnings > 0 {
            ended.says(["the history ", " cannot be written (", "the run goes on without it"]);
        } else {
            let text = desk.read(HISTORY);
            assert_eq!(text.lines().count(), 1 + 4, "{text}");
        }
        assert_eq!(desk.ledger().lines.len(), 2);
    }
}

#[test]
fn merge_unites_histories() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("PARTNER, USER", "2026-08"));
    for (name, of_type) in [("1.csv", "PARTNER"), ("2.csv", "USER")] {
        let ledger = format!("--ledger={name}");
        desk.converge().arg(ledger).arg(format!("--type={of_type}")).expect(0);
    }
    let merge = ["merge", "1.csv", "2.csv", "-o", "all.csv"];
    desk.monthend(merge).expect(0);
    let united = desk.read("all.history.jsonl");
    let (first, second) = (desk.read("1.history.jsonl"), desk.read("2.history.jsonl"));
    let parts: BTreeSet<&str> = first.lines().chain(second.lines()).collect();
    assert_eq!(united.lines().collect::<BTreeSet<_>>(), parts);
    assert_eq!(united.lines().count(), parts.len());
    let told = lines(&desk, "all.history.jsonl");
    assert!(told.is_sorted_by_key(|line| line["at"].as_str().unwrap().to_owned()));
    desk.monthend(merge).expect(0);
    assert_eq!(desk.read("all.history.jsonl"), united);
    // A link's target is where it lies.
    std::os::unix::fs::symlink("all.csv", desk.path("link.csv")).unwrap();
    desk.converge().arg("--ledger=link.csv").expect(0);
    assert!(!desk.has("link.history.jsonl"));
    assert_eq!(lines(&desk, "all.history.jsonl").len(), told.len() + 2);
}

/// What a file holds that lay there already was told by the run that brought it.
#[test]
fn a_file_that_lies_there_is_told_once() {
    let server = Served::new("reports: { completes_after: 0s }");
    let jobs = partners(["good"], "USER", "2026-08");
    let desk = Desk::with(server.url(), &jobs);
    for runs in 1..=2 {
        desk.converge().arg("--collect").expect(0);
        let told = lines(&desk, HISTORY);
        assert_eq!(of_kind(&told, "run").len(), runs);
        assert_eq!(of_kind(&told, "collected").len(), 1);
    }
}

/// Every way in which a report can fail to come: each is told, and nothing of an address or a token with it.
#[test]
fn what_is_not_collected_is_told_without_addresses_and_tokens() {
    use sandbox::{CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
    let server = Served::new(
        "token: { expires_after: 9, rotate_refresh: true }\n\
         reports: { completes_after: 0s, fail_for: [broken], never_done_for: [slow] }\n\
         downloads:\n\
         - { org: gone, then: { kind: status, status: 404 } }\n\
         - { org: refused, then: { kind: status, status: 403 } }\n\
         - { org: moved, then: { kind: redirect, location: \"https://example.com/?Signature=abc\" } }\n\
         - { org: page, then: { kind: html } }",
    );
    let who = ["good", "broken", "slow", "gone", "refused", "moved", "page"];
    let desk = Desk::with(server.url(), &partners(who, "USER", "2026-08"));
    desk.converge()
        .args(["--collect", "--wait=0s", "-vv"])
        .env("WEBEX_CLIENT_ID", CLIENT_ID)
        .env("WEBEX_CLIENT_SECRET", CLIENT_SECRET)
        .env("WEBEX_REFRESH_TOKEN", REFRESH_TOKEN)
        .expect(1);
    let told = lines(&desk, HISTORY);
    let collected = of_kind(&told, "collected");
    assert_eq!(collected.len(), 1);
    let ledger = desk.ledger();
    let row = &ledger.lines[0];
    assert_eq!(collected[0]["request_id"], row["request_id"]);
    assert_eq!(collected[0]["file"], row["report_file"]);
    assert_eq!(collected[0]["sha256"], row["report_sha256"]);
    assert_eq!(collected[0]["rows"].to_string(), row["report_rows"]);
    let not: BTreeSet<&str> = of_kind(&told, "not_collected")
        .iter()
        .map(|line| line["request_id"].as_str().unwrap())
        .collect();
    let expected: BTreeSet<&str> =
        ledger.lines[1..].iter().map(|line| &line["request_id"]).collect();
    assert_eq!(not, expected);
    let text = desk.read(HISTORY);
    let secrets = [TOKEN, CLIENT_SECRET, REFRESH_TOKEN, "Bearer"];
    let addresses = ["Signature", "Expires", "Key-Pair-Id", ".csv?", "/wholesale/"];
    for hidden in secrets.iter().chain(&addresses) {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

/// Nobody's file is added to because of its name, nor what a link of that name leads to.
#[test]
fn a_file_that_is_no_history_stays_as_it_is() {
    let server = Served::new("");
    for kind in ["notes", "json", "link", "link to a history"] {
        let desk = Desk::with(server.url(), &own("USER", "2026-08"));
        let text = match kind {
            "json" => "{\"mine\": 1}\n",
            "link to a history" => "{\"at\":\"2026-11-01T00:00:00Z\"}\n",
            _ => "my notes\n",
        };
        if kind.starts_with("link") {
            desk.write("diary", text);
            std::os::unix::fs::symlink("diary", desk.path(HISTORY)).unwrap();
        } else {
            desk.write(HISTORY, text);
        }
        let made = server.exchanges().len();
        let commands = [desk.converge(), desk.converge().arg("--collect"), desk.retry()];
        for command in commands {
            command.expect(2).says([HISTORY, "nothing was done"]);
        }
        assert_eq!((desk.read(HISTORY), server.exchanges().len()), (text.to_owned(), made));
        // Merged into, it stays, too.
        desk.converge().arg("--ledger=x.csv").expect(0);
        let merge = desk.monthend(["merge", "x.csv", "-o", "m.ledger.csv"]);
        merge.expect(0).says([HISTORY, "cannot be written"]);
        assert_eq!(desk.read(HISTORY), text);
        assert_eq!(desk.path(HISTORY).is_symlink(), kind.starts_with("link"));
    }
}
