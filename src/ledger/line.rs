//! One line of the file, written cell by cell: CSV by RFC 4180, ended by LF.

use std::{fmt::Display, io::Write as _};

use chrono::{DateTime, NaiveDate, SecondsFormat, Timelike as _, Utc};
use memchr::{memchr2, memchr3};

use super::cell::neutralise;
use request::{RequestId, spell_day};

pub(super) struct LineWriter<'o> {
    out: &'o mut Vec<u8>,
    is_begun: bool,
}

impl<'o> LineWriter<'o> {
    /// Appends to `out`.
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        LineWriter { out, is_begun: false }
    }

    fn begin_cell(&mut self) {
        if self.is_begun {
            self.out.push(b',');
        }
        self.is_begun = true;
    }

    /// For words and numbers of ours that never need quotes.
    pub(super) fn plain(&mut self, word: impl Display) {
        self.begin_cell();
        let _ = write!(self.out, "{word}"); // writing to memory does not fail
    }

    pub(super) fn word(&mut self, word: &str) {
        self.begin_cell();
        self.out.extend_from_slice(word.as_bytes());
    }

    pub(super) fn id(&mut self, id: RequestId) {
        self.begin_cell();
        self.out.extend_from_slice(&id.spell());
    }

    pub(super) fn optional(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(value),
            None => self.word(""),
        }
    }

    /// For text from outside: no spreadsheet takes it for a formula.
    pub(super) fn text(&mut self, text: &str) {
        self.raw(&neutralise(text));
    }

    /// Quoted where needed.
    pub(super) fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if memchr3(b',', b'"', b'\n', bytes).is_none() && memchr2(b'\r', 0, bytes).is_none() {
            return self.word(text);
        }
        self.begin_cell();
        self.out.push(b'"');
        for byte in text.bytes() {
            match byte {
                // A zero byte is the mark of a stretch that was never written: see `read`.
                0 => {}
                b'"' => self.out.extend_from_slice(b"\"\""),
                byte => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }

    pub(super) fn day(&mut self, day: NaiveDate) {
        self.begin_cell();
        self.out.extend_from_slice(&spell_day(day));
    }

    /// To the millisecond, UTC.
    pub(super) fn time(&mut self, time: Option<DateTime<Utc>>) {
        self.begin_cell();
        let Some(time) = time else { return };
        let millis = time.nanosecond() / 1_000_000;
        if millis >= 1000 {
            // A leap second.
            let text = time.to_rfc3339_opts(SecondsFormat::Millis, true);
            self.out.extend_from_slice(text.as_bytes());
            return;
        }
        self.out.extend_from_slice(&spell_day(time.date_naive()));
        let two = |n: u32| [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        let parts = [(b'T', time.hour()), (b':', time.minute()), (b':', time.second())];
        for (mark, part) in parts {
            self.out.push(mark);
            self.out.extend_from_slice(&two(part));
        }
        self.out.extend_from_slice(&[b'.', b'0' + (millis / 100) as u8]);
        self.out.extend_from_slice(&two(millis % 100));
        self.out.push(b'Z');
    }

    pub(super) fn end(self) {
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What any other reader of CSV makes of a line is what was written, but for zero bytes.
        #[test]
        fn cells_are_read_back(cells in proptest::collection::vec("[\"',\\n\\r\\x00 a-z=]{0,8}", 2..6)) {
            let mut out = Vec::new();
            let mut line = LineWriter::new(&mut out);
            for cell in &cells {
                line.raw(cell);
            }
            line.end();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
            let read = reader.records().next().unwrap().unwrap();
            let expected: Vec<String> = cells.iter().map(|cell| cell.replace('\0', "")).collect();
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn times_are_spelled_as_rfc_3339(seconds in 0i64..253_402_300_800, nanos in 0u32..1_999_999_999) {
            let nanos = if seconds % 60 == 59 { nanos } else { nanos % 1_000_000_000 };
            let time = DateTime::from_timestamp(seconds, nanos).unwrap();
            let mut out = Vec::new();
            LineWriter::new(&mut out).time(Some(time));
            let expected = time.to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
