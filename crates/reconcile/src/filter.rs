//! Which rows of a list count.

use std::collections::HashSet;

use csv::ByteRecord;

use crate::table::{cell, trimmed};

/// Rows with one of some values in each of some columns. Without columns: all rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    columns: Vec<(usize, HashSet<Vec<u8>>)>,
}

impl Filter {
    /// Adds a condition on the column at `place`; all conditions have to be met.
    #[must_use]
    pub fn and<'a>(mut self, place: usize, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(|value| trimmed(value.as_bytes()).to_vec());
        self.columns.push((place, values.collect()));
        self
    }

    /// Whether the row counts.
    pub fn accepts(&self, row: &ByteRecord) -> bool {
        self.columns.iter().all(|(place, values)| values.contains(cell(row, *place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_met_by_one_of_its_values() {
        let filter = Filter::default().and(0, ["active", " trial "]).and(2, ["DE", ""]);
        for (cells, is_accepted) in [
            (["active", "x", "DE"], true),
            (["\u{a0}trial", "", " DE "], true),
            (["active", "x", ""], true),
            (["active", "DE", "x"], false),
            (["closed", "x", "DE"], false),
            (["Active", "x", "DE"], false),
            (["", "x", "DE"], false),
        ] {
            assert_eq!(filter.accepts(&ByteRecord::from(&cells[..])), is_accepted, "{cells:?}");
        }
        assert!(filter.accepts(&ByteRecord::from(&["active"][..])));
        assert!(Filter::default().accepts(&ByteRecord::new()));
    }
}
