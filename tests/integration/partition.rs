//! `--partition K/N`: a month-end on several machines at once, and what becomes one ledger again.

use std::collections::BTreeSet;

use crate::support::{
    Desk, Ended, LedgerFile, Monthend, Served, csv_cells, eventually, own, partners, partners_with,
};

fn jobs() -> String {
    own("USER, CUSTOMER", "2026-09")
        + &partners(["a", "b", "c", "d", "e"], "USER, CUSTOMER", "2026-08, 2026-09")
        + &partners_with(["a", "b", "c", "d", "e"], "USER", "2026-09", "internal: true")
            .replace("name: partners", "name: internal")
}

/// How many requests [`jobs`] come to.
const ALL: usize = 2 + 20 + 5;

fn share(command: Monthend, number: usize, count: usize) -> Monthend {
    command.arg(format!("--partition={number}/{count}"))
}

/// The ids that `plan` shows, in order.
fn planned(command: Monthend) -> Vec<String> {
    let ended = command.arg("--format=csv").expect(0);
    let records = csv_cells(&ended.stdout).into_iter().skip(1);
    records.map(|cells| cells[0].clone()).collect()
}

/// What identifies the rows, and how they stand.
fn rows(ledger: &LedgerFile) -> BTreeSet<String> {
    const SAME: [&str; 8] = [
        "request_id",
        "job",
        "sub_partner",
        "type",
        "billing_start_date",
        "billing_end_date",
        "internal",
        "status",
    ];
    let cells = |line: &crate::support::Line| SAME.map(|column| line[column].to_owned()).join(" ");
    ledger.lines.iter().map(cells).collect()
}

#[test]
fn all_shares_together_are_the_plan_and_become_the_ledger_of_the_whole_run() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().arg("--ledger=whole.csv").expect(0);
    let whole = desk.ledger_at("whole.csv").at_rest(ALL);
    let all = planned(desk.plan());
    for count in [1, 2, 3, 7] {
        let server = Served::new("");
        let desk = Desk::with(server.url(), &jobs());
        let mut seen = Vec::new();
        let mut merge = vec!["merge".to_owned()];
        for number in 1..=count {
            let ids = planned(share(desk.plan(), number, count));
            let in_order = all.iter().filter(|id| ids.contains(id));
            assert!(in_order.eq(ids.iter()), "in the order of the plan");
            share(desk.converge(), number, count).expect(0);
            let name = format!("m.ledger.{number}-of-{count}.csv");
            let ledger = desk.ledger_at(&name).at_rest(ids.len());
            assert_eq!(ledger.column("request_id"), ids);
            assert_eq!(ledger.count("created"), ids.len());
            seen.extend(ids);
            merge.push(name);
        }
        let unique: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), unique.len()), (ALL, ALL), "disjoint and complete");
        let merged = desk.monthend(merge.iter().map(String::as_str).chain(["-o", "m.ledger.csv"]));
        let ended = merged.expect(0);
        assert!(!ended.stderr.contains("shares"), "{ended}");
        let merged = desk.ledger().at_rest(ALL);
        assert_eq!(rows(&merged), rows(&whole));
        assert_eq!(merged.report_ids(), server.report_ids());
        server.lawful(&merged);

        // The whole manifest goes on from there: nothing is left, and the rows stand in plan order.
        let sent = server.creates().len();
        desk.converge().expect(0);
        assert_eq!(server.creates().len(), sent);
        assert_eq!(desk.ledger().column("request_id"), all);
    }
}

#[test]
fn twins_with_and_without_internal_are_in_one_share() {
    let desk = Desk::with("https://webexapis.com/v1", &jobs());
    let cells = |number| {
        let plan = share(desk.plan(), number, 3).arg("--format=csv").expect(0);
        let records = csv_cells(&plan.stdout).into_iter().skip(1);
        let twins = records.filter(|cells| cells[4] == "USER" && cells[5] == "2026-09-01");
        let whom = twins.filter(|cells| !cells[2].is_empty());
        whom.map(|cells| (cells[2].clone(), cells[7].clone())).collect::<Vec<_>>()
    };
    for number in 1..=3 {
        let twins = cells(number);
        let of = |internal: &str| -> BTreeSet<&str> {
            let those = twins.iter().filter(|(_, cell)| cell == internal);
            those.map(|(whom, _)| whom.as_str()).collect()
        };
        assert_eq!(of("true"), of("false"));
    }
}

