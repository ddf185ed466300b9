//! `columns` and `reconcile`: what was collected, compared with other sources; nothing is asked, nothing is changed.

use std::fs;

use serde_json::Value;

use crate::support::{Desk, Served, follows, is_junit, partners};

const READY: &str = "reports: { completes_after: 0s }";
const ACME: &str = "CUSTOMER_ID,SKU,CONSUMPTION\nc1,A,10.5\nc1,B,20\nc2,C,7\n";
const BOLT: &str = "SKU,CONSUMPTION,CUSTOMER_ID\nA,0.5,c3\n\"=1+1\",1,c3\n";
const INVOICE: &str = "reconcile:\n  - { name: invoice, report: CUSTOMER, with: 'invoice-{period}.csv', \
    match: { SKU: Part }, compare: { CONSUMPTION: Quantity } }\n";

/// Acme and Bolt, CUSTOMER and USER in September, with a file for each CUSTOMER row; rows 0 and 2.
fn desk(server: &Served, sections: &str) -> Desk {
    let jobs = partners(["Acme", "Bolt"], "CUSTOMER, USER", "2026-09");
    let desk = Desk::with(server.url(), &(jobs + sections));
    desk.converge().expect(0);
    lay(&desk, &[(0, ACME), (2, BOLT)]);
    desk
}

fn lay(desk: &Desk, files: &[(usize, &str)]) {
    let mut ledger = desk.ledger();
    files.iter().for_each(|(place, content)| desk.lay("", &mut ledger, *place, content));
    desk.write("m.ledger.csv", ledger.to_csv());
}

/// The manifest again, with other sections; the ledger stays.
fn sections(desk: &Desk, server: &Served, sections: &str) {
    let jobs = partners(["Acme", "Bolt"], "CUSTOMER, USER", "2026-09");
    desk.manifest(server.url(), &(jobs + sections));
}

fn reconcile(desk: &Desk, args: &[&str], code: i32) -> Value {
    let command = desk.monthend(["reconcile", "m.yaml", "--format", "json"]);
    let json = command.without("WEBEX_ACCESS_TOKEN").args(args.to_vec()).expect(code).json();
    follows("reconcile", &json);
    assert_eq!(json["exit_code"], code);
    json
}

fn classes(list: &Value) -> Vec<(String, String)> {
    let keys = list["differences"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    keys.map(|key| {
        let cells = key["key"].as_object().unwrap().values().map(text);
        (text(&key["class"]), cells.collect::<Vec<_>>().join("/"))
    })
    .collect()
}

fn named<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(class, key)| (class.to_owned(), key.to_owned())).to_vec()
}

fn ids(json: &Value) -> Vec<&str> {
    let keys = json["lists"].as_array().unwrap().iter();
    let keys = keys.flat_map(|list| list["differences"].as_array().unwrap());
    keys.map(|key| key["id"].as_str().unwrap()).collect()
}

