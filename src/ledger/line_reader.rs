//! Turns lines into rows, each without the others, so any thread can do it.

use memchr::memchr;

use super::{
    Row,
    blocks::Block,
    header::Header,
    lines::{LineEnding, RawLine, RawLines},
    spreadsheet_format::RowFormat,
    texts::SharedTexts,
};

pub(super) struct LineReader<'h> {
    pub(super) header: &'h Header,
    pub(super) texts: SharedTexts,
}

pub(super) struct BlockRead {
    /// The length of the block.
    pub(super) bytes: usize,
    /// The rows before `wrong`, each with the number of its line.
    pub(super) rows: Vec<(u64, Row, RowFormat)>,
    /// The line that is wrong, and why.
    pub(super) wrong: Option<(u64, String)>,
}

impl<'h> LineReader<'h> {
    pub(super) fn new(header: &'h Header) -> Self {
        LineReader { header, texts: SharedTexts::default() }
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
        BlockRead { bytes: bytes.len(), rows, wrong }
    }

    /// Reads a line that no crash has damaged; a blank one is no row.
    pub(super) fn whole(&mut self, line: &RawLine<'_>) -> Result<Option<(Row, RowFormat)>, String> {
        if self.header.is_blank(line.bytes) {
            return Ok(None); // no damage: spreadsheets write rows of empty cells, too
        }
        match self.swallows(line) {
            Some(why) => Err(why),
            None => self.row(line).map(Some),
        }
    }

    /// Whether another row's line stands within a cell of this record: no crash leaves that, and the row would be lost.
    pub(super) fn swallows(&mut self, line: &RawLine<'_>) -> Option<String> {
        memchr(b'\n', line.bytes)?;
        let mut breaks = line.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
        let first = breaks.next()?;
        // Where a note is the first column, what follows its line breaks looks like the same row.
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

    pub(super) fn row(&mut self, line: &RawLine<'_>) -> Result<(Row, RowFormat), String> {
        let text = std::str::from_utf8(line.bytes)
            .map_err(|_| "not UTF-8; save the file as CSV with commas (UTF-8)".to_owned())?;
        let cells = self.header.cells(text);
        // In a torn line with fewer cells the last one may be cut, and still look right.
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
        self.header.row(&cells, &mut self.texts).map_err(|bad| bad.to_string())
    }
}

/// Bytes of a usual line, or more.
const USUAL: usize = 200;
