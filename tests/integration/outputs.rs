//! Outputs for machines: whole, complete and true, however a command ends.

use std::{collections::BTreeMap, fs, os::unix::fs::symlink};

use serde_json::Value;

use crate::support::{
    Desk, Ended, Monthend, Served, SmallDisk, eventually, follows, is_junit, partners,
};

const ALL: [&str; 3] = ["--junit=j.xml", "--summary-json=s.json", "--metrics=m.prom"];

fn world(config: &str) -> (Served, Desk) {
    let server = Served::new(config);
    let who = ["good", "refused-404", "refused-400", "better"];
    let desk = Desk::with(server.url(), &partners(who, "USER", "2026-08"));
    (server, desk)
}

fn with_all(desk: &Desk, command: &str) -> Monthend {
    ALL.iter().fold(desk.monthend([command, "m.yaml"]), |command, option| command.arg(*option))
}

/// The three outputs, compared with each other and with the ledger: (created, failed, pending, sending).
#[track_caller]
fn complete(desk: &Desk, exit_code: i32) -> [usize; 4] {
    let ledger = desk.ledger();
    let statuses = ["created", "failed", "pending", "sending"];
    let counts = statuses.map(|status| ledger.count(status));

    let xml = desk.read("j.xml");
    is_junit(&xml);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let all = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count();
    assert_eq!(all("testcase"), ledger.lines.len());
    assert_eq!(all("failure"), counts[1]);
    assert_eq!(all("skipped"), counts[2] + counts[3]);

    let summary = summary(&desk.read("s.json"));
    assert_eq!(summary["exit_code"], exit_code);
    for (status, count) in statuses.iter().zip(counts) {
        assert_eq!(summary["counts"][*status], count, "{status}");
        let sample =
            format!("monthend_requests{{status=\"{status}\",manifest=\"test\"}} {count}\n");
        assert!(desk.read("m.prom").contains(&sample), "{sample}{}", desk.read("m.prom"));
    }
    let ended = format!("monthend_last_run_exit_code{{manifest=\"test\"}} {exit_code}\n");
    assert!(desk.read("m.prom").contains(&ended));
    counts
}

fn summary(text: &str) -> Value {
    let json = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    follows("summary", &json);
    json
}

#[test]
fn they_say_what_the_ledger_says() {
    let (_server, desk) = world("");
    with_all(&desk, "run").expect(1);
    assert_eq!(complete(&desk, 1), [2, 2, 0, 0]);
    let told = summary(&desk.read("s.json"));
    assert_eq!(told["failures"].as_array().unwrap().len(), 2);
    assert_eq!(told["failures"][0]["sub_partners"], 1);
    let ended = with_all(&desk, "retry").arg("--format=json").expect(1);
    assert_eq!(complete(&desk, 1), [2, 2, 0, 0]);
    assert_eq!(ended.stdout, desk.read("s.json"));
    assert_eq!(summary(&ended.stdout)["command"], "retry");
    // A format that only other commands have is no mistake in the environment.
    desk.converge().env("MONTHEND_FORMAT", "csv").expect(1).shows(["created"]);
    desk.converge().arg("--format=csv").expect(2);
}

#[test]
fn they_are_complete_after_a_signal() {
    let (server, desk) = world("latency: { fixed: 30s }");
    let running = with_all(&desk, "run").arg("--grace=10ms").start();
    eventually("something is under way", || !server.exchanges().is_empty());
    running.signal("TERM");
    running.wait().expect(143);
    assert_eq!(complete(&desk, 143), [0, 0, 4, 0]);
}

#[test]
fn they_are_complete_after_an_early_stop() {
    let (_server, desk) = world("");
    let refused = with_all(&desk, "run").env("WEBEX_ACCESS_TOKEN", "wrong");
    refused.expect(3);
    assert_eq!(complete(&desk, 3), [0, 0, 4, 0]);
    assert!(
        summary(&desk.read("s.json"))["reason"].as_str().unwrap().contains("token was refused")
    );
}

#[test]
fn too_many_failures_stop_a_run() {
    let (server, desk) = world("");
    let who = ["refused-404", "refused-400", "a", "b", "c", "d", "e", "f"];
    desk.manifest_with(server.url(), "limits.concurrency: 1", &partners(who, "USER", "2026-08"));
    with_all(&desk, "run").arg("--max-failures=2").expect(3).says(["--max-failures"]);
    let [created, failed, pending, sending] = complete(&desk, 3);
    assert_eq!((failed, sending, created + pending), (2, 0, 6));
    assert!(pending > 0);
    // Failures of earlier runs are none of this one, and where nothing was left it is 1.
    with_all(&desk, "run").arg("--max-failures=50%").expect(1);
    assert_eq!(complete(&desk, 1), [6, 2, 0, 0]);
    with_all(&desk, "run").env("MONTHEND_MAX_FAILURES", "2").expect(1);
    for bad in ["0", "-1", "101%", "x", ""] {
        desk.converge().arg(format!("--max-failures={bad}")).expect(2);
        desk.converge().arg("--max-failures").arg(bad).expect(2);
    }
}

