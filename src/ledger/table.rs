//! The ledger's contents in memory.

use std::{borrow::Cow, collections::HashMap};

use super::{Column, Row, Status};
use crate::request::RequestId;

/// Rows in order, one per request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    extra_columns: Vec<String>,
    rows: Vec<Row>,
    places: HashMap<RequestId, usize>,
}

impl Ledger {
    /// A ledger without rows whose header ends with `extra_columns`.
    pub fn new(extra_columns: Vec<String>) -> Self {
        Ledger {
            extra_columns,
            ..Ledger::default()
        }
    }

    /// Columns that are not ours, kept through rewrites.
    pub fn extra_columns(&self) -> &[String] {
        &self.extra_columns
    }

    /// All rows, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row at `place`.
    ///
    /// # Panics
    /// Where there is none: places come from this ledger.
    pub fn row(&self, place: usize) -> &Row {
        &self.rows[place]
    }

    /// The row at `place`, to change. Its request stays what it is.
    ///
    /// # Panics
    /// Where there is none: places come from this ledger.
    pub fn row_mut(&mut self, place: usize) -> &mut Row {
        &mut self.rows[place]
    }

    /// Where the row of this request stands.
    pub fn place(&self, id: RequestId) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The row of this request.
    pub fn get(&self, id: RequestId) -> Option<&Row> {
        self.place(id).map(|place| &self.rows[place])
    }

    /// Takes a later line: it replaces the request's row where one stands, else it comes last. A report id
    /// that stands is never emptied: a created row stays created (contract, section 4).
    pub fn fold(&mut self, mut row: Row) {
        match self.place(row.id()) {
            None => {
                self.places.insert(row.id(), self.rows.len());
                self.rows.push(row);
            }
            Some(place) => {
                let earlier = &mut self.rows[place];
                if row.status.report_id().is_none() && matches!(earlier.status, Status::Created(_))
                {
                    return;
                }
                if row.extra.iter().all(String::is_empty) {
                    row.extra = std::mem::take(&mut earlier.extra);
                }
                *earlier = row;
            }
        }
    }

    /// Puts the rows of `order` first, in that order; all others keep their places after them.
    pub fn reorder(&mut self, order: impl IntoIterator<Item = RequestId>) {
        let mut rank: HashMap<RequestId, usize> = HashMap::with_capacity(self.rows.len());
        for id in order {
            let next = rank.len();
            rank.entry(id).or_insert(next);
        }
        self.rows
            .sort_by_key(|row| rank.get(&row.id()).copied().unwrap_or(usize::MAX));
        for (place, row) in self.rows.iter().enumerate() {
            self.places.insert(row.id(), place);
        }
    }

    /// The file at rest: header and one line per row.
    pub fn to_csv(&self) -> Vec<u8> {
        let header = Column::ALL
            .iter()
            .map(|column| column.name())
            .chain(self.extra_columns.iter().map(String::as_str));
        let mut out = Records::default();
        out.push(header);
        for row in &self.rows {
            out.push(self.cells(row));
        }
        out.into_bytes()
    }

    /// One row as a line of this file, its line feed included.
    pub fn line(&self, row: &Row) -> Vec<u8> {
        let mut out = Records::default();
        out.push(self.cells(row));
        out.into_bytes()
    }

    fn cells<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = Cow<'a, str>> {
        let missing = self.extra_columns.len().saturating_sub(row.extra.len());
        row.cells().chain(std::iter::repeat_n("".into(), missing))
    }
}

/// Lines as RFC 4180 has them, ended by LF.
struct Records(csv::Writer<Vec<u8>>);

impl Default for Records {
    fn default() -> Self {
        let mut builder = csv::WriterBuilder::new();
        builder
            .terminator(csv::Terminator::Any(b'\n'))
            .flexible(true);
        Records(builder.buffer_capacity(1 << 10).from_writer(Vec::new()))
    }
}

#[expect(
    clippy::expect_used,
    reason = "writing to memory does not fail, and `flexible` takes any length"
)]
impl Records {
    fn push<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        for cell in cells {
            let cell = cell.as_ref();
            // A zero byte is the mark of a stretch that was never written: see `read`.
            let cell = match cell.contains('\0') {
                true => Cow::Owned(cell.replace('\0', "")),
                false => Cow::Borrowed(cell),
            };
            self.0.write_field(&*cell).expect("writing to memory");
        }
        self.0
            .write_record(None::<&[u8]>)
            .expect("writing to memory");
    }

    fn into_bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("flushing to memory")
    }
}
