//! How a spreadsheet has spelled a ledger, to be told once.

use std::fmt;

use super::{Column, lines::Separator};

/// How a ledger is spelled where it is not in its own form: a spreadsheet has saved it. It is read all the same, and
/// written in its own form before anything is appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spelling {
    /// Where it is not the comma.
    pub(super) separator: Option<Separator>,
    /// The first cell with a day or time that is not in ISO form: its line, its column and its text.
    first: Option<(u64, Column, String)>,
    /// How many times (`updated_at`) could not be read, and are left out.
    lost: usize,
}

impl Spelling {
    /// Whether the file is in its own form.
    pub fn is_own(&self) -> bool {
        *self == Spelling::default()
    }

    /// Takes note of a cell that a spreadsheet has written in its own way.
    pub(super) fn note(&mut self, line: u64, column: Column, text: &str) {
        let shown = || (line, column, crate::text::one_line(text));
        self.first.get_or_insert_with(shown);
    }

    /// Takes note of a time that cannot be read and is not needed.
    pub(super) fn lose(&mut self) {
        self.lost += 1;
    }
}

/// A clause, without a full stop.
impl fmt::Display for Spelling {
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
