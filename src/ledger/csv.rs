//! CSV by RFC 4180, with what spreadsheets make of it: bytes to records, records to cells, and cells to lines.

use std::borrow::Cow;

use memchr::memchr3;

use super::Column;

/// A comma; spreadsheets also save others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Separator {
    Comma = b',',
    Semicolon = b';',
    Tab = b'\t',
}

impl Separator {
    pub(super) const ALL: [Separator; 3] = [Separator::Comma, Separator::Semicolon, Separator::Tab];

    pub(super) fn name(self) -> &'static str {
        match self {
            Separator::Comma => "commas",
            Separator::Semicolon => "semicolons",
            Separator::Tab => "tabs",
        }
    }
}

/// One record, or one run of zero bytes.
pub(super) struct RawLine<'a> {
    /// Of its first line; a quoted cell may hold line feeds, so a record can take several.
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    pub(super) end: LineEnding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnding {
    /// The line feed, and a carriage return before it, is not part of `bytes`.
    LineFeed,
    /// The end of the file, or zero bytes.
    Torn,
    Zeros,
}

pub(super) struct RawLines<'a> {
    separator: Separator,
    rest: &'a [u8],
    number: u64,
    /// Where the last record began.
    last: (&'a [u8], u64),
}

impl<'a> RawLines<'a> {
    pub(super) fn new(bytes: &'a [u8], separator: Separator, number: u64) -> Self {
        RawLines { separator, rest: bytes, number, last: (bytes, number) }
    }

    /// What follows the last record.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The line that follows the last record.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The last record again, only as far as its first line feed, whatever the quotes say.
    pub(super) fn shorten(&mut self) -> RawLine<'a> {
        (self.rest, self.number) = self.last;
        self.record(false)
    }

    /// `quotes`: whether line feeds within quotes belong to the record.
    fn record(&mut self, quotes: bool) -> RawLine<'a> {
        let number = self.number;
        self.last = (self.rest, number);
        let stop = match memchr3(b'\n', b'"', 0, self.rest) {
            // Most records are one line without quotes.
            Some(at) if self.rest[at] == b'\n' => {
                self.number += 1;
                Some(at)
            }
            _ => self.end_of_record(quotes),
        };
        let (bytes, end, rest) = match stop {
            Some(at) if self.rest[at] == b'\n' => {
                (&self.rest[..at], LineEnding::LineFeed, &self.rest[at + 1..])
            }
            Some(at) => (&self.rest[..at], LineEnding::Torn, &self.rest[at..]),
            None => (self.rest, LineEnding::Torn, &self.rest[self.rest.len()..]),
        };
        self.rest = rest;
        RawLine { number, bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes), end }
    }

    fn end_of_record(&mut self, quotes: bool) -> Option<usize> {
        let mut within = Within::Start;
        self.rest.iter().position(|byte| {
            let quoted = quotes && within == Within::Quotes;
            let ends = *byte == 0 || (*byte == b'\n' && !quoted);
            self.number += u64::from(*byte == b'\n');
            within = within.after(*byte, self.separator);
            ends
        })
    }
}

impl<'a> Iterator for RawLines<'a> {
    type Item = RawLine<'a>;

    fn next(&mut self) -> Option<RawLine<'a>> {
        if *self.rest.first()? == 0 {
            let zeros = self.rest.iter().take_while(|b| **b == 0).count();
            let (bytes, rest) = self.rest.split_at(zeros);
            self.rest = rest;
            return Some(RawLine { number: self.number, bytes, end: LineEnding::Zeros });
        }
        Some(self.record(true))
    }
}

/// Where in a cell a byte stands. A quote opens a quoted cell only as its first byte (RFC 4180).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Start,
    /// Without quotes, or behind them.
    Plain,
    Quotes,
    /// Behind a quote that ends the quotes, unless another one follows.
    Closing,
}

impl Within {
    fn after(self, byte: u8, separator: Separator) -> Self {
        match (self, byte) {
            (Within::Start | Within::Closing, b'"') => Within::Quotes,
            (Within::Quotes, b'"') => Within::Closing,
            (Within::Quotes, _) => Within::Quotes,
            (_, byte) if byte == separator as u8 => Within::Start,
            _ => Within::Plain,
        }
    }
}

/// Not by `csv`, which builds a table for each reader: one per line took longer than all the rest.
pub(super) fn cells(record: &str, separator: Separator) -> Vec<Cow<'_, str>> {
    let mut cells = Vec::with_capacity(Column::ALL.len());
    if !record.contains('"') {
        cells.extend(record.split(separator as u8 as char).map(Cow::Borrowed));
        return cells;
    }
    let mut cell = String::new();
    let mut within = Within::Start;
    for c in record.chars() {
        let before = within;
        within = before.after(u8::try_from(c).unwrap_or(b'x'), separator);
        match (before, within) {
            (Within::Start, Within::Quotes) | (Within::Quotes, Within::Closing) => {}
            (_, Within::Start) => cells.push(std::mem::take(&mut cell).into()),
            _ => cell.push(c),
        }
    }
    cells.push(cell.into());
    cells
}

/// A spreadsheet takes a cell that begins with one of these for a formula. Some read wide forms as ASCII.
const FORMULA_STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Puts a `'` before text that a spreadsheet would run as a formula, or that [`restore`] would take for such.
pub fn neutralise(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Undoes [`neutralise`]; other text stays as it is.
pub fn restore(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA_STARTS)
}

/// Appends a cell and a comma.
pub(super) fn push_cell(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r' | 0)) {
        // A zero byte is the mark of a stretch that was never written: see `read`.
        let text = text.replace('\0', "").replace('"', "\"\"");
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b',');
}

/// Ends the line whose last cell was just appended.
pub(super) fn end_line(out: &mut Vec<u8>) {
    out.pop();
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_text() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-3", "'-3"),
            ("'=1", "''=1"),
            ("''@x", "'''@x"),
            ("plain", "plain"),
            ("'quoted'", "'quoted'"),
            ("", ""),
        ] {
            assert_eq!(neutralise(text), cell);
            assert_eq!(restore(cell), text);
        }
        assert_eq!(restore("=typed by hand"), "=typed by hand");
    }

    proptest! {
        #[test]
        fn what_is_neutralised_is_restored(text in "['=+@x-]{0,6}|\\PC{0,12}") {
            let cell = neutralise(&text);
            prop_assert!(!is_formula(&cell));
            prop_assert_eq!(restore(&cell), text.as_str());
        }

        /// What any other reader of CSV makes of a line is what was written, but for zero bytes.
        #[test]
        fn cells_are_read_back(cells in proptest::collection::vec("[\"',\\n\\r\\x00 a-z=]{0,8}", 2..6)) {
            let mut out = Vec::new();
            for cell in &cells {
                push_cell(&mut out, cell);
            }
            end_line(&mut out);
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
            let read = reader.records().next().unwrap().unwrap();
            let expected: Vec<String> = cells.iter().map(|cell| cell.replace('\0', "")).collect();
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), expected);
        }
    }
}
