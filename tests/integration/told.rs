//! What is told on stderr while a run goes on, where that is no terminal.

use crate::support::{Desk, Served, many, partners};

/// Creates fail and lists do not, so the failures in a row are counted and start over all the time.
#[test]
fn a_server_that_fails_off_and_on_is_told_once() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create }, then: [{ kind: status, status: 500 }] }]",
    );
    let desk = Desk::new();
    let jobs = many(30);
    desk.manifest_with(
        server.url(),
        "retry.max_consecutive_failures: 8\nretry.max_attempts: 3",
        &jobs,
    );
    let ended = desk.converge().run();
    let lines: Vec<&str> =
        (ended.stderr.lines()).filter(|line| line.contains("sending more slowly")).collect();
    assert_eq!(lines.len(), 1, "{ended}");
    assert!(
        lines[0].contains(" requests in a row failed (the last one: ")
            || lines[0].contains("a request failed ("),
        "{ended}"
    );
}

/// Of a wait that is too long only the end is told: nothing resumes after it.
#[test]
fn a_wait_beyond_the_limit_is_not_told_as_a_pause() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 3 }, then: [{ kind: status, status: 429, retry_after: '3600' }] }]",
    );
    let jobs = partners(["a", "b", "c", "d"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    let ended = desk.converge().expect(3);
    let ended = ended.says(["the server asks for a wait of 1h, longer than retry.max_retry_after"]);
    assert!(!ended.stderr.contains("paused"), "{ended}");
    assert!(!ended.stdout.contains("limits.rate"), "{ended}");
}

#[test]
fn where_nothing_was_accepted_nothing_was_sent() {
    let mut server = Served::new("");
    let desk = Desk::new();
    let settings = "retry.max_consecutive_failures: 3";
    let jobs = partners(["a", "b"], "USER", "2026-09");
    desk.manifest_with(server.url(), settings, &jobs);
    server.stop();
    let ended = desk.converge().expect(3);
    let ended = ended.says([
        "cannot reach 127.0.0.1:",
        "; trying again in 1 s",
        "the server is down: 3 requests in a row failed",
    ]);
    ended.shows([", 3 requests tried, none of them accepted"]);
}

/// A burst makes a short run faster than the ceiling.
#[test]
fn an_average_above_the_ceiling_is_explained() {
    let server = Served::new("rate_limit: { limiter: { kind: unlimited } }");
    let desk = Desk::new();
    let jobs = many(36);
    desk.manifest_with(server.url(), "limits.rate: 300/min\nlimits.burst: 10", &jobs);
    let ended = desk.converge().expect(0);
    ended.shows([" sent (at 300/min after a burst of 10)"]);
}

/// For a ledger that was lost.
#[test]
fn reports_that_are_there_are_named_as_people_call_them() {
    let server = Served::new("latency: { fixed: 60ms }");
    let jobs = partners(["acme", "good"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    std::fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    let stopped = desk.converge().arg("--existing=stop").expect(1);
    let stopped = stopped.shows([
        "the server already holds reports for 2 of the 2 requests; nothing was sent",
        " acme USER 2026-09: ",
        "to take them:",
        " run m.yaml --existing adopt",
    ]);
    assert!(!stopped.stdout.contains("ORGANIZATION"), "{stopped}");
    let adopted = desk.converge().arg("--existing=adopt").expect(0);
    let adopted = adopted.says(["adopted 2 reports that the server had already"]);
    let adopted = adopted.shows(["adopted        2  the server had them already"]);
    // Looking took longer than one answer does.
    let elapsed = adopted.stdout.split("elapsed ").nth(1).unwrap();
    let (number, unit) = elapsed.split_once(' ').unwrap();
    let is_whole = !unit.starts_with("ms") || number.parse::<u32>().unwrap() >= 60;
    assert!(is_whole, "{adopted}");
}
