//! JSON that a command prints, held against the schema that is checked in.

use std::{fs, path::Path};

use serde_json::Value;

/// Panics where `json` is not what `schemas/NAME.schema.json` says.
#[track_caller]
pub(crate) fn follows(name: &str, json: &Value) {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let schema = fs::read(schemas.join(format!("{name}.schema.json"))).unwrap();
    let schema = serde_json::from_slice(&schema).unwrap();
    let result = jsonschema::validate(&schema, json).map_err(|e| e.to_string());
    assert_eq!(result, Ok(()), "{json}");
}
