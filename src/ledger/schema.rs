//! The ledger described as a Frictionless Table Schema, for tools that check CSV files.

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
    let (kind, description, constraints) = match column {
        Column::RequestId => (
            "string",
            "Stable id of the request: a hash of organisation, type, dates and internal",
            json!({"required": true, "unique": true, "pattern": "r[0-9a-f]{16}"}),
        ),
        Column::Job => ("string", "The first job that names the request", json!({})),
        Column::SubPartner => (
            "string",
            "The sub-partner's label; empty where it has none",
            json!({}),
        ),
        Column::SubPartnerOrgId => (
            "string",
            "The sub-partner's organisation id; empty for the partner itself",
            json!({}),
        ),
        Column::Type => (
            "string",
            "What the report is broken down by",
            json!({"required": true, "enum": ["PARTNER", "CUSTOMER", "USER"]}),
        ),
        Column::BillingStartDate => ("date", "First day", json!({"required": true})),
        Column::BillingEndDate => ("date", "Last day, included", json!({"required": true})),
        Column::Internal => (
            "boolean",
            "Whether internal organisations are included",
            json!({"required": true}),
        ),
        Column::Status => (
            "string",
            "created: the report exists; failed: see error; pending: not sent, or known not to have been processed; sending: in doubt",
            json!({"required": true, "enum": ["created", "failed", "pending", "sending"]}),
        ),
        Column::ReportId => (
            "string",
            "The report's id; set on created rows and no others",
            json!({}),
        ),
        Column::HttpStatus => (
            "integer",
            "Of the last answer to a create",
            json!({"minimum": 100, "maximum": 599}),
        ),
        Column::ErrorCode => (
            "string",
            "The server's code, else timeout, connect, tls, reset, redirect, bad_response or http_NNN; in_doubt where a person has to decide",
            json!({}),
        ),
        Column::Error => ("string", "What went wrong, one line", json!({})),
        Column::TrackingId => (
            "string",
            "The server's id of the last answer to a create, for its support desk",
            json!({}),
        ),
        Column::Attempts => (
            "integer",
            "Creates that left us, all runs together",
            json!({"required": true, "minimum": 0}),
        ),
        Column::UpdatedAt => ("datetime", "When the row was written, UTC", json!({})),
        Column::ReportStatus => (
            "string",
            "The report's status when it was collected",
            json!({}),
        ),
        Column::ReportFile => (
            "string",
            "The file that the report was downloaded to",
            json!({}),
        ),
        Column::ReportSha256 => (
            "string",
            "The SHA-256 of that file",
            json!({"pattern": "[0-9a-f]{64}"}),
        ),
        Column::IntentAt => (
            "datetime",
            "When the earliest create whose outcome is unknown left, by the server's clock where known; empty once that is settled",
            json!({}),
        ),
    };
    let mut field = json!({"name": column.name(), "type": kind, "description": description});
    if constraints.as_object().is_some_and(|c| !c.is_empty()) {
        field["constraints"] = constraints;
    }
    if kind == "boolean" {
        field["trueValues"] = json!(["true", "TRUE"]);
        field["falseValues"] = json!(["false", "FALSE"]);
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MONTHEND_BLESS=1 cargo test schema` writes the file anew.
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
