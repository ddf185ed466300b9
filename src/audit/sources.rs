//! Where the two sides of a comparison come from: one adapter for each kind of source.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::{Path, PathBuf},
};

use csv::ByteRecord;

use super::{
    audited_request::AuditedRequest,
    contents::{only_place, table_or_why},
    units::UsageColumns,
};
use crate::{
    files::open_regular,
    manifest::{ColumnPair, Divisor, ListFile, REQUEST_COLUMNS, ReconcileEntry, UNITS, UnitsRule},
    plan::Planned,
    text::system_says,
};
use reconcile::{
    Amount, ComparedRow, Comparison, Division, Filter, Key, KeyPart, NumberFormat, Side,
    SideColumns, SideError, Table, TableError, Translation, TranslationError, UsageGroups,
};
use request::{OrgId, Period};

/// Why a list cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("there is no {}; put it there, or correct the manifest", .0.display())]
    Missing(PathBuf),
    #[error("{} cannot be read ({})", .0.display(), system_says(.1))]
    Unreadable(PathBuf, io::Error),
    #[error("{}: {}", .0.display(), .1)]
    Table(PathBuf, SideError),
    /// The message names the columns that there are.
    #[error("{}: {why}", path.display())]
    NoColumn { path: PathBuf, column: String, why: String },
    #[error("{}: {}", .0.display(), .1)]
    Translation(PathBuf, TranslationError),
    /// Of the translation of a column.
    #[error("{error}")]
    OfTranslation { column: String, error: Box<ListError> },
}

impl ListError {
    /// Words that stay the same, whatever the file is called: an id is made of them.
    pub fn reason(&self) -> String {
        match self {
            ListError::Missing(_) => "missing".to_owned(),
            ListError::Unreadable(..) => "unreadable".to_owned(),
            ListError::Table(..) => "no table".to_owned(),
            // It names the columns that there are.
            ListError::NoColumn { column, why, .. } => format!("no column {column}: {why}"),
            ListError::Translation(_, e) => format!("no translation: {e}"),
            ListError::OfTranslation { column, error } => format!("{column}: {}", error.reason()),
        }
    }
}

/// The translations of an entry, by the column of the list.
pub(super) type Translations = BTreeMap<String, Translation>;

pub(super) fn translations(entry: &ReconcileEntry) -> Result<Translations, ListError> {
    let read = |path: &PathBuf| {
        Translation::read(open(path)?).map_err(|e| match e {
            TranslationError::Table(TableError::Io(e)) => ListError::Unreadable(path.clone(), e),
            e => ListError::Translation(path.clone(), e),
        })
    };
    let of_column = |(column, path): (&String, &PathBuf)| {
        let failed =
            |error| ListError::OfTranslation { column: column.clone(), error: Box::new(error) };
        Ok((column.clone(), read(path).map_err(failed)?))
    };
    entry.translate.iter().map(of_column).collect()
}

fn open(path: &Path) -> Result<impl Read, ListError> {
    open_regular(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => ListError::Missing(path.to_owned()),
        _ => ListError::Unreadable(path.to_owned(), e),
    })
}

