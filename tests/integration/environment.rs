//! Options, environment variables, and where output goes.

use crate::support::{Desk, Ended, Monthend, Served, own, partners};

#[test]
fn the_base_url_comes_from_option_then_environment_then_manifest() {
    let [in_manifest, in_environment, as_option] = [(); 3].map(|()| Served::new(""));
    let desk = Desk::with(in_manifest.url(), &own("USER", "2026-09"));
    let asked = || [&in_manifest, &in_environment, &as_option].map(|s| s.creates().len());
    desk.converge().arg("--ledger=1.csv").expect(0);
    assert_eq!(asked(), [1, 0, 0]);
    let from_environment = || desk.converge().env("MONTHEND_BASE_URL", in_environment.url());
    from_environment().arg("--ledger=2.csv").expect(0);
    assert_eq!(asked(), [1, 1, 0]);
    from_environment().arg("--ledger=3.csv").arg("--base-url").arg(as_option.url()).expect(0);
    assert_eq!(asked(), [1, 1, 1]);
}

#[test]
fn the_ledger_lies_where_it_is_said_to() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.converge().expect(0);
    desk.converge().env("MONTHEND_LEDGER", "by-environment.csv").expect(0);
    desk.converge()
        .env("MONTHEND_LEDGER", "by-environment.csv")
        .arg("--ledger=by-option.csv")
        .expect(0);
    std::fs::create_dir(desk.path("below")).unwrap();
    std::fs::write(
        desk.path("below/n.yaml"),
        desk.read("m.yaml").replace("name: test", "name: test\nledger: ../by-manifest.csv"),
    )
    .unwrap();
    desk.monthend(["run", "below/n.yaml"]).expect(0);
    for name in ["m.ledger.csv", "by-environment.csv", "by-option.csv", "by-manifest.csv"] {
        desk.ledger_at(name).at_rest(1);
    }
}

#[test]
fn every_option_of_a_ci_job_has_a_variable() {
    let server = Served::new("");
    let jobs =
        own("USER", "previous-month") + &partners(["acme"], "USER, CUSTOMER", "previous-month");
    let desk = Desk::with("https://webexapis.com/v1", &jobs);
    let ci = |command: &str| {
        desk.monthend([command])
            .env("MONTHEND_MANIFEST", "m.yaml")
            .env("MONTHEND_BASE_URL", server.url())
            .env("MONTHEND_AS_OF", "2026-03-15")
            .env("MONTHEND_LEDGER", "ci.csv")
            .env("MONTHEND_JOB", "partners")
            .env("MONTHEND_SUB_PARTNER", "acme")
            .env("MONTHEND_TYPE", "user")
            .env("MONTHEND_PERIOD", "2026-02")
            .env("MONTHEND_GRACE", "2s")
            .env("MONTHEND_QUIET", "true")
            .env("MONTHEND_LOG_FORMAT", "json")
    };
    let plan = ci("plan").env("MONTHEND_FORMAT", "json").expect(0).json();
    assert_eq!(plan["requests"], 1);
    let ended = ci("run").expect(0);
    // The server is a sandbox, and that is said in any case.
    let said: Vec<&str> = ended.stderr.lines().collect();
    assert!(matches!(said[..], [line] if line.contains("SANDBOX")), "{ended}");
    ci("retry").expect(0);
    assert_eq!(desk.ledger_at("ci.csv").at_rest(1).column("billing_start_date"), ["2026-02-01"]);
}

