//! A ledger that is gone while what it led to is still there: nothing is created again, and every message leads to the
//! reports that exist.

use std::fs;

use crate::support::{Desk, Ended, Served, own, partners};

fn jobs() -> String {
    own("PARTNER, USER", "2026-09") + &partners(["Acme", "Bolt"], "CUSTOMER, USER", "2026-09")
}

/// A finished month whose ledger somebody has moved away.
fn world(server: &Served) -> Desk {
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().arg("--collect").expect(0);
    fs::rename(desk.path("m.ledger.csv"), desk.path("moved.csv")).unwrap();
    desk
}

fn served() -> Served {
    Served::new("reports: { completes_after: 0s }")
}

/// The command that a message ends with, as it was typed.
fn suggested(ended: &Ended) -> Vec<String> {
    let line = ended.stderr.trim_end().lines().last().unwrap().trim();
    line.split(' ').skip(1).map(str::to_owned).collect()
}

#[test]
fn a_run_without_the_ledger_of_its_history_is_refused_and_its_advice_recovers_every_report() {
    let server = served();
    let desk = world(&server);
    let made = server.creates().len();
    fs::remove_dir_all(desk.path("m.ledger.reports")).unwrap();
    for quiet in [false, true] {
        let run = desk.converge();
        let run = if quiet { run.arg("-q") } else { run };
        let asked = server.exchanges().len();
        let ended = run
            .expect(4)
            .says(["m.ledger.history.jsonl shows creates of 6 requests"]);
        assert_eq!(server.exchanges().len(), asked, "{ended}");
        assert!(!desk.has("m.ledger.csv"));
    }
    let refused = desk.converge().expect(4);
    let command = suggested(&refused);
    assert_eq!(command, ["run", "m.yaml", "--existing", "adopt"]);
    let adopted = desk.monthend(command).expect(0);
    assert_eq!(server.creates().len(), made, "{adopted}");
    let ids = |name: &str| {
        let ledger = desk.ledger_at(name);
        let ids = ledger.lines.iter();
        ids.map(|line| (line["request_id"].to_owned(), line["report_id"].to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("m.ledger.csv"), ids("moved.csv"));
}

#[test]
fn no_message_about_a_lost_ledger_suggests_a_bare_run() {
    let server = served();
    let desk = world(&server);
    for words in [
        &["retry", "m.yaml"][..],
        &["collect", "m.yaml"],
        &["status", "m.yaml"],
        &["report", "m.yaml", "-o", "page.html"],
        &["status", "m.ledger.csv"],
    ] {
        let ended = desk.monthend(words.iter().copied()).expect(4);
        for line in ended
            .stderr
            .lines()
            .filter(|line| line.contains("monthend run"))
        {
            assert!(line.contains("--existing adopt"), "{ended}");
        }
        assert!(ended.stderr.contains("history.jsonl"), "{ended}");
    }
    let check = desk.monthend(["check", "m.yaml"]).expect(4);
    check.shows(["m.ledger.history.jsonl", "--existing adopt"]);
    desk.plan().expect(0).says(["--existing"]);
}

#[test]
fn collected_files_of_todays_plan_stop_a_run_too_and_those_of_others_do_not() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    desk.converge()
        .args(["--collect", "--output=common"])
        .expect(0);
    // Another month and another partner share the folder.
    let [other, stranger] = ["2026-08", "2026-09"].map(|month| partners(["Cog"], "USER", month));
    desk.manifest(server.url(), &other);
    desk.converge()
        .args(["--ledger=august.csv", "--collect", "--output=common"])
        .expect(0);
    desk.manifest(server.url(), &stranger);
    desk.converge()
        .args(["--ledger=cog.csv", "--collect", "--output=common"])
        .expect(0);
    // Without ledger and history, the files are all that is left.
    desk.manifest(server.url(), &jobs());
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    let made = server.creates().len();
    let run = || desk.converge().args(["--collect", "--output=common"]);
    run().expect(4).says(["common/2026-09/", "is there"]);
    assert_eq!(server.creates().len(), made);
    run().arg("--existing=ignore").expect(0);
    assert!(
        server.creates().len() > made,
        "to ignore them is a decision"
    );
}

/// A history of a run that created nothing proves no ledger.
#[test]
fn a_history_counts_only_if_it_shows_a_create() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    desk.converge()
        .env("WEBEX_ACCESS_TOKEN", "wrong-token")
        .expect(3);
    assert!(desk.has("m.ledger.history.jsonl"));
    let shows = desk.read("m.ledger.history.jsonl").contains("\"attempt\"");
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    desk.converge().expect(if shows { 4 } else { 0 });
    desk.write("n.history.jsonl", "");
    desk.converge().arg("--ledger=n.csv").expect(0);
}

/// The manifest was renamed, and nothing next to the new name tells of the old ledger.
#[test]
fn another_ledger_with_the_same_requests_is_named_even_under_quiet() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().expect(0);
    desk.write("v2.yaml", desk.read("m.yaml"));
    let ended = desk.monthend(["run", "v2.yaml", "-q"]).expect(0);
    ended.says([
        "m.ledger.csv has 6 reports of this plan",
        "--existing adopt",
    ]);
}
