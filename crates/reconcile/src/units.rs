//! Billable units: the usage of a group, divided and rounded.

use crate::{
    amount::{Amount, Rounding},
    compare::TooManyRows,
    key::Key,
    key_table::KeyTable,
    number::Unreadable,
};

/// Decimals of an exact quotient when it is shown; of more, the last is rounded half away from zero.
const PLACES: u32 = 6;

/// How a quotient becomes units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnitRounding {
    /// Towards plus infinity.
    #[default]
    Up,
    /// To the nearest; a half away from zero.
    Nearest,
    /// Not at all: units are the quotient, with at most six decimals.
    None,
}

/// A divisor above 0, and what is done with the quotient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    divisor: Amount,
    rounding: UnitRounding,
}

/// The units of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    /// The quotient, with at most six decimals.
    pub exact: Amount,
    /// The true quotient, rounded.
    pub units: Amount,
    /// Whether rounding changed the true quotient.
    pub is_rounded: bool,
}

impl Division {
    /// `None`: the divisor is not above 0.
    pub fn new(divisor: Amount, rounding: UnitRounding) -> Option<Self> {
        let is_positive = !divisor.is_zero() && !divisor.is_negative();
        is_positive.then_some(Division { divisor, rounding })
    }

    /// What the usage is divided by.
    pub fn divisor(&self) -> &Amount {
        &self.divisor
    }

    /// The units of some usage.
    pub fn units(&self, usage: &Amount) -> Units {
        let exact = self.quotient(usage, PLACES, Rounding::HalfAway);
        let units = match self.rounding {
            UnitRounding::Up => self.quotient(usage, 0, Rounding::Up),
            UnitRounding::Nearest => self.quotient(usage, 0, Rounding::HalfAway),
            UnitRounding::None => exact.clone(),
        };
        let is_rounded = self.rounding != UnitRounding::None && &units * &self.divisor != *usage;
        Units { exact, units, is_rounded }
    }

    /// Whether rounding can be why a list's figure differs from our units: it lies between the exact quotient and the
    /// units. `usage` and `units` may be sums of several groups.
    pub fn explains(&self, list: &Amount, usage: &Amount, units: &Amount) -> bool {
        let exact = self.quotient(usage, PLACES, Rounding::HalfAway);
        let multiple = list * &self.divisor;
        // The quotient itself, or as it is shown.
        let is_from = *list >= exact || multiple >= *usage;
        let is_to = *list <= exact || multiple <= *usage;
        (is_from && list <= units) || (is_to && list >= units)
    }

    fn quotient(&self, usage: &Amount, places: u32, rounding: Rounding) -> Amount {
        // The divisor is above 0.
        usage.quotient(&self.divisor, places, rounding).unwrap_or_default()
    }
}

/// The usage of the groups of one request.
#[derive(Debug, Default)]
pub struct UsageGroups {
    keys: KeyTable,
    /// `None`: with a cell that cannot be read.
    usage: Vec<Option<Amount>>,
}

impl UsageGroups {
    /// Adds a row to the group of its key.
    pub fn add(
        &mut self,
        key: &Key,
        usage: &Result<Amount, Unreadable>,
    ) -> Result<(), TooManyRows> {
        let at = self.keys.place(key, true).ok_or(TooManyRows)?;
        if at == self.usage.len() {
            self.usage.push(Some(Amount::default()));
        }
        match (&mut self.usage[at], usage) {
            (Some(sum), Ok(more)) => *sum += more,
            (sum, _) => *sum = None,
        }
        Ok(())
    }

    /// The usage of each group, in the order of first appearance; `None`: a cell cannot be read.
    pub fn usage(&self) -> impl Iterator<Item = Option<&Amount>> {
        self.usage.iter().map(Option::as_ref)
    }

    /// The cells and the usage of each group, by key; `None`: a cell cannot be read.
    pub fn groups(&self) -> impl Iterator<Item = (Vec<String>, Option<&Amount>)> {
        let all = self.usage.iter().zip(0..).map(|(_, at)| ((), at));
        let sorted = self.keys.sort(all.collect()).into_iter();
        sorted.map(|(_, at)| (self.keys.cells(at as usize), self.usage[at as usize].as_ref()))
    }
}

/// The totals of groups with one divisor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitTotals {
    /// The sum of their usage.
    pub usage: Amount,
    /// The quotient of that sum, with at most six decimals.
    pub exact: Amount,
    /// The sum of their units; without rounding, the quotient of the summed usage.
    pub units: Amount,
    /// What rounding added: `units` minus `exact`.
    pub rounding: Amount,
    /// How many groups there are that can be read.
    pub groups: u64,
    /// In how many of them rounding changed something.
    pub rounded: u64,
    /// How many groups cannot be read; they are in none of the figures above.
    pub unreadable: u64,
}

