//! The main job: a run makes every planned report and remembers it, a second one has nothing to do, a retry sends
//! what is left.

use serde_json::json;

use crate::support::{Desk, Served, own, partner, partners, partners_with, redact};

/// The cells that say what is asked for.
const ASKED: [&str; 6] =
    ["job", "sub_partner", "type", "billing_start_date", "billing_end_date", "internal"];

#[test]
fn a_run_makes_every_report_and_a_second_one_sends_nothing() {
    let server = Served::new("");
    let jobs = own("PARTNER, CUSTOMER", "2026-08, {start: 2026-09-01, end: 2026-09-15}")
        + &partners_with(["acme", "beta"], "USER", "2026-09", "internal: true");
    let desk = Desk::with(server.url(), &jobs);

    let first = desk.converge().expect(0);
    first.says(["no ledger at", "m.ledger.csv", "starts a new one"]);
    let ledger = desk.ledger().at_rest(6);
    let asked: Vec<Vec<&str>> =
        ledger.lines.iter().map(|line| ASKED.map(|column| &line[column]).to_vec()).collect();
    let expected: Vec<Vec<&str>> = [
        "own,,PARTNER,2026-08-01,2026-08-31,false",
        "own,,CUSTOMER,2026-08-01,2026-08-31,false",
        "own,,PARTNER,2026-09-01,2026-09-15,false",
        "own,,CUSTOMER,2026-09-01,2026-09-15,false",
        "partners,acme,USER,2026-09-01,2026-09-30,true",
        "partners,beta,USER,2026-09-01,2026-09-30,true",
    ]
    .map(|line| line.split(',').collect())
    .to_vec();
    assert_eq!(asked, expected);
    assert_eq!(ledger.count("created"), 6);
    assert_eq!(ledger.report_ids(), server.report_ids());
    assert_eq!(ledger.lines[4]["sub_partner_org_id"], partner("acme"));
    for line in &ledger.lines {
        assert_eq!((&line["attempts"], &line["http_status"]), ("1", "200"));
        assert!(line["intent_at"].is_empty() && line["error"].is_empty());
    }
    assert_eq!(desk.files(), ["m.ledger.csv", "m.yaml"], "only the ledger is left");

    let (before, seen) = (desk.read("m.ledger.csv"), server.exchanges().len());
    let second = desk.converge().expect(0);
    second.shows(["6  created before"]);
    assert_eq!(server.exchanges().len(), seen, "a second run sends nothing");
    assert_eq!(desk.read("m.ledger.csv"), before, "and changes nothing");
}

#[test]
fn what_is_asked_for_reaches_the_server() {
    let server = Served::new("");
    let jobs = own("PARTNER", "2026-09")
        + &partners_with(
            ["acme"],
            "USER",
            "{start: 2026-02-01, end: 2026-02-28}",
            "internal: true",
        );
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    let mut bodies = server.bodies();
    bodies.sort_by_key(|body| body["type"].to_string());
    // `internal: false` is the API's default; both forms are right.
    if let Some(own) = bodies[0].as_object_mut() {
        assert!(matches!(own.remove("internal"), None | Some(serde_json::Value::Bool(false))));
    }
    assert_eq!(
        bodies,
        [
            json!({"billingStartDate": "2026-09-01", "billingEndDate": "2026-09-30", "type": "PARTNER"}),
            json!({"billingStartDate": "2026-02-01", "billingEndDate": "2026-02-28", "type": "USER",
                "subPartnerOrgId": partner("acme"), "internal": true}),
        ]
    );
}

#[test]
fn failures_are_named_and_retry_sends_exactly_what_is_left() {
    let server = Served::new("");
    let names = ["good", "refused-404", "refused-403", "fine"];
    let desk = Desk::with(server.url(), &partners(names, "CUSTOMER, USER", "2026-09"));
    let ended = desk.converge().expect(1);
    insta::assert_snapshot!("summary_with_failures", redact(&desk, &ended.stdout));

    let ledger = desk.ledger().at_rest(8);
    assert_eq!((ledger.count("created"), ledger.count("failed")), (4, 4));
    for (label, status, code) in
        [("refused-404", "404", "http_404"), ("refused-403", "403", "http_403")]
    {
        for line in ledger.of(label) {
            assert_eq!((&line["http_status"], &line["error_code"]), (status, code));
            assert!(line["error"].contains("refuses billing reports"), "{line:?}");
            assert!(line["tracking_id"].starts_with("SANDBOX_"), "{line:?}");
            assert_eq!(&line["attempts"], "1", "a refusal is not tried again");
        }
    }

    let before = server.creates().len();
    desk.retry().expect(1);
    let bodies = server.bodies().split_off(before);
    assert_eq!(bodies.len(), 4);
    assert!(bodies.iter().all(|body| {
        let org = body["subPartnerOrgId"].as_str().unwrap();
        [partner("refused-403"), partner("refused-404")].contains(&org.to_owned())
    }));
    let ledger = desk.ledger().at_rest(8);
    assert!(ledger.of("refused-404").iter().all(|line| &line["attempts"] == "2"));
    assert!(ledger.of("good").iter().all(|line| &line["attempts"] == "1"));

    // The same rows against a server that is fixed.
    let fixed = Served::new("fixed: true");
    desk.retry().arg("--base-url").arg(fixed.url()).expect(0);
    assert_eq!(fixed.creates().len(), 4);
    assert_eq!(desk.ledger().at_rest(8).count("created"), 8);
}

