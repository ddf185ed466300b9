use super::*;
use crate::{Amount, Figures};

fn mirrored(class: Class) -> Class {
    match class {
        Class::OnlyInReport => Class::OnlyInList,
        Class::OnlyInList => Class::OnlyInReport,
        other => other,
    }
}

fn pieces(rows: &[TestRow], size: usize) -> Vec<&[TestRow]> {
    rows.chunks(size).collect()
}

proptest! {
    #[test]
    fn swapping_the_sides_mirrors_what_is_found(report in rows(), list in rows(), is_unique: bool) {
        // The first spelling of each thing only: which one is shown depends on the side.
        let plain = |rows: Vec<TestRow>| -> Vec<TestRow> {
            let first = |spelling: usize| SPELLINGS.iter().position(|(_, thing)| *thing == SPELLINGS[spelling].1).unwrap();
            rows.into_iter().map(|(key, numbers)| (key.map(first), numbers)).collect()
        };
        let (report, list) = (plain(report), plain(list));
        let rules = rules("5%", is_unique);
        let there = compare(&rules, [&*report], [&*list]);
        let back = compare(&rules, [&*list], [&*report]);
        let mut mirror: Vec<Difference> = all(&back)
            .into_iter()
            .map(|key| Difference {
                class: mirrored(key.class),
                figures: key.figures.into_iter().map(|figures| Figures {
                    report: figures.list,
                    list: figures.report,
                    difference: figures.difference.as_ref().map(|difference| -difference),
                }).collect(),
                rows_report: key.rows_list,
                rows_list: key.rows_report,
                ..key
            })
            .collect();
        mirror.sort_by(|a, b| (a.class, &a.key).cmp(&(b.class, &b.key)));
        prop_assert_eq!(all(&there), mirror);
    }

    #[test]
    fn no_order_of_rows_and_files_changes_anything(
        (report, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        list in rows(),
        size in 1..5_usize,
    ) {
        let rules = rules("0.001", true);
        let whole = compare(&rules, [&*report], [&*list]);
        let mut backwards = list.clone();
        backwards.reverse();
        let other = compare(&rules, pieces(&shuffled, size), pieces(&backwards, size));
        prop_assert_eq!(all(&whole), all(&other));
        prop_assert_eq!(counts(&whole), counts(&other));
        prop_assert_eq!(whole.sums(), other.sums());
        prop_assert_eq!(whole.unreadable_cells(), other.unreadable_cells());
    }

    #[test]
    fn no_order_of_columns_changes_a_class(report in rows(), list in rows()) {
        let turned = |rows: &[TestRow]| -> Vec<TestRow> {
            rows.iter().map(|([k, l], [p, q])| ([*l, *k], [*q, *p])).collect()
        };
        let rules = rules("5%", false);
        let there = compare(&rules, [&*report], [&*list]);
        let turned = compare(&rules, [&*turned(&report)], [&*turned(&list)]);
        let mut back: Vec<Difference> = all(&turned).into_iter().map(|mut key| {
            key.key.reverse();
            key.figures.reverse();
            key
        }).collect();
        back.sort_by(|a, b| (a.class, &a.key).cmp(&(b.class, &b.key)));
        // Of several spellings, which pair is the first depends on the order of the cells.
        let without_key = |keys: Vec<Difference>| -> Vec<Difference> {
            let mut keys: Vec<Difference> =
                keys.into_iter().map(|key| Difference { key: Vec::new(), ..key }).collect();
            keys.sort_by_key(|key| format!("{key:?}"));
            keys
        };
        prop_assert_eq!(without_key(all(&there)), without_key(back));
        prop_assert_eq!(counts(&there), counts(&turned));
    }

    #[test]
    fn a_table_agrees_with_itself(rows in rows()) {
        let outcome = compare(&rules("0", false), [&*rows], [&*rows]);
        for key in all(&outcome) {
            prop_assert!(matches!(key.class, Class::Matched | Class::Unreadable), "{:?}", key);
            prop_assert!(key.figures.iter().all(|f| f.difference.as_ref().is_none_or(Amount::is_zero)));
            prop_assert_eq!(key.rows_report, key.rows_list);
        }
        prop_assert!(outcome.sums().iter().all(|sums| sums.difference().is_zero()));
    }

    #[test]
    fn a_wider_tolerance_matches_all_that_a_narrow_one_does(
        report in rows(), list in rows(), narrow in 0..40_u32, more in 0..40_u32, is_percent: bool,
    ) {
        let matched = |size: u32| {
            let sign = if is_percent { "%" } else { "" };
            let outcome = compare(&rules(&format!("{size}{sign}"), false), [&*report], [&*list]);
            outcome.matched().map(|key| key.key).collect::<Vec<_>>()
        };
        let wide = matched(narrow + more);
        prop_assert!(matched(narrow).iter().all(|key| wide.contains(key)));
    }

    #[test]
    fn two_rows_that_make_one_change_no_sum(report in rows(), list in rows(), part in -500..500_i32) {
        let rules = Rules { numbers: 1, ..Rules::default() };
        let columns = SideColumns { numbers: vec![0], ..columns() };
        let mut whole = Comparison::new(rules.clone());
        let mut split = Comparison::new(rules);
        for (side, rows) in [(Side::Report, &report), (Side::List, &list)] {
            let mut both = String::from("P,Q,K,L\n");
            for ([k, l], [p, _]) in rows {
                let cell = NUMBERS[*p].0;
                let key = format!("{},{}", SPELLINGS[*k].0, SPELLINGS[*l].0);
                match NUMBERS[*p].1 {
                    Some(thousandths) => {
                        let rest = thousandths - i64::from(part);
                        let sign = |n: i64| if n < 0 { "-" } else { "" };
                        for n in [rest, part.into()] {
                            let (whole, places) = (n.abs() / 1_000, n.abs() % 1_000);
                            writeln!(both, "{}{whole}.{places:03},,{key}", sign(n)).unwrap();
                        }
                    }
                    None => writeln!(both, "{cell},,{key}").unwrap(),
                }
            }
            whole.read(side, &mut Table::open(file(rows).as_bytes()).unwrap(), &columns, 0).unwrap();
            split.read(side, &mut Table::open(both.as_bytes()).unwrap(), &columns, 0).unwrap();
        }
        let (whole, split) = (whole.finish(), split.finish());
        prop_assert_eq!(whole.sums(), split.sums());
        prop_assert_eq!(counts(&whole), counts(&split));
        let figures = |outcome: &Outcome| {
            all(outcome).into_iter().map(|key| (key.class, key.key, key.figures)).collect::<Vec<_>>()
        };
        prop_assert_eq!(figures(&whole), figures(&split));
    }
}
