//! What `run`, `retry` and `collect` work with while they hold their ledger.

use std::{path::Path, rc::Rc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::time::interval;
use tracing::{error, info, warn};

use super::{
    CliError, CliResult, Collection, Connection, Context, Exit, HttpSession, LockedLedger, Outputs,
    Room, Signals, SummaryFormat, WorkCommand, collecting, commands_for, created_rows,
    selected_rows, stop_text, warn_all,
};
use crate::{
    api::HttpApi,
    ledger::{FileDisk, Ledger, RescueResult, Row, State, Tampered, real_ledger, save},
    manifest::Manifest,
    output::{Action, Reporters, Summary, Workload, console},
    plan::{Selection, UnknownRequest, WorkList},
    run::{Creates, Finished, NewReports, OtherRuns, Run, RunInput, Unsaved},
    sending::SessionEvent,
    text::{count, system_says},
};
use request::RequestIds;

pub(super) struct RunContext<'a> {
    pub(super) work: &'a WorkCommand<'a>,
    pub(super) selection: &'a Selection,
    pub(super) manifest: Option<&'a Manifest>,
    pub(super) context: &'a Context,
    pub(super) locked: &'a LockedLedger,
    pub(super) outputs: &'a Outputs,
    pub(super) session: HttpSession<'a>,
    pub(super) signals: &'a Signals,
}

/// Which rows a command is about.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    /// The number of requests, selected or not.
    pub(super) all: usize,
    pub(super) selected: RequestIds,
    /// None: the selected ones.
    pub(super) to_combine: Option<RequestIds>,
    /// Rows that were left unfinished when the run began, and that the plan does not have.
    pub(super) outside: RequestIds,
}

/// A session whose news go to the reporters. Announced pauses are kept next to the ledger at once.
pub(super) fn run_session<'a>(
    work: &WorkCommand<'_>,
    context: &'a Context,
    connection: &'a Connection,
    locked: &'a LockedLedger,
    outputs: &'a Outputs,
) -> HttpSession<'a> {
    let server = &connection.server;
    outputs.begin(work, context, locked);
    if work.common.forget_pause {
        locked.forget_pause(server);
    }
    let session = connection.session(&context.settings, locked.pause(server));
    session.telling(move |event: &SessionEvent| {
        locked.note_pause(server, event);
        outputs.readers.on_news(event, Utc::now());
    })
}