#[test]
fn a_share_that_was_killed_runs_again_alone() {
    let server = Served::new("latency: { fixed: 30ms }");
    let desk = Desk::new();
    // Without the partner's own: a doubt about those would be for a person.
    let jobs = jobs().split_once("  - name: partners").unwrap().1.to_owned();
    let jobs = format!("  - name: partners{jobs}");
    desk.manifest_with(server.url(), "limits.concurrency: 4", &jobs);
    share(desk.converge(), 1, 2).expect(0);
    let others = desk.read("m.ledger.1-of-2.csv");
    let before = server.creates().len();
    let mut running = share(desk.converge(), 2, 2).start();
    eventually("some were sent", || server.creates().len() > before + 2);
    assert!(running.kill(), "it was still at work");
    share(desk.converge(), 2, 2).expect(0);
    assert_eq!(desk.read("m.ledger.1-of-2.csv"), others);
    let merge = ["merge", "m.ledger.1-of-2.csv", "m.ledger.2-of-2.csv", "-o", "all.csv"];
    desk.monthend(merge).expect(0);
    let all = desk.ledger_at("all.csv").at_rest(ALL - 2);
    assert_eq!(all.count("created"), ALL - 2);
    assert_eq!(all.report_ids(), server.report_ids());
}

#[test]
fn an_empty_share_is_no_failure_and_has_a_ledger_of_its_header() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    let empty = (1..=2).find(|number| planned(share(desk.plan(), *number, 2)).is_empty()).unwrap();
    share(desk.converge(), empty, 2).expect(0);
    let name = format!("m.ledger.{empty}-of-2.csv");
    desk.ledger_at(&name).at_rest(0);
    share(desk.retry(), empty, 2).expect(0);
    share(desk.monthend(["collect", "m.yaml"]), empty, 2).expect(0);
    share(desk.monthend(["audit", "m.yaml"]), empty, 2).expect(0);
    share(desk.monthend(["status", &name]), empty, 2).expect(0);
    assert!(server.creates().is_empty());
    let full = 3 - empty;
    share(desk.converge(), full, 2).expect(0);
    let merge = ["merge", "m.ledger.1-of-2.csv", "m.ledger.2-of-2.csv", "-o", "all.csv"];
    desk.monthend(merge).expect(0).shows(["1 row", "2 ledgers"]);
}

