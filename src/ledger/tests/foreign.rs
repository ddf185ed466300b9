//! Ledgers that people, spreadsheets and other versions had in their hands.

use super::*;

#[test]
fn a_spreadsheet_may_save_it() {
    let sample = sample();
    let mut out = ::csv::WriterBuilder::new()
        .quote_style(::csv::QuoteStyle::Always)
        .terminator(::csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(b"\xef\xbb\xbf".to_vec());
    let bytes = sample.to_csv();
    let mut lines = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
    for line in lines.records() {
        let line = line.unwrap();
        let mut cells: Vec<String> = line.iter().map(|c| c.replace("true", "TRUE")).collect();
        while cells.last().is_some_and(String::is_empty) {
            cells.pop();
        }
        out.write_record(&cells).unwrap();
    }
    let saved = out.into_inner().unwrap();
    let found = reading(&saved);
    assert_eq!(found.ledger, sample);
    assert_eq!(found.repairs, []);
    // Without the last line's end, too, but for the cell that it may have been cut in.
    let found = reading(saved.strip_suffix(b"\r\n").unwrap());
    assert!(found.ledger.rows().take(5).eq(sample.rows().take(5)));
    let last = |ledger: &Ledger| ledger.rows().last().unwrap().state.clone();
    assert_eq!(last(&found.ledger), last(&sample));
}

/// The cells of `bytes`, with its columns in the order of `columns`.
fn columns(bytes: &[u8], columns: &[&str]) -> Vec<u8> {
    let mut reader = ::csv::Reader::from_reader(bytes);
    let header = reader.headers().unwrap().clone();
    let mut out = ::csv::Writer::from_writer(Vec::new());
    out.write_record(columns).unwrap();
    for line in reader.records() {
        let line = line.unwrap();
        let cell = |name: &&str| header.iter().position(|h| h == *name).map(|at| &line[at]);
        out.write_record(columns.iter().map(|name| cell(name).unwrap_or("new"))).unwrap();
    }
    out.into_inner().unwrap()
}

#[test]
fn columns_may_be_missing_added_or_in_another_order() {
    let sample = sample();
    let bytes = sample.to_csv();
    let mut names: Vec<&str> = Column::ALL.iter().map(|c| c.name()).collect();
    names.push("my note");
    names.reverse();
    assert_eq!(reading(&columns(&bytes, &names)).ledger, sample);

    names.push("of a later version");
    let found = reading(&columns(&bytes, &names)).ledger;
    assert_eq!(found.extra_columns(), ["my note", "of a later version"]);
    assert_eq!(*found.rows().nth(1).unwrap().extra, ["a note", "new"]);
    assert_eq!(reading(&found.to_csv()).ledger, found, "kept through a rewrite");

    for column in Column::ALL {
        let without: Vec<&str> =
            names.iter().copied().filter(|name| *name != column.name()).collect();
        let read = read(&columns(&bytes, &without), Path::new("l.csv"));
        assert_eq!(read.is_err(), column.is_required(), "{}", column.name());
        match read {
            Ok(found) => assert_eq!(found.ledger.len(), sample.len()),
            Err(why) => assert!(why.to_string().contains(column.name()), "{why}"),
        }
    }
}

/// A file of before there were `report_error` and `report_rows`: read as it is, and whole after its next rewrite.
#[test]
fn a_file_of_twenty_columns_gets_the_others_with_its_next_rewrite() {
    let sample = sample();
    let mut names: Vec<&str> = Column::ALL.iter().map(|c| c.name()).collect();
    names.truncate(20);
    assert_eq!(names.last(), Some(&"intent_at"));
    names.push("my note");
    let found = reading(&columns(&sample.to_csv(), &names)).ledger;
    assert_eq!(found, sample);
    assert_eq!(found.to_csv(), sample.to_csv());
}

#[test]
fn what_cannot_be_is_refused_with_its_line_and_what_to_do() {
    let sample = text(&sample());
    let with_line = |old: &str, new: &str| sample.replacen(old, new, 1);
    let id = pending(1).id().to_string();
    let line_3 = sample.lines().nth(2).unwrap();
    for (text, line, says) in [
        (sample.replace(',', "|"), None, "lacks request_id"),
        ("request_id\rjob\r".to_owned(), None, "CSV Macintosh"),
        ("PK\u{3}\u{4}".to_owned(), None, "workbook"),
        (String::new(), None, "is empty"),
        ("a,b\n1,2\n".to_owned(), None, "lacks request_id"),
        (with_line("job,", "job,job,"), None, "two columns job"),
        (with_line("2026-01-01", "01.02.2026"), Some(2), "no way to read"),
        (with_line("2026-01-31", "1/30/26"), Some(2), "2026-01-01 to 1/30/26"),
        (with_line("2026-01-31", "soon"), Some(2), "YYYY-MM-DD"),
        (with_line("2026-01-31", "########"), Some(2), "YYYY-MM-DD"),
        (with_line("org1", "1.23E+10"), Some(3), "digits are lost"),
        (with_line("Y2lz1", "1.23E+19"), Some(3), "made a number"),
        (with_line(&id, "r0000000000000000"), Some(3), "does not fit its row"),
        (with_line(&id, "17"), Some(3), "16 hexadecimal digits"),
        (with_line("org1", "org7"), Some(3), "does not fit its row"),
        (with_line("created,Y2lz1", "created,"), Some(3), "needs the report's id"),
        (with_line("created,Y2lz1", "failed,Y2lz1"), Some(3), "can only be created"),
        (with_line("created,Y2lz1", "done,Y2lz1"), Some(3), "the words are"),
        (with_line("Y2lz5", "Y2lz1"), Some(8), "stands on line 3 too"),
        (
            format!("{sample}{}\n", line_3.replace("Y2lz1", "Y2lz0")),
            Some(sample.lines().count() as u64 + 1),
            "line 3 holds another report id",
        ),
        (with_line(",true,created", ",yes,created"), Some(3), "true or false"),
        (with_line(",11,2026", ",eleven,2026"), Some(3), "whole number"),
        (with_line("created,Y2lz5", "created,,Y2lz5"), Some(8), "cells"),
    ] {
        let why = refusal(text.as_bytes());
        let place =
            line.map_or_else(|| "l.csv is not a ledger".to_owned(), |l| format!("l.csv:{l}: "));
        assert!(why.starts_with(&place) && why.contains(says), "{says}: {why}");
    }
}

#[test]
fn a_bad_last_line_without_its_end_is_no_torn_one() {
    let text = text(&ledger([created(pending(1), "Y2lz1", 5)]));
    let bad = text.trim_end().replace("2026-01-31", "2026-01-30");
    let why = refusal(bad.as_bytes());
    assert!(why.starts_with("l.csv:2: request_id"), "{why}");
}

/// Reading a pipe would wait for its other end.
#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_not_read() {
    let why = read_file(Path::new("/dev/zero")).unwrap_err().to_string();
    assert!(why.contains("must be a regular file"), "{why}");
}
