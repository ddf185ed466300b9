//! How a command that holds its ledger reaches the server, and what it works with then.

use chrono::Utc;

use super::{
    args::WorkArgs, connection::Connection, context::Context, error::CliError,
    locked_ledger::LockedLedger, outputs::Outputs, signals::Signals,
};
use crate::{
    api::{Credentials, HttpApi},
    run::Interrupt,
    sending::{Session, SessionEvent},
};

/// Everything that must be there to begin: settings, credentials, the ledger.
pub(super) struct Door<'a> {
    pub(super) context: &'a mut Context,
    pub(super) credentials: Credentials,
    pub(super) locked: &'a LockedLedger,
    pub(super) signals: &'a Signals,
    pub(super) common: &'a WorkArgs,
    pub(super) outputs: &'a Outputs,
}

pub(super) struct RunContext<'a> {
    pub(super) context: &'a Context,
    pub(super) locked: &'a LockedLedger,
    pub(super) session: &'a Session<'a, HttpApi>,
    pub(super) outputs: &'a Outputs,
    pub(super) interrupt: Interrupt,
}

impl Door<'_> {
    /// Connects and does `work`. Events go to the reporters, and announced pauses are kept beside the ledger at once.
    /// From here on the first signal ends the command in good order.
    pub(super) async fn open<T>(
        self,
        work: impl AsyncFnOnce(&RunContext<'_>) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        self.context.tell_server();
        let (locked, outputs) = (self.locked, self.outputs);
        let connection = Connection::open(self.context, self.credentials).await?;
        let (context, server) = (&*self.context, &connection.server);
        outputs.begin(context, locked);
        if self.common.forget_pause {
            locked.forget_pause(server);
        }
        let listener = |news: &SessionEvent| {
            locked.note_pause(server, news);
            outputs.readers.on_news(news, Utc::now());
        };
        let session = connection.session(&context.settings, locked.pause(server), &listener);
        self.signals.end_in_order();
        let means = RunContext {
            context,
            locked,
            session: &session,
            outputs,
            interrupt: self.signals.interrupt(self.common.grace),
        };
        work(&means).await
    }
}