/// One variable for all commands: what one of them cannot show is no mistake there, unless it is asked for itself.
#[test]
fn a_format_that_only_other_commands_have_is_no_mistake() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.converge().env("MONTHEND_FORMAT", "csv").expect(0);
    let summary = desk.converge().expect(0).stdout;
    let as_csv = desk.converge().env("MONTHEND_FORMAT", "csv").expect(0);
    let first = |text: &str| text.lines().next().map(str::to_owned);
    assert_eq!(first(&as_csv.stdout), first(&summary));
    desk.converge().arg("--format=csv").expect(2);
    // A row's life has no lines of cells.
    let id = desk.ledger().lines[0]["request_id"].to_owned();
    let life = || desk.status().arg(format!("--history={id}"));
    let as_csv = life().env("MONTHEND_FORMAT", "csv").expect(0);
    assert_eq!(as_csv.stdout, life().expect(0).stdout);
    let typed = life().arg("--format=csv").expect(2);
    typed.says(["--history shows no cells"]);
    // These follow all three.
    let of = |command: &str, format: &str| {
        let command = desk.monthend([command, "m.yaml"]);
        command.env("MONTHEND_FORMAT", format).expect(0).stdout
    };
    for command in ["plan", "audit", "status"] {
        let of = |format| match command {
            // A report that is not collected is a difference.
            "audit" => {
                desk.monthend(["audit", "m.yaml", "--no-files"])
                    .env("MONTHEND_FORMAT", format)
                    .expect(0)
                    .stdout
            }
            command => of(command, format),
        };
        assert!(of("csv").lines().next().unwrap().contains(','));
        assert!(of("json").starts_with('{'));
    }
    let as_csv = || desk.status().env("MONTHEND_FORMAT", "csv");
    let json = desk.status().env("MONTHEND_FORMAT", "json").expect(0).json();
    assert_eq!(json["total"], 1);
    assert_eq!(as_csv().arg("--format=json").expect(0).json(), json);
}

#[test]
fn switches_in_the_environment_can_be_off() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    for (n, off) in ["", "0", "false", "no", "off"].into_iter().enumerate() {
        let ended = desk
            .converge()
            .env("MONTHEND_SANDBOX", off)
            .env("MONTHEND_QUIET", off)
            .arg(format!("--ledger={n}.csv"))
            .expect(0);
        ended.says(["starts a new one"]);
        assert_eq!(server.creates().len(), n + 1, "it was no rehearsal");
    }
}

#[test]
fn quiet_says_warnings_and_errors_only() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["good", "refused-403"], "USER", "2026-09"));
    let ended = desk.converge().arg("--quiet").expect(1);
    assert!(!ended.stdout.is_empty(), "the summary is a result: {ended}");
    let mut lines = ended.stderr.lines();
    assert!(lines.next().unwrap().starts_with("SANDBOX"), "{ended}");
    assert!(lines.all(|line| line.starts_with("warning: ")), "{ended}");
    assert!(ended.stderr.contains("refuses billing reports"), "{ended}");
    let verbose = desk.retry().arg("-v").expect(1);
    assert!(verbose.stderr.len() >= ended.stderr.len());
}

#[test]
fn json_logs_are_json_on_every_line_whatever_happens() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, first: 1, last: 2 }, then: [{ kind: reset, processed: true }] }, { when: { endpoint: create, first: 4, last: 4 }, then: [{ kind: status, status: 429, retry_after: '0' }] }]",
    );
    let desk =
        Desk::with(server.url(), &partners(["a", "b", "refused-404", "c"], "USER", "2026-09"));
    let json = |mut args: Vec<&str>, code| {
        args.push("--log-format=json");
        desk.monthend(args).expect(code)
    };
    for ended in [
        json(vec!["run", "m.yaml", "-v"], 1),
        json(vec!["retry", "m.yaml"], 1),
        json(vec!["run", "no-such.yaml"], 2),
        json(vec!["status", "no-such.csv"], 4),
        json(vec!["run", "m.yaml", "--job=x"], 2),
    ] {
        assert!(!ended.stderr.is_empty(), "{ended}");
        for line in ended.stderr.lines() {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}: {ended}"));
            assert!(
                value["level"].is_string()
                    && value["message"].is_string()
                    && value["timestamp"].is_string(),
                "{line}"
            );
        }
    }
    // Mistakes in a manifest too, though people get several lines for each.
    desk.write("bad.yaml", "version: 2\njobs: []\n");
    let ended = json(vec!["run", "bad.yaml"], 2);
    for line in ended.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap_or_else(|e| panic!("{e} in {line:?}: {ended}"));
    }
}

#[test]
fn no_escape_sequences_where_there_is_no_terminal() {
    let desk = Desk::with(
        "https://webexapis.com/v1",
        &own("USER", "2026-09").replace("2026-09", "2026-19"),
    );
    for command in
        [desk.plan(), desk.plan().env("NO_COLOR", "1"), desk.plan().env("TERM", "xterm-256color")]
    {
        let ended = command.expect(2);
        assert!(!ended.stderr.contains('\u{1b}') && ended.stderr.contains("2026-19"), "{ended}");
    }
}

