//! Bytes to a [`Ledger`]: what a crash may leave is repaired, any other damage is refused.
//!
//! Lines become durable in groups, so a crash can damage only what follows the last durable point: the last line can be
//! torn, and where the file system had grown the file before writing its blocks, stretches of zero bytes can stand
//! there, with whole lines after them. A ledger has no zero bytes otherwise. Every row stands in the file before the
//! first line is appended, so a line after such a stretch can only repeat a known request; a new one is older damage,
//! and refused.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fmt,
    io::Read,
    path::Path,
};

use chrono::{DateTime, Utc};

use super::{
    Column, Ledger, LedgerError, Row, RowIndex, SpreadsheetFormat, State,
    ahead::{Piece, read_ahead},
    blocks::{self, Block, Blocks},
    column,
    line_reader::{BlockRead, LineReader},
    lines::{LineEnding, RawLine, RawLines, Separator},
    spreadsheet_format::RowFormat,
};
use request::{ReportId, RequestId};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LedgerRead {
    /// The rows, folded.
    pub ledger: Ledger,
    /// In the order of the file. Empty for a ledger that was closed properly.
    pub repairs: Vec<Repair>,
    /// Requests whose only trace is a torn line that does not say what they ask for. They are in doubt until the plan
    /// says what they are.
    pub unknown: BTreeSet<RequestId>,
    pub spelling: SpreadsheetFormat,
}

impl LedgerRead {
    /// For a command without a plan: fails where a torn line is the only trace of a request, which would be lost.
    pub fn into_ledger(self, path: &Path) -> Result<Ledger, LedgerError> {
        match self.unknown.first() {
            Some(request) => Err(LedgerError::Unnamed { path: path.to_owned(), request: *request }),
            None => Ok(self.ledger),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The line, from 1.
    pub line: u64,
    pub kind: RepairKind,
}

/// What a crash had left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairKind {
    /// A last line that lacks only its line feed: it counts.
    WholeLine,
    /// A torn line from which the status and report id could be read.
    Kept(RequestId),
    /// A torn line that says only its request, where no earlier line says more: in doubt.
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
            RepairKind::Kept(id) => {
                write!(f, "line {line} is torn; status and report id of {id} were kept")
            }
            RepairKind::InDoubt(id) => write!(f, "line {line} is torn; {id} is in doubt"),
            RepairKind::Superseded(id) => {
                write!(f, "line {line} is torn; an earlier line says what became of {id}")
            }
            RepairKind::Dropped => write!(f, "line {line} is torn and says nothing; dropped"),
        }
    }
}

/// Reads a ledger's bytes. `path` is for messages only.
pub fn read(bytes: &[u8], path: &Path) -> Result<LedgerRead, LedgerError> {
    read_from(bytes, bytes.len(), path, blocks::SIZE)
}

/// `len`: about how many bytes come; `size`: bytes of a block.
pub(super) fn read_from(
    source: impl Read + Send,
    len: usize,
    path: &Path,
    size: usize,
) -> Result<LedgerRead, LedgerError> {
    let mut blocks = Blocks::new(source, path, size);
    let header = blocks.header()?;
    let mut reader = LedgerReader {
        path,
        len,
        reading: LedgerRead::default(),
        lines: LineReader::new(&header),
        after_zeros: false,
        last_intent: None,
        named_on: Vec::new(),
        released: HashMap::new(),
    };
    reader.reading.ledger = Ledger::new(header.extra_names());
    reader.reading.spelling.separator = Some(header.separator).filter(|it| *it != Separator::Comma);
    read_ahead(blocks, &header, |piece| match piece {
        Piece::Read(block) => reader.block(block),
        Piece::Rest(block) => reader.rest(&block),
    })?;
    reader.reading.ledger.drop_empty_columns();
    Ok(reader.reading)
}

struct LedgerReader<'a> {
    path: &'a Path,
    /// Estimated bytes of the file.
    len: usize,
    reading: LedgerRead,
    lines: LineReader<'a>,
    after_zeros: bool,
    /// The latest intent of the appended lines. A torn line came after them, so its own was not earlier.
    last_intent: Option<DateTime<Utc>>,
    /// The line that names the report of a row first, by the row's index; 0 where it has none.
    named_on: Vec<u32>,
    /// Reports that rows held before, with their requests and the lines that named them first.
    released: HashMap<ReportId, (RequestId, u32)>,
}

