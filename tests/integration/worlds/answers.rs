//! Answers that say less than they seem to.

use super::many;
use crate::support::{Desk, Served, partner, partners};

/// The answers of a sign-in page of the network, and of proxies that mean well: whatever is asked.
const PAGES: [&str; 4] = [
    "kind: status, status: 200, body: html",
    "kind: status, status: 302, location: 'https://sign-in.example/'",
    "kind: status, status: 403, body: html",
    "kind: status, status: 200, body: empty",
];

#[test]
fn what_answers_in_the_apis_place_stops_a_run_before_any_create() {
    for page in PAGES {
        let server = Served::new(&format!("faults: [{{ then: [{{ {page} }}] }}]"));
        let desk = Desk::new();
        let settings = "retry.max_consecutive_failures: 6";
        desk.manifest_with(server.url(), settings, &many(10));
        let said = ["something else answers in the API's place", "sign in to the network"];
        let ended = desk.converge().expect(3).says(said);
        assert_eq!(server.creates().len(), 0, "{page}");
        assert!(server.exchanges().len() <= 6, "{page}");
        let ledger = desk.ledger().at_rest(10);
        assert_eq!(ledger.count("pending"), 10, "{page}");
        assert!(!ended.stderr.contains("server is down"), "{ended}");
        let check = desk.monthend(["check", "m.yaml"]).expect(3);
        assert!(
            check.stdout.contains("read reports") && !check.stdout.contains("allowed"),
            "{check}"
        );

        // The network is signed in to.
        let server = Served::new("");
        desk.manifest(server.url(), &many(10));
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(10));
    }
}

/// Lists are answered, and creates meet a page: each is a row in doubt, so a few are enough.
#[test]
fn a_few_pages_for_creates_stop_a_run_whatever_lists_say() {
    for page in &PAGES[..2] {
        let server = Served::new(&format!(
            "faults: [{{ when: {{ endpoint: create, first: 1, last: 3 }}, then: [{{ {page}, processed: false }}] }}]"
        ));
        let desk = Desk::with(server.url(), &many(20));
        desk.converge().expect(3).says(["something else answers in the API's place"]);
        assert_eq!(server.creates().len(), 3, "{page}");
        let ledger = desk.ledger().at_rest(20);
        // One that was looked up before the end is known not to be there.
        let (sending, pending) = (ledger.count("sending"), ledger.count("pending"));
        assert!(sending <= 3 && sending + pending == 20, "{page}: {sending}");
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(20));
    }
}

/// Once a create was answered, pages count as other failures of creates do, and lists that are answered do not help.
#[test]
fn pages_for_creates_count_by_themselves() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 2 }, then: [{ kind: status, status: 200, body: html, processed: false }] }]",
    );
    let desk = Desk::new();
    let settings = "retry.max_consecutive_failures: 5\nlimits.concurrency: 1";
    desk.manifest_with(server.url(), settings, &many(20));
    desk.converge().expect(3);
    assert_eq!(server.creates().len(), 6);
    assert_eq!(desk.ledger().at_rest(20).count("created"), 1);
}

/// A page says as much as a 502: nothing, also after a crash.
#[test]
fn a_page_is_a_doubt_like_a_502() {
    for processed in [true, false] {
        let server = Served::new(&format!(
            "faults: [{{ when: {{ endpoint: create, org: p1, tries: 1 }}, then: [{{ kind: status, status: 200, body: html, processed: {processed} }}] }}]"
        ));
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 600ms", &many(3));
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(3));
        let sent = if processed { 3 } else { 4 };
        assert_eq!(server.creates().len(), sent);
    }
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 1, last: 3 }, then: [{ kind: status, status: 200, body: html, processed: false }] }]",
    );
    let desk = Desk::with(server.url(), &many(3));
    desk.converge().expect(3);
    let ledger = desk.ledger();
    assert_eq!(ledger.column("error_code"), ["http_200"; 3]);
    assert_eq!(ledger.column("http_status"), ["200"; 3]);
    // Nothing was made, so it is sent again; after a yes of the API it would not be.
    desk.converge().expect(0);
    server.all_ours(&desk.ledger().at_rest(3));
}

