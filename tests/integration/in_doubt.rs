//! A lost answer: the report is made once and its id is known, or a person is asked.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::Endpoint;
use serde_json::json;

use crate::support::{Asked, Canned, Desk, Reply, Served, own, partner, partners, partners_with};

/// Answers that are lost although the report was made.
const LOST: [&str; 12] = [
    "{ kind: reset, processed: true }",
    "{ kind: status, status: 500, processed: true }",
    "{ kind: status, status: 502, processed: true, body: html }",
    "{ kind: status, status: 503, processed: true }",
    "{ kind: status, status: 504, processed: true, body: empty }",
    "{ kind: status, status: 408, processed: true }",
    "{ kind: status, status: 303, processed: true, location: '/elsewhere' }",
    "{ kind: status, status: 499, processed: true }",
    "{ kind: truncated }",
    "{ kind: html }",
    "{ kind: empty }",
    "{ kind: no_id }",
];

fn first_try(fault: &str, more: &str) -> Served {
    Served::new(&format!(
        "faults: [{{ when: {{ endpoint: create, tries: 1 }}, then: [{fault}] }}]\n{more}"
    ))
}

fn one() -> String {
    partners(["acme"], "USER", "2026-09")
}

#[test]
fn a_report_whose_answer_was_lost_is_adopted_not_made_again() {
    std::thread::scope(|scope| {
        for fault in LOST {
            for list_lag in ["0ms", "150ms"] {
                scope.spawn(move || {
                    let server = first_try(fault, &format!("reports: {{ list_lag: {list_lag} }}"));
                    let desk = Desk::new();
                    desk.manifest_with(server.url(), "retry.settle: 1s", &one());
                    desk.converge().expect(0).says(["checking whether the report exists"]);
                    let ledger = desk.ledger().at_rest(1);
                    assert_eq!(server.creates().len(), 1, "{fault} {list_lag}");
                    assert_eq!(ledger.report_ids(), server.report_ids());
                    assert_eq!(&ledger.lines[0]["attempts"], "1");
                    assert_eq!(&ledger.lines[0]["intent_at"], "");
                });
            }
        }
    });
}

/// How a server lies about the report whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// `created` is rounded down to the day.
    Day,
    /// The list shows local time without an offset.
    LocalTime,
    /// It is stamped two minutes before it was made.
    Behind,
    /// The list shows an e-mail address in `createdBy`, the single read an id.
    Mail,
    /// The single read answers with an old report of somebody else.
    Stray,
    /// The list is empty, and says that something went wrong.
    Errors,
    /// The answer to the create has the id, and other dates; no list has it.
    OtherDates,
}

/// Makes a PARTNER report, and a USER report whose answer is lost, with a lie.
fn liar(lie: Lie) -> Canned {
    let made = std::sync::Mutex::new(Vec::new());
    Canned::new(move |asked, _| {
        let mut made = made.lock().unwrap();
        let is_lost = |text: &str| text.contains("USER");
        if asked.is_create() {
            let mut now = Utc::now();
            if lie == Lie::Behind && is_lost(&asked.body) {
                now -= TimeDelta::minutes(2);
            }
            made.push((asked.body.clone(), now));
            let id = json!({ "id": "report-USER", "billingEndDate": "2026-10-01" });
            let answer = match lie {
                Lie::OtherDates => Reply::json(200, &id),
                _ => Reply::json(500, &json!({})),
            };
            return is_lost(&asked.body).then_some(answer);
        }
        let stamp = |created: DateTime<Utc>| match lie {
            Lie::Day => created.format("%Y-%m-%dT00:00:00Z").to_string(),
            _ => created.to_rfc3339(),
        };
        let item = |id: &str, list: bool| {
            let (_, created) = made.iter().find(|(body, _)| is_lost(body) == is_lost(id))?;
            let mut item = json!({ "id": id, "createdBy": "me", "created": stamp(*created) });
            match lie {
                Lie::LocalTime if list => {
                    let local = *created - TimeDelta::hours(8);
                    item["created"] = json!(local.format("%Y-%m-%dT%H:%M:%S").to_string());
                }
                Lie::Mail if list => item["createdBy"] = json!("me@example.com"),
                Lie::Stray if list => item = json!({ "id": id }),
                Lie::Stray if is_lost(id) => {
                    item =
                        json!({ "id": "old", "createdBy": "x", "created": "2026-10-01T00:00:01Z" });
                }
                _ => {}
            }
            Some(item)
        };
        if asked.is_read() {
            let id = asked.path().rsplit('/').next().unwrap();
            return Some(Reply::json(200, &item(id, false)?));
        }
        match (lie, is_lost(&asked.target)) {
            (_, false) | (Lie::OtherDates, _) => None,
            (Lie::Errors, _) => {
                Some(Reply::json(200, &json!({ "items": [], "errors": [{ "code": 5 }] })))
            }
            _ => Some(Reply::json(200, &json!({ "items": [item("report-USER", true)?] }))),
        }
    })
}

