//! What a good manifest comes to.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use reconcile::{ExpectedColumns, NumberFormat, Tolerance, UnitRounding};

use super::*;
use request::{OrgId, Period, ReportType};

fn id(text: &str) -> OrgId {
    text.parse().unwrap()
}

fn named(text: &str, label: Option<&str>) -> SubPartnerSource {
    SubPartnerSource::Named(SubPartner { id: id(text), label: label.map(Into::into) })
}

fn periods(texts: &[&str]) -> Vec<Period> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn the_full_example() {
    let folder = Folder::new(FULL).with("partners.csv", PARTNERS);
    let manifest = folder.load().unwrap();
    assert_eq!(manifest.path, folder.path("october.yaml"));
    assert_eq!(manifest.name, "october-2026");
    assert_eq!(manifest.ledger, folder.path("out/october.csv"));
    let Settings { api, limits, retry, collect, audit, files } = &manifest.settings;
    assert_eq!(api.ca_file, Some(folder.path("ca.pem")));
    assert_eq!(api.connect_timeout, Duration::from_secs(5));
    assert_eq!(api.request_timeout, Duration::from_secs(60));
    assert_eq!(limits.rate.to_string(), "5/s");
    assert_eq!((limits.burst.get(), limits.concurrency.get()), (3, 4));
    assert_eq!(limits.max_requests, 500);
    assert_eq!(retry.max_attempts.get(), 3);
    assert_eq!(retry.base_delay, Duration::from_millis(200));
    assert_eq!(retry.max_delay, Duration::from_secs(2));
    assert_eq!(retry.max_retry_after, Duration::from_secs(5400));
    assert_eq!(retry.max_consecutive_failures.get(), 7);
    assert_eq!(retry.max_stall, Duration::from_secs(7200));
    assert_eq!(retry.settle, Duration::ZERO);
    assert_eq!(collect.wait, Duration::from_secs(300));
    assert_eq!(collect.output, Some(folder.path("out/reports")));
    let totals = Totals {
        column: "CONSUMPTION".to_owned(),
        by: vec!["SKU".to_owned(), "REGION".to_owned()],
        tolerance: "0.5".parse::<Tolerance>().unwrap().or("1%".parse().unwrap()),
        not_in: [(ReportType::User, strings(["A-CALLING-COMMON-AREA"]))].into(),
    };
    assert_eq!(audit.totals, Some(totals));
    let rule = FileRule {
        expected: ExpectedColumns {
            columns: strings(["CUSTOMER_ORG_ID", "SKU", "CONSUMPTION"]),
            is_closed: true,
        },
        key: strings(["CUSTOMER_ORG_ID", "SKU"]),
    };
    assert_eq!(*files, [(ReportType::Customer, rule)].into());

    let [own, resellers] = manifest.jobs.as_slice() else { panic!("{:?}", manifest.jobs) };
    assert_eq!(
        *own,
        Job {
            name: "own".into(),
            sub_partners: SubPartners::Own,
            types: vec![ReportType::Partner],
            internal: true,
            periods: periods(&["2026-10"]),
            exclude: vec![],
        }
    );
    let acme = "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi85NmFiYzJhYQ";
    assert_eq!(
        *resellers,
        Job {
            name: "resellers".into(),
            sub_partners: SubPartners::Listed(vec![
                named("Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi81MmNmNTc2ZA", None),
                named(acme, Some("Acme GmbH")),
                named("b1", Some("Bolt")),
                named("b2", None),
                SubPartnerSource::Discovered(Discover::Active),
            ]),
            types: vec![ReportType::Customer, ReportType::User],
            internal: false,
            periods: periods(&[
                "2026-10",
                "2026-10",
                "2026-10-01..2026-10-15",
                "2026-01",
                "2026-02",
                "2026-03"
            ]),
            exclude: vec![
                Exclusion {
                    sub_partner: Some(id(acme)),
                    report_type: Some(ReportType::User),
                    period: None,
                },
                Exclusion {
                    sub_partner: None,
                    report_type: None,
                    period: Some("2026-10".parse().unwrap()),
                },
            ],
        }
    );
    let labels: Vec<_> = manifest.labels.iter().map(|(l, i)| (&**l, i.as_str())).collect();
    assert_eq!(labels, [("Acme GmbH", acme), ("Bolt", "b1")]);
}

fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<ColumnPair> {
    pairs.map(|(report, list)| ColumnPair { report: report.into(), list: list.into() }).into()
}

