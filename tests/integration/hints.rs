//! Every command that is said gets on from exactly the state in which it is said: each is typed here as it stands.

use std::{fs, path::Path};

use crate::support::{Desk, Ended, Hint, LedgerFile, Served, many, own, partner, partners};

const SEPTEMBER: &str = "2026-09";

#[track_caller]
fn is(hint: &Hint, why: &str, command: &str) {
    let arguments = hint.arguments().join(" ");
    assert_eq!((hint.why.as_str(), arguments.as_str()), (why, command));
}

/// The commands that were said, each with what it is for.
#[track_caller]
fn are(ended: &Ended, expected: &[(&str, &str)]) -> Vec<Hint> {
    let hints = ended.hints();
    let shown = hints.iter().map(|hint| (hint.why.clone(), hint.arguments().join(" ")));
    let expected = expected.iter().map(|(why, command)| ((*why).to_owned(), (*command).to_owned()));
    assert_eq!(shown.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{ended}");
    hints
}

/// A server on which the reports of `b` are at once in doubt: whoever made them, and when, it does not show.
fn doubtful(more: &str) -> Served {
    Served::new(&format!(
        "reports: {{ get_shows_created: false, list_shows_created: false }}\n\
         faults: [{{ when: {{ endpoint: create, org: doubtful, tries: 1 }}, then: [{{ kind: rival, processed: true }}] }}]\n{more}"
    ))
}

/// From the comparison to the closed month, each by the command that was said before.
#[test]
fn what_agrees_leads_to_the_closed_month() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &partners(["a"], "CUSTOMER, USER", SEPTEMBER));
    let levels = "{ name: levels, report: CUSTOMER, with: { report: USER }, match: [sub_partner] }";
    desk.write("m.yaml", format!("{}reconcile:\n  - {levels}\n", desk.read("m.yaml")));
    desk.converge().arg("--collect").expect(0);
    let reconcile = || desk.monthend(["reconcile", "m.yaml"]);

    fs::remove_file(desk.path("m.ledger.reports/2026-09/USER/a.csv")).unwrap();
    let left_out = reconcile().expect(1).hints().pop().unwrap();
    is(&left_out, "to see what to do about the files that are left out", "audit m.yaml");
    let collect = left_out.typed(&desk).expect(1).hints().pop().unwrap();
    collect.typed(&desk).expect(0);

    let agrees = ("to compare plan, server and files, too", "audit m.yaml");
    let audit = &are(&reconcile().expect(0), &[agrees])[0];
    let proven = ("to close the month, once nothing more is to come", "close m.yaml");
    let close = &are(&audit.typed(&desk).expect(0), &[proven])[0];
    // A part of a month proves no month.
    are(&audit.typed(&desk).arg("--type=USER").expect(0), &[]);
    are(&reconcile().arg("--name=levels").expect(0), &[]);
    close.typed(&desk).expect(0);
    are(&reconcile().expect(0), &[]);
    are(&audit.typed(&desk).expect(0), &[]);
}

/// The table of all hints: a new one has to be typed in a test here, too.
#[test]
fn every_hint_is_typed_in_a_test() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = fs::read_to_string(source.join("tests/integration/hints.rs")).unwrap();
    let mut whys = Vec::new();
    for folder in ["src/output", "src/cli"] {
        for file in fs::read_dir(source.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let beginnings = ["Hint::new(", "again(", "after("];
            for call in beginnings.iter().flat_map(|call| text.split(call).skip(1)) {
                let call = call.trim_start();
                let literal =
                    (call.strip_prefix("format!(")).unwrap_or(call).trim_start().strip_prefix('"');
                if let Some(why) = literal.and_then(|rest| rest.split(['"', '{']).next()) {
                    whys.push(why.trim().to_owned());
                }
            }
        }
    }
    whys.retain(|why| !why.is_empty());
    assert!(whys.len() > 15, "{whys:?}");
    for why in whys {
        assert!(tests.contains(&why), "no test types the command said with {why:?}");
    }
}

