use serde_json::{Value, json};

use super::Column;

/// The [Table Schema](https://specs.frictionlessdata.io/table-schema/) of a ledger at rest.
pub fn table_schema() -> Value {
    let fields: Vec<Value> = Column::ALL.into_iter().map(field).collect();
    json!({
        "$schema": "https://specs.frictionlessdata.io/schemas/table-schema.json",
        "title": "monthend ledger",
        "description": "One row per request, in plan order. Text that a spreadsheet would run as a formula begins with an apostrophe. More columns may follow.",
        "primaryKey": "request_id",
        "missingValues": [""],
        "fields": fields,
    })
}

fn field(column: Column) -> Value {
    let entry = column.entry();
    let mut field = json!({"name": entry.name, "type": entry.kind, "description": entry.doc});
    if let Ok(constraints) = serde_json::from_str::<Value>(entry.constraints) {
        field["constraints"] = constraints;
    }
    if entry.kind == "boolean" {
        field["trueValues"] = json!(["true", "TRUE"]);
        field["falseValues"] = json!(["false", "FALSE"]);
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MONTHEND_BLESS=1 cargo test schema` writes the file again.
    #[test]
    fn the_checked_in_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/ledger.schema.json");
        let text = serde_json::to_string_pretty(&table_schema()).unwrap() + "\n";
        if std::env::var_os("MONTHEND_BLESS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            text,
            "run MONTHEND_BLESS=1 cargo test schema"
        );
    }
}
