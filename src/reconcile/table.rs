//! A CSV file as a table: columns by name, cells as the bytes they are.

use std::io::{self, Read};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use crate::text::grouped;

/// As many as a spreadsheet's sheet has. A header with more is none, and would take memory without end.
pub(crate) const MOST_COLUMNS: usize = 16_384;
/// In bytes. A longer row begins with a quote that is never closed, and takes in the rest of its file.
pub(crate) const LONGEST_ROW: u64 = 1024 * 1024;

/// Read once, one row in memory at a time. Webex does not publish the columns of its files, so the header alone tells
/// them.
pub(crate) struct Table<R> {
    columns: Vec<String>,
    reader: Reader<Rationed<R>>,
}

impl<R: Read> Table<R> {
    /// Reads the header; a file without one has no columns. `InvalidData` where it has more than [`MOST_COLUMNS`] or is
    /// longer than [`LONGEST_ROW`].
    pub(crate) fn open(input: R) -> io::Result<Self> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true);
        let reader =
            builder.buffer_capacity(1 << 16).from_reader(Rationed { input, left: LONGEST_ROW });
        let mut table = Table { columns: Vec::new(), reader };
        let mut header = ByteRecord::new();
        table.next(&mut header)?;
        if header.len() > MOST_COLUMNS {
            return Err(invalid(too_many_columns(header.len() as u64)));
        }
        let name = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
        table.columns = header.iter().map(name).collect();
        Ok(table)
    }

    /// In order. A name may stand there twice.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The index of the first column `name`.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Reads the next row, which may have more or fewer cells than the header; `false` at the end. `InvalidData` where
    /// it is longer than [`LONGEST_ROW`].
    pub(crate) fn next(&mut self, row: &mut ByteRecord) -> io::Result<bool> {
        self.reader.get_mut().left = LONGEST_ROW;
        self.reader.read_byte_record(row).map_err(|e| match e.into_kind() {
            ErrorKind::Io(e) => e,
            other => io::Error::other(format!("{other:?}")), // a flexible reader has no others
        })
    }
}

pub(crate) fn too_many_columns(columns: u64) -> String {
    let (columns, most) = (grouped(columns), grouped(MOST_COLUMNS as u64));
    format!("its header has {columns} columns, and at most {most} are read")
}

/// `row` 0 is the header.
pub(crate) fn too_long(row: u64) -> String {
    let what = match row {
        0 => "its header".to_owned(),
        row => format!("row {}", grouped(row)),
    };
    let most = LONGEST_ROW / 1024 / 1024;
    format!("{what} is longer than {most} MiB; is a quote not closed?")
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Gives no more bytes than one row may have, until it is told to go on.
struct Rationed<R> {
    input: R,
    left: u64,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let most = LONGEST_ROW / 1024 / 1024;
            let why = format!("a row of it is longer than {most} MiB; is a quote not closed?");
            return Err(invalid(why));
        }
        let read = self.input.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Result<(usize, u64), String> {
        let said = |e: io::Error| e.to_string();
        let mut table = Table::open(file.as_bytes()).map_err(said)?;
        let (mut row, mut rows) = (ByteRecord::new(), 0);
        while table.next(&mut row).map_err(said)? {
            rows += 1;
        }
        Ok((table.columns().len(), rows))
    }

    #[test]
    fn a_table_has_so_many_columns_and_so_long_rows_at_most() {
        let most = "x,".repeat(MOST_COLUMNS - 1) + "x\n";
        assert_eq!(read(&(most.clone() + &most)), Ok((MOST_COLUMNS, 1)));
        let why = read(&format!("x,{most}")).unwrap_err();
        assert!(why.contains("16,385 columns"), "{why}");
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