/// No single thing that a server shows of a report leads to a second one.
#[test]
fn one_disputable_field_is_no_reason_to_send_again() {
    std::thread::scope(|scope| {
        for (lie, code, status) in [
            (Lie::Day, 1, "failed"),
            (Lie::LocalTime, 0, "created"),
            (Lie::Behind, 1, "failed"),
            (Lie::Mail, 1, "failed"),
            (Lie::Stray, 1, "failed"),
            (Lie::Errors, 3, "sending"),
            (Lie::OtherDates, 1, "failed"),
        ] {
            scope.spawn(move || {
                let server = liar(lie);
                let desk = Desk::new();
                let jobs = partners(["acme"], "PARTNER, USER", "2026-09");
                let settings = "retry.settle: 1s\nretry.max_attempts: 2\nlimits.concurrency: 1";
                desk.manifest_with(&server.url, settings, &jobs);
                desk.converge().expect(code);
                let creates = server.asked().into_iter().filter(Asked::is_create).count();
                assert_eq!(creates, 2, "{lie:?}");
                let ledger = desk.ledger().at_rest(2);
                assert_eq!(&ledger.lines[1]["status"], status, "{lie:?}");
                // A report that cannot be decided about is named.
                let named = match status {
                    "created" => "report_id",
                    _ => "error",
                };
                let is_named = ledger.lines[1][named].contains("report-USER");
                assert_eq!(is_named, lie != Lie::Errors, "{lie:?}");
            });
        }
    });
}

#[test]
fn a_create_that_times_out_is_looked_for() {
    for processed in [true, false] {
        let server = first_try(&format!("{{ kind: hang, processed: {processed} }}"), "");
        let desk = Desk::new();
        desk.manifest_with(server.url(), "api.request_timeout: 300ms", &one());
        desk.converge().expect(0);
        assert_eq!(desk.ledger().at_rest(1).report_ids(), server.report_ids());
        assert_eq!(server.creates().len(), if processed { 1 } else { 2 });
    }
}

#[test]
fn what_was_not_made_is_sent_again_only_after_settle() {
    std::thread::scope(|scope| {
        for fault in
            ["{ kind: reset }", "{ kind: status, status: 500 }", "{ kind: status, status: 503 }"]
        {
            scope.spawn(move || {
                let settle = Duration::from_millis(600);
                let server = first_try(fault, "");
                let desk = Desk::new();
                desk.manifest_with(server.url(), "retry.settle: 600ms", &one());
                desk.converge().expect(0);
                let creates = server.creates();
                assert_eq!(creates.len(), 2, "{fault}");
                assert!(creates[1].at - creates[0].finished.unwrap() >= settle, "{creates:?}");
                let looks = server.at(Endpoint::List);
                assert!(
                    looks.iter().any(|l| l.at > creates[0].at + settle),
                    "the last look is when it has settled"
                );
                let ledger = desk.ledger().at_rest(1);
                assert_eq!(ledger.report_ids(), server.report_ids());
                assert_eq!(&ledger.lines[0]["attempts"], "2");
            });
        }
    });
}

#[test]
fn others_go_on_while_one_settles() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, org: doubtful, tries: 1 }, then: [{ kind: reset }] }]",
    );
    let names: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
    let desk = Desk::new();
    let all = ["doubtful"].into_iter().chain(names.iter().map(String::as_str));
    desk.manifest_with(server.url(), "retry.settle: 700ms", &partners(all, "USER", "2026-09"));
    desk.converge().expect(0);
    let bodies = server.bodies();
    assert_eq!(bodies.len(), 32);
    assert_eq!(bodies[31]["subPartnerOrgId"], partner("doubtful"));
}

