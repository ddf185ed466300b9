//! What an audit reads of one file: its columns, its sums, keys that occur twice. One pass, one row in memory.

use std::io::{self, Read};

use csv::ByteRecord;

use super::sums::{Summing, Sums};
use crate::{
    manifest::{FileRule, Totals, did_you_mean},
    text::one_line,
};
use reconcile::{ColumnDifference, Key, Repeats, Table, TableError, cell};

/// What to look for in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileQuestions<'a> {
    pub(super) totals: Option<&'a Totals>,
    pub(super) rule: Option<&'a FileRule>,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct FileContents {
    /// The error says why the file has none; `None`: nobody asked for sums.
    pub(super) sums: Option<Result<Sums, String>>,
    /// Columns that are not as expected.
    pub(super) columns: Vec<ColumnDifference>,
    /// Keys that occur more than once, and how often.
    pub(super) repeated: Vec<(Vec<String>, u64)>,
    /// Why the file is not a table, if a rule asks for its columns.
    pub(super) no_table: Option<String>,
}

impl FileContents {
    pub(super) fn read(input: impl Read, questions: FileQuestions<'_>) -> io::Result<Self> {
        let FileQuestions { totals, rule } = questions;
        if totals.is_none() && rule.is_none() {
            return Ok(FileContents::default());
        }
        let examined = table_or_why(examine(input, questions))?;
        Ok(examined.unwrap_or_else(|why| FileContents {
            sums: totals.map(|_| Err(why.clone())),
            no_table: rule.map(|_| why),
            ..FileContents::default()
        }))
    }
}

/// The outer error says that a file cannot be read. The inner one says why it is no table: it can be read, so its hash
/// counts.
pub(super) fn table_or_why<T>(read: Result<T, TableError>) -> io::Result<Result<T, String>> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(TableError::Io(e)) => Err(e),
        Err(e) => Ok(Err(e.to_string())),
    }
}

fn examine(input: impl Read, questions: FileQuestions<'_>) -> Result<FileContents, TableError> {
    let rule = questions.rule;
    let mut table = Table::open(input)?;
    if rule.is_some() {
        table = table.strict();
    }
    let columns = rule.map(|rule| rule.expected.differences(table.columns()));
    let mut sums = questions.totals.map(|totals| Summing::new(&table, totals));
    // None where one of its columns is missing.
    let key = rule.and_then(|rule| rule.key.iter().map(|name| table.place(name)).collect());
    let key: Vec<usize> = key.unwrap_or_default();
    let mut repeats = Repeats::default();
    let (mut row, mut cells) = (ByteRecord::new(), Key::default());
    while table.next(&mut row)? {
        if let Some(Ok(summing)) = &mut sums
            && let Err(why) = summing.add(&row, table.row())
        {
            sums = Some(Err(why));
        }
        if !key.is_empty() {
            cells.clear();
            key.iter().for_each(|place| cells.push(cell(&row, *place)));
            // An error only after four billion rows; no file has so many.
            _ = repeats.add(&cells);
        } else if !matches!(sums, Some(Ok(_))) {
            break;
        }
    }
    Ok(FileContents {
        sums: sums.map(|summing| summing.map(|it| it.sums)),
        columns: columns.unwrap_or_default(),
        repeated: repeats.repeated(),
        no_table: None,
    })
}

/// The index of a column; the error names the columns that there are.
pub(super) fn place<R: Read>(table: &Table<R>, name: &str) -> Result<usize, String> {
    table.place(name).ok_or_else(|| {
        let names = table.columns().iter().map(|column| one_line(column));
        let named: Vec<String> = names.filter(|column| !column.is_empty()).collect();
        let columns: Vec<&str> = named.iter().map(String::as_str).collect();
        if columns.is_empty() {
            format!("it has no column {name}, and no other")
        } else {
            let help = did_you_mean(name, "its columns are", &columns);
            format!("it has no column {name}; {help}")
        }
    })
}

/// As [`place`], but a name that the header has twice is an error.
pub(super) fn only_place<R: Read>(table: &Table<R>, name: &str) -> Result<usize, String> {
    match table.columns().iter().filter(|column| *column == name).count() {
        0 | 1 => place(table, name),
        n => Err(format!("it has {n} columns named {name}, so none of them can be read")),
    }
}
