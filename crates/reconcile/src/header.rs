//! The columns of many files: which names, at which position, in how many files.

use std::collections::{BTreeMap, BTreeSet};

/// What the columns of a type's files have to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpectedColumns {
    /// Must be present, in any order.
    pub columns: Vec<String>,
    /// Whether there may be no others.
    pub is_closed: bool,
}

/// How a column is not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnDifferenceKind {
    /// It is expected, and not there.
    Missing,
    /// It is there, and there may be no others.
    Unexpected,
}

impl ColumnDifferenceKind {
    /// Its name in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            ColumnDifferenceKind::Missing => "missing",
            ColumnDifferenceKind::Unexpected => "unexpected",
        }
    }
}

/// A column that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnDifference {
    /// How.
    pub kind: ColumnDifferenceKind,
    /// Its name.
    pub column: String,
}

impl ExpectedColumns {
    /// Where one header is not as expected: what is missing, in the order of expectation, then what is unexpected, in
    /// the header's order.
    pub fn differences(&self, header: &[String]) -> Vec<ColumnDifference> {
        use ColumnDifferenceKind::{Missing, Unexpected};
        let difference =
            |kind| move |column: &String| ColumnDifference { kind, column: column.clone() };
        let missing = self.columns.iter().filter(|name| !header.contains(name));
        let mut seen = BTreeSet::new();
        let others = header.iter().filter(|name| self.is_closed && !self.columns.contains(name));
        let unexpected = others.filter(|name| seen.insert(*name)).map(difference(Unexpected));
        missing.map(difference(Missing)).chain(unexpected).collect()
    }
}

/// A name at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnCount {
    /// As in the files.
    pub name: String,
    /// From 1.
    pub position: usize,
    /// In how many files it stands there.
    pub files: u64,
}

/// The headers of all files of one type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderCounts {
    files: u64,
    places: BTreeMap<(usize, String), u64>,
    /// In how many files a name stands anywhere, and first at which position.
    names: BTreeMap<String, (u64, usize)>,
}

impl HeaderCounts {
    /// Adds the header of a file.
    pub fn add(&mut self, header: &[String]) {
        self.files += 1;
        for (index, name) in header.iter().enumerate() {
            *self.places.entry((index + 1, name.clone())).or_default() += 1;
            if !header[..index].contains(name) {
                let (files, first) = self.names.entry(name.clone()).or_insert((0, index));
                *files += 1;
                *first = index.min(*first);
            }
        }
    }

    /// How many files there are.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// One entry for each name and position, by position, then by name.
    pub fn columns(&self) -> Vec<ColumnCount> {
        let places = self.places.iter();
        let counts = places.map(|((position, name), files)| ColumnCount {
            name: name.clone(),
            position: *position,
            files: *files,
        });
        counts.collect()
    }

    /// The names that all files have, by their first position.
    pub fn in_all(&self) -> Vec<&str> {
        let names = self.names.iter().filter(|(_, (files, _))| *files == self.files);
        let mut names: Vec<(usize, &str)> =
            names.map(|(name, (_, first))| (*first, &**name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// What is not as expected, and in how many files: missing columns in the order of expectation, then unexpected ones
    /// by their first position.
    pub fn differences(&self, expected: &ExpectedColumns) -> Vec<(ColumnDifference, u64)> {
        use ColumnDifferenceKind::{Missing, Unexpected};
        let lacking =
            |name: &String| self.files - self.names.get(name).map_or(0, |(files, _)| *files);
        let missing = expected.columns.iter().map(|name| (Missing, name, lacking(name)));
        let others = self.names.iter();
        let others =
            others.filter(|(name, _)| expected.is_closed && !expected.columns.contains(name));
        let mut others: Vec<_> = others.collect();
        others.sort_unstable_by_key(|(name, (_, first))| (*first, *name));
        let unexpected = others.into_iter().map(|(name, (files, _))| (Unexpected, name, *files));
        let all = missing.filter(|(.., files)| *files > 0).chain(unexpected);
        all.map(|(kind, name, files)| (ColumnDifference { kind, column: name.clone() }, files))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    fn said(differences: impl IntoIterator<Item = ColumnDifference>) -> Vec<String> {
        let said = differences
            .into_iter()
            .map(|found| format!("{} {}", found.kind.as_str(), found.column));
        said.collect()
    }

    #[test]
    fn names_are_counted_at_their_positions() {
        let mut counts = HeaderCounts::default();
        for names in ["A B C", "A C B", "A B A D", "A B"] {
            counts.add(&header(names));
        }
        let columns =
            counts.columns().into_iter().map(|c| format!("{}{}x{}", c.position, c.name, c.files));
        let columns: Vec<String> = columns.collect();
        assert_eq!(columns, ["1Ax4", "2Bx3", "2Cx1", "3Ax1", "3Bx1", "3Cx1", "4Dx1"]);
        assert_eq!((counts.files(), counts.in_all()), (4, vec!["A", "B"]));
        let mut expected = ExpectedColumns { columns: header("C B X"), is_closed: false };
        let found = |expected: &ExpectedColumns| {
            let found = counts.differences(expected).into_iter();
            found.map(|(found, files)| format!("{}x{files}", said([found])[0])).collect::<Vec<_>>()
        };
        assert_eq!(found(&expected), ["missing Cx2", "missing Xx4"]);
        expected.is_closed = true;
        assert_eq!(
            found(&expected),
            ["missing Cx2", "missing Xx4", "unexpected Ax4", "unexpected Dx1"]
        );
        assert_eq!(HeaderCounts::default().differences(&expected), []);
        assert_eq!(HeaderCounts::default().in_all(), [""; 0]);
    }

    #[test]
    fn one_header_is_as_expected_or_not() {
        let mut expected = ExpectedColumns { columns: header("A B"), is_closed: false };
        assert_eq!(said(expected.differences(&header("B X A Y"))), [""; 0]);
        assert_eq!(said(expected.differences(&header("b X"))), ["missing A", "missing B"]);
        expected.is_closed = true;
        assert_eq!(said(expected.differences(&header("B X A"))), ["unexpected X"]);
        assert_eq!(
            said(expected.differences(&header("Z X X B"))),
            ["missing A", "unexpected Z", "unexpected X"]
        );
        assert_eq!(said(ExpectedColumns::default().differences(&header("Z"))), [""; 0]);
    }
}
