//! The whole engine: a golden example, an oracle that compares in another way, and laws that hold for any two tables.

mod golden;
mod laws;
mod lists;
mod oracle;

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::{
    Class, Comparison, Difference, KeyPart, NumberFormat, Outcome, Rules, Side, SideColumns, Table,
};

/// Spellings of keys, and which thing each means: few things, so that they often meet.
const SPELLINGS: [(&str, usize); 9] = [
    ("A-1", 0),
    (" A-1\u{a0}", 0),
    ("a-1", 1),
    ("", 2),
    ("96abc2aa-3dcc-11e5-a152-fe34819cdc9a", 3),
    ("96ABC2AA-3DCC-11E5-A152-FE34819CDC9A", 3),
    ("Y2lzY29zcGFyazovL3VzL1BFT1BMRS85NmFiYzJhYS0zZGNjLTExZTUtYTE1Mi1mZTM0ODE5Y2RjOWE", 3),
    ("M\u{fc}ller", 4),
    ("Mu\u{308}ller", 5),
];

/// Cells of numbers, and what they are in thousandths.
const NUMBERS: [(&str, Option<i64>); 9] = [
    ("", Some(0)),
    ("0.10", Some(100)),
    (" 1.5 ", Some(1_500)),
    ("-1.5", Some(-1_500)),
    ("30", Some(30_000)),
    ("29.999", Some(29_999)),
    ("\"1,234\"", Some(1_234_000)),
    ("n/a", None),
    (".5", None),
];

/// A row: the indexes of two spellings and of two numbers.
type TestRow = ([usize; 2], [usize; 2]);

fn rows() -> impl Strategy<Value = Vec<TestRow>> {
    // Numbers that cannot be read are rare.
    let number = prop_oneof![30 => 0..7_usize, 1 => 7..9_usize];
    let spelling = 0..SPELLINGS.len();
    let row = ([spelling.clone(), spelling], [number.clone(), number]);
    prop::collection::vec(row, 0..14)
}

fn file(rows: &[TestRow]) -> String {
    let mut file = String::from("P,Q,K,L\n");
    for ([k, l], [p, q]) in rows {
        let (k, l) = (SPELLINGS[*k].0, SPELLINGS[*l].0);
        writeln!(file, "{},{},{k},{l}", NUMBERS[*p].0, NUMBERS[*q].0).unwrap();
    }
    file
}

fn columns() -> SideColumns<'static> {
    SideColumns {
        key: vec![KeyPart::Column(2), KeyPart::Column(3)],
        numbers: vec![0, 1],
        format: NumberFormat::Point,
        ..SideColumns::default()
    }
}

fn rules(tolerance: &str, is_unique: bool) -> Rules {
    Rules { numbers: 2, tolerance: tolerance.parse().unwrap(), is_unique, ..Rules::default() }
}

/// Each side is one file for each of its pieces.
fn compare<'a>(
    rules: &Rules,
    report: impl IntoIterator<Item = &'a [TestRow]>,
    list: impl IntoIterator<Item = &'a [TestRow]>,
) -> Outcome {
    let mut comparison = Comparison::new(rules.clone());
    let report = report.into_iter().map(|rows| (Side::Report, rows));
    let list = list.into_iter().map(|rows| (Side::List, rows));
    for (index, (side, rows)) in (0..).zip(report.chain(list)) {
        let file = file(rows);
        let mut table = Table::open(file.as_bytes()).unwrap();
        comparison.read(side, &mut table, &columns(), index).unwrap();
    }
    comparison.finish()
}

fn counts(outcome: &Outcome) -> [u64; 7] {
    Class::ALL.map(|class| outcome.count(class))
}

/// Every key, matched ones too, without the places of its cells.
fn all(outcome: &Outcome) -> Vec<Difference> {
    let all = outcome.differences().chain(outcome.matched());
    let plain = |it| Difference { normal: Vec::new(), unreadable: Vec::new(), ..it };
    all.map(plain).collect()
}