#[test]
fn a_place_that_cannot_be_is_told_before_anything_is_sent() {
    let (server, desk) = world("");
    fs::create_dir(desk.path("folder")).unwrap();
    symlink("m.ledger.csv", desk.path("link")).unwrap();
    symlink("nowhere/at-all", desk.path("dangling")).unwrap();
    desk.write("there.xml", "theirs");
    fs::hard_link(desk.path("there.xml"), desk.path("hard.xml")).unwrap();
    let refused = |args: &[&str]| -> Ended {
        let command = args.iter().fold(desk.converge(), |command, arg| command.arg(*arg));
        command.expect(2)
    };
    for path in [
        "no/such/j.xml",
        "folder",
        "dangling",
        "m.yaml",
        "./m.yaml",
        "m.ledger.csv",
        "m.ledger.csv.lock",
        "m.ledger.history.jsonl",
        "-",
    ] {
        for option in ["--junit", "--summary-json", "--metrics"] {
            refused(&[option, path]).says([path, "nothing was done"]);
        }
    }
    for [one, other] in [["a", "./a"], ["a", "folder/../a"], ["there.xml", "hard.xml"]] {
        refused(&["--junit", one, "--metrics", other]).says(["it is the file of --junit"]);
    }
    refused(&["--junit=out.csv", "--combine=out.csv", "--collect"]);
    assert_eq!(server.exchanges().len(), 0);
    assert_eq!(desk.read("there.xml"), "theirs");
    assert!(!desk.has("m.ledger.csv"));
    // A link is followed, and stays one.
    symlink("there.xml", desk.path("to-there")).unwrap();
    desk.converge().arg("--junit=to-there").expect(1);
    assert!(desk.path("to-there").is_symlink());
    assert!(desk.read("there.xml").starts_with("<?xml"));
}

#[test]
fn a_full_disk_changes_nothing_else() {
    let (_server, desk) = world("");
    let full = ["--junit=/dev/full", "--metrics=/dev/full", "--summary-json=s.json"];
    let command = full.iter().fold(desk.converge(), |command, arg| command.arg(*arg));
    let ended = command.arg("--quiet").expect(1);
    assert_eq!(ended.stderr.matches("/dev/full cannot be written").count(), 2, "{ended}");
    assert_eq!(summary(&desk.read("s.json"))["exit_code"], 1);
    assert_eq!(desk.ledger().count("created"), 2);
}

#[test]
fn github_gets_annotations_and_a_table_and_no_commands() {
    let (_server, desk) = world("");
    let jobs = partners(["good", "refused-404"], "USER", "2026-08")
        .replace("label: refused-404", "label: \"::error::x | y\"");
    let jobs = jobs.replace("label: good", "label: \"::add-mask::g\"");
    desk.manifest(_server.url(), &jobs);
    let github = |command: Monthend| {
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", desk.path("step.md").display().to_string())
    };
    let ended = github(desk.converge().arg("--verbose")).expect(1);
    let commands = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.trim_start().starts_with("::"));
        lines.map(str::to_owned).collect()
    };
    let told = commands(&ended.stderr);
    let line =
        desk.read("m.yaml").lines().position(|line| line.contains("name: partners")).unwrap() + 1;
    assert_eq!(told.len(), 1, "{ended}");
    assert!(told[0].starts_with(&format!("::error file=m.yaml,line={line}::")), "{told:?}");
    assert_eq!(commands(&ended.stdout), [""; 0]);
    let step = desk.read("step.md");
    assert!(step.contains("| created | 1 |") && !step.contains("x | y"), "{step}");
    // Again: the table is appended. Tables hold labels too.
    github(desk.plan()).expect(0);
    github(desk.converge()).expect(1);
    assert_eq!(desk.read("step.md").matches("### monthend run").count(), 2);
    assert_eq!(commands(&github(desk.plan()).expect(0).stdout), [""; 0]);
    // What is wrong with a manifest is shown at its place.
    desk.write("m.yaml", "version: 1\njobs: []\nsurprise: 1\n");
    let told = commands(&github(desk.converge()).expect(2).stderr);
    assert!(told.iter().any(|line| line.starts_with("::error file=m.yaml,line=3::")), "{told:?}");
}

/// What became of each row by the JUnit file: sub-partner, and `failure`, `skipped` or nothing.
fn cases(xml: &str) -> BTreeMap<String, String> {
    is_junit(xml);
    let document = roxmltree::Document::parse(xml).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let outcome = |case: roxmltree::Node<'_, '_>| {
        let tags = case.children().map(|n| n.tag_name().name().to_owned());
        tags.filter(|tag| tag == "failure" || tag == "skipped").collect()
    };
    let name = |case: roxmltree::Node<'_, '_>| {
        let name = case.attribute("name").unwrap();
        name.split(' ').next().unwrap().to_owned()
    };
    cases.map(|case| (name(case), outcome(case))).collect()
}

