//! Bad manifests, and what is said about them.

use super::*;

/// A manifest with one job, its `rest` on line 5.
fn job(rest: &str) -> String {
    format!(
        "version: 1\ndefaults: {{ types: [USER], periods: [2026-09] }}\njobs:\n  - name: x\n    {rest}\n"
    )
}

/// A good manifest with a line 3.
fn top(rest: &str) -> String {
    format!("version: 1\njobs: [{{ name: x, types: [USER], periods: [2026-09] }}]\n{rest}\n")
}

/// Manifest, then for each problem where it is, a part of what is said, and a part of the advice.
type Case = (String, &'static [(usize, usize, &'static str, &'static str)]);

fn check(cases: Vec<Case>) {
    for (text, expected) in cases {
        let folder = Folder::new(&text)
            .with("p.csv", "org_id,label\na,Acme\n")
            .with("empty.csv", "")
            .with("header.csv", "org_id\n");
        let problems = folder.problems();
        let found: Vec<_> = problems
            .iter()
            .map(|p| {
                (
                    p.line(),
                    p.column(),
                    p.message().to_owned(),
                    p.help().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        assert_eq!(found.len(), expected.len(), "{text}\n{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!((found.0, found.1), (expected.0, expected.1), "{text}\n{found:?}");
            assert!(found.2.contains(expected.2), "{text}\n{found:?}");
            assert!(found.3.contains(expected.3), "{text}\n{found:?}");
        }
    }
}

#[test]
fn the_text_as_yaml() {
    check(vec![
        (String::new(), &[(1, 1, "empty", "version: 1")]),
        ("# nothing\n".into(), &[(1, 1, "empty", "")]),
        ("---\n~\n".into(), &[(2, 1, "empty", "")]),
        ("- a\n".into(), &[(1, 1, "found a list", "")]),
        ("just text\n".into(), &[(1, 1, "found a text", "")]),
        ("version: 1\njobs: [\n".into(), &[(3, 1, "not valid YAML", "")]),
        (top("---\nversion: 1"), &[(3, 1, "second YAML document", "---")]),
        (top("name: a\nname: b"), &[(4, 1, "\"name\" is given twice", "")]),
        (top("name: &a [*a]"), &[(3, 11, "within its own anchor", "")]),
        (top("1: 2"), &[(3, 1, "\"1\" is not a text", "")]),
        (top("<<: 3"), &[(3, 5, "`<<` takes a mapping", "")]),
        (top("name: !x y"), &[(3, 7, "with a !tag", "")]),
    ]);
}

#[test]
fn slips_of_yaml_get_the_advice_that_helps() {
    check(vec![
        (
            "version: 1\njobs:\n  - name: x\n\ttypes: [USER]\n".into(),
            &[(4, 1, "not valid YAML", "use spaces, not tabs")],
        ),
        (
            "version: 1\njobs:\n  - name: x\n   types: [USER]\n".into(),
            &[(4, 4, "not valid YAML", "align with \"name\"")],
        ),
        (
            job("sub_partners: [{ id: a, label: Acme, Inc. }]"),
            &[(5, 42, "unknown key \"Inc.\"", "quote it: label: \"Acme, Inc.\"")],
        ),
        (
            job("periods: [{ start: 2026-09-01, end 2026-09-15 }]"),
            &[(5, 15, "no `end`", ""), (5, 36, "unknown key", "write `end: 2026-09-15`")],
        ),
        (
            top("name: a\nname: b\n name: c"),
            &[(4, 1, "given twice", ""), (5, 6, "not valid YAML", "")],
        ),
        (
            job("sub_partners: [{ id: a, label: Acme, Inc.: }]"),
            &[(5, 42, "unknown key \"Inc.\"", "the keys are id, label")],
        ),
        (
            job("periods: 2026-09\n    types: USER"),
            &[
                (5, 14, "found a text", "write periods: [2026-09]"),
                (6, 12, "found a text", "write types: [USER]"),
            ],
        ),
        (
            job("periods: [{ form: 2026-01, to: 2026-02, every: month }]"),
            &[(5, 15, "no `from`", ""), (5, 17, "unknown key \"form\"", "did you mean from?")],
        ),
        (
            job("sub_partners: [{ fil: p.csv }, { file: p.csv, label: Acme }]"),
            &[
                (5, 20, "no `file`", ""),
                (5, 22, "unknown key \"fil\"", "did you mean file?"),
                (5, 36, "do not go together", "{ file: partners.csv }"),
            ],
        ),
    ]);
}

#[test]
fn a_key_that_is_given_twice_hides_no_other_mistake() {
    check(vec![(
        job("types: [USER]\n    types: [USERS]\n    internal: 3"),
        &[
            (6, 5, "\"types\" is given twice", "keep one"),
            (7, 15, "expected `true` or `false`", ""),
        ],
    )]);
}

#[test]
fn what_is_wrong_is_not_missing_as_well() {
    check(vec![
        (
            job(
                "types: 3\n    periods: {}\n    sub_partners: 7\n    exclude: [{ sub_partner: a }]",
            ),
            &[
                (5, 12, "found a number", ""),
                (6, 14, "found a mapping", ""),
                (7, 19, "found a number", ""),
            ],
        ),
        (
            "version: 1\ndefaults: { types: 3, periods: [2026-9] }\njobs: [{ name: a }]\n".into(),
            &[(2, 20, "found a number", ""), (2, 33, "not a valid period", "")],
        ),
    ]);
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let before = level - 1;
        let items = format!("*a{before}, ").repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let mut merges = String::from("a0: &a0 { x: y }\n");
    for level in 1..100 {
        merges.push_str(&format!("a{level}: &a{level} {{ <<: *a{} }}\n", level - 1));
    }
    for (text, message) in [
        (bomb, "more than 2000000 values"),
        (merges, "nested more than 64"),
        (format!("a: {}", "[".repeat(100_000)), "nested more than 64"),
        ("- ".repeat(100_000), "nested more than 64"),
        (format!("a: {}", "{ b: ".repeat(1_000)), "nested more than 64"),
        (format!("a: [{}]", "x,".repeat(2_000_001)), "more than 2000000 values"),
    ] {
        let messages = Folder::new(&text).messages();
        assert!(messages[0].contains(message), "{messages:?}");
    }
}

#[test]
fn the_top_level() {
    check(vec![
        (
            "name: x\n".into(),
            &[(1, 1, "no `version`", "version: 1"), (1, 1, "no `jobs`", "jobs: [")],
        ),
        (
            "version: 2\njobs: []\n".into(),
            &[
                (1, 10, "version \"2\" is not known", "version: 1"),
                (2, 7, "empty", "at least one job"),
            ],
        ),
        (
            "version: \"1\"\njobs:\n".into(),
            &[
                (1, 10, "version \"\\\"1\\\"\"", ""),
                (2, 1, "expected a list of jobs, found nothing", ""),
            ],
        ),
        (top("jops: 3"), &[(3, 1, "unknown key \"jops\" in the manifest", "did you mean jobs?")]),
        (top("wholesale: 3"), &[(3, 1, "unknown key", "the keys are version, name")]),
        (top("name: 2026"), &[(3, 7, "YAML reads \"2026\" as a number", "quote it: \"2026\"")]),
        (top("name: \" \""), &[(3, 7, "must not be empty", "")]),
        (top("name: \"a\\tb\""), &[(3, 7, "control characters", "")]),
        (top("ledger: out/"), &[(3, 9, "a folder", "")]),
        (top("ledger: .."), &[(3, 9, "a folder", "")]),
    ]);
}

#[test]
fn settings() {
    check(vec![
        (
            top("api: { base_url: ftp://x, connect_timeout: 0s, request_timeout: 30, tls: no }"),
            &[
                (3, 18, "\"ftp\" is not supported", ""),
                (3, 44, "longer than zero", ""),
                (3, 65, "\"30\" has no unit", "write 30s"),
                (3, 69, "unknown key \"tls\" in `api`", ""),
            ],
        ),
        (top("api: { base_url: http://example.org }"), &[(3, 18, "loopback hosts only", "")]),
        (
            top("limits: { rate: 300, burst: 0, concurrency: 1025, max_requests: -1 }"),
            &[
                (3, 17, "\"300\" is not a valid rate", "300/min"),
                (3, 29, "\"0\" is not a whole number from 1", ""),
                (3, 45, "from 1 to 1024", ""),
                (3, 65, "\"-1\" is not a whole number", ""),
            ],
        ),
        (top("limits: { rate: 5/sec }"), &[(3, 17, "not a valid rate", "5/s")]),
        (top("limits: { burst: 1.5 }"), &[(3, 18, "\"1.5\" is not a whole number", "")]),
        (top("limits:"), &[(3, 1, "found nothing", "")]),
        (
            top("collect: { wait: 30, output: ' ', wiat: 1m }"),
            &[
                (3, 18, "\"30\" has no unit", "write 30s"),
                (3, 30, "must not be empty", ""),
                (3, 35, "unknown key \"wiat\" in `collect`", "did you mean wait?"),
            ],
        ),
        (
            top("audit: { totals: { by: [] } }"),
            &[
                (3, 18, "`totals` has no `column`", "column: CONSUMPTION"),
                (3, 24, "this list is empty", "leave `by` out"),
            ],
        ),
        (
            top("audit: { totals: { column: A, by: [B, A] } }"),
            &[(3, 18, "the column \"A\" is named twice", "")],
        ),
        (
            top(
                "retry: { max_attempts: many, base_delay: 0s, max_delay: 1 minute, settle: 0s, max_stall: 0m }",
            ),
            &[
                (3, 24, "expected a whole number, found a text", ""),
                (3, 57, "\"1 minute\" is not a valid duration", "15m"),
                (3, 90, "longer than zero", ""),
            ],
        ),
    ]);
}

#[test]
fn jobs() {
    check(vec![
        ("version: 1\njobs: [{}, x]\n".into(), &[
            (2, 8, "no `name`", ""),
            (2, 8, "no `types`", "types: [PARTNER"),
            (2, 8, "no `periods`", ""),
            (2, 12, "expected a job", ""),
        ]),
        (job("subpartners: []"), &[(5, 5, "unknown key \"subpartners\" in a job", "did you mean sub_partners?")]),
        (job("types: [USERS, customer, Y, true]"), &[
            (5, 13, "\"USERS\" is not a valid report type", "did you mean USER?"),
            (5, 20, "", "did you mean CUSTOMER?"),
            (5, 30, "", "PARTNER, CUSTOMER, USER"),
            (5, 33, "as a truth value", "quote it"),
        ]),
        (job("types: []\n    periods: []\n    sub_partners: []\n    exclude: []"), &[
            (5, 12, "empty", "PARTNER"),
            (6, 14, "empty", "previous-month"),
            (7, 19, "empty", "leave `sub_partners` out"),
            (8, 14, "empty", "leave `exclude` out"),
        ]),
        (job("types: USER"), &[(5, 12, "expected a list of types, found a text", "")]),
        (job("internal: \"true\""), &[(5, 15, "expected `true` or `false`", "")]),
        (job("internal: yes"), &[(5, 15, "expected `true` or `false`", "")]),
        ("version: 1\ndefaults: { types: [X], periods: [2026-13], jobs: 1 }\njobs: [{ name: a }, { name: b }]\n".into(), &[
            (2, 21, "\"X\" is not a valid report type", ""),
            (2, 35, "\"2026-13\" is not a valid period", ""),
            (2, 45, "unknown key \"jobs\" in `defaults`", ""),
        ]),
        (job("x: 1\n  - name: x\n  - name: \"\"\n  - name: \"a\\nb\""), &[
            (5, 5, "unknown key", ""),
            (6, 11, "two jobs are named \"x\"", ""),
            (7, 11, "must not be empty", ""),
            (8, 11, "control characters (here '\\n')", ""),
        ]),
    ]);
}

#[test]
fn periods() {
    let period = |text: &str| job(&format!("periods: [{text}]"));
    check(vec![
        (period("2026"), &[(5, 15, "\"2026\" is not a valid period", "2026-10")]),
        (
            period("2026-10-01"),
            &[(5, 15, "not a valid period", "{ start: 2026-10-01, end: 2026-10-01 }")],
        ),
        (
            period("previous_month"),
            &[(5, 15, "not a valid period", "did you mean previous-month?")],
        ),
        (
            period("2026-11"),
            &[(5, 15, "ends on 2026-11-30 and is not over yet", "--no-date-check")],
        ),
        (
            period("2021-10"),
            &[(5, 15, "starts on 2021-10-01, more than five years ago", "2021-11-05")],
        ),
        (
            period("{ start: 2026-02-30, end: 2026-9-1 }"),
            &[
                (5, 24, "\"2026-02-30\" is not a calendar day", ""),
                (5, 41, "\"2026-9-1\" is not a calendar day", ""),
            ],
        ),
        (
            period("{ start: 2026-09-02, end: 2026-09-01 }"),
            &[(5, 41, "`end` 2026-09-01 is before `start` 2026-09-02", "")],
        ),
        (
            period("{ start: 2021-01-01, end: 2026-11-05 }"),
            &[(5, 24, "five years", ""), (5, 41, "not over yet", "")],
        ),
        (period("{ start: 2026-09-02 }"), &[(5, 15, "no `end`", "end: 2026-10-31")]),
        (
            period("{ from: 2026-09, to: 2026-08, every: month }"),
            &[(5, 36, "`to` 2026-08 is before `from` 2026-09", "")],
        ),
        (
            period("{ from: 2026-09, to: 2026-11, every: week }"),
            &[(5, 52, "\"week\" is not a valid step", "month")],
        ),
        (
            period("{ from: 2020-09, to: 2027-11, every: month }"),
            &[(5, 23, "five years", ""), (5, 36, "not over yet", "")],
        ),
        (
            period("{ from: 2026-09, to: 2026 }"),
            &[
                (5, 15, "no `every`", "every: month"),
                (5, 36, "\"2026\" is not a calendar month", ""),
            ],
        ),
        (period("{ start: 2026-09-01, to: 2026-09 }"), &[(5, 15, "do not go together", "{ from:")]),
        (period("{}"), &[(5, 15, "no `start`", ""), (5, 15, "no `end`", "")]),
        (
            period("{ begin: 2026-09-01, end: 2026-09-01 }"),
            &[(5, 15, "no `start`", ""), (5, 17, "unknown key \"begin\"", "")],
        ),
        (period("[2026-09]"), &[(5, 15, "found a list", "")]),
    ]);
}

#[test]
fn sub_partners_and_exclusions() {
    let listed = |text: &str| job(&format!("sub_partners: {text}"));
    let excluded = |text: &str| {
        job(&format!("sub_partners: [a, {{ id: b, label: Bolt }}]\n    exclude: [{text}]"))
    };
    check(vec![
        (
            listed("[007, 1.23E+10, \"1,23E+10\"]"),
            &[
                (5, 25, "has made a number of this id", "the format text"),
                (5, 35, "\"1,23E+10\": a spreadsheet", "the format text"),
            ],
        ),
        (listed("[{ id: a, label: 1.0 }]"), &[(5, 36, "expected a label", "quote it: \"1.0\"")]),
        (
            listed("[ä b, \"\", own]"),
            &[
                (5, 20, "only visible ASCII", "orgId"),
                (5, 25, "must not be empty", ""),
                (5, 29, "`own` is no id", "leave `sub_partners` out"),
            ],
        ),
        (listed("[{ label: a }]"), &[(5, 20, "no `id`", "")]),
        (listed("[{ id: a, file: p.csv }]"), &[(5, 20, "do not go together", "")]),
        (
            listed("[{ discover: al }]"),
            &[(5, 32, "\"al\" is not a valid kind", "did you mean all?")],
        ),
        (
            listed("[{ id: a, label: A }, { id: b, label: A }]"),
            &[(5, 57, "\"A\" is used for two ids: b here and a before", "")],
        ),
        (listed("[{ id: a, label: b }, b]"), &[(5, 36, "\"b\" is the id of another", "")]),
        (listed("[{ file: gone.csv }]"), &[(5, 28, "No such file", "relative to the manifest")]),
        (
            listed("[{ file: empty.csv }, { file: header.csv }]"),
            &[(1, 1, "lists nobody", "org_id,label"), (1, 1, "lists nobody", "")],
        ),
        (excluded("{}"), &[(6, 15, "names nothing", "at least one")]),
        (
            excluded("{ sub_partner: Bold }"),
            &[(6, 30, "no sub-partner \"Bold\"", "did you mean \"Bolt\"?")],
        ),
        (
            excluded("{ sub_partner: c, type: X, period: { from: 2026-09 } }"),
            &[
                (6, 30, "no sub-partner \"c\"", ""),
                (6, 39, "not a valid report type", ""),
                (6, 50, "no `start`", ""),
                (6, 50, "no `end`", ""),
                (6, 52, "unknown key \"from\"", ""),
            ],
        ),
        (job("exclude: [{ sub_partner: a }]"), &[(5, 30, "bills the partner itself", "")]),
    ]);
}

#[test]
fn partners_files() {
    let manifest = "version: 1\njobs: [{ name: x, types: [USER], periods: [2026-09], sub_partners: [{ id: z, label: Zet }, { file: p.csv }] }]\n";
    for (partners, expected) in [
        ("a,Acme\nb,Bolt\n", "p.csv:1:1: the first line is not a header"),
        ("org_id|label\na|Acme\n", "p.csv:1:1: the first line is not a header"),
        ("org_id\na;Acme\n", "p.csv:2:1: this line has several cells, the header has one"),
        (
            "org_id;label\n1,23E+10;Acme\n",
            "p.csv:2:1: \"1,23E+10\": a spreadsheet has made a number",
        ),
        (
            "label;org_id;note\nAcme;1.23E+10;call\n",
            "p.csv:2:6: \"1.23E+10\": a spreadsheet has made a number",
        ),
        ("org_id,label,note\na,Acme,\"call\nb,Bolt,x\n", "p.csv:2:8: a quoted cell goes on"),
        ("orgid,label\na,A\n", "p.csv:1:1: \"orgid\" is not a valid column"),
        ("org_id,org_id\na,b\n", "p.csv:1:8: the column \"org_id\" is there twice"),
        ("label,org_id\nÄ,a b\n", "p.csv:2:3: \"a b\": an organisation id"),
        ("label,org_id\nÄ,\n", "p.csv:2:3: \"\": an organisation id must not be empty"),
        ("org_id,label\r\n\r\na\r\n", "p.csv:3:1: this line has 1 cell, the header has 2"),
        ("org_id,label\na,Acme, Inc.\n", "p.csv:2:1: this line has 3 cells"),
        ("org_id,label\na,\"Acme\nb,Bolt\n", "p.csv:2:3: a quoted cell goes on"),
        ("org_id,label\nown,a\n", "p.csv:2:1: `own` is no id"),
        ("label,org_id\nx, own\n", "p.csv:2:4: `own` is no id"),
        (
            "org_id,label\na,A\nb,A\n",
            "p.csv:3:3: the label \"A\" is used for two ids: b here and a before (see p.csv:2:3)",
        ),
        (
            "org_id,label\na,Zet\n",
            "p.csv:2:3: the label \"Zet\" is used for two ids: a here and z before (see october.yaml:2:85)",
        ),
        ("\n\norg_id\n\n", "p.csv:3:1: this partners file lists nobody"),
    ] {
        let messages = Folder::new(manifest).with("p.csv", partners).messages();
        assert!(messages[0].starts_with(expected), "{partners}\n{messages:#?}");
    }
    let long = format!("org_id\n{}\n", "a".repeat(20_000));
    let messages = Folder::new(manifest).with("p.csv", long).messages();
    assert_eq!(messages, ["p.csv:2:1: this line is longer than 16384 bytes"]);
    for (bytes, why) in [(&b"%PDF-1"[..], "a PDF"), (b"org_id\n\xe4\n", "line 2 is not UTF-8")] {
        let messages = Folder::new(manifest).with("p.csv", bytes).messages();
        assert!(messages[0].starts_with("october.yaml:2:100: cannot read"), "{messages:?}");
        assert!(messages[0].contains(why), "{messages:?}");
    }
}

#[test]
fn what_came_in_by_alias_or_merge_is_located_where_it_was_written() {
    check(vec![(
        "version: 1
jobs:
  - &a { name: a, types: &t [U], periods: [2026-09] }
  - { <<: *a, name: b, periods: [2026-9] }
  - { name: c, types: *t, periods: [2026-09] }
"
        .into(),
        &[
            (3, 30, "\"U\" is not a valid report type", ""),
            (4, 34, "\"2026-9\" is not a valid period", ""),
        ],
    )]);
}

#[test]
fn columns_count_characters() {
    check(vec![
        (job("sub_partners: [{ label: \"Äö\u{1f600}\", id: ü }]"), &[(5, 40, "visible ASCII", "")]),
        (job("types: [USER]\r\n    # é\r\n    ünknown: 1"), &[(7, 5, "\"ünknown\"", "")]),
    ]);
}
