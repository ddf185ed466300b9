//! Ledgers that people opened, changed and saved.

use crate::support::{Desk, Served, csv_cells, own, partner, partners, to_csv};

fn jobs() -> String {
    own("PARTNER", "2026-09") + &partners(["good", "refused-404", "-1+1"], "USER", "2026-09")
}

fn finished() -> (Served, Desk) {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().expect(1);
    (server, desk)
}

/// A run takes the ledger as it lies there: it sends the one row that failed again, and keeps all four.
fn goes_on(server: &Served, desk: &Desk) {
    let sent = server.creates().len();
    desk.converge().expect(1);
    assert_eq!(server.creates().len(), sent + 1);
    desk.ledger().at_rest(4);
}

#[test]
fn what_a_spreadsheet_saves_works_on() {
    let (server, desk) = finished();
    let original = desk.read("m.ledger.csv");
    let mut records = csv_cells(&original);
    for record in &mut records[1..] {
        // As a spreadsheet shows truth values.
        record[7] = record[7].to_uppercase();
    }
    let saved = format!("\u{feff}{}", to_csv(&records, "\r\n"));
    desk.write("m.ledger.csv", &saved);
    desk.status().expect(0).shows(["4 rows"]);
    assert_eq!(desk.read("m.ledger.csv"), saved, "status only reads");
    let sent = server.creates().len();
    desk.converge().expect(1);
    assert_eq!(server.creates().len(), sent + 1, "only the failed one");
    let text = desk.read("m.ledger.csv");
    assert!(!text.contains('\r') && !text.starts_with('\u{feff}'), "at rest in its own form again");
    let ledger = desk.ledger().at_rest(4);
    let before = csv_cells(&original);
    for (place, name) in before[0].iter().enumerate() {
        if !["attempts", "updated_at", "tracking_id"].contains(&name.as_str()) {
            let cells: Vec<&str> =
                before[1..].iter().map(|record| record[place].as_str()).collect();
            assert_eq!(ledger.column(name), cells, "{name}");
        }
    }
}

/// A note on separators and empty lines before the header are no damage; what is damaged further down has the line where
/// it stands.
#[test]
fn what_stands_before_the_header_is_passed_over() {
    let (server, desk) = finished();
    let original = desk.read("m.ledger.csv");
    let semicolons = to_csv(&csv_cells(&original), "\r\n").replace(',', ";");
    for saved in [
        format!("sep=,\r\n{original}"),
        format!("\u{feff}\r\n,,,\r\n{original}"),
        format!("\u{feff}\"sep=;\"\r\n\r\n{semicolons}"),
    ] {
        desk.write("m.ledger.csv", &saved);
        desk.status().expect(0).shows(["4 rows"]);
        goes_on(&server, &desk);
    }
    let broken = desk.read("m.ledger.csv").replacen("created", "made", 1);
    desk.write("m.ledger.csv", format!("sep=,\n\n{broken}"));
    let line = 3 + broken.lines().position(|line| line.contains("made")).unwrap();
    desk.status().expect(4).says([&*format!("m.ledger.csv:{line}:")]);
}

#[test]
fn lines_with_fewer_cells_and_blank_lines_are_no_damage() {
    let (server, desk) = finished();
    let lines: Vec<String> = desk
        .read("m.ledger.csv")
        .lines()
        .map(|line| line.trim_end_matches(',').to_owned())
        .collect();
    desk.write("m.ledger.csv", lines.join("\n\n") + "\n\n\n");
    goes_on(&server, &desk);
}

