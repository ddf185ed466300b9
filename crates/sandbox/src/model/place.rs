/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `cursor`: after this item.
    Cursor(String),
    /// `offset`: after this many items.
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
