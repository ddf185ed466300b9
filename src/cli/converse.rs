//! The connection of commands that only read: they do not hold the ledger, but keep and note the pauses beside it.

use std::{cell::RefCell, num::NonZeroU32, path::Path, time::Duration};

use chrono::Utc;

use super::{
    connection::Connection, context::Context, error::CliError, locked_ledger::remember,
    signals::Signals,
};
use crate::{
    api::{Credentials, HttpApi},
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

/// `ledger` is the real path. From here on the first signal ends `ask` in good order.
pub(super) async fn converse<T>(
    context: &mut Context,
    credentials: Credentials,
    ledger: &Path,
    signals: &Signals,
    ask: impl AsyncFnOnce(&Session<'_, HttpApi>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let connection = Connection::open(context, credentials).await?;
    let announced = RefCell::new(None);
    let listener = |news: &SessionEvent| {
        if let SessionEvent::Paused { until, wait, .. } = news {
            *announced.borrow_mut() = Some((*until - *wait, *until));
        }
    };
    let pause = Lock::peek_pause(ledger, &connection.server, Utc::now());
    let found = {
        let session = connection.session(&context.settings, pause, &listener);
        signals.end_in_order();
        ask(&session).await
    };
    // Noted for the next command, unless a run holds the lock: the server will tell that run itself.
    if let Some((since, until)) = announced.into_inner()
        && let Ok(mut lock) = Lock::take(ledger, Utc::now())
    {
        let server = connection.server.clone();
        remember(&mut lock, Pause { server, since, until });
        lock.release(Utc::now());
    }
    found
}
