//! The manifest that `init` writes.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::manifest::starter::StarterError;
use request::{OrgId, Period};

/// Every name of a key in a JSON Schema.
fn keys(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_named_and_explained() {
    let mut all = Vec::new();
    keys(&schema(), &mut all);
    assert!(all.len() > 30, "{all:?}");
    let text = starter(Path::new("m.yaml"), today(), None).unwrap();
    for key in all {
        let named = [format!("{key}:"), format!("`{key}`")];
        assert!(
            named.iter().any(|named| text.contains(named)),
            "the starter manifest does not name {key}"
        );
    }
    assert!(!text.contains("{file}") && !text.contains("<sub-partners>"), "{text}");
}

fn today() -> NaiveDate {
    "2026-11-02".parse().unwrap()
}

/// The manifest that a starter says, once `edit` has changed it.
fn read(file: &str, edit: impl Fn(&str) -> String) -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    let text = edit(&starter(&path, today(), None).unwrap());
    std::fs::write(&path, &text).unwrap();
    let options = LoadOptions { as_of: today(), today: today(), date_check: DateCheck::On };
    let read = Manifest::load(&path, &options);
    let mut read = read.unwrap_or_else(|e| panic!("{e}\n{text}"));
    // What is not about what it says.
    read.path = "".into();
    read.origin = ManifestSource::default();
    read.ledger = read.ledger.strip_prefix(folder.path()).unwrap().to_owned();
    let output = read.settings.collect.output.take();
    let output = output.map(|it| it.strip_prefix(folder.path()).unwrap().to_owned());
    let default = read.ledger.with_extension("reports");
    assert!(output.is_none_or(|it| it == default));
    read.oddities.clear();
    read
}

#[test]
fn a_commented_key_shows_what_is_in_effect_without_it() {
    // A line that would be a key, or an item of a list, without its `#`.
    let is_key = |line: &str| {
        let rest = line.trim_start().strip_prefix("# ").unwrap_or_default();
        let word = rest.trim_start().split(':').next().unwrap_or_default();
        rest.contains(':') && !word.is_empty() && word.chars().all(|c| c.is_lowercase() || c == '_')
    };
    let uncommented = |text: &str| {
        let lines = text.lines().map(|line| {
            if is_key(line) { line.replacen("# ", "", 1) + "\n" } else { line.to_owned() + "\n" }
        });
        lines.collect::<String>()
    };
    for file in ["october.yaml", "my month: #1.yaml", "2026.yml", "no"] {
        let as_it_is = read(file, str::to_owned);
        let changed = read(file, uncommented);
        assert_eq!(changed, as_it_is);
    }
    let text = starter(Path::new("m.yaml"), today(), None).unwrap();
    assert!(text.lines().filter(|line| is_key(line)).count() > 20);
}

/// With the columns of the sandbox in rehearsals only.
#[test]
fn an_example_without_its_mark_is_a_section() {
    let uncommented = |text: &str| {
        let lines = text.lines().map(|line| {
            let example = line.strip_prefix("## ");
            example.unwrap_or(line).to_owned() + "\n"
        });
        lines.collect::<String>()
    };
    let rehearsed = read("m.yaml", uncommented);
    assert_eq!(rehearsed.settings.audit.totals.unwrap().column, "CONSUMPTION");
    assert_eq!(rehearsed.settings.files.len(), 1);
    assert!(rehearsed.units.is_some() && rehearsed.reconcile.len() == 1);
    let mut found = Found { active: vec!["a1".parse().unwrap()], ..Found::default() };
    for is_sandbox in [true, false] {
        found.is_sandbox = is_sandbox;
        let text = starter(Path::new("m.yaml"), today(), Some(&found)).unwrap();
        for name in ["CONSUMPTION", "SKU", "CUSTOMER_ORG_ID", "A-COMMON-AREA", "the sandbox's"] {
            assert_eq!(text.contains(name), is_sandbox, "{name} in {text}");
        }
        assert_eq!(text.contains("`monthend columns m.yaml` shows yours"), !is_sandbox, "{text}");
    }
}

#[test]
fn the_month_is_written_out() {
    let month: Period = "2026-10".parse().unwrap();
    let read = read("m.yaml", str::to_owned);
    assert!(!read.is_relative);
    assert!(read.jobs.iter().all(|job| job.periods == [month]));
}

#[test]
fn what_the_api_tells_takes_the_place_of_what_is_made_up() {
    let found = Found {
        active: vec!["a1".parse().unwrap(), "a2".parse().unwrap()],
        suspended: vec!["s1".parse().unwrap()],
        is_sandbox: false,
    };
    let text = starter(Path::new("m.yaml"), today(), Some(&found)).unwrap();
    assert!(
        text.contains(
            "      - { id: \"a1\" }\n      - { id: \"a2\" }\n      # - { id: \"s1\" }   # suspended\n"
        ),
        "{text}"
    );
    assert!(text.contains("give it a label"), "{text}");
    assert!(!text.contains("label: Acme Voice }\n") && !text.contains("made-up"), "{text}");
}

/// What an API lists is text from outside: it cannot say more than an id.
#[test]
fn odd_ids_stay_ids_and_odd_names_stay_names() {
    let found = |ids: &[&str]| Found {
        active: ids.iter().map(|id| id.parse().unwrap()).collect(),
        suspended: ids.iter().map(|id| id.parse().unwrap()).collect(),
        is_sandbox: false,
    };
    let odd = [
        r#"x,"label":evil"#,
        "{a}",
        "#x",
        "~",
        "null",
        "true",
        "1",
        "0x1F",
        "1_000",
        "[a]",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "'a",
        "\"a",
        "\\",
        "a:",
        ":a",
        "-",
        "?",
        "a#b",
        "a}b",
        "}",
        "x}],types:[USER",
        "12:30:45",
        "2026-10-01",
        ".inf",
        "yes",
        "---",
        "...",
    ];
    let text = starter(Path::new("m.yaml"), today(), Some(&found(&odd))).unwrap();
    assert!(text.contains("      - { id: \"{a}\" }\n"), "{text}");
    // A word that a manifest takes for the partner itself.
    let own = starter(Path::new("m.yaml"), today(), Some(&found(&["own"])));
    assert!(matches!(own, Err(StarterError::Invalid(_))), "{own:?}");
    for name in [
        "a b.yaml",
        "~.yaml",
        "#.yaml",
        "{a}.yaml",
        "a: b.yaml",
        "'.yaml",
        "-v.yaml",
        "null",
        "ä.yaml",
    ] {
        starter(Path::new(name), today(), None).unwrap();
    }
    for name in ["a\nb.yaml", "a\njobs: [].yaml", "\u{1b}]0;x\u{7}.yaml", "a\u{85}b"] {
        let written = starter(Path::new(name), today(), None);
        let text = written.map(|text| text.lines().filter(|line| line.contains("jobs")).count());
        assert!(text.as_ref().is_err() || text.is_ok_and(|jobs| jobs == 1), "{name:?}");
    }
}

proptest! {
    #[test]
    fn any_ids_are_read_again(ids in prop::collection::btree_set("[!-~]{1,12}", 1..6)) {
        let ids: Vec<OrgId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        prop_assume!(!ids.is_empty() && ids.iter().all(|id| id.as_str() != "own"));
        let found = Found { active: ids, suspended: Vec::new(), is_sandbox: false };
        let text = starter(Path::new("m.yaml"), today(), Some(&found));
        prop_assert!(text.is_ok(), "{:?}", text);
    }
}
