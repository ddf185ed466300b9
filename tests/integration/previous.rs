//! `audit --previous`: who has vanished, and whose figures dropped.

use serde_json::Value;

use crate::support::{Desk, LedgerFile, Served, own, partner, partners, partners_with};

const READY: &str = "reports: { completes_after: 0s }";
const TOTALS: &str = "audit:\n  totals: { column: Q, by: [SKU] }\n";

/// A file of so many rows.
fn rows(count: usize) -> String {
    "SKU,Q\n".to_owned() + &"A,1\n".repeat(count)
}

/// The created rows of `jobs` for September in `then/` and for October on the desk itself, each with a file of ten
/// rows.
pub(crate) fn months(server: &Served, then: &str, now: &str) -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("then")).unwrap();
    for (folder, jobs) in [("then/", then), ("", now)] {
        desk.manifest(server.url(), jobs);
        let ledger = format!("{folder}m.ledger.csv");
        desk.converge().arg("--ledger").arg(&ledger).expect(0);
        let mut lines = desk.ledger_at(&ledger);
        for place in 0..lines.lines.len() {
            desk.lay(folder, &mut lines, place, &rows(10));
        }
        desk.write(&ledger, lines.to_csv());
    }
    desk
}

/// Changes one of the ledgers.
fn change(desk: &Desk, folder: &str, change: impl FnOnce(&mut LedgerFile)) {
    let name = format!("{folder}m.ledger.csv");
    let mut ledger = desk.ledger_at(&name);
    change(&mut ledger);
    desk.write(&name, ledger.to_csv());
}

/// Another file for a row.
fn lay(desk: &Desk, folder: &str, place: usize, content: &str) {
    change(desk, folder, |ledger| desk.lay(folder, ledger, place, content));
}

#[track_caller]
fn audit(desk: &Desk, args: &[&str], code: i32) -> Value {
    let all = ["audit", "m.yaml", "--format", "json", "--previous", "then/m.ledger.csv"];
    desk.monthend(all.iter().chain(args).copied()).expect(code).json()
}

/// Kind and message of each difference, without what to do.
fn told(audit: &Value) -> Vec<String> {
    let differences = audit["differences"].as_array().unwrap().iter();
    let line = |d: &Value| {
        let (said, _advice) = d["message"].as_str().unwrap().rsplit_once("; ").unwrap();
        format!("{} {said}", d["kind"].as_str().unwrap())
    };
    differences.map(line).collect()
}

fn user(names: &[&str], period: &str) -> String {
    partners(names.iter().copied(), "USER", period)
}

#[test]
fn who_has_vanished_and_whose_rows_dropped_is_named() {
    let server = Served::new(READY);
    let then = own("PARTNER, USER", "2026-09") + &user(&["a", "b", "gone"], "2026-09");
    let now = own("USER", "2026-10") + &user(&["a", "b", "new"], "2026-10");
    let desk = months(&server, &then, &now);
    lay(&desk, "", 1, &rows(5)); // exactly half
    lay(&desk, "", 2, &rows(4));
    let found = audit(&desk, &[], 1);
    assert_eq!(
        told(&found),
        [
            "dropped b USER 2026-10: 4 rows; 2026-09 had 10 rows (60 % less)",
            "vanished own PARTNER 2026-09: it had a report then (10 rows), and is not in the plan any more",
            "vanished gone USER 2026-09: it had a report then (10 rows), and is not in the plan any more",
        ]
    );
    let earlier = desk.ledger_at("then/m.ledger.csv");
    assert_eq!(found["differences"][2]["request_id"], earlier.lines[4]["request_id"]);
    assert_eq!(found["differences"][2]["report_id"], earlier.lines[4]["report_id"]);
    assert_eq!(found["differences"][0]["file"], "reports/2.csv");
    assert_eq!(
        (&found["checked"]["compared"], &found["checked"]["incomparable"]),
        (&3.into(), &0.into())
    );
    assert_eq!(told(&audit(&desk, &["--max-drop", "60%"], 1)).len(), 2);
    assert_eq!(told(&audit(&desk, &["--max-drop", "49.9%"], 1)).len(), 4);
    // Selectors count for what has vanished too, whatever their period.
    let whom = |args: &[&str]| told(&audit(&desk, args, 1)).len();
    assert_eq!(whom(&["--sub-partner", "own"]), 1);
    assert_eq!(whom(&["--type", "USER", "--period", "2026-10"]), 2);
    audit(&desk, &["--sub-partner", "a"], 0);
    let table = desk.monthend(["audit", "m.yaml", "--previous", "then/m.ledger.csv"]);
    table.expect(1).shows([
        "3 comparisons with the earlier ledger\n",
        "3 differences: 2 vanished, 1 dropped\n",
    ]);
}

