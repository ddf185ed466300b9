//! `units`: usage by group, divided and rounded; and what workbooks hold.

use std::{collections::BTreeMap, fs};

use calamine::{Data, Reader as _, Xlsx, open_workbook};
use serde_json::Value;

use crate::support::{Desk, Served, follows, partners};

const READY: &str = "reports: { completes_after: 0s }";
const PERIODS: &str = "2026-02, 2026-09, { start: 2026-10-01, end: 2026-10-15 }";
const UNITS: &str = "units: { of: CONSUMPTION, report: CUSTOMER, at: [CUSTOMER_ID, SKU] }\n";
const FILE: &str = "CUSTOMER_ID,SKU,CONSUMPTION,SEAT\n\
    c1,A,10,001\nc1,A,20,002\nc2,A,31,=1+1\nc3,B,10,003\n=c4,B,-10.5,004\n";

/// Acme with the same file in a month of 28 days, one of 30 and half a month.
fn desk(server: &Served, sections: &str) -> Desk {
    let desk = Desk::with(server.url(), &(partners(["Acme"], "CUSTOMER", PERIODS) + sections));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    (0..3).for_each(|place| desk.lay("", &mut ledger, place, FILE));
    desk.write("m.ledger.csv", ledger.to_csv());
    desk
}

fn sections(desk: &Desk, server: &Served, sections: &str) {
    desk.manifest(server.url(), &(partners(["Acme"], "CUSTOMER", PERIODS) + sections));
}

fn units(desk: &Desk, args: &[&str], code: i32) -> Value {
    let command = desk.monthend(["units", "m.yaml", "--format", "json"]);
    let json = command.without("WEBEX_ACCESS_TOKEN").args(args.to_vec()).expect(code).json();
    follows("units", &json);
    assert_eq!(json["exit_code"], code);
    json
}

fn sheets(desk: &Desk, name: &str) -> BTreeMap<String, Vec<Vec<Data>>> {
    let mut book: Xlsx<_> = open_workbook(desk.path(name)).unwrap();
    let sheets = book.worksheets().into_iter();
    sheets.map(|(name, it)| (name, it.rows().map(<[Data]>::to_vec).collect())).collect()
}

fn shown(cell: &Data) -> String {
    match cell {
        Data::DateTime(day) => format!("day {}", day.as_datetime().unwrap().date()),
        Data::Float(number) => format!("number {number}"),
        Data::String(text) => text.clone(),
        Data::Empty => String::new(),
        other => panic!("{other:?}"),
    }
}

fn row(cells: &[Data]) -> Vec<String> {
    cells.iter().map(shown).collect()
}

