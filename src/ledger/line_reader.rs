//! Lines to rows, each by itself: what the other lines say is not known here, so any thread can do it.

use memchr::memchr;

use super::{
    Row,
    blocks::Block,
    header::Header,
    lines::{LineEnding, RawLine, RawLines},
    spreadsheet_format::RowFormat,
    texts::SharedTexts,
};

/// Reads lines below one header.
pub(super) struct LineReader<'h> {
    pub(super) header: &'h Header,
    pub(super) texts: SharedTexts,
}

/// What a block of whole records says.
pub(super) struct BlockRead {
    /// How many bytes it has.
    pub(super) bytes: usize,
    /// Its rows as far as all is well, each with the number of its line.
    pub(super) rows: Vec<(u64, Row, RowFormat)>,
    /// The line that is wrong, and why.
    pub(super) wrong: Option<(u64, String)>,
}

impl<'h> LineReader<'h> {
    pub(super) fn new(header: &'h Header) -> Self {
        LineReader {
            header,
            texts: SharedTexts::default(),
        }
    }

    /// Reads whole records, none of which a crash has damaged.
    pub(super) fn block(&mut self, block: &Block) -> BlockRead {
        let bytes = &block.bytes[..];
        let lines = RawLines::new(bytes, self.header.separator, block.number);
        let mut rows = Vec::with_capacity(bytes.len() / USUAL);
        let mut wrong = None;
        for line in lines {
            match self.whole(&line) {
                Ok(Some((row, spelled))) => rows.push((line.number, row, spelled)),
                Ok(None) => {}
                Err(why) => {
                    wrong = Some((line.number, why));
                    break;
                }
            }
        }
        BlockRead {
            bytes: bytes.len(),
            rows,
            wrong,
        }
    }

    /// The row of a line that no crash has damaged; none of one without anything in it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn whole(&mut self, line: &RawLine<'_>) -> Result<Option<(Row, RowFormat)>, String> {
        if self.header.is_blank(line.bytes) {
            return Ok(None); // no damage: spreadsheets write rows of empty cells, too
        }
        match self.swallows(line) {
            Some(why) => Err(why),
            None => self.row(line).map(Some),
        }
    }

    /// Whether the line of another row stands within a cell of this record, and what is wrong then: no crash leaves that,
    /// and the row would be lost.
    pub(super) fn swallows(&mut self, line: &RawLine<'_>) -> Option<String> {
        memchr(b'\n', line.bytes)?;
        let mut breaks = line.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
        let first = breaks.next()?;
        // Where a note stands first, what follows its line breaks looks like a row: the same one.
        let own = self.row(line).ok().map(|(row, _)| row.id());
        let breaks = std::iter::once(first).chain(breaks);
        for ((at, _), number) in breaks.zip(line.number + 1..) {
            let mut inner = RawLines::new(&line.bytes[at + 1..], self.header.separator, number);
            let inner = inner.next()?;
            if self.row(&inner).is_ok_and(|(row, _)| Some(row.id()) != own) {
                return Some(format!(
                    "a quote is open and takes in the row on line {number}; close it"
                ));
            }
        }
        None
    }

    /// The row that a line's cells make.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn row(&mut self, line: &RawLine<'_>) -> Result<(Row, RowFormat), String> {
        let text = std::str::from_utf8(line.bytes)
            .map_err(|_| "not UTF-8; save the file as CSV with commas (UTF-8)".to_owned())?;
        let cells = self.header.cells(text);
        // Of a torn line that has fewer the last one may be cut, and still look right.
        let fewest = match line.end {
            LineEnding::LineFeed => self.header.fewest(),
            LineEnding::Torn | LineEnding::Zeros => self.header.len,
        };
        if cells.len() > self.header.len || cells.len() < fewest {
            return Err(format!(
                "{} cells where the header has {}; restore the line from a copy",
                cells.len(),
                self.header.len
            ));
        }
        self.header
            .row(&cells, &mut self.texts)
            .map_err(|bad| bad.to_string())
    }
}

/// What a line usually has, in bytes, or more.
const USUAL: usize = 200;