#[test]
fn what_files_are_compared_with() {
    let folder = Folder::new(FULL).with("partners.csv", PARTNERS);
    let manifest = folder.load().unwrap();
    let units = UnitsRule {
        of: "CONSUMPTION".to_owned(),
        report_type: ReportType::Customer,
        per: Divisor::Days,
        rounding: UnitRounding::Up,
        at: strings(["CUSTOMER_ORG_ID", "SKU"]),
    };
    assert_eq!(manifest.units, Some(units));
    let invoice = ReconcileEntry {
        name: "invoice".into(),
        report_type: ReportType::Customer,
        jobs: Vec::new(),
        internal: false,
        with: OtherSide::List(ListFile {
            folder: folder.path(""),
            written: "invoice-{period}.csv".to_owned(),
            format: NumberFormat::Unstated,
            filter: BTreeMap::new(),
        }),
        key: pairs([("SKU", "Part Number")]),
        compare: pairs([("UNITS", "Quantity")]),
        tolerance: "0.5".parse().unwrap(),
        translate: BTreeMap::new(),
        ignores_case: false,
        is_unique: false,
    };
    let subscribers = ReconcileEntry {
        name: "subscribers".into(),
        report_type: ReportType::User,
        jobs: vec!["resellers".into()],
        internal: true,
        with: OtherSide::List(ListFile {
            folder: folder.path(""),
            written: "crm.csv".to_owned(),
            format: NumberFormat::Comma,
            filter: [
                ("State".to_owned(), strings(["active", "trial"])),
                ("Year".to_owned(), strings(["2026"])),
            ]
            .into(),
        }),
        key: pairs([("USER_ID", "webex_id"), ("SKU", "Product")]),
        compare: Vec::new(),
        tolerance: Tolerance::default(),
        translate: [("Product".to_owned(), folder.path("products.csv"))].into(),
        ignores_case: true,
        is_unique: true,
    };
    let restated = ReconcileEntry {
        name: "restated".into(),
        with: OtherSide::Ledger(folder.path("october.first.ledger.csv")),
        key: pairs([("USER_ID", "USER_ID"), ("SKU", "SKU")]),
        compare: pairs([("CONSUMPTION", "CONSUMPTION")]),
        report_type: ReportType::User,
        tolerance: Tolerance::default(),
        ..invoice.clone()
    };
    let levels = ReconcileEntry {
        name: "levels".into(),
        with: OtherSide::Report(ReportType::User),
        key: pairs([("sub_partner_org_id", "sub_partner_org_id"), ("SKU", "SKU")]),
        compare: pairs([("CONSUMPTION", "CONSUMPTION")]),
        tolerance: "1%".parse().unwrap(),
        ..invoice.clone()
    };
    assert_eq!(manifest.reconcile, [invoice, subscribers, restated, levels]);
    let OtherSide::List(list) = &manifest.reconcile[0].with else { panic!() };
    let path = |period: &str| list.path(period.parse().unwrap());
    assert!(list.is_per_period());
    assert_eq!(path("2026-10"), folder.path("invoice-2026-10.csv"));
    assert_eq!(path("2026-10-01..2026-10-15"), folder.path("invoice-2026-10-01..2026-10-15.csv"));
}

/// `audit.totals.tolerance` as `tolerance` writes it, and `units.per` as `per` does.
fn numbers(tolerance: &str, per: &str) -> Result<(String, String), ManifestError> {
    let manifest = Folder::new(&format!(
        "version: 1
jobs: [{{ name: x, types: [USER], periods: [2026-09] }}]
audit: {{ totals: {{ column: A, tolerance: {tolerance} }} }}
units: {{ of: A, report: USER, per: {per}, round: none }}
"
    ))
    .load()?;
    let per = match manifest.units.unwrap().per {
        Divisor::Days => "days".to_owned(),
        Divisor::Number(number) => number.to_string(),
    };
    Ok((manifest.settings.audit.totals.unwrap().tolerance.to_string(), per))
}

