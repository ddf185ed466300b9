//! Data on stdout: what scripts read gives back any text from outside, also under GitHub Actions.

use proptest::{prelude::*, test_runner::Config};

use monthend::testing::restore;

use crate::support::{Desk, Ended, Served, csv_cells, own};

/// A label that a partners file may have.
fn label() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("##["),
        Just("::"),
        Just("::error::"),
        Just("#["),
        Just("\\n"),
        Just("%0A"),
        Just("\""),
        Just(","),
        Just(";"),
        Just("'"),
        Just("="),
        Just(" "),
        Just("ä"),
        Just("x"),
    ];
    let text = prop::collection::vec(pieces, 1..7).prop_map(|it| it.concat().trim().to_owned());
    // `="…"` is how a spreadsheet writes a text.
    let is_formula = |it: &str| it.starts_with("=\"") && it.ends_with('"');
    text.prop_filter("a label", move |it| !it.is_empty() && !is_formula(it))
}

fn starts_a_command(text: &str) -> bool {
    (text.lines()).any(|line| line.contains("##[") || line.trim_start().starts_with("::"))
}

/// What a command prints as data, here and in a step of a workflow.
fn both(desk: &Desk, words: &[&str]) -> (Ended, Ended) {
    let command = || desk.monthend(words.iter().copied());
    (command().expect(0), command().env("GITHUB_ACTIONS", "true").run())
}

proptest! {
    #![proptest_config(Config { cases: 12, ..Config::default() })]

    #[test]
    fn a_plan_gives_back_every_label(labels in prop::collection::btree_set(label(), 1..5)) {
        let labels: Vec<String> = labels.into_iter().collect();
        let desk = Desk::new();
        let mut partners = "org_id,label\n".to_owned();
        for (n, label) in labels.iter().enumerate() {
            partners += &format!("org{n},\"{}\"\n", label.replace('"', "\"\""));
        }
        desk.write("p.csv", partners);
        desk.manifest("http://127.0.0.1:9", "  - name: p\n    sub_partners: [{ file: p.csv }]\n    types: [USER]\n    periods: [2026-09]\n");

        let (here, there) = both(&desk, &["plan", "m.yaml", "--format=json"]);
        prop_assert_eq!(&here.stdout, &there.stdout);
        prop_assert!(!starts_a_command(&here.stdout), "{}", here);
        let rows = here.json()["rows"].clone();
        for (n, label) in labels.iter().enumerate() {
            prop_assert_eq!(rows[n]["sub_partner"].as_str().unwrap(), label);
        }

        let (here, there) = both(&desk, &["plan", "m.yaml", "--format=csv"]);
        let table = csv_cells(&here.stdout);
        for (label, row) in labels.iter().zip(&table[1..]) {
            let restored = restore(&row[2]);
            prop_assert_eq!(restored, label);
        }
        if starts_a_command(&here.stdout) {
            prop_assert_eq!(there.code, Some(2), "{}", there);
            prop_assert!(there.stdout.is_empty());
            prop_assert!(there.stderr.contains("line "), "{}", there);
        } else {
            prop_assert_eq!(there.code, Some(0));
            prop_assert_eq!(here.stdout, there.stdout);
        }
    }
}

/// The way out that the message names: nobody reads commands in a file.
#[test]
fn a_table_in_a_file_is_written_as_it_is() {
    let desk = Desk::with(
        "http://127.0.0.1:9",
        &own("USER", "2026-09").replace("name: own", "name: \"a ##[b]\""),
    );
    let refused = desk.plan().arg("--format=csv").env("GITHUB_ACTIONS", "true");
    refused.expect(2).says(["> FILE.csv"]);
    let to_file = desk.plan().arg("--format=csv").env("GITHUB_ACTIONS", "true");
    to_file.after("exec > plan.csv").expect(0);
    let here = desk.plan().arg("--format=csv").expect(0);
    assert_eq!(desk.read("plan.csv"), here.stdout);
}

/// Names from outside reach files that are shown in a workflow's log.
#[test]
fn no_json_starts_a_command() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    let manifest = desk.read("m.yaml");
    desk.write("m.yaml", manifest.replace("name: test", "name: \"a ##[error]b\""));
    let ended = desk.converge().args(["--summary-json=s.json", "--log-format=json", "-vv"]);
    let ended = ended.expect(0);
    let [summary, history] = ["s.json", "m.ledger.history.jsonl"].map(|file| desk.read(file));
    for text in [&summary, &history] {
        assert!(text.contains("error]b") && !text.contains("##["), "{text}");
    }
    assert!(!ended.stderr.contains("##["), "{ended}");
    let read: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(read["manifest"], "a ##[error]b");
}
