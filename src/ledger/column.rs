//! The ledger's columns: one table of name, documentation, schema, writer and reader. A new column is one entry at its
//! end, for a field of [`Row`] that [`RowFields`] reads; files without it are read all the same, and get it with their
//! next rewrite.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{
    BadCell, Row,
    csv::restore,
    parse::{RowFields, SharedTexts},
    spreadsheet::{SheetDay, SheetTime, truth, whole},
};
use request::{ReportId, ReportIdError, is_spoilt_number};

pub(super) struct ColumnSpec {
    pub(super) name: &'static str,
    /// For the schema and the reference.
    pub(super) doc: &'static str,
    pub(super) need: Need,
    pub(super) kind: &'static str,
    /// Frictionless constraints as JSON; empty for none.
    pub(super) constraints: &'static str,
    pub(super) write: for<'r> fn(&'r Row) -> Cow<'r, str>,
    /// Reads a cell that is not empty; the error says what would be right.
    pub(super) read:
        for<'t> fn(&mut RowFields<'t>, &'t str, &mut SharedTexts) -> Result<(), String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It says what a request is, or what became of it.
    Required,
    /// An older version did not write it, or a person may have deleted it.
    Optional,
}
use Need::{Optional, Required};

macro_rules! columns {
    ($($column:ident: $name:literal, $need:ident, $kind:literal, $constraints:literal, $doc:literal, $write:expr, $read:expr;)+) => {
        /// In the ledger's order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Column {
            $(#[doc = $doc] $column,)+
        }

        impl Column {
            pub const ALL: [Column; [$($name),+].len()] = [$(Column::$column),+];
        }

        static TABLE: [ColumnSpec; Column::ALL.len()] = [
            $(ColumnSpec {
                name: $name, doc: $doc, need: $need, kind: $kind, constraints: $constraints, write: $write, read: $read,
            },)+
        ];
    };
}

columns! {
    RequestId: "request_id", Required, "string", r#"{"required": true, "unique": true, "pattern": "r[0-9a-f]{16}"}"#,
        "Stable id of the request: a hash of organisation, type, dates and internal",
        |row| row.id().to_string().into(),
        |draft, text, _| set(&mut draft.id, text, str::parse);
    Job: "job", Optional, "string", "",
        "The first job that names the request",
        |row| row.job.as_ref().into(),
        |draft, text, texts| {
            draft.job = SharedTexts::word(&mut texts.job, text);
            Ok(())
        };
    SubPartner: "sub_partner", Optional, "string", "",
        "The sub-partner's label; empty where it has none",
        |row| row.label.as_deref().unwrap_or_default().into(),
        |draft, text, texts| {
            draft.label = Some(SharedTexts::word(&mut texts.label, text));
            Ok(())
        };
    SubPartnerOrgId: "sub_partner_org_id", Required, "string", "",
        "The sub-partner's organisation id; empty for the partner itself",
        |row| row.request().sub_partner.as_ref().map_or("", |org| org.as_str()).into(),
        |draft, text, texts| set(&mut draft.org, text, |text| texts.org(text));
    Type: "type", Required, "string", r#"{"required": true, "enum": ["PARTNER", "CUSTOMER", "USER"]}"#,
        "What the report is broken down by",
        |row| row.request().report_type.as_str().into(),
        |draft, text, _| set(&mut draft.report_type, text, str::parse);
    BillingStartDate: "billing_start_date", Required, "date", r#"{"required": true}"#,
        "First day",
        |row| row.request().period.start().to_string().into(),
        |draft, text, _| set(&mut draft.start, text, SheetDay::read);
    BillingEndDate: "billing_end_date", Required, "date", r#"{"required": true}"#,
        "Last day, included",
        |row| row.request().period.end().to_string().into(),
        |draft, text, _| set(&mut draft.end, text, SheetDay::read);
    Internal: "internal", Required, "boolean", r#"{"required": true}"#,
        "Whether internal organisations are included",
        |row| row.request().internal.to_string().into(),
        |draft, text, _| set(&mut draft.internal, text, truth);
    Status: "status", Required, "string", r#"{"required": true, "enum": ["created", "failed", "pending", "sending"]}"#,
        "created: the report exists; failed: see error; pending: not sent yet; sending: in doubt, a report may exist",
        |row| row.state.word().into(),
        |draft, text, _| keep(&mut draft.status, text.trim());
    ReportId: "report_id", Required, "string", "",
        "The report's id; set on created rows and no others",
        |row| row.state.report_id().map_or("", |id| id.as_str()).into(),
        |draft, text, _| set(&mut draft.report_id, text, report);
    HttpStatus: "http_status", Optional, "integer", r#"{"minimum": 100, "maximum": 599}"#,
        "Of the last answer to a create",
        |row| number(row.last_answer.http_status),
        |draft, text, _| set(&mut draft.http_status, text, whole);
    ErrorCode: "error_code", Optional, "string", "",
        "The server's code, else timeout, connect, tls, reset, redirect, bad_response or http_NNN; in_doubt where a person has to decide",
        |row| row.state.error_code().into(),
        |draft, text, _| keep(&mut draft.code, text);
    Error: "error", Optional, "string", "",
        "What went wrong, one line",
        |row| row.error().into(),
        |draft, text, _| keep(&mut draft.error, text);
    TrackingId: "tracking_id", Optional, "string", "",
        "The server's id of the last answer to a create, for its support desk",
        |row| row.last_answer.tracking_id.as_deref().unwrap_or_default().into(),
        |draft, text, _| keep(&mut draft.tracking_id, text);
    Attempts: "attempts", Optional, "integer", r#"{"required": true, "minimum": 0}"#,
        "Creates that left us, all runs together",
        |row| row.attempts.to_string().into(),
        |draft, text, _| set(&mut draft.attempts, text, whole);
    UpdatedAt: "updated_at", Optional, "datetime", "",
        "When the row was written, UTC",
        |row| time(row.updated_at),
        |draft, text, _| {
            let read = set(&mut draft.updated_at, text, SheetTime::read);
            draft.lost_time = read.is_err();
            Ok(())
        };
    ReportStatus: "report_status", Optional, "string", "",
        "What the server said last of the report: IN_PROGRESS, COMPLETED, FAILED, or another word of its own; empty: never asked",
        |row| row.collected.status.as_str().into(),
        |draft, text, _| own(&mut draft.collected.status, text);
    ReportFile: "report_file", Optional, "string", "",
        "The collected file, relative to the ledger's folder; empty until it is whole under that name",
        |row| row.collected.file.as_str().into(),
        |draft, text, _| own(&mut draft.collected.file, text);
    ReportSha256: "report_sha256", Optional, "string", r#"{"pattern": "[0-9a-f]{64}"}"#,
        "The SHA-256 of that file",
        |row| row.collected.sha256.as_str().into(),
        |draft, text, _| own(&mut draft.collected.sha256, text);
    IntentAt: "intent_at", Optional, "datetime", "",
        "When the earliest create whose outcome is unknown left, by the server's clock where known; empty once that is settled",
        |row| time(row.state.intent()),
        |draft, text, _| set(&mut draft.intent_at, text, SheetTime::read);
    ReportError: "report_error", Optional, "string", "",
        "Why a created report is not collected, one line; empty where it is, or where nothing was tried",
        |row| row.collected.error.as_str().into(),
        |draft, text, _| own(&mut draft.collected.error, text);
    ReportRows: "report_rows", Optional, "integer", r#"{"minimum": 0}"#,
        "Rows of the collected file without its header; 0 is a report that is there and empty",
        |row| number(row.collected.rows),
        |draft, text, _| set(&mut draft.collected.rows, text, whole);
}