#[test]
fn numbers_are_exactly_what_is_written() {
    let long = "123456789012345678901234567890.12345678901234567890123456789";
    let percentage = format!("{long}%");
    for (written, read) in [
        ("0", "0"),
        ("0.10", "0.1"),
        ("007", "7"),
        ("\"0.5\"", "0.5"),
        ("&a 0.5", "0.5"),
        ("!!float 0.50", "0.5"),
        ("0.30000000000000000000000000000001", "0.30000000000000000000000000000001"),
        ("18446744073709551617", "18446744073709551617"),
        (long, long),
        (&percentage, &percentage),
        ("1%", "1%"),
        ("'1 %'", "1%"),
        ("[0.5, 1%]", "0.5, 1%"),
        ("[\"0.5\"]", "0.5"),
        ("&a [&b 2, *b]", "2, 2"),
        ("\"1,000.5\"", "1000.5"),
    ] {
        let (tolerance, _) = numbers(written, "days").unwrap();
        assert_eq!(tolerance, read, "{written}");
        if read != "0" && !read.contains(['%', ',']) && !written.contains('[') {
            assert_eq!(numbers("0", written).unwrap().1, read, "{written}");
        }
    }
    for wrong in ["-1", "1e3", ".5", "+1", "5.", "0x1F", ".inf", "~", "true", "\"\"", "{}", "1,5"] {
        assert!(numbers(wrong, "days").is_err(), "{wrong}");
        assert!(numbers("0", wrong).is_err(), "{wrong}");
    }
    for wrong in ["0", "0.00", "-0", "1%", "[1]", "Days"] {
        assert!(numbers("0", wrong).is_err(), "{wrong}");
    }
    assert_eq!(numbers("-0", "days").unwrap().0, "0");
}

proptest! {
    #[test]
    fn no_digit_is_lost(whole in "[1-9][0-9]{0,40}", fraction in "[0-9]{0,40}[1-9]") {
        let number = format!("{whole}.{fraction}");
        let read = numbers(&format!("[{number}, {number}%]"), &number);
        prop_assert_eq!(read.unwrap(), (format!("{number}, {number}%"), number));
    }
}