/// Adds the rows of a list that its `where` selects. Returns a note if its numbers may be misread.
pub(super) fn add_list(
    comparison: &mut Comparison,
    entry: &ReconcileEntry,
    (list, path): (&ListFile, &Path),
    translations: &Translations,
) -> Result<Option<String>, ListError> {
    let failed = |e: SideError| match e {
        SideError::Table(TableError::Io(e)) => ListError::Unreadable(path.to_owned(), e),
        e => ListError::Table(path.to_owned(), e),
    };
    let names = entry.key.iter().chain(&entry.compare).map(|pair| pair.list.as_str());
    let wanted: Vec<&str> = names.chain(list.filter.keys().map(String::as_str)).collect();
    let mut table = Table::open_list(open(path)?, &wanted).map_err(|e| failed(e.into()))?;
    let place = |name: &str| {
        let no_column =
            |why| ListError::NoColumn { path: path.to_owned(), column: name.to_owned(), why };
        only_place(&table, name).map_err(no_column)
    };
    let key = entry.key.iter().map(|pair| {
        let place = place(&pair.list)?;
        Ok(key_part(place, &pair.list, translations))
    });
    let numbers = entry.compare.iter().map(|pair| place(&pair.list));
    let mut filter = Filter::default();
    for (column, values) in &list.filter {
        filter = filter.and(place(column)?, values.iter().map(String::as_str));
    }
    let columns = SideColumns {
        key: key.collect::<Result<_, _>>()?,
        numbers: numbers.collect::<Result<_, _>>()?,
        format: list.format,
        filter,
    };
    comparison.read(Side::List, &mut table, &columns, 0).map_err(failed)?;
    let may_have_commas = table.separator() == b';' && list.format == NumberFormat::Unstated;
    Ok((may_have_commas && !entry.compare.is_empty()).then(|| {
        format!(
            "{}: its cells are separated by semicolons, but its numbers are read with a decimal point (1.234 is less than \
             two); write in its `decimal` which mark they have",
            path.display()
        )
    }))
}

fn key_part<'t>(place: usize, column: &str, translations: &'t Translations) -> KeyPart<'t> {
    match translations.get(column) {
        Some(translation) => KeyPart::Translated(place, translation),
        None => KeyPart::Column(place),
    }
}

/// How the files of one side are read.
pub(super) struct FileSide<'a> {
    pub(super) side: Side,
    pub(super) entry: &'a ReconcileEntry,
    /// None on the report's side.
    pub(super) translations: &'a Translations,
    /// Only on the report's side, and only if units are compared.
    pub(super) units: Option<&'a UnitsRule>,
}

impl FileSide<'_> {
    /// Adds the rows of a collected file. `file` is its index. The inner error says why the file is unfit; then some of
    /// its rows may have been added.
    pub(super) fn add(
        &self,
        comparison: &mut Comparison,
        request: &AuditedRequest<'_>,
        input: impl Read,
        file: u32,
    ) -> io::Result<Result<(), String>> {
        fit_or_why(self.try_add(comparison, request, input, file))
    }

    fn try_add(
        &self,
        comparison: &mut Comparison,
        request: &AuditedRequest<'_>,
        input: impl Read,
        file: u32,
    ) -> Result<(), FileError> {
        let mut table = Table::open(input).map_err(SideError::Table)?.strict();
        let values = request_values(request.planned);
        let names = self.entry.key.iter().map(|pair| self.name(pair));
        let key = names.map(|name| match REQUEST_COLUMNS.iter().position(|it| *it == name) {
            Some(at) => Ok(KeyPart::Fixed(&values[at])),
            None => Ok(key_part(only_place(&table, name)?, name, self.translations)),
        });
        let numbers = self.entry.compare.iter().map(|pair| self.name(pair));
        let is_units = |name: &str| self.units.is_some() && name == UNITS;
        let columns = SideColumns {
            key: key.collect::<Result<_, String>>()?,
            numbers: numbers
                .clone()
                .filter(|name| !is_units(name))
                .map(|name| only_place(&table, name))
                .collect::<Result<_, String>>()?,
            format: NumberFormat::Point,
            filter: Filter::default(),
        };
        match self.units.zip(numbers.clone().position(is_units)) {
            Some((units, at)) => {
                let rows = UnitRows { units, at, values: &values, columns: &columns, file };
                self.add_in_units(comparison, &mut table, &rows, request.planned.request.period)
            }
            None => Ok(comparison.read(self.side, &mut table, &columns, file)?),
        }
    }

    /// Each row is added with 0 units, so that its key is there and counts it. The units are those of a group of rows,
    /// and are added when the whole file is read.
    fn add_in_units<R: Read>(
        &self,
        comparison: &mut Comparison,
        table: &mut Table<R>,
        rows: &UnitRows<'_>,
        period: Period,
    ) -> Result<(), FileError> {
        let UnitRows { units, at, columns, file, .. } = *rows;
        let usage_columns = UsageColumns::new(table, units)?;
        let (mut key, mut group) = (comparison.key(), Key::default());
        let (mut numbers, mut row) = (Vec::new(), ByteRecord::new());
        let mut groups = UsageGroups::default();
        while table.next(&mut row).map_err(SideError::Table)? {
            columns.fill(&row, &mut key, &mut numbers);
            let usage = usage_columns.usage(&row);
            numbers.insert(at, usage.as_ref().map(|_| Amount::default()).map_err(|why| *why));
            let line = table.line();
            let compared = ComparedRow { key: &key, numbers: &numbers, rows: 1, file, line };
            comparison.add(self.side, compared).map_err(SideError::TooManyRows)?;
            usage_columns.fill(&row, &mut group);
            groups.add(&group, &usage).map_err(SideError::TooManyRows)?;
        }
        let division = division(units, period);
        let of_units = self.entry.compare.len();
        for (cells, usage) in groups.groups() {
            // A cell of the group cannot be read: its row was added as unreadable.
            let Some(usage) = usage else { continue };
            key.clear();
            for pair in &self.entry.key {
                key.push(rows.key_cell(&pair.report, &cells).as_bytes());
            }
            numbers.clear();
            numbers.resize(of_units, Ok(Amount::default()));
            numbers[at] = Ok(division.units(usage).units);
            numbers.push(Ok(usage.clone()));
            let compared = ComparedRow { key: &key, numbers: &numbers, rows: 0, file, line: 0 };
            comparison.add(self.side, compared).map_err(SideError::TooManyRows)?;
        }
        Ok(())
    }

    fn name<'p>(&self, pair: &'p ColumnPair) -> &'p str {
        if self.side == Side::Report { &pair.report } else { &pair.list }
    }
}

