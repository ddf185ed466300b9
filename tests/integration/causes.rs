//! Running again what failed for one reason, and seeing first what that would be.

use crate::support::{Desk, Served, csv_cells, follows, own, partners};

/// Two rows created, three that failed for two reasons.
fn finished() -> (Served, Desk) {
    let server = Served::new("");
    let jobs = own("PARTNER", "2026-09")
        + &partners(["good", "refused-404", "refused-400"], "USER", "2026-09")
        + &partners(["refused-404"], "CUSTOMER", "2026-09").replace("name: partners", "name: more");
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(1);
    (server, desk)
}

fn codes(desk: &Desk) -> Vec<String> {
    let ledger = desk.ledger();
    let codes = ledger.column("error_code").into_iter();
    let codes = codes.filter(|code| !code.is_empty());
    codes.map(str::to_owned).collect()
}

#[test]
fn a_dry_run_shows_what_would_be_sent_and_changes_nothing() {
    let (server, desk) = finished();
    let before = desk.read("m.ledger.csv");
    let (sent, files) = (server.creates().len(), desk.files());
    let dry = || desk.retry().arg("--dry-run").without("WEBEX_ACCESS_TOKEN");
    let csv = csv_cells(&dry().arg("--format=csv").expect(0).stdout);
    assert_eq!(csv.len(), 4);
    let place = |name: &str| csv[0].iter().position(|n| n == name).unwrap();
    for record in &csv[1..] {
        assert_eq!(record[place("action")], "send");
        assert!(!record[place("error_code")].is_empty(), "{record:?}");
    }
    let json = dry().env("MONTHEND_FORMAT", "json").expect(0).json();
    follows("plan", &json);
    assert_eq!((json["manifest"].as_str(), &json["requests"]), (Some("test"), &3.into()));
    dry().expect(0).shows(["a retry would send 3", "3 failed before"]);
    let cause = codes(&desk)[0].clone();
    let one = dry().arg("--cause").arg(&cause).arg("--format=json").expect(0).json();
    let rows = one["rows"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["error_code"] == *cause), "{one}");
    assert_eq!(server.creates().len(), sent);
    assert_eq!((desk.read("m.ledger.csv"), desk.files()), (before, files));
    // It is an option of the dry run.
    desk.retry().arg("--format=csv").expect(2).says(["--dry-run"]);
}

#[test]
fn a_cause_selects_the_rows_that_failed_for_it() {
    let (_server, desk) = finished();
    let count = |code: &str| codes(&desk).iter().filter(|c| *c == code).count();
    let (all, first) = (codes(&desk).len(), codes(&desk)[0].clone());
    let of_first = count(&first);
    assert!(of_first > 0 && of_first < all);
    let counted = desk.status().args(["--cause", &first, "--format=json"]).expect(0);
    assert_eq!(counted.json()["total"], of_first);
    desk.retry()
        .args(["--cause", "http_4"])
        .expect(2)
        .says(["--cause http_4 matches nothing", "did you mean"]);

    let fixed = Served::new("fixed: true");
    desk.manifest(fixed.url(), &own("PARTNER", "2026-09"));
    desk.retry().args(["--cause", &first]).expect(0);
    assert_eq!(fixed.creates().len(), of_first);
    assert_eq!(codes(&desk).len(), all - of_first);
    desk.plan().expect(0);
    desk.retry().expect(0);
    assert_eq!(codes(&desk), [""; 0]);
    desk.retry().expect(0).says(["nothing to retry", "created by `monthend run`"]);
}

#[test]
fn a_plan_says_which_rows_failed_before() {
    let (_server, desk) = finished();
    desk.plan().expect(0).shows(["a run would send 3", "3 failed before: "]);
    let json = desk.plan().arg("--format=json").expect(0).json();
    let rows = json["rows"].as_array().unwrap();
    let failed = rows.iter().filter(|row| !row["error_code"].is_null());
    assert_eq!(failed.count(), 3);
}
