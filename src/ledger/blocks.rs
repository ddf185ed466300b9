//! A ledger's bytes in blocks, so that a large file need not be in memory and its blocks can be read side by side.

use std::{
    io::{self, Read},
    path::Path,
};

use memchr::{memchr, memrchr};

use super::{
    LedgerError,
    header::Header,
    lines::{End, Lines, Separator},
};

/// How many bytes of the file a block has, or more where one record is longer.
pub(super) const SIZE: usize = 1 << 18;

/// The file behind what was given out of it.
pub(super) struct Blocks<'p, R> {
    source: R,
    /// For messages.
    path: &'p Path,
    size: usize,
    separator: Separator,
    /// What was read and not given out; a record begins with its first byte.
    pending: Vec<u8>,
    /// Whether nothing is left in `source`.
    is_at_end: bool,
}

/// A stretch of the file that begins with a record.
pub(super) enum Block {
    /// Records that a line feed ends, and no zero byte.
    Whole(Vec<u8>),
    /// All the rest of the file: its last lines, and from where zero bytes stand, everything.
    Rest(Vec<u8>),
}

impl<'p, R: Read> Blocks<'p, R> {
    pub(super) fn new(source: R, path: &'p Path, size: usize) -> Self {
        Blocks {
            source,
            path,
            size,
            separator: Separator::Comma,
            pending: Vec::new(),
            is_at_end: false,
        }
    }

    /// Takes the header, which is the first record, and gives the number of the line behind it, too.
    ///
    /// # Errors
    /// It is no ledger's, or the file cannot be read.
    pub(super) fn header(&mut self) -> Result<(Header, u64), LedgerError> {
        self.fill()?;
        let bytes = &self.pending[..];
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut lines = Lines::new(bytes, self.separator, 1);
        let header = Header::read(lines.next(), self.path)?;
        let (rest, number) = (lines.rest().len(), lines.number());
        self.separator = header.separator;
        self.pending.drain(..self.pending.len() - rest);
        Ok((header, number))
    }

    /// Whether all that is left is in memory.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The next block. [`Block::Rest`] is the last one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn next(&mut self) -> Result<Block, LedgerError> {
        let whole = self.fill()?;
        if self.is_at_end {
            return Ok(Block::Rest(std::mem::take(&mut self.pending)));
        }
        let rest = self.pending.split_off(whole);
        Ok(Block::Whole(std::mem::replace(&mut self.pending, rest)))
    }

    /// Reads on until there is a block, and tells how many bytes its whole records have.
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
        let unreadable = |source: io::Error| LedgerError::Io {
            doing: "read the ledger",
            path: self.path.to_owned(),
            source,
        };
        self.is_at_end = read.map_err(unreadable)? < missing;
        Ok(())
    }
}

/// How many bytes the records at the beginning of `bytes` have that are ended by a line feed.
fn whole(bytes: &[u8], separator: Separator) -> usize {
    if memchr(b'"', bytes).is_none() {
        return memrchr(b'\n', bytes).map_or(0, |at| at + 1);
    }
    let mut lines = Lines::new(bytes, separator, 1);
    let mut whole = 0;
    while lines.next().is_some_and(|line| line.end == End::LineFeed) {
        whole = bytes.len() - lines.rest().len();
    }
    whole
}
