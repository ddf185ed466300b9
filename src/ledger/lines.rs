//! Splits bytes into records, and records into cells.

use std::{borrow::Cow, fmt};

use memchr::{memchr, memchr_iter, memchr2};

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
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Separator::Comma => "commas",
            Separator::Semicolon => "semicolons",
            Separator::Tab => "tabs",
        })
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
        // Most records are one line without quotes: the end is found without looking at each byte.
        if let Some(at) = memchr(b'\n', self.rest)
            && let line = &self.rest[..at]
            && memchr2(b'"', 0, line).is_none()
        {
            (self.rest, self.number) = (&self.rest[at + 1..], number + 1);
            return RawLine {
                number,
                bytes: line.strip_suffix(b"\r").unwrap_or(line),
                end: LineEnding::LineFeed,
            };
        }
        let mut within = Within::Start;
        let stop = self.rest.iter().position(|b| {
            let quoted = quotes && within == Within::Quotes;
            let ends = *b == 0 || (*b == b'\n' && !quoted);
            self.number += u64::from(*b == b'\n');
            within = within.after(*b, self.separator);
            ends
        });
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
}

impl<'a> Iterator for RawLines<'a> {
    type Item = RawLine<'a>;

    fn next(&mut self) -> Option<RawLine<'a>> {
        let first = *self.rest.first()?;
        let number = self.number;
        if first == 0 {
            let zeros = self.rest.iter().take_while(|b| **b == 0).count();
            let (bytes, rest) = self.rest.split_at(zeros);
            self.rest = rest;
            return Some(RawLine { number, bytes, end: LineEnding::Zeros });
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
    let mut cells = Vec::with_capacity(Column::ALL.len() + 1);
    if memchr(b'"', record.as_bytes()).is_none() {
        let mut begin = 0;
        for end in memchr_iter(separator as u8, record.as_bytes()) {
            cells.push(Cow::Borrowed(&record[begin..end]));
            begin = end + 1;
        }
        cells.push(Cow::Borrowed(&record[begin..]));
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
