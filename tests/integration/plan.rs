//! `plan`: what a manifest means, for people and for scripts, without sending anything.

use crate::support::{Desk, Served, csv_cells, follows, own, partners, partners_with, redact};

const URL: &str = "https://webexapis.com/v1";

fn jobs() -> String {
    own("PARTNER, CUSTOMER", "{ from: 2025-11, to: 2026-02, every: month }")
        + &partners_with(
            ["acme", "=HYPERLINK()", "beta"],
            "CUSTOMER, USER",
            "2026-02, {start: 2026-02-01, end: 2026-02-14}",
            "exclude: [{ sub_partner: beta, type: USER, period: 2026-02 }]",
        )
        + &own("PARTNER", "2026-01").replace("name: own", "name: again")
}

#[test]
fn a_plan_for_people() {
    let desk = Desk::new();
    desk.manifest_with(URL, "limits.rate: 60/min\nlimits.burst: 5", &jobs());
    let ended = desk.plan().without("WEBEX_ACCESS_TOKEN").expect(0);
    // What is probably not meant is told on stderr, and nothing else.
    assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
    let ended = ended.says(["have days in common"]);
    insta::assert_snapshot!("plan_table", redact(&desk, &ended.stdout));
    assert_eq!(desk.files(), ["m.yaml"], "a plan leaves nothing behind");
}

#[test]
fn a_plan_for_scripts_is_the_same_plan() {
    let desk = Desk::new();
    desk.manifest_with(URL, "limits.rate: 60/min\nlimits.burst: 5", &jobs());
    let csv = desk.plan().arg("--format=csv").expect(0).stdout;
    let json = desk.plan().arg("--format=json").expect(0);
    insta::assert_snapshot!("plan_csv", csv);
    follows("plan", &json.json());
    insta::assert_snapshot!("plan_json", redact(&desk, &json.stdout));

    let (json, csv) = (json.json(), csv_cells(&csv));
    let rows = json["rows"].as_array().unwrap();
    assert_eq!((rows.len(), csv.len()), (19, 20));
    assert_eq!(json["requests"], 19);
    assert_eq!(json["actions"]["send"], 19);
    for (row, cells) in rows.iter().zip(&csv[1..]) {
        for (name, cell) in csv[0].iter().zip(cells) {
            let value = match &row[name] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            // In CSV, what a spreadsheet would run as a formula is text.
            let expected = if value.starts_with('=') { format!("'{value}") } else { value };
            assert_eq!(*cell, expected, "{name}");
        }
    }
}

#[test]
fn a_plan_says_what_a_run_would_do_given_the_ledger() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, org: doubtful }, then: [{ kind: no_id }] }, { when: { endpoint: list }, then: [{ kind: status, status: 404 }] }]",
    );
    let desk =
        Desk::with(server.url(), &partners(["good", "refused-404", "doubtful"], "USER", "2026-09"));
    // The doubt cannot be looked up, so the row stays `sending`.
    desk.converge().expect(3);
    let sent = server.exchanges().len();
    desk.manifest(
        server.url(),
        &partners(["good", "refused-404", "doubtful", "new"], "USER", "2026-09"),
    );
    let plan = desk.plan().arg("--format=json").expect(0).json();
    let actions: Vec<_> = plan["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["skip", "send", "look_up", "send"]);
    desk.plan().expect(0).shows(["a run would send 2, skip 1 created before, look up 1 in doubt"]);
    assert_eq!(server.exchanges().len(), sent, "a plan sends nothing");
}

#[test]
fn a_plan_reads_a_ledger_that_a_run_holds() {
    let server = Served::new("latency: { fixed: 30ms }");
    let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    let desk =
        Desk::with(server.url(), &partners(names.iter().map(String::as_str), "USER", "2026-09"));
    let mut running = desk.converge().start();
    crate::support::eventually("some are made", || server.reports().len() > 5);
    desk.plan().expect(0).shows(["40 requests", "skip"]);
    desk.status().expect(0).shows(["40 rows"]);
    assert!(!running.is_over(), "it was read while a run held it");
    running.wait().expect(0);
}

#[test]
fn relative_periods_count_from_as_of() {
    let desk = Desk::with(URL, &own("USER", "previous-month"));
    for (as_of, start, end) in [
        ("2026-01-01", "2025-12-01", "2025-12-31"),
        ("2026-12-31", "2026-11-01", "2026-11-30"),
        ("2024-03-31", "2024-02-01", "2024-02-29"),
        ("2025-03-01", "2025-02-01", "2025-02-28"),
    ] {
        let plan = desk.plan().arg("--format=json").arg("--as-of").arg(as_of).expect(0).json();
        assert_eq!(plan["rows"][0]["billing_start_date"], start, "{as_of}");
        assert_eq!(plan["rows"][0]["billing_end_date"], end, "{as_of}");
        desk.plan().env("MONTHEND_AS_OF", as_of).expect(0).shows([start, end]);
    }
    // Without it: from today.
    let first = chrono::Datelike::with_day(&chrono::Utc::now().date_naive(), 1).unwrap();
    let end = first.pred_opt().unwrap().to_string();
    desk.plan().without("MONTHEND_NO_DATE_CHECK").expect(0).shows([end.as_str()]);
}

#[test]
fn the_same_request_has_the_same_id_everywhere() {
    let id = |jobs: &str| {
        let desk = Desk::with(URL, jobs);
        desk.plan().arg("--format=json").expect(0).json()["rows"][0]["request_id"].to_string()
    };
    let one = id(&partners(["acme"], "USER", "2026-09"));
    let relabelled = partners(["acme"], "USER", "{ start: 2026-09-01, end: 2026-09-30 }")
        .replace("label: acme", "label: Another")
        .replace("name: partners", "name: renamed");
    assert_eq!(one, id(&relabelled));
    assert_ne!(one, id(&partners(["acme"], "CUSTOMER", "2026-09")));
    assert_ne!(one, id(&partners_with(["acme"], "USER", "2026-09", "internal: true")));
}
