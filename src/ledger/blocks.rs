//! A ledger's bytes in blocks, so that a large file need not be in memory and its blocks can be read in parallel.

use std::{
    io::{self, Read},
    path::Path,
};

use memchr::{memchr, memchr_iter, memrchr};

use super::{
    LedgerError,
    header::Header,
    lines::{LineEnding, RawLine, RawLines, Separator},
};
use crate::text::is_before_header;

/// Bytes of the file; a block is longer where one record is.
pub(super) const SIZE: usize = 1 << 18;

pub(super) struct Blocks<'p, R> {
    source: R,
    path: &'p Path,
    size: usize,
    separator: Separator,
    /// Read and not given out; begins with a record.
    pending: Vec<u8>,
    number: u64,
    /// Nothing is left in `source`.
    is_at_end: bool,
}

/// Begins with a record.
pub(super) struct Block {
    /// The line of its first record, from 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) kind: BlockKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// Records that a line feed ends, and no zero byte.
    Whole,
    /// The last lines of the file, and all that follows a zero byte.
    Rest,
}

impl<'p, R: Read> Blocks<'p, R> {
    pub(super) fn new(source: R, path: &'p Path, size: usize) -> Self {
        Blocks {
            source,
            path,
            size,
            separator: Separator::Comma,
            pending: Vec::new(),
            number: 1,
            is_at_end: false,
        }
    }

    pub(super) fn header(&mut self) -> Result<Header, LedgerError> {
        self.fill()?;
        let bytes = &self.pending[..];
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut lines = RawLines::new(bytes, self.separator, self.number);
        let is_before = |line: &RawLine<'_>| {
            let text = std::str::from_utf8(line.bytes);
            line.end == LineEnding::LineFeed && text.is_ok_and(is_before_header)
        };
        let first = lines.by_ref().find(|line| !is_before(line));
        let header = Header::read(first, self.path)?;
        let rest = lines.rest().len();
        (self.separator, self.number) = (header.separator, lines.number());
        self.pending.drain(..self.pending.len() - rest);
        Ok(header)
    }

    /// Whether all that is left is in memory.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The rest of the file is the last block.
    pub(super) fn next(&mut self) -> Result<Block, LedgerError> {
        let whole = self.fill()?;
        let (kind, rest) = if self.is_at_end {
            (BlockKind::Rest, Vec::new())
        } else {
            (BlockKind::Whole, self.pending.split_off(whole))
        };
        let bytes = std::mem::replace(&mut self.pending, rest);
        let number = self.number;
        self.number += memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Block { number, bytes, kind })
    }

    /// Reads on until there is a block. Returns how many bytes its whole records have.
    fn fill(&mut self) -> Result<usize, LedgerError> {
        let mut wanted = self.size;
        loop {
            let from = self.pending.len();
            self.read_to(wanted)?;
            if memchr(0, &self.pending[from..]).is_some() {
                self.read_to(usize::MAX)?;
            }
            let whole = whole(&self.pending, self.separator);
            if whole > 0 || self.is_at_end {
                return Ok(whole);
            }
            wanted = 2 * self.pending.len().max(1);
        }
    }

    fn read_to(&mut self, wanted: usize) -> Result<(), LedgerError> {
        let missing = wanted.saturating_sub(self.pending.len());
        if self.is_at_end || missing == 0 {
            return Ok(());
        }
        let source = &mut self.source;
        let read = source.take(missing as u64).read_to_end(&mut self.pending);
        let unreadable = |error: io::Error| LedgerError::Io {
            doing: "read the ledger",
            path: self.path.to_owned(),
            source: error,
        };
        self.is_at_end = read.map_err(unreadable)? < missing;
        Ok(())
    }
}

/// How many bytes of `bytes` are records that a line feed ends.
fn whole(bytes: &[u8], separator: Separator) -> usize {
    if memchr(b'"', bytes).is_none() {
        return memrchr(b'\n', bytes).map_or(0, |at| at + 1);
    }
    let mut lines = RawLines::new(bytes, separator, 1);
    let mut whole = 0;
    while lines.next().is_some_and(|line| line.end == LineEnding::LineFeed) {
        whole = bytes.len() - lines.rest().len();
    }
    whole
}
