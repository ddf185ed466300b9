//! Checks, while a file streams by, whether it is a table.

use csv_core::{ReadFieldResult, Reader};

use crate::text::one_line;
use reconcile::{LONGEST_ROW, MOST_COLUMNS, too_long, too_many_columns};

/// A longer cell is read on without being kept: headers are short.
const LONGEST_NAME: usize = 4 * 1024;
/// Further columns are counted, and their names are not kept.
const MOST_NAMES: usize = 1_000;
/// Bytes of names that are kept of each file.
const LONGEST_NAMES: usize = 64 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATable {
    #[error("it is empty, without even a header")]
    Empty,
    #[error("it is a web page or XML and not CSV")]
    Markup,
    #[error("it is JSON and not CSV")]
    Json,
    #[error("it holds zero bytes, which no CSV text has")]
    ZeroBytes,
    #[error("{}", too_many_columns(*.0))]
    TooWide(u64),
    /// From 1; 0 is the header.
    #[error("{}", too_long(*.0))]
    TooLong(u64),
    #[error("row {row} has {cells} cells, and the header has {header}")]
    Ragged { row: u64, cells: u64, header: u64 },
    #[error("a quote in its last row is not closed")]
    OpenQuote,
    /// One line with one cell: a header if other files have that column, else an error text in a file's place.
    #[error("it is one line of text, {0:?}, and no other file of this type has such a column")]
    OneCell(String),
}

/// What a whole file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableShape {
    pub rows: u64,
    pub columns: Vec<String>,
    pub is_utf8: bool,
    /// The first reason why it is no table.
    pub flaw: Option<NotATable>,
}

impl TableShape {
    /// The only cell of a file that has no more: other files tell whether that is a column's name.
    pub fn only_cell(&self) -> Option<&str> {
        match (&*self.columns, self.rows, &self.flaw) {
            ([name], 0, None) => Some(name),
            _ => None,
        }
    }
}

pub struct Inspector {
    reader: Box<Reader>,
    utf8: Utf8,
    /// The first bytes, until it is known what they begin.
    start: Option<Vec<u8>>,
    cell: Vec<u8>,
    cells: u64,
    /// Bytes of the record without quotes and separators.
    length: u64,
    named: usize,
    records: u64,
    width: u64,
    columns: Vec<String>,
    flaw: Option<NotATable>,
}

impl Default for Inspector {
    fn default() -> Self {
        Inspector {
            reader: Box::new(Reader::new()),
            utf8: Utf8::default(),
            start: Some(Vec::new()),
            cell: Vec::new(),
            cells: 0,
            length: 0,
            named: 0,
            records: 0,
            width: 0,
            columns: Vec::new(),
            flaw: None,
        }
    }
}

impl Inspector {
    pub fn take(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.utf8.take(bytes);
        if bytes.contains(&0) {
            self.object(NotATable::ZeroBytes);
        }
        match self.start.take() {
            None => self.read(bytes),
            Some(mut start) => {
                start.extend_from_slice(bytes);
                let text = start.strip_prefix(BOM).unwrap_or(&start);
                let first = text.iter().find(|b| !b.is_ascii_whitespace());
                let may_be_bom = start.len() < BOM.len() && BOM.starts_with(&start);
                match first {
                    Some(b) if !may_be_bom => {
                        match b {
                            b'<' => self.object(NotATable::Markup),
                            b'{' | b'[' => self.object(NotATable::Json),
                            _ => {}
                        }
                        self.read(&start); // csv_core takes the byte order mark away
                    }
                    _ => self.start = Some(start),
                }
            }
        }
    }

    pub fn finish(mut self) -> TableShape {
        if self.start.is_some() {
            self.object(NotATable::Empty);
        } else {
            self.read(b"\n");
            // A row of its own, unless a quote before it is not closed.
            let (before, flaw) = (self.records, self.flaw.clone());
            self.read(b"x\n");
            self.flaw = flaw;
            if self.records == before {
                self.object(NotATable::OpenQuote);
            } else {
                self.records = before;
            }
            self.read(&[]); // csv_core: no bytes are the end
        }
        TableShape {
            rows: self.records.saturating_sub(1),
            columns: self.columns,
            is_utf8: self.utf8.is_whole(),
            flaw: self.flaw,
        }
    }

    fn object(&mut self, flaw: NotATable) {
        self.flaw.get_or_insert(flaw);
    }

    fn read(&mut self, mut bytes: &[u8]) {
        let is_end = bytes.is_empty();
        let mut out = [0; 1024];
        loop {
            let (result, read, written) = self.reader.read_field(bytes, &mut out);
            bytes = &bytes[read..];
            let is_header = self.records == 0;
            self.length += written as u64;
            if self.length > LONGEST_ROW {
                self.object(NotATable::TooLong(self.records));
            }
            if is_header && self.cell.len() < LONGEST_NAME {
                self.cell.extend_from_slice(&out[..written]);
            }
            match result {
                ReadFieldResult::InputEmpty if is_end => {}
                ReadFieldResult::InputEmpty | ReadFieldResult::End => return,
                ReadFieldResult::OutputFull => {}
                ReadFieldResult::Field { record_end } => {
                    self.cells += 1;
                    let has_room = self.columns.len() < MOST_NAMES && self.named < LONGEST_NAMES;
                    if is_header && has_room {
                        self.named += self.cell.len();
                        let name = String::from_utf8_lossy(&self.cell);
                        self.columns.push(one_line(&name));
                    }
                    self.cell.clear();
                    if record_end {
                        self.record();
                    }
                }
            }
            if bytes.is_empty() && !is_end {
                return; // no bytes would be the end
            }
        }
    }

