//! Bytes to a [`Ledger`]: what a crash may leave is repaired, any other damage is refused.
//!
//! Lines become durable in groups, so a crash can damage only what follows the last durable point: the last line can be
//! torn, and where the file system had grown the file before writing its blocks, stretches of zero bytes can stand
//! there, with whole lines after them. A ledger has no zero bytes otherwise. Every row stands in the file before the
//! first line is appended, so a line after such a stretch can only repeat a known request; a new one is older damage,
//! and refused.

use std::{collections::BTreeSet, path::Path};

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};
use memchr::memchr_iter;

use super::{
    Ledger, LedgerError, Row, RowIndex, SpreadsheetFormat,
    csv::{LineEnding, RawLine, Separator},
    header::Header,
    parse::SharedTexts,
    repair::{Repair, RepairKind},
    spreadsheet::RowFormat,
};
use request::{ReportId, RequestId};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LedgerRead {
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

pub(super) struct LedgerReader<'a> {
    pub(super) path: &'a Path,
    pub(super) header: Header,
    pub(super) reading: LedgerRead,
    pub(super) after_zeros: bool,
    /// The latest intent of the appended lines. A torn line came after them, so its own was not earlier.
    pub(super) last_intent: Option<DateTime<Utc>>,
    /// Whose a report is or was, and the line that says so first.
    pub(super) named: HashMap<ReportId, (RequestId, u64)>,
    pub(super) texts: SharedTexts,
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

    pub(super) fn whole(
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
    pub(super) fn check_report(
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

    pub(super) fn repaired(&mut self, line: u64, kind: RepairKind) {
        self.reading.repairs.push(Repair { line, kind });
    }

    pub(super) fn damaged(&self, line: u64, why: &str) -> LedgerError {
        LedgerError::Damaged { path: self.path.to_owned(), line, why: why.to_owned() }
    }
}
