//! Keys that should occur once.

use crate::{compare::TooManyRows, key::Key, key_table::KeyTable};

/// Counts how often each key occurs.
#[derive(Debug, Default)]
pub struct Repeats {
    keys: KeyTable,
    rows: Vec<u64>,
}

impl Repeats {
    /// Adds a row with this key.
    pub fn add(&mut self, key: &Key) -> Result<(), TooManyRows> {
        let at = self.keys.place(key, true).ok_or(TooManyRows)?;
        if at == self.rows.len() {
            self.rows.push(0);
        }
        self.rows[at] += 1;
        Ok(())
    }

    /// The cells of each key that occurs more than once, and how often; by key.
    pub fn repeated(&self) -> Vec<(Vec<String>, u64)> {
        let rows = self.rows.iter().copied().zip(0..).filter(|(rows, _)| *rows > 1);
        let sorted = self.keys.sort(rows.map(|(_, at)| ((), at)).collect());
        let repeated = sorted.into_iter().map(|(_, at)| at as usize);
        repeated.map(|at| (self.keys.cells(at), self.rows[at])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_occur_twice_are_counted() {
        let mut repeats = Repeats::default();
        let mut key = Key::new(false);
        for text in ["b", "a", " b", "c", "B", "c ", "b"] {
            key.clear();
            key.push(b"x");
            key.push(text.as_bytes());
            repeats.add(&key).unwrap();
        }
        let cells = |text: &str| vec!["x".to_owned(), text.to_owned()];
        assert_eq!(repeats.repeated(), [(cells("b"), 3), (cells("c"), 2)]);
    }
}