/// `run` and `retry` leave a row that awaits a decision alone, however often.
#[track_caller]
fn never_sent_again(desk: &Desk, server: &Served) {
    let (sent, before) = (server.creates().len(), desk.read("m.ledger.csv"));
    for command in [desk.converge(), desk.retry(), desk.converge(), desk.retry()] {
        command.expect(1);
    }
    assert_eq!(server.creates().len(), sent);
    assert_eq!(desk.read("m.ledger.csv"), before);
    desk.status().expect(0).shows(["in_doubt"]);
    desk.plan().expect(0).shows(["leave 1 to be decided by hand"]);
}

#[test]
fn after_a_2xx_a_request_is_never_sent_again() {
    for fault in ["{ kind: empty }", "{ kind: no_id }", "{ kind: truncated }"] {
        let server = first_try(fault, "reports: { list_lag: 1h }");
        let desk = Desk::with(server.url(), &one());
        let ended = desk.converge().expect(1);
        ended.shows(["in_doubt", "monthend resolve"]);
        let ledger = desk.ledger().at_rest(1);
        let line = &ledger.lines[0];
        assert_eq!(
            (&line["status"], &line["error_code"], &line["attempts"]),
            ("failed", "in_doubt", "1"),
            "{fault}"
        );
        assert!(!line["intent_at"].is_empty(), "the doubt is not settled");
        never_sent_again(&desk, &server);
    }
}

/// The server shows neither when nor by whom a report was made, and no list was had before the create left: that is
/// asked for the first row only.
#[test]
fn where_the_server_does_not_tell_which_report_is_ours_a_person_decides() {
    let old = format!(
        "existing: [{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h }}]",
        partner("acme")
    );
    for (fault, existing, candidates) in [
        ("{ kind: reset, processed: true }", &*old, 2),
        ("{ kind: reset }", &*old, 1),
        ("{ kind: rival, processed: true }", "", 2),
        ("{ kind: rival }", "", 1),
    ] {
        let server = Served::new(&format!(
            "faults: [{{ when: {{ endpoint: create, org: acme, tries: 1 }}, then: [{fault}] }}]
reports: {{ get_shows_created: false, list_shows_created: false }}\n{existing}"
        ));
        let desk = Desk::with(server.url(), &partners(["first", "acme"], "USER", "2026-09"));
        desk.converge().expect(1);
        let ledger = desk.ledger().at_rest(2);
        let line = ledger.of("acme")[0];
        assert_eq!((&line["status"], &line["error_code"]), ("failed", "in_doubt"), "{fault}");
        let mut ids = server.report_ids();
        ids.retain(|id| *id != ledger.of("first")[0]["report_id"]);
        assert_eq!(ids.len(), candidates);
        for id in ids {
            assert!(line["error"].contains(&id), "{id} is not named in {line:?}");
        }
        never_sent_again(&desk, &server);
    }
}

#[test]
fn reports_that_were_made_earlier_are_not_adopted() {
    let existing = format!(
        "existing: [{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h }}]",
        partner("acme")
    );
    for (fault, creates) in [("{ kind: reset, processed: true }", 1), ("{ kind: reset }", 2)] {
        let server = first_try(fault, &existing);
        let desk = Desk::with(server.url(), &one());
        desk.converge().expect(0);
        assert_eq!(server.creates().len(), creates);
        let newest = server.reports().last().unwrap().id.clone();
        assert_eq!(server.reports().len(), 2);
        assert_eq!(desk.ledger().at_rest(1).report_ids(), [newest]);
    }
}

/// Which reports were there before the first create is known from all pages of the first list: nothing else can tell in a
/// run of one row.
#[test]
fn what_was_there_before_the_first_row_is_known_from_all_pages() {
    let old = format!(
        "{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h }}",
        partner("acme")
    );
    for (fault, creates) in [("{ kind: reset, processed: true }", 1), ("{ kind: reset }", 2)] {
        for page_size in [1, 2, 100] {
            let more =
                format!("reports: {{ page_size: {page_size} }}\nexisting: [{old}, {old}, {old}]");
            let server = first_try(fault, &more);
            let desk = Desk::new();
            desk.manifest_with(server.url(), "retry.settle: 500ms", &one());
            desk.converge().expect(0);
            assert_eq!(server.creates().len(), creates, "{page_size} on a page");
            server.all_ours(&desk.ledger().at_rest(1));
        }
    }
}

