//! The server's limits are kept: announced waits in every form, the breaker, one sub-partner that is always busy.

use std::{net::TcpListener, time::Duration};

use sandbox::{Endpoint, Exchange};

use crate::support::{Desk, Ended, Served, eventually, many, partners};

/// What was on its way when a wait was announced may still arrive (docs/guarantees.md, 3); on a busy machine the answer
/// is not read at once. Simulated time (`tests/pacing`) proves it to the millisecond.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// No request came within a wait that an answer had announced, whichever request had received it.
#[track_caller]
fn no_send_in_a_pause(exchanges: &[Exchange]) {
    for throttled in exchanges {
        let (Some(said_at), Some(wait)) = (throttled.finished, throttled.announced) else {
            continue;
        };
        for other in exchanges {
            let is_within = other.at > said_at + ON_ITS_WAY && other.at < said_at + wait;
            assert!(!is_within, "{other:?} came within the pause of {throttled:?}");
        }
    }
}

fn named(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("p{n}")).collect()
}

#[test]
fn limiters_of_every_kind_and_form_are_met_and_kept() {
    let limits = [
        ("{ kind: token_bucket, rate: 15, burst: 4 }", "fractional"),
        ("{ kind: fixed_window, max: 8, window: 600ms }", "fractional"),
        ("{ kind: sliding_window, max: 8, window: 600ms }", "fractional"),
        ("{ kind: token_bucket, rate: 15, burst: 4 }", "zero"),
        ("{ kind: token_bucket, rate: 15, burst: 4 }", "missing"),
        ("{ kind: token_bucket, rate: 15, burst: 4 }", "nonsense"),
        ("{ kind: fixed_window, max: 10, window: 1s }", "whole_seconds"),
        ("{ kind: fixed_window, max: 10, window: 1s }", "http_date"),
    ];
    std::thread::scope(|scope| {
        for (limiter, form) in limits {
            scope.spawn(move || {
                let server = Served::new(&format!(
                    "rate_limit: {{ limiter: {limiter}, retry_after: {form} }}"
                ));
                let desk = Desk::with(server.url(), &many(30));
                desk.converge().expect(0);
                assert_eq!(desk.ledger().at_rest(30).count("created"), 30, "{limiter} {form}");
                server.nothing_twice();
                let exchanges = server.exchanges();
                no_send_in_a_pause(&exchanges);
                let refused = exchanges.iter().filter(|e| e.status == Some(429)).count();
                assert!(refused > 0, "{limiter} {form} was never met");
            });
        }
    });
}

/// Sends a request that is answered with 429 and this `Retry-After`. Gives the time from that answer to the next
/// try.
fn waited(retry_after: Option<&str>) -> Duration {
    let header = retry_after.map_or_else(String::new, |value| format!(", retry_after: '{value}'"));
    let server = Served::new(&format!(
        "now: 2030-01-01T00:00:00Z\nfaults: [{{ when: {{ endpoint: create, first: 1, last: 1 }}, then: [{{ kind: status, status: 429{header} }}] }}]"
    ));
    let desk = Desk::new();
    desk.manifest(server.url(), &many(1));
    desk.converge().expect(0).shows(["1 answered 429"]);
    let creates = server.creates();
    assert_eq!(creates.len(), 2);
    assert_eq!(desk.ledger().at_rest(1).count("created"), 1);
    if let Some(date) = retry_after.filter(|value| value.contains("00:00:02")) {
        // The server's clock began with it, at midnight: two seconds past that, by its own clock.
        assert!(creates[1].at >= Duration::from_secs(2), "{date}: {:?}", creates[1].at);
    }
    creates[1].at - creates[0].finished.unwrap()
}

