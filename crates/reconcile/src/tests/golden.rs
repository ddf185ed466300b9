use super::*;
use crate::{
    Amount, ComparedRow, Division, Filter, MOST_PLACES, Translation, UnitRounding, Unreadable,
    UnreadableCell, UsageGroups,
};

const REPORT: &str = "\
CUSTOMER_ORG_ID,SKU,CONSUMPTION
Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi85NmFiYzJhYS0zZGNjLTExZTUtYTE1Mi1mZTM0ODE5Y2RjOWE,A-1,30
96abc2aa-3dcc-11e5-a152-fe34819cdc9a,A-1,10.5
96abc2aa-3dcc-11e5-a152-fe34819cdc9a,A-2,7
52cf576d-3dcc-11e5-a152-fe34819cdc9a,A-1,31
52cf576d-3dcc-11e5-a152-fe34819cdc9a,A-2,n/a
52cf576d-3dcc-11e5-a152-fe34819cdc9a,A-3,1
,,4
";

const LIST: &str = "\u{feff}sep=;\r
customer;product;state;quantity\r
96ABC2AA-3DCC-11E5-A152-FE34819CDC9A;calling;active;40,5\r
96ABC2AA-3DCC-11E5-A152-FE34819CDC9A;meetings;trial;1.007,0\r
52CF576D-3DCC-11E5-A152-FE34819CDC9A;calling;closed;31\r
52CF576D-3DCC-11E5-A152-FE34819CDC9A;calling;active;31\r
;;;\r
52CF576D-3DCC-11E5-A152-FE34819CDC9A;rooms;active;\r
52CF576D-3DCC-11E5-A152-FE34819CDC9A;A-3;active;1\r
Nobody;calling;active;2\r
Nobody;calling;active;3\r
";

const PRODUCTS: &str = "from,to\ncalling,A-1\nmeetings,A-2\nrooms,A-2\n";

fn line(key: &Difference) -> String {
    let shown =
        |figure: &Option<Amount>| figure.as_ref().map_or("-".to_owned(), ToString::to_string);
    let figures: Vec<String> = (key.figures.iter())
        .map(|f| format!("{} {} {}", shown(&f.report), shown(&f.list), shown(&f.difference)))
        .collect();
    let cells = key.key.iter().map(|cell| cell.get(..8).unwrap_or(cell));
    let cells: Vec<&str> = cells.collect();
    let rows = format!("{}:{}", key.rows_report, key.rows_list);
    format!("{} [{}] {} {rows}", key.class, cells.join("|"), figures.join(", "))
}

/// A subscriber list against a report, as a person would work it out.
#[test]
fn a_list_with_everything_in_it() {
    let products = Translation::read(PRODUCTS.as_bytes()).unwrap();
    let mut comparison = Comparison::new(Rules { numbers: 1, is_unique: true, ..Rules::default() });
    let mut report = Table::open(REPORT.as_bytes()).unwrap();
    let report_columns = SideColumns {
        key: ["CUSTOMER_ORG_ID", "SKU"]
            .map(|name| KeyPart::Column(report.place(name).unwrap()))
            .to_vec(),
        numbers: vec![report.place("CONSUMPTION").unwrap()],
        ..SideColumns::default()
    };
    comparison.read(Side::Report, &mut report, &report_columns, 0).unwrap();
    let mut list = Table::open_list(LIST.as_bytes(), &["customer", "product", "quantity"]).unwrap();
    let place = |name| list.place(name).unwrap();
    let list_columns = SideColumns {
        key: vec![
            KeyPart::Column(place("customer")),
            KeyPart::Translated(place("product"), &products),
        ],
        numbers: vec![place("quantity")],
        format: NumberFormat::Comma,
        filter: Filter::default().and(place("state"), ["active", "trial"]),
    };
    comparison.read(Side::List, &mut list, &list_columns, 1).unwrap();
    let outcome = comparison.finish();
    let lines: Vec<String> =
        outcome.differences().chain(outcome.matched()).map(|key| line(&key)).collect();
    assert_eq!(
        lines,
        [
            "unreadable [|] 4 - 4 1:0",
            "unreadable [52cf576d|A-2] - 0 - 1:1",
            "untranslated [52CF576D|A-3] - 1 -1 0:1",
            "repeated [96abc2aa|A-1] 40.5 40.5 0 2:1",
            "repeated [Nobody|A-1] - 5 -5 0:2",
            "only_in_report [52cf576d|A-3] 1 - 1 1:0",
            "differs [96abc2aa|A-2] 7 1007 -1000 1:1",
            "matched [52cf576d|A-1] 31 31 0 1:1",
        ]
    );
    assert_eq!(counts(&outcome), [2, 1, 2, 1, 0, 1, 1]);
    let sums = &outcome.sums()[0];
    assert_eq!([&sums.report, &sums.list].map(ToString::to_string), ["83.5", "1084.5"]);
    assert_eq!(sums.difference().to_string(), "-1001");
    assert_eq!((outcome.rows(Side::Report), outcome.rows(Side::List)), (7, 7));
}

