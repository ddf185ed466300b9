//! Bytes to a [`Ledger`]: what a crash may leave is repaired, any other damage is refused.
//!
//! Appended lines are made durable in groups, so a crash or power cut can damage only what came after the
//! last durable point, at the file's end: the last line can be torn, and where the file system had grown the
//! file before writing its blocks, stretches of zero bytes can stand there, with whole lines after them.
//! Zero bytes never occur in a ledger, so they show such a stretch. Every row stands in the file before the
//! first line is appended, so a line after a stretch can only repeat a known request; a new one there means that
//! the damage is older than the run, and it is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{Column, Ledger, LedgerError, Row, State, column};
use crate::request::RequestId;

/// What was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The rows, folded.
    pub ledger: Ledger,
    /// What was repaired, in the order of the file. Empty for a ledger that was closed properly.
    pub repairs: Vec<Repair>,
    /// Requests whose only trace is a torn line that does not even say what they ask for. They are in
    /// doubt; whoever knows the request (the plan) has to say what it is.
    pub unknown: BTreeSet<RequestId>,
}

impl Reading {
    /// The rows, to be written by someone who knows of no request but these.
    ///
    /// # Errors
    /// [`LedgerError::Unnamed`]: a torn line is the only trace of another request, and would be lost.
    pub fn into_ledger(self, path: &Path) -> Result<Ledger, LedgerError> {
        match self.unknown.first() {
            Some(request) => Err(LedgerError::Unnamed {
                path: path.to_owned(),
                request: *request,
            }),
            None => Ok(self.ledger),
        }
    }
}

/// Something that a crash had left, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The line, from 1.
    pub line: u64,
    /// What was found.
    pub kind: RepairKind,
}

/// What a crash had left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairKind {
    /// A last line that lacks only its line feed: it counts.
    WholeLine,
    /// A torn line from which the status and report id could be read.
    Kept(RequestId),
    /// A torn line that says only which request it was about, where no earlier line says more: in doubt.
    InDoubt(RequestId),
    /// A torn line about a request of which an earlier line says more.
    Superseded(RequestId),
    /// A torn line that says nothing, or a stretch of zero bytes.
    Dropped,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match self.kind {
            RepairKind::WholeLine => write!(f, "line {line} lacked its line feed"),
            RepairKind::Kept(id) => write!(
                f,
                "line {line} is torn; status and report id of {id} were kept"
            ),
            RepairKind::InDoubt(id) => write!(f, "line {line} is torn; {id} is in doubt"),
            RepairKind::Superseded(id) => {
                write!(
                    f,
                    "line {line} is torn; an earlier line says what became of {id}"
                )
            }
            RepairKind::Dropped => write!(f, "line {line} is torn and says nothing; dropped"),
        }
    }
}

/// Reads a ledger's bytes. `path` is for messages only.
///
/// # Errors
/// [`LedgerError::NotALedger`] where the header is not a ledger's, [`LedgerError::Damaged`] with the line for
/// damage that no crash leaves.
pub fn read(bytes: &[u8], path: &Path) -> Result<Reading, LedgerError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = Lines::new(bytes);
    let header = Header::read(lines.next(), path)?;
    let mut reader = Reader {
        path,
        header,
        reading: Reading::default(),
        texts: Texts::default(),
        after_zeros: false,
        last_intent: None,
    };
    reader.reading.ledger = Ledger::new(reader.header.extra_names());
    while let Some(line) = lines.next() {
        // Zeros may have taken the quote that the rest of a line is within: it must not take in whole ones.
        let broken = reader.after_zeros && line.end != End::Zeros && reader.row(&line).is_err();
        reader.take(&if broken { lines.shorten() } else { line })?;
    }
    Ok(reader.reading)
}

/// A stretch of the file: one record, or one run of zero bytes.
struct Line<'a> {
    /// From 1; a quoted cell may hold line feeds, so a record can take several.
    number: u64,
    bytes: &'a [u8],
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// A line feed (not part of `bytes`, nor is a carriage return before it).
    LineFeed,
    /// The end of the file, or zero bytes.
    Torn,
    /// The record is no record but zero bytes.
    Zeros,
}

