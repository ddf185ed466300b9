//! `--combine`: one table of all collected files of a type, as a CSV file or a sheet of a workbook. Files are read twice,
//! headers then rows, with one row in memory. Columns are matched by name, in order of first appearance.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ffi::OsString,
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use csv::ByteRecord;

use crate::{
    files::{self, NewFile, open_regular},
    ledger::{Row, State},
    manifest::NumberColumns,
    tables::{ColumnKind, TableColumn, TableFormat, TableWriter},
    text::{count, named, one_line},
};
use reconcile::{MOST_COLUMNS, Table};
use request::{OrgId, Period, ReportType};

/// The columns that say which report a row is from.
const LEADING: [&str; 5] = ["sub_partner", "sub_partner_org_id", PERIOD[0], PERIOD[1], "internal"];

const PERIOD: [&str; 2] = ["period_start", "period_end"];

#[derive(Debug, Clone)]
pub struct CollectedFile<'a> {
    pub row: &'a Row,
    pub file: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combined {
    pub file: PathBuf,
    pub report_type: ReportType,
    pub files: usize,
    pub rows: u64,
    pub periods: Vec<String>,
    pub lacking: Vec<LackingColumn>,
    /// Files in which some row has more cells than the header: these cells are left out.
    pub too_wide: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackingColumn {
    column: String,
    files: usize,
    first: Vec<PathBuf>,
}

impl LackingColumn {
    fn note(&mut self, file: &Path) {
        self.files += 1;
        if self.first.len() < NAMED {
            self.first.push(file.to_owned());
        }
    }
}

impl Combined {
    /// One line each: columns that some files lack, and cells that were left out.
    pub fn notes(&self) -> Vec<String> {
        let name = self.report_type;
        let all = self.files;
        let lacking = self.lacking.iter().map(|lacking| {
            let (some, column) = (lacking.files, one_line(&lacking.column));
            format!(
                "{some} of {all} {name} files lack the column {column}: {}",
                named(lacking.first.iter().map(|file| file.display()), some)
            )
        });
        let too_wide = (!self.too_wide.is_empty()).then(|| {
            let some = self.too_wide.len();
            let first = self.too_wide.iter().take(NAMED).map(|file| file.display());
            format!(
                "{some} of {all} {name} files have rows wider than their header; what has no column was left out: {}",
                named(first, some)
            )
        });
        lacking.chain(too_wide).collect()
    }
}

impl fmt::Display for Combined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Combined { report_type, files, rows, .. } = self;
        write!(
            f,
            "{report_type}: {rows} rows of {} are in {} ({})",
            count(*files, "file"),
            self.file.display(),
            self.periods.join(", ")
        )
    }
}

/// How many files a note names.
const NAMED: usize = 3;

/// Why nothing was written to a file; an earlier one is still there.
#[derive(Debug, thiserror::Error)]
pub enum CombineError {
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error(
        "the {0} files have more than {MOST_COLUMNS} columns between them, and no table has so many"
    )]
    TooManyColumns(ReportType),
    #[error("cannot write {}", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error("cannot write {}: {why}", file.display())]
    Unfit { file: PathBuf, why: io::Error },
}

impl CombineError {
    fn writing(file: &Path, source: io::Error) -> Self {
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::InvalidData => CombineError::Unfit { file, why: source },
            _ => CombineError::Write { file, source },
        }
    }
}

/// Writes `target`, or one CSV file next to it for each type where `parts` have several. Each file appears whole; an
/// error may leave those of other types. A workbook names the rows that are `left_out`, in a sheet of its own.
pub fn combine(
    target: &Path,
    parts: &[CollectedFile<'_>],
    numbers: &NumberColumns<'_>,
    left_out: &[&Row],
) -> Result<Vec<Combined>, CombineError> {
    let mut types: Vec<ReportType> = Vec::new();
    for part in parts {
        let report_type = part.row.request().report_type;
        if !types.contains(&report_type) {
            types.push(report_type);
        }
    }
    let of_type = |report_type: ReportType| {
        let same_type = parts.iter().filter(move |it| it.row.request().report_type == report_type);
        let number_columns = numbers.get(&report_type);
        TypeParts { report_type, parts: same_type.collect(), number_columns }
    };
    if format_of(target) == TableFormat::Workbook && !types.is_empty() {
        return in_one_file(target, types.into_iter().map(of_type), left_out);
    }
    let several = types.len() > 1;
    let combined = types.into_iter().map(|report_type| {
        let file = if several { file_of_type(target, report_type) } else { target.to_owned() };
        in_one_file(&file, [of_type(report_type)], &[])
    });
    combined.collect::<Result<Vec<_>, _>>().map(|written| written.concat())
}

/// What is called otherwise is CSV, too.
fn format_of(target: &Path) -> TableFormat {
    TableFormat::of(target).unwrap_or(TableFormat::Csv)
}

/// One table after the other.
fn in_one_file<'p>(
    file: &Path,
    types: impl IntoIterator<Item = TypeParts<'p>>,
    left_out: &[&Row],
) -> Result<Vec<Combined>, CombineError> {
    let failed = |source: io::Error| CombineError::writing(file, source);
    let is_new = !file.exists();
    let mut begun = NewFile::begin(file).map_err(failed)?;
    if is_new {
        begun.for_its_owner_only().map_err(failed)?;
    }
    let mut out = TableWriter::new(&mut begun, format_of(file)).map_err(failed)?;
    let combined: Result<Vec<_>, _> =
        types.into_iter().map(|of_type| of_type.write(&mut out, file)).collect();
    let combined = combined?;
    if !left_out.is_empty() {
        write_left_out(left_out, &mut out).map_err(failed)?;
    }
    out.finish().map_err(failed)?;
    begun.put_in_place().map_err(failed)?;
    Ok(combined)
}

