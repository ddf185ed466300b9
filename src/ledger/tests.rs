mod damage;
mod file;
mod foreign;
mod merge;
mod rescued;
mod round_trip;
mod spreadsheet;

use std::path::Path;

use chrono::{DateTime, Utc};

use super::*;
use request::{Doubt, Period, ReportType, Request};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_793_600_000 + second, 0).unwrap()
}

fn request(number: u32) -> Request {
    Request {
        sub_partner: (!number.is_multiple_of(4)).then(|| format!("org{number}").parse().unwrap()),
        report_type: ReportType::ALL[number as usize % 3],
        period: Period::month(2026, 1 + number / 3).unwrap(),
        internal: number % 2 == 1,
    }
}

fn pending(number: u32) -> Row {
    let labels = [None, Some("O\"Hara, Söhne"), Some("=1+1"), Some("'x'")];
    let mut row = Row::planned(
        request(number),
        "own \"job\"".into(),
        labels[number as usize % 4].map(Into::into),
    );
    row.extra = vec![["", "a note", "a \"note\",\nof two lines"][number as usize % 3].to_owned()];
    row
}

fn with(mut row: Row, state: State, second: i64) -> Row {
    row.attempts = 11;
    if matches!(state, State::Failed { .. }) {
        row.last_answer = LastAnswer { http_status: Some(400), tracking_id: Some("track".into()) };
    }
    row.state = state;
    row.updated_at = Some(at(second));
    row
}

fn created(row: Row, id: &str, second: i64) -> Row {
    with(row, State::Created(id.parse().unwrap()), second)
}

fn failed(row: Row, second: i64) -> Row {
    let reason = Reason { code: "1001".to_owned(), text: "no, \"never\"".to_owned() };
    let intent = None;
    with(row, State::Failed { reason, intent }, second)
}

fn sending(row: Row, second: i64) -> Row {
    let state =
        State::Sending { doubt: Doubt::Open, reason: Reason::default(), intent: Some(at(second)) };
    with(row, state, second)
}

fn in_doubt(row: Row, intent: i64, second: i64) -> Row {
    let state = State::InDoubt {
        text: "the answer was lost, \"who knows\"".to_owned(),
        candidates: ["Y2lzA", "=Y2lzB"].iter().map(|id| id.parse().unwrap()).collect(),
        intent: Some(at(intent)),
    };
    with(row, state, second)
}

fn ledger(rows: impl IntoIterator<Item = Row>) -> Ledger {
    let mut ledger = Ledger::new(vec!["my note".to_owned()]);
    for row in rows {
        ledger.fold(row);
    }
    ledger
}

/// One row of each kind.
fn sample() -> Ledger {
    ledger([
        pending(0),
        created(pending(1), "Y2lz1", 5),
        failed(pending(2), 6),
        sending(pending(3), 7),
        in_doubt(pending(4), 3, 9),
        created(pending(5), "Y2lz5", 8),
    ])
}

fn reading(bytes: &[u8]) -> LedgerRead {
    read(bytes, Path::new("l.csv")).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes, Path::new("l.csv")).unwrap_err().to_string()
}

fn text(ledger: &Ledger) -> String {
    String::from_utf8(ledger.to_csv()).unwrap()
}
