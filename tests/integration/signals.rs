//! INT, TERM and HUP: what is in flight may finish, the ledger is brought to rest, the next run goes on.

use std::time::{Duration, Instant};

use crate::support::{Desk, PATIENCE, Running, Served, eventually, many, partners};

const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

/// Far more than a reaction takes, far less than any of the waits that are cut short.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Sends a signal and gives how long the process took to end with `code`.
#[track_caller]
fn ended_by(running: Running, signal: &str, code: i32) -> Duration {
    let sent = Instant::now();
    running.signal(signal);
    running.wait().expect(code);
    sent.elapsed()
}

#[test]
fn a_run_ends_in_good_order_and_the_next_one_goes_on() {
    for (signal, code) in SIGNALS {
        let server = Served::new("latency: { fixed: 20ms }");
        let desk = Desk::with(server.url(), &many(150));
        let running = desk.converge().start();
        eventually("it runs", || server.reports().len() > 10);
        running.signal(signal);
        let ended = running.wait().expect(code);
        ended.says(["interrupted; run the same command again to continue"]);
        let ledger = desk.ledger().at_rest(150);
        // What was in flight had the time to finish.
        assert_eq!((ledger.count("sending"), ledger.count("failed")), (0, 0), "{signal}");
        assert_eq!(ledger.report_ids(), server.report_ids());
        let made = server.reports().len();
        assert!(ledger.count("pending") == 150 - made && made < 150);
        desk.converge().expect(0);
        server.nothing_twice();
        assert_eq!(desk.ledger().at_rest(150).report_ids(), server.report_ids());
        assert_eq!(desk.files(), ["m.ledger.csv", "m.yaml"]);
    }
}

#[test]
fn a_long_pause_does_not_delay_the_reaction() {
    for (signal, code) in SIGNALS {
        let server = Served::new(
            "faults: [{ when: { endpoint: create, first: 3 }, then: [{ kind: status, status: 429, retry_after: '600' }] }]",
        );
        let desk = Desk::with(server.url(), &many(10));
        let running = desk.converge().start();
        eventually("the pause is noted", || {
            desk.has("m.ledger.csv.lock") && desk.read("m.ledger.csv.lock").contains("until")
        });
        assert!(ended_by(running, signal, code) < AT_ONCE);
        let ledger = desk.ledger().at_rest(10);
        assert_eq!((ledger.count("created"), ledger.count("pending")), (2, 8));
        // The next one keeps the rest of the pause, and is interrupted just as well.
        let seen = server.exchanges().len();
        let running = desk.converge().start();
        eventually("it holds the ledger", || {
            desk.read("m.ledger.csv.lock").contains(&running.pid().to_string())
        });
        assert!(ended_by(running, signal, code) < AT_ONCE);
        assert_eq!(server.exchanges().len(), seen);
    }
}

#[test]
fn settling_a_doubt_does_not_delay_the_reaction() {
    let server = Served::new("faults: [{ when: { endpoint: create }, then: [{ kind: reset }] }]");
    let desk = Desk::new();
    desk.manifest_with(server.url(), "retry.settle: 10m", &many(3));
    let running = desk.converge().start();
    eventually("all are in doubt", || server.creates().len() == 3 && server.exchanges().len() >= 6);
    assert!(ended_by(running, "INT", 130) < AT_ONCE);
    let ledger = desk.ledger().at_rest(3);
    assert_eq!(ledger.count("sending"), 3);
    // `settle` counts on from there: the next run does not send them either.
    let running = desk.converge().start();
    let seen = server.exchanges().len();
    eventually("it looks", || server.exchanges().len() > seen);
    assert!(ended_by(running, "TERM", 143) < AT_ONCE);
    assert_eq!(server.creates().len(), 3);
    desk.manifest_with(server.url(), "retry.settle: 50ms\nretry.max_attempts: 1", &many(3));
    desk.converge().run();
    server.nothing_twice();
}

