//! Answers that say less than they seem to.

use super::many;
use crate::support::{Desk, Served, partner, partners};

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