/// Whoever opens the workbook has not seen the terminal.
fn write_left_out(rows: &[&Row], out: &mut TableWriter<'_>) -> io::Result<()> {
    let columns = LEADING.into_iter().chain(["type", "reason"]);
    out.begin("left out", columns.map(TableColumn::text).collect())?;
    rows.iter().try_for_each(|row| {
        let reason = match &row.state {
            State::Created(_) if row.collected.error.is_empty() => "not collected".to_owned(),
            State::Created(_) => row.collected.why_not().to_owned(),
            state => format!("{}: {}", state.word(), state.why()),
        };
        let report_type = row.request().report_type.as_str().to_owned();
        out.row(leading(row).into_iter().chain([report_type, reason]))
    })
}

/// Renames combined files that were not `written` now. Returns old and new names.
pub fn set_aside(
    target: &Path,
    written: &[Combined],
) -> Result<Vec<(PathBuf, PathBuf)>, CombineError> {
    let is_written = |file: &PathBuf| written.iter().any(|combined| combined.file == *file);
    let mut earlier = combined_files(target);
    earlier.retain(|file| file.is_file() && !is_written(file));
    // If some files were written, a file with the name of another may be somebody else's.
    earlier.retain(|file| written.is_empty() || is_combined(file));
    let renamed = earlier.into_iter().map(|file| match files::set_aside(&file) {
        Ok(name) => Ok((file, name)),
        Err(source) => Err(CombineError::Write { file, source }),
    });
    renamed.collect()
}

fn is_combined(file: &Path) -> bool {
    let Ok(Ok(table)) = open_regular(file).map(Table::open) else { return false };
    table.columns().starts_with(&LEADING.map(str::to_owned))
}

/// The files that [`combine`] may write: `target`, and one for each type.
pub fn combined_files(target: &Path) -> Vec<PathBuf> {
    if format_of(target) == TableFormat::Workbook {
        return vec![target.to_owned()];
    }
    let by_type = ReportType::ALL.map(|report_type| file_of_type(target, report_type));
    [target.to_owned()].into_iter().chain(by_type).collect()
}

/// `all.csv` becomes `all-user.csv`.
fn file_of_type(target: &Path, report_type: ReportType) -> PathBuf {
    let mut name = OsString::from(target.file_stem().unwrap_or_default());
    name.push(format!("-{}", report_type.as_str().to_lowercase()));
    if let Some(extension) = target.extension() {
        name.push(".");
        name.push(extension);
    }
    target.with_file_name(name)
}

/// The files of one type.
struct TypeParts<'p> {
    report_type: ReportType,
    parts: Vec<&'p CollectedFile<'p>>,
    number_columns: Option<&'p BTreeSet<&'p str>>,
}

