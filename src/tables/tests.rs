use std::{fs, io, path::PathBuf};

use calamine::{Data, Reader as _, Xlsx, open_workbook};
use tempfile::TempDir;

use super::*;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Desk(tempfile::tempdir().unwrap())
    }

    fn place(&self) -> PathBuf {
        self.0.path().join("book.xlsx")
    }

    fn files(&self) -> usize {
        fs::read_dir(self.0.path()).unwrap().count()
    }

    /// Writes a workbook; sheets hold at most `most_rows` rows.
    fn write(
        &self,
        most_rows: u32,
        write: impl FnOnce(&mut TableWriter<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = NewFile::begin(&self.place())?;
        let mut out = TableWriter::new(&mut file, TableFormat::Workbook)?;
        let TableOutput::Workbook(sheets) = &mut out.output else { panic!("a workbook") };
        sheets.with_most_rows(most_rows);
        write(&mut out)?;
        out.finish()?;
        file.put_in_place()
    }

    /// The cells of each sheet.
    fn sheets(&self) -> Vec<(String, Vec<Vec<Data>>)> {
        let mut book: Xlsx<_> = open_workbook(self.place()).unwrap();
        let sheets = book.worksheets().into_iter();
        sheets.map(|(name, it)| (name, it.rows().map(<[Data]>::to_vec).collect())).collect()
    }
}

fn text(text: &str) -> Data {
    if text.is_empty() { Data::Empty } else { Data::String(text.to_owned()) }
}

#[test]
fn cells_have_the_kind_of_their_column() {
    let desk = Desk::new();
    let columns =
        || vec![TableColumn::text("=id"), TableColumn::number("n"), TableColumn::date("d")];
    let rows: [(&[u8], &str, &str); 11] = [
        (b"007", "1.5", "2026-10-01"),
        (b"=1+1", "-0.333333", "2024-02-29"),
        (b"12", "1234567890.12345", "2026-02-30"),
        ("Müller & <Söhne>".as_bytes(), "1234567890123456", "01.10.2026"),
        (b" both ", "0.123456789012345", ""),
        (b"two\nlines", "0.1234567890123456", "x"),
        (b"-5", "1,234.5", "2026-10-01 "),
        (b"@SUM(A1)", "", "1899-12-31"),
        (b"1E5", "x", "9999-12-31"),
        (b"\xff\xfe", "1E-5", "2026-10"),
        (b"", "000012", "+5-1-1"),
    ];
    let add = |out: &mut TableWriter<'_>| {
        out.begin("one", columns())?;
        rows.iter().try_for_each(|(id, n, d)| out.row([id, n.as_bytes(), d.as_bytes()]))
    };
    desk.write(100, add).unwrap();
    let sheets = desk.sheets();
    assert_eq!(sheets.len(), 1);
    let cells = &sheets[0].1;
    assert_eq!(cells[0], ["=id", "n", "d"].map(text));
    let ids: Vec<&Data> = cells[1..].iter().map(|row| &row[0]).collect();
    let expected = ["007", "=1+1", "12", "Müller & <Söhne>", " both ", "two\nlines"].map(text);
    assert_eq!(ids[..6], expected.each_ref());
    let expected = ["-5", "@SUM(A1)", "1E5", "\u{fffd}\u{fffd}", ""].map(text);
    assert_eq!(ids[6..], expected.each_ref());
    let numbers: Vec<&Data> = cells[1..].iter().map(|row| &row[1]).collect();
    let expected = [
        Data::Float(1.5),
        Data::Float(-0.333_333),
        Data::Float(1_234_567_890.123_45),
        text("1234567890123456"),
        Data::Float(0.123_456_789_012_345),
        text("0.1234567890123456"),
        Data::Float(1_234.5),
        Data::Empty,
        text("x"),
        Data::Float(0.000_01),
        Data::Float(12.0),
    ];
    assert_eq!(numbers, expected.each_ref());
    let days: Vec<String> = cells[1..]
        .iter()
        .map(|row| match &row[2] {
            Data::DateTime(day) => day.as_datetime().unwrap().date().to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    let as_text = |text: &str| format!("{:?}", Data::String(text.to_owned()));
    assert_eq!(days[..2], ["2026-10-01", "2024-02-29"]);
    assert_eq!(days[2..4], ["2026-02-30", "01.10.2026"].map(as_text));
    assert_eq!(days[8], "9999-12-31");
    assert_eq!(days[9], as_text("2026-10"));

    // The same rows as CSV: foreign text is harmless, numbers are as they are.
    let mut csv = Vec::new();
    let mut out = TableWriter::csv(&mut csv);
    add(&mut out).unwrap();
    out.finish().unwrap();
    assert!(csv.starts_with(b"'=id,n,d\n007,1.5,2026-10-01\n'=1+1,-0.333333,2024-02-29\n"));
    assert!(csv.windows(2).any(|bytes| bytes == b"\xff\xfe"));
}

#[test]
fn what_a_sheet_does_not_hold_continues_in_the_next() {
    let desk = Desk::new();
    let add = |out: &mut TableWriter<'_>| {
        out.begin("USER", vec![TableColumn::number("n")])?;
        (1..=7).try_for_each(|n: u32| out.row([n.to_string()]))?;
        out.begin("user", vec![TableColumn::text("t")])?;
        (1..=3).try_for_each(|n: u32| out.row([n.to_string()]))?;
        out.begin("empty", vec![TableColumn::text("t")])
    };
    desk.write(4, add).unwrap();
    let numbers = |numbers: &[f64]| {
        let mut cells = vec![vec![text("n")]];
        cells.extend(numbers.iter().map(|n| vec![Data::Float(*n)]));
        cells
    };
    let texts = ["t", "1", "2", "3"].map(|it| vec![text(it)]).to_vec();
    let expected = [
        ("USER".to_owned(), numbers(&[1.0, 2.0, 3.0])),
        ("USER (2)".to_owned(), numbers(&[4.0, 5.0, 6.0])),
        ("USER (3)".to_owned(), numbers(&[7.0])),
        ("user (4)".to_owned(), texts),
        ("empty".to_owned(), vec![vec![text("t")]]),
    ];
    assert_eq!(desk.sheets(), expected);
}