#[test]
fn what_failed_is_retried() {
    let server = Served::new("");
    let jobs = partners(["good", "refused-404"], "USER", SEPTEMBER);
    let desk = Desk::with(server.url(), &jobs);
    let ended = desk.converge().expect(1);
    let why = "to retry what failed, once the causes are fixed";
    let hints = are(&ended, &[(why, "retry m.yaml")]);
    let fixed = Served::new("fixed: true");
    desk.manifest(fixed.url(), &jobs);
    let ended = hints[0].typed(&desk).expect(0);
    let download = [("to download the reports", "collect m.yaml")];
    are(&ended, &download)[0].typed(&desk).arg("--wait=0s").run();
}

#[test]
fn in_a_rehearsal_the_causes_are_fixed_by_an_option() {
    let desk = Desk::with(
        "https://webexapis.com/v1",
        &partners(["good", "refused-403"], "USER", SEPTEMBER),
    );
    let ended = desk.rehearse("run").expect(1);
    let why = "to retry what failed, with the causes fixed";
    let hints = are(&ended, &[(why, "retry m.yaml --sandbox --sandbox-fixed")]);
    hints[0].typed(&desk).without("WEBEX_ACCESS_TOKEN").expect(0);
    let stopped = desk.rehearse("run").args(["--ledger=l.csv", "--max-failures=1"]);
    let ended = stopped.run();
    let again = ended.hints().remove(0);
    let code = if ended.code == Some(3) { "to continue, with the causes fixed" } else { why };
    assert_eq!(again.why, code, "{ended}");
    again.typed(&desk).without("WEBEX_ACCESS_TOKEN").expect(0);
}

/// Failures and doubts together: both are said at once, and no candidate is chosen for anybody.
#[test]
fn doubts_are_listed_and_every_command_of_the_list_gets_on() {
    let server = doubtful("");
    let names = ["first", "doubtful", "refused-403"];
    let jobs = partners(names, "CUSTOMER, USER", SEPTEMBER);
    let desk = Desk::with(server.url(), &jobs);
    let ended = desk.converge().expect(1);
    let list = "to see the 2 rows in doubt with the candidates, and decide";
    let retry = "to retry what failed, once the causes are fixed";
    let said = [(retry, "retry m.yaml"), (list, "resolve m.yaml")];
    let hints = are(&ended, &said);
    assert!(!ended.stdout.contains("--adopt"), "{ended}");
    assert!(!ended.stdout.contains('…'), "nothing is cut off: {ended}");
    let status = desk.monthend(["status", "m.yaml"]).expect(0);
    let why = "to see the rows in doubt with the candidates, and decide";
    are(&status, &[(why, "resolve m.yaml")]);

    let listed = hints[1].typed(&desk).expect(0);
    let commands = listed.hints();
    let adopt: Vec<&Hint> = commands.iter().filter(|it| it.why == "if this is the one").collect();
    let resend: Vec<&Hint> = (commands.iter())
        .filter(|it| it.why == "if none of them is the one, to send it again")
        .collect();
    assert_eq!((adopt.len(), resend.len()), (4, 2), "{listed}");
    let decided = adopt[0].typed(&desk).expect(0);
    let next = [
        ("to list what is still in doubt (1 row), and decide", "resolve m.yaml"),
        ("to send 2 rows", "retry m.yaml"),
    ];
    are(&decided, &next)[0].typed(&desk).expect(0);
    let decided = resend[1].typed(&desk).expect(0);
    let sent = are(&decided, &[("to send 3 rows", "retry m.yaml")]);
    sent[0].typed(&desk).expect(1);
    let ledger = desk.ledger().at_rest(6);
    assert_eq!((ledger.count("created"), ledger.count("failed")), (4, 2));
}

/// A ledger by itself: its manifest is found next to it, and else the commands say where it goes.
#[test]
fn a_decision_about_a_ledger_by_itself_says_what_is_next() {
    let server = doubtful("");
    let jobs = partners(["first", "doubtful"], "USER", SEPTEMBER);
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(1);
    let list = desk.monthend(["resolve", "m.ledger.csv"]);
    let listed = list.without("WEBEX_ACCESS_TOKEN").expect(0);
    let adopt = &listed.hints()[0];
    assert_eq!(adopt.arguments()[..2], ["resolve", "m.ledger.csv"]);
    let decided = adopt.typed(&desk).without("WEBEX_ACCESS_TOKEN").expect(0);
    are(&decided, &[("to download the reports", "collect m.yaml")]);
    decided.hint().typed(&desk).expect(0);
}

