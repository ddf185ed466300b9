//! What a command that holds its ledger works with.

use std::rc::Rc;

use chrono::Utc;

use super::{
    args::WorkArgs, connection::Connection, context::Context, locked_ledger::LockedLedger,
    outputs::Outputs,
};
use crate::{
    api::HttpApi,
    run::Event,
    sending::{Session, SessionEvent},
};

pub(super) struct RunContext<'a> {
    pub(super) context: &'a Context,
    pub(super) locked: &'a LockedLedger,
    pub(super) session: Session<'a, HttpApi>,
    pub(super) outputs: &'a Outputs,
}

impl<'a> RunContext<'a> {
    /// Events go to the reporters, and announced pauses are kept next to the ledger at once.
    pub(super) fn begin(
        context: &'a Context,
        connection: &'a Connection,
        locked: &'a LockedLedger,
        outputs: &'a Outputs,
        common: &WorkArgs,
    ) -> Self {
        let server = &connection.server;
        outputs.begin(context, locked);
        if common.forget_pause {
            locked.forget_pause(server);
        }
        let session = connection.session(&context.settings, locked.pause(server));
        let session = session.telling(move |event: &SessionEvent| {
            locked.note_pause(server, event);
            outputs.readers.on_news(event, Utc::now());
        });
        RunContext { context, locked, session, outputs }
    }

    /// Where a run's events go.
    pub(super) fn on_event(&self) -> Rc<dyn Fn(&Event) + 'a> {
        let readers = &self.outputs.readers;
        Rc::new(|event| readers.on_event(event))
    }
}
