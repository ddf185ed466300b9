//! Lists that disagree with single reads, shift while they are read, are too long, or cannot be read at all.

use std::time::Duration;

use sandbox::Endpoint;

use super::{LOSSY, many};
use crate::support::{Desk, Served, partner, partners};

/// A replica that lags, for a while or for ever. What is listed was made.
#[test]
fn what_is_listed_was_made_though_it_cannot_be_read() {
    for get_lag in ["300ms", "1h"] {
        for list_shows_created in [true, false] {
            // Where nothing shows who made a report, and when, a person has to decide.
            let code = i32::from(get_lag == "1h" && !list_shows_created);
            let server = Served::new(&format!(
                "reports: {{ get_lag: {get_lag}, list_shows_created: {list_shows_created} }}
faults: [{{ when: {{ endpoint: create, first: 4, last: 10 }}, then: [{{ kind: reset, processed: true }}] }}]"
            ));
            let desk = Desk::new();
            desk.manifest_with(server.url(), "retry.settle: 800ms", &many(14));
            desk.converge().expect(code);
            let ledger = desk.ledger().at_rest(14);
            server.lawful(&ledger);
            assert_eq!(server.creates().len(), 14);
            if code == 0 {
                server.all_ours(&ledger);
            }
            for line in ledger.lines.iter().filter(|l| &l["status"] == "failed") {
                assert_eq!(&line["error_code"], "in_doubt");
                let named = |id: &String| line["error"].contains(&**id);
                assert_eq!(server.report_ids().iter().filter(|id| named(id)).count(), 1);
            }
        }
    }
}

/// While our report is behind the end of the first page, somebody deletes an old one that is on it.
#[test]
fn a_report_that_a_shifting_page_skips_is_not_made_again() {
    let old = format!(
        "{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h }}",
        partner("acme")
    );
    let server = Served::new(&format!(
        "reports: {{ paging: offset, page_size: 2, list_lag: 500ms }}
existing: [{old}, {old}]
faults:
  - {{ when: {{ endpoint: create, tries: 1 }}, then: [{{ kind: reset, processed: true }}] }}
  - {{ when: {{ endpoint: list, first: 5 }}, then: [{{ kind: delete }}] }}"
    ));
    let desk = Desk::new();
    desk.manifest_with(server.url(), "retry.settle: 1s", &partners(["acme"], "USER", "2026-09"));
    desk.converge().expect(0);
    let ledger = desk.ledger().at_rest(1);
    server.all_ours(&ledger);
    assert!(server.reports().len() <= 2, "an old one was deleted");
}

/// Three reports of acme were there before, one on a page, and the answer to our create is lost.
fn three_before(fault: &str) -> (Served, Desk) {
    let old = format!(
        "{{ sub_partner: {}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 1h }}",
        partner("acme")
    );
    let server = Served::new(&format!(
        "reports: {{ page_size: 1 }}
existing: [{old}, {old}, {old}]
faults:
  - {{ when: {{ endpoint: create, org: acme, tries: 1 }}, then: [{{ kind: reset, processed: true }}] }}
  - {{ when: {{ endpoint: list }}, then: [{fault}] }}"
    ));
    let desk = Desk::new();
    let settings = "retry.settle: 600ms\nretry.max_attempts: 2";
    let jobs = partners(["first", "acme", "last"], "USER", "2026-09");
    desk.manifest_with(server.url(), settings, &jobs);
    (server, desk)
}

#[test]
fn a_link_is_followed_in_every_form_that_can_be_read() {
    for form in ["plain", "empty_element", "bytes", "uri"] {
        let (server, desk) = three_before(&format!("{{ kind: link, form: {form} }}"));
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(3));
        assert_eq!(server.creates().len(), 3, "{form}");
    }
}

/// What is missing from such a list may be on a page that nobody has read.
#[test]
fn a_list_that_was_read_in_part_proves_nothing() {
    for (fault, said) in [
        ("{ kind: part }", "206"),
        ("{ kind: link, form: unclosed }", "`Link`"),
        ("{ kind: link, form: garbage }", "`Link`"),
        ("{ kind: link, form: no_relation }", "`Link`"),
    ] {
        let (server, desk) = three_before(fault);
        let ended = desk.converge().expect(3);
        ended.says(["could not be looked up", said]);
        let ledger = desk.ledger().at_rest(3);
        assert_eq!(ledger.column("status"), ["created", "sending", "created"]);
        assert_eq!(server.creates().len(), 3, "{fault}");
    }
}

