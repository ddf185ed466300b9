//! A CSV file as a table: columns by name, cells as the bytes they are.

use std::io::{self, Cursor, Read};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use crate::list::{Beginning, read_beginning};

/// As many as a sheet in Excel has. A longer first row is not a header, and its names could fill the memory.
pub const MOST_COLUMNS: usize = 16_384;
/// In bytes. A longer row begins with a quote that is never closed, and takes in the rest of its file.
pub const LONGEST_ROW: u64 = 1024 * 1024;
/// Follows every file: a row of its own, unless a quote before it is not closed.
const TAIL: &[u8] = b"\r\n\x01end of file\x01\r\n";
/// A longer list is refused: it would take gigabytes of memory.
pub const MOST_LIST_ROWS: u64 = 20_000_000;

/// Read once, with one row in memory. The header alone says what the columns are.
pub struct Table<R> {
    columns: Vec<String>,
    reader: Reader<Rationed<R>>,
    separator: u8,
    row: u64,
    /// The lines before the header.
    lines_before: u64,
    /// Where the reader stood after a row, without the line breaks in that row; the header's line is 1.
    line: u64,
    /// Whether that is the line after the row. With `\n` it is; with `\r\n` the reader stops between the two.
    is_past_end: bool,
    /// Whether rows have to be as wide as the header.
    is_strict: bool,
    /// How many more rows it may have, if it is a list.
    pub(crate) rows_left: Option<u64>,
}

impl<R: Read> Table<R> {
    /// Reads the header of a comma-separated file; a file without one has no columns. Rows may have more or fewer
    /// cells than it, in any encoding.
    pub fn open(input: R) -> Result<Self, TableError> {
        Self::begin(Rationed::new(input), b',', (0, None))
    }

    /// Reads the header of a list, as people and spreadsheets save it: lines before the header, the separator, a byte
    /// order mark. The separator is the one that makes columns of the `wanted` names.
    pub fn open_list(input: R, wanted: &[&str]) -> Result<Self, TableError> {
        let mut rationed = Rationed::new(input);
        let mut head = read_beginning(&mut rationed)?;
        let line = std::str::from_utf8(head.header()).map_err(|_| TableError::NotUtf8(0))?;
        let beginning = Beginning::of(line, |name| wanted.contains(&name));
        let before = head.bytes.drain(..beginning.header_at);
        let lines_before = before.filter(|byte| *byte == b'\n').count() as u64;
        rationed.head = Cursor::new(head.bytes);
        Self::begin(rationed, beginning.separator, (lines_before, Some(MOST_LIST_ROWS)))
    }

