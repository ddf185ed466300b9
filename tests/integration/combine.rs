//! `--combine`: one file of all collected rows of a type.

use std::fs;

use crate::support::{Desk, Ended, LedgerFile, Served, csv_cells, own, partner, partners};

const LEADING: [&str; 5] =
    ["sub_partner", "sub_partner_org_id", "period_start", "period_end", "internal"];

#[test]
fn every_row_of_every_collected_file_is_in_the_file_of_its_type() {
    let server = Served::new("reports: { completes_after: 0s }");
    let jobs = own("USER", "2026-09") + &partners(["=a", "b"], "CUSTOMER, USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    let ended = desk.converge().arg("--collect").arg("--combine").arg("all.csv").expect(0);
    assert!(ended.stderr.contains("USER"), "{ended}");
    assert!(!desk.has("all.csv"));
    let ledger = desk.ledger();
    for (name, report_type, files) in
        [("all-customer.csv", "CUSTOMER", 2), ("all-user.csv", "USER", 3)]
    {
        let combined = csv_cells(&desk.read(name));
        assert_eq!(combined[0][..5], LEADING);
        let mut expected = Vec::new();
        let lines = ledger.lines.iter().filter(|line| &line["type"] == report_type);
        assert_eq!(lines.clone().count(), files);
        for line in lines {
            let file = csv_cells(&desk.read(&line["report_file"]));
            assert_eq!(combined[0][5..], file[0], "they have the same columns");
            for row in &file[1..] {
                // As the ledger has it, with the apostrophe before `=a`.
                let mut cells =
                    vec![line["sub_partner"].to_owned(), line["sub_partner_org_id"].to_owned()];
                cells.extend(["2026-09-01", "2026-09-30", "false"].map(str::to_owned));
                cells.extend(row.clone());
                expected.push(cells);
            }
        }
        assert_eq!(combined[1..], expected);
    }
    let users = desk.read("all-user.csv");
    assert!(users.contains(&partner("b")), "{users}");

    // One type is one file, and what is there is replaced.
    desk.write("all.csv", "earlier");
    let again = desk.monthend(["collect", "m.yaml", "--type", "USER", "--combine", "all.csv"]);
    again.expect(0);
    assert_eq!(desk.read("all.csv"), users);
}

#[test]
fn a_file_that_cannot_be_written_is_known_before_anything_is_sent() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    fs::create_dir(desk.path("folder")).unwrap();
    for file in ["no/such/folder/all.csv", "folder"] {
        let ended = desk.converge().arg("--collect").arg("--combine").arg(file).expect(2);
        assert!(ended.stderr.contains(file), "{ended}");
    }
    assert_eq!(server.creates().len(), 0);
}

/// The command that a summary ends with, as its words.
fn suggested(ended: &Ended) -> Vec<String> {
    let line = ended.stdout.trim_end().lines().last().unwrap().trim();
    line.split(' ').skip(1).map(str::to_owned).collect()
}

