//! From a work list to the end of a run: what `run` and `retry` have in common.

use std::{collections::BTreeSet, time::Duration};

use chrono::{NaiveDate, Utc};
use tokio::time::interval;
use tracing::{error, info, warn};

use super::{
    args::SummaryFormat,
    command_line::{CommandLine, LEDGER, WHERE},
    context::Context,
    error::{CliError, stop_text},
    rescue::rescue,
    room::{Room, room_for},
    run_context::RunContext,
};
use crate::{
    api::HttpApi,
    ledger::{FileDisk, Ledger, Row, RowIndex, State, real_ledger},
    manifest::Limits,
    output::{Commands, Hint, Reporters, Summary, Workload, console},
    plan::WorkList,
    run::{Creates, Finished, Interrupt, NewReports, OtherRuns, Run, RunInput},
    text::{count, shell_word},
};
use request::{OrgId, RequestIds};

pub(super) fn tell_work(work_list: &WorkList, limits: &Limits) {
    let is_in_doubt = |place: &&RowIndex| {
        let row = work_list.ledger.row(**place);
        matches!(row.state, State::Sending { .. })
    };
    let to_look_up = work_list.work.iter().filter(is_in_doubt).count();
    let workload = Workload {
        to_send: work_list.work.len() - to_look_up,
        to_look_up,
        created: work_list.untouched.skipped,
        adopted: work_list.untouched.adopted,
        undecided: work_list.untouched.failed,
    };
    info!("{}", workload.line(limits));
}

pub(super) fn require_room(
    ledger: &Ledger,
    selected: &RequestIds,
    means: &RunContext<'_>,
) -> Result<(), CliError> {
    match room_for(&real_ledger(&means.context.ledger)?, ledger.len()) {
        Room::Short(shortage) => {
            means.outputs.waiting(ledger, selected);
            Err(CliError::NoRoom { shortage })
        }
        Room::Enough { .. } | Room::Unknown => Ok(()),
    }
}

/// Repairs the ledger on the disk, and begins a run of its rows. `all`: the number of requests, selected or not.
pub(super) async fn begin<'r>(
    work_list: WorkList,
    creates: Creates,
    (all, selected): (usize, &RequestIds),
    means: &'r RunContext<'r>,
    interrupt: Interrupt,
) -> Result<(Run<'r, HttpApi, FileDisk>, NewReports), CliError> {
    let WorkList { ledger, work, doubts, untouched: idle } = work_list;
    let locked = means.locked;
    if !work.is_empty() {
        require_room(&ledger, selected, means)?;
    }
    let written = locked.write(&ledger).await;
    let tried =
        written.and_then(|()| if work.is_empty() { Ok(()) } else { Ok(locked.file.try_folder()?) });
    tried.inspect_err(|_| means.outputs.waiting(&ledger, selected))?;
    let is_a_share = means.context.is_a_share();
    let input = RunInput {
        session: &means.session,
        disk: &locked.file.disk,
        work,
        doubts,
        creates,
        other_runs: if is_a_share { OtherRuns::Shares } else { OtherRuns::None },
        all,
        idle,
        max_failures: means.outputs.max_failures.map(|most| most.rows(selected.len())),
        concurrency: means.context.settings.limits.concurrency.get(),
        interrupt,
        on_event: means.on_event(),
    };
    Ok(Run::begin(ledger, input))
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

/// The follow-up commands, built from what was typed. `day`: what `--combine` counts relative periods from.
pub(super) fn commands(
    context: &Context,
    command_line: &CommandLine,
    day: Option<NaiveDate>,
) -> Commands {
    let ledger = context.ledger.display().to_string();
    let with_day = |command: String| match day {
        Some(day) => format!("{command} --as-of {day}"),
        None => command,
    };
    let again = command_line.again();
    let bare = with_day(command_line.next("retry", &WHERE));
    let (retry, unfinished) = if command_line.is("collect") {
        let retry = format!("{bare} --collect");
        let why = "to create what is not created yet, and collect it";
        (retry.clone(), Hint::new(why, retry))
    } else {
        (bare.clone(), Hint::new("to look them up again", &again))
    };
    let is_fixed = !context.uses_sandbox() || command_line.has("sandbox_fixed");
    Commands {
        again,
        unfinished,
        fixed: (!is_fixed).then_some(" --sandbox-fixed"),
        recreate: if command_line.has("collect") {
            format!("{bare} --recreate-failed")
        } else {
            format!("{bare} --recreate-failed --collect")
        },
        retry,
        retry_all: command_line.next("retry", LEDGER),
        collect: with_day(command_line.next("collect", &WHERE)),
        status: command_line.with("status", [ledger]),
        resolve: command_line.next("resolve", &WHERE),
        // Only if --sandbox was typed: a variable would make a rehearsal of this command too.
        for_real: (command_line.has("sandbox"))
            .then(|| Hint::new("for real", command_line.for_real())),
    }
}

/// [`commands`] for rows that have changed since the command was typed: their codes may no longer be those that --cause
/// names, and the sandbox's sub-partners do not exist on a real server.
fn commands_for(means: &RunContext<'_>, rows: &[&Row]) -> Commands {
    let (context, command_line) = (means.context, &means.outputs.command_line);
    let mut commands = commands(context, command_line, means.outputs.day_to_combine);
    let is_unfinished =
        |row: &&&Row| !matches!(row.state, State::Created(_) | State::InDoubt { .. });
    let codes = rows.iter().filter(is_unfinished);
    let codes: BTreeSet<&str> = codes.map(|row| row.state.error_code()).collect();
    if command_line.has("cause") {
        let typed_causes = command_line.values("cause");
        let is_typed = |code: &&str| typed_causes.iter().any(|typed| typed == code);
        if !codes.iter().all(is_typed) {
            let mut retry = command_line.without("retry", &WHERE, "cause");
            // A row that was never sent has no code, and no value of --cause selects it.
            if !codes.contains("") {
                let causes = codes.iter().map(|code| shell_word(code));
                retry.extend(causes.map(|code| format!(" --cause {code}")));
            }
            commands.again.clone_from(&retry);
            commands.retry = retry;
        }
    }
    let orgs = rows.iter().filter_map(|row| row.request().sub_partner.as_ref());
    if orgs.into_iter().any(OrgId::is_from_sandbox) {
        let manifest = context.manifest.0.with_extension("real.yaml");
        commands.for_real = commands.for_real.filter(|_| !manifest.exists()).map(|_| {
            let words = [manifest.display().to_string(), "--discover".to_owned()];
            Hint::new(
                "for real, begin with a manifest of your own sub-partners",
                command_line.with("init", words),
            )
        });
    }
    commands
}

pub(super) fn tell_end(
    finished: &Finished,
    means: &RunContext<'_>,
    selected: &RequestIds,
    is_outside: impl Fn(&Row) -> bool,
) {
    let rows = || finished.ledger.rows();
    let is_told = |row: &&Row| selected.contains(&row.key());
    let told: Vec<&Row> = rows().filter(is_told).collect();
    let commands = commands_for(means, &told);
    let is_at_rest = (finished.unsaved.as_ref()).is_none_or(|unsaved| {
        rescue(&means.locked.file.path, &finished.ledger, unsaved, Utc::now())
    });
    let summary = Summary {
        finished,
        selected: told,
        outside: rows().filter(|row| is_outside(row)).collect(),
        ledger: &means.context.ledger,
        limits: &means.context.settings.limits,
        is_rehearsal: means.context.is_rehearsal(),
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
