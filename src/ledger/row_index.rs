//! Where a row stands.

use super::Row;

/// Where a row stands in one [`super::Ledger`]; of use there only, and until its rows are put in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIndex(u32);

impl RowIndex {
    /// The place of row number `n`, from 0.
    ///
    /// # Panics
    /// For more rows than memory holds today.
    #[expect(clippy::expect_used, reason = "four thousand million rows")]
    pub(super) fn at(n: usize) -> Self {
        RowIndex(u32::try_from(n).expect("fewer rows than that"))
    }

    /// The places of `len` rows.
    pub(super) fn all(len: usize) -> impl Iterator<Item = RowIndex> {
        (0..len).map(RowIndex::at)
    }

    /// The row that stands there.
    pub(super) fn of(self, rows: &[Row]) -> &Row {
        &rows[self.index()]
    }

    /// The number of the row, from 0.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}