/// The ledger has an earlier month, and a partner that was there by mistake: whichever command writes the file, the rows
/// are those of the plan.
#[test]
fn every_command_puts_the_same_rows_into_the_file() {
    let slow = Served::new("reports: { completes_after: 1h }");
    let server = Served::new("reports: { completes_after: 0s }");
    let jobs = |names: &[&'static str]| {
        own("USER", "previous-month") + &partners(names.iter().copied(), "USER", "previous-month")
    };
    let desk = Desk::with(server.url(), &jobs(&["a", "mistake"]));
    let as_of = |day: &str| format!("--as-of={day}");
    desk.converge().args(["--collect", &as_of("2026-09-02")]).expect(0);
    desk.manifest(server.url(), &jobs(&["a", "b"]));
    let run = || {
        let run = desk.converge();
        run.args(["--collect", "--combine=fin.csv", &as_of("2026-10-02")])
    };
    // Nothing is ready yet: the command that is printed does the rest.
    desk.manifest(slow.url(), &jobs(&["a", "b"]));
    let ended = run().arg("--wait=0s").expect(1);
    assert!(!desk.has("fin.csv"), "{ended}");
    let command = suggested(&ended);
    assert!(command.join(" ").ends_with("--as-of 2026-10-02"), "{ended}");
    desk.manifest(server.url(), &jobs(&["a", "b"]));
    let mut copy = LedgerFile::read(&desk.path("m.ledger.csv"));
    copy.lines.retain(|line| line["billing_start_date"] == *"2026-08-01");
    desk.write("m.ledger.csv", copy.to_csv());
    let first = run().arg("--existing=ignore").expect(0);
    let rows = desk.read("fin.csv");
    assert!(rows.contains("2026-09-01") && !rows.contains("2026-08-01"), "{first}");
    assert!(!rows.contains("mistake"));
    let ended = desk.monthend(command).expect(0);
    ended.says(["--combine leaves out 3 reports that the plan does not have", "mistake"]);
    assert_eq!(desk.read("fin.csv"), rows);
    let day = as_of("2026-10-02");
    let again = ["--collect", "--combine=fin.csv", &day];
    desk.retry().args(again).expect(0);
    assert_eq!(desk.read("fin.csv"), rows);
    // A selection that names nothing else means the rows that are left over.
    let earlier = ["collect", "m.yaml", "--combine=august.csv", "--period=2026-08", &day];
    desk.monthend(earlier).expect(0);
    let august = desk.read("august.csv");
    assert!(august.contains("mistake") && !august.contains("2026-09-01"));
    // Plan and run say that there are more rows.
    for command in [desk.plan().arg(&day), desk.converge().arg(&day)] {
        command.expect(0).says(["the ledger has 3 rows that the plan does not have", "mistake"]);
    }
}

#[test]
fn a_file_that_lacks_reports_says_so_and_an_old_one_does_not_stay() {
    let server = Served::new("reports: { completes_after: 0s, never_done_for: [bolt] }");
    let desk = Desk::with(server.url(), &partners(["acme", "bolt"], "USER", "2026-09"));
    let collect = |words: &[&str]| {
        let words = ["collect", "m.yaml", "--wait=0s", "-q"].iter().chain(words);
        desk.monthend(words.copied())
    };
    desk.converge().expect(0);
    let ended = collect(&["--combine=fin.csv"]).expect(1);
    ended.says(["fin.csv is incomplete: 1 of 2 reports are missing"]);
    assert_eq!(csv_cells(&desk.read("fin.csv"))[1][0], "acme");
    // Of this selection nothing is there: the file would pass for its own.
    let before = desk.read("fin.csv");
    let ended = collect(&["--combine=fin.csv", "--sub-partner=bolt"]).expect(1);
    ended.says(["fin.csv was from an earlier run; it is now fin.csv.old"]);
    assert!(!desk.has("fin.csv"));
    assert_eq!(desk.read("fin.csv.old"), before);
    // Nor is a file of that name lost, nor what a link of that name leads to.
    std::os::unix::fs::symlink("nowhere", desk.path("fin.csv.old-1")).unwrap();
    desk.write("fin.csv", "mine");
    let ended = collect(&["--combine=fin.csv", "--sub-partner=bolt"]).expect(1);
    ended.says(["it is now fin.csv.old-2"]);
    assert_eq!(desk.read("fin.csv.old"), before);
    assert_eq!(desk.read("fin.csv.old-2"), "mine");
}

/// One type is one file, two are two: whichever is written, none of the others passes for new.
#[test]
fn files_of_other_types_do_not_stay_either() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &partners(["acme"], "CUSTOMER, USER", "2026-09"));
    let run = |words: &[&str]| {
        let all = desk.converge().args(["--collect", "--combine=all.csv"]);
        all.args(words.iter().copied()).expect(0)
    };
    desk.write("all-partner.csv", "notes,of,mine\n");
    run(&[]);
    assert!(desk.has("all-user.csv") && desk.has("all-customer.csv") && !desk.has("all.csv"));
    run(&["--type=USER"]).says(["all-user.csv was from an earlier run"]);
    assert!(desk.has("all.csv") && desk.has("all-user.csv.old") && !desk.has("all-user.csv"));
    run(&[]);
    assert!(!desk.has("all.csv") && desk.has("all.csv.old"));
    assert_eq!(desk.read("all-partner.csv"), "notes,of,mine\n");
}
