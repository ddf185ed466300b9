//! Text of unknown origin inside messages.

use std::fmt;

/// More of an offending text than this is not repeated in a message, in characters.
const MAX_SHOWN: usize = 80;

/// A text in quotes, control characters escaped, and cut where it is long.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_SHOWN) {
            Some((cut, _)) => write!(f, "{:?}...", &self.0[..cut]),
            None => write!(f, "{:?}", self.0),
        }
    }
}