#[test]
fn a_retry_after_is_understood_in_every_form() {
    let second = Duration::from_secs(1);
    let cases: [(Option<&str>, Duration); 13] = [
        (Some("1"), second),
        (Some(" 1 "), second),
        (Some("0.4"), second * 2 / 5),
        // Three ways to write an HTTP date (RFC 9110), by the server's clock, which is years from ours.
        (Some("Tue, 01 Jan 2030 00:00:02 GMT"), Duration::ZERO),
        (Some("Tuesday, 01-Jan-30 00:00:02 GMT"), Duration::ZERO),
        (Some("Tue Jan  1 00:00:02 2030"), Duration::ZERO),
        // Waits that are none: our own backoff, which is short here.
        (Some("Mon, 01 Jan 2029 00:00:00 GMT"), Duration::ZERO),
        (Some("0"), Duration::ZERO),
        (Some("-30"), Duration::ZERO),
        (Some("soon"), Duration::ZERO),
        (Some("1e3"), Duration::ZERO),
        (Some(""), Duration::ZERO),
        (None, Duration::ZERO),
    ];
    std::thread::scope(|scope| {
        for (retry_after, least) in cases {
            scope.spawn(move || {
                let waited = waited(retry_after);
                let generous = Duration::from_secs(20);
                assert!(waited >= least && waited < generous, "{retry_after:?}: {waited:?}");
            });
        }
    });
}

/// The server's limit was used up by someone else before we came.
#[test]
fn a_429_before_anything_was_accepted_does_not_stall_the_run() {
    let server = Served::new(
        "faults: [{ when: { first: 1, last: 2, endpoint: list }, then: [{ kind: status, status: 429, retry_after: '0.1' }] }]",
    );
    let desk = Desk::with(server.url(), &many(20));
    let ended = desk.converge().expect(0);
    assert!(ended.took < Duration::from_secs(20), "{ended}");
    assert_eq!(server.creates().len(), 20);
}

/// The run stops with exit code 3 and says when to come back; the next one keeps the pause without asking.
fn stops_and_stays_away(status: u16, retry_after: &str) {
    let server = Served::new(&format!(
        "now: 2030-01-01T00:00:00Z\nfaults: [{{ when: {{ endpoint: create, first: 3 }}, then: [{{ kind: status, status: {status}, retry_after: '{retry_after}' }}] }}]"
    ));
    let desk = Desk::new();
    desk.manifest_with(
        server.url(),
        "limits.concurrency: 2\nretry.max_retry_after: 10m",
        &many(30),
    );
    let ended = desk.converge().expect(3);
    ended.says([
        "longer than retry.max_retry_after",
        "run the same command again to continue after",
        "UTC",
    ]);
    let ledger = desk.ledger().at_rest(30);
    assert_eq!((ledger.count("created"), ledger.count("pending")), (2, 28));
    let seen = server.exchanges().len();
    assert!(server.creates().len() <= 4, "nothing leaves but what was in flight");
    for command in [desk.converge(), desk.retry()] {
        command.expect(3).says(["run the same command again to continue after"]);
    }
    assert_eq!(server.exchanges().len(), seen, "a second run sends nothing");
    // The pause is this server's; another one is not kept waiting for it.
    let other = Served::new("");
    desk.converge().arg("--base-url").arg(other.url()).expect(0);
    assert_eq!(other.creates().len(), 28);
}

/// What keeps the wait in force is named, and so is the way out of it.
#[test]
fn a_wait_of_years_is_let_go_of_by_option_or_variable() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 1, last: 3 }, then: [{ kind: status, status: 429, retry_after: '315360000' }] }]",
    );
    let desk = Desk::with(server.url(), &many(3));
    let bound = ["at most: run the same command again", "--forget-pause"];
    desk.converge().expect(3).says(bound);
    let seen = server.exchanges().len();
    desk.retry().expect(3).says(bound);
    assert_eq!(server.exchanges().len(), seen, "nothing was sent meanwhile");
    // What is typed again keeps the wait that came now.
    let again = desk.converge().arg("--forget-pause").expect(3).says(["--forget-pause: "]);
    let hint = again.stdout.lines().find(|line| line.contains("monthend"));
    assert!(hint.is_some_and(|line| !line.contains("--forget-pause")), "{again}");
    desk.retry().env("MONTHEND_FORGET_PAUSE", "1").expect(3);
    desk.converge().arg("--forget-pause").expect(0);
    assert_eq!(desk.ledger().at_rest(3).count("created"), 3);
    assert!(!desk.has("m.ledger.csv.lock"));
}