impl LedgerReader<'_> {
    fn block(&mut self, block: BlockRead) -> Result<(), LedgerError> {
        if self.reading.ledger.is_empty() {
            // Estimated from the first block; reserving a little more costs less than growing.
            let rows = self.len / block.bytes * block.rows.len();
            self.reading.ledger.reserve(rows + rows / 16);
        }
        for (number, row, spelled) in block.rows {
            self.whole(number, LineEnding::LineFeed, row, spelled)?;
        }
        match block.wrong {
            Some((number, why)) => Err(self.damaged(number, &why)),
            None => Ok(()),
        }
    }

    /// The rest of the file, where a crash may have left something.
    fn rest(&mut self, rest: &Block) -> Result<(), LedgerError> {
        let mut lines = RawLines::new(&rest.bytes, self.lines.header.separator, rest.number);
        while let Some(line) = lines.next() {
            // Zeros may have hidden a quote: the rest of that line must not take in whole ones.
            let broken =
                self.after_zeros && line.end != LineEnding::Zeros && self.lines.row(&line).is_err();
            self.take(&if broken { lines.shorten() } else { line })?;
        }
        Ok(())
    }

    fn take(&mut self, line: &RawLine<'_>) -> Result<(), LedgerError> {
        let number = line.number;
        if line.end == LineEnding::Zeros {
            self.after_zeros = true;
            self.repaired(number, RepairKind::Dropped);
            return Ok(());
        }
        if self.after_zeros || line.end == LineEnding::Torn {
            return self.take_damaged(line);
        }
        match self.lines.whole(line) {
            Ok(None) => Ok(()),
            Ok(Some((row, spelled))) => self.whole(number, line.end, row, spelled),
            Err(why) => Err(self.damaged(number, &why)),
        }
    }

    /// A line without a line feed, or one that comes after zero bytes.
    fn take_damaged(&mut self, line: &RawLine<'_>) -> Result<(), LedgerError> {
        let number = line.number;
        if self.lines.header.is_blank(line.bytes) {
            return Ok(());
        }
        if !self.after_zeros
            && let Some(why) = self.lines.swallows(line)
        {
            return Err(self.damaged(number, &why));
        }
        match self.lines.row(line) {
            Ok((row, spelled)) => return self.whole(number, line.end, row, spelled),
            // The rest of a line whose beginning the zeros took, and what an odd quote in it made of the next.
            Err(_) if self.after_zeros => self.repaired(number, RepairKind::Dropped),
            Err(_) => {
                let kind = self.salvage(line)?;
                self.repaired(number, kind);
            }
        }
        Ok(())
    }

    fn whole(
        &mut self,
        number: u64,
        end: LineEnding,
        mut row: Row,
        spelled: RowFormat,
    ) -> Result<(), LedgerError> {
        self.after_zeros = false;
        self.reading.spelling.note(number, spelled);
        let zeros_before = self.reading.repairs.iter().any(|r| r.kind == RepairKind::Dropped);
        let place = self.reading.ledger.place_of(&row);
        if zeros_before && place.is_none() {
            return Err(
                self.damaged(number, "rows before this line were overwritten with zero bytes")
            );
        }
        let names_first = self.check_report(number, &row, place)?;
        let earlier = place.map(|place| self.reading.ledger.row(place));
        if earlier.is_some() {
            self.last_intent = self.last_intent.max(row.state.intent());
        }
        if end == LineEnding::Torn {
            if let Some(earlier) = earlier {
                // The last cell, a note or an intent, may be cut.
                row.extra.clone_from(&earlier.extra);
                row.state.set_intent(row.state.intent().or(earlier.state.intent()));
            }
            self.repaired(number, RepairKind::WholeLine);
        }
        let place = self.reading.ledger.fold_at(place, row);
        if names_first {
            let needed = self.named_on.len().max(place.index() + 1);
            self.named_on.resize(needed, 0);
            self.named_on[place.index()] = u32::try_from(number).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    /// No run writes one report for two rows, or two for one. Returns whether this line is the first to name the
    /// report.
    fn check_report(
        &mut self,
        number: u64,
        row: &Row,
        place: Option<RowIndex>,
    ) -> Result<bool, LedgerError> {
        let Some(report) = row.state.report_id() else {
            return Ok(false);
        };
        let ledger = &self.reading.ledger;
        let line_of = |other: RowIndex| self.named_on.get(other.index()).copied().unwrap_or(0);
        let before = place.and_then(|place| ledger.row(place).state.report_id());
        if let (Some(before), Some(place)) = (before, place)
            && before != report
        {
            let named_on = line_of(place);
            if !row.replaces.contains(before) && named_on > 0 {
                let why = format!(
                    "line {named_on} holds another report id for this request; remove the line that is wrong"
                );
                return Err(self.damaged(number, &why));
            }
            self.released.insert(before.clone(), (row.key(), named_on));
        }
        let holder = ledger.holder(report);
        let held = holder.map(|holder| (ledger.row(holder).key(), line_of(holder)));
        let owner = held.or_else(|| self.released.get(report).copied());
        if let Some((owner, named_on)) = owner
            && owner != row.key()
        {
            let why = format!(
                "its report id stands on line {named_on} too, for another request; bring back the right one from a copy"
            );
            return Err(self.damaged(number, &why));
        }
        Ok(holder.is_none())
    }

    /// Keeps what a torn line says (docs/ledger.md): complete up to `report_id`, that counts; otherwise the row is in
    /// doubt unless an earlier line says more. Whole cells that do not fit each other are an error: a tear does not do
    /// that.
    fn salvage(&mut self, line: &RawLine<'_>) -> Result<RepairKind, LedgerError> {
        let bytes = line.bytes;
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
        };
        // The last cell may be cut; all before it are whole.
        let mut whole = self.lines.header.cells(valid);
        whole.pop();
        let Ok(id) = self.lines.header.cell(&whole, Column::RequestId).parse::<RequestId>() else {
            return Ok(RepairKind::Dropped);
        };
        let has = |column: &Column| self.lines.header.has(&whole, *column);
        let identity = Column::ALL.into_iter().take_while(|c| *c < Column::Status);
        let draft = column::read(identity, &mut self.lines.texts, |column| {
            self.lines.header.cell(&whole, column)
        });
        let request = draft.and_then(|draft| Ok((draft.request()?.1, draft.job, draft.label)));
        let enough = [Column::Internal, Column::Type, Column::BillingEndDate];
        if let Err(bad) = &request
            && enough.iter().all(has)
        {
            return Err(self.damaged(line.number, &bad.to_string()));
        }
        if has(&Column::Status) && has(&Column::ReportId) && self.keep(&whole, line.number) {
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
            (None, Ok((request, job, label))) => {
                let row = Row::planned(request, job, label);
                self.reading.ledger.fold(row.doubted(None));
            }
            (None, Err(_)) => {
                self.reading.unknown.insert(id);
            }
        }
        Ok(RepairKind::InDoubt(id))
    }

    /// Folds a torn line that is complete up to its report id. False where that makes no row, or a failed one without
    /// its error code: that could be `in_doubt`, which is never sent again by itself.
    fn keep(&mut self, whole: &[Cow<'_, str>], number: u64) -> bool {
        let Ok((mut row, spelled)) = self.lines.header.row(whole, &mut self.lines.texts) else {
            return false;
        };
        if let State::Failed { reason, .. } = &mut row.state {
            if !self.lines.header.has(whole, Column::ErrorCode) {
                return false;
            }
            if reason.text.is_empty() {
                reason.text = "the cause was lost with the end of a torn line".to_owned();
            }
        }
        self.reading.spelling.note(number, spelled);
        let mut intent = row.state.intent();
        if let Some(earlier) = self.reading.ledger.get(row.id()) {
            intent = intent.or(earlier.state.intent());
            row.attempts = row.attempts.max(earlier.attempts);
            row.extra.clone_from(&earlier.extra);
            if !self.lines.header.has(whole, Column::ReportSha256) {
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

    fn repaired(&mut self, line: u64, kind: RepairKind) {
        self.reading.repairs.push(Repair { line, kind });
    }

    fn damaged(&self, line: u64, why: &str) -> LedgerError {
        LedgerError::Damaged { path: self.path.to_owned(), line, why: why.to_owned() }
    }
}
