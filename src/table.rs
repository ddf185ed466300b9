//! A CSV file as a table: columns by name, cells as the bytes they are.

use std::io::Read;

use csv::{ByteRecord, Reader, ReaderBuilder};

/// A table that is read from its beginning to its end, one row in memory at a time. Webex does not publish the columns
/// of its files, so they are known by the header alone.
pub(crate) struct Table<R> {
    columns: Vec<String>,
    reader: Reader<R>,
}

impl<R: Read> Table<R> {
    /// Reads the header. A file without any has no columns.
    ///
    /// # Errors
    /// `input` cannot be read.
    pub(crate) fn open(input: R) -> csv::Result<Self> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true);
        let mut reader = builder.buffer_capacity(1 << 16).from_reader(input);
        let mut header = ByteRecord::new();
        reader.read_byte_record(&mut header)?;
        let name = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
        Ok(Table {
            columns: header.iter().map(name).collect(),
            reader,
        })
    }

    /// The names of its columns, in order. A name may stand there twice.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Where the column `name` stands: the first, where there are several.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Reads the next row, which may have more or fewer cells than the header; `false` at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn next(&mut self, row: &mut ByteRecord) -> csv::Result<bool> {
        self.reader.read_byte_record(row)
    }
}
