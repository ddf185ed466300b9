//! Whatever form a spreadsheet gives a ledger, it is the same ledger.

use std::{fs, path::PathBuf};

use proptest::prelude::*;

use super::{round_trip::arb_row, *};

/// How a spreadsheet writes what it has read.
#[derive(Debug, Clone)]
struct Habits {
    separator: u8,
    /// Of days, and of times; none where it leaves them as text.
    calendar: Option<(&'static str, &'static str)>,
    truths: [&'static str; 2],
    quotes: ::csv::QuoteStyle,
    crlf: bool,
    mark: bool,
    /// Empty columns and rows that it adds.
    padding: (usize, usize),
    /// What it writes before the header.
    before: &'static str,
    decimals: &'static str,
}

const CALENDARS: [(&str, &str); 9] = [
    ("%-m/%-d/%Y", "%-m/%-d/%Y %-I:%M:%S %p"),
    ("%m/%d/%y", "%m/%d/%y %I:%M:%S %p"),
    ("%d/%m/%Y", "%d/%m/%Y %H:%M:%S"),
    ("%d.%m.%Y", "%d.%m.%Y %H:%M:%S"),
    ("%d.%m.%y", "%d.%m.%y %H:%M:%S"),
    ("%Y/%-m/%-d", "%Y/%-m/%-d %-H:%M:%S"),
    ("%Y. %-m. %-d.", "%Y. %-m. %-d. %-H:%M:%S"),
    ("%-m月%-d日", "%Y/%-m/%-d %-H:%M:%S"),
    ("%Y-%m-%d 00:00:00", "%Y-%m-%d %H:%M:%S"),
];

fn arb_habits() -> impl Strategy<Value = Habits> {
    let calendar = proptest::option::weighted(0.8, proptest::sample::select(&CALENDARS[..]));
    let separator = proptest::sample::select(&b",;\t"[..]);
    let truths = proptest::sample::select(
        &[["false", "true"], ["FALSE", "TRUE"], ["FALSCH", "WAHR"], ["0", "1"]][..],
    );
    let decimals = proptest::sample::select(&["", ".0", ",00"][..]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (
        separator,
        calendar,
        truths,
        decimals,
        flags,
        (0..3usize, 0..3usize),
        proptest::sample::select(
            &["", "sep=;\r\n", "\"sep=,\"\n\n", "\n;;;\r\n\n", "sep=\t\n"][..],
        ),
    )
        .prop_map(
            |(separator, calendar, truths, decimals, (always, crlf, mark), padding, before)| {
                Habits {
                    before,
                    separator,
                    calendar,
                    truths,
                    quotes: if always {
                        ::csv::QuoteStyle::Always
                    } else {
                        ::csv::QuoteStyle::Necessary
                    },
                    crlf,
                    mark,
                    padding,
                    decimals,
                }
            },
        )
}

impl Habits {
    fn save(&self, ledger: &Ledger) -> Vec<u8> {
        let bytes = ledger.to_csv();
        let mut reader = ::csv::Reader::from_reader(&bytes[..]);
        let header = reader.headers().unwrap().clone();
        let mark = if self.mark { "\u{feff}" } else { "" };
        let mut out = ::csv::WriterBuilder::new()
            .delimiter(self.separator)
            .quote_style(self.quotes)
            .terminator(if self.crlf {
                ::csv::Terminator::CRLF
            } else {
                ::csv::Terminator::Any(b'\n')
            })
            .from_writer(format!("{mark}{}", self.before).into_bytes());
        let padding = || std::iter::repeat_n(String::new(), self.padding.0);
        let names = header.iter().map(str::to_owned);
        out.write_record(names.chain(padding())).unwrap();
        for line in reader.records() {
            let line = line.unwrap();
            let cells = header.iter().zip(&line);
            let cells = cells.map(|(name, cell)| self.cell(name, cell));
            out.write_record(cells.chain(padding())).unwrap();
        }
        let width = header.len() + self.padding.0;
        for _ in 0..self.padding.1 {
            out.write_record(vec![""; width]).unwrap();
        }
        out.into_inner().unwrap()
    }

    fn cell(&self, name: &str, cell: &str) -> String {
        match (name, self.calendar) {
            (_, _) if cell.is_empty() => String::new(),
            ("internal", _) => self.truths[usize::from(cell == "true")].to_owned(),
            ("attempts" | "http_status" | "report_rows", _) => format!("{cell}{}", self.decimals),
            ("billing_start_date" | "billing_end_date", Some((form, _))) => {
                let day: chrono::NaiveDate = cell.parse().unwrap();
                day.format(form).to_string()
            }
            ("updated_at" | "intent_at", Some((_, form))) => {
                let time: DateTime<Utc> = cell.parse().unwrap();
                time.format(form).to_string()
            }
            _ => cell.to_owned(),
        }
    }
}

proptest! {
    #[test]
    fn it_is_the_same_ledger_in_every_form(
        rows in proptest::collection::vec(arb_row(), 0..6),
        habits in arb_habits(),
    ) {
        let ledger = ledger(rows);
        let saved = habits.save(&ledger);
        let found = reading(&saved);
        prop_assert_eq!(&found.ledger, &ledger, "{}", String::from_utf8_lossy(&saved));
        prop_assert_eq!(found.repairs, []);
        let is_told = habits.separator != b',' || (habits.calendar.is_some() && !ledger.is_empty());
        prop_assert_eq!(!found.spelling.is_own(), is_told, "{}", found.spelling);
        // And is written in its own.
        prop_assert_eq!(found.ledger.to_csv(), ledger.to_csv());
    }
}

fn fixture(name: &str) -> LedgerRead {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/spreadsheets");
    reading(&fs::read(folder.join(name)).unwrap())
}

/// `tests/spreadsheets/README.md` says how they were made.
#[test]
fn what_libre_office_saves_is_the_same_ledger() {
    let original = fixture("original.csv").ledger;
    assert_eq!(original.len(), 10);
    for name in ["english", "german", "japanese"] {
        let found = fixture(&format!("{name}.csv"));
        assert!(!found.spelling.is_own(), "{name}");
        // It shows no seconds.
        let to_minutes = |ledger: &Ledger| -> Vec<Row> {
            let minute = |t: DateTime<Utc>| t.timestamp() / 60 * 60;
            let floor = |t: DateTime<Utc>| DateTime::from_timestamp(minute(t), 0).unwrap();
            let rows = ledger.rows().cloned().map(|mut row| {
                row.updated_at = row.updated_at.map(floor);
                row.state.set_intent(row.state.intent().map(floor));
                row
            });
            rows.collect()
        };
        assert_eq!(to_minutes(&found.ledger), to_minutes(&original), "{name}");
        let untouched = fixture(&format!("{name}-untouched.csv")).ledger;
        assert_eq!(untouched, original, "{name}");
    }
}

#[test]
fn a_note_in_a_column_without_a_name_stays() {
    let plain = ledger([pending(0), pending(1)]);
    let padded: String = text(&plain).lines().map(|line| format!("{line},,\n")).collect();
    assert_eq!(reading(padded.as_bytes()).ledger, plain);
    let noted = padded.replace("a note,,", "a note,,call them");
    let found = reading(noted.as_bytes()).ledger;
    assert_eq!(found.extra_columns(), ["my note", ""], "the empty one is gone");
    let notes: Vec<_> = found.rows().map(|row| &row.extra[..]).collect();
    assert_eq!(notes, [["", ""], ["a note", "call them"]]);
}

#[test]
fn the_form_is_told_with_its_line() {
    let text = text(&sample()).replacen("2026-01-31", "1/31/2026", 1);
    let found = reading(text.as_bytes());
    let said = found.spelling.to_string();
    assert_eq!(said, "a spreadsheet has saved it (billing_end_date on line 2 is \"1/31/2026\")");
    let semicolons = Habits {
        separator: b';',
        calendar: None,
        truths: ["false", "true"],
        quotes: ::csv::QuoteStyle::Necessary,
        crlf: false,
        mark: false,
        padding: (0, 0),
        before: "",
        decimals: "",
    };
    let said = reading(&semicolons.save(&sample())).spelling.to_string();
    assert_eq!(said, "a spreadsheet has saved it (its cells are separated by semicolons)");
}

/// A time that only says when the line was written must not keep anybody from the rest; an intent is needed.
#[test]
fn only_an_intent_has_to_be_readable() {
    let sample = text(&sample());
    let time = "2026-11-02T06:13:25.000Z";
    let found = reading(sample.replacen(time, "########", 1).as_bytes());
    assert_eq!(found.ledger.rows().nth(1).unwrap().updated_at, None);
    assert!(found.spelling.to_string().contains("updated_at"), "{}", found.spelling);
    let intent = sample.replacen(",,,,2026-11-02T06:13:27.000Z", ",,,,########", 1);
    assert_ne!(intent, sample);
    assert!(refusal(intent.as_bytes()).contains("intent_at"));
}
