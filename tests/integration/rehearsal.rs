//! `--sandbox`: a rehearsal in the same process, with a ledger of its own that the next command finds.

use crate::support::{Desk, LedgerFile, Served, own, partners};

fn rehearse(desk: &Desk, command: &str) -> crate::support::Monthend {
    desk.rehearse(command).arg("--sandbox-config=s.yaml")
}

fn desk(jobs: &str) -> Desk {
    // The manifest is the real one: nothing in it has to be changed for a rehearsal.
    let desk = Desk::with("https://webexapis.com/v1", jobs);
    desk.write(
        "s.yaml",
        "rate_limit: { limiter: { kind: unlimited } }\nreports: { check_calendar: false }\n",
    );
    desk
}

#[test]
fn run_retry_status_and_run_again_work_together() {
    let desk = desk(&partners(["good", "refused-403", "refused-404"], "USER", "2026-09"));
    rehearse(&desk, "plan").expect(0).shows(["m.ledger.sandbox.csv"]);
    rehearse(&desk, "run").expect(1);
    assert!(!desk.has("m.ledger.csv"), "a rehearsal never touches the real ledger");
    rehearse(&desk, "retry").expect(1);
    desk.monthend(["status", "m.ledger.sandbox.csv"]).expect(0).shows(["3 rows"]);
    rehearse(&desk, "retry").arg("--sandbox-fixed").expect(0);
    let again = rehearse(&desk, "run").expect(0);
    again.shows(["3  created before", "SANDBOX"]);
    let rows = desk.ledger_at("m.ledger.sandbox.csv").at_rest(3);
    assert_eq!(rows.report_ids().len(), 3);
}

#[test]
fn a_rate_limit_is_met_and_kept() {
    let desk = Desk::with(
        "https://webexapis.com/v1",
        &partners(["a", "b", "c", "d", "e"], "USER, CUSTOMER, PARTNER", "previous-month"),
    );
    let command = desk
        .monthend(["run", "m.yaml", "--sandbox"])
        .without("WEBEX_ACCESS_TOKEN")
        .without("MONTHEND_NO_DATE_CHECK");
    let ended = command.expect(0);
    ended.shows(["created", "15", "answered 429"]);
}

#[test]
fn reports_of_the_sandbox_and_of_a_real_server_do_not_mix() {
    let desk = desk(&own("USER", "2026-09"));
    rehearse(&desk, "run").expect(0);
    let rehearsed = desk.read("m.ledger.sandbox.csv");
    desk.write("m.ledger.csv", &rehearsed);
    for command in [desk.converge(), desk.retry()] {
        // Refused before anybody is asked: this address is nobody's.
        let ended = command.arg("--base-url=https://127.0.0.1:9/v1").expect(4);
        ended.says(["m.ledger.csv holds reports of the sandbox", "--ledger"]);
        assert_eq!(desk.read("m.ledger.csv"), rehearsed);
    }

    let mut real = LedgerFile::read(&desk.path("m.ledger.csv"));
    real.set(0, &[("report_id", "Y2lzY29zcGFyazovL3VzL0JJTExJTkdfUkVQT1JULzE")]);
    desk.write("m.ledger.csv", real.to_csv());
    let server = Served::new("");
    for command in [
        rehearse(&desk, "run").arg("--ledger=m.ledger.csv"),
        desk.converge().arg("--base-url").arg(server.url()),
    ] {
        let ended = command.expect(4);
        ended.says(["m.ledger.csv holds reports of a real server"]);
        assert_eq!(desk.read("m.ledger.csv"), real.to_csv());
    }
    assert!(server.exchanges().is_empty());
    assert!(!desk.has("m.ledger.csv.lock"));
}

#[test]
fn a_bad_sandbox_configuration_is_a_usage_error() {
    let desk = desk(&own("USER", "2026-09"));
    for bad in ["prot: 1", "faults: 7", "[", "faults: [{ then: [{ kind: status, status: 99 }] }]"] {
        desk.write("s.yaml", bad);
        rehearse(&desk, "run").expect(2);
        desk.monthend(["sandbox", "--config=s.yaml"]).expect(2);
    }
    rehearse(&desk, "run")
        .arg("--sandbox-config=none.yaml")
        .run()
        .code
        .filter(|c| *c == 2)
        .unwrap();
    assert_eq!(desk.files(), ["m.yaml", "s.yaml"]);
}