#[test]
fn a_number_that_is_a_time_is_waited_for_until_then() {
    for scale in [1, 1000] {
        let until = (chrono::Utc::now().timestamp() + 3) * scale;
        let server = Served::new(&format!(
            "faults: [{{ when: {{ endpoint: create, first: 1, last: 1 }}, then: [{{ kind: status, status: 429, retry_after: '{until}' }}] }}]"
        ));
        let desk = Desk::with(server.url(), &many(2));
        let ended = desk.converge().expect(0);
        assert!(ended.took > Duration::from_secs(1), "{ended}");
    }
}

#[test]
fn a_wait_beyond_the_limit_stops_the_run() {
    std::thread::scope(|scope| {
        for (status, retry_after) in [
            (429, "3600"),
            (503, "601"),
            (423, "86400"),
            (429, "Tue, 01 Jan 2030 05:00:00 GMT"),
            (429, "99999999999999999999"),
        ] {
            scope.spawn(move || stops_and_stays_away(status, retry_after));
        }
    });
}

#[test]
fn a_pause_binds_the_next_process() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 3, last: 3 }, then: [{ kind: status, status: 429, retry_after: '2' }] }]",
    );
    let desk = Desk::with(server.url(), &many(6));
    let mut running = desk.converge().start();
    eventually("the pause is announced", || {
        server.creates().iter().any(|e| e.finished.is_some() && e.status == Some(429))
    });
    // It is noted before anything else happens; how soon is for the machine to say.
    eventually("the pause is noted", || {
        desk.has("m.ledger.csv.lock") && desk.read("m.ledger.csv.lock").contains("until")
    });
    assert!(running.kill());
    desk.converge().expect(0).says(["the server asked an earlier run for a pause"]);
    no_send_in_a_pause(&server.exchanges());
    server.nothing_twice();
    assert_eq!(desk.ledger().at_rest(6).count("created"), 6);
}

#[test]
fn one_sub_partner_that_is_always_busy_does_not_stop_the_others() {
    for status in [423, 503] {
        let server = Served::new(&format!(
            "faults: [{{ when: {{ endpoint: create, org: busy }}, then: [{{ kind: status, status: {status}, retry_after: '0.05' }}] }}]"
        ));
        let mut names = named(20);
        names.insert(0, "busy".to_owned());
        let desk = Desk::new();
        let jobs = partners(names.iter().map(String::as_str), "USER", "2026-09");
        desk.manifest_with(server.url(), "retry.max_attempts: 4", &jobs);
        desk.converge().expect(1);
        let ledger = desk.ledger().at_rest(21);
        assert_eq!(ledger.count("created"), 20);
        let busy = ledger.of("busy")[0];
        assert_eq!(&busy["status"], "failed");
        assert_eq!(&busy["http_status"], status.to_string());
        // Five that do not count, four that do; more only while no other got through.
        let tries: u32 = busy["attempts"].parse().unwrap();
        assert!((9..=15).contains(&tries), "{tries}");
        no_send_in_a_pause(&server.exchanges());
    }
}

#[test]
fn the_ceiling_is_kept_however_fast_the_server_is() {
    let server = Served::new("");
    let desk = Desk::new();
    desk.manifest_with(server.url(), "limits.rate: 50/s\nlimits.burst: 5", &many(40));
    desk.converge().expect(0);
    let times: Vec<Duration> = server.exchanges().iter().map(|exchange| exchange.at).collect();
    for (first, from) in times.iter().enumerate() {
        for (last, to) in times.iter().enumerate().skip(first) {
            // They are counted where they arrive, some milliseconds after they left.
            let stretch = (*to + ON_ITS_WAY - *from).as_secs_f64();
            let allowed = 5.0 + 50.0 * stretch;
            assert!((last - first + 1) as f64 <= allowed, "{first}..={last} within {stretch}");
        }
    }
}

/// An address that nobody listens at.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

fn gave_up(ended: Ended) {
    ended.expect(3).says([
        "the server is down",
        "retry.max_consecutive_failures",
        "run the same command again to continue once it is back",
    ]);
}