#[test]
fn each_group_of_a_request_is_divided_by_its_days_and_rounded() {
    let server = Served::new(READY);
    let desk = desk(&server, UNITS);
    let (files, sent) = (desk.files(), server.exchanges().len());
    let json = units(&desk, &[], 0);
    let groups = json["units"].as_array().unwrap();
    let figures = |key: &str| -> Vec<&str> {
        groups.iter().map(|group| group[key].as_str().unwrap()).collect()
    };
    assert_eq!(groups.len(), 12);
    assert_eq!(figures("usage")[..4], ["-10.5", "30", "31", "10"]);
    assert_eq!(figures("divisor"), [["28"; 4], ["30"; 4], ["15"; 4]].concat());
    assert_eq!(figures("exact")[..4], ["-0.375", "1.071429", "1.107143", "0.357143"]);
    assert_eq!(figures("units"), ["0", "2", "2", "1", "0", "1", "2", "1", "0", "2", "3", "1"]);
    assert_eq!(groups[0]["group"]["CUSTOMER_ID"], "=c4");
    assert_eq!(groups[0]["sub_partner"], "Acme");
    let september = &json["totals"][1];
    for (key, figure) in [
        ("period_start", "2026-09-01"),
        ("usage", "60.5"),
        ("exact", "2.016667"),
        ("units", "4"),
        ("rounding", "1.983333"),
    ] {
        assert_eq!(september[key], figure, "{key}");
    }
    assert_eq!((&september["groups"], &september["rounded"]), (&4.into(), &3.into()));
    assert_eq!(
        (desk.files(), server.exchanges().len()),
        (files, sent),
        "nothing is asked or written"
    );

    let table = desk.monthend(["units", "m.yaml", "--period", "2026-09"]).expect(0);
    insta::assert_snapshot!("units", table.stdout);
    let csv = desk.monthend(["units", "m.yaml", "--format", "csv"]).expect(0).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "sub_partner,sub_partner_org_id,period_start,period_end,CUSTOMER_ID,SKU,usage,divisor,exact,units"
    );
    assert!(lines[1].ends_with(",2026-02-01,2026-02-28,'=c4,B,-10.5,28,-0.375,0"), "{csv}");
    assert_eq!(lines.len(), 13, "no totals");

    // Without `at` the rows of a request are one group; a number divides; nothing is rounded, or to the nearest.
    for (rule, exact, rounded, rounding) in [
        ("per: 30.5, round: none", "1.983607", "1.983607", "0"),
        ("per: 30.5, round: nearest", "1.983607", "2", "0.016393"),
        ("round: nearest", "2.016667", "2", "-0.016667"),
    ] {
        let rule = format!("units: {{ of: CONSUMPTION, report: CUSTOMER, {rule} }}\n");
        sections(&desk, &server, &rule);
        let json = units(&desk, &["--period", "2026-09"], 0);
        let total = &json["totals"][0];
        assert_eq!((&total["exact"], &total["units"]), (&exact.into(), &rounded.into()));
        assert_eq!(total["rounding"], rounding);
        assert_eq!(json["units"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn what_cannot_be_read_has_no_figures_and_is_in_no_total() {
    let server = Served::new(READY);
    let desk = desk(&server, UNITS);
    let mut ledger = desk.ledger();
    let file = "CUSTOMER_ID,SKU,CONSUMPTION\nc1,A,10\nc1,A,1O\nc2,A,15\n";
    desk.lay("", &mut ledger, 1, file);
    desk.lay("", &mut ledger, 2, "CUSTOMER_ID,SKU,DAYS\nc1,A,1\n");
    desk.write("m.ledger.csv", ledger.to_csv());
    let json = units(&desk, &["--period", "2026-09"], 1);
    let group = &json["units"][0];
    assert_eq!(
        (&group["usage"], &group["exact"], &group["units"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(group["divisor"], "30");
    let total = &json["totals"][0];
    assert_eq!(
        (&total["usage"], &total["units"], &total["unreadable"]),
        (&"15".into(), &"1".into(), &1.into())
    );
    let ended = desk.monthend(["units", "m.yaml"]).expect(1);
    let file = desk.ledger().lines[1]["report_file"].to_owned();
    let ended = ended.shows([
        &*format!("cannot be read: {file} line 3, CONSUMPTION: not a number"),
        "1 group cannot be read",
    ]);
    ended.shows(["left out: Acme CUSTOMER 2026-10-01..2026-10-15", "no column CONSUMPTION"]);
    let csv =
        desk.monthend(["units", "m.yaml", "--format", "csv", "--period", "2026-09"]).expect(1);
    assert!(csv.stdout.contains(",c1,A,,30,,\n") && csv.stderr.contains("line 3"), "{csv}");

    // A file that was changed, and one that is gone, are left out.
    let ledger = desk.ledger();
    let files: Vec<&str> = ledger.lines.iter().map(|it| &it["report_file"]).collect();
    desk.write(files[0], FILE.replace("10", "11"));
    fs::remove_file(desk.path(files[1])).unwrap();
    let json = units(&desk, &[], 1);
    assert_eq!(json["missing_files"].as_array().unwrap().len(), 3);
    assert_eq!(json["units"].as_array().unwrap().len(), 0);
    desk.monthend(["units", "m.yaml", "-o", "u.xlsx"]).expect(1).shows(["no file was read"]);
    let sheets = sheets(&desk, "u.xlsx");
    let left_out: Vec<Vec<String>> = sheets["left out"].iter().map(|it| row(it)).collect();
    assert_eq!(left_out.len(), 4);
    assert_eq!(left_out[0], ["request", "type", "file", "reason"]);
    assert_eq!(left_out[1][..3], ["Acme CUSTOMER 2026-02", "CUSTOMER", files[0]]);
}

#[test]
fn units_need_their_section_a_ledger_and_a_file_that_is_free() {
    let server = Served::new(READY);
    let desk = desk(&server, "");
    desk.monthend(["units", "m.yaml"]).expect(2).says(["the manifest has no `units:`"]);
    sections(&desk, &server, UNITS);
    desk.monthend(["units", "m.yaml", "--ledger", "none.csv"]).expect(4);
    desk.monthend(["units", "m.yaml", "--type", "USER"]).expect(2);
    let before = desk.files();
    for output in ["x.ods", "x", "m.ledger.csv", "m.yaml", "no/such/x.csv"] {
        desk.monthend(["units", "m.yaml", "-o", output]).expect(2).says([output]);
    }
    let file = desk.ledger().lines[0]["report_file"].to_owned();
    desk.monthend(["units", "m.yaml", "-o", &file]).expect(2);
    assert_eq!(desk.files(), before);
}

#[test]
fn a_workbook_has_typed_cells_and_the_totals() {
    let server = Served::new(READY);
    let desk = desk(&server, UNITS);
    desk.write("units.xlsx", "earlier");
    let ended = desk.monthend(["units", "m.yaml", "-o", "units.xlsx"]).expect(0);
    assert!(ended.stdout.contains("rounding added"), "{ended}");
    let sheets = sheets(&desk, "units.xlsx");
    assert_eq!(sheets.keys().collect::<Vec<_>>(), ["CUSTOMER", "totals"]);
    let lines = &sheets["CUSTOMER"];
    assert_eq!(lines.len(), 13);
    let expected = [
        "day 2026-02-01",
        "day 2026-02-28",
        "=c4",
        "B",
        "number -10.5",
        "number 28",
        "number -0.375",
        "number 0",
    ];
    assert_eq!(row(&lines[1])[2..], expected);
    let total = [
        "number 60.5",
        "number 2.016667",
        "number 4",
        "number 1.983333",
        "number 4",
        "number 3",
        "number 0",
    ];
    assert_eq!(row(&sheets["totals"][2])[2..], total);
    desk.monthend(["units", "m.yaml", "-o", "units.csv"]).expect(0);
    let csv = desk.monthend(["units", "m.yaml", "--format", "csv"]).expect(0);
    assert_eq!(desk.read("units.csv"), csv.stdout);
}

#[test]
fn reconcile_writes_a_sheet_for_each_entry() {
    let server = Served::new(READY);
    let entry = |name: &str| {
        format!(
            "  - {{ name: {name}, report: CUSTOMER, with: invoice.csv, match: {{ SKU: part }}, compare: {{ UNITS: n }} }}\n"
        )
    };
    let long = "an-entry-with-a-name-that-is-longer-than-a-sheet";
    let entries = [entry("invoice"), entry("INVOICE"), entry("history"), entry(long)].concat();
    let desk = desk(&server, &format!("{UNITS}reconcile:\n{entries}"));
    desk.write("invoice.csv", "part,n\nA,2.033333\nB,4\n007,3\n");
    let args = ["reconcile", "m.yaml", "--period", "2026-09", "-o", "x.xlsx"];
    desk.monthend(args).expect(1).shows(["rounding"]);
    let sheets = sheets(&desk, "x.xlsx");
    let names: Vec<&str> = sheets.keys().map(String::as_str).collect();
    assert_eq!(names, ["INVOICE (2)", "an-entry-with-a-name-that-is-lo", "history (2)", "invoice"]);
    let lines: Vec<Vec<String>> = sheets["invoice"].iter().map(|cells| row(cells)).collect();
    assert_eq!(
        lines[0][4..9],
        ["SKU", "UNITS_report", "UNITS_list", "UNITS_difference", "UNITS_rounding"]
    );
    assert_eq!(lines[1][4..9], ["007", "", "number 3", "number -3", ""]);
    assert_eq!(
        lines[2][2..9],
        [
            "day 2026-09-01",
            "day 2026-09-30",
            "A",
            "number 3",
            "number 2.033333",
            "number 0.966667",
            "rounding"
        ]
    );
    assert_eq!(lines[3][4..9], ["B", "number 1", "number 4", "number -3", ""]);
    assert_eq!(lines[3][9..], ["number 2", "number 1", ""]);
    assert_eq!(lines.len(), 4);
}

#[test]
fn combined_types_are_sheets_of_one_workbook() {
    let server = Served::new(READY);
    let jobs = partners(["=a", "b"], "CUSTOMER, USER", "2026-09");
    let more = "units: { of: CONSUMPTION, report: CUSTOMER }\n";
    let desk = Desk::with(server.url(), &(jobs + more));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    for (place, file) in [
        "SKU,CONSUMPTION,NOTE\n007,1.50,-5\n",
        "SKU,CONSUMPTION\n008,2\n",
        "CONSUMPTION,SKU\n12345678901234567,=x\n,\n",
        "SKU,CONSUMPTION\n",
    ]
    .into_iter()
    .enumerate()
    {
        desk.lay("", &mut ledger, place, file);
    }
    desk.write("m.ledger.csv", ledger.to_csv());
    let collect = || desk.monthend(["collect", "m.yaml", "--combine", "all.xlsx"]);
    let ended = collect().expect(0);
    ended.says([
        "CUSTOMER: 3 rows of 2 files are in all.xlsx",
        "USER: 1 rows of 2 files are in all.xlsx",
    ]);
    assert!(!desk.has("all-user.xlsx"));
    let sheets = sheets(&desk, "all.xlsx");
    assert_eq!(sheets.keys().collect::<Vec<_>>(), ["CUSTOMER", "USER"]);
    let lines: Vec<Vec<String>> = sheets["CUSTOMER"].iter().map(|cells| row(cells)).collect();
    assert_eq!(lines[0][4..], ["internal", "SKU", "CONSUMPTION", "NOTE"]);
    assert_eq!(lines[1][0], "=a");
    assert_eq!(
        lines[1][2..],
        ["day 2026-09-01", "day 2026-09-30", "false", "007", "number 1.5", "-5"]
    );
    assert_eq!(lines[2][5..], ["=x", "12345678901234567", ""]);
    assert_eq!(lines[3][5..], ["", "", ""]);
    // No entry says that it is a number here.
    assert_eq!(row(&sheets["USER"][1])[5..], ["008", "2"]);
    assert!(
        !fs::read_dir(desk.path(".")).unwrap().any(|it| it
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains(".new"))
    );

    // A cell that no sheet holds: nothing is cut, and the earlier workbook stays.
    let earlier = fs::read(desk.path("all.xlsx")).unwrap();
    desk.lay("", &mut ledger, 0, &format!("SKU,NOTE\n1,{}\n", "x".repeat(40_000)));
    desk.write("m.ledger.csv", ledger.to_csv());
    collect().expect(1).says(["NOTE in row 2 of CUSTOMER", "32,767", "name a .csv file"]);
    assert!(fs::read(desk.path("all.xlsx")).unwrap() == earlier);
    desk.monthend(["collect", "m.yaml", "--combine", "all.csv"]).expect(0);
}

/// Whoever gets the workbook has not seen the terminal.
#[test]
fn a_combined_workbook_names_what_it_lacks() {
    let server = Served::new("reports: { completes_after: 0s }\nrefuse: { b: 403 }\n");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    let run = ["run", "m.yaml", "--collect", "--combine", "all.xlsx"];
    desk.monthend(run).expect(1).says(["all.xlsx is incomplete: 1 of 2 reports are missing"]);
    let left_out = &sheets(&desk, "all.xlsx")["left out"];
    let line = row(&left_out[1]);
    assert_eq!(left_out.len(), 2);
    assert_eq!((&*line[0], &*line[5]), ("b", "USER"));
    assert_eq!(line[6], "failed: This sub-partner refuses billing reports.");
}

#[test]
fn the_page_has_the_units_of_each_period() {
    let server = Served::new(READY);
    let desk = desk(&server, UNITS);
    let page = || {
        desk.monthend(["report", "m.yaml", "-o", "page.html"]).expect(0);
        desk.read("page.html")
    };
    let whole = page();
    assert!(whole.contains("Units of CONSUMPTION") && whole.contains("CUSTOMER_ID, SKU"));
    let line = "2026-09</th><td class=\"number\">60.5</td><td class=\"number\">2.016667</td><td class=\"number\">4</td>\
                <td class=\"number\">1.983333</td><td class=\"number\">4</td><td class=\"number\">3</td>";
    assert!(whole.contains(line), "{whole}");
    assert!(whole.contains("All 3 reports are created and collected"), "{whole}");
    let mut ledger = desk.ledger();
    desk.lay("", &mut ledger, 0, "CUSTOMER_ID,SKU,CONSUMPTION\n<b>,A,1O\n");
    desk.lay("", &mut ledger, 2, "CUSTOMER_ID,SKU,DAYS\nc1,A,1\n");
    desk.write("m.ledger.csv", ledger.to_csv());
    let page = page();
    assert!(page.contains("Not in order: 1 file without units, 1 group without units."), "{page}");
    assert!(page.contains("reports/0.csv line 2, CONSUMPTION: not a number"), "{page}");
    assert!(page.contains("1 file left out"), "{page}");
}

/// A sum in each line, and as many decimals as the longest one; the last line is the grand total.
#[test]
fn sums_are_a_table_with_their_totals() {
    let server = Served::new(READY);
    let jobs = partners(["Acme", "=Bolt"], "CUSTOMER, USER", "2026-09");
    let totals = "audit: { totals: { column: CONSUMPTION, by: [SKU] } }\n";
    let desk = Desk::with(server.url(), &(jobs + totals));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    for (place, file) in [
        "SKU,CONSUMPTION\nA,15\n=B,18.9\n",
        "SKU,CONSUMPTION\nA,15\n=B,18.95\n",
        "SKU,CONSUMPTION\nA,-0.125\n",
        "SKU,CONSUMPTION\nA,x\n",
    ]
    .into_iter()
    .enumerate()
    {
        desk.lay("", &mut ledger, place, file);
    }
    desk.write("m.ledger.csv", ledger.to_csv());
    let audit = |args: &[&str]| desk.monthend(["audit", "m.yaml", "--offline"]).args(args.to_vec());
    let ended = audit(&["--format", "csv", "--totals"]).expect(1);
    let cells: Vec<Vec<&str>> =
        ended.stdout.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(
        cells[0],
        [
            "sub_partner",
            "sub_partner_org_id",
            "period_start",
            "period_end",
            "internal",
            "SKU",
            "CUSTOMER",
            "USER",
            "result"
        ]
    );
    assert_eq!(cells[1][5..], ["'=B", "18.900", "18.95", "differ"]);
    assert_eq!(cells[2][5..], ["A", "15.000", "15.00", "agree"]);
    assert_eq!(cells[3][0], "'=Bolt");
    assert_eq!(cells[3][5..], ["A", "-0.125", "", "one only"]);
    assert_eq!(
        cells[4],
        ["total", "", "2026-09-01", "2026-09-30", "false", "", "33.775", "33.95", ""]
    );
    assert_eq!(cells.len(), 5);
    ended.says([
        "2 differences: 1 totals_differ, 1 totals_unknown; without --totals they are named",
    ]);
    let table = audit(&[]).expect(1);
    table.shows(["A      15.000  15.00\n", "total        2026-09         33.775  33.95\n"]);
    audit(&["--format", "csv"]).expect(1).shows(["kind,request_id"]);
    audit(&["--totals", "--no-files"]).expect(2);
    desk.manifest(server.url(), &partners(["Acme"], "CUSTOMER, USER", "2026-09"));
    audit(&["--totals"]).expect(2).says(["the manifest has no `audit.totals`"]);
    // Several periods: each has its total, and the last line is that of all.
    let jobs = partners(["Acme"], "CUSTOMER", "2026-09, 2026-10");
    let desk = Desk::with(server.url(), &(jobs + totals));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    (0..2).for_each(|at| desk.lay("", &mut ledger, at, "SKU,CONSUMPTION\nA,1.5\nB,2\n"));
    desk.write("m.ledger.csv", ledger.to_csv());
    let ended =
        desk.monthend(["audit", "m.yaml", "--offline", "--format=csv", "--totals"]).expect(0);
    let last: Vec<&str> = ended.stdout.lines().skip(5).collect();
    assert_eq!(
        last,
        [
            "total,,2026-09-01,2026-09-30,false,,3.5,",
            "total,,2026-10-01,2026-10-31,false,,3.5,",
            "total,,,,,,7.0,"
        ]
    );
}
