//! `status`: what a ledger holds, counted.

use serde_json::Value;

use crate::support::{Desk, Served, csv_cells, follows, own, partners, redact};

fn mixed() -> (Served, Desk) {
    let server = Served::new("");
    let jobs = own("PARTNER", "2026-08")
        + &partners(
            ["good", "refused-404", "refused-400"],
            "CUSTOMER, USER",
            "2026-08, 2026-09",
        );
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(1);
    let mut ledger = desk.ledger();
    ledger.set(1, &[("status", "pending"), ("report_id", "")]);
    ledger.set(
        2,
        &[
            ("status", "sending"),
            ("report_id", ""),
            ("intent_at", "2026-10-01T00:00:00Z"),
        ],
    );
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
        let counts = of.flat_map(|cells| &cells[3..]);
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
fn it_needs_a_ledger_and_changes_nothing() {
    let (_server, desk) = mixed();
    desk.monthend(["status", "no.csv"])
        .expect(4)
        .says(["there is no ledger at no.csv"]);
    // A line that a crash tore is read as a run would repair it, and left.
    let mut text = desk.read("m.ledger.csv");
    text.truncate(text.len() - 1);
    desk.write("m.ledger.csv", &text);
    let ended = desk.status().expect(0);
    ended.says(["the next run repairs it"]).shows(["13 rows"]);
    assert_eq!(desk.read("m.ledger.csv"), text);
    assert_eq!(
        desk.files(),
        ["m.ledger.csv", "m.yaml"],
        "{}",
        redact(&desk, "")
    );
}

/// A manifest stands for its ledger, or for that of its rehearsals.
#[test]
fn a_manifest_stands_for_its_ledger() {
    let (_server, desk) = mixed();
    let total = |command: crate::support::Monthend| {
        let json = command.arg("--format=json").expect(0).json();
        (
            json["total"].as_u64().unwrap(),
            json["ledger"].as_str().unwrap().to_owned(),
        )
    };
    let real = (13, "m.ledger.csv".to_owned());
    assert_eq!(total(desk.monthend(["status", "m.yaml"])), real);
    desk.monthend(["status", "m.yaml", "--sandbox"])
        .expect(4)
        .says(["m.ledger.sandbox.csv"]);
    desk.monthend(["run", "m.yaml", "--sandbox", "--job=own"])
        .expect(0);
    let rehearsed = (1, "m.ledger.sandbox.csv".to_owned());
    assert_eq!(
        total(desk.monthend(["status", "m.yaml", "--sandbox"])),
        rehearsed
    );
    assert_eq!(
        total(
            desk.monthend(["status", "m.yaml"])
                .env("MONTHEND_SANDBOX", "true")
        ),
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
    let sandbox = status()
        .env("MONTHEND_LEDGER", "m.ledger.csv")
        .arg("--sandbox");
    assert_eq!(total(sandbox), rehearsed);
    assert_eq!(total(status().args(["--ledger", "m.ledger.csv"])), real);
    assert_eq!(
        total(desk.status().env("MONTHEND_MANIFEST", "gone.yaml")),
        real
    );
    let other = desk.monthend(["status", "m.yaml", "--ledger", "m.ledger.sandbox.csv"]);
    assert_eq!(total(other), rehearsed);
    desk.status()
        .args(["--ledger", "m.ledger.csv"])
        .expect(2)
        .says(["two ledgers"]);
    desk.monthend(["status", "gone.yaml"])
        .expect(2)
        .says(["gone.yaml"]);
}