impl TypeParts<'_> {
    /// Adds a table with all their rows.
    fn write(&self, out: &mut TableWriter<'_>, file: &Path) -> Result<Combined, CombineError> {
        let TypeParts { report_type, parts, .. } = self;
        let failed = |source: io::Error| CombineError::writing(file, source);
        let mut columns = CombinedColumns::default();
        for part in parts {
            columns.add(&columns_of(&open(part)?));
            if columns.names.len() > MOST_COLUMNS {
                return Err(CombineError::TooManyColumns(*report_type));
            }
        }
        let mut combined = Combined {
            file: file.to_owned(),
            report_type: *report_type,
            files: parts.len(),
            rows: 0,
            periods: periods(parts),
            lacking: columns.lacking_nowhere(),
            too_wide: Vec::new(),
        };
        let of_table = self.table_columns(&columns, format_of(file));
        out.begin(report_type.as_str(), of_table).map_err(failed)?;
        for part in parts {
            let mut table = open(part)?;
            let header = columns_of(&table);
            let places = columns.places(&header);
            for (place, lacking) in places.iter().zip(&mut combined.lacking) {
                if place.is_none() {
                    lacking.note(&part.file);
                }
            }
            let leading = leading(part.row);
            let (mut row, mut too_wide) = (ByteRecord::new(), false);
            while table.next(&mut row).map_err(|e| unreadable(part, e))? {
                too_wide |= row.len() > header.len();
                let cells = places.iter().map(|place| {
                    let cell = place.and_then(|place| row.get(place));
                    cell.unwrap_or_default()
                });
                out.row(leading.iter().map(String::as_bytes).chain(cells)).map_err(failed)?;
                combined.rows += 1;
            }
            if too_wide {
                combined.too_wide.push(part.file.clone());
            }
        }
        combined.lacking.retain(|column| column.files > 0);
        Ok(combined)
    }

    /// Foreign cells of a CSV file are made harmless whatever they hold: all of them are text.
    fn table_columns(&self, columns: &CombinedColumns, format: TableFormat) -> Vec<TableColumn> {
        let is_number = |name: &str| self.number_columns.is_some_and(|it| it.contains(name));
        let kind_of = |name: &str| match format {
            TableFormat::Csv => ColumnKind::Text,
            TableFormat::Workbook if PERIOD.contains(&name) => ColumnKind::Date,
            TableFormat::Workbook if is_number(name) => ColumnKind::Number,
            TableFormat::Workbook => ColumnKind::Text,
        };
        let names = columns.names.iter().map(|(name, _)| name.as_str());
        let names = LEADING.into_iter().chain(names);
        names.map(|name| TableColumn { name: name.to_owned(), kind: kind_of(name) }).collect()
    }
}

fn periods(parts: &[&CollectedFile<'_>]) -> Vec<String> {
    let periods: BTreeSet<Period> = parts.iter().map(|part| part.row.request().period).collect();
    periods.iter().map(ToString::to_string).collect()
}

/// A name, and which of a file's columns with that name it is, from 0.
type CombinedColumn = (String, usize);

#[derive(Default)]
struct CombinedColumns {
    names: Vec<CombinedColumn>,
    known: HashSet<CombinedColumn>,
}

impl CombinedColumns {
    fn add(&mut self, header: &[CombinedColumn]) {
        for column in header {
            if self.known.insert(column.clone()) {
                self.names.push(column.clone());
            }
        }
    }

    /// Where a file with this header has each column; `None`: it lacks the column.
    fn places(&self, header: &[CombinedColumn]) -> Vec<Option<usize>> {
        let places: HashMap<&CombinedColumn, usize> = header.iter().zip(0..).collect();
        let places = self.names.iter().map(|column| places.get(column).copied());
        places.collect()
    }

    fn lacking_nowhere(&self) -> Vec<LackingColumn> {
        let columns = self.names.iter().map(|(name, _)| LackingColumn {
            column: name.clone(),
            files: 0,
            first: Vec::new(),
        });
        columns.collect()
    }
}

fn columns_of<R: io::Read>(table: &Table<R>) -> Vec<CombinedColumn> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let columns = table.columns().iter().map(|name| {
        let times = seen.entry(name).or_default();
        *times += 1;
        (name.clone(), *times - 1)
    });
    columns.collect()
}

fn open(part: &CollectedFile<'_>) -> Result<Table<File>, CombineError> {
    let file = open_regular(&part.file).map_err(|e| unreadable(part, e))?;
    Table::open(file).map_err(|e| unreadable(part, e))
}

fn unreadable(part: &CollectedFile<'_>, source: impl Into<io::Error>) -> CombineError {
    CombineError::Read { file: part.file.clone(), source: source.into() }
}