#[test]
fn where_no_server_is_the_breaker_stops_the_run() {
    let desk = Desk::new();
    desk.manifest_with(&nobody(), "retry.max_consecutive_failures: 6", &many(10));
    gave_up(desk.converge().run());
    let ledger = desk.ledger().at_rest(10);
    assert_eq!(ledger.count("pending"), 10);
    assert!(ledger.lines.iter().all(|line| &line["attempts"] == "0"), "nothing ever left");
    gave_up(desk.retry().run());

    let server = Served::new("");
    desk.converge().arg("--base-url").arg(server.url()).expect(0);
    assert_eq!(desk.ledger().at_rest(10).count("created"), 10);
}

#[test]
fn a_server_that_breaks_down_stops_the_run() {
    let mut server = Served::new("latency: { fixed: 10ms }");
    let desk = Desk::new();
    desk.manifest_with(server.url(), "retry.max_consecutive_failures: 10", &many(200));
    let running = desk.converge().start();
    eventually("it runs", || server.creates().len() >= 20);
    server.stop();
    gave_up(running.wait());
    let ledger = desk.ledger().at_rest(200);
    assert!(ledger.count("created") >= 10 && ledger.count("pending") > 0);
    assert_eq!(ledger.count("failed"), 0, "it is the server's fault, not the rows'");
}

#[test]
fn a_server_that_answers_nothing_but_errors_stops_the_run() {
    let server = Served::new(
        "faults: [{ then: [{ kind: status, status: 500 }, { kind: status, status: 502, body: html }, { kind: reset }] }]",
    );
    let desk = Desk::new();
    desk.manifest_with(
        server.url(),
        "retry.max_consecutive_failures: 10\nretry.max_attempts: 1000",
        &many(30),
    );
    gave_up(desk.converge().run());
    assert!(server.exchanges().len() <= 10 + 8, "not hammered: {}", server.exchanges().len());
    assert_eq!(desk.ledger().at_rest(30).count("created"), 0);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Served::new("");
    let target = format!("{}/wholesale/billing/reports", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let server = Served::new(&format!(
            "faults: [{{ when: {{ org: moved, endpoint: create }}, then: [{{ kind: status, status: {status}, location: '{target}' }}] }}]"
        ));
        let desk = Desk::with(server.url(), &partners(["moved", "here"], "USER", "2026-09"));
        desk.converge().expect(1);
        let ledger = desk.ledger().at_rest(2);
        let moved = ledger.of("moved")[0];
        assert_eq!((&moved["status"], &moved["error_code"]), ("failed", "redirect"));
        assert_eq!(ledger.count("created"), 1);
    }
    assert!(elsewhere.exchanges().is_empty(), "the token was shown to another host");
}

#[test]
fn errors_of_every_shape_become_one_honest_line() {
    let shapes = [
        "classic",
        "keyed",
        "keyed_list",
        "coded",
        "coded_text",
        "hostile",
        "html",
        "empty",
        "huge",
        "not_utf8",
    ];
    let rules: String = shapes
        .iter()
        .map(|shape| format!("  - {{ when: {{ endpoint: create, org: shape-{shape}. }}, then: [{{ kind: status, status: 400, body: {shape} }}] }}\n"))
        .collect();
    let server = Served::new(&format!("faults:\n{rules}"));
    let names = shapes.map(|shape| format!("shape-{shape}."));
    let desk =
        Desk::with(server.url(), &partners(names.iter().map(String::as_str), "USER", "2026-09"));
    let ended = desk.converge().expect(1);
    let ledger = desk.ledger().at_rest(shapes.len());
    assert_eq!(ledger.count("failed"), shapes.len());
    for line in &ledger.lines {
        let error = &line["error"];
        assert!(error.chars().count() <= 400 && !error.chars().any(char::is_control), "{error:?}");
        assert!(!error.starts_with(['=', '+', '-', '@']), "{error:?}");
        assert_eq!(&line["http_status"], "400");
    }
    assert!(!ended.stderr.contains('\u{1b}') && !ended.stdout.contains('\u{1b}'), "{ended}");
    let code = |shape: &str| ledger.of(&format!("shape-{shape}."))[0]["error_code"].to_owned();
    assert_eq!(
        (code("coded"), code("coded_text"), code("html")),
        ("2024".into(), "E2024".into(), "http_400".into())
    );
    assert!(server.at(Endpoint::Create).len() == shapes.len());
}