/// Splits bytes into records, minding quotes, and runs of zero bytes.
struct Lines<'a> {
    rest: &'a [u8],
    number: u64,
    /// Where the last record began.
    last: (&'a [u8], u64),
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Lines {
            rest: bytes,
            number: 1,
            last: (bytes, 1),
        }
    }

    /// The last record once more, only as far as its first line feed, whatever the quotes say.
    fn shorten(&mut self) -> Line<'a> {
        (self.rest, self.number) = self.last;
        self.record(false)
    }

    /// The next record; `quotes`: whether line feeds within quotes belong to it.
    fn record(&mut self, quotes: bool) -> Line<'a> {
        let number = self.number;
        self.last = (self.rest, number);
        let mut within = Within::Start;
        let stop = self.rest.iter().position(|b| {
            let quoted = quotes && within == Within::Quotes;
            let ends = *b == 0 || (*b == b'\n' && !quoted);
            self.number += u64::from(*b == b'\n');
            within = within.after(*b);
            ends
        });
        let (bytes, end, rest) = match stop {
            Some(at) if self.rest[at] == b'\n' => {
                (&self.rest[..at], End::LineFeed, &self.rest[at + 1..])
            }
            Some(at) => (&self.rest[..at], End::Torn, &self.rest[at..]),
            None => (self.rest, End::Torn, &self.rest[self.rest.len()..]),
        };
        self.rest = rest;
        Line {
            number,
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
            end,
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let first = *self.rest.first()?;
        let number = self.number;
        if first == 0 {
            let zeros = self.rest.iter().take_while(|b| **b == 0).count();
            let (bytes, rest) = self.rest.split_at(zeros);
            self.rest = rest;
            return Some(Line {
                number,
                bytes,
                end: End::Zeros,
            });
        }
        Some(self.record(true))
    }
}

/// Where in a cell a byte stands. A quote opens a quoted cell only as its first byte (RFC 4180).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Before its first byte.
    Start,
    /// In one without quotes, or behind them.
    Plain,
    Quotes,
    /// Behind a quote that ends the quotes, unless another one follows.
    Closing,
}

impl Within {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Within::Start | Within::Closing, b'"') => Within::Quotes,
            (Within::Quotes, b'"') => Within::Closing,
            (Within::Quotes, _) => Within::Quotes,
            (_, b',') => Within::Start,
            _ => Within::Plain,
        }
    }
}

/// Which cell of a line belongs to which column.
struct Header {
    /// Where each of our columns stands, `None` where an older version did not write it.
    ours: [Option<usize>; Column::ALL.len()],
    /// Where the others stand, and their names.
    extra: Vec<(usize, String)>,
    len: usize,
}

impl Header {
    fn read(line: Option<Line<'_>>, path: &Path) -> Result<Self, LedgerError> {
        let not_a_ledger = |why: String| LedgerError::NotALedger {
            path: path.to_owned(),
            why,
        };
        let line = line.ok_or_else(|| {
            not_a_ledger("the file is empty; delete it to start a new ledger".to_owned())
        })?;
        let text = match std::str::from_utf8(line.bytes) {
            Ok(text) if line.end == End::LineFeed => text,
            _ => return Err(not_a_ledger("it has no header line".to_owned())),
        };
        let names = cells(text);
        let required = Column::ALL.into_iter().filter(|c| c.is_required());
        let missing: Vec<&str> = required
            .map(Column::name)
            .filter(|name| !names.iter().any(|n| n.trim() == *name))
            .collect();
        if !missing.is_empty() {
            let why = [(';', "semicolons"), ('\t', "tabs")]
                .into_iter()
                .find(|(separator, _)| text.starts_with(&format!("request_id{separator}")))
                .map(|(_, name)| {
                    format!("its cells are separated by {name}; save it as CSV with commas (UTF-8)")
                })
                .unwrap_or_else(|| format!("its first line lacks {}", missing.join(", ")));
            return Err(not_a_ledger(why));
        }
        let mut header = Header {
            ours: [None; Column::ALL.len()],
            extra: Vec::new(),
            len: names.len(),
        };
        for (place, name) in names.into_iter().enumerate() {
            match Column::ALL.iter().position(|c| c.name() == name.trim()) {
                Some(column) if header.ours[column].is_some() => {
                    return Err(not_a_ledger(format!("it has two columns {}", name.trim())));
                }
                Some(column) => header.ours[column] = Some(place),
                None => header.extra.push((place, name)),
            }
        }
        Ok(header)
    }

