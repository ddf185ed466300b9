//! Why a run ends before its work is done.

use std::{cell::RefCell, time::Duration};

use tokio::sync::{Notify, watch};

use crate::{api::Cause, ledger::JournalError, pacing::StopCause, session::Halt};

/// Why sending stopped. The first reason counts, but for the ledger's trouble, which outranks all, and a signal,
/// which outranks what the server said (`docs/exit-codes.md`).
#[derive(Debug, Clone)]
pub enum StopReason {
    /// A wait that is too long, or nothing accepted for too long.
    Pacing(StopCause),
    /// So many requests in a row failed, and how the last of them did.
    Down {
        /// How many.
        failures: u32,
        /// What the last one met.
        cause: Cause,
    },
    /// The credentials were refused and cannot be renewed.
    Credentials(Cause),
    /// Everything was refused with 403 from the start: the token lacks a scope.
    Forbidden(String),
    /// So many rows of this run have failed, and that is as many as may (`--max-failures`).
    TooManyFailures(usize),
    /// A signal.
    Interrupted(Signal),
    /// The disk takes no more files.
    Output(DiskTrouble),
    /// The ledger could not be written.
    Ledger(JournalError),
}

/// Why a file could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskTrouble {
    /// Which file, and what the system said.
    pub why: String,
    /// What a person can do: `make room`.
    pub remedy: &'static str,
}

impl StopReason {
    fn rank(&self) -> u8 {
        match self {
            StopReason::Pacing(_)
            | StopReason::Down { .. }
            | StopReason::Credentials(_)
            | StopReason::Forbidden(_)
            | StopReason::TooManyFailures(_) => 0,
            StopReason::Interrupted(_) => 1,
            StopReason::Output(_) => 2,
            StopReason::Ledger(_) => 3,
        }
    }

    /// Whether this reason takes the place of `other`.
    fn outranks(&self, other: &StopReason) -> bool {
        self.rank() > other.rank()
    }
}

impl From<Halt> for StopReason {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Pacing(cause) => StopReason::Pacing(cause),
            Halt::Down { failures, cause } => StopReason::Down { failures, cause },
            Halt::Credentials(cause) => StopReason::Credentials(cause),
        }
    }
}

/// The signals that end a run in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, Ctrl-C.
    Int,
    /// SIGTERM.
    Term,
    /// SIGHUP.
    Hup,
}

/// Where a signal comes in, and how long requests in flight then have.
#[derive(Debug, Clone)]
pub struct Interrupt {
    /// `Some` from the first signal on.
    pub signal: watch::Receiver<Option<Signal>>,
    /// `--grace`
    pub grace: Duration,
}

impl Interrupt {
    /// Waits for a signal; for ever where none can come any more.
    pub(crate) async fn caught(&self) -> Signal {
        let mut signal = self.signal.clone();
        let caught = signal.wait_for(Option::is_some).await.ok().and_then(|s| *s);
        match caught {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

/// Whether a run stops, and why: the one truth for all that works on its rows, creating and collecting alike.
#[derive(Debug, Default)]
pub struct Stopping {
    reason: RefCell<Option<StopReason>>,
    told: Notify,
}

impl Stopping {
    /// Stops for `reason`. False where it stops already for a reason that counts as much.
    pub(crate) fn stop(&self, reason: &StopReason) -> bool {
        let mut known = self.reason.borrow_mut();
        let is_news = (known.as_ref()).is_none_or(|known| reason.outranks(known));
        if is_news {
            *known = Some(reason.clone());
        }
        self.told.notify_waiters();
        is_news
    }

    /// Does not stop for failures after all.
    pub(crate) fn take_back_failures(&self) {
        let mut reason = self.reason.borrow_mut();
        if matches!(*reason, Some(StopReason::TooManyFailures(_))) {
            *reason = None;
        }
    }

    /// Why the run stops, if it does.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        self.reason.borrow().clone()
    }

    /// Whether nothing more may begin.
    pub(crate) fn is_stopping(&self) -> bool {
        self.reason.borrow().is_some()
    }

    /// Waits until the run stops.
    pub(crate) async fn wait(&self) {
        loop {
            let told = self.told.notified();
            if self.is_stopping() {
                return;
            }
            told.await;
        }
    }
}
