//! `--combine`: one file of all collected rows of a type.

use std::fs;

use crate::support::{Desk, Served, csv_cells, own, partner, partners};

const LEADING: [&str; 5] = [
    "sub_partner",
    "sub_partner_org_id",
    "period_start",
    "period_end",
    "internal",
];

#[test]
fn every_row_of_every_collected_file_is_in_the_file_of_its_type() {
    let server = Served::new("reports: { completes_after: 0s }");
    let jobs = own("USER", "2026-09") + &partners(["=a", "b"], "CUSTOMER, USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    let ended = desk
        .converge()
        .arg("--collect")
        .arg("--combine")
        .arg("all.csv")
        .expect(0);
    assert!(ended.stderr.contains("USER"), "{ended}");
    assert!(!desk.has("all.csv"));
    let ledger = desk.ledger();
    for (name, report_type, files) in [
        ("all-customer.csv", "CUSTOMER", 2),
        ("all-user.csv", "USER", 3),
    ] {
        let combined = csv_cells(&desk.read(name));
        assert_eq!(combined[0][..5], LEADING);
        let mut expected = Vec::new();
        let lines = ledger
            .lines
            .iter()
            .filter(|line| &line["type"] == report_type);
        assert_eq!(lines.clone().count(), files);
        for line in lines {
            let file = csv_cells(&desk.read(&line["report_file"]));
            assert_eq!(combined[0][5..], file[0], "they have the same columns");
            for row in &file[1..] {
                // As the ledger has it, with the apostrophe before `=a`.
                let mut cells = vec![
                    line["sub_partner"].to_owned(),
                    line["sub_partner_org_id"].to_owned(),
                ];
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
    let again = desk.monthend([
        "collect",
        "m.yaml",
        "--type",
        "USER",
        "--combine",
        "all.csv",
    ]);
    again.expect(0);
    assert_eq!(desk.read("all.csv"), users);
}

#[test]
fn a_file_that_cannot_be_written_is_known_before_anything_is_sent() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    fs::create_dir(desk.path("folder")).unwrap();
    for file in ["no/such/folder/all.csv", "folder"] {
        let ended = desk
            .converge()
            .arg("--collect")
            .arg("--combine")
            .arg(file)
            .expect(2);
        assert!(ended.stderr.contains(file), "{ended}");
    }
    assert_eq!(server.creates().len(), 0);
}
