//! What goes wrong before anything is sent, and whether what is said gets a person on.

use crate::support::{Desk, Monthend, Served, own, partners};

/// A manifest as `init --discover --sandbox` writes it is for rehearsals only.
#[test]
fn ids_of_the_sandbox_are_refused_for_a_real_server() {
    let desk = Desk::new();
    let init = desk.monthend(["init", "m.yaml", "--discover", "--sandbox"]);
    init.expect(0);
    desk.rehearse("plan").expect(0);
    let real = |command: &str| desk.monthend([command, "m.yaml"]);
    for command in ["plan", "run", "audit"] {
        // Refused before anybody is asked: this address is nobody's.
        let ended = real(command).arg("--base-url=https://127.0.0.1:9/v1");
        let ended = ended.expect(2);
        ended.says([
            "these ids are from the sandbox",
            "m.yaml:",
            "and 3 more",
            "monthend init FILE --discover",
        ]);
    }
    let check = real("check").arg("--base-url=https://127.0.0.1:9/v1");
    check.expect(2).says(["these ids are from the sandbox"]);
    assert!(!desk.has("m.ledger.csv"));
}

/// A rehearsal that created nothing leaves rows that only their ids give away.
#[test]
fn a_retry_for_a_real_server_refuses_rows_of_the_sandbox() {
    let desk = Desk::new();
    let init = desk.monthend(["init", "m.yaml", "--discover", "--sandbox"]);
    init.expect(0);
    desk.rehearse("run").expect(0);
    let mut ledger = desk.ledger_at("m.ledger.sandbox.csv");
    for place in 0..ledger.lines.len() {
        let cells = [("status", "pending"), ("report_id", ""), ("http_status", "")];
        ledger.set(place, &cells);
    }
    desk.write("m.ledger.csv", ledger.to_csv());
    let retry = desk.retry().arg("--base-url=https://127.0.0.1:9/v1");
    retry.expect(4).says(["holds sub-partners of the sandbox"]);
}

#[test]
fn a_rehearsal_leaves_the_server_of_the_environment_alone() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    for command in ["plan", "run", "check", "audit --no-files"] {
        let mut words = command.split(' ');
        let rehearsal = desk.rehearse(words.next().unwrap()).args(words);
        let rehearsal = rehearsal.env("MONTHEND_BASE_URL", "https://example.com/v1");
        rehearsal.expect(0).says(["SANDBOX"]);
    }
    assert!(server.exchanges().is_empty());
    // Two that were typed, or a rehearsal that the environment asks for: nobody guesses.
    let typed = desk.rehearse("run").arg("--base-url=https://example.com/v1");
    typed.expect(2).says(["which is meant?"]);
    let typed = desk.converge().arg("--base-url=https://example.com/v1");
    let typed = typed.env("MONTHEND_SANDBOX", "true");
    typed.expect(2).says(["MONTHEND_SANDBOX", "which is meant?"]);
    let wrong = desk.converge().env("MONTHEND_BASE_URL", "example.com");
    wrong.expect(2).says(["MONTHEND_BASE_URL", "is not a URL"]);
}

#[test]
fn a_missing_ledger_is_made_by_the_command_that_is_said() {
    let desk = Desk::with("https://webexapis.com/v1", &own("USER", "2026-09"));
    let made_by = |command: Monthend, run: &str| {
        let ended = command.expect(4);
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.ends_with(run), "{ended}");
        ended.says(["there is no ledger at m.ledger"]);
    };
    for command in ["retry", "collect", "status"] {
        let command = desk.rehearse(command);
        made_by(command, "monthend run m.yaml --sandbox");
    }
    made_by(desk.retry(), "monthend run m.yaml");
    let report = desk.monthend(["report", "m.yaml", "-o", "m.html"]);
    made_by(report, "monthend run m.yaml");
    desk.status().expect(4).says(["is the path right?"]);
    // A run makes no earlier ledger.
    desk.rehearse("run").expect(0);
    let report = desk.rehearse("report").args(["--compare=september.csv", "-o", "m.html"]);
    let ended = report.expect(4);
    let ended =
        ended.says(["there is no ledger at september.csv to compare with; is the path right?"]);
    assert!(ended.hints().is_empty(), "{ended}");
}

/// Ledger, manifest and partners file are easily mixed up.
#[test]
fn the_wrong_kind_of_file_is_told_with_the_right_one() {
    let desk = Desk::with("https://webexapis.com/v1", &own("USER", "2026-09"));
    desk.rehearse("run").expect(0);
    desk.write("p.csv", "org_id;label\nx;Acme\n");
    let ledger = "m.ledger.sandbox.csv";
    for command in ["plan", "run", "retry", "collect", "audit", "check"] {
        let ended = desk.monthend([command, ledger, "--sandbox"]).expect(2);
        ended.says([
            "m.ledger.sandbox.csv is a ledger; this needs a manifest",
            "monthend status m.ledger.sandbox.csv",
        ]);
        let ended = desk.monthend([command, "p.csv", "--sandbox"]).expect(2);
        ended.says(["p.csv is a partners file", "[{ file: p.csv }]"]);
    }
    for args in [
        &["merge", "m.yaml", ledger, "-o", "o.csv"][..],
        &["status", "m.yaml", "--ledger", "m.yaml"],
    ] {
        let ended = desk.monthend(args.iter().copied()).expect(4);
        ended.says(["m.yaml is a manifest; this needs a ledger"]);
    }
    for command in ["plan", "run", "retry"] {
        let ended = desk.monthend([command, "none.yaml"]).expect(2);
        ended.says(["there is no manifest at none.yaml", "monthend init none.yaml"]);
    }
}