#[test]
fn notes_in_further_columns_are_kept() {
    let (_server, desk) = finished();
    let mut records = csv_cells(&desk.read("m.ledger.csv"));
    let notes = ["asked Anna", "=SUM(A1:A9)", "a, \"b\"\nc", ""];
    records[0].extend(["notes".to_owned(), "checked".to_owned()]);
    for (record, note) in records[1..].iter_mut().zip(notes) {
        record.extend([note.to_owned(), "x".to_owned()]);
    }
    desk.write("m.ledger.csv", to_csv(&records, "\r\n"));
    desk.retry().expect(1);
    desk.manifest("https://unused.example", &jobs());
    let fixed = Served::new("fixed: true");
    desk.manifest(
        fixed.url(),
        &(jobs() + &own("USER", "2026-08").replace("name: own", "name: more")),
    );
    desk.converge().expect(0);
    let ledger = desk.ledger().at_rest(5);
    assert!(ledger.header.ends_with(&["notes".to_owned(), "checked".to_owned()]));
    let notes = ["asked Anna", "'=SUM(A1:A9)", "a, \"b\"\nc", "", ""];
    assert_eq!(ledger.column("notes"), notes, "what would run as a formula is text");
    assert_eq!(ledger.column("checked"), ["x", "x", "x", "x", ""]);
}

#[test]
fn labels_that_a_spreadsheet_would_run_are_text_and_still_labels() {
    let (_server, desk) = finished();
    let ledger = desk.ledger().at_rest(4);
    assert_eq!(ledger.lines[3]["sub_partner"], *"'-1+1");
    let counted = desk.status().arg("--format=json").arg("--sub-partner=-1+1").expect(0).json();
    assert_eq!(counted["total"], 1);
}

#[test]
fn columns_that_an_older_version_did_not_write_are_added() {
    let (server, desk) = finished();
    let mut records = csv_cells(&desk.read("m.ledger.csv"));
    for record in &mut records {
        record.truncate(16);
        // Neither job nor label either.
        record.drain(1..3);
    }
    desk.write("m.ledger.csv", to_csv(&records, "\n"));
    goes_on(&server, &desk);
}

#[test]
fn columns_may_stand_in_another_order() {
    let (server, desk) = finished();
    let mut records = csv_cells(&desk.read("m.ledger.csv"));
    for record in &mut records {
        record.reverse();
    }
    desk.write("m.ledger.csv", to_csv(&records, "\n"));
    goes_on(&server, &desk);
}

#[test]
fn rows_that_a_person_sorted_are_put_back_in_plan_order() {
    let (_server, desk) = finished();
    let mut ledger = desk.ledger();
    let order: Vec<String> = ledger.column("request_id").into_iter().map(str::to_owned).collect();
    ledger.lines.reverse();
    desk.write("m.ledger.csv", ledger.to_csv());
    desk.converge().expect(1);
    assert_eq!(desk.ledger().at_rest(4).column("request_id"), order);
}

#[test]
fn a_row_that_a_person_removed_is_made_again_only_by_run() {
    let (server, desk) = finished();
    let mut ledger = desk.ledger();
    ledger.lines.remove(1);
    desk.write("m.ledger.csv", ledger.to_csv());
    let sent = server.creates().len();
    desk.retry().expect(1);
    assert_eq!(server.creates().len(), sent + 1, "the failed one");
    desk.ledger().at_rest(3);
    // The history has its report, so a person says that another one is meant.
    desk.converge().expect(4).says(["shows creates of 1 request"]);
    desk.converge().arg("--existing=ignore").expect(1);
    assert_eq!(server.creates().len(), sent + 3, "the failed one, and the one that is gone");
    desk.ledger().at_rest(4);
}

/// As a spreadsheet of another country saves it: other separators, days in its own form.
fn saved_abroad(text: &str, separator: &str, day: impl Fn(&str, &str, &str) -> String) -> String {
    let records = csv_cells(text);
    let lines = records.iter().enumerate().map(|(number, record)| {
        let cells = record.iter().enumerate().map(|(place, cell)| {
            let is_day = number > 0 && (place == 5 || place == 6);
            let parts: Vec<&str> = cell.split('-').collect();
            let cell = match parts[..] {
                [year, month, of_month] if is_day => day(year, month, of_month),
                _ => cell.clone(),
            };
            format!("\"{}\"", cell.replace('"', "\"\""))
        });
        cells.collect::<Vec<_>>().join(separator)
    });
    lines.map(|line| line + "\r\n").collect()
}