/// Nothing is cut, and what was there stays.
#[test]
fn a_cell_that_is_too_long_is_refused() {
    let desk = Desk::new();
    fs::write(desk.place(), "earlier").unwrap();
    let add = |length: usize| {
        move |out: &mut TableWriter<'_>| {
            out.begin("USER", vec![TableColumn::text("a"), TableColumn::text("notes")])?;
            out.row(["x", "y"])?;
            out.row(["x", &"ü".repeat(length)])
        }
    };
    let error = desk.write(100, add(32_768)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let said = error.to_string();
    assert!(said.starts_with("notes in row 3 of USER has more than 32,767 characters"), "{said}");
    assert_eq!((fs::read(desk.place()).unwrap(), desk.files()), (b"earlier".to_vec(), 1));
    desk.write(100, add(32_767)).unwrap();
    assert_eq!(desk.sheets()[0].1[2][1], text(&"ü".repeat(32_767)));
    assert_eq!(desk.files(), 1);
}

#[test]
fn a_workbook_that_is_not_finished_leaves_the_old_file() {
    let desk = Desk::new();
    fs::write(desk.place(), "earlier").unwrap();
    let add = |out: &mut TableWriter<'_>| {
        out.begin("USER", vec![TableColumn::text("a")])?;
        (0..5_000).try_for_each(|_| out.row(["x".repeat(100)]))?;
        Err(io::Error::other("stopped"))
    };
    assert_eq!(desk.write(100, add).unwrap_err().to_string(), "stopped");
    assert_eq!((fs::read(desk.place()).unwrap(), desk.files()), (b"earlier".to_vec(), 1));
}

#[test]
fn files_are_called_by_what_they_hold() {
    for (name, format) in [
        ("a.csv", Some(TableFormat::Csv)),
        ("a.XLSX", Some(TableFormat::Workbook)),
        ("a.b.Csv", Some(TableFormat::Csv)),
        ("a.xls", None),
        ("csv", None),
        (".xlsx", None),
    ] {
        assert_eq!(TableFormat::of(Path::new(name)), format, "{name}");
    }
}

/// Whoever reads a pipe may go away before the end: `| head` is no failure.
#[test]
fn a_reader_that_goes_away_is_told_as_such() {
    struct Gone;

    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut gone = Gone;
    let mut out = TableWriter::csv(&mut gone);
    out.begin("USER", vec![TableColumn::text("a")]).unwrap();
    let error = (0..2_000).try_for_each(|_| out.row(["x".repeat(100)])).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