/// `script` gives the command a terminal, where bars and colours are used.
#[test]
fn no_color_is_kept_on_a_terminal() {
    let desk = Desk::with("https://webexapis.com/v1", &own("USER", "2026-19"));
    let has_script = std::process::Command::new("script").arg("--version").output().is_ok();
    if !has_script {
        return;
    }
    let on_a_terminal = |no_color: Option<&str>| {
        let mut command = std::process::Command::new("script");
        command
            .args(["-qec", &format!("{} plan m.yaml", env!("CARGO_BIN_EXE_monthend")), "/dev/null"])
            .current_dir(desk.folder())
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .stdin(std::process::Stdio::null());
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    };
    let (with, without) = (on_a_terminal(None), on_a_terminal(Some("1")));
    assert!(with.contains("2026-19") && with.contains('\u{1b}'), "{with:?}");
    assert!(without.contains("2026-19") && !without.contains('\u{1b}'), "{without:?}");
}

#[test]
fn a_reader_of_stdout_that_went_away_is_no_failure() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.converge().into_closed_pipe().expect(0);
    desk.ledger().at_rest(1);
    for command in [desk.plan(), desk.status(), desk.monthend(["schema", "manifest"])] {
        let ended = command.into_closed_pipe().expect(0);
        assert!(ended.stderr.is_empty(), "{ended}");
    }
    desk.monthend(["--help"]).into_closed_pipe().expect(0);
}

#[test]
fn results_go_to_stdout_and_all_else_to_stderr() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["good", "refused-404"], "USER", "2026-09"));
    let ended = desk.converge().expect(1);
    assert!(
        ended.stdout.contains("created") && !ended.stdout.contains("starts a new one"),
        "{ended}"
    );
    assert!(!ended.stderr.contains("elapsed"), "{ended}");
    for command in [desk.plan(), desk.status(), desk.monthend(["schema", "ledger"])] {
        let ended = command.expect(0);
        assert!(!ended.stdout.is_empty() && ended.stderr.is_empty(), "{ended}");
    }
}

/// What each command is asked for here: something that ends at once.
fn commands(desk: &Desk) -> Vec<(&'static str, Monthend)> {
    let asked: [&[&str]; 13] = [
        &["init", "m.yaml"],
        &["check", "m.yaml"],
        &["plan", "m.yaml"],
        &["run", "m.yaml"],
        &["retry", "m.yaml"],
        &["collect", "m.yaml", "--wait=0s"],
        &["resolve", "m.ledger.csv", "--request=r0000000000000000", "--resend"],
        &["merge", "m.ledger.csv", "-o", "m.ledger.csv"],
        &["audit", "m.yaml"],
        &["report", "m.ledger.csv", "-o", "page.html"],
        &["status", "m.ledger.csv"],
        &["sandbox", "--config=nowhere.yaml"],
        &["schema", "plan"],
    ];
    let of = |words: &&[&'static str]| {
        let command = desk.monthend(words.iter().copied());
        // The dates of these tests are young enough.
        (words[0], command.without("MONTHEND_NO_DATE_CHECK"))
    };
    asked.iter().map(of).collect()
}

/// The variables of a command's arguments, and whether each is a flag's.
fn variables(command: &str) -> Vec<(String, bool)> {
    let cli = monthend::testing::command();
    let sub = cli.find_subcommand(command).unwrap();
    let all = sub.get_arguments().chain(cli.get_arguments());
    let named = all.filter_map(|it| Some((it.get_env()?, !it.get_action().takes_values())));
    named.map(|(name, is_flag)| (name.to_str().unwrap().to_owned(), is_flag)).collect()
}

/// What a command did, but for times.
fn outcome(ended: &Ended) -> (Option<i32>, usize, String) {
    let lines = ended.stdout.lines();
    let timeless = lines.filter(|line| !line.starts_with("elapsed"));
    let text = timeless.collect::<Vec<_>>().join("\n");
    (ended.code, ended.stderr.lines().count(), text)
}

