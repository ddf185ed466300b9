//! How a spreadsheet has spelled a ledger, to be told once.

use std::fmt;

use super::{Column, lines::Separator};

/// How a ledger is spelled where it is not in its own form: a spreadsheet has saved it. It is read all the same, and
/// written in its own form before anything is appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpreadsheetFormat {
    /// Where it is not the comma.
    pub(super) separator: Option<Separator>,
    /// The first cell with a day or time that is not in ISO form: its line, its column and its text.
    first: Option<(u64, Column, String)>,
    /// How many times (`updated_at`) could not be read, and are left out.
    lost: usize,
}

/// How one row is spelled.
#[derive(Debug, Default)]
pub(super) struct RowFormat {
    /// Its first cell with a day or time that a spreadsheet has written in its own way.
    pub(super) sheet: Option<(Column, String)>,
    /// Whether its `updated_at` cannot be read; it is not needed.
    pub(super) lost_time: bool,
}

impl SpreadsheetFormat {
    /// Whether the file is in its own form.
    pub fn is_own(&self) -> bool {
        *self == SpreadsheetFormat::default()
    }

    /// Takes note of a row's spelling.
    pub(super) fn note(&mut self, line: u64, spelled: RowFormat) {
        if let (None, Some((column, text))) = (&self.first, spelled.sheet) {
            self.first = Some((line, column, crate::text::one_line(&text)));
        }
        self.lost += usize::from(spelled.lost_time);
    }
}

/// A clause, without a full stop.
impl fmt::Display for SpreadsheetFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a spreadsheet has saved it")?;
        let mut signs = Vec::new();
        if let Some(separator) = self.separator {
            signs.push(format!("its cells are separated by {separator}"));
        }
        if let Some((line, column, text)) = &self.first {
            signs.push(format!("{} on line {line} is {text:?}", column.name()));
        }
        if self.lost > 0 {
            let lost = self.lost;
            signs.push(format!("what updated_at is on {lost} lines cannot be read"));
        }
        match signs.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", signs.join("; ")),
        }
    }
}
