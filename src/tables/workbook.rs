use std::{
    any::Any,
    cell::Cell,
    io::{self, BufWriter},
    panic::{self, AssertUnwindSafe},
};

use rust_xlsxwriter::{ExcelDateTime, Format, FormatAlign, Workbook, XlsxError};

use super::{ColumnKind, SheetNames, TableColumn};
use crate::{
    files::{NewFile, folder_of},
    text::grouped,
};
use reconcile::NumberFormat;

/// Of a sheet, with its header.
const MOST_ROWS: u32 = 1_048_576;
/// In UTF-16 units: what a cell holds.
const LONGEST_CELL: usize = 32_767;
/// What a number of a spreadsheet keeps.
const MOST_DIGITS: usize = 15;
/// In characters.
const NARROWEST: u32 = 6;
const WIDEST: u32 = 40;
/// The button of the filter, in characters.
const BUTTON: u32 = 3;
/// A column is as wide as the longest cell of so many rows.
const MEASURED_ROWS: u32 = 1_000;

/// The sheets of a workbook. Rows wait in a file without a name in the folder of `file`, which holds nothing before
/// [`SheetWriter::finish`].
pub(super) struct SheetWriter<'w> {
    file: &'w mut NewFile,
    workbook: Workbook,
    names: SheetNames,
    /// The name that was wanted for the open table.
    name: String,
    open: Option<OpenSheet>,
    date: Format,
    most_rows: u32,
}

struct OpenSheet {
    /// The next row, from 0.
    row: u32,
    /// In characters, of each column.
    widths: Vec<u32>,
}

impl<'w> SheetWriter<'w> {
    pub(super) fn new(file: &'w mut NewFile) -> io::Result<Self> {
        let mut workbook = Workbook::new();
        let folder = folder_of(file.place()).to_owned();
        contained(|| workbook.set_tempdir(folder).map(|_| ()))?;
        Ok(SheetWriter {
            file,
            workbook,
            names: SheetNames::default(),
            name: String::new(),
            open: None,
            date: Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left),
            most_rows: MOST_ROWS,
        })
    }

    #[cfg(test)]
    pub(super) fn with_most_rows(&mut self, most_rows: u32) {
        self.most_rows = most_rows;
    }

    pub(super) fn begin(&mut self, name: &str, columns: &[TableColumn]) -> io::Result<()> {
        self.close()?;
        name.clone_into(&mut self.name);
        let SheetWriter { workbook, names, .. } = self;
        let taken = names.take(name);
        let header = Format::new().set_bold();
        let right = header.clone().set_align(FormatAlign::Right);
        contained(|| {
            let sheet = workbook.add_worksheet_with_constant_memory()?;
            sheet.set_name(taken)?.set_freeze_panes(1, 0)?;
            for (at, column) in (0_u16..).zip(columns) {
                let is_number = column.kind == ColumnKind::Number;
                let format = if is_number { &right } else { &header };
                sheet.write_string_with_format(0, at, &column.name, format)?;
            }
            Ok(())
        })?;
        let widths = columns.iter().map(|column| width(&column.name) + BUTTON);
        self.open = Some(OpenSheet { row: 1, widths: widths.collect() });
        Ok(())
    }

    /// The place of the next row. What a sheet does not hold continues in another one.
    pub(super) fn next_row(&mut self, columns: &[TableColumn]) -> io::Result<u32> {
        if self.open.as_ref().is_none_or(|sheet| sheet.row >= self.most_rows) {
            let name = self.name.clone();
            self.begin(&name, columns)?;
        }
        let Some(sheet) = &mut self.open else { return Ok(0) };
        sheet.row += 1;
        Ok(sheet.row - 1)
    }

    pub(super) fn cell(
        &mut self,
        (row, at): (u32, u16),
        column: &TableColumn,
        cell: &[u8],
    ) -> io::Result<()> {
        if cell.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(cell);
        if text.len() > LONGEST_CELL && text.encode_utf16().count() > LONGEST_CELL {
            let (row, most) = (grouped(u64::from(row) + 1), grouped(LONGEST_CELL as u64));
            let why = format!(
                "{} in row {row} of {} has more than {most} characters, which is all that a cell of a workbook holds; name \
                 a .csv file instead",
                column.name, self.name
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        if let Some(OpenSheet { widths, .. }) = &mut self.open
            && row < MEASURED_ROWS
        {
            let widest = &mut widths[usize::from(at)];
            *widest = width(&text).max(*widest);
        }
        let date = &self.date;
        let Some(sheet) = self.workbook.worksheets_mut().last_mut() else { return Ok(()) };
        let is = |kind| column.kind == kind;
        let number = if is(ColumnKind::Number) { number(cell) } else { None };
        let day = if is(ColumnKind::Date) { day(&text) } else { None };
        contained(|| {
            match (number, day) {
                (Some(number), _) => sheet.write_number(row, at, number)?,
                (_, Some(day)) => sheet.write_datetime_with_format(row, at, day, date)?,
                _ => sheet.write_string(row, at, text)?,
            };
            Ok(())
        })
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(OpenSheet { row, widths }) = self.open.take() else { return Ok(()) };
        let Some(sheet) = self.workbook.worksheets_mut().last_mut() else { return Ok(()) };
        contained(|| {
            let mut last = 0;
            for (at, width) in (0_u16..).zip(widths) {
                sheet.set_column_width(at, width.clamp(NARROWEST, WIDEST) + 1)?;
                last = at;
            }
            sheet.autofilter(0, 0, row - 1, last)?;
            // On paper: as wide as a page, each with the header.
            sheet.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
            Ok(())
        })
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close()?;
        let mut out = BufWriter::new(&mut *self.file);
        let workbook = &mut self.workbook;
        contained(|| workbook.save_to_writer(&mut out))?;
        out.into_inner().map_err(|e| e.into_error())?;
        Ok(())
    }
}

/// In characters, as far as a column can be wide.
fn width(text: &str) -> u32 {
    text.chars().zip(0..WIDEST).count() as u32
}

/// `None`: it is no number, or one that a spreadsheet would change.
fn number(cell: &[u8]) -> Option<f64> {
    let formats = [NumberFormat::Point, NumberFormat::Scientific];
    let plain = formats.iter().find_map(|format| format.read(cell).ok())?.to_string();
    let digits = plain.strip_prefix('-').unwrap_or(&plain);
    let digits = digits.strip_prefix("0.").unwrap_or(digits);
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    if count > MOST_DIGITS { None } else { plain.parse().ok() }
}

fn day(text: &str) -> Option<ExcelDateTime> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let day = ExcelDateTime::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    day.ok()
}