impl Column {
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    pub fn is_required(self) -> bool {
        self.entry().need == Required
    }

    /// The cell of `row`, as it is without guard and quotes.
    pub fn text(self, row: &Row) -> Cow<'_, str> {
        (self.entry().write)(row)
    }

    pub(super) fn entry(self) -> &'static ColumnSpec {
        &TABLE[self as usize]
    }
}

/// `cell_of` gives a column's raw text, empty where the line has none. The error is the first wrong cell.
pub(super) fn read<'a>(
    columns: impl IntoIterator<Item = Column>,
    texts: &mut SharedTexts,
    cell_of: impl Fn(Column) -> &'a str,
) -> Result<RowFields<'a>, BadCell> {
    let mut draft = RowFields::default();
    for column in columns {
        let text = restore(cell_of(column));
        if !text.is_empty() {
            (column.entry().read)(&mut draft, text, texts)
                .map_err(|why| BadCell::new(column.name(), text, why))?;
        }
    }
    Ok(draft)
}

fn keep<'t>(place: &mut &'t str, text: &'t str) -> Result<(), String> {
    *place = text;
    Ok(())
}

fn own(place: &mut String, text: &str) -> Result<(), String> {
    text.clone_into(place);
    Ok(())
}

/// A cell of blanks is an empty one.
fn set<T, E: ToString>(
    place: &mut Option<T>,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<(), String> {
    let text = text.trim();
    if !text.is_empty() {
        *place = Some(read(text).map_err(|e| e.to_string())?);
    }
    Ok(())
}

fn report(text: &str) -> Result<ReportId, String> {
    if is_spoilt_number(text) {
        return Err(
            "a spreadsheet has made a number of this id; restore the cell from a copy".to_owned()
        );
    }
    text.parse().map_err(|e: ReportIdError| e.to_string())
}

fn number(value: Option<impl ToString>) -> Cow<'static, str> {
    value.map_or("".into(), |value| value.to_string().into())
}

/// To the millisecond, UTC.
fn time(time: Option<DateTime<Utc>>) -> Cow<'static, str> {
    number(time.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

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