#[test]
fn an_invoice_is_compared_sku_by_sku() {
    let server = Served::new(READY);
    let desk = desk(&server, INVOICE);
    desk.write("invoice-2026-09.csv", "Part;Quantity\nA;11\nB;20.5\nD;4\n");
    let (files, sent) = (desk.files(), server.exchanges().len());
    let json = reconcile(&desk, &[], 1);
    let list = &json["lists"][0];
    assert_eq!(
        classes(list),
        named([
            ("only_in_report", "=1+1"),
            ("only_in_report", "C"),
            ("only_in_list", "D"),
            ("differs", "B")
        ])
    );
    assert_eq!(list["counts"]["matched"], 1);
    let sums = &list["sums"]["CONSUMPTION"];
    assert_eq!(
        (&sums["report"], &sums["list"], &sums["difference"]),
        (&"39".into(), &"35.5".into(), &"3.5".into())
    );
    let value = &list["differences"][2]["values"]["CONSUMPTION"];
    assert_eq!((&value["report"], &value["difference"]), (&Value::Null, &"-4".into()));
    assert_eq!(
        (desk.files(), server.exchanges().len()),
        (files, sent),
        "nothing is asked or written"
    );

    let table = desk.monthend(["reconcile", "m.yaml"]).expect(1);
    let shown = table.stdout.replace(env!("CARGO_BIN_EXE_monthend"), "monthend");
    insta::assert_snapshot!("an_invoice", shown);
    let csv = desk.monthend(["reconcile", "m.yaml", "--format", "csv", "--all"]).expect(1).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "class,id,period_start,period_end,SKU,CONSUMPTION_report,CONSUMPTION_list,CONSUMPTION_difference,\
         rows_report,rows_list,accepted"
    );
    assert!(lines[1].contains(",'=1+1,1,,1,1,0,"), "{csv}");
    assert!(lines[5].starts_with("matched,") && lines[5].ends_with(",A,11,11,0,2,1,"), "{csv}");

    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,11\nB,20\nC,7\n=1+1,1\n");
    assert_eq!(ids(&reconcile(&desk, &[], 0)), [""; 0]);
    let table = desk.monthend(["reconcile", "m.yaml"]).expect(0);
    let next = "1 comparison: all agree\n\nto compare plan, server and files, too:\n  ";
    assert!(table.stdout.contains(next), "{table}");
    assert!(table.stdout.ends_with("monthend audit m.yaml\n"), "{table}");
}

/// Semicolons, a byte order mark, German numbers, other ids, other words.
#[test]
fn a_list_of_ones_own_system_is_compared_user_by_user() {
    let server = Served::new(READY);
    let entry = "reconcile:\n  - name: crm\n    report: USER\n    \
        with: { file: crm.csv, decimal: ',', where: { state: [active, trial] } }\n    \
        match: { USER_ID: id, SKU: product }\n    compare: { CONSUMPTION: days }\n    \
        translate: { product: products.csv }\n    unique: true\n    ignore_case: true\n    tolerance: [1, 1%]\n";
    let desk = desk(&server, entry);
    let file =
        "USER_ID,SKU,CONSUMPTION\nu1,PRO,1234.5\nu2,PRO,30\nu3,PRO,30\nu4,PRO,30\nu5,PRO,30\n";
    lay(&desk, &[(1, file), (3, "USER_ID,SKU,CONSUMPTION\n")]);
    desk.write("products.csv", "sep=;\nfrom;to\nCalling;pro\n");
    desk.write(
        "crm.csv",
        "\u{feff}id;product;days;state\r\nU1; Calling ;1.234,5;active\r\nu2;Calling;29;trial\r\nu3;Calling;28,9;active\r\n\
         u4;Calling;30;active\r\nu4;Calling;0;active\r\nu5;Old;30;active\r\nu6;Calling;1.23,4;active\r\n\
         u7;Calling;x;left\r\n;;;\r\n",
    );
    let json = reconcile(&desk, &[], 1);
    let list = &json["lists"][0];
    assert_eq!(
        classes(list),
        named([
            ("unreadable", "pro/u6"),
            ("untranslated", "Old/u5"),
            ("repeated", "PRO/u4"),
            ("only_in_report", "PRO/u5"),
            ("differs", "PRO/u3"),
        ])
    );
    assert_eq!(list["counts"]["matched"], 2);
    let cell = &list["differences"][0]["unreadable"][0];
    assert_eq!((&cell["line"], &cell["column"]), (&8.into(), &"days".into()), "{cell}");
    assert!(cell["file"].as_str().unwrap().ends_with("crm.csv"), "{cell}");
    let table = desk.monthend(["reconcile", "m.yaml"]).expect(1);
    table.shows(["crm.csv line 8, days: not a number"]);
}

