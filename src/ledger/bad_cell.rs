use std::fmt;

use crate::text::one_line;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    pub column: &'static str,
    /// Shortened.
    pub text: String,
    pub why: String,
}

impl BadCell {
    pub(super) fn new(column: &'static str, text: &str, why: impl fmt::Display) -> Self {
        const SHOWN: usize = 60;
        let mut shown: String = one_line(text).chars().take(SHOWN + 1).collect();
        if shown.chars().count() > SHOWN {
            shown = shown.chars().take(SHOWN - 1).chain(['…']).collect();
        }
        BadCell { column, text: shown, why: why.to_string() }
    }
}

impl fmt::Display for BadCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}: {}", self.column, self.text, self.why)
    }
}
