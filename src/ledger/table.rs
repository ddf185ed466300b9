//! The ledger's contents in memory.

use std::{borrow::Cow, collections::HashMap};

use super::{Column, Row, State, column};
use crate::request::{ReportId, RequestId};

/// Where a row stands in one [`Ledger`]; of use there only, and until its rows are put in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(usize);

/// Rows in order, one per request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    extra_columns: Vec<String>,
    rows: Vec<Row>,
    /// By the id of the request, and by that of the row where a file spells it otherwise.
    places: HashMap<RequestId, Place>,
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

    /// Drops columns without a name that no row has anything in: spreadsheets add them.
    pub(super) fn drop_empty_columns(&mut self) {
        for n in (0..self.extra_columns.len()).rev() {
            let is_empty = |row: &Row| row.extra.get(n).is_none_or(String::is_empty);
            if self.extra_columns[n].trim().is_empty() && self.rows.iter().all(is_empty) {
                self.extra_columns.remove(n);
                for row in self.rows.iter_mut().filter(|row| n < row.extra.len()) {
                    row.extra.remove(n);
                }
            }
        }
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Row> + Clone {
        self.rows.iter()
    }

    /// All rows with their places, in order.
    pub fn places(&self) -> impl ExactSizeIterator<Item = (Place, &Row)> + Clone {
        self.rows.iter().enumerate().map(|(n, row)| (Place(n), row))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at `place`.
    ///
    /// # Panics
    /// Where there is none: places come from this ledger.
    pub fn row(&self, place: Place) -> &Row {
        &self.rows[place.0]
    }

    /// Where the row of this request stands.
    pub fn place(&self, id: RequestId) -> Option<Place> {
        self.places.get(&id).copied()
    }

    /// The row of this request.
    pub fn get(&self, id: RequestId) -> Option<&Row> {
        self.place(id).map(|place| self.row(place))
    }

    /// The ids of all reports that rows hold.
    pub fn report_ids(&self) -> impl Iterator<Item = &ReportId> {
        self.rows.iter().filter_map(|row| row.state.report_id())
    }

    /// Takes a later line: it replaces the request's row where one stands, else it comes last. A report id that
    /// stands is never emptied: a created row stays created. Whoever gives an id up uses [`Ledger::replace`].
    pub fn fold(&mut self, mut row: Row) {
        let place = self.place(row.id()).or_else(|| self.place(row.key()));
        let Some(place) = place else {
            let place = Place(self.rows.len());
            self.places.insert(row.id(), place);
            self.places.insert(row.key(), place);
            self.rows.push(row);
            return;
        };
        let earlier = &mut self.rows[place.0];
        let (before, after) = (&earlier.state, &row.state);
        if matches!(before, State::Created(_)) && after.report_id().is_none() {
            return;
        }
        if row.extra.iter().all(String::is_empty) {
            row.extra = std::mem::take(&mut earlier.extra);
        }
        *earlier = row;
    }

    /// Puts `row` in the place of the row of its request, also where that loses a report id: a person said so.
    ///
    /// # Panics
    /// Where the request has no row.
    pub fn replace(&mut self, place: Place, row: Row) {
        self.rows[place.0] = row;
    }

    /// Puts the rows of `order` first, in that order; all others keep their places after them.
    pub fn reorder(&mut self, order: impl IntoIterator<Item = RequestId>) {
        let mut rank = vec![usize::MAX; self.rows.len()];
        let mut next = 0;
        for place in order.into_iter().filter_map(|id| self.place(id)) {
            if rank[place.0] == usize::MAX {
                rank[place.0] = next;
                next += 1;
            }
        }
        let mut rows: Vec<(usize, Row)> = rank.into_iter().zip(self.rows.drain(..)).collect();
        rows.sort_by_key(|(rank, _)| *rank);
        self.rows.extend(rows.into_iter().map(|(_, row)| row));
        for (n, row) in self.rows.iter().enumerate() {
            self.places.insert(row.id(), Place(n));
            self.places.insert(row.key(), Place(n));
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
        for row in self.rows() {
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
        column::cells(row).chain(std::iter::repeat_n("".into(), missing))
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