fn leading(row: &Row) -> [String; 5] {
    let request = row.request();
    [
        row.label.as_deref().unwrap_or_default().to_owned(),
        request.sub_partner.as_ref().map_or("", OrgId::as_str).to_owned(),
        request.period.start().to_string(),
        request.period.end().to_string(),
        request.internal.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use request::Request;

    struct Desk {
        folder: TempDir,
    }

    impl Desk {
        fn new() -> Self {
            Desk { folder: tempfile::tempdir().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
            fs::write(self.path(name), content).unwrap();
            self.path(name)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap()
        }
    }

    fn row(org: Option<&str>, label: Option<&str>, report_type: ReportType) -> Row {
        let request = Request {
            sub_partner: org.map(|org| org.parse().unwrap()),
            report_type,
            period: "2026-10".parse().unwrap(),
            internal: org.is_none(),
        };
        Row::planned(request, "j".into(), label.map(Into::into))
    }

    #[test]
    fn columns_are_matched_by_name_and_files_that_lack_some_are_named() {
        let desk = Desk::new();
        let (acme, own) =
            (row(Some("a1"), Some("=Acme"), ReportType::User), row(None, None, ReportType::User));
        let first = desk.file("1.csv", "\u{feff}NAME,SKU\r\nAnn,=1+1\r\n\"B, C\",-5\r\n");
        let second = desk.file("2.csv", "SKU,PRICE,NAME,SKU\nx,1,Dee,y\nz,2\n");
        let parts = [
            CollectedFile { row: &acme, file: first.clone() },
            CollectedFile { row: &own, file: second.clone() },
        ];
        let combined = combine(&desk.path("all.csv"), &parts, &NumberColumns::new(), &[]).unwrap();
        assert_eq!(
            desk.read("all.csv"),
            "sub_partner,sub_partner_org_id,period_start,period_end,internal,NAME,SKU,PRICE,SKU\n\
             '=Acme,a1,2026-10-01,2026-10-31,false,Ann,'=1+1,,\n\
             '=Acme,a1,2026-10-01,2026-10-31,false,\"B, C\",'-5,,\n\
             ,,2026-10-01,2026-10-31,true,Dee,x,1,y\n\
             ,,2026-10-01,2026-10-31,true,,z,2,\n"
        );
        assert_eq!(combined.len(), 1);
        assert_eq!((combined[0].files, combined[0].rows), (2, 4));
        assert_eq!(
            combined[0].notes(),
            [
                format!("1 of 2 USER files lack the column PRICE: {}", first.display()),
                format!("1 of 2 USER files lack the column SKU: {}", first.display()),
            ]
        );
        assert_eq!(combined[0].too_wide, [""; 0].map(PathBuf::from));
        let notes = combined[0].notes();
        assert!(notes[0].starts_with("1 of 2 USER files lack the column PRICE: "), "{notes:?}");
        assert!(notes[0].ends_with("1.csv"), "{notes:?}");
        let said = combined[0].to_string();
        assert!(said.starts_with("USER: 4 rows of 2 files are in "), "{said}");
    }

    #[test]
    fn several_types_get_a_file_each() {
        let desk = Desk::new();
        let (user, partner) =
            (row(Some("a1"), None, ReportType::User), row(Some("a1"), None, ReportType::Partner));
        let parts = [
            CollectedFile { row: &user, file: desk.file("u.csv", "A\n1\n") },
            CollectedFile { row: &partner, file: desk.file("p.csv", "B\n") },
        ];
        let combined =
            combine(&desk.path("all.of.it.csv"), &parts, &NumberColumns::new(), &[]).unwrap();
        let names: Vec<_> = combined.iter().map(|c| c.file.clone()).collect();
        assert_eq!(names, ["all.of.it-user.csv", "all.of.it-partner.csv"].map(|n| desk.path(n)));
        assert!(
            desk.read("all.of.it-user.csv")
                .ends_with(",internal,A\n,a1,2026-10-01,2026-10-31,false,1\n")
        );
        assert!(desk.read("all.of.it-partner.csv").ends_with(",internal,B\n"));
        assert!(!desk.path("all.of.it.csv").exists());
    }

    #[test]
    fn what_no_content_check_let_through_is_taken_as_far_as_it_goes() {
        let desk = Desk::new();
        let acme = row(Some("a1"), Some("Müller"), ReportType::User);
        let wide = desk.file("w.csv", b"A,B\n1,2,3\n\xff\xfe,=\xff\n");
        let parts = [
            CollectedFile { row: &acme, file: wide.clone() },
            CollectedFile { row: &acme, file: desk.file("e.csv", "") },
        ];
        let combined = combine(&desk.path("all.csv"), &parts, &NumberColumns::new(), &[]).unwrap();
        assert_eq!(combined[0].too_wide, [wide]);
        assert_eq!(combined[0].lacking.len(), 2);
        let bytes = fs::read(desk.path("all.csv")).unwrap();
        assert!(bytes.ends_with(
            b"false,1,2\n\x4d\xc3\xbcller,a1,2026-10-01,2026-10-31,false,\xff\xfe,'=\xff\n"
        ));
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all_and_is_its_owners() {
        let desk = Desk::new();
        let acme = row(Some("a1"), None, ReportType::User);
        let there = CollectedFile { row: &acme, file: desk.file("1.csv", "A\n1\n") };
        let gone = CollectedFile { row: &acme, file: desk.path("gone.csv") };
        let target = desk.file("all.csv", "earlier");
        let error =
            combine(&target, &[there.clone(), gone], &NumberColumns::new(), &[]).unwrap_err();
        assert!(error.to_string().ends_with("gone.csv"), "{error}");
        assert_eq!(desk.read("all.csv"), "earlier");
        assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 2);

        combine(&desk.path("new.csv"), &[there], &NumberColumns::new(), &[]).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(desk.path("new.csv")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
