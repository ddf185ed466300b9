//! Lists: CSV files as people and spreadsheets save them. Where their header begins, and what separates their cells.

use std::io::Read;

use crate::table::TableError;

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
const BOM: char = '\u{feff}';
/// In bytes: what is read at once while the header is searched.
const PIECE: usize = 1 << 16;

/// Where the header of a text begins, and the separator of its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    /// After empty lines and a spreadsheet's `sep=` line.
    pub header_at: usize,
    /// `,` `;` or a tab.
    pub separator: u8,
}

impl Beginning {
    /// The separator is the one that makes the most columns that are wanted; then the one that a `sep=` line names;
    /// then the one that makes the most columns.
    pub fn of(text: &str, is_wanted: impl Fn(&str) -> bool) -> Self {
        let before = lines(text).take_while(|line| is_before_header(line));
        let header_at = before.map(str::len).sum();
        let (notes, table) = text.split_at(header_at);
        let header = lines(table).next().unwrap_or_default().trim_start_matches(BOM);
        let noted =
            notes.to_ascii_lowercase().find("sep=").and_then(|at| notes.as_bytes().get(at + 4));
        let fitness = |separator: &u8| {
            let cells = header.split(char::from(*separator));
            let names = cells.map(|cell| cell.trim().trim_matches(['"', '=']).trim());
            let wanted = names.clone().filter(|name| is_wanted(name)).count();
            (wanted, noted == Some(separator), names.count())
        };
        // Of equal ones, the last is taken: the comma.
        let separator = SEPARATORS.into_iter().rev().max_by_key(fitness).unwrap_or(b',');
        Beginning { header_at, separator }
    }
}

/// What may stand before the header of a CSV file: a line of empty cells, or a spreadsheet's note on separators
/// (`sep=;`).
pub fn is_before_header(line: &str) -> bool {
    let line = line.trim_start_matches(BOM).trim();
    let line = line.strip_prefix('"').unwrap_or(line);
    let note = line.get(..4).filter(|word| word.eq_ignore_ascii_case("sep="));
    let rest = &line[note.map_or(0, str::len)..];
    rest.chars().all(|c| c.is_whitespace() || ",;|\"".contains(c))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['\n', '\r'])
}

/// The first bytes of a list.
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    /// Where the line of the header ends.
    end: usize,
}

impl Head {
    /// All to the end of the header's line.
    pub(crate) fn header(&self) -> &[u8] {
        &self.bytes[..self.end]
    }
}

/// Reads until the whole line of the header is there.
pub(crate) fn read_beginning(input: &mut impl Read) -> Result<Head, TableError> {
    let mut bytes = Vec::new();
    loop {
        let asked = input.by_ref().take(PIECE as u64).read_to_end(&mut bytes);
        let read = asked.map_err(|e| e.downcast().unwrap_or_else(TableError::Io))?;
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(TableError::Wide);
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(TableError::Archive);
        }
        if bytes.contains(&0) {
            return Err(TableError::ZeroBytes);
        }
        let is_end = read < PIECE;
        if let Some(end) = header_end(&bytes).or(is_end.then_some(bytes.len())) {
            return Ok(Head { bytes, end });
        }
    }
}

/// Where the first line ends that may be the header; `None` where it is not there to its end.
fn header_end(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        end += line.len();
        let is_whole = line.ends_with(b"\n") || line.ends_with(b"\r");
        if is_whole && !is_before_header(&String::from_utf8_lossy(line)) {
            return Some(end);
        }
    }
    None
}
