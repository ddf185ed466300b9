//! The schemas that are checked in are those that the code gives.

use std::{env, fs};

use serde_json::Value;

/// Compares `schemas/NAME.schema.json` with `schema`; `MONTHEND_BLESS=1 cargo test --lib schema` writes it again.
pub(crate) fn is_checked_in(name: &str, schema: &Value) {
    let file = format!("schemas/{name}.schema.json");
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if env::var_os("MONTHEND_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in.replace('\r', "") == text,
        "{file} is out of date; refresh it with `MONTHEND_BLESS=1 cargo test --lib schema`"
    );
}
