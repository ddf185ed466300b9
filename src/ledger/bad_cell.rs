//! A cell that cannot be what its column says.

use std::fmt;

use crate::text::one_line;

/// A cell that cannot be what its column says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    /// The name of its column.
    pub column: &'static str,
    /// Its text, shortened.
    pub text: String,
    /// What would be right.
    pub why: String,
}

impl BadCell {
    pub(super) fn new(column: &'static str, text: &str, why: impl fmt::Display) -> Self {
        const SHOWN: usize = 60;
        let mut shown: String = one_line(text).chars().take(SHOWN + 1).collect();
        if shown.chars().count() > SHOWN {
            shown = shown.chars().take(SHOWN - 1).chain(['…']).collect();
        }
        BadCell {
            column,
            text: shown,
            why: why.to_string(),
        }
    }
}

impl fmt::Display for BadCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}: {}", self.column, self.text, self.why)
    }
}