impl RunContext<'_> {
    /// Says what there is to do, and what is odd about the ledger; `is_new`: there is none yet.
    pub(super) fn announced(
        &self,
        work_list: Result<WorkList, UnknownRequest>,
        (is_new, repairs): (bool, &[String]),
    ) -> CliResult<WorkList> {
        if let Ok(WorkList { ledger, work, untouched, .. }) = &work_list {
            let states = work.iter().map(|place| &ledger.row(*place).state);
            let to_look_up = states.filter(|it| matches!(it, State::Sending { .. })).count();
            let workload = Workload {
                to_send: work.len() - to_look_up,
                to_look_up,
                created: untouched.skipped,
                adopted: untouched.adopted,
                undecided: untouched.failed,
            };
            info!("{}", workload.line(&self.context.settings.limits));
        }
        if is_new {
            let path = self.context.ledger.display();
            info!("no ledger at {path}: this run starts a new one");
        }
        warn_all(repairs);
        work_list.map_err(|unknown| self.context.torn_line(&unknown))
    }

    pub(super) fn require_room(&self, ledger: &Ledger, selected: &RequestIds) -> CliResult<()> {
        let room = Room::for_rows(&real_ledger(&self.context.ledger)?, ledger.len());
        let Some(short) = room.filter(Room::is_short) else {
            return Ok(());
        };
        self.outputs.waiting(ledger, selected);
        Err(CliError::NoRoom(short))
    }

    /// Repairs the ledger on the disk, and begins a run of its rows.
    pub(super) async fn begin(
        &self,
        work_list: WorkList,
        creates: Creates,
        Rows { all, selected, .. }: &Rows,
    ) -> CliResult<(Run<'_, HttpApi, FileDisk>, NewReports)> {
        let WorkList { ledger, work, doubts, untouched: idle } = work_list;
        let (locked, outputs, settings) = (self.locked, self.outputs, &self.context.settings);
        let max_failures = self.work.common.outputs.max_failures;
        if !work.is_empty() {
            let open = locked.refuse_closed();
            open.inspect_err(|_| outputs.waiting(&ledger, selected))?;
            self.require_room(&ledger, selected)?;
        }
        // Where nothing is left to do, a closed ledger stays as it is, and the command ends as usual.
        let mut written =
            if locked.closed.is_some() { Ok(()) } else { locked.write(&ledger).await };
        if written.is_ok() && !work.is_empty() {
            written = locked.file.try_folder().map_err(CliError::from);
        }
        written.inspect_err(|_| outputs.waiting(&ledger, selected))?;
        let input = RunInput {
            session: &self.session,
            disk: &locked.file.disk,
            work,
            doubts,
            creates,
            other_runs: self.context.apart.share.map_or(OtherRuns::None, |_| OtherRuns::Shares),
            all: *all,
            idle,
            max_failures: max_failures.map(|most| most.rows(selected.len())),
            concurrency: settings.limits.concurrency.get(),
            interrupt: self.signals.interrupt(self.work.common.grace),
            on_event: Rc::new(|event| outputs.readers.on_event(event)),
        };
        Ok(Run::begin(ledger, input))
    }

    /// Refuses to collect into a closed ledger, unless every selected report is there already.
    pub(super) fn refuse_to_collect(
        &self,
        ledger: &Ledger,
        selected: &RequestIds,
    ) -> CliResult<()> {
        let is_left = || {
            let rows = created_rows(ledger, selected);
            let actions = collecting(&rows, &self.locked.file.path, self.work.how.force);
            actions.into_values().any(|action| action != Action::Skip)
        };
        if self.locked.closed.is_some() && self.work.collects && is_left() {
            self.outputs.waiting(ledger, selected);
            return self.locked.refuse_closed();
        }
        Ok(())
    }

    /// The summary, the combined files, and what the reporters are told at the end.
    pub(super) fn finish(
        &self,
        (finished, exit): (Finished, Exit),
        rows: Rows,
        collection: Option<&Collection<'_>>,
    ) -> CliResult {
        let Rows { selected, to_combine, outside, .. } = rows;
        if let Some(collection) = collection {
            collection.tell_elsewhere(&finished.ledger, &selected);
        }
        self.tell_end(&finished, &selected, &outside);
        let to_combine = to_combine.as_ref().unwrap_or(&selected);
        let combined =
            collection.map_or(Ok(()), |it| it.combine(&finished, to_combine, self.manifest));
        self.outputs.worked(finished, selected);
        combined.map(|()| exit)
    }

    fn tell_end(&self, finished: &Finished, selected: &RequestIds, outside: &RequestIds) {
        let told = selected_rows(&finished.ledger, selected);
        let mut outside = selected_rows(&finished.ledger, outside);
        outside.retain(|row| !matches!(row.state, State::Created(_)));
        let commands = commands_for(self, &told);
        let is_at_rest = (finished.unsaved.as_ref()).is_none_or(|unsaved| {
            rescue(&self.locked.file.path, &finished.ledger, unsaved, Utc::now())
        });
        let summary = Summary {
            finished,
            selected: told,
            outside,
            ledger: &self.context.ledger,
            limits: &self.context.settings.limits,
            is_rehearsal: self.context.is_rehearsal(),
            elapsed: self.outputs.elapsed(),
            commands: &commands,
            is_at_rest,
        };
        if let Some(cause) = finished.not_looked_up.first() {
            let (rows, why) = (count(finished.not_looked_up.len(), "row"), &cause.text);
            warn!("{rows} in doubt could not be looked up ({why}), and may have a report or not");
        }
        if let Some(reason) = &finished.stop {
            error!("{}", stop_text(reason));
        }
        if self.outputs.format == SummaryFormat::Table {
            console::say(summary.text());
        }
    }
}

/// Does `work` while the reporters are told of the time.
pub(super) async fn ticking<T>(readers: &Reporters, work: impl Future<Output = T>) -> T {
    let ticks = async {
        let mut every = interval(Duration::from_millis(500));
        loop {
            every.tick().await;
            readers.tick();
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = ticks => unreachable!("ticks never end"),
    }
}

/// Saves `ledger` next to its file where someone else changed that, or prints the missing rows. Gives whether the next
/// command can begin without a repair by hand.
fn rescue(path: &Path, ledger: &Ledger, unsaved: &Unsaved, now: DateTime<Utc>) -> bool {
    let tampered = unsaved.error.get_ref().is_some_and(|e| e.is::<Tampered>());
    if tampered {
        let saved = save(path, &ledger.to_csv(), ledger, now);
        let (path, what) = (path.display(), &unsaved.error);
        match &saved {
            RescueResult::Nothing | RescueResult::There => warn!("{path}: {what}; {saved}"),
            RescueResult::NextTo { .. } => error!("{path}: {what}; {saved}"),
            RescueResult::Nowhere(_) => {
                error!("{path}: {what}; {saved}; its rows follow");
                print(ledger, ledger.rows());
            }
        }
        return matches!(saved, RescueResult::Nothing | RescueResult::There);
    }
    let (path, why) = (path.display(), system_says(&unsaved.error));
    error!("{path}: {why}");
    if !unsaved.rows.is_empty() {
        error!(
            "the last lines of {} are not in the ledger: the next run looks these rows up. For the record, they are:",
            count(unsaved.rows.len(), "row")
        );
        print(ledger, &unsaved.rows);
    }
    true
}

fn print<'r>(ledger: &Ledger, rows: impl IntoIterator<Item = &'r Row>) {
    for row in rows {
        console::print_rows(&ledger.line(row));
    }
}