/// Whoever shows the wrong days, organisation or `internal` of a report may show them of ours.
#[test]
fn what_contradicts_its_query_is_neither_sent_again_nor_adopted() {
    let server =
        Served::new(&format!("reports: {{ contradicting: 1.0 }}\nfaults: [{LOSSY}]\nseed: 3"));
    let desk = Desk::new();
    desk.manifest_with(server.url(), "retry.settle: 600ms", &many(40));
    desk.converge().expect(1);
    let ledger = desk.ledger().at_rest(40);
    server.lawful(&ledger);
    assert!(ledger.count("created") > 20 && ledger.count("failed") > 0);
    for line in ledger.lines.iter().filter(|l| &l["status"] == "failed") {
        assert_eq!(&line["error_code"], "in_doubt");
        let named = |id: &String| line["error"].contains(&**id);
        assert!(server.report_ids().iter().any(named), "{line:?}");
    }
}

/// The same where the ledger is lost: a plan of several periods asks for each by itself, so that other days are noticed.
#[test]
fn what_contradicts_its_query_is_not_made_again_for_a_lost_ledger() {
    let server = Served::new("reports: { contradicting: 1.0 }\nseed: 3");
    let names = ["acme", "birch", "cedar", "drift", "ember", "fjord"];
    let jobs = partners(names, "USER, CUSTOMER", "2026-07, 2026-08, 2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    let made = server.report_ids();
    // The history says whose each report is; without it a person has to.
    for (lost, code) in
        [(&["m.ledger.csv"][..], 0), (&["m.ledger.csv", "m.ledger.history.jsonl"], 1)]
    {
        for file in lost {
            std::fs::remove_file(desk.path(file)).unwrap();
        }
        desk.converge().arg("--existing=adopt").expect(code);
        assert_eq!(server.report_ids(), made);
        let ledger = desk.ledger().at_rest(36);
        assert_eq!(ledger.count("failed") > 0, code == 1);
        for line in ledger.lines.iter().filter(|l| &l["status"] == "failed") {
            assert_eq!(&line["error_code"], "in_doubt");
        }
    }
}

/// "If your query uses max parameter, please try to reduce it", says the documentation of 504.
#[test]
fn lists_that_time_out_are_asked_for_less_at_a_time() {
    for most in [20, 1] {
        let server =
            Served::new(&format!("reports: {{ list_504_above: {most} }}\nfaults: [{LOSSY}]"));
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 800ms", &many(16));
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(16));
        let lists = server.at(Endpoint::List);
        let size = |target: &str| -> usize {
            let (_, rest) = target.split_once("max=").unwrap();
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            digits.unwrap().parse().unwrap()
        };
        let good = lists.iter().filter(|l| l.status == Some(200));
        let known = good.filter_map(|l| l.finished).min().unwrap();
        // Those that were on their way by then do not count.
        let known = known + Duration::from_millis(100);
        let late = lists.iter().filter(|l| l.at > known);
        for list in late {
            assert!(size(&list.target) <= most, "{list:?}");
        }
    }
}

/// The server's time is in any answer: a run needs no list to begin with.
#[test]
fn a_first_list_that_fails_does_not_hold_a_run_up() {
    std::thread::scope(|scope| {
        for fault in [
            "{ kind: status, status: 403 }",
            "{ kind: status, status: 404 }",
            "{ kind: status, status: 500 }",
            "{ kind: status, status: 504, body: html }",
            "{ kind: html }",
            "{ kind: reset }",
        ] {
            scope.spawn(move || {
                let server = Served::new(&format!(
                    "faults: [{{ when: {{ endpoint: list }}, then: [{fault}] }}]"
                ));
                let desk = Desk::new();
                let settings = "retry.base_delay: 1s\nretry.max_delay: 60s";
                desk.manifest_with(server.url(), settings, &many(6));
                let ended = desk.converge().expect(0);
                assert!(ended.took < Duration::from_secs(5), "{fault}: {ended}");
                server.all_ours(&desk.ledger().at_rest(6));
            });
        }
    });
}
