//! What a person sees at a desk: the binary on a terminal, its screen read as a terminal would show it.

use crate::support::{Desk, Served, partners};

/// Many sub-partners; each that `refused` names is refused.
fn many(count: usize, refused: usize) -> String {
    let names: Vec<String> = (0..count)
        .map(|n| if n >= count - refused { format!("refused-403-{n}") } else { format!("p{n}") })
        .collect();
    partners(names.iter().map(String::as_str), "USER", "2026-09")
}

fn has_bar(line: &str) -> bool {
    line.contains(['█', '░'])
}

#[test]
fn a_run_shows_how_far_it_is_and_leaves_only_words() {
    let server = Served::new("latency: { fixed: 50ms }");
    let desk = Desk::with(server.url(), &many(120, 0));
    let terminal = desk.converge().on_a_terminal(100);
    let line = terminal.until("a bar", |line| has_bar(line) && line.contains("in flight"));
    assert!(line.contains("/120"), "{line:?}");
    let (code, screen, _) = terminal.end();
    assert_eq!(code, Some(0));
    assert!(screen[0].starts_with("SANDBOX"), "{screen:#?}");
    assert!(screen[1].starts_with("120 requests: 120 to send"), "{screen:#?}");
    assert!(!screen.iter().any(|line| has_bar(line)), "{screen:#?}");
    assert!(screen.iter().any(|line| line == "created      120"), "{screen:#?}");
    assert!(screen.last().unwrap().ends_with("monthend collect m.yaml"), "{screen:#?}");
}

#[test]
fn no_line_wraps_and_resizing_leaves_no_ruins() {
    let server = Served::new("latency: { fixed: 50ms }");
    let desk = Desk::with(server.url(), &many(200, 0));
    let terminal = desk.converge().on_a_terminal(100);
    terminal.until("a bar", has_bar);
    for columns in [60, 30, 80] {
        let done = terminal.until("a bar", has_bar);
        terminal.until("a later bar", |line| line.contains("/200") && line != done);
        terminal.resize(columns);
    }
    terminal.until("a bar", has_bar);
    let (code, mut screen, _) = terminal.end();
    assert_eq!(code, Some(0));
    screen.retain(|line| has_bar(line) || line.contains("/200"));
    assert!(screen.is_empty(), "{screen:#?}");
}

#[test]
fn a_narrow_terminal_still_says_how_far_it_is() {
    let server = Served::new("latency: { fixed: 50ms }");
    let desk = Desk::with(server.url(), &many(120, 0));
    for columns in [30, 12] {
        let terminal =
            desk.converge().arg(format!("--ledger={columns}.csv")).on_a_terminal(columns);
        terminal.until("the number", |line| line.contains("/120"));
        assert_eq!(terminal.end().0, Some(0));
    }
}

#[test]
fn a_pause_counts_down_with_its_reason() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 5, last: 5 }, then: [{ kind: status, status: 429, retry_after: '3' }] }]",
    );
    let desk = Desk::with(server.url(), &many(20, 0));
    let terminal = desk.converge().on_a_terminal(100);
    for seconds in ["paused 3 s (rate limit, 429)", "paused 2 s (rate limit, 429)"] {
        terminal.until(seconds, |line| line.contains(seconds) && line.contains("/20"));
    }
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn like_failures_are_few_lines_and_the_summary_says_whom_they_concern() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(60, 40));
    let (code, screen, raw) = desk.converge().on_a_terminal(100).end();
    assert_eq!(code, Some(1));
    assert!(raw.matches("warning:").count() <= 10, "{raw}");
    let cause =
        screen.iter().find(|line| line.contains("40 sub-partners, 40 requests: refused-403-"));
    assert!(cause.is_some_and(|line| line.contains("http_403")), "{screen:#?}");
    assert!(screen.last().unwrap().ends_with("monthend retry m.yaml"), "{screen:#?}");
}

#[test]
fn no_word_is_broken_at_the_edge() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(30, 20));
    let results = [
        "http_403 20 sub-partners, 20 requests: refused-403-10 (1), refused-403-",
        "(1) and 18 more This sub-partner refuses billing reports. elapsed",
        "SANDBOX: a rehearsal; no real reports were made",
    ];
    let logged = [
        "SANDBOX: a rehearsal; no real reports are made",
        "USER 2026-09: http_403: This sub-partner refuses billing reports. warning:",
    ];
    // On the narrow screen what was logged has scrolled away by the end.
    for (columns, sentences) in [(60, [&results[..], &logged].concat()), (30, results.to_vec())] {
        let command = desk.converge().arg(format!("--ledger={columns}.csv"));
        let (code, screen, _) = command.on_a_terminal(columns).end();
        assert_eq!(code, Some(1));
        let words: Vec<&str> = screen.iter().flat_map(|line| line.split_whitespace()).collect();
        let words = words.join(" ");
        for sentence in sentences {
            assert!(words.contains(sentence), "{sentence:?} at {columns} columns: {screen:#?}");
        }
    }
}

