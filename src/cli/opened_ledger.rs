//! A ledger that is only read, without the lock; and what is said about any ledger that is read.

use std::path::{Path, PathBuf};

use chrono::Utc;
use tracing::warn;

use super::{CliError, CliResult, MaxDropArgs, chain};
use crate::{
    audit::{ClosedMonth, Files, MaxDrop, close_path, is_closed},
    files::{companion, folder_of},
    ledger::{
        Ledger, LedgerError, LedgerRead, Lock, RecordedHashes, read_file, read_file_with_hash,
        real_ledger, real_path, refuse_second_name, refuse_unmerged,
    },
    output::{
        history::{self, HistoryLine, Read},
        moment_text,
    },
    text::{one_line, system_says},
};
use request::ReportId;

/// A ledger that has to be there; what is odd about it is said. Gives its real path, too.
pub(super) fn read_ledger(path: &Path) -> CliResult<(PathBuf, LedgerRead)> {
    let real = real_ledger(path)?;
    let reading = read_file(&real)?.ok_or_else(|| LedgerError::Missing(path.to_owned()))?;
    tell_repairs(path, &reading, RepairNote::Left);
    warn_where_refused(path, Some(&reading.ledger));
    Ok((real, reading))
}

/// The ledger of a page, or an earlier one to compare with.
#[derive(Debug)]
pub(super) struct OpenedLedger {
    pub(super) ledger: Ledger,
    /// Absolute; links are followed.
    pub(super) path: PathBuf,
    /// The folder of `path`. File paths are relative to it.
    pub(super) folder: PathBuf,
    /// Of its bytes.
    pub(super) sha256: String,
    /// The hashes of files by the history; none of an earlier ledger.
    pub(super) recorded: RecordedHashes,
}

impl OpenedLedger {
    pub(super) fn read(path: &Path) -> CliResult<Self> {
        let missing = || LedgerError::Missing(path.to_owned());
        let real = real_ledger(path)?;
        let (reading, sha256) = read_file_with_hash(&real)?.ok_or_else(missing)?;
        tell_repairs(path, &reading, RepairNote::Past);
        warn_where_refused(path, Some(&reading.ledger));
        let folder = folder_of(&real).canonicalize();
        let folder = folder.map_err(LedgerError::io("find the folder of", path))?;
        Ok(OpenedLedger {
            ledger: reading.ledger,
            path: folder.join(real.file_name().unwrap_or_default()),
            folder,
            sha256,
            recorded: RecordedHashes::new(),
        })
    }

