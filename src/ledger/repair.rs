//! What a crash or a hand may have left in a ledger, and what is kept of it.

use std::{borrow::Cow, fmt};

use super::{Column, LedgerError, Row, State, column, csv::RawLine, read::LedgerReader};
use request::RequestId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
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

impl LedgerReader<'_> {
    /// Keeps what a torn line says (docs/ledger.md): complete up to `report_id`, that counts; otherwise the row is in
    /// doubt unless an earlier line says more. Whole cells that do not fit each other are an error: a tear does not do
    /// that.
    pub(super) fn salvage(&mut self, line: &RawLine<'_>) -> Result<RepairKind, LedgerError> {
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
}