#[test]
fn columns_are_trimmed_and_cells_are_as_they_are_written() {
    let folder = Folder::new(
        "version: 1
jobs: [{ name: x, types: [USER], periods: [2026-09] }]
audit: { totals: { column: A, by: [' B '], not_in: { USER: [C, ' D ', 1.50, ''], PARTNER: 007 } } }
reconcile:
  - name: all_Of-1
    report: USER
    with: { file: ' ./lists/{period}/ä b.csv ', decimal: ., where: { ' S ': '' } }
    match: { &a ' Sku ': \"Part Number \", '<<': x, sku: '2026' }
    compare: { <<: { K: L, M: N }, K: P }
",
    );
    let manifest = folder.load().unwrap();
    let totals = manifest.settings.audit.totals.unwrap();
    assert_eq!(totals.by, ["B"]);
    assert_eq!(totals.not_in[&ReportType::User], ["C", "D", "1.50", ""]);
    assert_eq!(totals.not_in[&ReportType::Partner], ["007"]);
    let entry = &manifest.reconcile[0];
    let OtherSide::List(list) = &entry.with else { panic!("{entry:?}") };
    assert_eq!(list.written, "./lists/{period}/ä b.csv");
    assert_eq!(manifest.origin.files, ["./lists/{period}/ä b.csv"]);
    assert_eq!(list.format, NumberFormat::Point);
    assert_eq!(list.filter, [("S".to_owned(), strings([""]))].into());
    assert_eq!(entry.key, pairs([("Sku", "Part Number"), ("<<", "x"), ("sku", "2026")]));
    assert_eq!(entry.compare, pairs([("K", "P"), ("M", "N")]));
}

/// Outputs do not overwrite what an unread part names.
#[test]
fn the_files_that_are_named_are_known_whether_their_part_is_read_or_not() {
    let folder = Folder::new(FULL).with("partners.csv", PARTNERS);
    let read = folder.load().unwrap().origin;
    let files = ["crm.csv", "partners.csv", "invoice-{period}.csv", "products.csv"];
    assert_eq!(read.files, files);
    assert_eq!(read.ledgers, [folder.path("october.first.ledger.csv")]);
    let unread = RunSettings::load(&folder.path("october.yaml")).unwrap().origin;
    assert_eq!((&unread.files, &unread.ledgers), (&read.files, &read.ledgers));
    let broken = Folder::new(
        "version: 1\nunits: 1\nreconcile: { with: { ledger: l.csv, x: [{ translate: { a: b.csv, c: 1 } }] } }\n",
    );
    let origin = RunSettings::load(&broken.path("october.yaml")).unwrap().origin;
    assert_eq!(origin.files, ["b.csv"]);
    assert_eq!(origin.inputs(), [broken.path("b.csv")]);
    assert_eq!(origin.ledgers, [broken.path("l.csv")]);
}

#[test]
fn the_smallest_manifest_has_the_defaults() {
    let folder = Folder::new(
        "version: 1\njobs: [{ name: own, types: [USER], periods: [previous-month] }]\n",
    );
    let manifest = folder.load().unwrap();
    assert_eq!(manifest.settings, Settings::default());
    assert_eq!(manifest.name, "october");
    assert_eq!(manifest.ledger, folder.path("october.ledger.csv"));
    assert_eq!(manifest.jobs[0].periods, periods(&["2026-10"]));
}

#[test]
fn a_bom_and_crlf_change_nothing() {
    let plain = Folder::new(FULL).with("partners.csv", PARTNERS);
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let other = Folder::new(&windows(FULL)).with("partners.csv", windows(PARTNERS));
    assert_eq!(plain.load().unwrap().jobs, other.load().unwrap().jobs);
}

#[test]
fn anchors_and_merges_reach_through_each_other() {
    let folder = Folder::new(
        "version: 1
jobs:
  - &a { name: a, types: &t [USER], periods: [2026-09] }
  - &b { <<: *a, name: b, internal: true }
  - { <<: *b, name: c, periods: [2026-08] }
  - { name: d, <<: [{ types: [PARTNER] }, *b], internal: false }
  - { name: e, types: *t, periods: [2026-07] }
",
    );
    let jobs = folder.load().unwrap().jobs;
    let seen: Vec<_> = jobs
        .iter()
        .map(|job| format!("{} {:?} {} {}", job.name, job.types, job.internal, job.periods[0]))
        .collect();
    assert_eq!(
        seen,
        [
            "a [User] false 2026-09",
            "b [User] true 2026-09",
            "c [User] true 2026-08",
            "d [Partner] false 2026-09",
            "e [User] false 2026-07",
        ]
    );
}

#[test]
fn partners_files_may_be_untidy() {
    for partners in [
        "org_id\na\nb\n",
        "org_id,label\na,\nb,Bolt\n",
        "label,org_id\r\n,a\r\n\r\n  \r\nBolt,b",
        "\u{feff}org_id , label \n\n a , \n\"b\",\"Bolt\" \na,\n",
        "\u{feff}org_id;label;notes\r\na;;call them\r\n;;\r\nb;Bolt;\r\n",
        "label\torg_id\t\t\n\ta\t\t\nBolt\tb\t\t\n\t\t\t\n",
        "\"org_id\";\"label\";\"note\"\n\"a\";\"\";\"two\nlines\"\n\"b\";\"Bolt\"\n",
        "sep=;\norg_id;label\na;\nb;Bolt\n",
        "\u{feff}\"sep=;\"\r\n\r\nOrg_ID;LABEL\r\na;\r\nb;Bolt\r\n",
        "sep=\t\norg_id\tlabel\na\t\nb\tBolt\n",
        "Sep=,,\n,,\n\n\"\",\"\"\norg_id,label\na,\nb,Bolt\n",
        ";;\n;;\norg_id;label;\na;;\nb;Bolt;\n",
        "org_id,label\n\"=\"\"a\"\"\",\n=\"b\",\"=\"\"Bolt\"\"\"\n",
        "\"=\"\"org_id\"\"\",label\n'a,\n\"'=\"\"b\"\"\",Bolt\n",
        "org_id,label\n\"a\n\",\nb,\"Bolt\n\"\n",
    ] {
        let folder = Folder::new(
            "version: 1\njobs: [{ name: x, types: [USER], periods: [2026-09], sub_partners: [{ file: p.csv }] }]\n",
        )
        .with("p.csv", partners);
        let SubPartners::Listed(sources) = &folder.load().unwrap().jobs[0].sub_partners else {
            panic!("{partners}")
        };
        let ids: Vec<_> = sources
            .iter()
            .map(|source| match source {
                SubPartnerSource::Named(sub_partner) => sub_partner.id.as_str(),
                SubPartnerSource::Discovered(_) => "?",
            })
            .collect();
        assert_eq!(ids, ["a", "b"], "{partners:?}");
    }
}

#[test]
fn a_label_of_several_lines_is_one_line() {
    let manifest = "version: 1\njobs: [{ name: x, types: [USER], periods: [2026-09], sub_partners: [{ file: p.csv }] }]\n";
    for (label, expected) in [
        ("\"Acme\nGmbH\"", "Acme GmbH"),
        ("\"Acme \r\n\r\n GmbH\"", "Acme GmbH"),
        ("\"Acme\rGmbH\n& Co\"", "Acme GmbH & Co"),
        ("\"=\"\"Acme\nGmbH\"\"\"", "Acme GmbH"),
        ("'t Hoekje", "'t Hoekje"),
        ("\"say \"\"yes\"\"\"", "say \"yes\""),
    ] {
        let text = format!("org_id,label\na,{label}\n");
        let folder = Folder::new(manifest).with("p.csv", &text);
        let SubPartners::Listed(sources) = &folder.load().unwrap().jobs[0].sub_partners else {
            panic!("{text}")
        };
        assert_eq!(sources.to_vec(), [named("a", Some(expected))], "{text:?}");
    }
}

#[test]
fn retry_reads_settings_and_looks_at_no_job() {
    let folder = Folder::new(
        "version: 1\nledger: l.csv\nlimits: { burst: 2 }\njobs: [{ sub_partners: [{ file: gone.csv }] }]\n",
    );
    let settings = RunSettings::load(&folder.path("october.yaml")).unwrap();
    assert_eq!(settings.ledger, folder.path("l.csv"));
    assert_eq!(settings.name, "october");
    assert_eq!(settings.settings.limits.burst.get(), 2);
    for bad in ["version: 1\njob: []\n", "version: 1\nlimits: { burst: 0 }\n", "a: [\n"] {
        let folder = Folder::new(bad);
        let error = RunSettings::load(&folder.path("october.yaml")).unwrap_err();
        assert!(matches!(error, ManifestError::Invalid(_)), "{bad}: {error}");
    }
}

#[test]
fn the_calendar_rules_can_be_turned_off() {
    let folder = Folder::new(
        "version: 1\njobs: [{ name: x, types: [USER], periods: [2027-01, 1999-01, { start: 2026-11-05, end: 2026-11-05 }] }]\n",
    );
    assert_eq!(folder.problems().shown.len(), 3);
    let off = LoadOptions { date_check: DateCheck::Off, ..options() };
    assert!(Manifest::load(&folder.path("october.yaml"), &off).is_ok());
}

#[test]
fn the_calendar_rules_count_from_the_real_day_to_the_day() {
    let with = |period: &str| {
        Folder::new(&format!(
            "version: 1\njobs: [{{ name: x, types: [USER], periods: [{period}] }}]\n"
        ))
    };
    // Today is 2026-11-05.
    assert!(with("{ start: 2021-11-05, end: 2026-11-04 }").load().is_ok());
    assert_eq!(with("{ start: 2021-11-04, end: 2026-11-04 }").problems().shown.len(), 1);
    assert_eq!(with("{ start: 2021-11-05, end: 2026-11-05 }").problems().shown.len(), 1);
}

#[test]
fn a_hundred_thousand_sub_partners_are_no_trouble() {
    let mut partners = String::from("org_id,label\n");
    let mut manifest = String::from(
        "version: 1\njobs:\n  - name: x\n    types: [USER]\n    periods: [2026-09]\n    sub_partners:\n      - { file: partners.csv }\n",
    );
    for number in 0..100_000 {
        partners.push_str(&format!("org-{number},Label {number}\n"));
        manifest.push_str(&format!("      - {{ id: id-{number}, label: Ü {number} }}\n"));
    }
    let folder = Folder::new(&manifest).with("partners.csv", &partners);
    assert_eq!(folder.load().unwrap().labels.len(), 200_000);

    let folder = folder.with("partners.csv", partners.replace(",Label", ";Label"));
    let problems = folder.problems();
    assert!(problems.render(false).ends_with("and 99950 more problems\n"));
}

#[test]
fn what_is_odd_is_noted_with_its_place() {
    let organisation = "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi81MmNmNTc2ZA";
    let folder = Folder::new(&format!(
        "version: 1
jobs:
  - name: x
    types: [USER]
    periods: [2026-09]
    sub_partners:
      - AcmeVoice
      - 12345
      - {organisation}
      - {{ id: {organisation}, label: Acme }}
      - {{ id: {organisation}=, label: own }}
      - {{ file: p.csv }}
"
    ))
    .with("p.csv", format!("org_id;notes;label;;owner\n{organisation};;Acme;;\nAcmeVoice;;;;\n"));
    let manifest = folder.load().unwrap();
    let folder = format!("{}/", folder.dir.path().display());
    let said: Vec<String> =
        manifest.oddities.iter().map(|oddity| format!("{oddity:?}").replace(&folder, "")).collect();
    assert_eq!(said.len(), 4, "{said:#?}");
    for (said, parts) in said.iter().zip([
        ["NoOrganisation", "\"AcmeVoice\"", "neither", "october.yaml:7:9"],
        ["NoOrganisation", "\"12345\"", "a number", "october.yaml:8:9"],
        ["TwoLabels", "first: \"Acme\"", "other: \"own\"", "october.yaml:11:"],
        ["FurtherColumns", "p.csv", "[\"notes\", \"owner\"]", ""],
    ]) {
        assert!(parts.iter().all(|part| said.contains(part)), "{said}: {parts:?}");
    }
}
