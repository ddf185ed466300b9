use std::{borrow::Cow, path::Path};

use memchr::memchr_iter;

use super::{
    BadCell, Column, LedgerError, Row, column,
    csv::{LineEnding, RawLine, RawLines, Separator, cells},
    parse::{RowFields, SharedTexts},
    spreadsheet::{RowFormat, SheetDay, SheetTime},
};
use crate::text::is_before_header;

pub(super) struct Header {
    pub(super) separator: Separator,
    /// `None` where an older version did not write the column.
    ours: [Option<usize>; Column::ALL.len()],
    extra: Vec<(usize, String)>,
    len: usize,
}

fn missing_columns(line: &str, separator: Separator) -> Vec<&'static str> {
    let names = cells(line, separator);
    let required = Column::ALL.into_iter().filter(|c| c.is_required());
    let missing = required.filter(|c| !names.iter().any(|n| n.trim() == c.name()));
    missing.map(Column::name).collect()
}

pub fn is_header(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_start_matches('\u{feff}').trim_end();
    (Separator::ALL.into_iter()).any(|separator| missing_columns(line, separator).is_empty())
}

impl Header {
    /// Reads the header of `bytes`. The second value is the lines after it.
    pub(super) fn read<'a>(
        bytes: &'a [u8],
        path: &Path,
    ) -> Result<(Self, RawLines<'a>), LedgerError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let is_before = |line: &RawLine<'_>| {
            let text = std::str::from_utf8(line.bytes);
            line.end == LineEnding::LineFeed && text.is_ok_and(is_before_header)
        };
        let mut lines = RawLines::new(bytes, Separator::Comma, 1);
        let first = lines.by_ref().find(|line| !is_before(line));
        let header = Header::of(first, path)?;
        let rest = RawLines::new(lines.rest(), header.separator, lines.number());
        Ok((header, rest))
    }

    fn of(line: Option<RawLine<'_>>, path: &Path) -> Result<Self, LedgerError> {
        let not_a_ledger = |why: String| LedgerError::NotALedger { path: path.to_owned(), why };
        let line = line.ok_or_else(|| {
            not_a_ledger(
                "the file is empty; put a copy of it back. If it is lost, remove the file: `monthend run MANIFEST --existing adopt` takes \
                 the reports that the server has"
                    .to_owned(),
            )
        })?;
        let text = match std::str::from_utf8(line.bytes) {
            Ok(text) if line.end == LineEnding::LineFeed => text,
            _ => {
                let why = what_else(line.bytes).unwrap_or("it has no header line");
                return Err(not_a_ledger(why.to_owned()));
            }
        };
        let separator = Separator::ALL
            .into_iter()
            .min_by_key(|separator| missing_columns(text, *separator).len())
            .unwrap_or(Separator::Comma); // there are some
        let missing = missing_columns(text, separator);
        if !missing.is_empty() {
            return Err(not_a_ledger(format!("its first line lacks {}", missing.join(", "))));
        }
        let names = cells(text, separator);
        let mut header = Header {
            separator,
            ours: [None; Column::ALL.len()],
            extra: Vec::new(),
            len: names.len(),
        };
        for (place, name) in names.into_iter().enumerate() {
            match Column::ALL.iter().position(|c| c.name() == name.trim()) {
                Some(column) if header.ours[column].is_some() => {
                    return Err(not_a_ledger(format!("it has two columns {}", name.trim())));
                }
                Some(column) => header.ours[column] = Some(place),
                None => header.extra.push((place, name.into_owned())),
            }
        }
        Ok(header)
    }

    pub(super) fn extra_names(&self) -> Vec<String> {
        self.extra.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The fewest cells a whole line has: spreadsheets may leave out empty ones after these columns.
    fn fewest(&self) -> usize {
        [Column::Status, Column::ReportId, Column::Attempts]
            .into_iter()
            .filter_map(|c| self.ours[c as usize])
            .max()
            .map_or(self.len, |last| last + 1)
    }

    pub(super) fn is_blank(&self, record: &[u8]) -> bool {
        let is_empty = |byte: &u8| matches!(byte, b'"' | b' ') || *byte == self.separator as u8;
        record.iter().all(is_empty)
    }

    /// Leaves out empty cells that a spreadsheet has added at the end.
    pub(super) fn cells<'t>(&self, text: &'t str) -> Vec<Cow<'t, str>> {
        let mut cells = cells(text, self.separator);
        while cells.len() > self.len && cells.last().is_some_and(|cell| cell.is_empty()) {
            cells.pop();
        }
        cells
    }

    pub(super) fn row(
        &self,
        line: &RawLine<'_>,
        texts: &mut SharedTexts,
    ) -> Result<(Row, RowFormat), String> {
        let text = std::str::from_utf8(line.bytes)
            .map_err(|_| "not UTF-8; save the file as CSV with commas (UTF-8)".to_owned())?;
        let cells = self.cells(text);
        // In a torn line with fewer cells the last one may be cut, and still look right.
        let fewest = match line.end {
            LineEnding::LineFeed => self.fewest(),
            LineEnding::Torn | LineEnding::Zeros => self.len,
        };
        if cells.len() > self.len || cells.len() < fewest {
            return Err(format!(
                "{} cells where the header has {}; restore the line from a copy",
                cells.len(),
                self.len
            ));
        }
        self.row_of(&cells, texts).map_err(|bad| bad.to_string())
    }

    pub(super) fn row_of(
        &self,
        cells: &[Cow<'_, str>],
        texts: &mut SharedTexts,
    ) -> Result<(Row, RowFormat), BadCell> {
        let extra = self.extra.iter().map(|(place, _)| {
            cells.get(*place).map_or_else(String::new, |cell| super::restore(cell).to_owned())
        });
        let draft = column::read(Column::ALL, texts, |column| self.cell(cells, column))?;
        let spelled = RowFormat {
            sheet: spelled(&draft).map(|column| (column, self.cell(cells, column).to_owned())),
            lost_time: draft.lost_time,
        };
        Ok((draft.into_row(extra.collect())?, spelled))
    }

    /// Whether another row's line stands within a cell of this record: no crash leaves that, and the row would be lost.
    pub(super) fn swallows(&self, line: &RawLine<'_>, texts: &mut SharedTexts) -> Option<String> {
        // Where a note is the first column, what follows its line breaks looks like the same row.
        let mut own = None;
        for (at, number) in memchr_iter(b'\n', line.bytes).zip(line.number + 1..) {
            let own =
                *own.get_or_insert_with(|| self.row(line, texts).ok().map(|(row, _)| row.id()));
            let inner = RawLines::new(&line.bytes[at + 1..], self.separator, number).next()?;
            if self.row(&inner, texts).is_ok_and(|(row, _)| Some(row.id()) != own) {
                return Some(format!(
                    "a quote is open and takes in the row on line {number}; close it"
                ));
            }
        }
        None
    }

    pub(super) fn has(&self, cells: &[Cow<'_, str>], column: Column) -> bool {
        self.ours[column as usize].is_some_and(|place| place < cells.len())
    }

    pub(super) fn cell<'c>(&self, cells: &'c [Cow<'_, str>], column: Column) -> &'c str {
        self.ours[column as usize].and_then(|place| cells.get(place)).map_or("", |cell| cell)
    }
}

/// The first column whose cell a spreadsheet has written in its own way.
fn spelled(draft: &RowFields<'_>) -> Option<Column> {
    let is_sheet_day = |day: &Option<SheetDay>| !matches!(day, None | Some(SheetDay::Exact(_)));
    let is_sheet_time = |time: &Option<SheetTime>| matches!(time, Some(SheetTime::Sheet(_)));
    [
        (Column::BillingStartDate, is_sheet_day(&draft.start)),
        (Column::BillingEndDate, is_sheet_day(&draft.end)),
        (Column::UpdatedAt, is_sheet_time(&draft.updated_at)),
        (Column::IntentAt, is_sheet_time(&draft.intent_at)),
    ]
    .into_iter()
    .find_map(|(column, is_sheet)| is_sheet.then_some(column))
}

/// What people save in place of CSV with UTF-8, where that can be told.
fn what_else(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("it is UTF-16, as a spreadsheet's \"Unicode text\" is; save it as CSV UTF-8")
        }
        [b'P', b'K', 3, 4, ..] => Some(
            "it is a workbook or an archive; open it in the spreadsheet and save it as CSV UTF-8",
        ),
        _ if bytes.contains(&b'\r') => Some(
            "its lines end in a carriage return alone (\"CSV Macintosh\"); save it as CSV UTF-8",
        ),
        _ => None,
    }
}