#[test]
fn a_backoff_and_discovery_are_cut_short_too() {
    let locked = Served::new(
        "faults: [{ when: { endpoint: create }, then: [{ kind: status, status: 423 }] }]",
    );
    let desk = Desk::new();
    desk.manifest_with(locked.url(), "retry.base_delay: 10m\nretry.max_delay: 10m", &many(3));
    let running = desk.converge().start();
    eventually("all are refused", || locked.creates().len() == 3);
    assert!(ended_by(running, "INT", 130) < AT_ONCE);
    assert_eq!(desk.ledger().at_rest(3).count("pending"), 3);

    let slow = Served::new("latency: { fixed: 30s }");
    let desk = Desk::with(
        slow.url(),
        "  - { name: found, sub_partners: [{ discover: all }], types: [USER], periods: [2026-09] }\n",
    );
    for command in ["plan", "run"] {
        let seen = slow.exchanges().len();
        let running = desk.monthend([command, "m.yaml"]).start();
        eventually("it asks", || slow.exchanges().len() > seen);
        assert!(ended_by(running, "INT", 130) < AT_ONCE);
    }
    assert!(!desk.has("m.ledger.csv"));
}

#[test]
fn what_does_not_finish_within_the_grace_stays_in_doubt() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, org: slow, tries: 1 }, then: [{ kind: hang, processed: true }] }]",
    );
    let desk = Desk::new();
    desk.manifest_with(
        server.url(),
        "api.request_timeout: 10m",
        &partners(["fast", "slow-1", "slow-2"], "USER", "2026-09"),
    );
    let running = desk.converge().arg("--grace=200ms").start();
    eventually("both hang", || server.reports().len() == 3);
    assert!(ended_by(running, "INT", 130) < AT_ONCE);
    let ledger = desk.ledger().at_rest(3);
    assert_eq!(ledger.column("status"), ["created", "sending", "sending"]);
    // The next run finds them.
    desk.converge().expect(0);
    server.nothing_twice();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (second, code) in SIGNALS {
        let server = Served::new(
            "faults: [{ when: { endpoint: create }, then: [{ kind: hang, processed: true }] }]",
        );
        let desk = Desk::new();
        desk.manifest_with(server.url(), "api.request_timeout: 10m", &many(4));
        let mut running = desk.converge().arg("--grace=10m").start();
        eventually("one hangs", || !server.reports().is_empty());
        running.signal("INT");
        std::thread::sleep(Duration::from_millis(200));
        assert!(!running.is_over(), "the grace is ten minutes");
        assert!(ended_by(running, second, code) < AT_ONCE);
        // What it left is what a crash leaves: a ledger, whose rows are in doubt.
        let status = desk.status().arg("--format=json").expect(0).json();
        let count = |status_word| status["by_status"][status_word].as_u64().unwrap();
        assert!(count("sending") >= 1 && count("sending") + count("pending") == 4);
    }
}

/// Nothing was sent but a read, so there is nothing to bring to an end in good order.
#[test]
fn a_start_that_hangs_ends_by_the_first_signal() {
    let hang = "faults: [{ when: { endpoint: sub_partners }, then: [{ kind: hang }] }]";
    let server = Served::new(hang);
    let jobs =
        "  - { name: all, sub_partners: [{ discover: all }], types: [USER], periods: [2026-09] }\n";
    let desk = Desk::new();
    desk.manifest_with(server.url(), "api.request_timeout: 10m", jobs);
    for (signal, code) in SIGNALS {
        for command in ["plan", "run"] {
            let before = server.exchanges().len();
            let running = desk.monthend([command, "m.yaml"]).start();
            eventually("it asks", || server.exchanges().len() > before);
            assert!(ended_by(running, signal, code) < AT_ONCE, "{command} {signal}");
        }
    }
    assert!(server.creates().is_empty());
}

#[test]
fn a_hang_up_that_is_ignored_stays_ignored() {
    let server = Served::new("latency: { fixed: 30ms }");
    let desk = Desk::with(server.url(), &many(60));
    let running = desk.converge().after("trap '' HUP").start();
    eventually("it runs", || server.reports().len() > 5);
    running.signal("HUP");
    running.wait().expect(0);
}

#[test]
fn the_sandbox_ends_by_a_signal_as_it_should() {
    let desk = Desk::new();
    let running = desk.monthend(["sandbox"]).start();
    // Its handler is there long before this.
    std::thread::sleep(Duration::from_millis(300));
    running.signal("TERM");
    let ended = running.wait().expect(0);
    assert!(ended.stdout.starts_with("http://127.0.0.1:") && ended.took < PATIENCE, "{ended}");
}