    fn record(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        self.length = 0;
        if self.records == 0 {
            self.width = cells;
            if cells > MOST_COLUMNS as u64 {
                self.object(NotATable::TooWide(cells));
            }
        } else if cells != self.width {
            self.object(NotATable::Ragged { row: self.records, cells, header: self.width });
        }
        self.records += 1;
    }
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector").finish_non_exhaustive()
    }
}

/// Whether bytes are UTF-8: a character may be cut between two pieces.
#[derive(Debug, Default)]
struct Utf8 {
    rest: Vec<u8>,
    is_broken: bool,
}

impl Utf8 {
    fn take(&mut self, bytes: &[u8]) {
        if self.is_broken {
            return;
        }
        let mut bytes = bytes;
        // At most three bytes of an incomplete character.
        while !self.rest.is_empty() && !bytes.is_empty() {
            self.rest.push(bytes[0]);
            bytes = &bytes[1..];
            match std::str::from_utf8(&self.rest) {
                Ok(_) => self.rest.clear(),
                Err(e) if e.error_len().is_some() => {
                    self.is_broken = true;
                    return;
                }
                Err(_) => {}
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => {}
            Err(e) if e.error_len().is_some() => self.is_broken = true,
            Err(e) => self.rest.extend_from_slice(&bytes[e.valid_up_to()..]),
        }
    }

    fn is_whole(&self) -> bool {
        !self.is_broken && self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(bytes: &[u8]) -> TableShape {
        let mut inspector = Inspector::default();
        inspector.take(bytes);
        inspector.finish()
    }

    #[test]
    fn a_table_is_told_from_what_is_none() {
        let ragged = |row, cells| NotATable::Ragged { row, cells, header: 2 };
        for (bytes, rows, flaw) in [
            (&b"A,B\n1,2\n3,4\n"[..], 2, None),
            (b"A,B\r\n1,2\r\n", 1, None),
            (b"A,B\n1,2", 1, None),
            (b"\xef\xbb\xbfA,B\n1,\"2\n,3\"\n", 1, None),
            (b"A,B\n", 0, None),
            (b"A,B", 0, None),
            (b"A\n1\n", 1, None),
            (b"A,B\nM\xfcller,2\n", 1, None),
            (b"", 0, Some(NotATable::Empty)),
            (b"\xef\xbb\xbf \n", 0, Some(NotATable::Empty)),
            (b"\n <html>", 0, Some(NotATable::Markup)),
            (b"{\"message\":\"no\"}", 0, Some(NotATable::Json)),
            (b"A,B\n1\n", 1, Some(ragged(1, 1))),
            (b"A,B\n1,2\n1,2,3\n", 2, Some(ragged(2, 3))),
            (b"A,B\n1,\0\n", 1, Some(NotATable::ZeroBytes)),
            (b"A,B\n1,\"2\n3,4\n", 1, Some(NotATable::OpenQuote)),
            (b"A,B\n1,\"2", 1, Some(NotATable::OpenQuote)),
            (b"A,B\n1,\"2\"", 1, None),
            (b"A,B\n1,2\"\n", 1, None),
            (b"A\r\n\r\n", 0, None),
        ] {
            let found = content(bytes);
            let said = (found.rows, found.flaw);
            assert_eq!(said, (rows, flaw), "{:?}", bytes.escape_ascii().to_string());
        }
        let wide = "x,".repeat(MOST_COLUMNS) + "x\n";
        let columns = MOST_COLUMNS as u64 + 1;
        assert_eq!(content(wide.as_bytes()).flaw, Some(NotATable::TooWide(columns)));
        let open_quote = format!("A,B\n1,2\n1,\"{}", "2\n".repeat(LONGEST_ROW as usize));
        assert_eq!(content(open_quote.as_bytes()).flaw, Some(NotATable::TooLong(2)));
        let long = "x".repeat(LONGEST_ROW as usize + 1);
        assert_eq!(content(long.as_bytes()).flaw, Some(NotATable::TooLong(0)));
        let found = content(b"\xef\xbb\xbfA,\"B \n C\"\nM\xfcller,2\n");
        assert_eq!(found.columns, ["A", "B C"]);
        assert!(!found.is_utf8);
        for (bytes, only) in [
            (&b"Internal Server Error"[..], Some("Internal Server Error")),
            (b"COUNT\r\n", Some("COUNT")),
            (b"\xef\xbb\xbf\"a, b\"\n", Some("a, b")),
            (b"COUNT\n1\n", None),
            (b"A,B\n", None),
            (b"<x>", None),
            (b"", None),
        ] {
            assert_eq!(content(bytes).only_cell(), only, "{}", bytes.escape_ascii());
        }
        assert!(content("Ä,ö\n€,🎉\n".as_bytes()).is_utf8);
    }

    #[test]
    fn marks_of_byte_order_in_pieces() {
        for text in ["\u{feff}\u{feff}\r", "\u{feff}\u{feff}A,B\n1,2\n", "\u{feff}\r"] {
            let mut inspector = Inspector::default();
            text.as_bytes().iter().for_each(|byte| inspector.take(&[*byte]));
            assert_eq!(inspector.finish(), content(text.as_bytes()), "{text:?}");
        }
    }

    proptest! {
        /// However the pieces fall, the same is found.
        #[test]
        fn pieces_make_no_difference(
            text in "[\u{feff}A,\"\n\r €ä🎉<{]{0,40}", spoilt in any::<bool>(), size in 1usize..7
        ) {
            let mut bytes = text.into_bytes();
            if spoilt {
                bytes.push(0xfc);
            }
            let mut inspector = Inspector::default();
            bytes.chunks(size).for_each(|piece| inspector.take(piece));
            let found = inspector.finish();
            prop_assert_eq!(found.is_utf8, std::str::from_utf8(&bytes).is_ok());
            prop_assert_eq!(found, content(&bytes));
        }
    }
}