/// What a spreadsheet does to a list: it drops zeros, and writes numbers as its country does.
#[test]
fn what_a_spreadsheet_did_to_a_list_is_said() {
    let server = Served::new(READY);
    let entry = "reconcile:\n  - name: crm\n    report: USER\n    with: { file: crm.csv, decimal: '.' }\n    \
        match: [ID, SKU]\n    compare: { Q: days }\n";
    let desk = desk(&server, entry);
    lay(&desk, &[(1, "ID,SKU,Q\n007,A,1\n08,A,2\n9,A,3\n0,0B,4\n"), (3, "ID,SKU,Q\n")]);
    desk.write("crm.csv", "ID;SKU;days\n7;A;1\n8;A;2\n9;A;3\n;B;4\n90;A;3\n");
    let said = "3 keys of the list would be in the report with zeros at the beginning (, B)";
    let json = reconcile(&desk, &[], 1);
    assert!(json["lists"][0]["notes"][0].as_str().unwrap().starts_with(said), "{json:#}");
    desk.monthend(["reconcile", "m.yaml"]).expect(1).shows(["note: 3 keys of the list would be"]);
    // Keys that are only there once are not alike.
    desk.write("crm.csv", "ID;SKU;days\n007;A;1.400,50\n08;A;2\n0009;A;3\n0;0B;4\n");
    let table = desk.monthend(["reconcile", "m.yaml"]).expect(1);
    assert!(table.stdout.contains("1 key of the list"), "{table}");
    // Nobody has read what is unreadable: it is not offered for acceptance.
    let json = reconcile(&desk, &[], 1);
    let unreadable = &json["lists"][0]["differences"][0];
    assert_eq!(unreadable["class"], "unreadable");
    let offered = format!("--id {}", unreadable["id"].as_str().unwrap());
    assert!(table.stdout.contains(" accept m.yaml") && !table.stdout.contains(&offered), "{table}");
    table.shows(["crm.csv line 2, days: not a number", "write `decimal: \",\"` for it"]);
}

#[test]
fn a_month_that_was_collected_again_is_compared_with_the_first_time() {
    let server = Served::new(READY);
    let entries = "reconcile:\n  - { name: restated, report: CUSTOMER, with: { ledger: then/m.ledger.csv }, match: [SKU], \
        compare: [CONSUMPTION] }\n  - { name: levels, report: CUSTOMER, with: { report: USER }, \
        match: [sub_partner_org_id], compare: [CONSUMPTION], tolerance: 2% }\n";
    let desk = desk(&server, entries);
    lay(&desk, &[(1, "CONSUMPTION\n38\n"), (3, "CONSUMPTION\n1.5\n")]);
    fs::create_dir_all(desk.path("then")).unwrap();
    let mut then = desk.ledger();
    desk.lay("then/", &mut then, 0, "SKU,CONSUMPTION\nA,10.5\nB,18\nC,7\n");
    desk.lay("then/", &mut then, 2, "SKU,CONSUMPTION\nA,0.5\n=1+1,1\n");
    desk.write("then/m.ledger.csv", then.to_csv());
    let json = reconcile(&desk, &[], 1);
    assert_eq!(classes(&json["lists"][0]), named([("differs", "B")]));
    assert_eq!(classes(&json["lists"][1]), named([]));
    assert_eq!(json["lists"][1]["counts"]["matched"], 2);

    // --type is about the entry's own report; the other side stays whole.
    let json =
        reconcile(&desk, &["--name", "levels", "--type", "CUSTOMER", "--sub-partner", "Acme"], 0);
    assert_eq!(json["lists"][0]["counts"]["matched"], 1);
    desk.monthend(["reconcile", "m.yaml", "--type", "USER"]).expect(2);

    // A file that the earlier ledger lacks is told, and what is left is compared.
    fs::remove_file(desk.path("then/reports/2.csv")).unwrap();
    let json = reconcile(&desk, &["--name", "restated"], 1);
    let missing = json["lists"][0]["missing_files"][0]["reason"].as_str().unwrap();
    assert!(missing.contains("then/m.ledger.csv"), "{missing}");
    fs::rename(desk.path("then"), desk.path("before")).unwrap();
    desk.monthend(["reconcile", "m.yaml"]).expect(4).says(["then/m.ledger.csv"]);
}