#[test]
fn selectors_count_for_the_whole_plan_and_a_share_may_lack_what_they_select() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    for number in 1..=3 {
        let one = |command| share(command, number, 3).arg("--sub-partner=a").arg("--type=CUSTOMER");
        one(desk.converge()).expect(0);
        one(desk.retry()).expect(0);
        share(desk.converge(), number, 3).arg("--sub-partner=nobody").expect(2);
        share(desk.plan(), number, 3).arg("--job=nothing").expect(2);
    }
    let rows: usize =
        (1..=3).map(|n| desk.ledger_at(&format!("m.ledger.{n}-of-3.csv")).lines.len()).sum();
    assert_eq!(rows, 2);
    // A ledger of everything is judged as a whole, whatever share of it is asked for.
    desk.converge().arg("--ledger=whole.csv").expect(0);
    let status = || share(desk.monthend(["status", "whole.csv"]), 1, 3);
    status().arg("--sub-partner=nobody").expect(2);
    let shown: u64 = (1..=3)
        .map(|number| {
            let status = share(desk.monthend(["status", "whole.csv"]), number, 3);
            status.arg("--format=json").expect(0).json()["total"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(shown, ALL as u64);
}

#[test]
fn what_is_no_share_is_a_usage_error_before_anything_is_touched() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    for bad in ["0/3", "4/3", "1/0", "a/b", "1", "", "1/3/5", "-1/3"] {
        for command in [desk.plan(), desk.converge(), desk.retry(), desk.status()] {
            command.arg(format!("--partition={bad}")).expect(2);
        }
        // An empty variable is an unset one.
        if !bad.is_empty() {
            desk.converge().env("MONTHEND_PARTITION", bad).expect(2);
        }
    }
    let counted = |index: &str, count: &str| {
        let command = desk.converge().env("MONTHEND_PARTITION_INDEX", index);
        command.env("MONTHEND_PARTITION_COUNT", count)
    };
    for (index, count) in [("3", "3"), ("-1", "3"), ("0", "0"), ("one", "3")] {
        counted(index, count).expect(2).says(["MONTHEND_PARTITION_INDEX"]);
    }
    desk.converge()
        .env("MONTHEND_PARTITION_INDEX", "1")
        .expect(2)
        .says(["MONTHEND_PARTITION_COUNT"]);
    share(counted("0", "3"), 2, 3).expect(2).says(["say share 1/3", "says 2/3"]);
    assert_eq!(desk.files(), ["m.yaml"]);
    assert!(server.exchanges().is_empty());
    // Both forms may be there where they agree.
    share(counted("1", "3"), 2, 3).expect(0);
    counted("0", "3").expect(0);
    desk.converge().env("MONTHEND_PARTITION", "3/3").expect(0);
    counted("", "").arg("--ledger=whole.csv").expect(0);
    let ledgers = [
        "m.ledger.1-of-3.csv",
        "m.ledger.2-of-3.csv",
        "m.ledger.3-of-3.csv",
        "m.yaml",
        "whole.csv",
    ];
    assert_eq!(desk.files(), ledgers);
    desk.ledger_at("whole.csv").at_rest(ALL);
}

#[test]
fn each_share_has_its_files_apart_unless_an_option_says_where() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    let text = desk.read("m.yaml");
    desk.write(
        "m.yaml",
        text.replace(
            "name: test",
            "name: test\nledger: by-manifest.csv\ncollect: { output: files }",
        ),
    );
    let one = |command: Monthend| share(command, 1, 1).arg("--collect");
    one(desk.converge()).expect(0);
    one(desk.converge())
        .env("MONTHEND_LEDGER", "by-environment.csv")
        .arg("--existing=ignore") // the files of the other ledger are there
        .expect(0);
    one(desk.converge())
        .env("MONTHEND_LEDGER", "by-environment.csv")
        .env("MONTHEND_OUTPUT", "by-environment")
        .arg("--ledger=by-option.csv")
        .arg("--output=by-option")
        .expect(0);
    let rehearsal = |command: Monthend| {
        command.arg("--sandbox").without("WEBEX_ACCESS_TOKEN").without("MONTHEND_NO_DATE_CHECK")
    };
    rehearsal(one(desk.converge())).expect(0);
    rehearsal(desk.converge()).env("MONTHEND_LEDGER", "rehearsed.csv").expect(0);
    rehearsal(desk.converge()).arg("--ledger=as-it-stands.csv").expect(0);
    let mut files = desk.files();
    files.retain(|name| !name.ends_with(".state"));
    assert_eq!(
        files,
        [
            "as-it-stands.csv",
            "by-environment.1-of-1.csv",
            "by-manifest.1-of-1.csv",
            "by-manifest.sandbox.1-of-1.csv",
            "by-option",
            "by-option.csv",
            "files.1-of-1",
            "files.sandbox.1-of-1",
            "m.yaml",
            "rehearsed.sandbox.csv",
        ]
    );
    // Collected files stay where they are, and the merged ledger finds them.
    let merge = ["merge", "by-manifest.1-of-1.csv", "-o", "by-manifest.csv"];
    desk.monthend(merge).expect(0);
    let merged = desk.ledger_at("by-manifest.csv").at_rest(1);
    assert_eq!(merged.column("report_file"), ["files.1-of-1/2026-09/USER/a.csv"]);
    let audit = desk.monthend(["audit", "m.yaml"]).run();
    assert!(!audit.stdout.contains("file_"), "{audit}");
}

#[test]
fn the_limits_are_divided() {
    let desk = Desk::new();
    let settings = "limits.rate: 300/min\nlimits.burst: 1";
    desk.manifest_with("https://webexapis.com/v1", settings, &jobs());
    let seconds = |command: Monthend| {
        let plan = command.arg("--format=json").expect(0).json();
        let requests = plan["requests"].as_f64().unwrap();
        let seconds = plan["seconds_at_the_configured_rate"].as_f64().unwrap();
        (requests, seconds)
    };
    let (requests, whole) = seconds(desk.plan());
    assert!((whole - (requests - 1.0) / 5.0).abs() < 1e-6, "{whole}");
    let (requests, third) = seconds(share(desk.plan(), 1, 3));
    assert!((third - (requests - 1.0) / (5.0 / 3.0)).abs() < 1e-6, "{third}");
    share(desk.plan(), 1, 3).expect(0).shows(["100/min"]);
}

