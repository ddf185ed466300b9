use std::collections::HashMap;

use super::{Column, Row, RowIndex, State, column, index::Index, line::LineWriter};
use request::{ReportId, RequestId};

/// Rows in order, one per request.
#[derive(Debug, Clone)]
pub struct Ledger {
    extra_columns: Vec<String>,
    rows: Vec<Row>,
    places: Index<RequestId>,
    /// By the report that a row holds.
    holders: Index<ReportId>,
    /// Other ids of requests than their rows have: the file spells the organisation otherwise.
    respelled: HashMap<RequestId, RowIndex>,
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger {
            extra_columns: Vec::new(),
            rows: Vec::new(),
            places: Index::new(|row| Some(&row.id)),
            holders: Index::new(|row| row.state.report_id()),
            respelled: HashMap::new(),
        }
    }
}

impl PartialEq for Ledger {
    fn eq(&self, other: &Self) -> bool {
        (&self.extra_columns, &self.rows) == (&other.extra_columns, &other.rows)
    }
}

impl Ledger {
    /// A ledger without rows whose header ends with `extra_columns`.
    pub fn new(extra_columns: Vec<String>) -> Self {
        Ledger { extra_columns, ..Ledger::default() }
    }

    /// Columns that are not ours, kept through rewrites.
    pub fn extra_columns(&self) -> &[String] {
        &self.extra_columns
    }