/// Whatever is wrong with a file is known at its end only: rows of it that were read before do not count.
#[test]
fn a_file_that_is_not_what_was_collected_is_left_out_and_told() {
    let server = Served::new(READY);
    let desk = desk(&server, INVOICE);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,10.5\nB,20\nC,7\n");
    fs::write(desk.path("reports/2.csv"), BOLT.to_owned() + "A,5,c9\n").unwrap();
    let json = reconcile(&desk, &[], 1);
    let list = &json["lists"][0];
    assert_eq!((classes(list), &list["counts"]["matched"]), (named([]), &3.into()));
    assert_eq!(list["missing_files"][0]["file"], "reports/2.csv");
    let ended = desk.monthend(["reconcile", "m.yaml"]).expect(1);
    ended.shows(["left out: Bolt CUSTOMER 2026-09", "no differences, 1 file left out"]);

    // So is one without a named column, one that is no table, and one that is not collected.
    for content in
        ["SKU,USAGE\nA,1\n".to_owned(), format!("SKU,CONSUMPTION\nA,{}\n", "x".repeat(2 << 20))]
    {
        lay(&desk, &[(2, &content)]);
        let json = reconcile(&desk, &[], 1);
        assert_eq!(json["lists"][0]["counts"]["matched"], 3, "{content:.20}");
        assert_eq!(json["lists"][0]["missing_files"].as_array().unwrap().len(), 1);
    }
    let mut ledger = desk.ledger();
    ledger.set(2, &[("report_file", ""), ("report_sha256", ""), ("report_rows", "")]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let json = reconcile(&desk, &[], 1);
    assert_eq!(
        json["lists"][0]["missing_files"][0]["reason"],
        "its report is not collected; `monthend collect` downloads it"
    );
}

#[test]
fn a_list_that_cannot_be_compared_ends_with_2_before_anything_is_shown() {
    let server = Served::new(READY);
    let desk = desk(&server, INVOICE);
    let list = "invoice-2026-09.csv";
    let reconcile = || desk.monthend(["reconcile", "m.yaml"]).expect(2);
    let refused = |parts: &[&str]| {
        let ended = reconcile();
        assert_eq!(ended.stdout, "", "{ended}");
        ended.says(["the entry invoice of `reconcile:`", list]).says(parts.iter().copied());
    };
    refused(&["there is no"]);
    for (content, part) in [
        (&b"Part,Quantty\nA,1\n"[..], "no column Quantity; did you mean Quantty?"),
        (b"", "no column Part"),
        (b"Part,Quantity\nA,1,2\n", "line 2 has 3 cells and the header 2"),
        (b"Part,Quantity\nA,\xff\n", "line 2 is not UTF-8"),
        (b"\xff\xfeP\0a\0", "UTF-16"),
        (b"PK\x03\x04", "workbook"),
    ] {
        desk.write(list, content);
        refused(&[part]);
    }
    fs::remove_file(desk.path(list)).unwrap();
    fs::create_dir(desk.path(list)).unwrap();
    refused(&[]);
    let entry = INVOICE.replace(" }\n", ", translate: { Part: parts.csv } }\n");
    sections(&desk, &server, &entry);
    desk.write("parts.csv", "from,to\nA,B\nA,C\n");
    reconcile()
        .says(["parts.csv", "line 3 translates \"A\" to \"C\", and an earlier one to \"B\""]);
}

#[test]
fn what_leaves_nothing_to_compare_has_its_exit_code() {
    let server = Served::new(READY);
    let two = INVOICE.to_owned()
        + &INVOICE.replace("reconcile:\n", "").replace("name: invoice", "name: other");
    let desk = desk(&server, &two);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,11\n");
    let ends = |args: &[&str], code: i32| {
        desk.monthend(["reconcile", "m.yaml"]).args(args.to_vec()).expect(code)
    };
    ends(&["--format", "csv"], 2).says(["--name", "invoice, other"]);
    ends(&["--name", "third"], 2).says(["third", "invoice, other"]);
    ends(&["--type", "USER"], 2).says(["invoice, other"]);
    ends(&["--period", "2026-08"], 2).says(["2026-08"]);
    ends(&["--sub-partner", "Nobody"], 2).says(["Nobody"]);
    ends(&["-o", "x.txt"], 2).says(["x.txt", ".csv"]);
    sections(&desk, &server, "");
    ends(&[], 2).says(["`reconcile:`"]);
    sections(&desk, &server, &INVOICE.replace("CUSTOMER", "PARTNER"));
    ends(&[], 2).says(["PARTNER", "the plan has no such request"]);
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    desk.monthend(["columns", "m.yaml"]).expect(4);
    ends(&[], 4);
}

#[test]
fn a_file_for_each_entry_and_a_case_for_each_period_are_written() {
    let server = Served::new(READY);
    let two = INVOICE.to_owned()
        + &INVOICE.replace("reconcile:\n", "").replace("name: invoice", "name: other");
    let desk = desk(&server, &two);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,11\nB,20\nC,7\n");
    let args = ["reconcile", "m.yaml", "-o", "x.csv", "--junit", "x.xml"];
    for _ in 0..2 {
        desk.monthend(args).expect(1); // over its own outputs, too
        assert_eq!(desk.read("x-invoice.csv").lines().count(), 2);
        assert_eq!(
            desk.read("x-invoice.csv").replace("invoice", "other").len(),
            desk.read("x-other.csv").len()
        );
    }
    assert!(!desk.has("x.csv"));
    fs::remove_file(desk.path("reports/0.csv")).unwrap();
    let ended = desk.monthend(["reconcile", "m.yaml", "--name", "other", "--format", "csv"]);
    ended.expect(1).says(["1 file"]);
    lay(&desk, &[(0, ACME)]);
    is_junit(&desk.read("x.xml"));
    let xml = desk.read("x.xml");
    assert!(xml.contains("name=\"invoice 2026-09\"") && xml.contains("1 only_in_report"), "{xml}");
    desk.monthend(args).args(["--name", "other", "--all"]).expect(1);
    assert_eq!(desk.read("x.csv").lines().count(), 5);
    for input in
        ["m.yaml", "m.ledger.csv", "invoice-2026-09.csv", "./invoice-2026-09.csv", "reports/0.csv"]
    {
        let before = desk.read(input);
        desk.monthend(["reconcile", "m.yaml", "--name", "other", "--junit", input]).expect(2);
        desk.monthend(["reconcile", "m.yaml", "--name", "other", "-o", input]).expect(2);
        assert_eq!(desk.read(input), before, "{input}");
    }
}

/// A difference is called the same as long as its figures are the same, wherever it stands.
#[test]
fn ids_depend_on_figures_and_on_no_order() {
    let server = Served::new(READY);
    let desk = desk(&server, INVOICE);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,10\nB,20.50\nD,4\n");
    let first = reconcile(&desk, &[], 1);
    let audited = audit(&desk, 1);
    lay(&desk, &[(0, "SKU,CONSUMPTION,CUSTOMER_ID\nC,7.0,c2\nB,20.00,c1\nA,10.5,c1\n")]);
    desk.write("invoice-2026-09.csv", "Quantity;Part\n4;D\n20.5;B\n10;A\n");
    fs::rename(desk.path("m.ledger.csv"), desk.path("other.csv")).unwrap();
    let again = reconcile(&desk, &["--ledger", "other.csv"], 1);
    assert_eq!(ids(&again), ids(&first));
    fs::rename(desk.path("other.csv"), desk.path("m.ledger.csv")).unwrap();
    assert_eq!(audit(&desk, 1), audited);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,10.1\nB,20.50\nD,4\n");
    let changed = reconcile(&desk, &[], 1);
    let kept = ids(&changed).into_iter().filter(|id| ids(&first).contains(id)).count();
    assert_eq!(kept, ids(&first).len() - 1);
    assert_ne!(audit(&desk, 1), audited);
}

/// The ids of what an audit says of lists.
fn audit(desk: &Desk, code: i32) -> Vec<String> {
    let json =
        desk.monthend(["audit", "m.yaml", "--offline", "--format", "json"]).expect(code).json();
    let differences = json["differences"].as_array().unwrap().iter();
    let lists = differences.filter(|it| it["kind"] == "not_reconciled");
    lists.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_audit_names_what_is_not_reconciled_and_says_what_it_left_out() {
    let server = Served::new(READY);
    let rules = "files:\n  CUSTOMER: { columns: [SKU, CONSUMPTION], closed: true, key: [SKU] }\n";
    let desk = desk(&server, &(INVOICE.to_owned() + rules));
    lay(&desk, &[(1, "SKU\nA\n"), (3, "SKU\nA\n")]);
    lay(&desk, &[(2, "SKU,CONSUMPTION\nA,1\nA,2\n")]);
    let run = |args: &[&str], code| {
        let command = desk.monthend(["audit", "m.yaml", "--offline", "--format", "json"]);
        command.args(args.to_vec()).expect(code).json()
    };
    let json = run(&["--junit", "a.xml"], 1);
    follows("audit", &json);
    let said: Vec<(&str, &str)> = json["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["kind"].as_str().unwrap(), it["message"].as_str().unwrap()))
        .collect();
    let kinds: Vec<&str> = said.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["columns_changed", "key_repeated", "not_reconciled"], "{said:#?}");
    assert!(said[0].1.contains("the unexpected column CUSTOMER_ID"), "{said:?}");
    assert!(said[1].1.contains("a key occurs more than once: A (2 rows)"), "{said:?}");
    assert!(said[2].1.contains("invoice-2026-09.csv"), "{said:?}");
    assert_eq!(json["differences"][2]["request_id"], Value::Null);
    is_junit(&desk.read("a.xml"));
    assert_eq!(desk.read("a.xml").matches("<failure").count(), 3);
    assert!(desk.read("a.xml").contains("classname=\"lists\""));
    let csv = desk.monthend(["audit", "m.yaml", "--offline", "--format", "csv"]).expect(1).stdout;
    assert_eq!(csv.lines().last().unwrap().split(',').nth(1), Some(""), "{csv}");

    let json = run(&["--sub-partner", "Bolt"], 1);
    assert_eq!(json["differences"].as_array().unwrap().len(), 1);
    assert!(json["notes"].to_string().contains("these lists were not compared: invoice"), "{json}");
    assert_eq!(run(&["--no-files"], 0)["differences"].as_array().unwrap().len(), 0);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,13.5\nB,20\nC,7\n");
    assert_eq!(audit(&desk, 1), [""; 0]);
}

/// A month whose list is not there yet hides no other month, and neither is called like the other.
#[test]
fn an_audit_tells_each_period_of_an_entry() {
    let server = Served::new(READY);
    let jobs = partners(["Acme"], "CUSTOMER", "2026-08, 2026-09") + INVOICE;
    let desk = Desk::with(server.url(), &jobs);
    desk.converge().expect(0);
    lay(&desk, &[(0, ACME), (1, ACME)]);
    let told = |list: &str| {
        desk.write(list, "Part,Quantity\nA,500\nB,20\nC,7\n");
        let json =
            desk.monthend(["audit", "m.yaml", "--offline", "--format", "json"]).expect(1).json();
        fs::remove_file(desk.path(list)).unwrap();
        let differences = json["differences"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        differences.map(|it| (text(&it["message"]), text(&it["id"]))).collect::<Vec<_>>()
    };
    let (first, second) = (told("invoice-2026-08.csv"), told("invoice-2026-09.csv"));
    for (found, shown, missing) in [(&first, 0, 1), (&second, 1, 0)] {
        assert!(found[shown].0.contains("1 differs"), "{found:#?}");
        assert!(found[missing].0.contains("not compared: there is no"), "{found:#?}");
    }
    assert!(first[1].0.starts_with("invoice 2026-09: "), "{first:#?}");
    let mut ids: Vec<&str> = first.iter().chain(&second).map(|(_, id)| id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

/// What is shown alike is not called alike, and the order in the manifest calls nothing otherwise.
#[test]
fn ids_tell_every_two_keys_apart() {
    let server = Served::new(READY);
    let entry = |columns: &str, translate: &str| {
        format!(
            "reconcile:\n  - {{ name: l, report: CUSTOMER, with: l.csv, {columns}{translate} }}\n"
        )
    };
    let (one, other) = (
        "match: { SKU: p, CUSTOMER_ID: c }, compare: { CONSUMPTION: n, UNUSED: m }",
        "match: { CUSTOMER_ID: c, SKU: p }, compare: { UNUSED: m, CONSUMPTION: n }",
    );
    let desk = desk(&server, &entry(one, ""));
    lay(
        &desk,
        &[
            (0, "SKU,CUSTOMER_ID,CONSUMPTION,UNUSED\nA,c1,1,2\n"),
            (2, "SKU,CUSTOMER_ID,CONSUMPTION,UNUSED\n"),
        ],
    );
    desk.write("l.csv", "p,c,n,m\nA,c1,3,2\nb,c2,1,1\n");
    let before = reconcile(&desk, &[], 1);
    sections(&desk, &server, &entry(other, ""));
    assert_eq!(ids(&reconcile(&desk, &[], 1)).len(), 2);
    let sorted = |json: &Value| {
        let mut ids: Vec<String> = ids(json).into_iter().map(str::to_owned).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(&reconcile(&desk, &[], 1)), sorted(&before));

    // A translated value, and one that is written so and not translated.
    sections(
        &desk,
        &server,
        &entry("match: { SKU: p }, compare: { CONSUMPTION: n }", ", translate: { p: t.csv }"),
    );
    desk.write("t.csv", "from,to\nc,b\nA,A\n");
    desk.write("l.csv", "p,n\nc,x\nb,x\nA,1\n");
    let json = reconcile(&desk, &[], 1);
    assert_eq!(classes(&json["lists"][0]), named([("unreadable", "b"), ("unreadable", "b")]));
    assert_ne!(ids(&json)[0], ids(&json)[1]);
}

/// A file whose last quote is not closed hides rows: it is no table.
#[test]
fn rows_behind_an_open_quote_are_not_overlooked() {
    let server = Served::new(READY);
    let rules = "files:\n  CUSTOMER: { key: [SKU] }\n";
    let desk = desk(&server, &(INVOICE.to_owned() + rules));
    lay(&desk, &[(2, "SKU,CONSUMPTION,NAME\nA,0.5,x\nB,1,\"Joe\nD,4,y\n")]);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,11\nB,21\nC,7\n");
    let json = reconcile(&desk, &[], 1);
    let reason = json["lists"][0]["missing_files"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("a quote is not closed"), "{reason}");
    let found = desk.monthend(["audit", "m.yaml", "--offline", "--type", "CUSTOMER"]).expect(1);
    found.shows(["columns_changed", "a quote is not closed"]);
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,11\n\"B,20\nC,7\n");
    desk.monthend(["reconcile", "m.yaml"]).expect(2).says(["a quote is not closed"]);
    // A key is checked only where its columns are.
    lay(&desk, &[(2, "CONSUMPTION\n1\n")]);
    desk.monthend(["columns", "m.yaml", "--type", "CUSTOMER"])
        .expect(1)
        .shows(["missing in 1 file: SKU"]);
}

#[test]
fn sums_agree_within_a_tolerance_and_without_what_a_type_does_not_contain() {
    let server = Served::new(READY);
    let totals = "audit:\n  totals: { column: CONSUMPTION, by: [SKU], tolerance: [0.5, 1%], not_in: { USER: [C] } }\n";
    let desk = desk(&server, totals);
    lay(&desk, &[(1, "SKU,CONSUMPTION\nA,11\nB,20.2\n"), (3, "SKU,CONSUMPTION\nA,0\n=1+1,1.5\n")]);
    let run = |code| desk.monthend(["audit", "m.yaml", "--offline"]).expect(code);
    run(0);
    lay(&desk, &[(1, "SKU,CONSUMPTION\nA,11.01\nB,20.21\nC,1\n")]);
    run(1).shows(["SKU A: CUSTOMER 10.5, USER 11.01"]);
}

#[test]
fn usage_is_compared_in_units_and_rounding_is_told() {
    let server = Served::new(READY);
    let units = "units: { of: CONSUMPTION, report: CUSTOMER, at: [CUSTOMER_ID, SKU] }\n";
    let entry = INVOICE.replace("CONSUMPTION: Quantity", "UNITS: Quantity");
    let desk = desk(&server, &(entry + units));
    lay(&desk, &[(0, "CUSTOMER_ID,SKU,CONSUMPTION\nc1,A,10\nc2,A,10\nc1,A,20\nc3,B,x\n")]);
    lay(&desk, &[(2, "CUSTOMER_ID,SKU,CONSUMPTION\nc4,A,31\n")]);
    // 30/30, 10/30 and 31/30 are 1, 1 and 2.
    for (quantity, class, rounding) in
        [("4", None, false), ("3", Some("differs"), true), ("5", Some("differs"), false)]
    {
        desk.write("invoice-2026-09.csv", format!("Part,Quantity\nA,{quantity}\n"));
        let json = reconcile(&desk, &[], 1);
        let keys = json["lists"][0]["differences"].as_array().unwrap();
        let found = keys.iter().find(|key| key["key"]["SKU"] == "A");
        assert_eq!(found.map(|key| key["class"].as_str().unwrap()), class, "{quantity}");
        if let Some(key) = found {
            let units = &key["values"]["UNITS"];
            assert_eq!(units["rounding"].as_bool().unwrap_or_default(), rounding, "{units}");
            assert_eq!((&units["report"], &key["rows"]["report"]), (&"4".into(), &4.into()));
        }
        let unread = keys.iter().find(|key| key["key"]["SKU"] == "B").unwrap();
        assert_eq!(
            (&unread["class"], &unread["unreadable"][0]["line"]),
            (&"unreadable".into(), &5.into())
        );
    }
}

#[test]
fn columns_are_shown_and_written_as_the_manifest_wants_them() {
    let server = Served::new(READY);
    let desk = desk(&server, "");
    lay(&desk, &[(1, "SKU\nA\n")]);
    let show = |args: &[&str], code| {
        desk.monthend(["columns", "m.yaml"])
            .without("WEBEX_ACCESS_TOKEN")
            .args(args.to_vec())
            .expect(code)
    };
    let json = show(&["--format", "json"], 1).json();
    follows("columns", &json);
    assert_eq!(json["types"][0]["files"], 2);
    assert_eq!(json["missing_files"][0]["request"], "Bolt USER 2026-09");
    insta::assert_snapshot!("columns", show(&[], 1).stdout);
    lay(&desk, &[(3, "SKU\nA\n")]);
    let yaml = show(&["--format", "yaml"], 0).stdout;
    sections(&desk, &server, &yaml);
    show(&[], 0);
    lay(&desk, &[(3, "Sku\nA\n")]);
    let ended = show(&["--format", "csv"], 1);
    assert!(ended.stdout.ends_with("USER,SKU,,1,missing\n"), "{ended}");
    show(&["--type", "CUSTOMER"], 0);
}

#[test]
fn rows_that_are_planned_no_more_are_read_where_nothing_else_matches() {
    let server = Served::new(READY);
    let desk = desk(&server, INVOICE);
    let jobs = partners(["Acme", "Bolt"], "CUSTOMER, USER", "2026-10");
    desk.manifest(server.url(), &(jobs + INVOICE));
    desk.write("invoice-2026-09.csv", "Part,Quantity\nA,11\nB,20\nC,7\n=1+1,1\n");
    let json = reconcile(&desk, &["--period", "2026-09"], 0);
    assert_eq!(json["lists"][0]["counts"]["matched"], 4);
    assert!(json["notes"].to_string().contains("planned any more"), "{json}");
}

#[test]
fn collecting_warns_of_columns_that_are_not_as_the_manifest_says() {
    let server = Served::new(READY);
    let rules = "files:\n  USER: { columns: [NO_SUCH_COLUMN] }\n";
    let desk = Desk::with(server.url(), &(partners(["Acme"], "USER", "2026-09") + rules));
    let ended = desk.converge().args(["--collect"]).expect(0);
    ended.says(["the columns are not as `files:` in the manifest says: missing NO_SUCH_COLUMN"]);
}