    pub(super) fn files(&self) -> Files<'_> {
        Files { folder: &self.folder, recorded: &self.recorded, is_closed: is_closed(&self.path) }
    }

    /// The ledger to compare with, if one is named, and by how much a figure may fall.
    pub(super) fn earlier(
        path: Option<&Path>,
        max_drop: &MaxDropArgs,
        is_rehearsal: bool,
    ) -> CliResult<Option<(Self, MaxDrop)>> {
        let open = |named| Ok((Self::to_compare_with(named, is_rehearsal)?, max_drop.value()?));
        path.map(open).transpose()
    }

    /// Both are of rehearsals, or both are real.
    pub(super) fn to_compare_with(path: &Path, is_rehearsal: bool) -> CliResult<Self> {
        let name = path.display();
        let earlier = OpenedLedger::read(path).map_err(|error| match error {
            // No run would make it.
            CliError::Ledger(LedgerError::Missing(_)) => CliError::BadLedger(format!(
                "there is no ledger at {name} to compare with; is the path right?"
            )),
            other => other,
        })?;
        let is_other = |id: &ReportId| id.is_from_sandbox() != is_rehearsal;
        if earlier.ledger.report_ids().any(is_other) {
            let holds = if is_rehearsal { "a real server" } else { "the sandbox" };
            return Err(CliError::BadLedger(format!(
                "{name} holds reports of {holds}: a rehearsal and real reports are not compared"
            )));
        }
        Ok(earlier)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RepairNote {
    Written,
    /// For the next run to write.
    Left,
    /// An earlier ledger, which no run writes any more.
    Past,
}

/// What a crash left of the ledger, and what a spreadsheet changed: a sentence for each.
pub(super) fn repair_notes(ledger: &Path, reading: &LedgerRead, then: RepairNote) -> Vec<String> {
    let ledger = ledger.display();
    let (repaired, written) = match then {
        RepairNote::Written => ("", ", and is written with commas and ISO dates again"),
        RepairNote::Left => (
            "; the next run repairs it",
            ", and the next run writes it with commas and ISO dates again",
        ),
        RepairNote::Past => ("; the file is left as it is", ""),
    };
    let repairs = reading.repairs.iter();
    let mut found: Vec<String> = repairs.map(|it| format!("{ledger}: {it}{repaired}")).collect();
    if !reading.spelling.is_own() {
        let spelling = &reading.spelling;
        found.push(format!("{ledger}: {spelling}; it is read all the same{written}"));
    }
    found
}

pub(super) fn warn_all(warnings: &[String]) {
    for warning in warnings {
        warn!("{warning}");
    }
}

pub(super) fn tell_repairs(ledger: &Path, reading: &LedgerRead, then: RepairNote) {
    warn_all(&repair_notes(ledger, reading, then));
}

/// `ledger` is the real path. A history that cannot be read is a warning, and empty.
pub(super) fn history_of(ledger: &Path) -> Read {
    let path = history::path_of(ledger);
    history::read(&path).unwrap_or_else(|e| {
        warn!("the history {} cannot be read ({})", path.display(), system_says(&e));
        Read::default()
    })
}

/// The hashes of files by the history.
pub(super) fn recorded_of(ledger: &Path) -> RecordedHashes {
    history::recorded_hashes(&history_of(ledger).lines)
}

/// The lines of the history, for what does not depend on it: that it cannot be read is said elsewhere.
pub(super) fn lines_of(ledger: &Path) -> Vec<HistoryLine> {
    history::read(&history::path_of(ledger)).unwrap_or_default().lines
}

/// When the month was closed, and by whom. `ledger` is the real path. A close file that cannot be read is a warning.
pub(super) fn closed_of(ledger: &Path) -> Option<ClosedMonth> {
    closed_by(ledger, &lines_of(ledger))
}

/// As [`closed_of`], for the lines of the history.
pub(super) fn closed_by(ledger: &Path, lines: &[HistoryLine]) -> Option<ClosedMonth> {
    let Some(closed) = ClosedMonth::of(ledger) else {
        warn_of_lost_close(ledger, lines);
        return None;
    };
    let closed = closed.inspect_err(|e| warn!("{}, and so the month counts as closed", chain(e)));
    closed.ok()
}

/// For a ledger without a close file: whether it is one that was lost. Where more older ones are kept than the history
/// knows of, the month was opened again with `--no-history`.
pub(super) fn warn_of_lost_close(ledger: &Path, lines: &[HistoryLine]) {
    let known = history::reopenings(lines).len();
    if companion(ledger, &format!("close-{}.json", known + 1)).exists() {
        return;
    }
    if let Some((at, by)) = history::last_close(lines) {
        let (file, at, by) = (close_path(ledger), moment_text(at), one_line(by));
        warn!(
            "by the history, {by} closed this month {at}, but {} is not there: put it back, or close the month again",
            file.display()
        );
    }
}

/// For what a run would do: a closed ledger takes nothing.
pub(super) fn warn_of_closed(ledger: &Path) {
    if let Some(ClosedMonth { at, by }) = closed_of(ledger) {
        let (ledger, at) = (ledger.display(), moment_text(at));
        warn!("{ledger} was closed {at} by {by}: a run that finds something to do is refused");
    }
}

/// Whether a run goes on: counts are of this moment, a row in doubt may be in flight, and the history may be ahead of the
/// ledger.
pub(super) fn warn_of_run(ledger: &Path) -> bool {
    let holder = Lock::peek_holder(ledger, Utc::now());
    if let Some(holder) = &holder {
        warn!(
            "{} is in use by {holder}: rows that are `sending` may be in flight, and no command that writes works before it has ended",
            ledger.display()
        );
    }
    holder.is_some()
}

/// A run would refuse the ledger at `path`, which has a second name or lacks what a rescued ledger holds. A command
/// that only reads goes on.
pub(super) fn warn_where_refused(path: &Path, ledger: Option<&Ledger>) {
    let known = real_path(path).and_then(|path| {
        refuse_second_name(&path)?;
        refuse_unmerged(&path, ledger)
    });
    if let Err(e) = known {
        warn!("{e}");
    }
}
