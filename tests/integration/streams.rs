//! A stdout or stderr that cannot be written: it changes neither what a run does nor how it ends.

use crate::support::{Desk, Ended, Monthend, Served, partners};

/// More lines than a pipe or a buffer hides: with `-v` each row says several.
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "refused-404", "refused-400"];

/// Each way in which a stream can be dead.
fn dead(command: impl Fn() -> Monthend) -> Vec<(&'static str, Monthend)> {
    let redirected = |how: &'static str| (how, command().after(how));
    vec![
        redirected("exec 2>/dev/full"),
        redirected("exec 2>&-"),
        redirected("exec >/dev/full"),
        redirected("exec >&-"),
        redirected("exec >/dev/full 2>&1"),
        redirected("exec >&- 2>&- <&-"),
        ("a closed pipe as stdout", command().into_closed_pipe()),
        ("a closed pipe as stderr", command().unheard()),
        ("both", command().into_closed_pipe().unheard()),
    ]
}

#[test]
fn a_run_ends_as_it_would_have() {
    std::thread::scope(|scope| {
        for log in ["text", "json"] {
            let ways = dead(|| Desk::new().converge()).len();
            for way in 0..ways {
                scope.spawn(move || {
                    let server = Served::new(
                        "latency: { fixed: 10ms }\nfaults: [{ when: { endpoint: create, probability: 0.3 }, then: [{ kind: reset, processed: true }, { kind: status, status: 429, retry_after: '0' }] }]",
                    );
                    let desk = Desk::with(server.url(), &partners(NAMES, "USER", "2026-09"));
                    let run = || desk.converge().arg("-v").arg(format!("--log-format={log}"));
                    let (how, command) = dead(run).swap_remove(way);
                    let ended = command.run();
                    assert_eq!(ended.code, Some(1), "{how}: {ended}");
                    let ledger = desk.ledger().at_rest(8);
                    let counts = ["created", "failed"].map(|status| ledger.count(status));
                    assert_eq!(counts, [6, 2], "{how}: {ended}");
                    assert_eq!(ledger.report_ids(), server.report_ids(), "{how}");
                    assert_eq!(desk.files(), ["m.ledger.csv", "m.yaml"], "{how}");

                    desk.manifest(server.url(), &partners(NAMES[..6].iter().copied(), "USER", "2026-09"));
                    let (_, command) = dead(|| desk.converge()).swap_remove(way);
                    command.expect(0);
                    let (_, command) = dead(|| desk.retry()).swap_remove(way);
                    command.expect(1);
                });
            }
        }
    });
}

#[test]
fn mistakes_have_their_exit_codes() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    for (code, args) in [
        (2, &["run", "no-such.yaml"][..]),
        (2, &["frobnicate"]),
        (2, &["run", "m.yaml", "--job=x"]),
        (4, &["retry", "m.yaml"]),
        (4, &["status", "no-such.csv"]),
    ] {
        for (how, command) in dead(|| desk.monthend(args.to_vec())) {
            let ended = command.run();
            assert_eq!(ended.code, Some(code), "{how}: {ended}");
        }
    }
    assert!(server.exchanges().is_empty());
}

/// A disk that is full behind a redirection has not got the result: the exit code says so.
#[test]
fn a_result_that_cannot_be_written_is_a_fault() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().expect(0);
    for command in [
        desk.plan(),
        desk.plan().arg("--format=csv"),
        desk.plan().arg("--format=json"),
        desk.status(),
        desk.status().arg("--format=json"),
        desk.monthend(["schema", "manifest"]),
        desk.monthend(["schema", "ledger"]),
        desk.monthend(["sandbox"]),
    ] {
        let ended: Ended = command.after("exec >/dev/full").expect(70);
        ended.says(["cannot write to stdout"]);
    }
    for args in [&["--help"][..], &["run", "--help"], &["--version"]] {
        desk.monthend(args.to_vec()).after("exec >/dev/full").expect(70);
        desk.monthend(args.to_vec()).into_closed_pipe().expect(0);
    }
}

#[test]
fn what_was_done_counts_though_it_cannot_be_said() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "refused-404"], "USER", "2026-09"));
    desk.converge().after("exec >/dev/full").expect(1).says(["cannot write to stdout"]);
    desk.converge().into_closed_pipe().expect(1);
    desk.converge()
        .arg("--existing=stop")
        .arg("--ledger=new.csv")
        .after("exec >/dev/full")
        .expect(1);
    assert!(!desk.has("new.csv"));

    let mut ledger = desk.ledger();
    ledger.set(0, &[("status", "failed"), ("report_id", ""), ("error_code", "in_doubt")]);
    let id = ledger.lines[0]["request_id"].to_owned();
    desk.write("m.ledger.csv", ledger.to_csv());
    desk.monthend(["resolve", "m.ledger.csv", "--resend", "--request"])
        .arg(id)
        .after("exec >/dev/full")
        .expect(0);
    assert_eq!(desk.ledger().count("pending"), 1);
}
