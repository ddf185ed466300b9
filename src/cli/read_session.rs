//! The connection of commands that only read: they do not hold the ledger, but keep and note the pauses next to it.

use std::{cell::RefCell, num::NonZeroU32, path::Path, rc::Rc, time::Duration};

use chrono::Utc;

use super::{
    connection::Connection,
    locked_ledger::{announced, remember},
    signals::Signals,
};
use crate::{
    api::HttpApi,
    ledger::{Lock, Pause},
    manifest::Settings,
    sending::Session,
};

/// Fewer tries and shorter waits than in a run: somebody looks on.
pub(super) fn limit_patience(settings: &mut Settings, longest_wait: Duration) {
    let retry = &mut settings.retry;
    retry.max_attempts = const { NonZeroU32::new(2).unwrap() };
    retry.base_delay = retry.base_delay.min(Duration::from_millis(500));
    retry.max_retry_after = retry.max_retry_after.min(longest_wait);
}

/// A session for reads. A pause that is announced meanwhile is noted for the next command when this is dropped.
pub(super) struct ReadSession<'a> {
    pub(super) session: Session<'a, HttpApi>,
    /// The latest.
    pause: Rc<RefCell<Option<Pause>>>,
    ledger: &'a Path,
}

impl<'a> ReadSession<'a> {
    /// `ledger` is the real path. From here on the first signal is for the caller to hear ([`Signals::caught`]).
    pub(super) fn begin(
        connection: &'a Connection,
        settings: &Settings,
        ledger: &'a Path,
        signals: &Signals,
    ) -> Self {
        let server = &connection.server;
        let pause = Rc::new(RefCell::new(None));
        let latest = Rc::clone(&pause);
        let known = Lock::peek_pause(ledger, server, Utc::now());
        let session = connection.session(settings, known).telling(move |event| {
            if let Some(new) = announced(server, event) {
                latest.replace(Some(new));
            }
        });
        signals.end_in_order();
        ReadSession { session, pause, ledger }
    }
}

impl Drop for ReadSession<'_> {
    /// Nothing is noted while a run holds the lock: the server will tell that run itself.
    fn drop(&mut self) {
        if let Some(pause) = self.pause.take()
            && let Ok(mut lock) = Lock::take(self.ledger, Utc::now())
        {
            remember(&mut lock, pause);
            lock.release(Utc::now());
        }
    }
}
