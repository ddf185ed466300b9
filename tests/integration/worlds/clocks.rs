//! Clocks that differ, stamps that mean something else, and waits that are longer than expected.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{LOSSY, many};
use crate::support::{Desk, Served, partner, partners};

/// What answers show as `Date`, against the clock that stamps `created`.
const CLOCKS: [&str; 7] = [
    "{ date_ahead: 500ms }",
    "{ date_ahead: 3s, date_jitter: 300ms }",
    "{ date_ahead: -3s }",
    "{ date_ahead: 2h }",
    "{ date_ahead_on_5xx: 40s }",
    "{ date_ahead: 3s, date_ahead_on_5xx: -20s, dateless: 0.3 }",
    "{ dateless: 1 }",
];

#[test]
fn clocks_that_differ_neither_lose_nor_double_a_report() {
    std::thread::scope(|scope| {
        for (seed, clocks) in CLOCKS.iter().enumerate() {
            scope.spawn(move || {
                let server = Served::new(&format!(
                    "seed: {seed}\nclocks: {clocks}\nlatency: {{ fixed: 3ms }}
reports: {{ list_lag: 60ms }}\nfaults: [{LOSSY}]"
                ));
                let desk = Desk::new();
                desk.manifest_with(server.url(), "retry.settle: 1s", &many(30));
                desk.converge().expect(0);
                server.all_ours(&desk.ledger().at_rest(30));
            });
        }
    });
}

/// Waiting for a list to settle is no stall.
#[test]
fn a_settle_that_is_longer_than_the_longest_stall_converges() {
    let server =
        Served::new("faults: [{ when: { endpoint: create, tries: 1 }, then: [{ kind: reset }] }]");
    let desk = Desk::new();
    let settings = "retry.settle: 1500ms\nretry.max_stall: 700ms";
    desk.manifest_with(server.url(), settings, &many(4));
    desk.converge().expect(0);
    server.all_ours(&desk.ledger().at_rest(4));
}

/// Several answers that announce the same wait are one wait, and move no clock.
#[test]
fn a_wait_that_many_are_told_is_served_once_and_moves_no_clock() {
    let server = Served::new(
        "latency: { fixed: 100ms }\nfaults: [{ when: { endpoint: create, from: 400ms, until: 600ms }, then: [{ kind: status, status: 503, retry_after: '2' }] }]",
    );
    let desk = Desk::with(server.url(), &many(60));
    let ended = desk.converge().expect(0);
    let latest = Utc::now() + Duration::from_millis(1500); // the header has whole seconds
    assert!((Duration::from_secs(2)..Duration::from_secs(8)).contains(&ended.took), "{ended}");
    let ledger = desk.ledger().at_rest(60);
    server.all_ours(&ledger);
    let busy = server.creates().iter().filter(|c| c.status == Some(503)).count();
    assert!(busy > 3, "{busy} were told to wait");
    for time in ledger.column("updated_at") {
        let time: DateTime<Utc> = time.parse().unwrap();
        assert!(time <= latest, "{time} has not come yet");
    }
}

/// A ledger was lost, or everything is made again: the lists show what we made ten minutes ago.
#[test]
fn our_own_old_reports_are_not_taken_for_new_ones() {
    let old: Vec<String> = (0..12)
        .map(|n| {
            let org = partner(&format!("p{n}"));
            format!(
                "{{ sub_partner: {org}, type: USER, start: 2026-09-01, end: 2026-09-30, age: 10m, by: us }}"
            )
        })
        .collect();
    for (seed, clocks) in [(1, "{}"), (2, "{ date_ahead: 3s }"), (3, "{ date_ahead: -3s }")] {
        let server = Served::new(&format!(
            "seed: {seed}\nclocks: {clocks}\nexisting: [{}]\nfaults: [{LOSSY}]",
            old.join(", ")
        ));
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 1s", &many(12));
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(12));
    }
}

/// `created` is stamped, and shown, only when a report is ready: one that a colleague asked for before looks younger
/// than our create.
#[test]
fn a_report_that_was_asked_for_earlier_and_is_ready_later_is_not_ours() {
    let theirs: Vec<String> = (0..6)
        .map(|n| {
            let org = partner(&format!("p{n}"));
            format!(
                "{{ sub_partner: {org}, type: USER, start: 2026-09-01, end: 2026-09-30, by: colleague }}"
            )
        })
        .collect();
    for fault in ["{ kind: reset }", "{ kind: reset, processed: true }"] {
        let server = Served::new(&format!(
            "reports: {{ created_is: ready, completes_after: 900ms, list_shows_created: true }}
existing: [{}]
faults: [{{ when: {{ endpoint: create, org: p, tries: 1, first: 3 }}, then: [{fault}] }}]",
            theirs.join(", ")
        ));
        let desk = Desk::new();
        let names = (0..6).map(|n| format!("p{n}")).collect::<Vec<_>>();
        let jobs = partners(names.iter().map(String::as_str), "USER", "2026-09");
        desk.manifest_with(server.url(), "retry.settle: 2s", &jobs);
        desk.converge().expect(0);
        server.all_ours(&desk.ledger().at_rest(6));
    }
}
