//! The union of ledgers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::{round_trip::arb_row, *};
use request::{ReportId, RequestId};

/// Unites ledgers called 0.csv, 1.csv and so on.
fn united(ledgers: &[&Ledger], prefer: Option<usize>) -> Result<Ledger, MergeError> {
    let names: Vec<PathBuf> = (0..ledgers.len()).map(|n| format!("{n}.csv").into()).collect();
    let parts = ledgers.iter().zip(&names);
    let parts: Vec<MergeInput<'_>> =
        parts.map(|(ledger, name)| MergeInput { name, ledger }).collect();
    merge(&parts, prefer)
}

fn one(rows: [Row; 2]) -> Row {
    let [a, b] = rows.map(|row| ledger([row]));
    let found = united(&[&a, &b], None).unwrap();
    assert_eq!(found, united(&[&b, &a], None).unwrap(), "in any order");
    assert_eq!(found.len(), 1);
    found.rows().next().unwrap().clone()
}

fn refused(ledgers: &[&Ledger], prefer: Option<usize>) -> String {
    united(ledgers, prefer).unwrap_err().to_string()
}

fn id(text: &str) -> ReportId {
    text.parse().unwrap()
}

fn waits(row: Row, intent: Option<i64>, second: i64) -> Row {
    let state = State::Pending { reason: Reason::default(), intent: intent.map(at) };
    with(row, state, second)
}

/// `docs/ledger.md`: created before `in_doubt` before `sending` before `failed` before `pending`, whenever they were
/// written.
#[test]
fn the_most_that_is_known_of_a_request_counts() {
    fn said_yes(second: i64) -> Row {
        let state = State::Sending {
            doubt: Doubt::SaidYes,
            reason: Reason::default(),
            intent: Some(at(second)),
        };
        let mut row = with(pending(1), state, second);
        row.last_answer.http_status = Some(201);
        row
    }
    type At = fn(i64) -> Row;
    let kinds: [(&str, At); 6] = [
        ("created", |second| created(pending(1), "Y2lz1", second)),
        ("in doubt", |second| in_doubt(pending(1), second, second)),
        ("sending, after a yes", said_yes),
        ("sending", |second| sending(pending(1), second)),
        ("failed", |second| failed(pending(1), second)),
        ("pending", |second| waits(pending(1), None, second)),
    ];
    for (n, (stronger, strong)) in kinds.iter().enumerate() {
        for (weaker, weak) in &kinds[n..] {
            for (a, b) in [(1, 2), (2, 1), (1, 1)] {
                let found = one([strong(a), weak(b)]);
                let winner = if stronger == weaker { strong(a.max(b)) } else { strong(a) };
                assert_eq!(found.updated_at, winner.updated_at, "{stronger} {a}, {weaker} {b}");
                assert_eq!(found.state.word(), winner.state.word());
                assert_eq!(found.state.is_in_doubt(), winner.state.is_in_doubt());
                assert_eq!(found.last_answer, winner.last_answer);
            }
        }
    }
}

#[test]
fn of_equals_the_larger_bytes_count() {
    let told = |text: &str| {
        let mut row = failed(pending(1), 5);
        row.state = State::Failed {
            reason: Reason { code: "1001".to_owned(), text: text.to_owned() },
            intent: None,
        };
        row
    };
    for (smaller, larger) in [("a", "b"), ("a", "aa"), ("", "a")] {
        let mut tried = told(smaller);
        tried.attempts = 99;
        let found = one([tried, told(larger)]);
        assert_eq!(found.error(), larger);
        assert_eq!(found.attempts, 99, "the most attempts, whosever they are");
    }
    // What is merged cell by cell does not count.
    let known = |status: &str, attempts, intent| {
        let mut row = sending(pending(1), 5);
        row.collected_mut().status = status.to_owned();
        row.attempts = attempts;
        row.state.set_intent(Some(at(intent)));
        row
    };
    for (attempts, intents) in [((1, 2), (1, 2)), ((2, 1), (2, 1))] {
        let rows = [known("a", attempts.0, intents.0), known("b", attempts.1, intents.1)];
        assert_eq!(one(rows), known("b", 2, 1));
    }
    let mut replacing = known("a", 1, 1);
    replacing.replaces = vec![id("Y2lz0")];
    let found = one([replacing, known("b", 1, 1)]);
    assert_eq!((found.collected.status.as_str(), &*found.error()), ("b", "replaces Y2lz0"));
}

