//! The schema says what the readers do.

use std::{collections::BTreeSet, env, fs, path::Path};

use serde_json::{Value, json};

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/manifest.schema.json");

fn validator() -> crate::tests::Validator {
    crate::tests::Validator::new(&schema())
}

fn as_json(yaml: &str) -> Value {
    serde_json::to_value(serde_yaml::from_str::<serde_yaml::Value>(yaml).unwrap()).unwrap()
}

#[test]
fn the_checked_in_file_is_up_to_date() {
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if env::var_os("MONTHEND_BLESS").is_some() {
        fs::create_dir_all(Path::new(FILE).parent().unwrap()).unwrap();
        fs::write(FILE, &text).unwrap();
    }
    let checked_in = fs::read_to_string(FILE).unwrap_or_default().replace('\r', "");
    assert!(
        checked_in == text,
        "schemas/manifest.schema.json is out of date; refresh it with `MONTHEND_BLESS=1 cargo test schema`"
    );
}

#[test]
fn the_full_example_fits() {
    let result = validator().validate(&as_json(FULL));
    assert_eq!(result, Ok(()));
}

#[test]
fn bad_examples_are_refused_where_they_are_bad() {
    for (key, value, path) in [
        ("version", json!(2), "/version"),
        ("jobs", json!([]), "/jobs"),
        ("jops", json!(1), ""),
        ("name", json!(null), "/name"),
        ("limits", json!({ "rate": "5/sec" }), "/limits/rate"),
        ("limits", json!({ "concurrency": 0 }), "/limits/concurrency"),
        ("limits", json!({ "concurrency": 1025 }), "/limits/concurrency"),
        ("retry", json!({ "settle": 30 }), "/retry/settle"),
        ("retry", json!({ "settle": "30" }), "/retry/settle"),
        ("retry", json!({ "settle": null }), "/retry/settle"),
        ("collect", json!({ "wait": "5 minutes" }), "/collect/wait"),
        ("audit", json!({ "totals": { "by": ["A"] } }), "/audit/totals"),
        (
            "audit",
            json!({ "totals": { "column": "A", "tolerance": -1 } }),
            "/audit/totals/tolerance",
        ),
        (
            "audit",
            json!({ "totals": { "column": "A", "tolerance": ["1%%"] } }),
            "/audit/totals/tolerance",
        ),
        ("files", json!({ "USERS": { "closed": true } }), ""),
        ("files", json!({ "USER": {} }), "/files/USER"),
        ("units", json!({ "of": "A", "report": "USER", "per": 0, "round": "up" }), "/units/per"),
        (
            "units",
            json!({ "of": "A", "report": "USER", "per": "days", "round": "down" }),
            "/units/round",
        ),
        ("reconcile", json!([{ "name": "a" }]), "/reconcile/0"),
        (
            "reconcile",
            json!([{ "name": "a b", "report": "USER", "with": "a", "match": ["A"] }]),
            "/reconcile/0/name",
        ),
        (
            "reconcile",
            json!([{ "name": "a", "report": "USER", "with": "{month}", "match": ["A"] }]),
            "/reconcile/0/with",
        ),
        (
            "reconcile",
            json!([{ "name": "a", "report": "USER", "with": "a", "match": {} }]),
            "/reconcile/0/match",
        ),
        ("jobs", json!([{}]), "/jobs/0"),
        ("jobs", json!([{ "name": "x", "types": ["X"] }]), "/jobs/0/types/0"),
        ("jobs", json!([{ "name": "x", "periods": ["2026"] }]), "/jobs/0/periods/0"),
        (
            "jobs",
            json!([{ "name": "x", "sub_partners": [{ "id": "a", "file": "b" }] }]),
            "/jobs/0/sub_partners/0",
        ),
        ("jobs", json!([{ "name": "x", "exclude": [{}] }]), "/jobs/0/exclude/0"),
    ] {
        let mut manifest = as_json(FULL);
        manifest[key] = value.clone();
        let error = validator().validate(&manifest).expect_err(&value.to_string());
        assert!(error.contains(&format!("at '{path}'")), "{error}");
    }
}

/// The readers take the same example in `reading`: neither knows a key that the other does not.
#[test]
fn the_full_example_has_every_key() {
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.keys().cloned());
                object.values().for_each(|value| keys(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let schema = schema();
    let mut documented = BTreeSet::new();
    let definitions = schema["$defs"].as_object().unwrap().values();
    for object in definitions.chain([&schema]) {
        if let Some(properties) = object["properties"].as_object() {
            assert_eq!(object["additionalProperties"], json!(false), "{object}");
            for (key, property) in properties {
                let about = property["description"].as_str().unwrap();
                assert!(about.ends_with('.'), "{key}: {about}");
                documented.insert(key.clone());
            }
        }
    }
    let mut used = BTreeSet::new();
    keys(&as_json(FULL), &mut used);
    // Names of types and columns are no keys.
    used.retain(|key| !key.contains(char::is_uppercase));
    assert_eq!(used, documented);
}

#[test]
fn the_documented_defaults_are_the_real_ones() {
    let schema = schema();
    let mut manifest =
        as_json("version: 1\njobs: [{ name: x, types: [USER], periods: [2026-09] }]");
    for (key, name) in [
        ("api", "ApiSettings"),
        ("limits", "Limits"),
        ("retry", "RetryPolicy"),
        ("collect", "CollectSettings"),
    ] {
        let properties = schema["$defs"][name]["properties"].as_object().unwrap();
        let defaults: serde_json::Map<_, _> = properties
            .iter()
            .filter(|(key, _)| !["ca_file", "output"].contains(&key.as_str()))
            .map(|(key, property)| (key.clone(), property["default"].clone()))
            .collect();
        assert!(defaults.values().all(|value| !value.is_null()), "{defaults:?}");
        manifest[key] = Value::Object(defaults);
    }
    // JSON is YAML.
    let folder = Folder::new(&manifest.to_string());
    assert_eq!(folder.load().unwrap().settings, Settings::default());
}
