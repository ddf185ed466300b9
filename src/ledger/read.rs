//! Bytes to a [`Ledger`]: what a crash may leave is repaired, any other damage is refused.
//!
//! Lines become durable in groups, so a crash can damage only what follows the last durable point: the last line can be
//! torn, and where the file system had grown the file before writing its blocks, stretches of zero bytes can stand
//! there, with whole lines after them. A ledger has no zero bytes otherwise. Every row stands in the file before the
//! first line is appended, so a line after such a stretch can only repeat a known request; a new one is older damage,
//! and refused.

use std::{borrow::Cow, collections::BTreeSet, fmt, path::Path};

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};
use memchr::memchr_iter;

use super::{
    Column, Ledger, LedgerError, Row, RowIndex, SpreadsheetFormat, State, column,
    csv::{LineEnding, RawLine, Separator},
    header::Header,
    parse::SharedTexts,
    spreadsheet::RowFormat,
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
    let (header, mut lines) = Header::read(bytes, path)?;
    let mut reading =
        LedgerRead { ledger: Ledger::new(header.extra_names()), ..LedgerRead::default() };
    reading.spelling.separator = Some(header.separator).filter(|it| *it != Separator::Comma);
    let lines_there = memchr_iter(b'\n', bytes).count();
    reading.ledger.reserve(lines_there);
    let mut reader = LedgerReader {
        path,
        header,
        reading,
        after_zeros: false,
        last_intent: None,
        named: HashMap::with_capacity(lines_there),
        texts: SharedTexts::default(),
    };
    while let Some(line) = lines.next() {
        // Zeros may have hidden a quote: the rest of that line must not take in whole ones.
        let is_broken = reader.after_zeros
            && line.end != LineEnding::Zeros
            && reader.header.row(&line, &mut reader.texts).is_err();
        reader.take(&if is_broken { lines.shorten() } else { line })?;
    }
    reader.reading.ledger.drop_empty_columns();
    Ok(reader.reading)
}

struct LedgerReader<'a> {
    path: &'a Path,
    header: Header,
    reading: LedgerRead,
    after_zeros: bool,
    /// The latest intent of the appended lines. A torn line came after them, so its own was not earlier.
    last_intent: Option<DateTime<Utc>>,
    /// Whose a report is or was, and the line that says so first.
    named: HashMap<ReportId, (RequestId, u64)>,
    texts: SharedTexts,
}

impl LedgerReader<'_> {
    fn take(&mut self, line: &RawLine<'_>) -> Result<(), LedgerError> {
        let number = line.number;
        if line.end == LineEnding::Zeros {
            self.after_zeros = true;
            self.repaired(number, RepairKind::Dropped);
            return Ok(());
        }
        if self.header.is_blank(line.bytes) {
            return Ok(()); // no damage: spreadsheets write rows of empty cells, too
        }
        if !self.after_zeros
            && let Some(why) = self.header.swallows(line, &mut self.texts)
        {
            return Err(self.damaged(number, &why));
        }
        match self.header.row(line, &mut self.texts) {
            Ok((row, spelled)) => self.whole(number, line.end, row, spelled)?,
            // The rest of a line whose beginning the zeros took, and what an odd quote in it made of the next.
            Err(_) if self.after_zeros => self.repaired(number, RepairKind::Dropped),
            Err(_) if line.end == LineEnding::Torn => {
                let kind = self.salvage(line)?;
                self.repaired(number, kind);
            }
            Err(why) => return Err(self.damaged(number, &why)),
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
        self.check_report(number, &row, place)?;
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
        self.reading.ledger.fold_at(place, row);
        Ok(())
    }

    /// No run writes one report for two rows, or two for one.
    fn check_report(
        &mut self,
        number: u64,
        row: &Row,
        place: Option<RowIndex>,
    ) -> Result<(), LedgerError> {
        let Some(report) = row.state.report_id() else {
            return Ok(());
        };
        let ledger = &self.reading.ledger;
        let before = place.and_then(|place| ledger.row(place).state.report_id());
        if before == Some(report) {
            return Ok(());
        }
        if let Some(before) = before
            && !row.replaces.contains(before)
            && let Some((_, line)) = self.named.get(before)
        {
            let why = format!(
                "line {line} holds another report id for this request; remove the line that is wrong"
            );
            return Err(self.damaged(number, &why));
        }
        if let Some((owner, line)) = self.named.get(report)
            && *owner != row.key()
        {
            let why = format!(
                "its report id stands on line {line} too, for another request; bring back the right one from a copy"
            );
            return Err(self.damaged(number, &why));
        }
        self.named.insert(report.clone(), (row.key(), number));
        Ok(())
    }

    /// Keeps what a torn line says (docs/ledger.md): complete up to `report_id`, that counts; otherwise the row is in
    /// doubt unless an earlier line says more. Whole cells that do not fit each other are an error: a tear does not do
    /// that.
    fn salvage(&mut self, line: &RawLine<'_>) -> Result<RepairKind, LedgerError> {
        let valid = line.bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        // The last cell may be cut; all before it are whole.
        let mut whole = self.header.cells(valid);
        whole.pop();
        let Ok(id) = self.header.cell(&whole, Column::RequestId).parse::<RequestId>() else {
            return Ok(RepairKind::Dropped);
        };
        let has = |column: &Column| self.header.has(&whole, *column);
        let identity = Column::ALL.into_iter().take_while(|c| *c < Column::Status);
        let draft =
            column::read(identity, &mut self.texts, |column| self.header.cell(&whole, column));
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
        let Ok((mut row, spelled)) = self.header.row_of(whole, &mut self.texts) else {
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
        self.reading.spelling.note(number, spelled);
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
        if let Some(report) = row.state.report_id() {
            self.named.entry(report.clone()).or_insert((row.key(), number));
        }
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