/// How the rows of a file become units.
#[derive(Clone, Copy)]
struct UnitRows<'r> {
    units: &'r UnitsRule,
    /// The index of the units among the numbers.
    at: usize,
    /// The values of [`REQUEST_COLUMNS`], in their order.
    values: &'r [String; 4],
    columns: &'r SideColumns<'r>,
    file: u32,
}

impl UnitRows<'_> {
    /// The cell of a group's key in the column `name`: a value of the request, or a cell of the group.
    fn key_cell<'c>(&'c self, name: &str, group: &'c [String]) -> &'c str {
        if let Some(at) = REQUEST_COLUMNS.iter().position(|it| *it == name) {
            return &self.values[at];
        }
        let at = self.units.at.iter().position(|it| it == name);
        at.and_then(|at| group.get(at)).map_or("", String::as_str)
    }
}

/// Why the rows of a file cannot be read.
pub(super) enum FileError {
    Unfit(String),
    Side(SideError),
}

/// The outer error says that a file cannot be read. The inner one says why it is unfit.
pub(super) fn fit_or_why<T>(read: Result<T, FileError>) -> io::Result<Result<T, String>> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(FileError::Unfit(why)) => Ok(Err(why)),
        Err(FileError::Side(SideError::Table(e))) => table_or_why(Err(e)),
        Err(FileError::Side(e)) => Ok(Err(e.to_string())),
    }
}

impl From<String> for FileError {
    fn from(why: String) -> Self {
        FileError::Unfit(why)
    }
}

impl From<SideError> for FileError {
    fn from(error: SideError) -> Self {
        FileError::Side(error)
    }
}

/// The values of [`REQUEST_COLUMNS`], in their order.
pub fn request_values(planned: &Planned) -> [String; 4] {
    let of = &planned.request;
    [
        planned.label.as_deref().unwrap_or_default().to_owned(),
        of.sub_partner.as_ref().map_or("", OrgId::as_str).to_owned(),
        of.period.start().to_string(),
        of.period.end().to_string(),
    ]
}

/// How the usage of a period becomes units.
#[expect(
    clippy::expect_used,
    reason = "a period has at least a day, and a manifest only numbers above 0"
)]
pub(super) fn division(units: &UnitsRule, period: Period) -> Division {
    let divisor = match &units.per {
        Divisor::Days => Amount::from(period.days()),
        Divisor::Number(number) => number.clone(),
    };
    Division::new(divisor, units.rounding).expect("a divisor above 0")
}
