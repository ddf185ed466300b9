use std::fmt;

use super::{Column, csv::Separator};

/// How a spreadsheet has spelled a ledger; it is rewritten in its own form before anything is appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpreadsheetFormat {
    /// Where it is not the comma.
    pub(super) separator: Option<Separator>,
    /// The line, column and text of the first day or time that is not in ISO form.
    first: Option<(u64, Column, String)>,
    /// How many `updated_at` could not be read, and are left out.
    lost: usize,
}

#[derive(Debug, Default)]
pub(super) struct RowFormat {
    pub(super) sheet: Option<(Column, String)>,
    pub(super) lost_time: bool,
}

impl SpreadsheetFormat {
    pub fn is_own(&self) -> bool {
        *self == SpreadsheetFormat::default()
    }

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
        if signs.is_empty() { Ok(()) } else { write!(f, " ({})", signs.join("; ")) }
    }
}
