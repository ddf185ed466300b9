use std::borrow::Cow;

use foldhash::HashMap;

use super::{
    Column, Row,
    csv::{end_line, neutralise, push_cell},
};
use request::{ReportId, RequestId};

/// Where a row stands in one [`Ledger`]; valid until its rows are put in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIndex(u32);

impl RowIndex {
    #[expect(clippy::expect_used, reason = "four thousand million rows")]
    fn at(n: usize) -> Self {
        RowIndex(u32::try_from(n).expect("fewer rows than that"))
    }

    /// From 0.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Rows in order, one per request.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    extra_columns: Vec<String>,
    rows: Vec<Row>,
    /// By every id under which a line has named the request: an older version spelled organisations otherwise.
    by_request: HashMap<RequestId, RowIndex>,
    /// By the report that a row holds.
    by_report: HashMap<ReportId, RowIndex>,
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

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Row> + Clone {
        self.rows.iter()
    }

    pub fn places(&self) -> impl ExactSizeIterator<Item = (RowIndex, &Row)> + Clone {
        let rows = self.rows.iter().enumerate();
        rows.map(|(n, row)| (RowIndex::at(n), row))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Panics where `place` is not of this ledger.
    pub fn row(&self, place: RowIndex) -> &Row {
        &self.rows[place.index()]
    }

    pub fn place(&self, id: RequestId) -> Option<RowIndex> {
        self.by_request.get(&id).copied()
    }

    pub(super) fn place_of(&self, row: &Row) -> Option<RowIndex> {
        self.place(row.id()).or_else(|| self.place(row.key()))
    }

    pub fn get(&self, id: RequestId) -> Option<&Row> {
        self.place(id).map(|place| self.row(place))
    }

    pub fn report_ids(&self) -> impl Iterator<Item = &ReportId> {
        self.rows.iter().filter_map(|row| row.state.report_id())
    }

    pub fn holder(&self, report: &ReportId) -> Option<RowIndex> {
        self.by_report.get(report).copied()
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.rows.reserve_exact(rows);
        self.by_request.reserve(rows);
        self.by_report.reserve(rows);
    }

    /// Takes a later line: it replaces the request's row, else it comes last. A report id is never emptied this way; to
    /// give one up, use [`Ledger::replace`].
    pub fn fold(&mut self, row: Row) {
        self.fold_at(self.place_of(&row), row);
    }

    /// As [`Ledger::fold`], where [`Ledger::place_of`] is already known.
    pub(super) fn fold_at(&mut self, place: Option<RowIndex>, mut row: Row) {
        let Some(place) = place else {
            self.rows.push(row);
            return self.note(RowIndex::at(self.rows.len() - 1));
        };
        let earlier = &mut self.rows[place.index()];
        if earlier.state.report_id().is_some() && row.state.report_id().is_none() {
            return;
        }
        if row.extra.iter().all(String::is_empty) {
            row.extra = std::mem::take(&mut earlier.extra);
        }
        self.replace(place, row);
    }

    /// Replaces the row at `place` even where that loses a report id: a person said so.
    pub fn replace(&mut self, place: RowIndex, row: Row) {
        let before = std::mem::replace(&mut self.rows[place.index()], row);
        if let Some(report) = before.state.report_id()
            && self.holder(report) == Some(place)
        {
            self.by_report.remove(report);
        }
        self.note(place);
    }

    fn note(&mut self, place: RowIndex) {
        let row = &self.rows[place.index()];
        self.by_request.insert(row.id(), place);
        self.by_request.insert(row.key(), place);
        if let Some(report) = row.state.report_id() {
            self.by_report.entry(report.clone()).or_insert(place);
        }
    }

    /// Puts the rows of `order` first; all others keep their order after them.
    pub fn reorder(&mut self, order: impl IntoIterator<Item = RequestId>) {
        let mut is_placed = vec![false; self.rows.len()];
        let mut places = Vec::with_capacity(self.rows.len());
        let first = order.into_iter().filter_map(|id| self.place(id));
        for place in first.chain((0..self.rows.len()).map(RowIndex::at)) {
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
        for place in self.by_request.values_mut().chain(self.by_report.values_mut()) {
            *place = now_at[place.index()];
        }
    }

    /// The file at rest: header and one line per row.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut out = self.header();
        for row in &self.rows {
            self.write(row, &mut out);
        }
        out
    }

    /// The lines of [`Ledger::to_csv`].
    pub(super) fn lines(&self) -> impl Iterator<Item = Vec<u8>> {
        std::iter::once(self.header()).chain(self.rows.iter().map(|row| self.line(row)))
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let ours = Column::ALL.iter().map(|column| column.name());
        for name in ours.chain(self.extra_columns.iter().map(String::as_str)) {
            push_cell(&mut out, name);
        }
        end_line(&mut out);
        out
    }

    /// With its line feed.
    pub fn line(&self, row: &Row) -> Vec<u8> {
        let mut out = Vec::with_capacity(LINE);
        self.write(row, &mut out);
        out
    }

    fn write(&self, row: &Row, out: &mut Vec<u8>) {
        let ours = Column::ALL.iter().map(|column| column.text(row));
        let missing = row.extra.len()..self.extra_columns.len();
        let notes = row.extra.iter().map(Cow::from).chain(missing.map(|_| "".into()));
        for text in ours.chain(notes) {
            push_cell(out, &neutralise(&text));
        }
        end_line(out);
    }
}

/// Bytes of a usual line, or more.
const LINE: usize = 384;