/// Empty means unset, for every variable of every command; and so do the words for no, for every flag.
#[test]
fn what_is_empty_or_says_no_is_as_if_it_were_not_there() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.converge().arg("--collect").expect(0);
    let by_hand = [
        "BASE_URL",
        "FORMAT",
        "LEDGER",
        "LOG",
        "MANIFEST",
        "MAX_DROP",
        "OUTPUT",
        "PARTITION_COUNT",
        "PARTITION_INDEX",
        "NO_SUCH_THING",
    ];
    for (place, (name, command)) in commands(&desk).into_iter().enumerate() {
        let expected = outcome(&command.run());
        let again = || commands(&desk).remove(place).1;
        let mut empty = again();
        for variable in by_hand {
            empty = empty.env(&format!("MONTHEND_{variable}"), "");
        }
        for (variable, _) in variables(name) {
            empty = empty.env(&variable, "");
        }
        let ended = empty.run();
        assert_eq!(outcome(&ended), expected, "{ended}");
        for no in ["false", "0", "no", "off", "FALSE", " "] {
            let mut off = again();
            for (variable, is_flag) in variables(name) {
                if is_flag {
                    off = off.env(&variable, no);
                }
            }
            let ended = off.run();
            assert_eq!(outcome(&ended), expected, "{ended}");
        }
    }
}

#[test]
fn a_flag_takes_yes_or_no_and_another_word_is_named_with_its_variable() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.converge().expect(0);
    let mut flags = 0;
    for (place, (name, _)) in commands(&desk).into_iter().enumerate() {
        for (variable, _) in variables(name).into_iter().filter(|(_, is_flag)| *is_flag) {
            flags += 1;
            let command = commands(&desk).remove(place).1;
            let ended = command.env(&variable, "flase").expect(2);
            assert!(ended.stderr.contains(&*variable), "{ended}");
        }
    }
    assert!(flags > 40, "{flags}");
    for yes in ["true", "1", "yes", "on", "True"] {
        let rehearsal = desk.plan().env("MONTHEND_SANDBOX", yes).expect(0);
        rehearsal.says(["SANDBOX"]);
    }
}

#[test]
fn only_what_is_typed_needs_or_contradicts_something() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    let plan = || desk.plan();
    plan().env("MONTHEND_QUIET", "false").arg("-v").expect(0);
    // What is typed counts before a variable.
    let verbose = desk.converge().env("MONTHEND_QUIET", "yes").arg("-v");
    assert!(verbose.expect(0).stderr.lines().count() > 2);
    plan().args(["-q", "-v"]).expect(2).says(["-q and -v"]);
    plan().env("MONTHEND_SANDBOX_FIXED", "1").expect(0);
    plan().env("MONTHEND_SANDBOX_CONFIG", "nowhere").expect(0);
    let alone = plan().arg("--sandbox-config=nowhere").expect(2);
    alone.says(["--sandbox"]);
    let rehearsal = plan().env("MONTHEND_SANDBOX", "on");
    rehearsal.arg("--sandbox-fixed").expect(0);
    for (variable, value) in [
        ("MONTHEND_FORMAT", "jsn"),
        ("MONTHEND_GRACE", "soon"),
        ("MONTHEND_EXISTING", "adpot"),
        ("MONTHEND_BASE_URL", "webex"),
        ("MONTHEND_TYPE", "USR"),
    ] {
        let ended = desk.converge().env(variable, value).expect(2);
        ended.says([variable]);
    }
}

#[test]
fn a_variable_that_means_nothing_is_named_and_not_its_value() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    let ended = desk
        .converge()
        .env("MONTHEND_COLECT", "a-secret-value")
        .env("MONTHEND_COLOUR", "")
        .arg("-q")
        .expect(0);
    let said = ["MONTHEND_COLECT", "MONTHEND_COLLECT"];
    let ended = ended.says(said);
    assert!(!ended.stderr.contains("a-secret-value"), "{ended}");
    assert!(!ended.stderr.contains("COLOUR"), "{ended}");
}

/// A variable that was left set is no silent selection.
#[test]
fn what_the_environment_leaves_out_is_said() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().arg("--collect").expect(0);
    let said = "narrowed by the environment: MONTHEND_NO_FILES=yes MONTHEND_SUB_PARTNER=a";
    let audit = || {
        let audit = desk.monthend(["audit", "m.yaml"]).env("MONTHEND_SUB_PARTNER", "a");
        audit.env("MONTHEND_NO_FILES", "yes")
    };
    audit().expect(0).shows([said]);
    let json = audit().arg("--format=json").expect(0).json();
    assert!(json["notes"].to_string().contains("MONTHEND_SUB_PARTNER=a"), "{json}");
    let run = desk.converge().env("MONTHEND_TYPE", "USER").expect(0);
    run.says(["narrowed by the environment: MONTHEND_TYPE=USER"]);
    let typed = desk.converge().arg("--type=USER").expect(0);
    assert!(!typed.stderr.contains("narrowed"), "{typed}");
}
