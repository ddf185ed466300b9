//! From an agenda to the end of a run: what `run` and `retry` have in common.

use std::{collections::BTreeSet, time::Duration};

use chrono::{NaiveDate, Utc};
use tokio::time::interval;
use tracing::{error, info, warn};

use super::{
    args::SummaryFormat,
    collection::Collection,
    error::{CliError, stop_text},
    outputs::Does,
    rescue::rescue,
    room::{Room, room_for},
    target::Target,
    typed::{LEDGER, Typed, WHERE},
    work::Means,
};
use crate::{
    ledger::{Ledger, Place, Row, State, real_ledger},
    output::{Commands, Hint, Readers, Summary, Workload, console},
    plan::Agenda,
    request::{OrgId, RequestIds},
    runner::{self, BesideOthers, Creates, Event, Finished, Setup},
    settings::Limits,
    text::{count, shell_word},
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

/// Makes sure that the disk has room for the lines of a run on `ledger`.
///
/// # Errors
/// It has not. Nothing was sent.
pub(super) fn require_room(
    ledger: &Ledger,
    selected: &RequestIds,
    means: &Means<'_>,
) -> Result<(), CliError> {
    match room_for(&real_ledger(&means.target.ledger)?, ledger.len()) {
        Room::Short(shortage) => {
            means.outputs.waiting(ledger, selected);
            Err(CliError::NoRoom { shortage })
        }
        Room::Enough { .. } | Room::Unknown => Ok(()),
    }
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
    if !work.is_empty() {
        require_room(&ledger, selected, means)?;
    }
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

/// How to go on, by what was typed. `day`: what `--combine` counts relative periods from.
pub(super) fn commands(target: &Target, typed: &Typed, day: Option<NaiveDate>) -> Commands {
    let ledger = target.ledger.display().to_string();
    let with_day = |command: String| match day {
        Some(day) => format!("{command} --as-of {day}"),
        None => command,
    };
    let retry = with_day(typed.next("retry", &WHERE));
    let is_fixed = !target.is_beside() || typed.has("sandbox_mended");
    Commands {
        again: typed.again(),
        fixed: (!is_fixed).then_some(" --sandbox-mended"),
        recreate: match typed.has("collect") {
            true => format!("{retry} --recreate-failed"),
            false => format!("{retry} --recreate-failed --collect"),
        },
        retry,
        retry_all: typed.next("retry", &LEDGER),
        collect: with_day(typed.next("collect", &WHERE)),
        status: typed.with("status", [ledger]),
        resolve: typed.next("resolve", &WHERE),
        // A variable that makes a rehearsal of every command would make one of this, too.
        for_real: (typed.has("sandbox")).then(|| Hint::new("for real", typed.for_real())),
    }
}

/// [`commands`] for rows that are not as they were when the command was typed: `--cause` names what they failed with then,
/// and a real server has none of the sandbox's sub-partners.
fn commands_for(means: &Means<'_>, rows: &[&Row]) -> Commands {
    let (target, typed) = (means.target, &means.outputs.typed);
    let mut commands = commands(target, typed, means.outputs.day_to_combine);
    let is_unfinished =
        |row: &&&Row| !matches!(row.state, State::Created(_) | State::InDoubt { .. });
    let codes = rows.iter().filter(is_unfinished);
    let codes: BTreeSet<&str> = codes.map(|row| row.state.error_code()).collect();
    if typed.has("cause") {
        let typed_causes = typed.values("cause");
        let is_typed = |code: &&str| typed_causes.iter().any(|typed| typed == code);
        if !codes.iter().all(is_typed) {
            let mut retry = typed.without("retry", &WHERE, "cause");
            // A row that was never sent has no code, and no value of --cause selects it.
            if !codes.contains("") {
                let causes = codes.iter().map(|code| shell_word(code));
                retry.extend(causes.map(|code| format!(" --cause {code}")));
            }
            commands.again.clone_from(&retry);
            commands.retry = retry;
        }
    }
    let orgs = rows
        .iter()
        .filter_map(|row| row.request().sub_partner.as_ref());
    if orgs.into_iter().any(OrgId::is_from_sandbox) {
        let manifest = target.manifest.0.with_extension("real.yaml");
        commands.for_real = commands.for_real.filter(|_| !manifest.exists()).map(|_| {
            let words = [manifest.display().to_string(), "--discover".to_owned()];
            Hint::new(
                "for real, begin with a manifest of your own sub-partners",
                typed.with("init", words),
            )
        });
    }
    commands
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
    let selected: Vec<&Row> = rows().filter(is_told).collect();
    let commands = commands_for(means, &selected);
    let is_at_rest = (finished.unsaved.as_ref())
        .is_none_or(|unsaved| rescue(&means.held.file.path, &finished.ledger, unsaved, Utc::now()));
    let summary = Summary {
        finished,
        selected,
        outside: rows().filter(|row| is_outside(row)).collect(),
        ledger: &means.target.ledger,
        limits: &means.target.settings.limits,
        is_rehearsal: means.target.is_rehearsal(),
        elapsed: means.outputs.elapsed(),
        commands: &commands,
        is_at_rest,
    };
    if let Some(cause) = finished.not_looked_up.first() {
        warn!(
            "{} in doubt could not be looked up ({}), and may have a report or not",
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
