//! What is written is what is read.

use proptest::prelude::*;

use super::*;

fn arb_text() -> impl Strategy<Value = String> {
    let nasty = "[\"',;=+@\\-\r\n\t a-cé\u{feff}＝-]{0,12}";
    prop_oneof![nasty, any::<String>()].prop_map(|text| text.replace('\0', ""))
}

pub(super) fn arb_row() -> impl Strategy<Value = Row> {
    let texts = proptest::collection::vec(arb_text(), 10);
    let times = (0..100_000i64, proptest::option::of(0..100_000i64));
    (0..30u32, 0..6u8, texts, times, any::<u32>()).prop_map(
        |(number, status, texts, (updated, intent), attempts)| {
            let mut texts = texts.into_iter();
            let mut text = || texts.next().unwrap();
            let mut row = pending(number);
            row.job = text().into();
            row.label = Some(text()).filter(|t| !t.is_empty()).map(Into::into);
            let reason = Reason { code: text(), text: text() };
            let intent = intent.map(at);
            row.last_answer = LastAnswer {
                http_status: (attempts % 2 == 0).then_some(503),
                tracking_id: Some(text()).filter(|t| !t.is_empty()).map(Into::into),
            };
            row.state = match status {
                0 => State::Pending { reason, intent },
                1 => State::Failed { reason, intent },
                2 if attempts % 4 == 0 => {
                    row.last_answer.http_status = Some(201);
                    let doubt = Doubt::SaidYes;
                    State::Sending { doubt, reason, intent }
                }
                2 => State::Sending { doubt: Doubt::Open, reason, intent },
                3 => State::InDoubt {
                    text: reason.text.clone(),
                    candidates: (0..attempts % 3)
                        .map(|n| format!("={n}-id").parse().unwrap())
                        .collect(),
                    intent,
                },
                _ => State::Created(format!("=id-{number}").parse().unwrap()),
            };
            row.replaces =
                (0..attempts % 5 / 2).map(|n| format!("-old{n}").parse().unwrap()).collect();
            row.attempts = attempts;
            row.updated_at = Some(at(updated));
            row.collected = Collected {
                status: text(),
                file: text(),
                sha256: text(),
                error: text(),
                rows: attempts.is_multiple_of(2).then_some(u64::from(attempts)),
            }
            .into();
            row.extra = vec![text()];
            row
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in proptest::collection::vec(arb_row(), 0..6)) {
        let ledger = ledger(rows);
        let found = reading(&ledger.to_csv());
        prop_assert_eq!(&found.ledger, &ledger);
        prop_assert_eq!(found.repairs, []);
        // Once more changes nothing.
        prop_assert_eq!(found.ledger.to_csv(), ledger.to_csv());
    }

    #[test]
    fn folding_again_changes_nothing(rows in proptest::collection::vec(arb_row(), 0..6)) {
        let once = ledger(rows);
        let mut twice = once.clone();
        for row in once.rows() {
            twice.fold(row.clone());
        }
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn appended_lines_read_as_they_fold(rows in proptest::collection::vec(arb_row(), 1..8)) {
        let at_rest = ledger(rows.iter().map(pending_of));
        let mut bytes = at_rest.to_csv();
        let mut folded = at_rest.clone();
        for row in rows {
            bytes.extend(at_rest.line(&row));
            folded.fold(row);
        }
        prop_assert_eq!(reading(&bytes).ledger, folded);
    }

    /// Any bytes at all: a reading or a refusal, and what was read reads the same again.
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..400usize) {
        let mut file = sample().to_csv();
        file.truncate(cut.max(300));
        file.extend(bytes);
        if let Ok(found) = read(&file, Path::new("l.csv")) {
            let again = reading(&found.ledger.to_csv());
            prop_assert_eq!(again.ledger.to_csv(), found.ledger.to_csv());
            prop_assert_eq!(again.repairs, []);
        }
    }
}

fn pending_of(row: &Row) -> Row {
    let mut pending = Row::planned(row.request().clone(), row.job.clone(), row.label.clone());
    pending.extra = vec![String::new()];
    pending
}

#[test]
fn a_zero_byte_never_gets_in() {
    let mut row = pending(1);
    row.job = "a\0b".into();
    let ledger = ledger([row]);
    assert!(!ledger.to_csv().contains(&0));
    assert_eq!(&*reading(&ledger.to_csv()).ledger.rows().next().unwrap().job, "ab");
}

#[test]
fn a_report_id_is_never_emptied() {
    let mut ledger = ledger([created(pending(1), "Y2lz1", 5)]);
    ledger.fold(failed(pending(1), 6));
    assert_eq!(ledger.rows().next().unwrap().state.word(), "created");
    ledger.fold(created(pending(1), "Y2lz2", 7));
    assert_eq!(ledger.rows().next().unwrap().state.report_id().unwrap().as_str(), "Y2lz2");
}

/// A line that an older version appended has no cells of the user's columns.
#[test]
fn a_later_line_keeps_the_cells_of_other_columns() {
    let mut ledger = Ledger::new(vec!["note".to_owned()]);
    let mut row = pending(1);
    row.extra = vec!["mine".to_owned()];
    ledger.fold(row.clone());
    let mut later = created(pending(1), "Y2lz1", 5);
    later.extra = vec![String::new()];
    ledger.fold(later);
    assert_eq!(ledger.rows().next().unwrap().extra, row.extra);
}

#[test]
fn planned_rows_come_first_and_the_others_keep_their_order() {
    let mut ledger = ledger((0..6).map(pending));
    ledger.reorder([4, 2].map(|n| pending(n).id()));
    let order: Vec<_> = ledger.rows().map(Row::id).collect();
    assert_eq!(order, [4, 2, 0, 1, 3, 5].map(|n| pending(n).id()));
    assert!(ledger.places().all(|(place, row)| ledger.place(row.id()) == Some(place)));
}