/// What other shares make at the same time is shown by the list of the partner's own reports: so nothing in it is
/// taken for the partner's own, and what is not there is sent again.
#[test]
fn a_doubt_about_the_partners_own_request_is_for_a_person() {
    for (fault, made) in [("{ kind: reset, processed: true }", true), ("{ kind: reset }", false)] {
        // Who we are and what the clocks show is known from the others: of a run that is alone it would be adopted.
        let server = Served::new(&format!(
            "faults: [{{ when: {{ endpoint: create, type: USER, tries: 1 }}, then: [{fault}] }}]"
        ));
        let jobs = partners(["a", "b", "c", "d", "e", "f"], "CUSTOMER", "2026-09")
            + &own("USER", "2026-09");
        let desk = Desk::new();
        desk.manifest_with(server.url(), "retry.settle: 600ms", &jobs);
        let own = planned(desk.plan().arg("--sub-partner=own"));
        let number = (1..=2)
            .find(|number| planned(share(desk.plan(), *number, 2)).contains(&own[0]))
            .unwrap();
        let ended: Ended = share(desk.converge(), number, 2).run();
        let ledger = desk.ledger_at(&format!("m.ledger.{number}-of-2.csv"));
        assert!(ledger.lines.len() > 1, "{ledger:?}");
        let row = (ledger.lines.iter()).find(|row| row["request_id"] == own[0]).unwrap();
        if made {
            ended.expect(1);
            assert_eq!(&row["error_code"], "in_doubt");
            let named = |id: &String| row["error"].contains(id.as_str());
            assert!(server.report_ids().iter().any(named), "{row:?}");
            assert_eq!(server.creates().len(), ledger.lines.len());
        } else {
            ended.expect(0);
            assert_eq!(ledger.report_ids(), server.report_ids());
        }
    }
}

#[test]
fn merge_names_a_share_that_is_missing() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    for number in [1, 3] {
        share(desk.converge(), number, 3).expect(0);
    }
    let merge = ["merge", "m.ledger.1-of-3.csv", "m.ledger.3-of-3.csv", "-o", "m.ledger.csv"];
    desk.monthend(merge)
        .expect(0)
        .says(["of 3 shares, one is not among these ledgers: m.ledger.2-of-3.csv"]);
    // Only what was lost is made.
    let sent = server.creates().len();
    share(desk.converge(), 2, 3).expect(0);
    assert_eq!(server.creates().len(), ALL);
    assert!(sent < ALL);
    let merge = ["merge", "m.ledger.2-of-3.csv", "-o", "m.ledger.csv"];
    desk.monthend(merge).expect(0);
    assert_eq!(desk.ledger().at_rest(ALL).count("created"), ALL);
}

/// Each share is rehearsed with a sandbox of its own, so that shares may run at the same time; merging their ledgers merges
/// these.
#[test]
fn rehearsed_shares_are_one_rehearsal_once_they_are_merged() {
    let desk = Desk::with("https://webexapis.com/v1", &jobs());
    desk.write(
        "s.yaml",
        "rate_limit: { limiter: { kind: unlimited } }\nreports: { completes_after: 0s, shows_internal: true }\n\
         existing: [{ type: USER, start: 2026-07-01, end: 2026-07-31, age: 1h }]\n",
    );
    let rehearse = |args: &[&str]| {
        let command = desk.monthend(args.iter().copied()).without("WEBEX_ACCESS_TOKEN");
        command.args(["--sandbox", "--sandbox-config=s.yaml"])
    };
    let shares: Vec<_> = (1..=3)
        .map(|number| share(rehearse(&["run", "m.yaml", "--collect"]), number, 3).start())
        .collect();
    for running in shares {
        running.wait().expect(0);
    }
    let mut names: Vec<String> =
        (1..=3).map(|n| format!("m.ledger.sandbox.{n}-of-3.csv")).collect();
    let merge = |names: &[String], output: &str| {
        let command = desk.monthend(["merge".to_owned()]).args(names.iter().cloned());
        command.args(["-o", output]).expect(0);
    };
    merge(&names, "m.ledger.sandbox.csv");
    let audit = rehearse(&["audit", "m.yaml"]).expect(0);
    audit.shows(["checked 27 requests, 27 reports, 27 files\nno differences\n"]);
    // A report of the configuration is one report.
    let state = || desk.read("m.ledger.sandbox.csv.state");
    assert_eq!(state().matches(r#""record":"made""#).count(), ALL + 1);
    // Merged again it is the same, and the whole goes on from there.
    let before = state();
    merge(&names, "m.ledger.sandbox.csv");
    assert_eq!(state(), before);
    let run = rehearse(&["run", "m.yaml", "--collect"]).expect(0);
    run.shows(["created before"]);
    rehearse(&["audit", "m.yaml"]).expect(0);
    // Under other names, and in two steps.
    names.truncate(2);
    merge(&names, "two.csv");
    merge(&["two.csv".to_owned(), "m.ledger.sandbox.3-of-3.csv".to_owned()], "all.csv");
    rehearse(&["audit", "m.yaml", "--ledger=all.csv"]).expect(0);
    // A state that is none spoils no merge.
    desk.write("m.ledger.sandbox.1-of-3.csv.state", "nonsense\n");
    let ended = desk.monthend(["merge", "m.ledger.sandbox.1-of-3.csv", "-o", "one.csv"]).expect(0);
    ended.says(["warning: the sandboxes of these ledgers could not be merged"]);
}