thread_local! {
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread becomes an error: there is nothing to say about it yet.
pub fn is_contained() -> bool {
    IS_CONTAINED.get()
}

/// The crate that writes workbooks panics if its own files cannot be written, as on a full disk. After an error nothing
/// more may be done with the workbook.
fn contained<T>(work: impl FnOnce() -> Result<T, XlsxError>) -> io::Result<T> {
    IS_CONTAINED.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CONTAINED.set(false);
    match done {
        Ok(result) => result.map_err(|error| match error {
            XlsxError::IoError(e) | XlsxError::TempFileError(_, e) => e,
            XlsxError::ZipError(e) => e.into(),
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }),
        Err(panic) => Err(of_panic(&*panic)),
    }
}

/// Its text names the kind of the error that it was.
fn of_panic(panic: &(dyn Any + Send)) -> io::Error {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let text = panic.downcast_ref::<String>().map_or("a fault while it was written", |it| it);
    let kinds = [StorageFull, QuotaExceeded, FileTooLarge];
    match kinds.into_iter().find(|kind| text.contains(&format!("kind: {kind:?}"))) {
        Some(kind) => kind.into(),
        None => io::Error::other(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the crate does where it cannot write; nobody is told of a fault.
    #[test]
    fn a_full_disk_is_an_error() {
        let full = contained(|| -> Result<(), XlsxError> {
            let error = io::Error::from_raw_os_error(28);
            panic!("Couldn't write to xml file: {error:?}")
        });
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let other = contained(|| -> Result<(), XlsxError> {
            panic!("no number {}", std::hint::black_box(7))
        });
        assert_eq!(other.unwrap_err().to_string(), "no number 7");
        assert!(!is_contained());
        let refused = contained(|| Err::<(), _>(XlsxError::RowColumnLimitError));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
