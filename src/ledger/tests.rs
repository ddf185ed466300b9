mod damage;
mod file;
mod foreign;
mod round_trip;

use std::path::Path;

use chrono::{DateTime, Utc};

use super::*;
use crate::{
    api::Cause,
    request::{Period, ReportType, Request},
};

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
    let mut row = Row::pending(
        request(number),
        "own \"job\"".into(),
        labels[number as usize % 4].map(Into::into),
    );
    row.extra = vec![["", "a note", "a \"note\",\nof two lines"][number as usize % 3].to_owned()];
    row
}

fn with(mut row: Row, status: Status, second: i64) -> Row {
    row.attempts = 11;
    row.intent_at = (status == Status::Sending).then(|| at(second));
    row.cause = match status {
        Status::Failed => Cause {
            http_status: Some(400),
            code: "1001".to_owned(),
            text: "no, \"never\"".to_owned(),
            tracking_id: Some("track".to_owned()),
        },
        _ => Cause::default(),
    };
    row.status = status;
    row.updated_at = Some(at(second));
    row
}

fn created(row: Row, id: &str, second: i64) -> Row {
    with(row, Status::Created(id.parse().unwrap()), second)
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
    let mut in_doubt = with(pending(4), Status::Failed, 9);
    in_doubt.cause.code = Row::IN_DOUBT.to_owned();
    in_doubt.intent_at = Some(at(3));
    ledger([
        pending(0),
        created(pending(1), "Y2lz1", 5),
        with(pending(2), Status::Failed, 6),
        with(pending(3), Status::Sending, 7),
        in_doubt,
        created(pending(5), "Y2lz5", 8),
    ])
}

fn reading(bytes: &[u8]) -> Reading {
    read(bytes, Path::new("l.csv")).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes, Path::new("l.csv")).unwrap_err().to_string()
}

fn text(ledger: &Ledger) -> String {
    String::from_utf8(ledger.to_csv()).unwrap()
}
