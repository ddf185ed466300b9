use super::Row;

/// Where a row stands in one [`super::Ledger`]; valid until its rows are put in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIndex(u32);

impl RowIndex {
    #[expect(clippy::expect_used, reason = "four thousand million rows")]
    pub(super) fn at(n: usize) -> Self {
        RowIndex(u32::try_from(n).expect("fewer rows than that"))
    }

    pub(super) fn all(len: usize) -> impl Iterator<Item = RowIndex> {
        (0..len).map(RowIndex::at)
    }

    pub(super) fn of(self, rows: &[Row]) -> &Row {
        &rows[self.index()]
    }

    /// From 0.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}
