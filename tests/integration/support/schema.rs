//! JSON that a command prints, checked by the schema that is checked in.

use std::{fs, path::Path};

use serde_json::Value;

use super::Validator;

/// Panics where `json` is not what `schemas/NAME.schema.json` says.
#[track_caller]
pub(crate) fn follows(name: &str, json: &Value) {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let schema = fs::read(schemas.join(format!("{name}.schema.json"))).unwrap();
    let schema = serde_json::from_slice(&schema).unwrap();
    let result = Validator::new(&schema).validate(json);
    assert_eq!(result, Ok(()), "{json}");
}
