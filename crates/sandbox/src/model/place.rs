//! Pages: where one begins.

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `cursor`: behind a certain item.
    Cursor(String),
    /// `offset`: behind so many items.
    Offset(usize),
}

impl Place {
    /// The name of the parameter.
    pub fn name(&self) -> &'static str {
        match self {
            Place::Cursor(_) => "cursor",
            Place::Offset(_) => "offset",
        }
    }

    /// The value of the parameter.
    pub fn value(&self) -> String {
        match self {
            Place::Cursor(text) => text.clone(),
            Place::Offset(items) => items.to_string(),
        }
    }
}