#[test]
fn what_could_not_be_looked_up_is_looked_up_again_or_decided() {
    let server = Served::new(
        "faults:
  - { when: { endpoint: create, tries: 1 }, then: [{ kind: reset, processed: true }] }
  - { when: { endpoint: list, first: 2, last: 9 }, then: [{ kind: status, status: 403 }] }",
    );
    let desk = Desk::with(server.url(), &partners(["a"], "USER", SEPTEMBER));
    let ended = desk.converge().expect(3);
    let said =
        [("to look them up again", "run m.yaml"), ("or, to decide them by hand", "resolve m.yaml")];
    let hints = are(&ended, &said);
    let listed = hints[1].typed(&desk).expect(0);
    listed.shows(["no look-up has decided this row", "to look it up on the server:"]);
    let mut looked_up = hints[0].typed(&desk).run();
    while looked_up.code == Some(3) {
        looked_up = hints[0].typed(&desk).run();
    }
    looked_up.expect(0);
    assert_eq!(server.creates().len(), 1);
}

fn collected(more: &str) -> (Served, Desk) {
    let server = Served::new(&format!("reports: {{ completes_after: 0s }}\n{more}"));
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", SEPTEMBER));
    desk.converge().arg("--collect").expect(0);
    (server, desk)
}

const REPLACE: &str =
    "to replace the files that were changed, or are in the way, with the server's reports";

/// The command that was said first ends otherwise than the one that led to it.
#[test]
fn a_file_that_was_changed_is_replaced_by_the_command_that_is_said() {
    let (_server, desk) = collected("");
    let file = "m.ledger.reports/2026-09/USER/a.csv";
    let whole = desk.read(file);
    for command in [desk.monthend(["collect", "m.yaml"]), desk.converge().arg("--collect")] {
        desk.write(file, whole.clone() + "a note\n");
        let ended = command.expect(1);
        let ended = ended.shows([file, "was changed on the disk"]);
        let hint = &are(&ended, &[(REPLACE, "collect m.yaml --force")])[0];
        hint.typed(&desk).expect(0);
        assert_eq!(desk.read(file), whole);
    }
}

#[test]
fn a_file_in_the_way_is_replaced_by_the_command_that_is_said() {
    let (_server, desk) = collected("");
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    desk.converge().arg("--existing=adopt").expect(0);
    let file = "m.ledger.reports/2026-09/USER/b.csv";
    desk.write(file, "another,file\n1,2\n");
    let ended = desk.monthend(["collect", "m.yaml"]).expect(1);
    let hint = &are(&ended, &[(REPLACE, "collect m.yaml --force")])[0];
    hint.typed(&desk).expect(0);
}

#[test]
fn what_the_server_could_not_generate_is_recreated() {
    let desk = Desk::new();
    let state = desk.path("state");
    let config = |more: &str| {
        let state = state.display();
        Served::new(&format!("state: '{state}'\nreports: {{ completes_after: 0s{more} }}"))
    };
    let mut server = config(", fail_for: [b]");
    let jobs = partners(["a", "b"], "USER", SEPTEMBER);
    desk.manifest(server.url(), &jobs);
    let ended = desk.converge().arg("--collect").expect(1);
    let why = "to recreate the reports that the server could not generate";
    let hint = &are(&ended, &[(why, "retry m.yaml --collect --recreate-failed")])[0];
    server.stop();
    let server = config("");
    desk.manifest(server.url(), &jobs);
    hint.typed(&desk).expect(0);
}

/// A run that collects nothing knows it, too.
#[test]
fn a_run_without_collecting_does_not_advise_to_collect_what_has_failed() {
    let server = Served::new("reports: { completes_after: 0s, fail_for: [b] }");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", SEPTEMBER));
    desk.converge().arg("--collect").expect(1);
    let why = "to recreate the reports that the server could not generate";
    are(&desk.converge().expect(0), &[(why, "retry m.yaml --recreate-failed --collect")]);
}

