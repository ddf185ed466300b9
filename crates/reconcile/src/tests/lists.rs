use csv::ByteRecord;

use super::*;
use crate::{Beginning, LONGEST_ROW, TableError, cell, is_before_header};

fn read(bytes: &[u8], wanted: &[&str]) -> Result<Vec<String>, String> {
    let said = |e: TableError| e.to_string();
    let mut table = Table::open_list(bytes, wanted).map_err(said)?;
    let mut lines = vec![table.columns().join("|")];
    let mut row = ByteRecord::new();
    while table.next(&mut row).map_err(said)? {
        let cells =
            (0..table.columns().len()).map(|place| String::from_utf8_lossy(cell(&row, place)));
        let cells: Vec<_> = cells.collect();
        lines.push(format!("{}:{}", table.row(), cells.join("|")));
    }
    Ok(lines)
}

#[test]
fn a_list_is_read_as_people_save_it() {
    let expected = Ok(["id|n", "1:a|1,5", "3:b|"].map(str::to_owned).to_vec());
    for list in [
        "id,n\na,\"1,5\"\n,\nb,\n",
        "\u{feff}id;n\r\na;1,5\r\n;\r\nb;\r\n",
        "id\tn\ra\t1,5\r\t\rb\t\r",
        "sep=;\nid;n\na;1,5\n;\nb;",
        "\u{feff}\"sep=;\"\r\n\r\nid;n\r\na;1,5\r\n \t;\u{a0}\r\nb;\r\n",
        "\n;;\n id ;\"n\"\n\u{3000}a ;\"1,5\";;\n;;;\nb;\n\n",
    ] {
        assert_eq!(read(list.as_bytes(), &["id", "n"]), expected, "{list:?}");
    }
    assert_eq!(read(b"", &["id"]), Ok(vec![String::new()]));
}

#[test]
fn what_is_no_list_says_why() {
    let long = format!("a,b\n\"{}", "x\n".repeat(LONGEST_ROW as usize));
    for (list, why) in [
        (&b"a,b\n1,2\n,\n1\n"[..], "line 4 has 1 cell and the header 2"),
        (b"a,b\n1,2,3\n", "line 2 has 3 cells and the header 2"),
        (b"a,b\n1,M\xfcller\n", "line 2 is not UTF-8; save the file as CSV in UTF-8"),
        (b"a,M\xfcller\n1,2\n", "its header is not UTF-8; save the file as CSV in UTF-8"),
        (b"a,b\n1,\xc3,\xa4\n", "line 2 is not UTF-8; save the file as CSV in UTF-8"),
        (b"\xff\xfea\0,\0b\0\n\0", "it is UTF-16 and not UTF-8; save it as CSV in UTF-8"),
        (b"PK\x03\x04\n", "it is a workbook or an archive and not CSV; save it as CSV in UTF-8"),
        (b"a,b\n1,\0\n", "it holds zero bytes, which no CSV text has"),
        (long.as_bytes(), "a row of it is longer than 1 MiB; is a quote not closed?"),
        (
            &vec![b'x'; 2 * LONGEST_ROW as usize],
            "a row of it is longer than 1 MiB; is a quote not closed?",
        ),
        (
            &vec![b'\n'; 2 * LONGEST_ROW as usize],
            "a row of it is longer than 1 MiB; is a quote not closed?",
        ),
    ] {
        assert_eq!(
            read(list, &["a", "b"]),
            Err(why.to_owned()),
            "{:?}",
            &list[..20.min(list.len())]
        );
    }
    // What is no list may be a table.
    for table in [&b"a,b\n1\n1,2,3\n"[..], b"a,M\xfcller\n1,\0\n"] {
        let mut table = Table::open(table).unwrap();
        while table.next(&mut ByteRecord::new()).unwrap() {}
    }
}

#[test]
fn what_may_stand_before_a_header() {
    for line in [
        "",
        "sep=;",
        "SEP=,\r",
        "\"sep=\t\"",
        "sep=;,,",
        ";;;",
        " \"\",\"\" ",
        "\u{feff}sep=|",
        "sep=",
    ] {
        assert!(is_before_header(line), "{line:?}");
    }
    for line in ["a", "sep=x", "sep", "separator;", "ä;;", "org_id;sep="] {
        assert!(!is_before_header(line), "{line:?}");
    }
}

#[test]
fn the_separator_is_the_one_that_makes_columns() {
    let wanted = |name: &str| ["id", "Part, Number"].contains(&name);
    for (text, header_at, separator) in [
        ("id,n", 0, b','),
        ("id;n", 0, b';'),
        ("n\tid", 0, b'\t'),
        ("id", 0, b','),
        ("", 0, b','),
        ("sep=;\nid", 6, b';'),
        ("SEP=\t\r\n\r\nid", 9, b'\t'),
        ("sep=;\nid,n", 6, b','),
        ("sep=|\nx;y", 6, b';'),
        ("sep=,\nx;y", 6, b','),
        ("x;y;z,w", 0, b';'),
        ("\"id\";\"a,b,c\"", 0, b';'),
        ("=\"id\";n,m,o", 0, b';'),
        ("id;n\na,b,c,id", 0, b';'),
    ] {
        assert_eq!(Beginning::of(text, wanted), Beginning { header_at, separator }, "{text:?}");
    }
}

#[test]
fn a_list_has_so_many_rows_at_most() {
    let mut table = Table::open_list(&b"n\n1\n\n \n2\n3\n\n"[..], &["n"]).unwrap();
    assert_eq!(table.rows_left, Some(20_000_000));
    let mut row = ByteRecord::new();
    let mut read = |rows_left| {
        table.rows_left = Some(rows_left);
        (table.next(&mut row).map_err(|e| e.to_string()), table.rows_left)
    };
    assert_eq!(read(2), (Ok(true), Some(1)));
    assert_eq!(read(1), (Ok(true), Some(0)));
    assert_eq!(read(0), (Err("it has more than 20,000,000 rows".to_owned()), Some(0)));
    assert_eq!(read(0), (Ok(false), Some(0)));
}