#[test]
fn retry_takes_failed_pending_and_sending_rows_in_the_ledgers_order() {
    let server = Served::new("");
    let names = ["a", "b", "c", "d", "e", "f"];
    let jobs = partners(names, "CUSTOMER", "2026-09");
    let desk = Desk::new();
    desk.manifest_with(server.url(), "limits.concurrency: 1\nretry.settle: 20ms", &jobs);
    desk.converge().expect(0);
    // As other runs may have left it: the order is the user's, no longer the plan's.
    let mut ledger = desk.ledger();
    ledger.lines.reverse();
    for (place, status) in [(0, "failed"), (1, "pending"), (3, "failed"), (4, "sending")] {
        let (code, error) = if status == "failed" { ("http_500", "made up") } else { ("", "") };
        let intent = if status == "sending" { "2030-01-01T00:00:00Z" } else { "" };
        ledger.set(
            place,
            &[
                ("status", status),
                ("report_id", ""),
                ("http_status", ""),
                ("error_code", code),
                ("error", error),
                ("intent_at", intent),
            ],
        );
    }
    desk.write("m.ledger.csv", ledger.to_csv());

    let fresh = Served::new("");
    let ended = desk.retry().arg("--base-url").arg(fresh.url()).expect(0);
    ended.says(["1 in doubt to look up first"]);
    let ledger = desk.ledger().at_rest(6);
    assert_eq!(ledger.column("sub_partner"), ["f", "e", "d", "c", "b", "a"]);
    let sent: Vec<String> =
        fresh.bodies().iter().map(|b| b["subPartnerOrgId"].to_string()).collect();
    let asked = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("{:?}", partner(name))).collect()
    };
    // When the one in doubt is sent depends on when `settle` has passed.
    let (in_doubt, certain): (Vec<_>, Vec<_>) =
        sent.into_iter().partition(|org| asked(&["b"]).contains(org));
    assert_eq!((certain, in_doubt.len()), (asked(&["f", "e", "c"]), 1));
}

#[test]
fn retry_needs_a_ledger_and_the_manifests_settings_only() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.retry().expect(4).says(["there is no ledger", "m.ledger.csv"]);
    assert!(!desk.has("m.ledger.csv"));

    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    ledger.set(0, &[("status", "pending"), ("report_id", "")]);
    desk.write("m.ledger.csv", ledger.to_csv());
    // These jobs could not be planned any more, and are not looked at.
    desk.manifest(
        server.url(),
        "  - { name: gone, sub_partners: [{ file: no-such.csv }], periods: [2026-09] }\n",
    );
    desk.converge().expect(2);
    desk.retry().expect(0);
    assert_eq!(desk.ledger().at_rest(1).count("created"), 1);
}

#[test]
fn rows_that_left_the_plan_are_named_and_left_alone() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["refused-404", "good"], "USER", "2026-08"));
    desk.converge().expect(1);
    desk.manifest(server.url(), &partners(["good"], "USER", "2026-09"));
    let sent = server.creates().len();
    let ended = desk.converge().expect(0);
    ended.shows(["left alone", "1 unfinished row", "refused-404"]);
    assert_eq!(server.creates().len(), sent + 1);
    let ledger = desk.ledger().at_rest(3);
    let order: Vec<_> =
        ledger.lines.iter().map(|l| (&l["sub_partner"], &l["billing_start_date"])).collect();
    assert_eq!(
        order,
        [("good", "2026-09-01"), ("refused-404", "2026-08-01"), ("good", "2026-08-01")]
    );
}

#[test]
fn a_request_named_twice_is_sent_once() {
    let server = Served::new("");
    let jobs = partners(["acme"], "USER", "2026-09") + &own("USER", "2026-09");
    let again = jobs.replace("name: partners", "name: again").replace("name: own", "name: mine");
    let desk = Desk::with(server.url(), &(jobs + &again));
    desk.plan().expect(0).shows(["2 requests; 2 named twice, sent once"]);
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 2);
    assert_eq!(desk.ledger().at_rest(2).column("job"), ["partners", "own"]);
}

#[test]
fn a_plan_that_is_too_large_is_refused_before_anything_is_sent() {
    let server = Served::new("");
    let desk = Desk::new();
    let jobs = partners(["a", "b", "c"], "CUSTOMER, USER", "2026-09");
    for (max, code) in [(5, 2), (6, 0)] {
        desk.manifest_with(server.url(), &format!("limits.max_requests: {max}"), &jobs);
        desk.plan().expect(code);
    }
    desk.manifest_with(server.url(), "limits.max_requests: 5", &jobs);
    // After folding, but before selection.
    let ended = desk.converge().arg("--type").arg("USER").expect(2);
    ended.says(["more than 5 requests", "limits.max_requests"]);
    assert!(server.exchanges().is_empty() && !desk.has("m.ledger.csv"));
}