/// A proxy repeats the answer that another create got. That is a yes without an id of use.
#[test]
fn an_answer_that_a_proxy_repeats_gives_no_row_anothers_report() {
    for (processed, code) in [(true, 0), (false, 1)] {
        let server = Served::new(&format!(
            "latency: {{ fixed: 70ms }}
faults: [{{ when: {{ endpoint: create, tries: 1, first: 9, last: 14 }}, then: [{{ kind: repeat, processed: {processed} }}] }}]"
        ));
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 600ms", &many(18));
        desk.converge().expect(code);
        let ledger = desk.ledger().at_rest(18);
        assert_eq!(server.creates().len(), 18, "after a yes none is sent again");
        server.lawful(&ledger);
        if processed {
            server.all_ours(&ledger);
        } else {
            let codes = ledger.column("error_code");
            assert_eq!(codes.iter().filter(|code| **code == "in_doubt").count(), 6);
        }
    }
}

/// The repeated answer belongs to a request of another ledger: it echoes another type.
#[test]
fn an_answer_that_echoes_another_request_is_no_ones() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, type: USER, tries: 1 }, then: [{ kind: repeat, processed: true }] }]",
    );
    let others = Desk::with(server.url(), &partners(["p0", "p1"], "CUSTOMER", "2026-09"));
    others.converge().expect(0);
    let desk = Desk::new();
    desk.manifest_with(server.url(), "retry.settle: 600ms", &many(3));
    desk.converge().expect(0);
    server.lawful(&desk.ledger().at_rest(3));
    server.lawful(&others.ledger().at_rest(2));
}

/// Redirects, answers that a gateway makes up, and every 5xx: each may come after the work was done.
#[test]
fn a_status_that_says_nothing_of_the_work_is_a_doubt() {
    let statuses = [
        300, 301, 302, 303, 305, 307, 308, 408, 499, 500, 501, 502, 503, 504, 507, 511, 520, 524,
        599,
    ];
    // The first is answered well: it tells who we are.
    let lost = statuses.iter().map(|status| format!("org{status}"));
    let names: Vec<String> = std::iter::once("first".to_owned()).chain(lost).collect();
    for processed in [true, false] {
        let faults: Vec<String> = statuses
            .iter()
            .map(|status| {
                format!(
                    "{{ when: {{ endpoint: create, org: org{status}, tries: 1 }}, then: [{{ kind: status, status: {status}, location: /elsewhere, processed: {processed} }}] }}"
                )
            })
            .collect();
        let server = Served::new(&format!("faults: [{}]", faults.join(", ")));
        let desk = Desk::new();
        let jobs = partners(names.iter().map(String::as_str), "USER", "2026-09");
        desk.manifest_with(server.url(), "retry.settle: 800ms", &jobs);
        desk.converge().expect(0);
        desk.retry().expect(0);
        server.all_ours(&desk.ledger().at_rest(names.len()));
        let sent = if processed { 1 } else { 2 };
        assert_eq!(server.creates().len(), 1 + statuses.len() * sent);
    }
}

/// Other 4xx are refusals: nothing was made, and `retry` sends again.
#[test]
fn a_refusal_is_no_doubt() {
    for status in [400, 404, 405, 410, 422, 451] {
        let server = Served::new(&format!(
            "faults: [{{ when: {{ endpoint: create, org: {}, tries: 1 }}, then: [{{ kind: status, status: {status} }}] }}]",
            partner("p1")
        ));
        let desk = Desk::with(server.url(), &many(3));
        desk.converge().expect(1);
        let ledger = desk.ledger().at_rest(3);
        assert_eq!(ledger.of("p1")[0]["error_code"], format!("http_{status}"));
        desk.retry().expect(0);
        server.all_ours(&desk.ledger().at_rest(3));
    }
}
