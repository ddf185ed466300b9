use std::{cell::RefCell, time::Duration};

use tokio::sync::{Notify, watch};

use crate::{
    api::Cause,
    ledger::JournalError,
    sending::{Halt, StopCause},
};

/// The first reason counts, but a signal outranks the server's, and a ledger error all (`docs/exit-codes.md`).
#[derive(Debug, Clone)]
pub enum StopReason {
    Pacing(StopCause),
    Down {
        failures: u32,
        cause: Cause,
    },
    Credentials(Cause),
    /// Everything was refused with 403 from the start: the token lacks a scope.
    Forbidden(String),
    TooManyFailures(usize),
    Interrupted(Signal),
    Output(DiskTrouble),
    Ledger(JournalError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskTrouble {
    pub why: String,
    /// What to do: `make room`.
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

/// The signals that end a run cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Int,
    Term,
    Hup,
}

/// The source of signals, and how long requests in flight have after one.
#[derive(Debug, Clone)]
pub struct Interrupt {
    /// `Some` from the first signal on.
    pub signal: watch::Receiver<Option<Signal>>,
    /// `--grace`
    pub grace: Duration,
}

impl Interrupt {
    pub(crate) async fn caught(&self) -> Signal {
        let mut signal = self.signal.clone();
        let caught = signal.wait_for(Option::is_some).await.ok().and_then(|s| *s);
        match caught {
            Some(caught) => caught,
            None => std::future::pending().await,
        }
    }
}

#[derive(Debug, Default)]
pub struct Stopping {
    reason: RefCell<Option<StopReason>>,
    told: Notify,
}

impl Stopping {
    /// Returns false if it already stops for a reason of at least the same rank.
    pub(crate) fn stop(&self, reason: &StopReason) -> bool {
        let mut known = self.reason.borrow_mut();
        let is_news = (known.as_ref()).is_none_or(|known| reason.outranks(known));
        if is_news {
            *known = Some(reason.clone());
        }
        self.told.notify_waiters();
        is_news
    }

    pub(crate) fn take_back_failures(&self) {
        let mut reason = self.reason.borrow_mut();
        if matches!(*reason, Some(StopReason::TooManyFailures(_))) {
            *reason = None;
        }
    }

    pub(crate) fn reason(&self) -> Option<StopReason> {
        self.reason.borrow().clone()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.reason.borrow().is_some()
    }

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
