//! `monthend run`

use tracing::info;

use super::{
    args::{OnExisting, RunArgs},
    collection::Collection,
    connection::credentials,
    drive::{drive, require_room, tell_work},
    dry_run::dry_run_of_run,
    error::CliError,
    existing,
    exit::Exit,
    finish::{Ended, finish},
    gone::{collected_file, trace_of, warn_of_another},
    held::HeldLedger,
    outputs::{Does, Outputs, Told},
    plan::discovered,
    planning::Planning,
    signals::Signals,
    target::{Target, Then, repairs, tell},
    typed::Typed,
    warnings::{sends, tell_leftovers, warn_of_plan},
    work::{Door, Means},
};
use crate::{
    history,
    ledger::{Ledger, Row, State},
    manifest::Manifest,
    plan::{Agenda, Plan, Selection},
    request::RequestIds,
    runner::Creates,
    whole_file::folder_of,
};

/// Converges: every selected request of the plan that is not created is sent, or looked up.
pub(super) async fn run(args: &RunArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    if args.format.dry_run {
        return dry_run_of_run(args).await;
    }
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let (target, manifest) =
        Target::with_manifest(&args.common.manifest, &args.calendar, selection.partition)?;
    let told = Told {
        command: "run",
        common: &args.common,
        selection: &selection,
        quiet,
        typed,
        format: args.format.summary_format().ok_or(CliError::CsvOfSummary)?,
        as_of: Some(args.calendar.as_of()),
        is_relative: manifest.is_relative,
        does: Does::creates(args.and_collect.collect),
        collects: args.and_collect.if_wanted(),
    };
    let outputs = Outputs::prepare(&told, &target)?;
    let result = converge(args, target, (&manifest, &selection), &signals, &outputs).await;
    outputs.end(result)
}

async fn converge(
    args: &RunArgs,
    mut target: Target,
    (manifest, selection): (&Manifest, &Selection),
    signals: &Signals,
    outputs: &Outputs,
) -> Result<Exit, CliError> {
    let credentials = credentials(&target)?;
    target.refuse_as_for_real()?;

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let reading = held.file.reading.take();
    let is_undecided = reading.is_none() && args.existing.is_none();
    if args.existing.is_none() {
        target.refuse_gone_for_real()?;
    }
    if is_undecided && let Some(trace) = trace_of(&target.ledger) {
        let ledger = target.ledger.clone();
        return Err(CliError::Gone { ledger, trace });
    }

    let collection = args.and_collect.if_wanted();
    let collection = collection
        .map(|how| Collection::prepare(how, &target, &held))
        .transpose()?;

    // The server, and what is done with it.
    let door = Door {
        target: &mut target,
        credentials,
        held: &held,
        signals,
        common: &args.common,
        outputs,
    };
    let work = async |means: &Means<'_>| {
        // The plan.
        let discovered = discovered(means.session, manifest, signals).await?;
        let is_new = reading.is_none();
        let reading = reading.unwrap_or_default();
        let repairs = repairs(&means.target.ledger, &reading, Then::Written);
        let planning = Planning {
            manifest,
            calendar: &args.calendar,
            selection,
            ledger: &reading.ledger,
            is_offline: false,
        };
        let (plan, selected) = planning.plan(&discovered)?;
        if is_undecided {
            let ledger = means.target.ledger.clone();
            let output = args.and_collect.how.output.as_deref();
            let output = means.target.output(output, &means.held.file.path);
            let folder = folder_of(&means.held.file.path);
            if let Some(trace) = collected_file(&plan, selection.partition, &output, folder) {
                return Err(CliError::Gone { ledger, trace });
            }
            warn_of_another(&ledger, &plan, means.target.is_rehearsal());
        }
        let agenda = Agenda::to_run(reading, &plan, &selected);
        if let Ok(agenda) = &agenda {
            tell_work(agenda, &means.target.settings.limits);
        }
        if is_new {
            let path = means.target.ledger.display();
            info!("no ledger at {path}: this run starts a new one");
        }
        tell(&repairs);
        let mut agenda = agenda.map_err(|e| means.target.torn_line(e))?;
        let sends = sends(&agenda.ledger, &agenda.work);
        warn_of_plan(manifest, &plan, &args.calendar, sends);
        tell_leftovers(&agenda.ledger, &plan);
        let all = plan.requests().len();
        if let Some(on_existing @ (OnExisting::Adopt | OnExisting::Stop)) = args.existing {
            if !agenda.work.is_empty() {
                require_room(&agenda.ledger, &selected, means)?;
            }
            // What is in doubt comes first: its report must not be taken for its twin's.
            if let Some(doubts) = agenda.take_doubts() {
                let looked_up = drive(doubts, Creates::None, (all, &selected), None, means).await?;
                if looked_up.stop.is_some() || looked_up.unsaved.is_some() {
                    let exit = Exit::of(&looked_up);
                    let ended = Ended {
                        finished: looked_up,
                        exit,
                        selected,
                        to_combine: None,
                    };
                    return finish(ended, means, |_| false, None);
                }
                agenda = Agenda::of(looked_up.ledger, &selected);
            }
            let limits = &means.target.settings.limits;
            let found = existing::find(means.session, &agenda, &plan, limits, signals).await;
            let mut found =
                found.inspect_err(|_| means.outputs.waiting(&agenda.ledger, &selected))?;
            let history = history::beside(&means.held.file.path);
            existing::prefer_known(means.session, &agenda, &mut found, &history).await?;
            if on_existing == OnExisting::Stop && !found.is_empty() {
                means.outputs.waiting(&agenda.ledger, &selected);
                let (format, typed) = (means.outputs.format, &means.outputs.typed);
                return Ok(existing::tell(&agenda, &found, format, typed));
            }
            existing::adopt(&mut agenda, found, &means.outputs.readers);
        }

        // The work. The plan is not needed any more, and is as large as a third of the rows.
        let outside = left_outside(&agenda.ledger, &plan);
        drop(plan);
        let rows = (all, &selected);
        let finished = drive(agenda, Creates::All, rows, collection.as_ref(), means).await?;

        // The words.
        let is_left =
            |row: &Row| outside.contains(&row.key()) && !matches!(row.state, State::Created(_));
        let ended = Ended {
            exit: Exit::of(&finished),
            finished,
            selected,
            to_combine: None,
        };
        finish(ended, means, is_left, collection.as_ref())
    };
    door.open(work).await
}

/// The unfinished rows that the plan does not have: planned rows stand before all others.
fn left_outside(ledger: &Ledger, plan: &Plan) -> RequestIds {
    let planned = plan.requests().iter().map(|planned| planned.id);
    let others = ledger.rows().skip(ledger.places_of(planned).count());
    let unfinished = others.filter(|row| !matches!(row.state, State::Created(_)));
    unfinished.map(Row::key).collect()
}
