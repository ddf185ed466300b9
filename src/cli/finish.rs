//! From an agenda to an exit code: what `run` and `retry` have in common.

use std::{cell::RefCell, collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{sync::watch, time::interval};
use tracing::{error, info, warn};

use super::{
    args::RetryArgs,
    connection::{Connection, credentials},
    error::{CliError, stop_text},
    exit::Exit,
    rescue::rescue,
    target::Target,
};
use crate::{
    api::HttpApi,
    ledger::{Counts, Ledger, LedgerFile, Lock, Pause, Place, Reading, Row, State},
    output::{Progress, Summary, console, duration},
    plan::{Agenda, UnknownRequest},
    request::RequestId,
    runner::{self, Finished, Interrupt, Setup, Signal},
    session::{News, Session, SystemClock},
};

/// Everything that a run needs but its agenda: settings, server, ledger.
pub(super) struct Ready<'a> {
    pub(super) target: Target,
    pub(super) connection: Connection,
    pub(super) held: LedgerFile,
    pub(super) lock: &'a RefCell<Lock>,
    pub(super) progress: Progress,
    pub(super) grace: Duration,
    pub(super) signals: watch::Receiver<Option<Signal>>,
}

/// Checks the credentials, takes the ledger and its lock, reaches for the server, and does `work` with all of it.
/// In this order, so that each mistake is found before the next thing is touched.
pub(super) async fn with_ledger(
    mut target: Target,
    args: &RetryArgs,
    quiet: bool,
    signals: watch::Receiver<Option<Signal>>,
    work: impl AsyncFnOnce(Ready<'_>) -> Result<Exit, CliError>,
) -> Result<Exit, CliError> {
    let credentials = credentials(&target)?;
    let (held, lock) = hold(&target)?;
    let exit = match Connection::open(&mut target, credentials).await {
        Ok(connection) => {
            let ready = Ready {
                target,
                connection,
                held,
                lock: &lock,
                progress: Progress::new(quiet),
                grace: args.grace,
                signals,
            };
            work(ready).await
        }
        Err(e) => Err(e),
    };
    lock.into_inner().release(Utc::now());
    exit
}

/// Takes the ledger and its lock; whatever is wrong with it is found before anything is sent.
fn hold(target: &Target) -> Result<(LedgerFile, RefCell<Lock>), CliError> {
    let (held, lock) = LedgerFile::hold(&target.ledger, Utc::now())?;
    if let Err(e) = held.refuse_mixing(target.is_rehearsal()) {
        lock.release(Utc::now());
        return Err(e.into());
    }
    Ok((held, RefCell::new(lock)))
}

/// All there is beside what is selected.
pub(super) enum Whole {
    /// `run`: the requests of the plan.
    Plan(HashSet<RequestId>),
    /// `retry`: the ledger's rows.
    Ledger,
}

/// A conversation with the server that keeps the `pause` which an earlier process was told of.
pub(super) fn session<'a>(
    target: &Target,
    connection: &'a Connection,
    listener: &'a dyn Fn(&News),
    pause: Option<DateTime<Utc>>,
) -> Session<'a, HttpApi> {
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
            duration(wait)
        );
        session.gate().hold(wait);
    }
    session
}

impl Ready<'_> {
    /// Keeps announced pauses for the next process and tells about them.
    pub(super) fn listener(&self) -> impl Fn(&News) + '_ {
        move |news| {
            if let News::Paused { until, .. } = news {
                let pause = Pause {
                    server: self.connection.server.clone(),
                    until: *until,
                };
                if let Err(e) = self.lock.borrow_mut().remember(pause) {
                    warn!("the pause could not be noted for the next run: {e}");
                }
            }
            self.progress.on_news(news);
        }
    }

    /// The conversation of this run.
    pub(super) fn session<'a>(&'a self, listener: &'a dyn Fn(&News)) -> Session<'a, HttpApi> {
        let pause = self.lock.borrow().pause(&self.connection.server);
        session(&self.target, &self.connection, listener, pause)
    }

    /// What a crash had left of the ledger.
    pub(super) fn tell_repairs(&self, reading: &Reading) {
        for repair in &reading.repairs {
            warn!("{}: {repair}", self.target.ledger.display());
        }
    }

    /// A torn line of the ledger about a request that nobody can name.
    pub(super) fn torn_line(&self, source: UnknownRequest) -> CliError {
        CliError::TornLine {
            path: self.target.ledger.clone(),
            source,
        }
    }
    /// Brings the ledger in order on the disk, runs, and tells how it went.
    pub(super) async fn finish(
        &self,
        session: &Session<'_, HttpApi>,
        agenda: Agenda,
        selected: &HashSet<RequestId>,
        whole: &Whole,
    ) -> Result<Exit, CliError> {
        let Agenda {
            ledger,
            work,
            created,
            undecided,
        } = agenda;
        self.held.write(&ledger).await?;
        let in_doubt = work
            .iter()
            .filter(|place| matches!(ledger.row(**place).state, State::Sending { .. }))
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
        let all = match whole {
            Whole::Plan(planned) => planned.len(),
            Whole::Ledger => ledger.len(),
        };
        let finished = self.drive(session, ledger, work, (all, idle)).await;
        self.tell(&finished, selected, whole)?;
        Ok(Exit::of(&finished))
    }

    async fn drive(
        &self,
        session: &Session<'_, HttpApi>,
        ledger: Ledger,
        work: Vec<Place>,
        (all, idle): (usize, Counts),
    ) -> Finished {
        let on_event = |event: &runner::Event| self.progress.on_event(event);
        let run = runner::run(Setup {
            session,
            ledger,
            disk: &self.held.disk,
            work,
            all,
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
        whole: &Whole,
    ) -> Result<(), CliError> {
        let rows = finished.ledger.rows();
        let is_left = |row: &&Row| match whole {
            Whole::Plan(planned) => {
                !planned.contains(&row.id()) && !matches!(row.state, State::Created(_))
            }
            Whole::Ledger => false,
        };
        let summary = Summary {
            finished,
            selected: rows
                .clone()
                .filter(|row| selected.contains(&row.id()))
                .collect(),
            outside: rows.filter(is_left).collect(),
            ledger: &self.target.ledger,
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
