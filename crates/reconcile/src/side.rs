//! From tables to the rows of a side.

use std::io::Read;

use csv::ByteRecord;

use crate::{
    amount::Amount,
    compare::{ComparedRow, Comparison, Side, TooManyRows},
    filter::Filter,
    key::Key,
    number::{NumberFormat, Unreadable},
    table::{Table, TableError, cell},
    translation::Translation,
};

/// Where a cell of the key comes from.
#[derive(Debug, Clone, Copy)]
pub enum KeyPart<'a> {
    /// The column at this place.
    Column(usize),
    /// The column at this place, translated.
    Translated(usize, &'a Translation),
    /// The same in all rows.
    Fixed(&'a str),
}

/// Which columns of a table are which part of a row.
#[derive(Debug, Clone, Default)]
pub struct SideColumns<'a> {
    /// The cells of the key.
    pub key: Vec<KeyPart<'a>>,
    /// The places of the numbers.
    pub numbers: Vec<usize>,
    /// How the numbers are written.
    pub format: NumberFormat,
    /// The rows that count.
    pub filter: Filter,
}

/// Why a table cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// It cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// It has too many rows.
    #[error(transparent)]
    TooManyRows(#[from] TooManyRows),
}

impl SideColumns<'_> {
    /// Fills the key and the numbers from a row.
    pub fn fill(
        &self,
        row: &ByteRecord,
        key: &mut Key,
        numbers: &mut Vec<Result<Amount, Unreadable>>,
    ) {
        key.clear();
        for part in &self.key {
            match part {
                KeyPart::Column(place) => key.push(cell(row, *place)),
                KeyPart::Fixed(text) => key.push(text.as_bytes()),
                KeyPart::Translated(place, translation) => {
                    let value = cell(row, *place);
                    match translation.get(value) {
                        Some(translated) => key.push(translated),
                        None => key.push_untranslated(value),
                    }
                }
            }
        }
        numbers.clear();
        numbers.extend(self.numbers.iter().map(|place| self.format.read(cell(row, *place))));
    }
}

impl Comparison {
    /// Adds the rows of a table that count. `file` is its index.
    pub fn read<R: Read>(
        &mut self,
        side: Side,
        table: &mut Table<R>,
        columns: &SideColumns<'_>,
        file: u32,
    ) -> Result<(), SideError> {
        let (mut key, mut numbers, mut row) = (self.key(), Vec::new(), ByteRecord::new());
        while table.next(&mut row)? {
            if columns.filter.accepts(&row) {
                columns.fill(&row, &mut key, &mut numbers);
                let row = table.row();
                self.add(side, ComparedRow { key: &key, numbers: &numbers, rows: 1, file, row })?;
            }
        }
        Ok(())
    }
}
