//! The sums of one column of one file, exact to the last digit.

use std::{collections::BTreeMap, io::Read};

use csv::ByteRecord;

use super::contents::place;
use crate::{manifest::Totals, text::one_line};
use reconcile::{Amount, NumberFormat, Table};

/// A sum for each combination of values of the columns `by`, in their order.
pub(super) type Sums = BTreeMap<Vec<String>, Amount>;

/// In characters: the part of a bad cell in a message.
const SHOWN: usize = 40;

/// Adds up the rows of one file. An empty or missing cell is 0.
#[derive(Debug)]
pub(super) struct Summing<'a> {
    totals: &'a Totals,
    column: usize,
    by: Vec<usize>,
    pub(super) sums: Sums,
}

impl<'a> Summing<'a> {
    /// An error says which column the table lacks.
    pub(super) fn new<R: Read>(table: &Table<R>, totals: &'a Totals) -> Result<Self, String> {
        let column = place(table, &totals.column)?;
        let by = totals.by.iter().map(|name| place(table, name)).collect::<Result<Vec<_>, _>>()?;
        let mut sums = Sums::new();
        if by.is_empty() {
            sums.insert(Vec::new(), Amount::default()); // a file without rows has a sum
        }
        Ok(Summing { totals, column, by, sums })
    }

    /// An error says what is no number.
    pub(super) fn add(&mut self, row: &ByteRecord, line: u64) -> Result<(), String> {
        let cell = row.get(self.column).unwrap_or_default();
        let number = NumberFormat::Scientific.read(cell).map_err(|_| {
            let cell = String::from_utf8_lossy(cell);
            let shown: String = one_line(&cell).chars().take(SHOWN).collect();
            let name = &self.totals.column;
            format!("{name} is not a number in row {line}: {shown:?}")
        })?;
        let key = self.by.iter().map(|place| {
            String::from_utf8_lossy(row.get(*place).unwrap_or_default()).trim().to_owned()
        });
        *self.sums.entry(key.collect()).or_default() += &number;
        Ok(())
    }
}

pub(super) fn total(sums: &Sums) -> Amount {
    sums.values().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::contents::{FileContents, FileQuestions};

    fn totals(column: &str, by: &[&str]) -> Totals {
        Totals {
            column: column.to_owned(),
            by: by.iter().map(ToString::to_string).collect(),
            ..Totals::default()
        }
    }

    fn sum_up(file: &str, totals: &Totals) -> Result<Sums, String> {
        let questions = FileQuestions { totals: Some(totals), rule: None };
        FileContents::read(file.as_bytes(), questions).unwrap().sums.unwrap()
    }

    fn sums(file: &str, column: &str, by: &[&str]) -> Result<Vec<(String, String)>, String> {
        let sums = sum_up(file, &totals(column, by))?;
        let sums = sums.iter().map(|(key, sum)| (key.join("/"), sum.to_string()));
        Ok(sums.collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let pairs = pairs.iter();
        Ok(pairs.map(|(a, b)| (a.to_string(), b.to_string())).collect())
    }

    #[test]
    fn a_column_is_summed_by_the_values_of_others() {
        let file = "\u{feff}NAME, SKU ,Q\r\nAnn,A,0.1\r\nBo,B,\r\nCy,A,0.2\r\nDi,A\r\n,,-1\r\n";
        assert_eq!(sums(file, "Q", &[]), pairs(&[("", "-0.7")]));
        assert_eq!(sums(file, "Q", &["SKU"]), pairs(&[("", "-1"), ("A", "0.3"), ("B", "0")]));
        assert_eq!(
            sums(file, "Q", &["SKU", "NAME"]),
            pairs(&[("/", "-1"), ("A/Ann", "0.1"), ("A/Cy", "0.2"), ("A/Di", "0"), ("B/Bo", "0")])
        );
        assert_eq!(sums("Q\n", "Q", &[]), pairs(&[("", "0")]));
        assert_eq!(sums("Q,S\n", "Q", &["S"]), pairs(&[]));
    }

    #[test]
    fn a_file_without_a_sum_says_why() {
        for (file, column, by, why) in [
            (
                "CONSUMPTION\n1\n",
                "CONSUMPTON",
                vec![],
                "no column CONSUMPTON; did you mean CONSUMPTION?",
            ),
            ("A,B\n1,2\n", "QUANTITY", vec![], "no column QUANTITY; its columns are A, B"),
            ("A,B\n1,2\n", "A", vec!["b"], "no column b; did you mean B?"),
            ("", "A", vec![], "no column A, and no other"),
            ("A\n1\n\u{1b}[31mx\n", "A", vec![], "A is not a number in row 2: \"[31mx\""),
        ] {
            let said = sums(file, column, &by).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    proptest! {
        /// Against sums in hundredths, which whole numbers can hold.
        #[test]
        fn sums_are_those_of_whole_numbers(rows in prop::collection::vec((0..4_u8, -99_999..99_999_i64), 0..60)) {
            let mut file = String::from("SKU,Q\n");
            let mut expected: BTreeMap<Vec<String>, i64> = BTreeMap::new();
            for (sku, hundredths) in &rows {
                let sign = if *hundredths < 0 { "-" } else { "" };
                let (whole, rest) = (hundredths.abs() / 100, hundredths.abs() % 100);
                file.push_str(&format!("{sku},{sign}{whole}.{rest:02}\n"));
                *expected.entry(vec![sku.to_string()]).or_default() += hundredths;
            }
            let sums = sum_up(&file, &totals("Q", &["SKU"])).unwrap();
            let hundred = Amount::from(100);
            let sums: BTreeMap<Vec<String>, String> =
                sums.into_iter().map(|(key, sum)| (key, (&sum * &hundred).to_string())).collect();
            let expected: BTreeMap<Vec<String>, String> =
                expected.into_iter().map(|(key, sum)| (key, sum.to_string())).collect();
            prop_assert_eq!(sums, expected);
        }
    }
}