/// A report that is gone never comes by collecting again.
#[test]
fn a_report_that_is_gone_is_recreated_step_by_step() {
    let (server, desk) = collected("");
    let mut ledger = desk.ledger();
    for place in 0..2 {
        let id = &ledger.lines[place]["report_id"];
        let gone = format!("{}AAAAAAA{}", &id[..id.len() - 8], ["Q", "g"][place]);
        let cells =
            [("report_id", &*gone), ("report_file", ""), ("updated_at", "2026-10-01T00:00:00Z")];
        ledger.set(place, &cells);
    }
    desk.write("m.ledger.csv", ledger.to_csv());
    fs::remove_dir_all(desk.path("m.ledger.reports")).unwrap();
    let mut ended = desk.monthend(["collect", "m.yaml"]).expect(1);
    for (why, place) in [
        ("to recreate the report that is gone from the server (the first of 2)", 0),
        ("to recreate the report that is gone from the server", 1),
    ] {
        let request = &ledger.lines[place]["request_id"];
        let command = format!("resolve m.yaml --request {request} --resend --replace");
        let resolved = are(&ended, &[(why, &command)])[0].typed(&desk).expect(0);
        let sent = are(&resolved, &[("to send 1 row", "retry m.yaml")])[0].typed(&desk);
        let sent = sent.expect(0);
        let collect = are(&sent, &[("to download the reports", "collect m.yaml")]);
        ended = collect[0].typed(&desk).run();
    }
    ended.expect(0);
    assert_eq!(server.creates().len(), 4);
}

/// A word that is not known here may be final: waiting again is one way, recreating the report another.
#[test]
fn a_report_with_an_unknown_status_is_waited_for_or_recreated() {
    let server = |more: &str| Served::new(&format!("reports: {{ completes_after: 0s{more} }}"));
    let odd = server(", never_done_for: [odd], never_done_word: CANCELLED");
    let jobs = partners(["odd", "fine"], "USER", SEPTEMBER);
    let desk = Desk::with(odd.url(), &jobs);
    let ended = desk.converge().args(["--collect", "--wait=0s"]).expect(1);
    let request = desk.ledger().of("odd")[0]["request_id"].to_owned();
    let recreate = format!("resolve m.yaml --request {request} --resend --replace");
    let said = [
        ("to recreate the report whose status may be final", &*recreate),
        ("to collect the rest", "collect m.yaml"),
    ];
    let hints = are(&ended, &said);
    let resolved = hints[0].typed(&desk).expect(0);
    let sent = are(&resolved, &[("to send 1 row", "retry m.yaml")])[0].typed(&desk);
    let other = server("");
    desk.manifest(other.url(), &jobs);
    sent.expect(0);
    hints[1].typed(&desk).arg("--sub-partner=odd").expect(0);
}

#[test]
fn what_is_not_ready_is_collected_later() {
    let server = Served::new("reports: { completes_after: 1s }");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", SEPTEMBER));
    let ended = desk.converge().args(["--collect", "--wait=0s"]).expect(1);
    let hint = &are(&ended, &[("to collect the rest", "collect m.yaml")])[0];
    hint.typed(&desk).expect(0);
}

/// `--cause` names what rows failed with before: a command that is said names what they fail with now.
#[test]
fn a_retry_of_one_cause_goes_on_with_the_cause_that_there_is_now() {
    let server = Served::new("");
    let jobs = partners(["refused-404", "refused-400"], "USER", SEPTEMBER);
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(1);
    let other = Served::new(
        "fixed: true\nfaults: [{ when: { endpoint: create, first: 1, last: 1 }, then: [{ kind: status, status: 403 }] },
        { when: { endpoint: create, first: 2 }, then: [] }]",
    );
    desk.manifest(other.url(), &jobs);
    let code = |desk: &Desk, name: &str| desk.ledger().of(name)[0]["error_code"].to_owned();
    let before = code(&desk, "refused-404");
    let ended = desk.retry().args(["--cause", &before]).expect(1);
    let now = code(&desk, "refused-404");
    assert_ne!(before, now);
    let why = "to retry what failed, once the causes are fixed";
    let hint = &are(&ended, &[(why, &format!("retry m.yaml --cause {now}"))])[0];
    hint.typed(&desk).expect(0);
    assert_ne!(code(&desk, "refused-400"), "", "it was not selected");
}