#[test]
fn where_the_server_refuses_a_duplicate_the_existing_report_is_recorded() {
    let existing = |count: usize| {
        let one = format!(
            "{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 48h }}",
            partner("acme")
        );
        format!("existing: [{}]\n", vec![one; count].join(", "))
    };
    let server = Served::new(&format!("{}reports: {{ duplicates: conflict }}", existing(1)));
    let desk = Desk::with(server.url(), &one());
    desk.converge().expect(0);
    assert_eq!(desk.ledger().at_rest(1).report_ids(), server.report_ids());
    assert_eq!(server.creates().len(), 1);

    // Two that fit: a person decides.
    let server = Served::new(&format!("{}reports: {{ duplicates: conflict }}", existing(2)));
    let desk = Desk::with(server.url(), &one());
    desk.converge().expect(1);
    let ledger = desk.ledger().at_rest(1);
    assert_eq!(&ledger.lines[0]["error_code"], "in_doubt");
    for id in server.report_ids() {
        assert!(ledger.lines[0]["error"].contains(&id));
    }
    never_sent_again(&desk, &server);

    // None is listed: the server's own words.
    let server =
        Served::new(&format!("{}reports: {{ duplicates: conflict, list_lag: 96h }}", existing(1)));
    let desk = Desk::with(server.url(), &one());
    desk.converge().expect(1);
    let ledger = desk.ledger().at_rest(1);
    assert_eq!(
        (&ledger.lines[0]["error_code"], &ledger.lines[0]["http_status"]),
        ("http_409", "409")
    );
    assert!(ledger.lines[0]["error"].contains("exists already"));
}

#[test]
fn twins_each_get_their_own_report() {
    for (seed, list_without_org) in [(1, "all"), (2, "own"), (3, "all")] {
        let faults: Vec<&str> = LOST.to_vec();
        let server = Served::new(&format!(
            "seed: {seed}\nreports: {{ list_without_org: {list_without_org}, list_lag: 30ms }}\nfaults: [{{ when: {{ endpoint: create, probability: 0.5 }}, then: [{}] }}]",
            faults.join(", ")
        ));
        // With and without `internal`, and the partner's own as well as its sub-partners'.
        let names = ["a", "b", "c"];
        let jobs = own("CUSTOMER, USER", "2026-09")
            + &partners(names, "CUSTOMER, USER", "2026-09")
            + &partners_with(names, "CUSTOMER, USER", "2026-09", "internal: true")
                .replace("name: partners", "name: internal");
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 400ms", &jobs);
        desk.converge().expect(0);
        server.nothing_twice();
        let made: BTreeMap<String, String> = server
            .reports()
            .into_iter()
            .map(|report| (report.id, report.request.id().to_string()))
            .collect();
        let ledger = desk.ledger().at_rest(14);
        assert_eq!(made.len(), 14);
        for line in &ledger.lines {
            assert_eq!(made[&line["report_id"]], line["request_id"], "a twin's report: {line:?}");
        }
    }
}

#[test]
fn a_doubt_that_cannot_be_looked_up_stays_and_the_next_run_settles_it() {
    let desk = Desk::new();
    let state = desk.path("state").display().to_string();
    let mut server = Served::new(&format!(
        "state: {state}
faults:
  - {{ when: {{ endpoint: create, org: acme }}, then: [{{ kind: reset, processed: true }}] }}
  - {{ when: {{ endpoint: list, first: 2 }}, then: [{{ kind: status, status: 403 }}] }}"
    ));
    desk.manifest(server.url(), &partners(["acme", "beta"], "USER", "2026-09"));
    let ended = desk.converge().expect(3);
    ended.says(["could not be looked up"]).shows(["sending", "in doubt", "to look them up again:"]);
    let ledger = desk.ledger().at_rest(2);
    let intent = ledger.of("acme")[0]["intent_at"].to_owned();
    for command in [desk.converge(), desk.retry()] {
        command.expect(3);
        let ledger = desk.ledger().at_rest(2);
        let acme = ledger.of("acme")[0];
        assert_eq!((&acme["status"], &acme["intent_at"]), ("sending", intent.as_str()));
    }
    assert_eq!(server.creates().len(), 2);
    let made = server.report_ids();
    server.stop();

    let server = Served::new(&format!("state: {state}"));
    desk.converge().arg("--base-url").arg(server.url()).expect(0);
    assert!(server.creates().is_empty());
    assert_eq!(desk.ledger().at_rest(2).report_ids(), made);
}
