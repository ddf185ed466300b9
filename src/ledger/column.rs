//! The ledger's columns: one table of name, documentation, schema, writer and reader. A new column is one entry at its
//! end, for a field of [`Row`] that [`RowFields`] reads; files without it are read all the same, and get it with their next rewrite.

use super::{
    BadCell, Row,
    cell::restore,
    line::LineWriter,
    row_fields::RowFields,
    texts::SharedTexts,
    written::{SheetDay, SheetTime, truth, whole},
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
    pub(super) write: fn(&Row, &mut LineWriter<'_>),
    /// Reads a cell that is not empty; the error says what would be right.
    pub(super) read: for<'t> fn(&mut RowFields<'t>, &'t str) -> Result<(), String>,
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
        |row, line| line.id(row.id()),
        |draft, text| set(&mut draft.id, text, str::parse);
    Job: "job", Optional, "string", "",
        "The first job that names the request",
        |row, line| line.text(&row.job),
        |draft, text| {
            draft.job = draft.texts.word(text);
            Ok(())
        };
    SubPartner: "sub_partner", Optional, "string", "",
        "The sub-partner's label; empty where it has none",
        |row, line| line.text(row.label.as_deref().unwrap_or_default()),
        |draft, text| {
            draft.label = Some(draft.texts.word(text));
            Ok(())
        };
    SubPartnerOrgId: "sub_partner_org_id", Required, "string", "",
        "The sub-partner's organisation id; empty for the partner itself",
        |row, line| line.text(row.request().sub_partner.as_ref().map_or("", |org| org.as_str())),
        |draft, text| set(&mut draft.org, text, |text| draft.texts.org(text));
    Type: "type", Required, "string", r#"{"required": true, "enum": ["PARTNER", "CUSTOMER", "USER"]}"#,
        "What the report is broken down by",
        |row, line| line.word(row.request().report_type.as_str()),
        |draft, text| set(&mut draft.report_type, text, str::parse);
    BillingStartDate: "billing_start_date", Required, "date", r#"{"required": true}"#,
        "First day",
        |row, line| line.day(row.request().period.start()),
        |draft, text| set(&mut draft.start, text, SheetDay::read);
    BillingEndDate: "billing_end_date", Required, "date", r#"{"required": true}"#,
        "Last day, included",
        |row, line| line.day(row.request().period.end()),
        |draft, text| set(&mut draft.end, text, SheetDay::read);
    Internal: "internal", Required, "boolean", r#"{"required": true}"#,
        "Whether internal organisations are included",
        |row, line| line.word(if row.request().internal { "true" } else { "false" }),
        |draft, text| set(&mut draft.internal, text, truth);
    Status: "status", Required, "string", r#"{"required": true, "enum": ["created", "failed", "pending", "sending"]}"#,
        "created: the report exists; failed: see error; pending: not sent yet; sending: in doubt, a report may exist",
        |row, line| line.word(row.state.word()),
        |draft, text| keep(&mut draft.status, text.trim());
    ReportId: "report_id", Required, "string", "",
        "The report's id; set on created rows and no others",
        |row, line| line.text(row.state.report_id().map_or("", |id| id.as_str())),
        |draft, text| set(&mut draft.report_id, text, report);
    HttpStatus: "http_status", Optional, "integer", r#"{"minimum": 100, "maximum": 599}"#,
        "Of the last answer to a create",
        |row, line| line.optional(row.last_answer.http_status),
        |draft, text| set(&mut draft.http_status, text, whole);
    ErrorCode: "error_code", Optional, "string", "",
        "The server's code, else timeout, connect, tls, reset, redirect, bad_response or http_NNN; in_doubt where a person has to decide",
        |row, line| line.text(row.state.error_code()),
        |draft, text| keep(&mut draft.code, text);
    Error: "error", Optional, "string", "",
        "What went wrong, one line",
        |row, line| line.text(&row.error()),
        |draft, text| keep(&mut draft.error, text);
    TrackingId: "tracking_id", Optional, "string", "",
        "The server's id of the last answer to a create, for its support desk",
        |row, line| line.text(row.last_answer.tracking_id.as_deref().unwrap_or_default()),
        |draft, text| keep(&mut draft.tracking_id, text);
    Attempts: "attempts", Optional, "integer", r#"{"required": true, "minimum": 0}"#,
        "Creates that left us, all runs together",
        |row, line| line.plain(row.attempts),
        |draft, text| set(&mut draft.attempts, text, whole);
    UpdatedAt: "updated_at", Optional, "datetime", "",
        "When the row was written, UTC",
        |row, line| line.time(row.updated_at),
        |draft, text| {
            let read = set(&mut draft.updated_at, text, SheetTime::read);
            draft.lost_time = read.is_err();
            Ok(())
        };
    ReportStatus: "report_status", Optional, "string", "",
        "What the server said last of the report: IN_PROGRESS, COMPLETED, FAILED, or another word of its own; empty: never asked",
        |row, line| line.text(&row.collected.status),
        |draft, text| own(&mut draft.collected.status, text);
    ReportFile: "report_file", Optional, "string", "",
        "The collected file, relative to the ledger's folder; empty until it is whole under that name",
        |row, line| line.text(&row.collected.file),
        |draft, text| own(&mut draft.collected.file, text);
    ReportSha256: "report_sha256", Optional, "string", r#"{"pattern": "[0-9a-f]{64}"}"#,
        "The SHA-256 of that file",
        |row, line| line.text(&row.collected.sha256),
        |draft, text| own(&mut draft.collected.sha256, text);
    IntentAt: "intent_at", Optional, "datetime", "",
        "When the earliest create whose outcome is unknown left, by the server's clock where known; empty once that is settled",
        |row, line| line.time(row.state.intent()),
        |draft, text| set(&mut draft.intent_at, text, SheetTime::read);
    ReportError: "report_error", Optional, "string", "",
        "Why a created report is not collected, one line; empty where it is, or where nothing was tried",
        |row, line| line.text(&row.collected.error),
        |draft, text| own(&mut draft.collected.error, text);
    ReportRows: "report_rows", Optional, "integer", r#"{"minimum": 0}"#,
        "Rows of the collected file without its header; 0 is a report that is there and empty",
        |row, line| line.optional(row.collected.rows),
        |draft, text| set(&mut draft.collected.rows, text, whole);
}

impl Column {
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    pub fn is_required(self) -> bool {
        self.entry().need == Required
    }

    pub(super) fn entry(self) -> &'static ColumnSpec {
        &TABLE[self as usize]
    }
}

/// The cells of `row` in the order of [`Column::ALL`], then the extra ones.
pub(super) fn write(row: &Row, line: &mut LineWriter<'_>) {
    for entry in &TABLE {
        (entry.write)(row, line);
    }
    for text in &row.extra {
        line.text(text);
    }
}

/// `cell_of` gives a column's raw text, empty where the line has none. The error is the first wrong cell.
pub(super) fn read<'a>(
    columns: impl IntoIterator<Item = Column>,
    texts: &'a mut SharedTexts,
    cell_of: impl Fn(Column) -> &'a str,
) -> Result<RowFields<'a>, BadCell> {
    let mut draft = RowFields::new(texts);
    for column in columns {
        let cell = cell_of(column);
        if cell.is_empty() {
            continue; // as half of them are
        }
        let text = restore(cell);
        if !text.is_empty() {
            (column.entry().read)(&mut draft, text)
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