/// An earlier collection of the same month, and one that has nothing.
#[test]
fn whoever_is_missing_since_the_same_month_is_named_and_an_empty_ledger_compares_nothing() {
    let server = Served::new(READY);
    let then = user(&["a", "gone"], "2026-10");
    let desk = months(&server, &then, &user(&["a"], "2026-10"));
    let found = told(&audit(&desk, &[], 1));
    let vanished = "vanished gone USER 2026-10";
    assert!(found.iter().any(|it| it.starts_with(vanished)), "{found:?}");
    change(&desk, "then/", |ledger| ledger.lines.clear());
    let notes = audit(&desk, &["--offline"], 0)["notes"].to_string();
    assert!(notes.contains("has no created report: nothing was compared"), "{notes}");
}

/// docs/audit.md, "An earlier month": one case for each line of its table.
#[test]
fn each_case_of_the_page_comes_out_as_it_says() {
    let names = [
        "even",
        "empty-then",
        "empty-now",
        "nofile-then",
        "gone-then",
        "changed-then",
        "columns",
        "nofile-now",
        "failed-then",
        "new",
    ];
    let then = user(&names[..9], "2026-09");
    let now = user(&names, "2026-10");
    for totals in ["", TOTALS] {
        let server = Served::new(READY);
        let desk = months(&server, &then, &(now.clone() + totals));
        lay(&desk, "then/", 1, &rows(0));
        lay(&desk, "", 2, "Other\n");
        let none = [("report_file", ""), ("report_sha256", ""), ("report_rows", "")];
        change(&desk, "then/", |ledger| ledger.set(3, &none));
        std::fs::remove_file(desk.path("then/reports/4.csv")).unwrap();
        desk.write("then/reports/5.csv", rows(100));
        lay(&desk, "then/", 6, "Other,SKU\n1,A\n");
        change(&desk, "", |ledger| ledger.set(7, &none));
        change(&desk, "then/", |ledger| {
            ledger.set(8, &none);
            let failed =
                [("status", "failed"), ("report_id", ""), ("error_code", "x"), ("error", "y")];
            ledger.set(8, &failed);
        });
        let found = audit(&desk, &[], 1);
        let (measure, compared) = match totals {
            "" => ("0 rows; 2026-09 had 10 rows", 4),
            _ => ("Q 0; 2026-09 had Q 10", 3),
        };
        assert_eq!(
            told(&found),
            [
                format!("dropped empty-now USER 2026-10: {measure} (100 % less)"),
                "not_collected nofile-now USER 2026-10: its report is complete, and it is not collected".to_owned(),
            ],
            "{totals}"
        );
        assert_eq!(found["checked"]["compared"], compared, "{found:#}");
        assert_eq!(found["checked"]["incomparable"], 9 - compared, "{found:#}");
    }
}

#[test]
fn sums_are_compared_where_the_manifest_asks_for_them() {
    let server = Served::new(READY);
    let desk =
        months(&server, &user(&["a", "b"], "2026-09"), &(user(&["a", "b"], "2026-10") + TOTALS));
    lay(&desk, "", 0, "SKU,Q\nA,3.25\nB,1\n"); // fewer rows, and less
    lay(&desk, "", 1, "SKU,Q\nC,10\n"); // fewer rows, and as much
    let found = audit(&desk, &[], 1);
    assert_eq!(told(&found), ["dropped a USER 2026-10: Q 4.25; 2026-09 had Q 10 (57.5 % less)"]);
    // Without the files there are no sums.
    assert_eq!(told(&audit(&desk, &["--no-files"], 0)), [""; 0]);
}

/// An organisation is compared with itself, however either ledger writes its id; `internal` is another report.
#[test]
fn whoever_an_id_means_is_compared() {
    let server = Served::new(READY);
    let uuid = "96abc2aa-3dcc-11e5-a152-fe34819cdc9a";
    let job = |id: &str, period: &str| {
        format!("  - {{ name: j, sub_partners: [{id}], types: [USER], periods: [{period}] }}\n")
    };
    let then =
        job(&partner(uuid), "2026-09") + &partners_with(["i"], "USER", "2026-09", "internal: true");
    let now = job(uuid, "2026-10") + &user(&["i"], "2026-10");
    let desk = months(&server, &then, &now);
    lay(&desk, "", 0, &rows(1));
    lay(&desk, "", 1, &rows(1));
    let found = told(&audit(&desk, &[], 1));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with(&format!("dropped {uuid} USER 2026-10: 1 row; ")), "{found:#?}");
    assert!(found[1].starts_with("vanished i USER 2026-09 internal: "), "{found:#?}");
}

