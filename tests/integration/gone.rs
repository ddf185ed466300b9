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
        let ended = run.expect(4).says(["m.ledger.history.jsonl shows creates of 6 requests"]);
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
        for line in ended.stderr.lines().filter(|line| line.contains("monthend run")) {
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
    desk.converge().args(["--collect", "--output=common"]).expect(0);
    // Another month and another partner share the folder.
    let [other, stranger] = ["2026-08", "2026-09"].map(|month| partners(["Cog"], "USER", month));
    desk.manifest(server.url(), &other);
    desk.converge().args(["--ledger=august.csv", "--collect", "--output=common"]).expect(0);
    desk.manifest(server.url(), &stranger);
    desk.converge().args(["--ledger=cog.csv", "--collect", "--output=common"]).expect(0);
    // Without ledger and history, the files are all that is left.
    desk.manifest(server.url(), &jobs());
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    let made = server.creates().len();
    let run = || desk.converge().args(["--collect", "--output=common"]);
    run().expect(4).says(["common/2026-09/", "is there"]);
    assert_eq!(server.creates().len(), made);
    run().arg("--existing=ignore").expect(0);
    assert!(server.creates().len() > made, "to ignore them is a decision");
}

/// Ledger and history are gone: the files are enough for every command.
#[test]
fn files_alone_are_noticed_wherever_they_count() {
    let server = served();
    let desk = world(&server);
    fs::remove_file(desk.path("moved.csv")).unwrap();
    fs::remove_file(desk.path("m.ledger.history.jsonl")).unwrap();
    let adopt = "run m.yaml --existing adopt";
    desk.monthend(["status", "m.yaml"]).expect(4).says([adopt]);
    desk.converge().expect(4).says([adopt]);
    desk.monthend(["check", "m.yaml"]).expect(4).shows(["5 more collected files"]);
    desk.plan().expect(0).says(["5 more collected files"]);
    desk.monthend(["audit", "m.yaml", "--offline"]).expect(1).shows([adopt]);
    // An empty file in its place knows nothing either.
    desk.write("m.ledger.csv", "");
    desk.monthend(["status", "m.yaml"]).expect(4).says(["--existing adopt"]);
}

/// A history of a run that created nothing proves no ledger.
#[test]
fn a_history_counts_only_if_it_shows_a_create() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().env("WEBEX_ACCESS_TOKEN", "wrong-token").expect(3);
    assert!(desk.has("m.ledger.history.jsonl"));
    let shows = desk.read("m.ledger.history.jsonl").contains("\"attempt\"");
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    desk.converge().expect(if shows { 4 } else { 0 });
    desk.write("n.history.jsonl", "");
    desk.converge().arg("--ledger=n.csv").expect(0);
}

/// An older copy of the ledger, or a new one of another selection, is no licence to create what the history names.
#[test]
fn a_ledger_that_knows_less_than_its_history_is_refused_wherever_it_counts() {
    let server = served();
    for keep in [1, 2, 4] {
        let desk = Desk::with(server.url(), &jobs());
        desk.converge().expect(0);
        let whole = desk.read("m.ledger.csv");
        let lines: Vec<&str> = whole.lines().take(keep).collect();
        desk.write("m.ledger.csv", lines.join("\n") + "\n");
        let made = server.creates().len();
        let lost = format!("m.ledger.history.jsonl shows creates of {}", 7 - keep);
        desk.converge().expect(4).says([lost.as_str(), "--existing adopt"]);
        desk.plan().expect(0).says([lost.as_str()]);
        desk.monthend(["status", "m.yaml"]).expect(0).says([lost.as_str()]);
        let check = desk.monthend(["check", "m.yaml"]).expect(4);
        check.shows([lost.as_str()]);
        let audit = desk.monthend(["audit", "m.yaml", "--offline", "--no-files"]).expect(1);
        audit.says([lost.as_str()]).shows(["m.yaml --existing adopt"]);
        // What is selected is known, or the history has nothing of it.
        desk.converge().arg("--job=own").expect(if keep == 4 { 0 } else { 4 });
        assert_eq!(server.creates().len(), made);
        let refused = desk.converge().expect(4);
        desk.monthend(suggested(&refused)).expect(0);
        assert_eq!(server.creates().len(), made);
        assert_eq!(desk.read("m.ledger.csv").lines().count(), 7);
    }
}

