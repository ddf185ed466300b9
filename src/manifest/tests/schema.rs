//! The schema says what the readers do.

use std::{env, fs, path::Path};

use serde_json::{Value, json};

use super::*;
use crate::manifest::{load::MANIFEST_KEYS, read};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/manifest.schema.json");

fn schema_json() -> Value {
    schema().to_value()
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&schema_json()).unwrap()
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
    let checked_in = fs::read_to_string(FILE)
        .unwrap_or_default()
        .replace('\r', "");
    assert!(
        checked_in == text,
        "schemas/manifest.schema.json is out of date; refresh it with `MONTHEND_BLESS=1 cargo test schema`"
    );
}

#[test]
fn the_full_example_fits() {
    let result = validator()
        .validate(&as_json(FULL))
        .map_err(|e| e.to_string());
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
        (
            "limits",
            json!({ "concurrency": 1025 }),
            "/limits/concurrency",
        ),
        ("retry", json!({ "settle": 30 }), "/retry/settle"),
        ("retry", json!({ "settle": "30" }), "/retry/settle"),
        ("retry", json!({ "settle": null }), "/retry/settle"),
        ("jobs", json!([{}]), "/jobs/0"),
        (
            "jobs",
            json!([{ "name": "x", "types": ["X"] }]),
            "/jobs/0/types/0",
        ),
        (
            "jobs",
            json!([{ "name": "x", "periods": ["2026"] }]),
            "/jobs/0/periods/0",
        ),
        (
            "jobs",
            json!([{ "name": "x", "sub_partners": [{ "id": "a", "file": "b" }] }]),
            "/jobs/0/sub_partners/0",
        ),
        (
            "jobs",
            json!([{ "name": "x", "exclude": [{}] }]),
            "/jobs/0/exclude/0",
        ),
    ] {
        let mut manifest = as_json(FULL);
        manifest[key] = value.clone();
        let error = validator()
            .validate(&manifest)
            .expect_err(&value.to_string());
        assert_eq!(error.instance_path().as_str(), path, "{error}");
    }
}

#[test]
fn readers_and_schema_know_the_same_keys() {
    let schema = schema_json();
    for (name, keys) in [
        ("ApiText", read::API_KEYS),
        ("LimitsText", read::LIMITS_KEYS),
        ("RetryText", read::RETRY_KEYS),
        ("DefaultsText", read::DEFAULTS_KEYS),
        ("JobText", read::JOB_KEYS),
        ("DaysText", read::DAYS_KEYS),
        ("MonthsText", read::MONTHS_KEYS),
        ("ExclusionText", read::EXCLUSION_KEYS),
    ] {
        assert_eq!(keys_of(&schema["$defs"][name]), sorted(keys), "{name}");
    }
    assert_eq!(keys_of(&schema), sorted(MANIFEST_KEYS));
    let forms = ["NamedText", "FileText", "DiscoverText"];
    let mut keys: Vec<_> = forms
        .iter()
        .flat_map(|form| keys_of(&schema["$defs"][form]))
        .collect();
    keys.sort();
    assert_eq!(keys, sorted(read::SUB_PARTNER_KEYS));
}

fn keys_of(schema: &Value) -> Vec<String> {
    let mut keys: Vec<_> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    keys.sort();
    keys
}

fn sorted(keys: &[&str]) -> Vec<String> {
    let mut keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
    keys.sort();
    keys
}

#[test]
fn the_documented_defaults_are_the_real_ones() {
    let schema = schema_json();
    let mut manifest =
        as_json("version: 1\njobs: [{ name: x, types: [USER], periods: [2026-09] }]");
    for (key, name) in [
        ("api", "ApiText"),
        ("limits", "LimitsText"),
        ("retry", "RetryText"),
    ] {
        let properties = schema["$defs"][name]["properties"].as_object().unwrap();
        let defaults: serde_json::Map<_, _> = properties
            .iter()
            .filter(|(key, _)| *key != "ca_file")
            .map(|(key, property)| (key.clone(), property["default"].clone()))
            .collect();
        assert!(
            defaults.values().all(|value| !value.is_null()),
            "{defaults:?}"
        );
        manifest[key] = Value::Object(defaults);
    }
    // JSON is YAML.
    let folder = Folder::new(&manifest.to_string());
    assert_eq!(folder.load().unwrap().settings, Settings::default());
}
