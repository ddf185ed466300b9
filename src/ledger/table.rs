//! The ledger's contents in memory.

use foldhash::HashMap;

use super::{Column, Row, State, column, line::Line};
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
        let mut out = Vec::new();
        let mut header = Line::new(&mut out);
        for column in Column::ALL {
            header.word(column.name());
        }
        for name in &self.extra_columns {
            header.raw(name);
        }
        header.end();
        for row in self.rows() {
            self.write(row, &mut out);
        }
        out
    }

    /// One row as a line of this file, its line feed included.
    pub fn line(&self, row: &Row) -> Vec<u8> {
        let mut out = Vec::with_capacity(LINE);
        self.write(row, &mut out);
        out
    }

    fn write(&self, row: &Row, out: &mut Vec<u8>) {
        let mut line = Line::new(out);
        column::write(row, &mut line);
        for _ in row.extra.len()..self.extra_columns.len() {
            line.word("");
        }
        line.end();
    }
}

/// What a line mostly takes, in bytes.
const LINE: usize = 384;