    fn extra_names(&self) -> Vec<String> {
        self.extra.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Spreadsheets may leave out empty cells at a line's end; nothing before these may be missing.
    fn fewest(&self) -> usize {
        [Column::Status, Column::ReportId, Column::Attempts]
            .into_iter()
            .filter_map(|c| self.ours[c as usize])
            .max()
            .map_or(self.len, |last| last + 1)
    }

    fn row(&self, cells: &[String], texts: &mut Texts) -> Result<Row, super::BadCell> {
        let extra = self.extra.iter().map(|(place, _)| {
            cells
                .get(*place)
                .map_or_else(String::new, |cell| super::restore(cell).to_owned())
        });
        let draft = column::read(Column::ALL, |column| self.cell(cells, column))?;
        let mut row = draft.into_row(extra.collect())?;
        row.job = texts.share(&row.job);
        row.label = row.label.map(|label| texts.share(&label));
        Ok(row)
    }

    /// Whether a line with these cells has one of this column.
    fn has(&self, cells: &[String], column: Column) -> bool {
        self.ours[column as usize].is_some_and(|place| place < cells.len())
    }

    fn cell<'c>(&self, cells: &'c [String], column: Column) -> &'c str {
        self.ours[column as usize]
            .and_then(|place| cells.get(place))
            .map_or("", String::as_str)
    }
}

/// Job names and labels repeat on many rows: one copy of each is kept.
#[derive(Default)]
struct Texts(BTreeMap<Arc<str>, Arc<str>>);

impl Texts {
    fn share(&mut self, text: &Arc<str>) -> Arc<str> {
        Arc::clone(
            self.0
                .entry(Arc::clone(text))
                .or_insert_with(|| Arc::clone(text)),
        )
    }
}

struct Reader<'a> {
    path: &'a Path,
    header: Header,
    reading: Reading,
    texts: Texts,
    after_zeros: bool,
    /// The latest intent of the lines that a run appended. A torn line came after them, so its own was not
    /// earlier.
    last_intent: Option<DateTime<Utc>>,
}