/// The row of an older copy is there, and has failed.
#[test]
fn a_row_that_failed_before_its_report_was_created_is_not_sent_again() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, tries: 1 }, then: [{ kind: status, status: 400 }] }]",
    );
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.converge().expect(1);
    let older = desk.read("m.ledger.csv");
    desk.monthend(["retry", "m.yaml"]).expect(0);
    desk.write("m.ledger.csv", older);
    for words in [["run", "m.yaml"], ["retry", "m.yaml"]] {
        let refused = desk.monthend(words).expect(4);
        assert_eq!(suggested(&refused), ["run", "m.yaml", "--existing", "adopt"]);
    }
    let id = desk.ledger().lines[0]["request_id"].to_owned();
    desk.converge().arg("--existing=adopt").expect(0);
    // A report that a person had discarded is no reason to refuse.
    let discard = ["resolve", "m.ledger.csv", "--resend", "--replace", "--no-history"];
    desk.monthend(discard).args(["--request", &id]).expect(0);
    desk.converge().expect(0);
}

/// Somebody wants a report again, and edits the row of a collected one by hand: the history still knows the report.
#[test]
fn a_collected_row_that_was_set_back_by_hand_is_not_sent_again() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().arg("--collect").expect(0);
    let made = server.creates().len();
    let mut ledger = desk.ledger();
    ledger.set(2, &[("status", "pending"), ("report_id", "")]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let refused = desk.converge().expect(4).says(["history.jsonl shows creates of 1 request"]);
    desk.monthend(suggested(&refused)).expect(0);
    assert_eq!(server.creates().len(), made);
}

/// A column that a spreadsheet sorted without the others: the figures of one would be collected as another's.
#[test]
fn reports_in_the_rows_of_others_are_not_collected() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    let ids = [2, 4].map(|place: usize| ledger.lines[place]["report_id"].to_owned());
    ledger.set(2, &[("report_id", &ids[1])]);
    ledger.set(4, &[("report_id", &ids[0])]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let said =
        ["2 rows with a report that the history gives to another row", "Acme CUSTOMER 2026-09"];
    for command in [&["collect"][..], &["run", "--collect"], &["audit"], &["close"]] {
        desk.monthend(command.iter().copied()).arg("m.yaml").expect(4).says(said);
    }
    assert!(!desk.has("m.ledger.reports/2026-09"));
    // As the message says.
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    desk.converge().args(["--existing", "adopt", "--collect"]).expect(0);
    desk.monthend(["audit", "m.yaml"]).expect(0);
}

#[test]
fn shares_that_nobody_has_merged_are_named_with_the_command_that_merges_them() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    for number in 1..=3 {
        desk.converge().arg(format!("--partition={number}/3")).expect(0);
    }
    let made = server.creates().len();
    assert_eq!(made, 6);
    let merge = "monthend merge m.ledger.1-of-3.csv m.ledger.2-of-3.csv m.ledger.3-of-3.csv -o m.ledger.csv";
    for words in [&["status", "m.yaml"][..], &["retry", "m.yaml"], &["run", "m.yaml"]] {
        desk.monthend(words.iter().copied()).expect(4).says([merge]);
    }
    desk.monthend(["check", "m.yaml"]).expect(4).shows([merge]);
    desk.plan().expect(0).says(["monthend merge"]);
    desk.monthend(["audit", "m.yaml", "--offline"]).expect(1).shows([merge]);
    desk.converge().arg("--partition=1/2").expect(4).says(["-o m.ledger.1-of-2.csv"]);
    desk.monthend(merge.split(' ').skip(1)).expect(0);
    desk.converge().expect(0);
    // A whole ledger followed by a share.
    desk.converge().arg("--partition=2/4").expect(4).says(["monthend merge m.ledger"]);
    assert_eq!(server.creates().len(), made);
    // Another month has other requests.
    desk.manifest(server.url(), &own("USER", "2026-08"));
    desk.converge().arg("--partition=1/1").expect(0);
}

/// The manifest was renamed, and nothing next to the new name tells of the old ledger.
#[test]
fn another_ledger_with_the_same_requests_is_named_even_under_quiet() {
    let server = served();
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().expect(0);
    desk.write("v2.yaml", desk.read("m.yaml"));
    let run = || desk.monthend(["run", "v2.yaml", "-q"]);
    // A copy of the manifest may be meant.
    let said = "m.ledger.csv has 6 reports of this plan";
    let ended = run().arg("--dry-run").expect(0);
    ended.says([said, "--existing adopt"]);
    fs::remove_file(desk.path("m.yaml")).unwrap();
    let ended = run().expect(4).says([said, "--existing adopt"]);
    desk.monthend(suggested(&ended)).expect(0);
    run().expect(0);
    assert_eq!(server.creates().len(), 6);
    // Who names another ledger may mean it.
    let meant = run().arg("--ledger=again.csv").expect(0);
    meant.says(["v2.ledger.csv has 6 reports of this plan", "--existing adopt"]);
    assert_eq!(server.creates().len(), 12);
}
