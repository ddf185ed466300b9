//! From an agenda to the end of a run: what `run` and `retry` have in common.

use std::time::Duration;

use chrono::{NaiveDate, Utc};
use tokio::time::interval;
use tracing::{error, info, warn};

use super::{
    args::SummaryFormat,
    collection::Collection,
    error::{CliError, stop_text},
    outputs::Does,
    rescue::rescue,
    target::Target,
    typed::{REHEARSAL, Typed, WHERE},
    work::Means,
};
use crate::{
    ledger::{Place, Row, State},
    output::{Commands, Readers, Summary, Workload, console},
    plan::Agenda,
    request::RequestIds,
    runner::{self, BesideOthers, Creates, Event, Finished, Setup},
    settings::Limits,
    text::count,
};

/// Says on stderr how much there is to do.
pub(super) fn tell_work(agenda: &Agenda, limits: &Limits) {
    let is_in_doubt = |place: &&Place| {
        let row = agenda.ledger.row(**place);
        matches!(row.state, State::Sending { .. })
    };
    let to_look_up = agenda.work.iter().filter(is_in_doubt).count();
    let workload = Workload {
        to_send: agenda.work.len() - to_look_up,
        to_look_up,
        created: agenda.idle.skipped,
        adopted: agenda.idle.adopted,
        undecided: agenda.idle.failed,
    };
    info!("{}", workload.line(limits));
}

/// Brings the ledger in order on the disk, then its rows to their end; with `collection`, the selected ones that are
/// created to theirs. `all`: how many requests there are, selected or not.
pub(super) async fn drive(
    agenda: Agenda,
    creates: Creates,
    (all, selected): (usize, &RequestIds),
    collection: Option<&Collection>,
    means: &Means<'_>,
) -> Result<Finished, CliError> {
    let Agenda {
        ledger,
        work,
        doubts,
        idle,
    } = agenda;
    let (held, readers) = (means.held, &means.outputs.readers);
    let written = held.write(&ledger).await;
    let tried = written.and_then(|()| match work.is_empty() {
        true => Ok(()),
        false => Ok(held.file.try_folder()?),
    });
    tried.inspect_err(|_| means.outputs.waiting(&ledger, selected))?;
    let on_event = |event: &Event| readers.on_event(event);
    let setup = Setup {
        session: means.session,
        ledger,
        disk: &held.file.disk,
        work,
        doubts,
        creates,
        beside_others: match means.target.is_a_share() {
            true => BesideOthers::Shares,
            false => BesideOthers::No,
        },
        all,
        idle,
        max_failures: means
            .outputs
            .max_failures
            .map(|most| most.rows(selected.len())),
        concurrency: means.target.settings.limits.concurrency.get(),
        interrupt: means.interrupt.clone(),
        on_event: &on_event,
    };
    let run = async {
        match collection {
            None => runner::run(setup).await,
            Some(collection) => {
                let settings = &means.target.settings;
                collection.run(setup, selected, settings).await
            }
        }
    };
    Ok(ticking(readers, run).await)
}

/// Does `work` while the readers show what changes without an event.
async fn ticking<T>(readers: &Readers, work: impl Future<Output = T>) -> T {
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

/// How to go on, by what was typed. With a `day`, the commands that combine files count periods from it.
pub(super) fn commands(target: &Target, typed: &Typed, day: Option<NaiveDate>) -> Commands {
    let ledger = target.ledger.display().to_string();
    let is_kept = |id: &&str| !REHEARSAL.contains(id);
    let for_real: Vec<&str> = WHERE.into_iter().filter(is_kept).collect();
    let with_day = |command: String| match day {
        Some(day) => format!("{command} --as-of {day}"),
        None => command,
    };
    let retry = with_day(typed.next("retry", &WHERE));
    let is_mended = !target.is_beside() || typed.has("sandbox_mended");
    Commands {
        again: typed.again(),
        mended: (!is_mended).then(|| format!("{retry} --sandbox-mended")),
        recreate: match typed.has("collect") {
            true => format!("{retry} --recreate-failed"),
            false => format!("{retry} --recreate-failed --collect"),
        },
        retry,
        collect: with_day(typed.next("collect", &WHERE)),
        status: typed.with("status", [ledger.clone()]),
        resolve: typed.with("resolve", [ledger, "--request".to_owned()]),
        // A variable that makes a rehearsal of every command would make one of this, too.
        for_real: (typed.has("sandbox")).then(|| typed.next("run", &for_real)),
    }
}

/// Says how a run ended: what is missing on the disk, why it stopped, and the summary on stdout.
pub(super) fn tell_end(
    finished: &Finished,
    means: &Means<'_>,
    selected: &RequestIds,
    is_outside: impl Fn(&Row) -> bool,
) {
    let rows = || finished.ledger.rows();
    let is_told = |row: &&Row| {
        let is_created = matches!(row.state, State::Created(_));
        selected.contains(&row.key()) && (means.outputs.does != Does::Collects || is_created)
    };
    let summary = Summary {
        finished,
        selected: rows().filter(is_told).collect(),
        outside: rows().filter(|row| is_outside(row)).collect(),
        ledger: &means.target.ledger,
        limits: &means.target.settings.limits,
        is_rehearsal: means.target.is_rehearsal(),
        elapsed: means.outputs.elapsed(),
        commands: &commands(
            means.target,
            &means.outputs.typed,
            means.outputs.day_to_combine,
        ),
    };
    if let Some(unsaved) = &finished.unsaved {
        rescue(&means.held.file.path, &finished.ledger, unsaved, Utc::now());
    }
    if let Some(cause) = finished.not_looked_up.first() {
        warn!(
            "{} in doubt could not be looked up ({}); `monthend run` tries again, `monthend resolve` decides by hand",
            count(finished.not_looked_up.len(), "row"),
            cause.text
        );
    }
    if let Some(reason) = &finished.stop {
        error!("{}", stop_text(reason));
    }
    if means.outputs.format == SummaryFormat::Table {
        console::say(summary.text());
    }
}