    fn begin(
        input: Rationed<R>,
        separator: u8,
        (lines_before, rows_left): (u64, Option<u64>),
    ) -> Result<Self, TableError> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(separator);
        let reader = builder.buffer_capacity(1 << 16).from_reader(input);
        let mut table = Table {
            columns: Vec::new(),
            reader,
            separator,
            row: 0,
            lines_before,
            line: 1,
            is_past_end: false,
            is_strict: rows_left.is_some(),
            rows_left,
        };
        let mut header = ByteRecord::new();
        table.read(&mut header)?;
        table.is_past_end = table.line > 1;
        if header.len() > MOST_COLUMNS {
            return Err(TableError::TooManyColumns(header.len() as u64));
        }
        let name = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
        table.columns = header.iter().map(name).collect();
        Ok(table)
    }

    /// A row that is not as wide as the header is an error, except for empty cells at its end.
    #[must_use]
    pub fn strict(self) -> Self {
        Table { is_strict: true, ..self }
    }

    /// The byte between cells.
    pub fn separator(&self) -> u8 {
        self.separator
    }

    /// In order. A name may occur twice.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The index of the first column `name`.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The number of the row that [`Table::next`] read last, from 1. Rows of empty cells count.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// The line of the file, from 1, on which the row begins that [`Table::next`] read last.
    pub fn line(&self) -> u64 {
        let line = self.line - u64::from(self.is_past_end);
        // Each earlier row has at least one line. The reader does not count those that only `\r` ends.
        self.lines_before + line.max(self.row + 1)
    }

    /// Reads the next row; `false` at the end. In a list, rows of empty cells are skipped, and any other row has to be
    /// as wide as the header, apart from empty cells at its end.
    pub fn next(&mut self, row: &mut ByteRecord) -> Result<bool, TableError> {
        loop {
            if !self.read(row)? {
                return Ok(false);
            }
            self.row += 1;
            let Some(rows_left) = self.rows_left else {
                self.refuse_ragged(row)?;
                return Ok(true);
            };
            if self.is_filled(row)? {
                self.rows_left = Some(rows_left.checked_sub(1).ok_or(TableError::TooManyRows)?);
                return Ok(true);
            }
        }
    }

    fn read(&mut self, row: &mut ByteRecord) -> Result<bool, TableError> {
        self.reader.get_mut().left = LONGEST_ROW;
        let before = self.reader.position().line();
        let read = self.reader.read_byte_record(row).map_err(|e| match e.into_kind() {
            ErrorKind::Io(e) => e.downcast().unwrap_or_else(TableError::Io),
            other => TableError::Io(io::Error::other(format!("{other:?}"))), // a flexible reader has no others
        })?;
        if row.as_slice() == TAIL.trim_ascii() {
            row.clear();
            return Ok(false);
        }
        if row.as_slice().ends_with(TAIL) {
            return Err(TableError::OpenQuote(self.lines_before + before));
        }
        self.line = self.reader.position().line();
        if self.line - before > 1 {
            // Its cells have line breaks, or empty lines come before it.
            let breaks = row.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
            self.line = self.line.saturating_sub(breaks);
        }
        // The last row may have no line break, so that the reader is still on its line.
        self.line = self.line.max(before + u64::from(self.is_past_end));
        Ok(read)
    }

    /// Whether any cell of the row of a list has text in it.
    fn is_filled(&self, row: &ByteRecord) -> Result<bool, TableError> {
        let bytes = row.as_slice();
        if bytes.contains(&0) {
            return Err(TableError::ZeroBytes);
        }
        let is_text = |cell: &[u8]| std::str::from_utf8(cell).is_ok();
        if !bytes.is_ascii() && !row.iter().all(is_text) {
            return Err(TableError::NotUtf8(self.line()));
        }
        if row.iter().all(is_empty) {
            return Ok(false);
        }
        self.refuse_ragged(row)?;
        Ok(true)
    }

    fn refuse_ragged(&self, row: &ByteRecord) -> Result<(), TableError> {
        let width = self.columns.len();
        let is_wide = row.len() >= width && row.iter().skip(width).all(is_empty);
        if is_wide || !self.is_strict {
            return Ok(());
        }
        let (cells, header) = (row.len() as u64, width as u64);
        Err(TableError::Ragged { line: self.line(), cells, header })
    }
}

fn is_empty(cell: &[u8]) -> bool {
    trimmed(cell).is_empty()
}

/// A cell of a row, without white space at its ends; empty where the row is too short.
pub fn cell(row: &ByteRecord, place: usize) -> &[u8] {
    trimmed(row.get(place).unwrap_or_default())
}

/// Without the white space (of Unicode) at both ends. Bytes that are not UTF-8 lose that of ASCII only.
pub fn trimmed(cell: &[u8]) -> &[u8] {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if is_plain(cell.first()) && is_plain(cell.last()) {
        return cell;
    }
    std::str::from_utf8(cell).map_or_else(|_| cell.trim_ascii(), |text| text.trim().as_bytes())
}

/// Why a file cannot be read as a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file itself cannot be read.
    #[error(transparent)]
    Io(io::Error),
    /// More than [`MOST_COLUMNS`].
    #[error("{}", too_many_columns(*.0))]
    TooManyColumns(u64),
    /// A row of more than [`LONGEST_ROW`] bytes.
    #[error("a row of it is longer than {} MiB; is a quote not closed?", LONGEST_ROW / 1024 / 1024)]
    TooLong,
    /// A quote that takes in the rest of the file. The line on which its row begins, or an empty one before it, from 1.
    #[error("a quote is not closed, in line {} or the next", grouped(*.0))]
    OpenQuote(u64),
    /// Only of a list: more than [`MOST_LIST_ROWS`].
    #[error("it has more than {} rows", grouped(MOST_LIST_ROWS))]
    TooManyRows,
    /// Only of a strict table: a row with more cells than the header, or fewer. Its line, from 1.
    #[error("line {} has {} and the header {header}", grouped(*line), cells_text(*cells))]
    #[allow(missing_docs, reason = "the names say it")]
    Ragged { line: u64, cells: u64, header: u64 },
    /// Only of a list: the line, from 1; 0 is the header.
    #[error("{} is not UTF-8; save the file as CSV in UTF-8", name_of(*.0, "line"))]
    NotUtf8(u64),
    /// Only of a list: UTF-16, as some spreadsheets save "Unicode text".
    #[error("it is UTF-16 and not UTF-8; save it as CSV in UTF-8")]
    Wide,
    /// Only of a list: a workbook, or another archive.
    #[error("it is a workbook or an archive and not CSV; save it as CSV in UTF-8")]
    Archive,
    /// Only of a list.
    #[error("it holds zero bytes, which no CSV text has")]
    ZeroBytes,
}

