//! The one door through which a command that holds its ledger reaches the server, and what it works with then.

use chrono::Utc;

use super::{
    args::WorkArgs, connection::Connection, error::CliError, held::HeldLedger, outputs::Outputs,
    signals::Signals, target::Target,
};
use crate::{
    api::{Credentials, HttpApi},
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
    pub(super) outputs: &'a Outputs,
}

/// What a command works with.
pub(super) struct Means<'a> {
    pub(super) target: &'a Target,
    pub(super) held: &'a HeldLedger,
    pub(super) session: &'a Session<'a, HttpApi>,
    pub(super) outputs: &'a Outputs,
    pub(super) interrupt: Interrupt,
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
        let (held, outputs) = (self.held, self.outputs);
        let connection = Connection::open(self.target, self.credentials).await?;
        let (target, server) = (&*self.target, &connection.server);
        outputs.begin(target, held);
        if self.common.forget_pause {
            held.forget_pause(server);
        }
        let listener = |news: &News| {
            held.note_pause(server, news);
            outputs.readers.on_news(news, Utc::now());
        };
        let session = connection.session(&target.settings, held.pause(server), &listener);
        self.signals.end_in_order();
        let means = Means {
            target,
            held,
            session: &session,
            outputs,
            interrupt: self.signals.interrupt(self.common.grace),
        };
        work(&means).await
    }
}
