//! The one door through which a command that holds its ledger reaches the server, and what it works with then.

use chrono::Utc;

use super::{
    args::WorkArgs, connection::Connection, error::CliError, held::HeldLedger, signals::Signals,
    target::Target, typed::Typed,
};
use crate::{
    api::{Credentials, HttpApi},
    output::{Progress, Readers},
    runner::Interrupt,
    session::{News, Session},
};

/// Everything is there to begin with: settings, credentials, the ledger.
pub(super) struct Door<'a> {
    pub(super) target: &'a mut Target,
    pub(super) credentials: Credentials,
    pub(super) held: &'a HeldLedger,
    pub(super) signals: &'a Signals,
    pub(super) common: &'a WorkArgs,
    pub(super) quiet: bool,
    pub(super) typed: &'a Typed,
}

/// What a command works with.
pub(super) struct Means<'a> {
    pub(super) target: &'a Target,
    pub(super) held: &'a HeldLedger,
    pub(super) session: &'a Session<'a, HttpApi>,
    pub(super) readers: &'a Readers,
    pub(super) interrupt: Interrupt,
    pub(super) typed: &'a Typed,
}

impl Door<'_> {
    /// Opens the conversation and does `work` in it. What comes up meanwhile goes to the readers, and announced pauses
    /// are kept beside the ledger at once. From here on the first signal ends the command in good order.
    ///
    /// # Errors
    /// There is no conversation to be had, and what `work` says.
    pub(super) async fn open<T>(
        self,
        work: impl AsyncFnOnce(&Means<'_>) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        self.target.tell_server();
        let held = self.held;
        let readers = self.readers();
        let connection = Connection::open(self.target, self.credentials).await?;
        let (target, server) = (&*self.target, &connection.server);
        let listener = |news: &News| {
            held.note_pause(server, news);
            readers.on_news(news, Utc::now());
        };
        let session = connection.session(&target.settings, held.pause(server), &listener);
        self.signals.end_in_order();
        let means = Means {
            target,
            held,
            session: &session,
            readers: &readers,
            interrupt: self.signals.interrupt(self.common.grace),
            typed: self.typed,
        };
        work(&means).await
    }

    /// All that read the command's events, in the order in which they are told.
    fn readers(&self) -> Readers {
        let settings = &self.target.settings;
        let progress = Progress::new(
            self.quiet,
            &settings.limits,
            &settings.retry,
            self.common.grace,
        );
        Readers::new(vec![Box::new(progress)])
    }
}
