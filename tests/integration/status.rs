//! `status`: what a ledger holds, counted.

use std::fs;

use serde_json::Value;

use crate::support::{Desk, Served, csv_cells, follows, own, partners, redact};

fn mixed() -> (Served, Desk) {
    let server = Served::new("");
    let jobs = own("PARTNER", "2026-08")
        + &partners(["good", "refused-404", "refused-400"], "CUSTOMER, USER", "2026-08, 2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(1);
    let mut ledger = desk.ledger();
    ledger.set(1, &[("status", "pending"), ("report_id", "")]);
    ledger
        .set(2, &[("status", "sending"), ("report_id", ""), ("intent_at", "2026-10-01T00:00:00Z")]);
    desk.write("m.ledger.csv", ledger.to_csv());
    (server, desk)
}

#[test]
fn counts_for_people_and_for_scripts() {
    let (_server, desk) = mixed();
    let table = desk.status().without("WEBEX_ACCESS_TOKEN").expect(0);
    assert!(table.stderr.is_empty(), "{table}");
    insta::assert_snapshot!("status_table", table.stdout);
    let json = desk.status().arg("--format").arg("json").expect(0);
    insta::assert_snapshot!("status_json", json.stdout);
    let counts = json.json();
    follows("status", &counts);
    assert_eq!(counts["sub_partners"].as_array().unwrap().len(), 4);
    assert_eq!(counts["sub_partners"][3]["sub_partner_org_id"], Value::Null);
    assert_eq!(counts["total"], 13);
    assert_eq!(counts["by_status"]["created"], 3);
    assert_eq!(counts["by_cause"]["http_404"], 4);
}

/// The lines of each kind come to the same rows.
#[test]
fn counts_for_spreadsheets() {
    let (_server, desk) = mixed();
    let csv = desk.status().arg("--format=csv").expect(0).stdout;
    insta::assert_snapshot!("status_csv", csv);
    let lines = csv_cells(&csv);
    for by in ["all", "type", "period", "sub_partner"] {
        let of = lines.iter().filter(|cells| cells[0] == by);
        let counts = of.flat_map(|cells| &cells[3..7]);
        let sum: usize = counts.map(|n| n.parse::<usize>().unwrap()).sum();
        assert_eq!(sum, 13, "{by}");
    }
    // No name is a formula.
    let mut ledger = desk.ledger();
    for place in 0..13 {
        ledger.set(place, &[("sub_partner", "=1+1")]);
    }
    desk.write("m.ledger.csv", ledger.to_csv());
    let csv = desk.status().arg("--format=csv").expect(0).stdout;
    assert!(csv.contains(",'=1+1"), "{csv}");
    assert!(!csv.contains(",=1+1"), "{csv}");
}

#[test]
fn a_selection_counts_its_rows_only() {
    let (_server, desk) = mixed();
    let total = |args: &[&str]| {
        let mut command = desk.status().arg("--format=json");
        for arg in args {
            command = command.arg(*arg);
        }
        command.expect(0).json()["total"].as_u64().unwrap()
    };
    for (args, expected) in [
        (&["--sub-partner", "own"][..], 1),
        (&["--sub-partner", "good", "--type", "user"], 2),
        (&["--period", "2026-08"], 7),
        (&["--period", "2026-08-01..2026-09-30"], 13),
        (&["--job", "own", "--job", "partners"], 13),
        (&["--job", "own"], 1),
    ] {
        assert_eq!(total(args), expected, "{args:?}");
    }
    desk.status().arg("--job=prtners").expect(2).says([
        "prtners",
        "matches nothing",
        "did you mean \"partners\"?",
    ]);
}

#[test]
fn rows_are_listed_with_their_ids_and_files() {
    let server = Served::new("reports: { completes_after: 0s }");
    let jobs = own("PARTNER", "2026-08") + &partners(["good", "refused-404"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().args(["--collect", "--type=USER"]).expect(1);
    desk.converge().arg("--job=own").expect(0);
    let listed = desk.monthend(["status", "m.yaml", "--rows"]).expect(0);
    let ledger = desk.ledger();
    let wanted = [
        ("good USER 2026-09", "collected", "m.ledger.reports/2026-09/USER/good.csv"),
        ("refused-404 USER 2026-09", "failed http_404", ""),
        ("own PARTNER 2026-08", "created", ""),
    ];
    assert!(listed.stdout.starts_with("REQUEST ID "), "{listed}");
    for (name, state, file) in wanted {
        let cells = [name, state, file];
        let line = listed.stdout.lines().find(|line| line.contains(name)).unwrap();
        let id = line.split("  ").next().unwrap();
        assert!(ledger.column("request_id").contains(&id), "{line}");
        let cells_of_line = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let expected = [id].into_iter().chain(cells.into_iter().filter(|cell| !cell.is_empty()));
        assert!(cells_of_line.eq(expected), "{line}");
        let history = listed.stdout.trim_end().rsplit("  ").next().unwrap();
        assert!(history.ends_with("monthend status m.yaml --history REQUEST_ID"), "{listed}");
        desk.monthend(["status", "m.yaml", "--history", id]).expect(0).shows([name]);
    }
    let selected = desk.status().args(["--rows", "--cause=http_404"]).expect(0);
    let selected = selected.shows(["refused-404 USER", "\n1 row\n"]);
    assert!(!selected.stdout.contains("good USER"), "{selected}");
    desk.status().args(["--rows", "--format=csv"]).expect(2).says(["the ledger itself is the CSV"]);
}

#[test]
fn the_history_of_a_ledger_has_its_commands_and_decisions() {
    let server = Served::new("reports: { completes_after: 0s }\nrefuse: { bbb: 403 }\n");
    let desk = Desk::with(server.url(), &partners(["aaa", "bbb"], "USER", "2026-09"));
    desk.converge().arg("--collect").expect(1);
    let (id, other) = ("d0123456789abcdef", "d0000000000000000");
    for id in [id, other] {
        desk.monthend(["accept", "m.yaml", "--id", id, "--reason", "why not", "--by", "Jo"])
            .expect(0);
    }
    let shown = desk.monthend(["status", "m.yaml", "--history"]).expect(0);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].contains("  run  ") && lines[0].contains(" exit_code=1"), "{shown}");
    assert!(lines[1].contains("  accepted_difference  ") && lines[1].contains(id), "{shown}");
    assert!(lines[1].contains("reason=\"why not\"") && lines[1].contains("by=Jo"), "{shown}");
    let json = desk.monthend(["status", "m.yaml", "--format=json", "--history"]).expect(0).json();
    let kinds: Vec<&str> =
        json.as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run", "end", "accepted_difference", "accepted_difference"]);
    let row = &desk.ledger().lines[0].0["request_id"];
    fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    for arguments in [&["--history"][..], &["--history", row]] {
        let ended = desk.status().args(arguments.iter().copied()).expect(0);
        ended.says(["m.ledger.history.jsonl is not there"]);
    }
    desk.monthend(["status", "--history", "m.ledger.csv"])
        .expect(2)
        .says(["a ledger stands before"]);
}

/// Control Hub shows UUIDs. What programs read has the API's form.
#[test]
fn an_organisation_without_a_label_is_named_by_its_uuid() {
    const UUID: &str = "00000000-0000-4000-8000-000000000001";
    const ID: &str = "Y2lzY29zcGFyazovL3NhbmRib3gvT1JHQU5JWkFUSU9OLzAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMQ";
    let server = Served::new("reports: { completes_after: 0s }");
    let job =
        format!("  - {{ name: a, sub_partners: [{ID}], types: [USER], periods: [2026-09] }}\n");
    let desk = Desk::with(server.url(), &job);
    let named = |command: crate::support::Monthend, code: i32| {
        let ended = command.expect(code);
        assert!(ended.stdout.contains(UUID), "{ended}");
        let without_files = ended.stdout.replace(&format!("{ID}.csv"), "");
        assert!(!without_files.contains(&ID[..20]), "{ended}");
    };
    named(desk.monthend(["plan", "m.yaml"]), 0);
    let audit = || desk.monthend(["audit", "m.yaml"]);
    named(audit(), 1);
    desk.converge().args(["--collect", "--junit=m.xml"]).expect(0);
    named(desk.status(), 0);
    named(desk.status().arg("--rows"), 0);
    // As it is typed here, so it is selected.
    named(desk.status().args(["--sub-partner", UUID]), 0);
    let file = format!("m.ledger.reports/2026-09/USER/{ID}.csv");
    std::fs::remove_file(desk.path(&file)).unwrap();
    named(audit(), 1);
    for format in ["--format=csv", "--format=json"] {
        audit().arg(format).expect(1).shows([ID]);
        desk.status().arg(format).expect(0).shows([ID]);
    }
    assert!(!desk.read("m.xml").contains(UUID));
}

#[test]
fn it_needs_a_ledger_and_changes_nothing() {
    let (_server, desk) = mixed();
    desk.monthend(["status", "no.csv"]).expect(4).says(["there is no ledger at no.csv"]);
    // A line that a crash tore is read as a run would repair it, and left.
    let mut text = desk.read("m.ledger.csv");
    text.truncate(text.len() - 1);
    desk.write("m.ledger.csv", &text);
    let ended = desk.status().expect(0);
    ended.says(["the next run repairs it"]).shows(["13 rows"]);
    assert_eq!(desk.read("m.ledger.csv"), text);
    assert_eq!(desk.files(), ["m.ledger.csv", "m.yaml"], "{}", redact(&desk, ""));
}

/// A manifest stands for its ledger, or for that of its rehearsals.
#[test]
fn a_manifest_stands_for_its_ledger() {
    let (_server, desk) = mixed();
    let total = |command: crate::support::Monthend| {
        let json = command.arg("--format=json").expect(0).json();
        (json["total"].as_u64().unwrap(), json["ledger"].as_str().unwrap().to_owned())
    };
    let real = (13, "m.ledger.csv".to_owned());
    assert_eq!(total(desk.monthend(["status", "m.yaml"])), real);
    desk.monthend(["status", "m.yaml", "--sandbox"]).expect(4).says(["m.ledger.sandbox.csv"]);
    desk.monthend(["run", "m.yaml", "--sandbox", "--job=own"]).expect(0);
    let rehearsed = (1, "m.ledger.sandbox.csv".to_owned());
    assert_eq!(total(desk.monthend(["status", "m.yaml", "--sandbox"])), rehearsed);
    assert_eq!(
        total(desk.monthend(["status", "m.yaml"]).env("MONTHEND_SANDBOX", "true")),
        rehearsed
    );
    desk.monthend(["status", "m.yaml"])
        .expect(0)
        .says(["m.ledger.sandbox.csv", "--sandbox shows it"]);
    // Only after a rehearsal: once the real ledger goes on, it is of no interest any more.
    desk.converge().expect(1);
    let quiet = desk.monthend(["status", "m.yaml"]).expect(0);
    assert!(!quiet.stderr.contains("--sandbox"), "{quiet}");

    // What stands in for it.
    let status = || desk.monthend(["status"]);
    status().expect(2).says(["name the ledger or the manifest"]);
    assert_eq!(total(status().env("MONTHEND_MANIFEST", "m.yaml")), real);
    assert_eq!(total(status().env("MONTHEND_LEDGER", "m.ledger.csv")), real);
    let sandbox = status().env("MONTHEND_LEDGER", "m.ledger.csv").arg("--sandbox");
    assert_eq!(total(sandbox), rehearsed);
    assert_eq!(total(status().args(["--ledger", "m.ledger.csv"])), real);
    assert_eq!(total(desk.status().env("MONTHEND_MANIFEST", "gone.yaml")), real);
    let other = desk.monthend(["status", "m.yaml", "--ledger", "m.ledger.sandbox.csv"]);
    assert_eq!(total(other), rehearsed);
    desk.status().args(["--ledger", "m.ledger.csv"]).expect(2).says(["two ledgers"]);
    desk.monthend(["status", "gone.yaml"]).expect(2).says(["gone.yaml"]);
}

/// Whoever looks after a run has to see that files are missing: 13 reports that are created look finished.
#[test]
fn what_is_collected_is_counted_everywhere() {
    let config = "{ reports: { completes_after: 0s, never_done_for: [slow] }, contents: { empty_for: [empty] } }";
    let server = Served::new(config);
    let desk = Desk::with(server.url(), &partners(["a", "empty", "slow"], "USER", "2026-09"));
    let counts = |text: &str| -> Vec<usize> {
        let json: Value = serde_json::from_str(text).unwrap();
        let of = |counts: &Value| {
            ["created", "collected", "empty"].map(|name| counts[name].as_u64().unwrap() as usize)
        };
        let groups = match json.get("by_status") {
            None => vec![&json["counts"]],
            Some(all) => {
                follows("status", &json);
                vec![all, &json["by_type"]["USER"], &json["by_period"]["2026-09"]]
            }
        };
        let first = of(groups[0]);
        assert!(groups.iter().all(|group| of(group) == first), "{json}");
        first.to_vec()
    };
    let status = || desk.status().arg("--format=json").expect(0).stdout;
    let run = desk.converge().args(["--format=json", "--metrics=m.prom"]).expect(0);
    assert_eq!(counts(&run.stdout), [3, 0, 0]);
    assert_eq!(counts(&status()), [3, 0, 0]);
    desk.status().expect(0).shows([
        "CREATED  COLLECTED  EMPTY  FAILED  PENDING  SENDING\n3 rows        3          0      0  ",
    ]);
    let collect =
        desk.monthend(["collect", "m.yaml", "--wait=0s", "--format=json", "--metrics=m.prom"]);
    assert_eq!(counts(&collect.expect(1).stdout), [3, 2, 1]);
    // A command that creates nothing counts what is there.
    let run = desk.converge().arg("--format=json").expect(0);
    assert_eq!(counts(&run.stdout), [3, 2, 1]);
    assert_eq!(counts(&status()), [3, 2, 1]);
    let metrics = desk.read("m.prom");
    for sample in [
        "monthend_requests{status=\"created\",manifest=\"test\"} 3\n",
        "monthend_requests_collected{manifest=\"test\"} 2\n",
        "monthend_requests_empty{manifest=\"test\"} 1\n",
    ] {
        assert!(metrics.contains(sample), "{sample}{metrics}");
    }
    let csv = csv_cells(&desk.status().arg("--format=csv").expect(0).stdout);
    assert_eq!(csv[0][3..], ["created", "failed", "pending", "sending", "collected", "empty"]);
    assert_eq!(csv[1][3..], ["3", "0", "0", "0", "2", "1"]);
}

/// What no waiting helps against stands first, on a line of its own.
#[test]
fn the_worst_message_comes_first_and_each_has_its_line() {
    let config = "reports: { completes_after: 0s, fail_for: [broken], never_done_for: [slow-1, slow-2, slow-3] }";
    let server = Served::new(config);
    let names = ["slow-1", "slow-2", "slow-3", "broken", "changed"];
    let desk = Desk::with(server.url(), &partners(names, "USER", "2026-09"));
    desk.converge().arg("--collect").arg("--sub-partner=changed").expect(0);
    let changed = desk.ledger().lines[0]["report_file"].to_owned();
    desk.write(&changed, "SKU\n1\n");
    let ended = desk.converge().args(["--collect", "--wait=0s"]).expect(1);
    let status = desk.status().expect(0);
    for text in [&ended.stdout, &status.stdout] {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let lost = lines
            .iter()
            .position(|line| line.starts_with("1 request: the server could not "))
            .unwrap();
        let other = lines
            .iter()
            .position(|line| line.starts_with("1 request: ") && line.contains(&changed))
            .unwrap();
        let waits =
            lines.iter().position(|line| line.starts_with("3 requests: IN_PROGRESS for ")).unwrap();
        assert!(lost < other && other < waits, "{text}");
        assert!(!text.contains('…'), "an instruction is cut off: {text}");
        assert!(text.contains("--force"), "{text}");
    }
}
