//! Compares two sides key by key. Each side is read once, row by row; what is kept is one entry for each key.

use crate::{
    amount::Amount, key::Key, key_table::KeyTable, number::Unreadable, outcome::Outcome,
    tolerance::Tolerance,
};

/// Of unreadable cells, the places of so many are kept; all are counted.
pub const MOST_PLACES: usize = 10_000;

/// The two tables that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// What was collected. Its spelling of a key is shown.
    Report,
    /// What it is compared with.
    List,
}

/// What is compared, and when it agrees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// How many numbers each row of both sides has. Their sums have to agree.
    pub numbers: usize,
    /// How many numbers more each row of the report has. They are summed and given with each difference, and make no
    /// difference themselves.
    pub carried: usize,
    /// For each of the numbers.
    pub tolerance: Tolerance,
    /// Whether letters of keys that differ in case only are equal.
    pub ignores_case: bool,
    /// Whether a key may not occur twice on one side.
    pub is_unique: bool,
}

/// One row of one side.
#[derive(Debug, Clone, Copy)]
pub struct ComparedRow<'a> {
    /// Made with [`Comparison::key`].
    pub key: &'a Key,
    /// As many as [`Rules`] say.
    pub numbers: &'a [Result<Amount, Unreadable>],
    /// As how many rows of its side it counts: 1, or 0 for figures that come apart from their rows.
    pub rows: u32,
    /// The index of its file, for messages.
    pub file: u32,
    /// Its number in that file, for messages.
    pub row: u64,
}

/// A cell that cannot be read, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableCell {
    /// Its side.
    pub side: Side,
    /// The index of its file.
    pub file: u32,
    /// The number of its row in that file.
    pub row: u64,
    /// The index of its number; `None`: the cells of the key, which are all empty.
    pub number: Option<usize>,
    /// Why it has no number; of empty keys always [`Unreadable::NotANumber`].
    pub why: Unreadable,
}

/// More than four billion rows on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {} rows are not compared", u32::MAX)]
pub struct TooManyRows;

/// The comparison while rows are added.
#[derive(Debug, Default)]
pub struct Comparison {
    pub(crate) rules: Rules,
    pub(crate) keys: KeyTable,
    pub(crate) tallies: Vec<Tally>,
    /// For each key the numbers of the report, those of the list, those that are carried. `None`: with a cell that
    /// cannot be read.
    pub(crate) figures: Vec<Option<Amount>>,
    pub(crate) sums: Vec<[Amount; 2]>,
    pub(crate) rows: [u64; 2],
    /// The keys of these cells, by index.
    pub(crate) unreadable: Vec<(u32, UnreadableCell)>,
    pub(crate) unreadable_cells: u64,
}

/// What is known of a key, except for its figures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) rows: [u32; 2],
    pub(crate) is_empty: bool,
    pub(crate) is_untranslated: bool,
}

impl Comparison {
    /// Of two empty sides.
    pub fn new(rules: Rules) -> Self {
        let sums = vec![<[Amount; 2]>::default(); rules.numbers];
        Comparison { rules, sums, ..Comparison::default() }
    }

    /// An empty key, to be filled for each row.
    pub fn key(&self) -> Key {
        Key::new(self.rules.ignores_case)
    }

    /// Adds a row to a side.
    pub fn add(&mut self, side: Side, row: ComparedRow<'_>) -> Result<(), TooManyRows> {
        let at = self.keys.place(row.key, side == Side::Report).ok_or(TooManyRows)?;
        let width = self.width();
        if at == self.tallies.len() {
            self.tallies.push(Tally {
                rows: [0, 0],
                is_empty: !row.key.has_text(),
                is_untranslated: row.key.is_untranslated(),
            });
            self.figures.resize((at + 1) * width, Some(Amount::default()));
        }
        let (tally, index) = (&mut self.tallies[at], side as usize);
        tally.rows[index] = tally.rows[index].checked_add(row.rows).ok_or(TooManyRows)?;
        self.rows[index] += u64::from(row.rows);
        let figures = &mut self.figures[at * width..(at + 1) * width];
        let mut place = UnreadableCell {
            side,
            file: row.file,
            row: row.row,
            number: None,
            why: Unreadable::NotANumber,
        };
        let at = u32::try_from(at).map_err(|_| TooManyRows)?;
        if tally.is_empty && row.rows > 0 {
            keep(&mut self.unreadable, (at, place));
        }
        let Rules { numbers: compared, carried, .. } = self.rules;
        let most = if side == Side::Report { compared + carried } else { compared };
        for (number, cell) in row.numbers.iter().take(most).enumerate() {
            let is_compared = number < compared;
            let is_first = side == Side::Report && is_compared;
            let figure = &mut figures[if is_first { number } else { compared + number }];
            match cell {
                Ok(amount) => {
                    if is_compared {
                        self.sums[number][index] += amount;
                    }
                    if let Some(figure) = figure {
                        *figure += amount;
                    }
                }
                Err(why) => {
                    *figure = None;
                    if is_compared {
                        self.unreadable_cells += 1;
                        place.number = Some(number);
                        place.why = *why;
                        keep(&mut self.unreadable, (at, place));
                    }
                }
            }
        }
        Ok(())
    }

    /// What the comparison has found.
    pub fn finish(self) -> Outcome {
        Outcome::of(self)
    }

    fn width(&self) -> usize {
        2 * self.rules.numbers + self.rules.carried
    }

    /// The figures of a key: the report's, the list's, those that are carried.
    pub(crate) fn figures(&self, at: usize) -> [&[Option<Amount>]; 3] {
        let (width, numbers) = (self.width(), self.rules.numbers);
        let figures = &self.figures[at * width..(at + 1) * width];
        let (report, rest) = figures.split_at(numbers);
        let (list, carried) = rest.split_at(numbers);
        [report, list, carried]
    }
}

fn keep(cells: &mut Vec<(u32, UnreadableCell)>, cell: (u32, UnreadableCell)) {
    if cells.len() < MOST_PLACES {
        cells.push(cell);
    }
}
