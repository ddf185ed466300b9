//! From an agenda to an exit code: what `run` and `retry` have in common.

use std::{cell::RefCell, collections::HashSet, time::Duration};

use chrono::Utc;
use tokio::{sync::watch, time::interval};
use tracing::{error, info, warn};

use super::{
    connection::Connection,
    error::{CliError, stop_text},
    exit::Exit,
    rescue::rescue,
    target::Target,
};
use crate::{
    ledger::{Disk as _, Ledger, LedgerError, LedgerFile, Lock, Pause, Row, Status},
    output::{Progress, Summary, console},
    plan::Agenda,
    request::RequestId,
    runner::{self, Counts, Finished, Interrupt, Setup, Signal},
    session::{News, Session, SystemClock},
};

/// What a run has beside its agenda.
pub(super) struct Run<'a> {
    pub(super) target: &'a Target,
    pub(super) held: &'a LedgerFile,
    pub(super) progress: &'a Progress,
    pub(super) grace: Duration,
    pub(super) signals: watch::Receiver<Option<Signal>>,
}

/// Keeps announced pauses for the next process and tells about them.
pub(super) fn listener<'a>(
    lock: &'a RefCell<Lock>,
    connection: &'a Connection,
    progress: &'a Progress,
) -> impl Fn(&News) + 'a {
    move |news| {
        if let News::Paused { until, .. } = news {
            let pause = Pause {
                server: connection.server.clone(),
                until: *until,
            };
            if let Err(e) = lock.borrow_mut().remember(pause) {
                warn!("the pause could not be noted for the next run: {e}");
            }
        }
        progress.on_news(news);
    }
}

/// A conversation with the server that keeps a pause which an earlier process was told of.
pub(super) fn session<'a>(
    target: &Target,
    connection: &'a Connection,
    listener: &'a dyn Fn(&News),
    pause: Option<chrono::DateTime<Utc>>,
) -> Session<'a, crate::api::HttpApi> {
    let settings = &target.settings;
    let session = Session::new(
        &connection.api,
        connection.token.clone(),
        (&settings.limits, &settings.retry),
        &SystemClock,
        listener,
        fastrand::u64(..),
    );
    let left = pause.and_then(|until| (until - Utc::now()).to_std().ok());
    if let Some(wait) = left {
        info!(
            "the server asked an earlier run for a pause; {} of it are left",
            crate::output::duration(wait)
        );
        session.gate().hold(wait);
    }
    session
}

impl Run<'_> {
    /// Brings the ledger in order on the disk, runs, and tells how it went.
    pub(super) async fn finish(
        self,
        session: &Session<'_, crate::api::HttpApi>,
        agenda: Agenda,
        selected: &HashSet<RequestId>,
        planned: Option<&HashSet<RequestId>>,
    ) -> Result<Exit, CliError> {
        let Agenda {
            ledger,
            work,
            created,
            undecided,
        } = agenda;
        let path = &self.held.path;
        let csv = ledger.to_csv();
        if !self.held.holds(&csv) {
            self.held
                .disk
                .replace(csv)
                .await
                .map_err(|source| LedgerError::Io {
                    doing: "write the ledger",
                    path: path.clone(),
                    source,
                })?;
        }
        let in_doubt = work
            .iter()
            .filter(|place| ledger.row(**place).status == Status::Sending)
            .count();
        if in_doubt > 0 {
            info!(
                "{in_doubt} of the rows are in doubt from an earlier run; the server is asked about them first"
            );
        }
        let idle = Counts {
            skipped: created,
            failed: undecided,
            ..Counts::default()
        };
        let finished = self.drive(session, ledger, work, idle).await;
        self.tell(&finished, selected, planned)?;
        Ok(Exit::of(&finished))
    }

    async fn drive(
        &self,
        session: &Session<'_, crate::api::HttpApi>,
        ledger: Ledger,
        work: Vec<usize>,
        idle: Counts,
    ) -> Finished {
        let on_event = |event: &runner::Event| self.progress.on_event(event);
        let run = runner::run(Setup {
            session,
            ledger,
            disk: &self.held.disk,
            work,
            idle,
            concurrency: self.target.settings.limits.concurrency.get(),
            interrupt: Interrupt {
                signal: self.signals.clone(),
                grace: self.grace,
            },
            on_event: &on_event,
        });
        let ticks = async {
            let mut every = interval(Duration::from_millis(500));
            loop {
                every.tick().await;
                self.progress.tick();
            }
        };
        tokio::select! {
            biased;
            finished = run => finished,
            () = ticks => unreachable!("ticks never end"),
        }
    }

    fn tell(
        &self,
        finished: &Finished,
        selected: &HashSet<RequestId>,
        planned: Option<&HashSet<RequestId>>,
    ) -> Result<(), CliError> {
        let rows = finished.ledger.rows();
        let is_left = |row: &&Row| {
            planned.is_some_and(|planned| !planned.contains(&row.id()))
                && !matches!(row.status, Status::Created(_))
        };
        let summary = Summary {
            finished,
            selected: rows
                .iter()
                .filter(|row| selected.contains(&row.id()))
                .collect(),
            outside: rows.iter().filter(is_left).collect(),
            ledger: &self.held.path,
            rate: self.target.settings.limits.rate,
        };
        if let Some(unsaved) = &finished.unsaved {
            rescue(&self.held.path, &finished.ledger, unsaved, Utc::now());
        }
        if let Some(cause) = finished.not_looked_up.first() {
            warn!(
                "{} in doubt could not be looked up ({}); `monthend run` tries again",
                finished.not_looked_up.len(),
                cause.text
            );
        }
        if let Some(reason) = &finished.stop {
            error!("{}", stop_text(reason));
        }
        console::print(&summary.text()).map_err(CliError::Stdout)
    }
}