#[test]
fn the_same_ledger_may_hold_the_earlier_month() {
    let server = Served::new(READY);
    let desk = Desk::with(server.url(), &user(&["a", "gone"], "2026-09"));
    desk.converge().expect(0);
    desk.manifest(server.url(), &user(&["a", "b"], "2026-08, 2026-09, 2026-10"));
    desk.converge().expect(0);
    change(&desk, "", |ledger| {
        for place in 0..ledger.lines.len() {
            let october = &ledger.lines[place]["billing_start_date"] == "2026-10-01";
            desk.lay("", ledger, place, &rows(if october { 2 } else { 10 }));
        }
    });
    let beside = |ledger: &str, code| {
        let audit = desk.monthend(["audit", "m.yaml", "--format", "json", "--previous", ledger]);
        told(&audit.expect(code).json())
    };
    let found = beside("m.ledger.csv", 1);
    assert_eq!(
        found,
        [
            "dropped a USER 2026-10: 2 rows; 2026-09 had 10 rows (80 % less)",
            "dropped b USER 2026-10: 2 rows; 2026-09 had 10 rows (80 % less)",
            "vanished gone USER 2026-09: it had a report then (10 rows), and is not in the plan any more",
        ]
    );
    // Compared with itself a month has nothing that ended before it.
    desk.manifest(server.url(), &user(&["a"], "2026-08"));
    assert_eq!(beside("m.ledger.csv", 0), [""; 0]);
}

#[test]
fn the_earlier_ledger_may_be_named_by_its_manifest() {
    let server = Served::new(READY);
    let desk = months(&server, &user(&["a", "gone"], "2026-09"), &user(&["a"], "2026-10"));
    desk.write("then/m.yaml", desk.read("m.yaml").replace("2026-10", "2026-09"));
    let by_ledger = audit(&desk, &[], 1);
    let previous = ["audit", "m.yaml", "--format", "json", "--previous", "then/m.yaml"];
    assert_eq!(desk.monthend(previous).expect(1).json(), by_ledger);
    // The page goes next to the ledger, unless it is told otherwise.
    let written = desk.monthend(["report", "m.yaml", "--compare", "then/m.yaml"]).expect(0);
    assert_eq!(written.stdout, "m.ledger.html\n");
    assert!(desk.read("m.ledger.html").contains("compared with then/m.ledger.csv"));
    let by_variable = desk.monthend(["report"]).env("MONTHEND_MANIFEST", "m.yaml").expect(0);
    assert_eq!(by_variable.stdout, "m.ledger.html\n");
    // Neither manifest is taken for an output.
    let manifest = desk.read("then/m.yaml");
    let page = ["report", "m.yaml", "-o", "then/m.yaml", "--compare", "then/m.yaml"];
    desk.monthend(page).expect(2).says(["--compare"]);
    let junit = ["audit", "m.yaml", "--junit", "then/m.yaml", "--previous", "then/m.yaml"];
    desk.monthend(junit).expect(2).says(["--previous"]);
    assert_eq!(desk.read("then/m.yaml"), manifest);
}

#[test]
fn what_cannot_be_the_earlier_ledger_is_refused() {
    let server = Served::new(READY);
    let desk = months(&server, &user(&["a"], "2026-09"), &user(&["a"], "2026-10"));
    let audit = |args: &[&str]| desk.monthend(["audit", "m.yaml"].iter().chain(args).copied());
    audit(&["--previous", "missing.csv"]).expect(4).says(["there is no ledger at missing.csv"]);
    audit(&["--previous", "then/m.ledger.csv", "--max-drop", "150%"])
        .expect(2)
        .says(["write a percentage from 0% to 100%"]);
    audit(&["--max-drop", "10%"]).expect(2).says(["--previous"]);
    // A real month is not compared with a rehearsal.
    change(&desk, "then/", |ledger| ledger.set(0, &[("report_id", "cmVhbA")]));
    audit(&["--previous", "then/m.ledger.csv"]).expect(4).says(["holds reports of a real server"]);
}