#[test]
fn a_ledger_from_another_country_is_read_and_written_in_its_own_form_again() {
    for (separator, german) in [(";", true), ("\t", false)] {
        let (server, desk) = finished();
        let original = desk.read("m.ledger.csv");
        let saved = saved_abroad(&original, separator, |year, month, day| {
            if german {
                format!("{day}.{month}.{year}")
            } else {
                format!("{}/{}/{}", month.trim_start_matches('0'), day, &year[2..])
            }
        });
        assert!(!saved.contains("2026-09-01"), "{saved}");
        desk.write("m.ledger.csv", &saved);
        let status = desk.status().expect(0);
        status.shows(["4 rows"]).says([
            "m.ledger.csv: a spreadsheet has saved it",
            "billing_start_date on line 2",
            "the next run",
        ]);
        desk.plan().expect(0).says(["a spreadsheet has saved it"]);
        assert_eq!(desk.read("m.ledger.csv"), saved, "these only read");
        let sent = server.creates().len();
        desk.converge().expect(1).says(["with commas and ISO dates again"]);
        assert_eq!(server.creates().len(), sent + 1, "only the failed one");
        let ledger = desk.ledger().at_rest(4);
        let before = csv_cells(&original);
        for (place, name) in before[0].iter().enumerate() {
            if !["attempts", "updated_at", "tracking_id"].contains(&name.as_str()) {
                let cells: Vec<&str> = before[1..].iter().map(|r| r[place].as_str()).collect();
                assert_eq!(ledger.column(name), cells, "{name}");
            }
        }
        let again = desk.status().expect(0);
        assert!(again.stderr.is_empty(), "{again}");
    }
}

#[test]
fn a_date_that_cannot_be_is_refused_with_its_line() {
    let (server, desk) = finished();
    let text = desk.read("m.ledger.csv").replacen("2026-09-30", "29.09.2026", 2);
    desk.write("m.ledger.csv", &text);
    let sent = server.creates().len();
    for command in [desk.status(), desk.plan(), desk.converge(), desk.retry()] {
        command.expect(4).says(["m.ledger.csv:2: ", "29.09.2026", "format yyyy-mm-dd"]);
    }
    assert_eq!(server.creates().len(), sent);
    assert_eq!(desk.read("m.ledger.csv"), text);
}

#[test]
fn a_partners_file_from_a_spreadsheet_is_read() {
    let server = Served::new("");
    let jobs =
        "  - { name: file, types: [USER], periods: [2026-09], sub_partners: [{ file: p.csv }] }\n";
    let desk = Desk::with(server.url(), jobs);
    let (a, b) = (partner("a"), partner("b"));
    desk.write(
        "p.csv",
        format!("\u{feff}org_id;label;notes\r\n{a};\"Acme; Inc\";call them\r\n;;\r\n{b};own;\r\n"),
    );
    desk.converge().expect(0).says(["org_id and label", "notes in p.csv"]);
    let ledger = desk.ledger().at_rest(2);
    assert_eq!(ledger.column("sub_partner"), ["Acme; Inc", "own"]);
    desk.write(
        "p.csv",
        format!("sep=;\r\n\r\nOrg_ID;Label\r\n=\"{a}\";\"Acme\n Inc\"\r\n'{b};own\r\n"),
    );
    let plan = desk.plan().arg("--format=csv").expect(0);
    let cells = csv_cells(&plan.stdout);
    let column = |name: &str| cells[0].iter().position(|cell| cell == name).unwrap();
    let (id, label) = (column("sub_partner_org_id"), column("sub_partner"));
    let read: Vec<_> = cells[1..].iter().map(|row| (&*row[id], &*row[label])).collect();
    assert_eq!(read, [(&*a, "Acme Inc"), (&*b, "own")]);
    desk.write("p.csv", "org_id,label\n=CONCAT(A1;B1),X\n");
    desk.plan().expect(2).says(["p.csv:2:1", "formula", "format text"]);
    desk.write("p.csv", "org_id,label\n1.23E+10,X\n");
    desk.plan().expect(2).says(["p.csv:2:1", "1.23E+10", "format text"]);
}