/// Whatever ends a real run with 4 or 2 before it sends anything ends its rehearsal, too.
#[test]
fn a_rehearsal_fails_where_the_real_run_does() {
    let server = Served::new("");
    let real_reports = {
        let real = Desk::with(server.url(), &own("USER", "2026-09"));
        real.converge().expect(0);
        real.read("m.ledger.csv")
    };
    /// What it is called, variables, the exit code, what is said, and what lies on the desk: the text is a ledger.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], i32, &'a str, fn(&Desk, &str));
    let cases: [Case<'_>; 13] = [
        ("a folder", &[("MONTHEND_LEDGER", "ledger/")], 4, "is not a ledger", |desk, _| {
            std::fs::create_dir(desk.path("ledger")).unwrap();
        }),
        ("a folder by its name", &[], 4, "is not a ledger", |desk, _| {
            std::fs::create_dir(desk.path("m.ledger.csv")).unwrap();
        }),
        ("no ledger", &[], 4, "is not a ledger", |desk, _| {
            desk.write("m.ledger.csv", "notes\n");
        }),
        ("damage", &[], 4, "m.ledger.csv", |desk, text| {
            desk.write("m.ledger.csv", text.replace("created", "creatd"));
        }),
        ("a link that leads nowhere", &[], 4, "m.ledger.csv", |desk, _| {
            std::os::unix::fs::symlink("/nowhere/l.csv", desk.path("m.ledger.csv")).unwrap();
        }),
        (
            "a folder that is missing",
            &[("MONTHEND_LEDGER", "no/l.csv")],
            4,
            "does not exist",
            |_, _| {},
        ),
        ("what is not merged yet", &[], 4, "merge", |desk, text| {
            let (header, _) = text.split_once('\n').unwrap();
            desk.write("m.ledger.csv", format!("{header}\n"));
            desk.write("m.ledger.rescued-20261001T000000Z.csv", text);
        }),
        (
            "a rehearsal's ledger under the real name",
            &[],
            4,
            "holds reports of the sandbox",
            |desk, text| {
                desk.write("m.ledger.csv", text);
            },
        ),
        (
            "the manifest in the place of the ledger",
            &[("MONTHEND_LEDGER", "m.yaml")],
            2,
            "it is the manifest",
            |_, _| {},
        ),
        (
            "a lost ledger",
            &[],
            4,
            "m.ledger.history.jsonl shows creates of 1 request",
            |desk, _| {
                desk.write(
                    "m.ledger.history.jsonl",
                    "{\"at\":\"2026-10-01T00:00:00Z\",\"run\":\"x\",\"kind\":\"adopted\",\
                     \"request_id\":\"r0123456789abcdef\",\"report_id\":\"y\"}\n",
                );
            },
        ),
        (
            "a server that is none",
            &[("MONTHEND_BASE_URL", "example")],
            2,
            "is not a URL",
            |_, _| {},
        ),
        (
            "files where a file is",
            &[("MONTHEND_OUTPUT", "files"), ("MONTHEND_COLLECT", "1")],
            2,
            "files",
            |desk, _| {
                desk.write("files", "");
            },
        ),
        (
            "files where a file is, by default",
            &[("MONTHEND_COLLECT", "1")],
            2,
            "m.ledger.reports",
            |desk, _| {
                desk.write("m.ledger.reports", "");
            },
        ),
    ];
    for (what, variables, code, said, prepare) in cases {
        let desk = desk(&own("USER", "2026-09"));
        prepare(&desk, &real_reports);
        let before = desk.files();
        let with = |command: crate::support::Monthend| {
            variables.iter().fold(command, |command, (name, value)| command.env(name, *value))
        };
        // The address is nobody's: whatever is asked of it fails otherwise.
        let real = match what {
            "a server that is none" => desk.converge(),
            _ => desk.converge().arg("--base-url=https://127.0.0.1:9/v1"),
        };
        with(real).expect(code).says([said]);
        let rehearsal = with(rehearse(&desk, "run")).expect(code);
        rehearsal.says([said]);
        assert_eq!(desk.files(), before, "{what}");
        let check = with(rehearse(&desk, "check")).run();
        assert_eq!(check.code, Some(code), "{what}: {check}");
        // Of a ledger that is not there, these make nothing.
        if code == 4 && !matches!(what, "a folder that is missing" | "a lost ledger") {
            for command in ["retry", "collect", "audit", "plan"] {
                with(rehearse(&desk, command)).expect(4);
            }
        }
    }
}

/// A folder's name may end with a slash: its rehearsal has a folder next to it, not within.
#[test]
fn a_rehearsal_keeps_out_of_the_real_folder_of_files() {
    let desk = desk(&own("USER", "2026-09"));
    desk.write("s.yaml", "reports: { completes_after: 0s, check_calendar: false }\n");
    let run = rehearse(&desk, "run").arg("--collect");
    run.env("MONTHEND_OUTPUT", "files/").expect(0);
    assert_eq!(
        desk.files(),
        ["files.sandbox", "m.ledger.sandbox.csv", "m.ledger.sandbox.csv.state", "m.yaml", "s.yaml"]
    );
}

/// Whoever wrote `--sandbox-mended` into a script need not change it.
#[test]
fn the_earlier_name_of_sandbox_fixed_still_counts() {
    let desk = Desk::new();
    desk.manifest("https://webexapis.com/v1", &partners(["refused-404"], "USER", "2026-09"));
    let run = || desk.monthend(["run", "m.yaml", "--sandbox"]);
    run().expect(1);
    let told = run().env("MONTHEND_SANDBOX_MENDED", "no").expect(1);
    assert!(!told.stderr.contains("MENDED"), "{told}");
    let retry = || desk.monthend(["retry", "m.yaml", "--sandbox"]);
    retry().arg("--sandbox-mended").expect(0);
    std::fs::remove_file(desk.path("m.ledger.sandbox.csv")).unwrap();
    let run = run().args(["--existing", "ignore"]);
    let told = run.env("MONTHEND_SANDBOX_MENDED", "yes").expect(0);
    assert!(!told.stderr.contains("MENDED"), "{told}");
    let both = retry().env("MONTHEND_SANDBOX_MENDED", "yes").env("MONTHEND_SANDBOX_FIXED", "maybe");
    both.expect(2).says(["MONTHEND_SANDBOX_FIXED"]);
}