/// The three customers with 10 of 30 days each: three units, or one.
#[test]
fn an_invoice_that_rounds_elsewhere_is_explained() {
    let division = Division::new(30.into(), UnitRounding::Up).unwrap();
    let mut groups = UsageGroups::default();
    let mut comparison = Comparison::new(Rules { numbers: 1, carried: 1, ..Rules::default() });
    let mut key = comparison.key();
    for customer in ["c1", "c2", "c3"] {
        key.clear();
        key.push(b"A-1");
        comparison
            .add(
                Side::Report,
                ComparedRow {
                    key: &key,
                    numbers: &[Ok(0.into()), Ok(0.into())],
                    rows: 1,
                    file: 0,
                    row: 1,
                },
            )
            .unwrap();
        key.clear();
        key.push(customer.as_bytes());
        groups.add(&key, &NumberFormat::Point.read(b"10")).unwrap();
    }
    for (_, usage) in groups.groups() {
        key.clear();
        key.push(b"A-1");
        let usage = usage.unwrap();
        let numbers = [Ok(division.units(usage).units), Ok(usage.clone())];
        comparison
            .add(
                Side::Report,
                ComparedRow { key: &key, numbers: &numbers, rows: 0, file: 0, row: 0 },
            )
            .unwrap();
    }
    comparison
        .add(
            Side::List,
            ComparedRow { key: &key, numbers: &[Ok(1.into())], rows: 1, file: 1, row: 1 },
        )
        .unwrap();
    let outcome = comparison.finish();
    let found = outcome.differences().next().unwrap();
    assert_eq!(line(&found), "differs [A-1] 3 1 2 3:1");
    let usage = found.carried[0].as_ref().unwrap();
    assert!(division.explains(&1.into(), usage, &3.into()));
    assert!(!division.explains(&0.into(), usage, &3.into()));
    assert!(!division.explains(&4.into(), usage, &3.into()));
}

/// Figures that are carried, and places beyond those that are kept, change nothing but what is shown.
#[test]
fn what_is_carried_makes_no_difference() {
    let unreadable = || NumberFormat::Point.read(b"x");
    let rules = Rules { numbers: 2, carried: 2, ..Rules::default() };
    let mut comparison = Comparison::new(rules);
    let mut key = comparison.key();
    key.push(b"k");
    let one = || Ok(Amount::from(1));
    let mut add = |side, numbers: &[Result<Amount, Unreadable>]| {
        let row = ComparedRow { key: &key, numbers, rows: 1, file: 3, row: 7 };
        comparison.add(side, row).unwrap();
    };
    add(Side::Report, &[one(), one(), Ok(5.into()), unreadable(), one()]);
    add(Side::Report, &[Ok(2.into()), one(), Ok(6.into()), Ok(6.into())]);
    add(Side::List, &[Ok(3.into()), Ok(2.into()), unreadable()]);
    let outcome = comparison.finish();
    assert!(outcome.is_agreement());
    assert_eq!((outcome.unreadable_cells(), outcome.count(Class::Matched)), (0, 1));
    let matched = outcome.matched().next().unwrap();
    assert_eq!(line(&matched), "matched [k] 3 3 0, 2 2 0 2:1");
    assert_eq!(matched.carried, [Some(11.into()), None]);
}

#[test]
fn of_many_cells_that_cannot_be_read_some_are_named() {
    let mut comparison = Comparison::new(Rules { numbers: 1, ..Rules::default() });
    let mut key = comparison.key();
    key.push(b"k");
    let numbers = [NumberFormat::Unstated.read(b"1,234")];
    let most = MOST_PLACES as u64;
    for row in 1..=most + 5 {
        let row = ComparedRow { key: &key, numbers: &numbers, rows: 1, file: 0, row };
        comparison.add(Side::List, row).unwrap();
    }
    let outcome = comparison.finish();
    assert_eq!(outcome.unreadable_cells(), most + 5);
    let found = outcome.differences().next().unwrap();
    assert_eq!((found.class, found.rows_list), (Class::Unreadable, most + 5));
    let place = UnreadableCell {
        side: Side::List,
        file: 0,
        row: most,
        number: Some(0),
        why: Unreadable::Ambiguous,
    };
    assert_eq!((found.unreadable.len(), found.unreadable.last()), (MOST_PLACES, Some(&place)));
}

#[test]
fn rows_are_counted_to_an_end() {
    let mut comparison = Comparison::new(Rules::default());
    let mut key = comparison.key();
    key.push(b"k");
    let row = |rows| ComparedRow { key: &key, numbers: &[], rows, file: 0, row: 1 };
    comparison.add(Side::List, row(u32::MAX)).unwrap();
    comparison.add(Side::Report, row(1)).unwrap();
    let error = comparison.add(Side::List, row(1)).unwrap_err();
    assert_eq!(error.to_string(), "more than 4294967295 rows are not compared");
}

/// Figures that come apart from their rows have no rows, and no place.
#[test]
fn case_and_more_numbers_than_two() {
    let rules = Rules { numbers: 3, ignores_case: true, ..Rules::default() };
    let mut comparison = Comparison::new(rules);
    let mut key = comparison.key();
    let numbers: Vec<_> =
        ["1", "2", "3"].map(|cell| NumberFormat::Point.read(cell.as_bytes())).to_vec();
    for (side, cell, rows) in [
        (Side::Report, "Acme", 1),
        (Side::List, "ACME", 1),
        (Side::List, "b", 1),
        (Side::Report, "", 0),
    ] {
        key.clear();
        key.push(cell.as_bytes());
        let row = ComparedRow { key: &key, numbers: &numbers, rows, file: 0, row: 1 };
        comparison.add(side, row).unwrap();
    }
    let outcome = comparison.finish();
    let found: Vec<Difference> = outcome.differences().chain(outcome.matched()).collect();
    let lines: Vec<String> = found.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "unreadable [] - - 1, - - 2, - - 3 0:0",
            "only_in_list [b] - 1 -1, - 2 -2, - 3 -3 0:1",
            "matched [Acme] 1 1 0, 2 2 0, 3 3 0 1:1",
        ]
    );
    assert_eq!(found[0].unreadable, []);
}
