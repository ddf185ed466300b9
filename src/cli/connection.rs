//! The way to the server, and the session of commands that only read.

use std::{
    cell::RefCell,
    env,
    ffi::OsString,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tracing::info;

use super::{CliResult, Context, Signals, announced_pause, remember_pause};
use crate::{
    api::{Credentials, HttpApi, Token},
    ledger::{Lock, Pause},
    manifest::Settings,
    output::duration,
    sending::{Session, SystemClock},
};
use sandbox::{self, RunningSandbox, Sandbox};

pub(super) type HttpSession<'a> = Session<'a, HttpApi>;

/// A way to the server, or to a sandbox that lives as long as this.
#[derive(Debug)]
pub(super) struct Connection {
    api: HttpApi,
    /// `None` where it has to ask for one first.
    token: Option<Token>,
    /// The key of remembered pauses.
    pub(super) server: String,
    /// The latest pause in a session for reads, and its ledger.
    announced: RefCell<Option<(PathBuf, Pause)>>,
    /// Dropping it stops it.
    _sandbox: Option<RunningSandbox>,
}

/// From the environment, or those of the sandbox for a rehearsal.
pub(super) fn credentials(context: &Context) -> CliResult<Credentials> {
    Ok(match context.sandbox {
        None => Credentials::from_env(|name| env::var_os(name))?,
        Some(_) => credentials_of_sandbox()?,
    })
}

pub(super) fn credentials_of_sandbox() -> CliResult<Credentials> {
    Ok(Credentials::from_env(sandbox_credentials)?)
}

impl Connection {
    /// Starts the sandbox where one is asked for. Nothing is sent yet.
    pub(super) async fn open(context: &mut Context, credentials: Credentials) -> CliResult<Self> {
        let sandbox = match context.sandbox.take() {
            None => None,
            Some(config) => Some(Sandbox::start(config).await?),
        };
        if let Some(running) = &sandbox
            && let Ok(url) = running.base_url().parse()
        {
            context.settings.api.base_url = url;
        }
        let token = credentials.initial_token();
        let settings = &context.settings;
        Ok(Connection {
            api: HttpApi::new(&settings.api, settings.limits.concurrency, credentials)?,
            token,
            server: settings.api.base_url.to_string(),
            announced: RefCell::default(),
            _sandbox: sandbox,
        })
    }

    /// Keeps the `pause` that an earlier command was told about.
    pub(super) fn session(
        &self,
        settings: &Settings,
        pause: Option<DateTime<Utc>>,
    ) -> HttpSession<'_> {
        let session = Session::new(
            &self.api,
            self.token.clone(),
            (&settings.limits, &settings.retry),
            &SystemClock,
            fastrand::u64(..),
        );
        if let Some(wait) = pause.and_then(|until| (until - Utc::now()).to_std().ok()) {
            let left = format!("{} are left (--forget-pause discards it)", duration(wait));
            info!("the server asked an earlier run for a pause: {left}");
            session.gate().pause(wait);
        }
        session
    }

    /// A session for reads: the ledger at `ledger` (the real path) is not held, but pauses next to it are kept. A pause
    /// that is announced meanwhile is noted for the next command at the end. From here on the first signal is for the
    /// caller to hear ([`Signals::caught`]).
    pub(super) fn read_session<'a>(
        &'a self,
        settings: &Settings,
        ledger: &'a Path,
        signals: &Signals,
    ) -> HttpSession<'a> {
        signals.end_in_order();
        let known = Lock::peek_pause(ledger, &self.server, Utc::now());
        self.session(settings, known).telling(move |event| {
            if let Some(pause) = announced_pause(&self.server, event) {
                self.announced.replace(Some((ledger.to_owned(), pause)));
            }
        })
    }
}

impl Drop for Connection {
    /// Nothing is noted while a run holds the lock: the server will tell that run itself.
    fn drop(&mut self) {
        if let Some((ledger, pause)) = self.announced.take()
            && let Ok(mut lock) = Lock::take(&ledger, Utc::now())
        {
            remember_pause(&mut lock, pause);
            lock.release(Utc::now());
        }
    }
}

/// So that a rehearsal can renew a token too.
fn sandbox_credentials(name: &str) -> Option<OsString> {
    let value = match name {
        "WEBEX_ACCESS_TOKEN" => sandbox::ACCESS_TOKEN,
        "WEBEX_CLIENT_ID" => sandbox::CLIENT_ID,
        "WEBEX_CLIENT_SECRET" => sandbox::CLIENT_SECRET,
        "WEBEX_REFRESH_TOKEN" => sandbox::REFRESH_TOKEN,
        _ => return None,
    };
    Some(value.into())
}

/// Fewer tries and shorter waits than in a run: somebody looks on.
pub(super) fn limit_patience(settings: &mut Settings, longest_wait: Duration) {
    let retry = &mut settings.retry;
    retry.max_attempts = const { NonZeroU32::new(2).unwrap() };
    retry.base_delay = retry.base_delay.min(Duration::from_millis(500));
    retry.max_retry_after = retry.max_retry_after.min(longest_wait);
}
