//! Never lost, never twice: SIGKILL at random points, against a server in another process that loses answers too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fastrand::Rng;
use sandbox::Endpoint;

use crate::support::{Apart, Desk, Served, eventually, many, own, partners, partners_with, seed};

/// A server that loses every fourth answer after it did what was asked, and refuses now and then.
const LOSSY: &str = "
rate_limit: { limiter: { kind: token_bucket, rate: 400, burst: 40 }, retry_after: fractional }
latency: { fixed: 4ms, jitter: 8ms }
reports: { check_calendar: false, list_lag: 20ms, page_size: 7 }
faults:
  - when: { endpoint: create, probability: 0.25 }
    then:
      - { kind: reset, processed: true }
      - { kind: reset }
      - { kind: status, status: 500, processed: true }
      - { kind: status, status: 502 }
      - { kind: truncated }
      - { kind: no_id }
  - when: { probability: 0.05 }
    then: [{ kind: reset }, { kind: status, status: 503 }]
";

/// What the server has made, by the state file that it keeps: who asked for it, and the reports.
fn made(desk: &Desk) -> BTreeMap<String, Vec<String>> {
    let mut made: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in desk.read("state").lines() {
        let record: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let record = record.get("made").unwrap_or(&record);
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        if record.get("start").is_some() {
            let asked = ["sub_partner", "type", "start", "end"].map(text).join(" ");
            made.entry(format!("{asked} {}", record["internal"])).or_default().push(text("id"));
        }
    }
    made
}

/// Every row is created, by the report that the server made for exactly this request.
#[track_caller]
fn all_is_well(desk: &Desk, ledgers: &[String], rows: usize) {
    let mut made = made(desk);
    for ledger in ledgers {
        for line in &desk.ledger_at(ledger).at_rest(rows).lines {
            assert_eq!(&line["status"], "created", "{line:?}");
            let asked = [
                "sub_partner_org_id",
                "type",
                "billing_start_date",
                "billing_end_date",
                "internal",
            ]
            .map(|column| line[column].to_owned())
            .join(" ");
            let reports = made.remove(&asked).unwrap_or_default();
            assert_eq!(reports, [line["report_id"].to_owned()], "made for {asked}");
        }
    }
    assert!(made.is_empty(), "made and in no ledger: {made:?}");
}

#[test]
fn fifty_kills_lose_nothing_and_make_nothing_twice() {
    const KILLS: usize = 50;
    let mut rng = Rng::with_seed(seed());
    let desk = Desk::new();
    desk.write("s.yaml", format!("seed: {}\n{LOSSY}", rng.u32(..)));
    let server = Apart::start(&desk.path("s.yaml"), &desk.path("state"));
    let (mut kills, mut ledgers) = (0, Vec::new());
    while kills < KILLS {
        let batch = ledgers.len();
        let names: Vec<String> = (0..24).map(|n| format!("b{batch}p{n}")).collect();
        let named = || names.iter().map(String::as_str);
        // Twins too: with and without `internal`.
        let jobs = partners(named(), "CUSTOMER, USER", "2026-09")
            + &partners_with(named().take(6), "USER", "2026-09", "internal: true")
                .replace("name: partners", "name: internal");
        desk.manifest_with(&server.url, "retry.settle: 500ms", &jobs);
        let ledger = format!("{batch}.csv");
        let run = || desk.monthend(["run", "m.yaml", "--quiet", "--ledger", &ledger]);
        for _ in 0..12 {
            let mut running = run().start();
            std::thread::sleep(Duration::from_millis(rng.u64(1..220)));
            kills += usize::from(running.kill());
            // Whatever is left is a ledger, or none was begun yet.
            if desk.has(&ledger) {
                desk.monthend(["status", &ledger]).expect(0);
            }
        }
        run().expect(0);
        run().expect(0);
        ledgers.push(ledger);
    }
    println!("{kills} kills, {} requests", ledgers.len() * 54);
    all_is_well(&desk, &ledgers, 54);
}

#[test]
fn the_partners_own_rows_survive_kills_beside_their_twins() {
    let mut rng = Rng::with_seed(seed());
    let desk = Desk::new();
    desk.write("s.yaml", format!("seed: {}\n{LOSSY}", rng.u32(..)));
    let server = Apart::start(&desk.path("s.yaml"), &desk.path("state"));
    let jobs = own("PARTNER, CUSTOMER, USER", "2026-08, 2026-09")
        + &partners(["a", "b", "c"], "PARTNER, USER", "2026-08, 2026-09");
    desk.manifest_with(&server.url, "retry.settle: 500ms", &jobs);
    for _ in 0..8 {
        let mut running = desk.converge().start();
        std::thread::sleep(Duration::from_millis(rng.u64(20..150)));
        running.kill();
    }
    // Twins that were in doubt together cannot arise, so nothing needs a person.
    desk.converge().expect(0);
    all_is_well(&desk, &["m.ledger.csv".to_owned()], 18);
}

#[test]
fn a_server_that_is_killed_too_is_survived() {
    let mut rng = Rng::with_seed(seed());
    let desk = Desk::new();
    desk.write("s.yaml", format!("seed: {}\n{LOSSY}", rng.u32(..)));
    let jobs = many(40);
    for _ in 0..6 {
        let server = Apart::start(&desk.path("s.yaml"), &desk.path("state"));
        desk.manifest_with(
            &server.url,
            "retry.settle: 500ms\nretry.max_consecutive_failures: 5",
            &jobs,
        );
        let mut running = desk.converge().start();
        std::thread::sleep(Duration::from_millis(rng.u64(10..120)));
        drop(server);
        if rng.bool() {
            running.kill();
        } else {
            let ended = running.wait();
            assert!(matches!(ended.code, Some(0 | 3)), "{ended}");
        }
    }
    let server = Apart::start(&desk.path("s.yaml"), &desk.path("state"));
    desk.manifest_with(&server.url, "retry.settle: 500ms", &jobs);
    desk.converge().expect(0);
    all_is_well(&desk, &["m.ledger.csv".to_owned()], 40);
}

/// The intent is on the disk before its create leaves: whatever the server has seen stands in the ledger.
#[test]
fn whatever_the_server_saw_stands_in_the_ledger_of_a_killed_run() {
    let server = Served::new("latency: { fixed: 20ms }");
    let names: Vec<String> = (0..200).map(|n| format!("p{n}")).collect();
    let desk =
        Desk::with(server.url(), &partners(names.iter().map(String::as_str), "USER", "2026-09"));
    let mut running = desk.converge().start();
    eventually("it runs", || server.reports().len() > 30);
    assert!(running.kill());
    let seen: BTreeSet<String> = server
        .bodies()
        .iter()
        .map(|body| body["subPartnerOrgId"].as_str().unwrap().to_owned())
        .collect();
    let mut last: BTreeMap<String, (String, String)> = BTreeMap::new();
    for line in desk.ledger().lines {
        last.insert(
            line["sub_partner_org_id"].to_owned(),
            (line["status"].to_owned(), line["intent_at"].to_owned()),
        );
    }
    assert_eq!(last.len(), 200, "the whole plan stands there from the beginning");
    for org in seen {
        let (status, intent) = &last[&org];
        assert!(
            status == "created" || (status == "sending" && !intent.is_empty()),
            "{org}: {status}"
        );
    }
    desk.converge().expect(0);
    server.nothing_twice();
    assert!(server.at(Endpoint::List).len() > 1, "those in doubt were looked for");
    assert_eq!(desk.ledger().at_rest(200).report_ids(), server.report_ids());
}
