use std::{
    cell::{Cell, RefCell},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use tracing::{info, warn};

use super::{CliError, CliResult, chain, lines_of, warn_of_lost_close};
use crate::{
    audit::{CloseError, ClosedMonth, is_closed},
    ledger::{Ledger, LedgerError, LedgerFile, Lock, Pause, real_ledger},
    output::{duration, moment_text},
    plan::Partition,
    sending::SessionEvent,
    text::system_says,
};

/// A ledger under its lock. Dropping it releases the lock, however the command ends.
#[derive(Debug)]
pub(super) struct LockedLedger {
    pub(super) file: LedgerFile,
    /// The ledger that is closed with the month.
    month: PathBuf,
    /// When the month was closed, and by whom; the error says why its close file cannot be read. Known since the lock
    /// was taken.
    pub(super) closed: Option<Result<ClosedMonth, CloseError>>,
    /// Whether the history was asked for a close file that is lost.
    is_warned: Cell<bool>,
    /// Taken out only to be released.
    lock: RefCell<Option<Lock>>,
}

impl LockedLedger {
    pub(super) fn take(ledger: &Path) -> CliResult<Self> {
        let path = real_ledger(ledger)?;
        require_folder(ledger, &path)?;
        Ok(LockedLedger::of(LedgerFile::hold(&path, Utc::now())?))
    }

    /// As [`LockedLedger::take`], but a rescued ledger may lie next to it.
    pub(super) fn to_merge(ledger: &Path) -> Result<Self, LedgerError> {
        Ok(LockedLedger::of(LedgerFile::take(ledger, Utc::now())?))
    }

    fn of((file, lock): (LedgerFile, Lock)) -> Self {
        let month = ledger_of_month(&file.path);
        LockedLedger {
            closed: ClosedMonth::of(&month),
            file,
            month,
            is_warned: Cell::new(false),
            lock: RefCell::new(Some(lock)),
        }
    }

    /// For whatever sends, downloads or writes something: exit code 4 where the month is closed. Where its close file
    /// was lost, that is a warning, once.
    pub(super) fn refuse_closed(&self) -> CliResult<()> {
        if self.closed.is_none() && !self.is_warned.replace(true) {
            warn_of_lost_close(&self.month, &lines_of(&self.month));
        }
        self.refuse_close_file()
    }

    fn refuse_close_file(&self) -> CliResult<()> {
        let closed = self.closed.as_ref().map(|closed| match closed {
            Ok(ClosedMonth { at, by }) => format!("it was closed {} by {by}", moment_text(*at)),
            Err(why) => format!("{}, and so it counts as closed", chain(why)),
        });
        let ledger = self.month.clone();
        closed.map_or(Ok(()), |how| Err(CliError::Closed { ledger, how }))
    }

    /// Writes nothing where the file holds `ledger` already.
    pub(super) async fn write(&self, ledger: &Ledger) -> CliResult<()> {
        self.refuse_close_file()?;
        Ok(self.file.write(ledger, Utc::now()).await?)
    }

    /// Until when `server` wants no request, as announced to an earlier command.
    pub(super) fn pause(&self, server: &str) -> Option<DateTime<Utc>> {
        self.lock.borrow().as_ref()?.pause(server)
    }

    pub(super) fn forget_pause(&self, server: &str) {
        let mut lock = self.lock.borrow_mut();
        match lock.as_mut().map(|lock| lock.forget_pause(server)) {
            Some(Ok(Some(until))) => {
                let left = (until - Utc::now()).to_std().unwrap_or_default();
                let asked = "that the server asked an earlier run to wait are discarded";
                info!("--forget-pause: {} {asked}", duration(left));
            }
            Some(Ok(None)) => info!("--forget-pause: there is no wait to discard"),
            Some(Err(e)) => warn!("the discarded wait still stands in the lock file: {e}"),
            None => {}
        }
    }

    pub(super) fn note_pause(&self, server: &str, news: &SessionEvent) {
        if let (Some(pause), Some(lock)) =
            (announced_pause(server, news), self.lock.borrow_mut().as_mut())
        {
            remember_pause(lock, pause);
        }
    }
}

/// `ledger` as it was named, and its real path.
pub(super) fn require_folder(ledger: &Path, path: &Path) -> CliResult<()> {
    let Some(folder) = missing_folder(path) else { return Ok(()) };
    let (ledger, folder) = (ledger.display(), folder.display());
    Err(CliError::BadLedger(format!(
        "the folder {folder} does not exist; make it, or put the ledger {ledger} elsewhere"
    )))
}

/// The folder of the ledger, where it is missing.
pub(super) fn missing_folder(ledger: &Path) -> Option<&Path> {
    let folder = ledger.parent()?;
    (!folder.as_os_str().is_empty() && !folder.exists()).then_some(folder)
}

impl Drop for LockedLedger {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.release(Utc::now());
        }
    }
}

/// A share belongs to the month of the ledger that the shares are merged into.
fn ledger_of_month(ledger: &Path) -> PathBuf {
    let name = ledger.file_name().and_then(OsStr::to_str);
    match name.and_then(Partition::of_name) {
        Some((stem, _)) if !is_closed(ledger) => ledger.with_file_name(format!("{stem}.csv")),
        _ => ledger.to_owned(),
    }
}

/// The pause of `server`, if `event` announces one.
pub(super) fn announced_pause(server: &str, event: &SessionEvent) -> Option<Pause> {
    let SessionEvent::Paused { until, wait, .. } = event else {
        return None;
    };
    Some(Pause { server: server.to_owned(), since: *until - *wait, until: *until })
}

pub(super) fn remember_pause(lock: &mut Lock, pause: Pause) {
    if let Err(e) = lock.remember(pause) {
        warn!("the pause could not be noted for the next run: {}", system_says(&e));
    }
}