#[test]
fn a_command_without_a_manifest_says_how_to_get_one() {
    let desk = Desk::new();
    for command in ["plan", "run", "retry", "collect", "audit", "check"] {
        let ended = desk.monthend([command]).expect(2);
        let usage = format!("Usage: monthend {command} <MANIFEST>");
        ended.says(["no manifest is named", &usage, "monthend init", "MONTHEND_MANIFEST"]);
    }
}

#[test]
fn a_cause_that_nothing_has_says_which_there_are() {
    let server = Served::new("");
    let jobs = partners(["good", "refused-403", "refused-404"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(1);
    for command in [desk.retry(), desk.status()] {
        let ended = command.arg("--cause=timeout").expect(2);
        ended.says(["--cause timeout matches nothing; the causes are http_403, http_404"]);
    }
    let slip = desk.status().arg("--cause=http403").expect(2);
    slip.says(["did you mean \"http_403\"?"]);
    let other = |option: &str, said: &str| desk.status().arg(option).expect(2).says([said]);
    other("--period=2026-12", "the only period is 2026-09");
    other("--type=CUSTOMER", "the only type is USER");
    other("--job=x", "the only job is partners");
    let good = desk.converge().arg("--sub-partner=good");
    good.arg("--ledger=good.csv").expect(0);
    let none = desk.monthend(["status", "good.csv", "--cause=timeout"]);
    none.expect(2).says(["no row has a cause"]);
}

#[test]
fn a_token_file_may_be_what_an_editor_or_a_person_makes_of_it() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    let token = crate::support::TOKEN;
    for (name, text) in
        [("mark", format!("\u{feff}{token}\r\n")), ("header", format!("Bearer {token}\n"))]
    {
        desk.write(name, text);
        let run = desk.converge().without("WEBEX_ACCESS_TOKEN");
        let run = run.env("WEBEX_ACCESS_TOKEN_FILE", name);
        run.arg(format!("--ledger={name}.csv")).expect(0);
    }
    desk.write("two", "one two\n");
    for command in ["run", "check"] {
        let command = desk.monthend([command, "m.yaml"]).without("WEBEX_ACCESS_TOKEN");
        let ended = command.env("WEBEX_ACCESS_TOKEN_FILE", "two").expect(2);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("one word") && said.contains("two"), "{ended}");
    }
    // A refused token is named by where it came from.
    desk.write("old", "refused\n");
    let run = desk.converge().without("WEBEX_ACCESS_TOKEN");
    let run = run.env("WEBEX_ACCESS_TOKEN_FILE", "old").arg("--ledger=old.csv");
    run.expect(3)
        .says(["The token in old was refused. Put a new one there (WEBEX_ACCESS_TOKEN_FILE)."]);
    let check = desk.monthend(["check", "m.yaml"]).without("WEBEX_ACCESS_TOKEN");
    let check = check.env("WEBEX_ACCESS_TOKEN_FILE", "old").expect(3);
    let check = check.shows(["Put a new one there (WEBEX_ACCESS_TOKEN_FILE); or give what is"]);
    assert_eq!(check.stdout.matches("refused").count(), 1, "{check}");
    let check = desk.monthend(["check", "m.yaml"]).env("WEBEX_ACCESS_TOKEN", "refused");
    let check = check.expect(3);
    assert!(!check.stdout.contains(".;"), "{check}");
}

#[test]
fn a_plan_says_that_the_ledger_has_no_folder() {
    let desk = Desk::with("https://webexapis.com/v1", &own("USER", "2026-09"));
    let plan = desk.plan().arg("--ledger=nowhere/l.csv").expect(0);
    plan.says(["the folder nowhere does not exist"]);
    let run = desk.converge().arg("--ledger=nowhere/l.csv").expect(4);
    run.says(["the folder nowhere does not exist"]);
}

#[test]
fn a_page_is_made_of_a_manifest_too() {
    let desk = Desk::with("https://webexapis.com/v1", &own("USER", "2026-09"));
    desk.rehearse("run").expect(0);
    let report = desk.monthend(["report", "m.yaml", "--sandbox", "-o", "m.html"]);
    report.expect(0);
    let page = desk.read("m.html");
    assert!(page.contains("m.ledger.sandbox.csv"));
    desk.monthend(["report", "m.yaml", "-o", "m.html"])
        .expect(4)
        .says(["--sandbox shows it", "monthend run m.yaml"]);
}