#[test]
fn the_earliest_intent_stays_until_the_row_is_settled() {
    let intent = |rows| one(rows).state.intent();
    let row = || pending(1);
    assert_eq!(intent([sending(row(), 7), sending(row(), 5)]), Some(at(5)));
    assert_eq!(intent([in_doubt(row(), 6, 9), sending(row(), 5)]), Some(at(5)));
    assert_eq!(intent([sending(row(), 7), waits(row(), Some(3), 4)]), Some(at(3)));
    assert_eq!(intent([failed(row(), 7), waits(row(), Some(3), 4)]), Some(at(3)));
    assert_eq!(intent([failed(row(), 7), waits(row(), None, 4)]), None);
    assert_eq!(intent([created(row(), "Y2lz1", 7), sending(row(), 5)]), None);
    let found = ledger([one([failed(row(), 7), waits(row(), Some(3), 4)])]);
    assert_eq!(reading(&found.to_csv()).ledger, found, "and in the file");
}

#[test]
fn notes_are_united_by_name() {
    let noted = |columns: &[&str], number, notes: &[&str]| {
        let mut ledger = Ledger::new(columns.iter().map(|c| (*c).to_owned()).collect());
        let mut row = waits(pending(number), None, 1);
        row.extra = notes.iter().map(|n| (*n).to_owned()).collect();
        ledger.fold(row);
        ledger
    };
    let ours = noted(&["note", "checked", ""], 1, &["Anna", "", "1st"]);
    let theirs = noted(&["checked", "", "who", "note", ""], 1, &["yes", "1st", "me", "Bob", "2nd"]);
    let other = noted(&[], 2, &[]);
    let found = united(&[&ours, &other, &theirs], None).unwrap();
    assert_eq!(found.extra_columns(), ["note", "checked", "", "who", ""]);
    let notes: Vec<&[String]> = found.rows().map(|row| &row.extra[..]).collect();
    let none: &[&str] = &["", "", "", "", ""];
    assert_eq!(notes, [&["Anna | Bob", "yes", "1st", "me", "2nd"], none]);
    // Once more adds nothing.
    assert_eq!(united(&[&found, &theirs, &ours], None).unwrap().to_csv(), found.to_csv());
}

#[test]
fn one_request_in_two_spellings_is_one() {
    let spelled = |org: &str| {
        let request = Request { sub_partner: Some(org.parse().unwrap()), ..request(1) };
        Row::planned(request, "job".into(), None)
    };
    let uuid = "5b8d518a-8f00-4a6c-a3a2-000000000001";
    let full = base64::Engine::encode(
        &base64::prelude::BASE64_URL_SAFE_NO_PAD,
        format!("ciscospark://us/ORGANIZATION/{uuid}"),
    );
    let (short, long) = (spelled(uuid), spelled(&full));
    assert_eq!(short.request().id(), long.request().id(), "by meaning");
    let found = one([created(short, "Y2lz1", 5), sending(long, 6)]);
    assert_eq!(found.state.word(), "created");
    assert_eq!(reading(&ledger([found.clone()]).to_csv()).ledger, ledger([found]));
}

