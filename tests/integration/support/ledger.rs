//! A reader of ledgers and other CSV that shares nothing with the crate's own: RFC 4180 by hand.

use std::{collections::BTreeMap, path::Path};

/// The columns in the order that docs/ledger.md promises.
pub(crate) const COLUMNS: &str = "request_id,job,sub_partner,sub_partner_org_id,type,billing_start_date,\
    billing_end_date,internal,status,report_id,http_status,error_code,error,tracking_id,attempts,updated_at,\
    report_status,report_file,report_sha256,intent_at,report_error,report_rows";

/// A ledger as it lies on the disk, every line of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LedgerFile {
    pub(crate) header: Vec<String>,
    pub(crate) lines: Vec<Line>,
}

/// One line, cell by column name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line(pub(crate) BTreeMap<String, String>);

impl std::ops::Index<&str> for Line {
    type Output = str;

    #[track_caller]
    fn index(&self, column: &str) -> &str {
        let cell = self.0.get(column);
        cell.unwrap_or_else(|| panic!("no column {column} in {self:?}"))
    }
}

impl LedgerFile {
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let mut records = csv_cells(&text).into_iter();
        let header = records.next().unwrap_or_else(|| panic!("{path:?} is empty"));
        let lines = records
            .map(|cells| {
                assert_eq!(cells.len(), header.len(), "in {path:?}: {cells:?}");
                Line(header.iter().cloned().zip(cells).collect())
            })
            .collect();
        LedgerFile { header, lines }
    }

    /// One column of all lines, in their order.
    #[track_caller]
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        self.lines.iter().map(|line| &line[name]).collect()
    }

    /// Changes cells of a line, as a person with an editor would.
    pub(crate) fn set(&mut self, place: usize, cells: &[(&str, &str)]) {
        for (column, cell) in cells {
            let known = self.lines[place].0.insert((*column).to_owned(), (*cell).to_owned());
            assert!(known.is_some(), "no column {column}");
        }
    }

    /// Header and lines.
    pub(crate) fn records(&self) -> Vec<Vec<String>> {
        let cells = |line: &Line| self.header.iter().map(|name| line[name].to_owned()).collect();
        let mut records = vec![self.header.clone()];
        records.extend(self.lines.iter().map(cells));
        records
    }

    /// The file again.
    pub(crate) fn to_csv(&self) -> String {
        to_csv(&self.records(), "\n")
    }

    /// How many lines have this status.
    pub(crate) fn count(&self, status: &str) -> usize {
        let statuses = self.column("status");
        statuses.iter().filter(|found| **found == status).count()
    }

    /// The lines of a sub-partner by its label.
    pub(crate) fn of(&self, label: &str) -> Vec<&Line> {
        let lines = self.lines.iter();
        lines.filter(|line| &line["sub_partner"] == label).collect()
    }

    /// Checks all that docs/ledger.md says of a ledger at rest.
    #[track_caller]
    pub(crate) fn at_rest(self, rows: usize) -> Self {
        let header = self.header.join(",");
        assert!(header.starts_with(COLUMNS), "{header}");
        assert_eq!(self.lines.len(), rows, "{self:#?}");
        let mut seen = std::collections::BTreeSet::new();
        for line in &self.lines {
            let id = &line["request_id"];
            assert!(seen.insert(id), "two lines for {id}");
            let digits = id.strip_prefix('r').unwrap_or_default();
            let is_hex = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase();
            assert!(digits.len() == 16 && digits.chars().all(is_hex), "{id}");
            let is_created = &line["status"] == "created";
            assert_eq!(is_created, !line["report_id"].is_empty(), "{line:?}");
            let is_failed = &line["status"] == "failed";
            assert!(!is_failed || !line["error_code"].is_empty(), "{line:?}");
            assert!(!is_failed || !line["error"].is_empty(), "{line:?}");
            assert!(
                ["created", "failed", "pending", "sending"].contains(&&line["status"]),
                "{line:?}"
            );
            assert!(["true", "false"].contains(&&line["internal"]), "{line:?}");
            assert!(line["attempts"].parse::<u32>().is_ok(), "{line:?}");
            for column in ["updated_at", "intent_at"] {
                let time = &line[column];
                let is_time = chrono::DateTime::parse_from_rfc3339(time).is_ok();
                assert!(time.is_empty() || (is_time && time.ends_with('Z')), "{line:?}");
            }
            let is_sending = &line["status"] == "sending";
            assert!(!is_sending || !line["intent_at"].is_empty(), "{line:?}");
        }
        self
    }

    /// The ids of the created rows; no report belongs to two of them.
    #[track_caller]
    pub(crate) fn report_ids(&self) -> Vec<&str> {
        let mut ids = self.column("report_id");
        ids.retain(|id| !id.is_empty());
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "a report belongs to two rows");
        ids
    }
}

/// The cells of each record of RFC 4180 text; a file that is being written may lack its last line feed.
pub(crate) fn csv_cells(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            other => cell.push(other),
        }
    }
    assert!(!quoted, "a quote is open at the end");
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        records.push(record);
    }
    records
}

/// Records as a spreadsheet might write them: every cell quoted, lines ended by `ending`.
pub(crate) fn to_csv(records: &[Vec<String>], ending: &str) -> String {
    let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    records
        .iter()
        .map(|record| record.iter().map(quoted).collect::<Vec<_>>().join(",") + ending)
        .collect()
}
