//! The connection of commands that only read: they do not hold the ledger, but keep and note the pauses next to it.

use std::{cell::Cell, num::NonZeroU32, path::Path, rc::Rc, time::Duration};

use chrono::{DateTime, Utc};

use super::{connection::Connection, locked_ledger::remember, signals::Signals};
use crate::{
    api::HttpApi,
    ledger::{Lock, Pause},
    manifest::Settings,
    sending::{Session, SessionEvent},
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
    /// When it was announced, and its end.
    announced: Rc<Cell<Option<[DateTime<Utc>; 2]>>>,
    server: &'a str,
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
        let announced = Rc::new(Cell::new(None));
        let latest = Rc::clone(&announced);
        let session = connection.session(settings, Lock::peek_pause(ledger, server, Utc::now()));
        let session = session.telling(move |event| {
            if let SessionEvent::Paused { until, wait, .. } = event {
                latest.set(Some([*until - *wait, *until]));
            }
        });
        signals.end_in_order();
        ReadSession { session, announced, server, ledger }
    }
}

impl Drop for ReadSession<'_> {
    /// Nothing is noted while a run holds the lock: the server will tell that run itself.
    fn drop(&mut self) {
        if let Some([since, until]) = self.announced.get()
            && let Ok(mut lock) = Lock::take(self.ledger, Utc::now())
        {
            let server = self.server.to_owned();
            remember(&mut lock, Pause { server, since, until });
            lock.release(Utc::now());
        }
    }
}