#[test]
fn two_reports_for_one_request_are_a_persons_to_decide() {
    let ours = ledger([created(pending(1), "Y2lzA", 5), created(pending(2), "Y2lzC", 5)]);
    let theirs = ledger([created(pending(1), "Y2lzB", 9), created(pending(5), "Y2lzD", 5)]);
    let why = refused(&[&ours, &theirs], None);
    let rid = pending(1).id().to_string();
    for part in [&*rid, "Y2lzA in 0.csv", "Y2lzB in 1.csv", "--prefer LEDGER"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(!why.contains("Y2lzC") && !why.contains("Y2lzD"), "{why}");
    for (prefer, kept, other) in [(0, "Y2lzA", "Y2lzB"), (1, "Y2lzB", "Y2lzA")] {
        let found = united(&[&ours, &theirs], Some(prefer)).unwrap();
        let row = found.get(pending(1).id()).unwrap();
        assert_eq!(row.state.report_id(), Some(&id(kept)));
        assert_eq!(row.error(), format!("replaces {other}"));
        // What was decided stays decided.
        for again in [[&found, &ours, &theirs], [&theirs, &ours, &found]] {
            let again = united(&again, None).unwrap();
            assert_eq!(again.get(row.id()), Some(row));
        }
    }
    // A preferred ledger that knows no report of it decides nothing.
    let third = ledger([pending(1)]);
    refused(&[&ours, &theirs, &third], Some(2));
}

/// A copy from before must not bring back what a person gave up, and a decision from before not what came after.
#[test]
fn a_report_that_was_given_up_stays_so() {
    let before = created(pending(1), "Y2lzA", 5);
    let mut after = waits(pending(1), None, 7);
    after.replaces = vec![id("Y2lzA")];
    assert_eq!(one([before.clone(), after.clone()]), after);
    let made = after.clone().created(id("Y2lzB"));
    assert_eq!(one([before, made.clone()]), made);
    let taken_back = created(pending(1), "Y2lzA", 9);
    assert_eq!(one([taken_back.clone(), after]), taken_back);
}

#[test]
fn whatever_cannot_be_one_ledger_is_named_all_at_once() {
    let sandbox = "Y2lzY29zcGFyazovL3NhbmRib3gvQklMTElOR19SRVBPUlQvMQ";
    let mut filed = created(pending(3), "Y2lzE", 5);
    filed.collected_mut().file = "2026-10/USER/a.csv".to_owned();
    let mut other = created(pending(4), "Y2lzF", 5);
    other.collected_mut().file.clone_from(&filed.collected.file);
    let ours = ledger([created(pending(1), "Y2lzA", 5), filed]);
    let theirs = ledger([created(pending(2), "Y2lzA", 5), other]);
    let rehearsal = ledger([created(pending(5), sandbox, 5)]);
    let why = refused(&[&ours, &theirs, &rehearsal], None);
    let rid = |number| pending(number).id().to_string();
    for part in [
        format!(
            "report Y2lzA belongs to more than one request: {} in 0.csv, {} in 1.csv",
            rid(1),
            rid(2)
        ),
        format!(
            "2026-10/USER/a.csv belongs to more than one request: {} in 0.csv, {} in 1.csv",
            rid(3),
            rid(4)
        ),
        "sandbox are in 2.csv, those of a real server in 0.csv, 1.csv".to_owned(),
    ] {
        assert!(why.contains(&part), "{part}: {why}");
    }
}

#[test]
fn a_torn_line_about_nobody_known_is_not_dropped() {
    let mut bytes = sample().to_csv();
    bytes.extend(b"r0123456789abcdef,own,");
    let found = reading(&bytes);
    assert_eq!(found.unknown.len(), 1);
    let why = found.into_ledger(Path::new("l.csv")).unwrap_err().to_string();
    assert!(why.contains("r0123456789abcdef") && why.contains("monthend run"), "{why}");
    assert_eq!(reading(&sample().to_csv()).into_ledger(Path::new("l.csv")).unwrap(), sample());
}

/// Ledgers of a few requests, so that they overlap. A request has the same report in all of them.
fn arb_ledger() -> impl Strategy<Value = Ledger> {
    let columns = proptest::sample::subsequence(vec!["a", "b", "c"], 0..=3).prop_shuffle();
    let note = proptest::sample::select(vec!["", "", "x", "y", "y | x", "x | y"]);
    let rows =
        proptest::collection::vec((arb_row(), 0..8u32, proptest::array::uniform3(note)), 0..6);
    (columns, rows).prop_map(|(columns, rows)| {
        let mut ledger = Ledger::new(columns.iter().map(|c| (*c).to_owned()).collect());
        for (any, number, notes) in rows {
            let mut row = Row {
                state: any.state,
                replaces: any.replaces,
                last_answer: any.last_answer,
                attempts: any.attempts,
                collected: Collected { file: String::new(), ..Collected::clone(&any.collected) }
                    .into(),
                updated_at: any.updated_at.map(|time| at(time.timestamp() % 3)),
                ..Row::planned(request(number), any.job, any.label)
            };
            if let State::Created(id) = &mut row.state {
                *id = format!("Y2lz{number}").parse().unwrap();
            }
            row.extra = notes[..columns.len()].iter().map(|n| (*n).to_owned()).collect();
            ledger.fold(row);
        }
        ledger
    })
}

/// What a ledger says, whatever the order of its rows and columns.
fn said(ledger: &Ledger) -> BTreeMap<RequestId, (String, BTreeMap<String, String>)> {
    let rows = ledger.rows().map(|row| {
        let notes = ledger.extra_columns().iter().cloned().zip(row.extra.iter().cloned());
        let plain = Row { extra: Vec::new(), ..row.clone() };
        let line = String::from_utf8(Ledger::default().line(&plain)).unwrap();
        (row.id(), (line, notes.collect()))
    });
    rows.collect()
}

proptest! {
    #[test]
    fn order_and_grouping_do_not_matter(ledgers in proptest::array::uniform3(arb_ledger())) {
        let [a, b, c] = &ledgers;
        let all = united(&[a, b, c], None).unwrap();
        let first = united(&[a, b], None).unwrap();
        let last = united(&[b, c], None).unwrap();
        for other in [
            united(&[c, a, b], None).unwrap(),
            united(&[&first, c], None).unwrap(),
            united(&[a, &last], None).unwrap(),
            united(&[&last, &first, &all, c], None).unwrap(),
        ] {
            prop_assert_eq!(said(&other), said(&all));
        }
        // One after another.
        let mut order: Vec<RequestId> = Vec::new();
        for row in ledgers.iter().flat_map(Ledger::rows) {
            if !order.contains(&row.id()) {
                order.push(row.id());
            }
        }
        prop_assert_eq!(all.rows().map(Row::id).collect::<Vec<_>>(), order);
    }

    #[test]
    fn a_ledger_with_itself_stays_as_it_is(ledger in arb_ledger()) {
        for times in 1..4 {
            let again = united(&vec![&ledger; times], None).unwrap();
            prop_assert_eq!(again.to_csv(), ledger.to_csv());
        }
    }

    #[test]
    fn nothing_that_one_knew_is_lost(ledgers in proptest::array::uniform3(arb_ledger())) {
        let all = united(&ledgers.each_ref(), None).unwrap();
        for (ledger, row) in ledgers.iter().flat_map(|l| l.rows().map(move |row| (l, row))) {
            let kept = all.get(row.id()).unwrap();
            let id = row.state.report_id();
            prop_assert!(id.is_none() || kept.state.report_id() == id);
            for old in &row.replaces {
                prop_assert!(kept.replaces.contains(old));
            }
            prop_assert!(kept.attempts >= row.attempts);
            if kept.state.report_id().is_none() {
                prop_assert!(row.state.intent().is_none_or(|intent| kept.state.intent() <= Some(intent)));
                prop_assert!(row.state.intent().is_none() || kept.state.intent().is_some());
                // A doubt never becomes something that is sent at once.
                let is_doubt = |row: &Row| matches!(row.state, State::Sending { .. } | State::InDoubt { .. });
                prop_assert!(!is_doubt(row) || is_doubt(kept));
                prop_assert!(!row.state.is_in_doubt() || kept.state.is_in_doubt());
            }
            for (name, note) in ledger.extra_columns().iter().zip(&row.extra) {
                let place = all.extra_columns().iter().position(|n| n == name).unwrap();
                for part in note.split(" | ") {
                    prop_assert!(kept.extra[place].contains(part));
                }
            }
        }
    }
}
