//! Tables that say what a value is called on the other side.

use std::{
    collections::{HashMap, hash_map::Entry},
    io::Read,
};

use csv::ByteRecord;

use crate::table::{Table, TableError, cell};

const FROM: &str = "from";
const TO: &str = "to";

/// Values of a list, and what each is called in the report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translation {
    values: HashMap<Box<[u8]>, Box<[u8]>>,
}

/// Why a file is no translation.
#[derive(Debug, thiserror::Error)]
pub enum TranslationError {
    /// It is no table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A column that is missing: `from` or `to`.
    #[error("it has no column {0}; its header is from,to")]
    NoColumn(&'static str),
    /// One value, and two that it is translated to. The line of the second, from 1.
    #[error("line {line} translates {from:?} to {to:?}, and an earlier one to {earlier:?}")]
    #[allow(missing_docs, reason = "the message says it")]
    TwoMeanings { line: u64, from: String, to: String, earlier: String },
}

impl Translation {
    /// Reads a list with the columns `from` and `to`.
    pub fn read(input: impl Read) -> Result<Self, TranslationError> {
        let mut table = Table::open_list(input, &[FROM, TO])?;
        let place = |name| table.place(name).ok_or(TranslationError::NoColumn(name));
        let (from_at, to_at) = (place(FROM)?, place(TO)?);
        let mut values = HashMap::<Box<[u8]>, Box<[u8]>>::new();
        let mut row = ByteRecord::new();
        while table.next(&mut row)? {
            let (from, to) = (cell(&row, from_at), cell(&row, to_at));
            match values.entry(from.into()) {
                Entry::Vacant(new) => {
                    new.insert(to.into());
                }
                Entry::Occupied(known) if **known.get() == *to => {}
                Entry::Occupied(known) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    return Err(TranslationError::TwoMeanings {
                        line: table.line(),
                        from: text(from),
                        to: text(to),
                        earlier: text(known.get()),
                    });
                }
            }
        }
        Ok(Translation { values })
    }

    /// What the trimmed value is called in the report; `None`: the table lacks it.
    pub fn get(&self, value: &[u8]) -> Option<&[u8]> {
        self.values.get(value).map(|to| &**to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_meaning_or_none() {
        let file = "\u{feff}sep=;\r\nfrom;note;to\r\n P-1 ;x;A-1\r\n;;\r\n;empty;A-0\r\nP-1;;A-1\r\nP-2;;\r\n";
        let translation = Translation::read(file.as_bytes()).unwrap();
        for (from, to) in [
            ("P-1", Some("A-1")),
            ("", Some("A-0")),
            ("P-2", Some("")),
            ("p-1", None),
            ("A-1", None),
        ] {
            assert_eq!(translation.get(from.as_bytes()), to.map(str::as_bytes), "{from}");
        }
    }

    #[test]
    fn what_is_no_translation_says_why() {
        for (file, why) in [
            (
                "from,to\na,b\n\"\"\"a\"\"\",b\n a ,c\n",
                "line 4 translates \"a\" to \"c\", and an earlier one to \"b\"",
            ),
            ("from,To\na,b\n", "it has no column to; its header is from,to"),
            ("", "it has no column from; its header is from,to"),
            ("from,to\na\n", "line 2 has 1 cell and the header 2"),
        ] {
            assert_eq!(Translation::read(file.as_bytes()).unwrap_err().to_string(), why);
        }
    }
}
