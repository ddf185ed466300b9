use std::collections::HashSet;

use super::*;
use crate::{Amount, Figures};

/// One key, as the oracle knows it: by what its spellings mean, with numbers in thousandths.
#[derive(Debug, Default, Clone)]
struct Expected {
    spellings: [Vec<[String; 2]>; 2],
    sums: [[Option<i64>; 2]; 2],
    is_empty: bool,
}

fn agree(tolerance: &str, a: i64, b: i64) -> bool {
    let difference = (a - b).abs();
    match tolerance {
        "0" => difference == 0,
        "0.001" => difference <= 1,
        "5%" => difference * 20 <= a.abs().max(b.abs()),
        other => unreachable!("{other}"),
    }
}

/// Sorts all rows of both sides by what their keys mean, and goes through them once.
fn expected(
    report: &[TestRow],
    list: &[TestRow],
    rules: &Rules,
    tolerance: &str,
) -> Vec<Difference> {
    let report = report.iter().map(|row| (0, row));
    let list = list.iter().map(|row| (1, row));
    let meaning = |row: &TestRow| row.0.map(|spelling| SPELLINGS[spelling].1);
    let mut rows: Vec<(usize, &TestRow)> = report.chain(list).collect();
    rows.sort_by_key(|(_, row)| meaning(row));
    let groups = rows.chunk_by(|(_, a), (_, b)| meaning(a) == meaning(b));
    let mut found: Vec<Difference> = groups
        .map(|group| {
            let mut key = Expected { sums: [[Some(0); 2]; 2], ..Expected::default() };
            for (side, row) in group {
                key.spellings[*side]
                    .push(row.0.map(|spelling| SPELLINGS[spelling].0.trim().to_owned()));
                for (sum, number) in key.sums[*side].iter_mut().zip(row.1) {
                    *sum = sum.zip(NUMBERS[number].1).map(|(sum, more)| sum + more);
                }
                key.is_empty = meaning(row) == [2, 2];
            }
            difference(&key, rules, tolerance)
        })
        .collect();
    found.sort_by(|a, b| (a.class, &a.key).cmp(&(b.class, &b.key)));
    found
}

fn difference(key: &Expected, rules: &Rules, tolerance: &str) -> Difference {
    let [report, list] = &key.spellings;
    let [in_report, in_list] = [!report.is_empty(), !list.is_empty()];
    let pairs = || key.sums[0].into_iter().zip(key.sums[1]);
    let is_unreadable = pairs().any(|(a, b)| a.is_none() || b.is_none());
    let differs = pairs().any(|(a, b)| !agree(tolerance, a.unwrap_or(0), b.unwrap_or(0)));
    let conditions = [
        (is_unreadable || key.is_empty, Class::Unreadable),
        (rules.is_unique && (report.len() > 1 || list.len() > 1), Class::Repeated),
        (!in_list, Class::OnlyInReport),
        (!in_report, Class::OnlyInList),
        (differs, Class::Differs),
        (true, Class::Matched),
    ];
    let (_, class) = conditions.into_iter().find(|(applies, _)| *applies).unwrap();
    let amount = |thousandths: i64| {
        let sign = if thousandths < 0 { "-" } else { "" };
        let (whole, rest) = (thousandths.abs() / 1_000, thousandths.abs() % 1_000);
        let text = format!("{sign}{whole}.{rest:03}");
        NumberFormat::Point.read(text.as_bytes()).unwrap()
    };
    let amount_of = |sum: Option<i64>| -> Option<Amount> { sum.map(amount) };
    let figures = pairs().map(|(a, b)| Figures {
        report: amount_of(a.filter(|_| in_report)),
        list: amount_of(b.filter(|_| in_list)),
        difference: amount_of(a.zip(b).map(|(a, b)| a - b)),
    });
    let shown = if in_report { report } else { list };
    Difference {
        class,
        key: shown.iter().min().unwrap().to_vec(),
        normal: Vec::new(),
        figures: figures.collect(),
        carried: Vec::new(),
        rows_report: report.len() as u64,
        rows_list: list.len() as u64,
        unreadable: Vec::new(),
    }
}

proptest! {
    #[test]
    fn what_is_found_is_what_sorting_and_merging_finds(
        report in rows(),
        list in rows(),
        tolerance in prop::sample::select(&["0", "0.001", "5%"][..]),
        is_unique: bool,
    ) {
        let rules = rules(tolerance, is_unique);
        let outcome = compare(&rules, [&*report], [&*list]);
        let expected = expected(&report, &list, &rules, tolerance);
        for class in Class::ALL {
            let keys = expected.iter().filter(|key| key.class == class).count();
            prop_assert_eq!(outcome.count(class), keys as u64, "{}", class);
        }
        prop_assert_eq!(outcome.is_agreement(), expected.iter().all(|key| key.class == Class::Matched));
        prop_assert_eq!(all(&outcome), expected);
        let differences: Vec<Difference> = outcome.differences().collect();
        let names: HashSet<&Vec<Vec<u8>>> = differences.iter().map(|key| &key.normal).collect();
        prop_assert_eq!(names.len(), differences.len(), "two keys are compared as one");
        prop_assert!(differences.iter().all(|key| key.normal.len() == key.key.len()));
        for (side, rows) in [(Side::Report, &report), (Side::List, &list)] {
            prop_assert_eq!(outcome.rows(side), rows.len() as u64);
            for (column, sums) in outcome.sums().into_iter().enumerate() {
                let sum: i64 = rows.iter().filter_map(|row| NUMBERS[row.1[column]].1).sum();
                let found = if side == Side::Report { sums.report } else { sums.list };
                let thousandths = &found * &Amount::from(1_000);
                prop_assert_eq!(thousandths.to_string(), sum.to_string());
            }
        }
    }

    /// Each unreadable cell is found where it stands.
    #[test]
    fn cells_that_cannot_be_read_are_named(report in rows(), list in rows()) {
        let outcome = compare(&rules("0", false), [&*report], [&*list]);
        let mut named: Vec<_> = outcome.differences().flat_map(|key| key.unreadable).collect();
        named.sort_by_key(|cell| (cell.side, cell.line, cell.number));
        let sides = [(Side::Report, &report), (Side::List, &list)];
        let mut expected = Vec::new();
        for (side, rows) in sides {
            for (row, (key, numbers)) in (2..).zip(rows) {
                let is_empty = key.iter().all(|spelling| SPELLINGS[*spelling].0.is_empty());
                expected.extend(is_empty.then_some((side, row, None)));
                let bad = numbers.iter().enumerate().filter(|(_, number)| NUMBERS[**number].1.is_none());
                expected.extend(bad.map(|(column, _)| (side, row, Some(column))));
            }
        }
        let found: Vec<_> = named.iter().map(|cell| (cell.side, cell.line, cell.number)).collect();
        let cells = expected.iter().filter(|(.., number)| number.is_some()).count();
        prop_assert_eq!(outcome.unreadable_cells(), cells as u64);
        prop_assert_eq!(found, expected);
        prop_assert!(named.iter().all(|cell| cell.file == u32::from(cell.side == Side::List)));
    }
}