/// A table's cell goes on below itself. Elsewhere lines stay whole, for programs that look for a sentence.
#[test]
fn tables_end_their_lines_between_words() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(1, 0));
    let (code, screen, _) = desk.monthend(["check", "m.yaml"]).on_a_terminal(80).end();
    assert_eq!(code, Some(0));
    let at = screen.iter().position(|line| line.starts_with("create reports")).unwrap();
    let column = screen[at].find("cannot").unwrap();
    assert_eq!(screen[at + 1].find("that the token has the scope"), Some(column), "{screen:#?}");
    let scope = "spark-admin:wholesale_billing_reports_write";
    assert_eq!(screen[at + 2].trim(), scope, "{screen:#?}");
    let whole = format!("creating a report; make sure that the token has the scope {scope}\n");
    desk.monthend(["check", "m.yaml"]).expect(0).shows([&*whole]);
}

#[test]
fn ctrl_c_says_what_is_waited_for_and_leaves_no_bar() {
    let server = Served::new("latency: { fixed: 400ms }");
    let desk = Desk::with(server.url(), &many(200, 0));
    let terminal = desk.converge().on_a_terminal(100);
    terminal.until("a bar", |line| has_bar(line) && line.contains("in flight"));
    terminal.types("\u{3}");
    let line =
        terminal.until("Stopping", |line| line.contains("Stopping: waiting up to 10 s for "));
    assert!(line.contains("request") && line.contains("; Ctrl-C again quits now."), "{line:?}");
    let (code, screen, _) = terminal.end();
    assert_eq!(code, Some(130));
    assert!(!screen.iter().any(|line| has_bar(line)), "{screen:#?}");
    assert!(screen.last().unwrap().ends_with("monthend run m.yaml"), "{screen:#?}");
}

#[test]
fn a_second_ctrl_c_quits_and_leaves_no_bar() {
    let server = Served::new("latency: { fixed: 30s }");
    let desk = Desk::with(server.url(), &many(20, 0));
    let terminal = desk.converge().on_a_terminal(100);
    terminal.until("a bar", has_bar);
    terminal.types("\u{3}");
    terminal.until("Stopping", |line| line.contains("Stopping"));
    terminal.types("\u{3}");
    let (code, screen, _) = terminal.end();
    assert_eq!(code, Some(130));
    assert!(!screen.iter().any(|line| has_bar(line)), "{screen:#?}");
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(30, 2));
    let (code, screen, raw) = desk.converge().env("TERM", "dumb").on_a_terminal(80).end();
    assert_eq!(code, Some(1));
    assert!(!raw.contains('\u{1b}') && !screen.iter().any(|line| has_bar(line)), "{raw:?}");
}

#[test]
fn colours_can_be_turned_off_and_on() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(3, 1));
    let on_a_terminal = |name: &str, value: &str| {
        let ledger = format!("--ledger={name}-{value}.csv");
        let command = desk.converge().arg(ledger).arg("--quiet").env(name, value);
        command.on_a_terminal(80).end().2.contains("\u{1b}[3")
    };
    assert!(on_a_terminal("LANG", "C"));
    assert!(!on_a_terminal("NO_COLOR", "1"));
    assert!(!on_a_terminal("MONTHEND_COLOR", "never"));
    let piped = |name: &str, value: &str| {
        let ledger = format!("--ledger=piped-{name}-{value}.csv");
        let ended = desk.converge().arg(ledger).env(name, value).expect(1);
        ended.stdout.contains('\u{1b}')
    };
    assert!(!piped("LANG", "C"));
    assert!(piped("CLICOLOR_FORCE", "1"));
    assert!(piped("MONTHEND_COLOR", "always"));
}

#[test]
fn a_server_that_cannot_be_reached_is_told_at_once() {
    let mut server = Served::new("");
    let desk = Desk::new();
    desk.manifest_with(server.url(), "retry.base_delay: 3s\nretry.max_delay: 3s", &many(3, 0));
    server.stop();
    let terminal = desk.converge().on_a_terminal(100);
    let line = terminal.until("why", |line| line.contains("cannot reach 127.0.0.1:"));
    assert!(line.contains("(connection refused); trying again in "), "{line:?}");
    terminal.types("\u{3}");
    assert_eq!(terminal.end().0, Some(130));
}