#[test]
fn a_run_that_stopped_goes_on() {
    // The server is back after some refusals to answer.
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 1, last: 3 }, then: [{ kind: status, status: 503 }] },
        { when: { endpoint: list, first: 2, last: 3 }, then: [{ kind: status, status: 503 }] }]",
    );
    let desk = Desk::new();
    let jobs = partners(["a"], "USER", SEPTEMBER);
    desk.manifest_with(server.url(), "retry.max_consecutive_failures: 2", &jobs);
    let mut ended = desk.converge().run();
    assert_eq!(ended.code, Some(3), "{ended}");
    while ended.code == Some(3) {
        let hints = ended.hints();
        let hint = hints.first().unwrap_or_else(|| panic!("{ended}"));
        is(hint, "to continue, once the server is back", "run m.yaml");
        ended = hint.typed(&desk).run();
    }
    ended.expect(0);

    // A token that is refused, and one that may not create.
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs);
    let ended = desk.converge().env("WEBEX_ACCESS_TOKEN", "refused").expect(3);
    let why = "to continue, with a token that the server accepts";
    are(&ended, &[(why, "run m.yaml")])[0].typed(&desk).expect(0);
    let forbidden = Served::new(
        "faults: [{ when: { endpoint: create, first: 1, last: 40 }, then: [{ kind: status, status: 403 }] }]",
    );
    let jobs = many(40);
    let desk = Desk::with(forbidden.url(), &jobs);
    let ended = desk.converge().expect(3);
    let why = "to continue, with a token that may create reports";
    let hint = &are(&ended, &[(why, "run m.yaml")])[0];
    let allowed = Served::new("");
    desk.manifest(allowed.url(), &jobs);
    hint.typed(&desk).expect(0);
}

#[test]
fn a_wait_that_is_too_long_a_limit_of_failures_and_a_signal_are_continued() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 1, last: 1 }, then: [{ kind: status, status: 429, retry_after: '2' }] }]",
    );
    let desk = Desk::new();
    let jobs = partners(["a"], "USER", SEPTEMBER);
    desk.manifest_with(server.url(), "retry.max_retry_after: 1s", &jobs);
    let ended = desk.converge().expect(3);
    let hint = are(&ended, &[("to continue after the wait", "run m.yaml")]).remove(0);
    let lock = desk.path("m.ledger.csv.lock");
    fs::remove_file(lock).unwrap(); // the wait is over
    hint.typed(&desk).expect(0);

    let server = Served::new("");
    let jobs = partners(["refused-404", "b", "c"], "USER", SEPTEMBER);
    let desk = Desk::new();
    desk.manifest_with(server.url(), "limits.concurrency: 1", &jobs);
    let ended = desk.converge().arg("--max-failures=1").expect(3);
    let ended = ended.says(["1 row failed, which is the --max-failures limit"]);
    let why = "to continue, once the causes are fixed";
    let hint = are(&ended, &[(why, "run m.yaml --max-failures=1")]).remove(0);
    let fixed = Served::new("fixed: true");
    desk.manifest(fixed.url(), &jobs);
    hint.typed(&desk).expect(0);

    let server = Served::new("latency: { fixed: 300ms }");
    let jobs = many(30);
    let desk = Desk::with(server.url(), &jobs);
    let running = desk.converge().start();
    crate::support::eventually("it sends", || !server.creates().is_empty());
    running.signal("INT");
    let ended = running.wait().expect(130);
    are(&ended, &[("to continue", "run m.yaml")])[0].typed(&desk).expect(0);
}

#[test]
fn after_a_rehearsal_the_real_run_does_what_was_rehearsed() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", SEPTEMBER));
    desk.write("s.yaml", "reports: { completes_after: 0s }\n");
    let rehearse = |command: &str| {
        desk.rehearse(command).args(["--sandbox-config=s.yaml", "--as-of=2026-11-02"])
    };
    let ended = rehearse("run").expect(0);
    let collect = "collect m.yaml --sandbox --sandbox-config s.yaml";
    let collect = are(&ended, &[("to download the reports", collect)]).remove(0);
    let ended = collect.typed(&desk).without("WEBEX_ACCESS_TOKEN").expect(0);
    let for_real = are(&ended, &[("for real", "run m.yaml --collect")]).remove(0);
    let ended = rehearse("run").arg("--collect").expect(0);
    are(&ended, &[("for real", "run m.yaml --as-of 2026-11-02 --collect")]);
    for_real.typed(&desk).expect(0);
    assert!(desk.has("m.ledger.reports/2026-09/USER/a.csv"));
}

