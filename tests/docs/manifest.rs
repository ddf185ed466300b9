//! The manifest that docs/manifest.md shows is one, names every key, and shows every default as it is.

use std::{collections::BTreeSet, fs};

use chrono::NaiveDate;
use monthend::testing::{DateCheck, LoadOptions, Manifest};
use serde_json::Value;

use crate::read;

/// Every key of a value, with its place: `jobs.types`.
fn keys(place: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let place = format!("{place}.{key}");
                keys(&place, value, found);
                found.insert(place);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(place, item, found)),
        _ => {}
    }
}

#[test]
fn the_manifest_that_is_shown_names_every_key_and_default() {
    let page = read("docs/manifest.md");
    let text = page.split("```yaml\n").find(|block| block.starts_with("version:")).unwrap();
    let text = text.split("```").next().unwrap();
    // One key is shown as a comment: the file that it names would have to be there.
    let text = text.replace("# ca_file", "ca_file");
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("month-end.yaml");
    fs::write(&path, &text).unwrap();
    fs::write(desk.path().join("partners.csv"), "org_id,label\nabc,Abc\n").unwrap();
    fs::write(desk.path().join("company-root.pem"), "").unwrap();
    let day = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap();
    let options = LoadOptions { as_of: day, today: day, date_check: DateCheck::On };
    Manifest::load(&path, &options).unwrap();

    let shown: Value = serde_yaml::from_str(&text).unwrap();
    let mut named = BTreeSet::new();
    keys("", &shown, &mut named);
    let (_, table) = page.split_once("<!-- generated: keys -->").unwrap();
    let (table, _) = table.split_once("<!-- end of keys -->").unwrap();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let key = cells[1].trim_matches('`').replace("[]", "");
        // `*` is a name that the manifest chooses. What may stand below `defaults` stands below a job too.
        let is_it = |place: &String| {
            let parts = place.split('.').skip(1);
            parts.clone().count() == key.split('.').count()
                && parts.zip(key.split('.')).all(|(part, of_key)| part == of_key || of_key == "*")
        };
        let is_named = named.iter().any(is_it) || key.starts_with("defaults.periods.");
        assert!(is_named, "{key} is not shown");
        let default = cells[2].trim_matches('`');
        if cells[2].starts_with('`') {
            let pointer = format!("/{}", key.replace('.', "/"));
            let value = match shown.pointer(&pointer) {
                Some(Value::String(text)) => text.clone(),
                other => other.map(ToString::to_string).unwrap_or_default(),
            };
            assert_eq!(value, default, "{key}");
        }
    }
}