    /// Drops columns without name or content: spreadsheets add them.
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
    pub fn places(&self) -> impl ExactSizeIterator<Item = (RowIndex, &Row)> + Clone {
        let rows = self.rows.iter().enumerate();
        rows.map(|(n, row)| (RowIndex::at(n), row))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Panics where `place` is not of this ledger.
    pub fn row(&self, place: RowIndex) -> &Row {
        place.of(&self.rows)
    }

    /// Where the row of this request stands.
    pub fn place(&self, id: RequestId) -> Option<RowIndex> {
        (self.places.find(&id, &self.rows)).or_else(|| self.respelled.get(&id).copied())
    }

    /// By either id of the row.
    pub(super) fn place_of(&self, row: &Row) -> Option<RowIndex> {
        let (id, key) = (row.id(), row.key());
        (self.place(id)).or_else(|| (key != id).then(|| self.place(key)).flatten())
    }

    /// As [`Ledger::place`], looking first at the row after `last`: rows mostly stand in the order of the plan.
    pub fn place_after(&self, last: Option<RowIndex>, id: RequestId) -> Option<RowIndex> {
        let next = last.map_or(0, |last| last.index() + 1);
        match self.rows.get(next) {
            Some(row) if row.id == id => Some(RowIndex::at(next)),
            _ => self.place(id),
        }
    }

    /// Where the rows of these requests stand, of those that have one.
    pub fn places_of(
        &self,
        ids: impl IntoIterator<Item = RequestId>,
    ) -> impl Iterator<Item = RowIndex> {
        let places = ids.into_iter().scan(None, |last, id| {
            let place = self.place_after(*last, id);
            *last = place.or(*last);
            Some(place)
        });
        places.flatten()
    }

    /// The row of this request.
    pub fn get(&self, id: RequestId) -> Option<&Row> {
        self.place(id).map(|place| self.row(place))
    }

    /// The ids of all reports that rows hold.
    pub fn report_ids(&self) -> impl Iterator<Item = &ReportId> {
        self.rows.iter().filter_map(|row| row.state.report_id())
    }

    /// Where the row stands that holds this report.
    pub fn holder(&self, report: &ReportId) -> Option<RowIndex> {
        self.holders.find(report, &self.rows)
    }

    /// Reserves room.
    pub fn reserve(&mut self, more: usize) {
        self.rows.reserve_exact(more);
        self.places.reserve(more, &self.rows);
        self.holders.reserve(more, &self.rows);
    }

    /// Takes a later line: it replaces the request's row, else it comes last. A report id is never emptied this way; to
    /// give one up, use [`Ledger::replace`].
    pub fn fold(&mut self, row: Row) {
        self.fold_at(self.place_of(&row), row);
    }

    /// As [`Ledger::fold`], where [`Ledger::place_of`] is already known.
    pub(super) fn fold_at(&mut self, place: Option<RowIndex>, mut row: Row) -> RowIndex {
        let Some(place) = place else {
            let last = RowIndex::at(self.rows.len());
            self.rows.push(row);
            self.note(last);
            return last;
        };
        let earlier = &mut self.rows[place.index()];
        let (before, after) = (&earlier.state, &row.state);
        if matches!(before, State::Created(_)) && after.report_id().is_none() {
            return place;
        }
        if row.extra.iter().all(String::is_empty) {
            row.extra = std::mem::take(&mut earlier.extra);
        }
        self.replace(place, row);
        place
    }

    /// Replaces the row at `place` even where that loses a report id: a person said so.
    pub fn replace(&mut self, place: RowIndex, row: Row) {
        let before = self.row(place);
        let (id, same_id) = (before.id(), before.id() == row.id());
        let same_report = before.state.report_id() == row.state.report_id();
        if !same_id {
            self.places.remove(place, &self.rows);
            self.respelled.insert(id, place);
        }
        if !same_report {
            self.holders.remove(place, &self.rows);
        }
        self.rows[place.index()] = row;
        if !same_id {
            self.note(place);
        } else if !same_report {
            self.holders.insert(place, &self.rows);
        }
    }

    fn note(&mut self, place: RowIndex) {
        self.places.insert(place, &self.rows);
        self.holders.insert(place, &self.rows);
        let row = place.of(&self.rows);
        if row.key() != row.id() {
            self.respelled.insert(row.key(), place);
        }
    }

    /// Puts the rows of `order` first; all others keep their order after them.
    pub fn reorder(&mut self, order: impl IntoIterator<Item = RequestId>) {
        let mut is_placed = vec![false; self.rows.len()];
        let mut places = Vec::with_capacity(self.rows.len());
        for place in (self.places_of(order)).chain(RowIndex::all(self.rows.len())) {
            if !std::mem::replace(&mut is_placed[place.index()], true) {
                places.push(place);
            }
        }
        if places.is_sorted() {
            return; // as they stand
        }
        let mut moved: Vec<Option<Row>> = self.rows.drain(..).map(Some).collect();
        let rows = places.iter().filter_map(|place| moved[place.index()].take());
        self.rows.extend(rows);
        let mut now_at = vec![RowIndex::at(0); places.len()];
        for (n, before) in places.iter().enumerate() {
            now_at[before.index()] = RowIndex::at(n);
        }
        for place in self.respelled.values_mut() {
            *place = now_at[place.index()];
        }
        self.places.rebuild(&self.rows);
        self.holders.rebuild(&self.rows);
    }

    /// The file at rest: header and one line per row.
    pub fn to_csv(&self) -> Vec<u8> {
        self.chunks().collect::<Vec<_>>().concat()
    }

    /// [`Ledger::to_csv`] in pieces.
    pub fn chunks(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut out = Vec::new();
        let mut header = LineWriter::new(&mut out);
        for column in Column::ALL {
            header.word(column.name());
        }
        for name in &self.extra_columns {
            header.raw(name);
        }
        header.end();
        let rows = self.rows.chunks(CHUNK).map(|rows| {
            let mut lines = Vec::with_capacity(LINE * rows.len());
            for row in rows {
                self.write(row, &mut lines);
            }
            lines
        });
        std::iter::once(out).chain(rows)
    }

    /// With its line feed.
    pub fn line(&self, row: &Row) -> Vec<u8> {
        let mut out = Vec::with_capacity(LINE);
        self.write(row, &mut out);
        out
    }

    fn write(&self, row: &Row, out: &mut Vec<u8>) {
        let mut line = LineWriter::new(out);
        column::write(row, &mut line);
        for _ in row.extra.len()..self.extra_columns.len() {
            line.word("");
        }
        line.end();
    }
}

/// Bytes of a usual line.
const LINE: usize = 384;
const CHUNK: usize = 512;