/// Ids of the sandbox are nobody's on a real server: the real run begins with a manifest of one's own sub-partners.
#[test]
fn a_rehearsal_with_the_sandboxs_sub_partners_is_followed_by_a_manifest() {
    let desk = Desk::new();
    let init = desk.monthend(["init", "m.yaml", "--discover", "--sandbox"]);
    init.without("WEBEX_ACCESS_TOKEN").expect(0);
    desk.write("s.yaml", "reports: { completes_after: 0s }\n");
    let run = desk.rehearse("run").args(["--sandbox-config=s.yaml", "--collect"]);
    let ended = run.expect(0);
    let why = "for real, begin with a manifest of your own sub-partners";
    let hint = are(&ended, &[(why, "init m.real.yaml --discover")]).remove(0);
    let server = Served::new("");
    hint.typed(&desk).env("MONTHEND_BASE_URL", server.url()).expect(0);
    assert!(desk.has("m.real.yaml"));
}

#[test]
fn reports_that_exist_are_taken_or_created_again() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", SEPTEMBER));
    desk.converge().arg("--ledger=lost.csv").expect(0);
    let ended = desk.converge().arg("--existing=stop").expect(1);
    let said = [
        ("to take them", "run m.yaml --existing adopt"),
        ("to create others all the same", "run m.yaml --existing ignore"),
    ];
    let hints = are(&ended, &said);
    hints[0].typed(&desk).expect(0);
    assert_eq!(server.creates().len(), 2);
}

#[test]
fn rows_that_the_plan_does_not_have_are_sent_by_the_command_that_is_said() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "refused-404"], "USER", SEPTEMBER));
    desk.converge().expect(1);
    let fixed = Served::new("fixed: true");
    desk.manifest(fixed.url(), &own("USER", SEPTEMBER));
    let ended = desk.converge().args(["--type=USER"]).expect(0);
    let hints = ended.hints();
    let hint = hints.last().unwrap();
    is(hint, "to send what is left alone", "retry m.yaml");
    hint.typed(&desk).expect(0);
    assert_eq!(desk.ledger().at_rest(3).count("created"), 3);
}

#[test]
fn more_causes_than_there_is_room_for_are_shown_by_status() {
    let statuses = ["400", "403", "404", "405", "410", "415"];
    let faults: String = (statuses.iter())
        .map(|status| {
            format!(
                "  - {{ when: {{ endpoint: create, org: {} }}, then: [{{ kind: status, status: {status} }}] }}\n",
                partner(&format!("s{status}"))
            )
        })
        .collect();
    let server = Served::new(&format!("faults:\n{faults}"));
    let names: Vec<String> = statuses.iter().map(|status| format!("s{status}")).collect();
    let names = names.iter().map(String::as_str).chain(["good"]);
    let desk = Desk::with(server.url(), &partners(names, "USER", SEPTEMBER));
    let ended = desk.converge().expect(1);
    let hints = ended.hints();
    let hint = hints.last().unwrap();
    is(hint, "to see all causes", "status m.ledger.csv");
    hint.typed(&desk).expect(0).shows(["http_415", "http_400"]);
}

/// A path with a blank is quoted.
#[test]
fn commands_are_quoted_as_a_shell_needs_them() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["refused-404"], "USER", SEPTEMBER));
    fs::rename(desk.path("m.yaml"), desk.path("my month.yaml")).unwrap();
    let ended = desk.monthend(["run", "my month.yaml"]).expect(1);
    assert_eq!(ended.hint().arguments(), ["retry", "my month.yaml"]);
    let missing = desk.monthend(["run", "no month.yaml"]).expect(2);
    missing.says(["`monthend init 'no month.yaml'` writes one"]);
    let ledger: LedgerFile = desk.ledger_at("my month.ledger.csv");
    assert_eq!(ledger.lines.len(), 1);
}