impl UnitTotals {
    /// Of groups by their usage; `None`: it cannot be read.
    pub fn of<'a>(
        division: &Division,
        groups: impl IntoIterator<Item = Option<&'a Amount>>,
    ) -> Self {
        let mut totals = UnitTotals::default();
        for usage in groups {
            let Some(usage) = usage else {
                totals.unreadable += 1;
                continue;
            };
            let units = division.units(usage);
            totals.usage += usage;
            totals.units += &units.units;
            totals.groups += 1;
            totals.rounded += u64::from(units.is_rounded);
        }
        totals.exact = division.units(&totals.usage).exact;
        if division.rounding == UnitRounding::None {
            totals.units = totals.exact.clone();
        }
        totals.rounding = &totals.units - &totals.exact;
        totals
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::number::NumberFormat;

    fn amount(text: &str) -> Amount {
        NumberFormat::Point.read(text.as_bytes()).unwrap()
    }

    fn division(divisor: &str, rounding: UnitRounding) -> Division {
        Division::new(amount(divisor), rounding).unwrap()
    }

    #[test]
    fn units_round_the_true_quotient() {
        use UnitRounding::{Nearest, None, Up};
        for (usage, divisor, exact, up, nearest) in [
            ("30", "30", "1", "1", "1"),
            ("10", "30", "0.333333", "1", "0"),
            ("20", "30", "0.666667", "1", "1"),
            ("15", "30", "0.5", "1", "1"),
            ("-15", "30", "-0.5", "0", "-1"),
            ("-10", "30", "-0.333333", "0", "0"),
            ("-20", "30", "-0.666667", "0", "-1"),
            ("0", "31", "0", "0", "0"),
            ("0.0000001", "1", "0", "1", "0"),
            ("-0.0000001", "1", "0", "0", "0"),
            ("1.00000001", "1", "1", "2", "1"),
            ("0.49999999", "1", "0.5", "1", "0"),
            ("0.0000005", "1", "0.000001", "1", "0"),
            ("-0.0000005", "1", "-0.000001", "0", "0"),
            ("1", "0.3", "3.333333", "4", "3"),
            (
                "100000000000000000000000000000000000000000",
                "3",
                "33333333333333333333333333333333333333333.333333",
                "33333333333333333333333333333333333333334",
                "33333333333333333333333333333333333333333",
            ),
        ] {
            let rounded = |rounding| division(divisor, rounding).units(&amount(usage));
            assert_eq!(rounded(Up).exact, amount(exact), "{usage}/{divisor}");
            assert_eq!(rounded(Up).units, amount(up), "{usage}/{divisor}");
            assert_eq!(rounded(Nearest).units, amount(nearest), "{usage}/{divisor}");
            assert_eq!(rounded(None).units, amount(exact), "{usage}/{divisor}");
            assert!(!rounded(None).is_rounded);
            let is_whole = &amount(up) * &amount(divisor) == amount(usage);
            assert_eq!(
                (rounded(Up).is_rounded, rounded(Nearest).is_rounded),
                (!is_whole, !is_whole)
            );
        }
        for divisor in ["0", "-1"] {
            assert_eq!(Division::new(amount(divisor), Up), Option::None);
        }
        assert_eq!(division("31", Up).divisor(), &amount("31"));
    }

    #[test]
    fn totals_say_what_rounding_added() {
        let usage = ["10", "10", "10", "60", "-10"].map(amount);
        let groups = || usage.iter().map(Some).chain([None, None]);
        let totals = |rounding| {
            let totals = UnitTotals::of(&division("30", rounding), groups());
            let figures = [&totals.usage, &totals.exact, &totals.units, &totals.rounding];
            (figures.map(ToString::to_string), totals.groups, totals.rounded, totals.unreadable)
        };
        let shown = |figures: [&str; 4]| figures.map(str::to_owned);
        assert_eq!(totals(UnitRounding::Up), (shown(["80", "2.666667", "5", "2.333333"]), 5, 4, 2));
        assert_eq!(
            totals(UnitRounding::Nearest),
            (shown(["80", "2.666667", "2", "-0.666667"]), 5, 4, 2)
        );
        assert_eq!(
            totals(UnitRounding::None),
            (shown(["80", "2.666667", "2.666667", "0"]), 5, 0, 2)
        );
        assert_eq!(UnitTotals::of(&division("30", UnitRounding::Up), []), UnitTotals::default());
    }

    #[test]
    fn rounding_explains_what_lies_between() {
        let up = division("30", UnitRounding::Up);
        for (list, usage, units, is_between) in [
            ("1", "30", "3", true),
            ("2", "30", "3", true),
            ("3", "30", "3", true),
            ("0.999999", "30", "3", false),
            ("3.000001", "30", "3", false),
            // The true quotient is a third; it is shown as 0.333333.
            ("0.333333", "10", "1", true),
            ("0.3333329", "10", "1", false),
            ("0.3333333333333", "10", "1", true),
            // Two thirds, shown as 0.666667, from which nearest rounding goes up and the sum of others goes down.
            ("0.6666666", "20", "1", false),
            ("0.66666667", "20", "1", true),
            ("0.666667", "20", "0", true),
            ("0.6666671", "20", "0", false),
            ("0.2", "20", "0", true),
            ("-0.1", "20", "0", false),
        ] {
            let found = up.explains(&amount(list), &amount(usage), &amount(units));
            assert_eq!(found, is_between, "{list}: {usage} / 30, {units}");
        }
    }

    #[test]
    fn groups_are_summed_by_their_keys() {
        let mut groups = UsageGroups::default();
        let mut key = Key::new(false);
        for (sku, usage) in
            [("b", "1.5"), ("a", "2"), (" b ", "0.5"), ("c", "x"), ("c", "1"), ("B", "")]
        {
            key.clear();
            key.push(sku.as_bytes());
            groups.add(&key, &NumberFormat::Point.read(usage.as_bytes())).unwrap();
        }
        let shown =
            groups.groups().map(|(cells, usage)| (cells.concat(), usage.map(ToString::to_string)));
        let shown: Vec<(String, Option<String>)> = shown.collect();
        let group = |sku: &str, usage: Option<&str>| (sku.to_owned(), usage.map(str::to_owned));
        let expected = [("B", Some("0")), ("a", Some("2")), ("b", Some("2")), ("c", None)];
        assert_eq!(shown, expected.map(|(sku, usage)| group(sku, usage)));
        let usage = groups.usage().map(|usage| usage.map(ToString::to_string));
        let as_seen = [Some("2"), Some("2"), None, Some("0")].map(|it| it.map(str::to_owned));
        assert_eq!(usage.collect::<Vec<_>>(), as_seen);
    }

    proptest! {
        /// Against whole numbers: usage and divisor in thousandths.
        #[test]
        fn quotients_are_those_of_fractions(usage in -2_000_000..2_000_000_i64, divisor in 1..40_000_i64) {
            let thousandths = |n: i64| Amount::of_digits(n < 0, n.abs().to_string().as_bytes(), b"", -3);
            let (a, b) = (usage, divisor);
            let round = |rounding| {
                Division::new(thousandths(b), rounding).unwrap().units(&thousandths(a)).units
            };
            let ceiling = a.div_euclid(b) + i64::from(a.rem_euclid(b) > 0);
            prop_assert_eq!(round(UnitRounding::Up).to_string(), ceiling.to_string());
            let half_away = (2 * a.abs() + b) / (2 * b) * a.signum();
            prop_assert_eq!(round(UnitRounding::Nearest).to_string(), half_away.to_string());
            let millionths = (2 * a.abs() * 1_000_000 + b) / (2 * b) * a.signum();
            let exact = &round(UnitRounding::None) * &Amount::from(1_000_000);
            prop_assert_eq!(exact.to_string(), millionths.to_string());
        }

        /// Against whole numbers: usage in hundredths, months of 28 to 31 days and halves of them.
        #[test]
        fn rounding_up_adds_less_than_a_unit_for_each_group(
            usage in prop::collection::vec(prop::option::weighted(0.9, -5_000..200_000_i64), 0..40),
            days in prop_oneof![28..=31_i64, 13..=16_i64],
        ) {
            let amount = |n: i64| Amount::of_digits(n < 0, n.abs().to_string().as_bytes(), b"", -2);
            let usage: Vec<Option<i64>> = usage;
            let amounts: Vec<Option<Amount>> = usage.iter().map(|it| it.map(amount)).collect();
            let division = Division::new(Amount::from(days as u64), UnitRounding::Up).unwrap();
            let totals = UnitTotals::of(&division, amounts.iter().map(Option::as_ref));
            let read: Vec<i64> = usage.iter().copied().flatten().collect();
            let divisor = days * 100;
            let ceiling = |n: i64| n.div_euclid(divisor) + i64::from(n.rem_euclid(divisor) > 0);
            let (sum, units): (i64, i64) = (read.iter().sum(), read.iter().map(|n| ceiling(*n)).sum());
            prop_assert_eq!(totals.units.to_string(), units.to_string());
            prop_assert_eq!(&totals.usage, &amount(sum));
            // The true quotient of the sum and what was added to it, over one denominator.
            let added = units * divisor - sum;
            prop_assert!(added >= 0 && (added < read.len() as i64 * divisor || read.is_empty()));
            let half_away = |n: i64| (2 * n.abs() + divisor) / (2 * divisor) * n.signum();
            let millionths = half_away(sum * 1_000_000);
            let exact = &totals.exact * &Amount::from(1_000_000);
            prop_assert_eq!(exact.to_string(), millionths.to_string());
            let rounding = &totals.rounding * &Amount::from(1_000_000);
            prop_assert_eq!(rounding.to_string(), (units * 1_000_000 - millionths).to_string());
            let whole = read.iter().filter(|n| **n % divisor == 0).count();
            prop_assert_eq!(totals.groups, read.len() as u64);
            prop_assert_eq!(totals.rounded, (read.len() - whole) as u64);
            prop_assert_eq!(totals.unreadable, (usage.len() - read.len()) as u64);
        }
    }
}