impl Reader<'_> {
    fn take(&mut self, line: &Line<'_>) -> Result<(), LedgerError> {
        if line.end == End::Zeros {
            self.after_zeros = true;
            self.repaired(line, RepairKind::Dropped);
            return Ok(());
        }
        if line.bytes.is_empty() {
            return Ok(()); // blank lines are no damage
        }
        if let Some(swallowed) = self.swallowed(line) {
            return Err(self.damaged(
                line,
                &format!("a quote is open and takes in the row on line {swallowed}; close it"),
            ));
        }
        match self.row(line) {
            Ok(row) => self.whole(line, row),
            Err(_) if self.after_zeros => {
                // The rest of a line whose beginning the zeros took, and what an odd quote in it made of the next.
                self.repaired(line, RepairKind::Dropped);
                Ok(())
            }
            Err(_) if line.end == End::Torn => {
                let kind = self.salvage(line)?;
                self.repaired(line, kind);
                Ok(())
            }
            Err(why) => Err(self.damaged(line, &why)),
        }
    }

    /// The line of a row that stands within a cell of this record: no crash leaves that, and the row would be lost.
    fn swallowed(&mut self, line: &Line<'_>) -> Option<u64> {
        if self.after_zeros {
            return None;
        }
        let mut breaks = line.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
        let first = breaks.next()?;
        // Where a note stands first, what follows its line breaks looks like a row: the same one.
        let own = self.row(line).ok().map(|row| row.id());
        let breaks = std::iter::once(first).chain(breaks);
        for ((at, _), number) in breaks.zip(line.number + 1..) {
            let inner = Lines::new(&line.bytes[at + 1..]).next()?;
            if self.row(&inner).is_ok_and(|row| Some(row.id()) != own) {
                return Some(number);
            }
        }
        None
    }

    /// Folds a line that makes a row.
    fn whole(&mut self, line: &Line<'_>, mut row: Row) -> Result<(), LedgerError> {
        self.after_zeros = false;
        let zeros_before = self
            .reading
            .repairs
            .iter()
            .any(|r| r.kind == RepairKind::Dropped);
        let earlier = self.reading.ledger.get(row.id());
        if zeros_before && earlier.is_none() {
            return Err(self.damaged(
                line,
                "rows before this line were overwritten with zero bytes",
            ));
        }
        if earlier.is_some() {
            self.last_intent = self.last_intent.max(row.state.intent());
        }
        if line.end == End::Torn {
            if let Some(earlier) = earlier {
                // The last cell may be cut: a note somewhere, an intent to nothing.
                row.extra.clone_from(&earlier.extra);
                row.state
                    .set_intent(row.state.intent().or(earlier.state.intent()));
            }
            self.repaired(line, RepairKind::WholeLine);
        }
        self.reading.ledger.fold(row);
        Ok(())
    }

    fn row(&mut self, line: &Line<'_>) -> Result<Row, String> {
        let text = std::str::from_utf8(line.bytes)
            .map_err(|_| "not UTF-8; save the file as CSV with commas (UTF-8)".to_owned())?;
        let cells = cells(text);
        // Of a torn line that has fewer the last one may be cut, and still look right.
        let fewest = match line.end {
            End::LineFeed => self.header.fewest(),
            End::Torn | End::Zeros => self.header.len,
        };
        if cells.len() > self.header.len || cells.len() < fewest {
            return Err(format!(
                "{} cells where the header has {}; restore the line from a copy",
                cells.len(),
                self.header.len
            ));
        }
        self.header
            .row(&cells, &mut self.texts)
            .map_err(|bad| bad.to_string())
    }

    /// Keeps what a torn line says (docs/ledger.md): complete up to `report_id`, that counts; less, and
    /// the row is in doubt unless an earlier line says more.
    ///
    /// # Errors
    /// Its whole cells do not fit each other: a tear does not do that.
    fn salvage(&mut self, line: &Line<'_>) -> Result<RepairKind, LedgerError> {
        let bytes = line.bytes;
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
        };
        // The last cell may be cut; all before it are whole.
        let mut whole = cells(valid);
        whole.pop();
        let Ok(id) = self
            .header
            .cell(&whole, Column::RequestId)
            .parse::<RequestId>()
        else {
            return Ok(RepairKind::Dropped);
        };
        let has = |column: &Column| self.header.has(&whole, *column);
        let identity = Column::ALL.into_iter().take_while(|c| *c < Column::Status);
        let draft = column::read(identity, |column| self.header.cell(&whole, column));
        let request = draft.and_then(|draft| Ok((draft.request()?, draft)));
        let enough = [Column::Internal, Column::Type, Column::BillingEndDate];
        if let Err(bad) = &request
            && enough.iter().all(has)
        {
            return Err(self.damaged(line, &bad.to_string()));
        }
        if has(&Column::Status) && has(&Column::ReportId) && self.keep(&whole) {
            return Ok(RepairKind::Kept(id));
        }
        let earlier = self.reading.ledger.get(id).cloned();
        match (earlier, request) {
            (Some(row), _) => match row.state {
                State::Created(_) | State::Sending { .. } => {
                    return Ok(RepairKind::Superseded(id));
                }
                State::Failed { .. } | State::Pending { .. } | State::InDoubt { .. } => {
                    self.reading.ledger.fold(row.doubted(self.last_intent));
                }
            },
            (None, Ok(((_, request), draft))) => {
                let label = Some(draft.label).filter(|label| !label.is_empty());
                let row = Row::planned(request, draft.job.into(), label.map(Arc::from));
                self.reading.ledger.fold(row.doubted(None));
            }
            (None, Err(_)) => {
                self.reading.unknown.insert(id);
            }
        }
        Ok(RepairKind::InDoubt(id))
    }

    /// Folds a torn line that is complete up to its report id; false where even that does not make a row, or
    /// where it failed and does not say with what: that could be `in_doubt`, which is never sent again by itself.
    fn keep(&mut self, whole: &[String]) -> bool {
        let Ok(mut row) = self.header.row(whole, &mut self.texts) else {
            return false;
        };
        if let State::Failed { reason, .. } = &mut row.state {
            if !self.header.has(whole, Column::ErrorCode) {
                return false;
            }
            if reason.text.is_empty() {
                reason.text = "the cause was lost with the end of a torn line".to_owned();
            }
        }
        let mut intent = row.state.intent();
        if let Some(earlier) = self.reading.ledger.get(row.id()) {
            intent = intent.or(earlier.state.intent());
            row.attempts = row.attempts.max(earlier.attempts);
            row.extra.clone_from(&earlier.extra);
            if !self.header.has(whole, Column::ReportSha256) {
                row.collected.clone_from(&earlier.collected);
            }
        }
        if matches!(row.state, State::Sending { .. }) {
            intent = intent.or(self.last_intent);
        }
        row.state.set_intent(intent);
        self.reading.ledger.fold(row);
        true
    }

    fn repaired(&mut self, line: &Line<'_>, kind: RepairKind) {
        self.reading.repairs.push(Repair {
            line: line.number,
            kind,
        });
    }

    fn damaged(&self, line: &Line<'_>, why: &str) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.to_owned(),
            line: line.number,
            why: why.to_owned(),
        }
    }
}

/// The cells of one record. Read here and not by `csv`, which builds a table anew for each reader: one per line took
/// longer than all the rest, and this way records and cells are split by the same rule.
fn cells(record: &str) -> Vec<String> {
    let mut cells = Vec::with_capacity(Column::ALL.len() + 1);
    let mut cell = String::new();
    let mut within = Within::Start;
    for c in record.chars() {
        let before = within;
        within = before.after(u8::try_from(c).unwrap_or(b'x'));
        match (before, within) {
            (Within::Start, Within::Quotes) | (Within::Quotes, Within::Closing) => {}
            (_, Within::Start) => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}
