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
    finish::finish,
    held::HeldLedger,
    outputs::{Does, Outputs, Told},
    plan::discovered,
    signals::Signals,
    target::{Target, Then, repairs, tell},
    typed::Typed,
    warnings::{sends, warn_of_plan},
    work::{Door, Means},
};
use crate::{
    ledger::{Ledger, Row, State},
    manifest::Manifest,
    plan::{Agenda, Plan, Selection},
    request::RequestIds,
    runner::Creates,
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

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    outputs.spare_collected(&held)?;
    let reading = held.file.reading.take();

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
        let plan = Plan::expand(manifest, &discovered)?;
        let is_new = reading.is_none();
        let reading = reading.unwrap_or_default();
        let repairs = repairs(&means.target.ledger, &reading, Then::Written);
        let selected = selection.of_plan(&plan, manifest, &discovered, &reading.ledger)?;
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
        let all = plan.requests().len();
        if args.existing != OnExisting::Ignore {
            if !agenda.work.is_empty() {
                require_room(&agenda.ledger, &selected, means)?;
            }
            // What is in doubt comes first: its report must not be taken for its twin's.
            if let Some(doubts) = agenda.take_doubts() {
                let looked_up = drive(doubts, Creates::None, (all, &selected), None, means).await?;
                if looked_up.stop.is_some() || looked_up.unsaved.is_some() {
                    let exit = Exit::of(&looked_up);
                    return finish(looked_up, exit, means, selected, |_| false, None);
                }
                agenda = Agenda::of(looked_up.ledger, &selected);
            }
            let limits = &means.target.settings.limits;
            let found = existing::find(means.session, &agenda, &plan, limits, signals).await;
            let found = found.inspect_err(|_| means.outputs.waiting(&agenda.ledger, &selected))?;
            if args.existing == OnExisting::Stop && !found.is_empty() {
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
        let exit = Exit::of(&finished);
        finish(
            finished,
            exit,
            means,
            selected,
            is_left,
            collection.as_ref(),
        )
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
