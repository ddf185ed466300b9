//! What the commands say about themselves.

use crate::support::{Desk, redact};

const COMMANDS: [&str; 21] = [
    "init",
    "check",
    "plan",
    "run",
    "retry",
    "collect",
    "resolve",
    "merge",
    "audit",
    "columns",
    "units",
    "reconcile",
    "accept",
    "close",
    "verify",
    "report",
    "status",
    "sandbox",
    "schema",
    "completions",
    "man",
];

fn help(desk: &Desk, args: &[&str]) -> String {
    let command = desk.monthend(args.to_vec()).without("MONTHEND_NO_DATE_CHECK");
    let ended = command.expect(0);
    assert!(ended.stderr.is_empty(), "{ended}");
    redact(desk, &ended.stdout)
}

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    let all = help(&desk, &["--help"]);
    insta::assert_snapshot!("help", all);
    for command in COMMANDS {
        insta::assert_snapshot!(format!("help_{command}"), help(&desk, &[command, "--help"]));
    }
    let named: Vec<&str> = all
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert_eq!(named, COMMANDS, "a command without a snapshot of its help");
}

/// Two screens at most, and `-h` without the variables. What is typed may be a command's name or its option.
#[test]
fn help_is_short() {
    let desk = Desk::new();
    let of = |args: &[&str]| desk.monthend(args.to_vec()).env("COLUMNS", "100").expect(0).stdout;
    let (all, brief) = (of(&["run", "--help"]), of(&["run", "-h"]));
    assert_eq!(all, of(&["help", "run"]));
    assert!(all.lines().count() <= 100, "{all}");
    assert!(brief.lines().count() < all.lines().count(), "{brief}");
    assert!(all.contains("[env: MONTHEND_JUNIT=]") && !brief.contains("MONTHEND_JUNIT"));
    for text in [&all, &brief] {
        assert!(
            text.contains("--junit <FILE>") && !text.contains("--log-format <FORMAT>"),
            "{text}"
        );
        assert!(text.contains("see monthend --help: -q, --quiet; -v"), "{text}");
    }
    assert!(of(&["-h"]).contains("--log-format <FORMAT>"));
    assert!(of(&["--help"]).contains("MONTHEND_LOG_FORMAT"));
}

#[test]
fn no_secret_of_the_environment_is_shown() {
    let desk = Desk::new();
    for command in COMMANDS {
        let ended = desk.monthend([command, "--help"]).env("WEBEX_ACCESS_TOKEN", "hush").expect(0);
        assert!(!ended.stdout.contains("hush"), "{ended}");
    }
}

#[test]
fn what_is_not_understood_is_a_usage_error() {
    let desk = Desk::new();
    for args in [
        &[][..],
        &["frobnicate"],
        &["run"],
        &["run", "m.yaml", "--frobnicate"],
        &["run", "m.yaml", "--as-of", "yesterday"],
        &["run", "m.yaml", "--as-of", "2026-02-30"],
        &["run", "m.yaml", "--grace", "10"],
        &["run", "m.yaml", "--type", "users"],
        &["run", "m.yaml", "--period", "2026-13"],
        &["run", "m.yaml", "--sandbox", "--base-url", "https://example.com"],
        &["run", "m.yaml", "--quiet", "--verbose"],
        &["plan", "m.yaml", "--format", "xml"],
        &["schema", "summery"],
    ] {
        let ended = desk.monthend(args.to_vec()).expect(2);
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{ended}");
    }
    assert!(desk.files().is_empty());
}

#[test]
fn the_version_and_the_schemas_are_there() {
    let desk = Desk::new();
    let version = desk.monthend(["--version"]).expect(0);
    // The commit is there in a release only.
    let number = format!("monthend {} (", env!("CARGO_PKG_VERSION"));
    let target = version.stdout.strip_prefix(&number).unwrap();
    assert!(target.contains('-') && target.ends_with(")\n"), "{version}");
    for which in ["manifest", "ledger", "plan", "status", "audit", "check"] {
        let schema = desk.monthend(["schema", which]).expect(0).json();
        assert!(schema.is_object());
    }
    let ledger = desk.monthend(["schema", "ledger"]).expect(0).json();
    let fields = ledger["fields"].as_array().unwrap();
    let names: Vec<&str> = fields.iter().filter_map(|field| field["name"].as_str()).collect();
    assert_eq!(names.join(","), crate::support::COLUMNS);
}
