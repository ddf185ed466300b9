//! What a comparison has found: a class for each key, and the differences in order.

use std::fmt;

use crate::{
    amount::Amount,
    compare::{Comparison, Side, UnreadableCell},
};

/// The first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// With a number that is not a number, or key cells that are all empty.
    Unreadable,
    /// With a value that a translation lacks.
    Untranslated,
    /// Twice on one side, where keys have to be unique.
    Repeated,
    /// Only in the report.
    OnlyInReport,
    /// Only in the list.
    OnlyInList,
    /// With a number beyond its tolerance.
    Differs,
    /// None of these.
    Matched,
}

impl Class {
    /// All, in order.
    pub const ALL: [Class; 7] = [
        Class::Unreadable,
        Class::Untranslated,
        Class::Repeated,
        Class::OnlyInReport,
        Class::OnlyInList,
        Class::Differs,
        Class::Matched,
    ];

    /// Its name in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Unreadable => "unreadable",
            Class::Untranslated => "untranslated",
            Class::Repeated => "repeated",
            Class::OnlyInReport => "only_in_report",
            Class::OnlyInList => "only_in_list",
            Class::Differs => "differs",
            Class::Matched => "matched",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One number of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// `None`: the side lacks the key, or a cell cannot be read.
    pub report: Option<Amount>,
    /// `None`: the side lacks the key, or a cell cannot be read.
    pub list: Option<Amount>,
    /// Report minus list; a side without the key counts as 0. `None`: a cell cannot be read.
    pub difference: Option<Amount>,
}

/// One key, and what was found of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Of all that apply, the first.
    pub class: Class,
    /// The cells of the key: in the report's spelling, else in the list's, translated.
    pub key: Vec<String>,
    /// The cells as they are compared: ids in one form, and marked where a translation lacks them.
    pub normal: Vec<Vec<u8>>,
    /// For each number that is compared.
    pub figures: Vec<Figures>,
    /// The sums of the report's further numbers; `None`: a cell cannot be read.
    pub carried: Vec<Option<Amount>>,
    /// Rows of the report.
    pub rows_report: u64,
    /// Rows of the list.
    pub rows_list: u64,
    /// Its cells that cannot be read, in the order of reading, if they are among those that were kept.
    pub unreadable: Vec<UnreadableCell>,
}

/// The sums of one number over all cells that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// Of the report.
    pub report: Amount,
    /// Of the list.
    pub list: Amount,
}

impl Sums {
    /// Report minus list.
    pub fn difference(&self) -> Amount {
        &self.report - &self.list
    }
}

/// Made by [`Comparison::finish`]. A difference is built when it is asked for.
#[derive(Debug)]
pub struct Outcome {
    comparison: Comparison,
    counts: [u64; 7],
    /// The keys that are not matched, in order.
    differences: Vec<(Class, u32)>,
}

impl Outcome {
    pub(crate) fn of(mut comparison: Comparison) -> Self {
        comparison.unreadable.sort_by_key(|(key, _)| *key);
        let mut counts = [0; 7];
        let mut differences = Vec::new();
        for (key, at) in (0..comparison.keys.len()).zip(0..) {
            let class = class_of(&comparison, key);
            counts[class as usize] += 1;
            if class != Class::Matched {
                differences.push((class, at));
            }
        }
        comparison.keys.close();
        let differences = comparison.keys.sort(differences);
        Outcome { comparison, counts, differences }
    }

    /// How many keys are in a class.
    pub fn count(&self, class: Class) -> u64 {
        self.counts[class as usize]
    }

    /// Whether every key is matched.
    pub fn is_agreement(&self) -> bool {
        self.differences.is_empty()
    }

    /// How many rows a side has.
    pub fn rows(&self, side: Side) -> u64 {
        self.comparison.rows[side as usize]
    }

    /// For each number that is compared.
    pub fn sums(&self) -> Vec<Sums> {
        let sums = self.comparison.sums.iter();
        sums.map(|[report, list]| Sums { report: report.clone(), list: list.clone() }).collect()
    }

    /// How many cells of numbers cannot be read.
    pub fn unreadable_cells(&self) -> u64 {
        self.comparison.unreadable_cells
    }

    /// The keys that are not matched, by class, then by key.
    pub fn differences(&self) -> impl ExactSizeIterator<Item = Difference> {
        self.differences.iter().map(|(class, at)| self.difference(*class, *at))
    }

    /// The keys that are matched, by key. They are sorted when this is called.
    pub fn matched(&self) -> impl Iterator<Item = Difference> {
        let keys = &self.comparison.keys;
        let all = (0..keys.len()).zip(0_u32..);
        let matched = all.filter(|(key, _)| class_of(&self.comparison, *key) == Class::Matched);
        let matched = keys.sort(matched.map(|(_, at)| (Class::Matched, at)).collect());
        matched.into_iter().map(|(class, at)| self.difference(class, at))
    }

    fn difference(&self, class: Class, at: u32) -> Difference {
        let comparison = &self.comparison;
        let index = at as usize;
        let tally = comparison.tallies[index];
        let [in_report, in_list] = tally.rows.map(|rows| rows > 0);
        let [report, list, carried] = comparison.figures(index);
        let figures = report.iter().zip(list).map(|(report, list)| Figures {
            report: report.clone().filter(|_| in_report),
            list: list.clone().filter(|_| in_list),
            difference: report.as_ref().zip(list.as_ref()).map(|(report, list)| report - list),
        });
        let unreadable = &comparison.unreadable;
        let first = unreadable.partition_point(|(key, _)| *key < at);
        let cells = unreadable[first..].iter().take_while(|(key, _)| *key == at);
        Difference {
            class,
            key: comparison.keys.cells(index),
            normal: comparison.keys.normal_cells(index),
            figures: figures.collect(),
            carried: carried.to_vec(),
            rows_report: tally.rows[Side::Report as usize].into(),
            rows_list: tally.rows[Side::List as usize].into(),
            unreadable: cells.map(|(_, cell)| *cell).collect(),
        }
    }
}

fn class_of(comparison: &Comparison, key: usize) -> Class {
    let tally = &comparison.tallies[key];
    let [report, list, _] = comparison.figures(key);
    let rules = &comparison.rules;
    if tally.is_empty || report.iter().chain(list).any(Option::is_none) {
        return Class::Unreadable;
    }
    if tally.is_untranslated {
        return Class::Untranslated;
    }
    if rules.is_unique && tally.rows.iter().any(|rows| *rows > 1) {
        return Class::Repeated;
    }
    match tally.rows {
        [_, 0] => return Class::OnlyInReport,
        [0, _] => return Class::OnlyInList,
        _ => {}
    }
    let mut numbers = report.iter().zip(list);
    let agree = numbers.all(|pair| match pair {
        (Some(one), Some(other)) => rules.tolerance.agree(one, other),
        _ => false,
    });
    if agree { Class::Matched } else { Class::Differs }
}