/// What the server is still at may yet come: skipped. What it cannot generate or hand over is a failure.
#[test]
fn a_report_that_is_not_collected_failed_or_is_still_to_come() {
    let server = Served::new(
        "reports: { completes_after: 0s, fail_for: [broken], never_done_for: [slow] }\n\
         downloads: [{ org: gone, then: { kind: status, status: 404 } }]",
    );
    let who = ["good", "broken", "slow", "gone", "refused-404"];
    let desk = Desk::with(server.url(), &partners(who, "USER", "2026-08"));
    let expected = |refused: &str| {
        let of = [
            ("broken", "failure"),
            ("gone", "failure"),
            ("good", ""),
            ("refused-404", refused),
            ("slow", "skipped"),
        ];
        BTreeMap::from(of.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())))
    };
    for command in ["run", "collect", "retry"] {
        let told = with_all(&desk, command).arg("--wait=0s");
        let told = match command {
            "collect" => told,
            _ => told.arg("--collect"),
        };
        told.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", desk.path("step.md").display().to_string())
            .expect(1);
        assert_eq!(cases(&desk.read("j.xml")), expected("failure"), "{command}");
        let told = summary(&desk.read("s.json"));
        assert_eq!(told["counts"]["created"], 4, "{command}");
        assert_eq!(told["counts"]["collected"], 1, "{command}");
        let causes = told["uncollected"].as_array().unwrap();
        let causes: BTreeMap<&str, u64> = causes
            .iter()
            .map(|cause| {
                let code = cause["error_code"].as_str().unwrap();
                (code, cause["requests"].as_u64().unwrap())
            })
            .collect();
        let of = [("COMPLETED", 1), ("FAILED", 1), ("IN_PROGRESS", 1)];
        assert_eq!(causes, BTreeMap::from(of), "{command}");
        assert!(desk.read("m.prom").contains("status=\"created\",manifest=\"test\"} 4\n"));
        let step = desk.read("step.md");
        assert!(step.contains("| collected | 1 |"), "{step}");
        assert!(step.contains("| IN&#95;PROGRESS |"), "{step}");
    }
    // A run that was not asked for files says nothing of them.
    with_all(&desk, "run").expect(1);
    let expected = BTreeMap::from(who.map(|name| {
        let outcome = if name == "refused-404" { "failure" } else { "" };
        (name.to_owned(), outcome.to_owned())
    }));
    assert_eq!(cases(&desk.read("j.xml")), expected);
    assert_eq!(summary(&desk.read("s.json"))["uncollected"], serde_json::json!([]));
}

/// What lies on the disk of the outputs stays as it is; the run goes on, and ends as it would have.
#[test]
fn a_disk_that_fills_in_mid_run_changes_nothing_else() {
    let server = Served::new("latency: { fixed: 80ms }");
    // So many that the history outgrows what its disk has given it already.
    let who: Vec<String> = (1..30).map(|n| format!("p{n}")).collect();
    let who = who.iter().map(String::as_str).chain(["refused-404"]);
    let desk = Desk::new();
    let settings = "limits.concurrency: 1";
    desk.manifest_with(server.url(), settings, &partners(who, "USER", "2026-08"));
    let Some(disk) = SmallDisk::mount(desk.path("small")) else {
        return;
    };
    desk.write("small/j.xml", "before");
    desk.write("small/m.prom", "before");
    symlink("small/h.jsonl", desk.path("m.ledger.history.jsonl")).unwrap();
    let options = ["--junit=small/j.xml", "--metrics=small/m.prom", "--quiet"];
    let running = desk.converge().args(options).arg("--summary-json=s.json").start();
    eventually("something is under way", || !server.creates().is_empty());
    disk.fill();
    let ended = running.wait().expect(1);
    for file in ["small/j.xml", "small/m.prom", "m.ledger.history.jsonl"] {
        let told = format!("{file} cannot be written (");
        assert_eq!(ended.stderr.matches(&told).count(), 1, "{file}: {ended}");
    }
    assert_eq!(desk.read("small/j.xml"), "before");
    assert_eq!(desk.read("small/m.prom"), "before");
    assert_eq!(summary(&desk.read("s.json"))["counts"]["created"], 29);
    let ledger = desk.ledger().at_rest(30);
    assert_eq!((ledger.count("created"), ledger.count("failed")), (29, 1));
    server.nothing_twice();
}

/// With a JSON log, too; and what would be an older command within its lines is data there.
#[test]
fn github_gets_warnings_beside_a_json_log() {
    let (_server, desk) = world("");
    fs::create_dir(desk.path("m.ledger.history.jsonl")).unwrap();
    let manifest = desk.read("m.yaml").replace("name: test", "name: \"##[x]\"");
    desk.write("m.yaml", manifest);
    let ended =
        desk.converge().args(["--log-format=json", "-vv"]).env("GITHUB_ACTIONS", "true").expect(1);
    let lines = |begin: &str| ended.stderr.lines().filter(|l| l.starts_with(begin)).count();
    assert_eq!(lines("::warning::the history "), 1, "{ended}");
    assert_eq!(lines("::error file="), 2, "{ended}");
    let logged = ended.stderr.lines().filter(|line| !line.starts_with("::"));
    for line in logged {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line["level"].is_string());
    }
    assert!(!ended.stderr.contains("##["), "{ended}");
}
