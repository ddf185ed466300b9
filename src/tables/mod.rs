//! Tables that are written, a row at a time: CSV files and workbooks. Whoever has rows gives them once, for both.

mod sheet_names;
mod workbook;

use std::{
    borrow::Cow,
    io::{self, Write},
    path::Path,
};

use csv::{ByteRecord, ErrorKind, Writer, WriterBuilder};

use crate::{files::NewFile, ledger::neutralise};
use sheet_names::SheetNames;
use workbook::SheetWriter;

pub use workbook::is_contained;

/// What stands in a column. Only a workbook tells them apart, and whatever has not the form of its column is text there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// In CSV made harmless: a spreadsheet would run some texts as formulas.
    Text,
    Number,
    /// YYYY-MM-DD.
    Date,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub kind: ColumnKind,
}

impl TableColumn {
    pub fn text(name: impl Into<String>) -> Self {
        TableColumn { name: name.into(), kind: ColumnKind::Text }
    }

    pub fn number(name: impl Into<String>) -> Self {
        TableColumn { name: name.into(), kind: ColumnKind::Number }
    }

    pub fn date(name: impl Into<String>) -> Self {
        TableColumn { name: name.into(), kind: ColumnKind::Date }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    Csv,
    Workbook,
}

impl TableFormat {
    /// By the end of the name; `None`: it is neither.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(TableFormat::Csv),
            "xlsx" => Some(TableFormat::Workbook),
            _ => None,
        }
    }
}

/// Takes tables: one if it writes CSV, and any number if it writes a workbook, where each has a sheet of its own.
pub struct TableWriter<'w> {
    columns: Vec<TableColumn>,
    output: TableOutput<'w>,
}

enum TableOutput<'w> {
    Csv(Box<Writer<&'w mut dyn Write>>),
    Workbook(Box<SheetWriter<'w>>),
}

impl<'w> TableWriter<'w> {
    pub fn csv(out: &'w mut dyn Write) -> Self {
        let csv = WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out);
        TableWriter { columns: Vec::new(), output: TableOutput::Csv(Box::new(csv)) }
    }

    /// The file is complete after [`TableWriter::finish`].
    pub fn new(file: &'w mut NewFile, format: TableFormat) -> io::Result<Self> {
        match format {
            TableFormat::Csv => Ok(TableWriter::csv(file)),
            TableFormat::Workbook => {
                let output = TableOutput::Workbook(Box::new(SheetWriter::new(file)?));
                Ok(TableWriter { columns: Vec::new(), output })
            }
        }
    }

    /// Whether it takes more than one table.
    pub fn has_sheets(&self) -> bool {
        matches!(self.output, TableOutput::Workbook(_))
    }

    /// Begins a table with its header. A sheet is called `name`, as far as sheets can be.
    pub fn begin(&mut self, name: &str, columns: Vec<TableColumn>) -> io::Result<()> {
        self.columns = columns;
        match &mut self.output {
            TableOutput::Csv(csv) => {
                let names = self.columns.iter().map(|column| column.name.as_bytes());
                write_record(csv, names.map(|it| (ColumnKind::Text, it)))
            }
            TableOutput::Workbook(sheets) => sheets.begin(name, &self.columns),
        }
    }

    /// A cell for each column.
    pub fn row<C: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = C>) -> io::Result<()> {
        let cells = self.columns.iter().zip(cells);
        match &mut self.output {
            TableOutput::Csv(csv) => {
                write_record(csv, cells.map(|(column, cell)| (column.kind, cell)))
            }
            TableOutput::Workbook(sheets) => {
                let row = sheets.next_row(&self.columns)?;
                for (at, (column, cell)) in (0_u16..).zip(cells) {
                    sheets.cell((row, at), column, cell.as_ref())?;
                }
                Ok(())
            }
        }
    }

    pub fn finish(self) -> io::Result<()> {
        match self.output {
            TableOutput::Csv(mut csv) => csv.flush(),
            TableOutput::Workbook(sheets) => sheets.finish(),
        }
    }
}

/// Keeps the kind of an error: a reader that has gone away is no failure.
fn write_record<C: AsRef<[u8]>>(
    csv: &mut Writer<&mut dyn Write>,
    cells: impl Iterator<Item = (ColumnKind, C)>,
) -> io::Result<()> {
    let mut record = ByteRecord::new();
    for (kind, cell) in cells {
        match kind {
            ColumnKind::Text => record.push_field(&harmless(cell.as_ref())),
            ColumnKind::Number | ColumnKind::Date => record.push_field(cell.as_ref()),
        }
    }
    csv.write_byte_record(&record).map_err(|e| match e.into_kind() {
        ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    })
}

/// A cell that no spreadsheet runs as a formula. Bytes that are not UTF-8 stay as they are.
fn harmless(cell: &[u8]) -> Cow<'_, [u8]> {
    match neutralise(&String::from_utf8_lossy(cell)) {
        Cow::Owned(_) => Cow::Owned([b"'", cell].concat()),
        Cow::Borrowed(_) => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests;