impl From<TableError> for io::Error {
    /// What is no table is `InvalidData`.
    fn from(error: TableError) -> Self {
        match error {
            TableError::Io(e) => e,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// The message for a header with too many columns.
pub fn too_many_columns(columns: u64) -> String {
    let (columns, most) = (grouped(columns), grouped(MOST_COLUMNS as u64));
    format!("its header has {columns} columns, and at most {most} are read")
}

/// The message for a row that is too long; 0 is the header.
pub fn too_long(row: u64) -> String {
    let most = LONGEST_ROW / 1024 / 1024;
    format!("{} is longer than {most} MiB; is a quote not closed?", name_of(row, "row"))
}

fn cells_text(cells: u64) -> String {
    if cells == 1 { "1 cell".to_owned() } else { format!("{cells} cells") }
}

fn name_of(number: u64, what: &str) -> String {
    match number {
        0 => "its header".to_owned(),
        number => format!("{what} {}", grouped(number)),
    }
}

/// `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Stops after as many bytes as one row may have, until `left` is set again.
pub(crate) struct Rationed<R> {
    /// What was read to find the header.
    head: Cursor<Vec<u8>>,
    input: R,
    tail: &'static [u8],
    left: u64,
}

impl<R> Rationed<R> {
    fn new(input: R) -> Self {
        Rationed { head: Cursor::default(), input, tail: TAIL, left: LONGEST_ROW }
    }
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TableError::TooLong));
        }
        let mut read = self.head.read(buffer)?;
        if read == 0 {
            read = self.input.read(buffer)?;
        }
        if read == 0 {
            read = self.tail.read(buffer)?;
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Result<(usize, u64), String> {
        let said = |e: TableError| e.to_string();
        let mut table = Table::open(file.as_bytes()).map_err(said)?;
        let (mut row, mut rows) = (ByteRecord::new(), 0);
        while table.next(&mut row).map_err(said)? {
            rows += 1;
        }
        Ok((table.columns().len(), rows))
    }

    #[test]
    fn a_quote_that_takes_in_the_rest_of_a_file_is_told() {
        for file in ["A,B\n1,\"2\n3,4\n", "A,B\n1,\"2", "A,\"B\n1,2\n", "\"", "A,B\n1,2\n\""] {
            let why = read(file).unwrap_err();
            assert!(why.contains("a quote is not closed"), "{file:?}: {why}");
        }
        for (file, rows) in [
            ("", (0, 0)),
            ("A,B", (2, 0)),
            ("A,B\n1,\"2\"", (2, 1)),
            ("A,B\r\n1,\"2\n\"\"\"\r\n", (2, 1)),
            ("A,B\n1,2\"\n", (2, 1)),
        ] {
            assert_eq!(read(file), Ok(rows), "{file:?}");
        }
    }

    #[test]
    fn a_row_knows_its_line_however_lines_end() {
        for end in ["\n", "\r\n", "\r"] {
            for last in ["", end] {
                let lines = ["sep=;", "", "A;B", "1;2", ";", "3;\"4\n5\"", "6;7"].join(end) + last;
                let mut table = Table::open_list(lines.as_bytes(), &["A"]).unwrap();
                let (mut row, mut found) = (ByteRecord::new(), Vec::new());
                while table.next(&mut row).unwrap() {
                    found.push(table.line());
                }
                // Where only `\r` ends lines, the reader counts none, and rows are what is counted.
                let expected = if end == "\r" { [2, 4, 5] } else { [4, 6, 8] };
                assert_eq!(found, expected, "{lines:?}");
            }
        }
        let mut table = Table::open(&b"A,B\n\n\n1,2\n"[..]).unwrap();
        table.next(&mut ByteRecord::new()).unwrap();
        assert_eq!(table.line(), 4);
    }

    #[test]
    fn a_table_has_so_many_columns_and_so_long_rows_at_most() {
        let most = "x,".repeat(MOST_COLUMNS - 1) + "x\n";
        assert_eq!(read(&(most.clone() + &most)), Ok((MOST_COLUMNS, 1)));
        let too_many = read(&format!("x,{most}")).unwrap_err();
        assert!(too_many.contains("16,385 columns"), "{too_many}");
        let long = "y".repeat(2 * LONGEST_ROW as usize);
        for file in [
            format!("{long}\n"),
            format!("A,B\n1,2\n1,{long}\n"),
            format!("A,B\n1,\"{}", "2\n3,".repeat(LONGEST_ROW as usize)),
        ] {
            let why = read(&file).unwrap_err();
            assert!(why.contains("longer than 1 MiB"), "{why}");
        }
        assert_eq!(read(&"1,2\n".repeat(1_000_000)), Ok((2, 999_999)));
    }
}
