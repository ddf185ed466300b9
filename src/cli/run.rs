//! `monthend run`

use std::collections::HashSet;

use tracing::info;

use super::{
    args::{OnExisting, RunArgs},
    collection::Collection,
    connection::credentials,
    drive::{drive, tell_end, tell_work},
    error::CliError,
    existing,
    exit::Exit,
    held::HeldLedger,
    plan::discovered,
    signals::Signals,
    target::{Target, tell_repairs, tell_spellings},
    typed::Typed,
    work::{Door, Means},
};
use crate::{
    ledger::{Row, State},
    plan::{Agenda, Plan},
    runner::Creates,
};

/// Converges: every selected request of the plan that is not created is sent, or looked up.
pub(super) async fn run(args: &RunArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let (mut target, manifest) =
        Target::with_manifest(&args.common.manifest, &args.calendar, selection.partition)?;
    let credentials = credentials(&target)?;

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let reading = held.file.reading.take();

    let collection = Collection::if_wanted(&args.and_collect, &target, &held)?;

    // The server, and what is done with it.
    let door = Door {
        target: &mut target,
        credentials,
        held: &held,
        signals: &signals,
        common: &args.common,
        quiet,
        typed,
    };
    let work = async |means: &Means<'_>| {
        // The plan.
        let discovered = discovered(means.session, &manifest, &signals).await?;
        let plan = Plan::expand(&manifest, &discovered)?;
        let is_new = reading.is_none();
        let mut reading = reading.unwrap_or_default();
        let repairs = std::mem::take(&mut reading.repairs);
        let selected = selection.of_plan(&plan, &manifest, &discovered, &reading.ledger)?;
        let agenda = Agenda::to_run(reading, &plan, &selected);
        if let Ok(agenda) = &agenda {
            tell_work(agenda, &means.target.settings.limits);
        }
        if is_new {
            let path = means.target.ledger.display();
            info!("no ledger at {path}: this run starts a new one");
        }
        tell_spellings(&plan);
        tell_repairs(&means.target.ledger, &repairs, "");
        let mut agenda = agenda.map_err(|e| means.target.torn_line(e))?;
        let all = plan.requests().len();
        if args.existing != OnExisting::Ignore {
            // What is in doubt comes first: its report must not be taken for its twin's.
            if let Some(doubts) = agenda.take_doubts() {
                let looked_up = drive(doubts, Creates::None, all, means).await?;
                if looked_up.stop.is_some() || looked_up.unsaved.is_some() {
                    tell_end(&looked_up, means, &selected, |_| false);
                    return Ok(Exit::of(&looked_up));
                }
                agenda = Agenda::of(looked_up.ledger, &selected);
            }
            let found = existing::find(
                means.session,
                &agenda,
                &plan,
                &means.target.settings.limits,
                &signals,
            )
            .await?;
            match args.existing {
                OnExisting::Stop if !found.is_empty() => {
                    return Ok(existing::tell(&agenda, &found));
                }
                _ => existing::adopt(&mut agenda, found),
            }
        }

        // The work.
        let mut finished = drive(agenda, Creates::All, all, means).await?;
        if let Some(collection) = &collection {
            finished = collection.after(finished, &selected, means).await;
        }

        // The words.
        let planned: HashSet<_> = plan.requests().iter().map(|planned| planned.id).collect();
        let is_left =
            |row: &Row| !planned.contains(&row.key()) && !matches!(row.state, State::Created(_));
        tell_end(&finished, means, &selected, is_left);
        if let Some(collection) = &collection {
            collection.combine(&finished, &selected)?;
        }
        Ok(Exit::of(&finished))
    };
    door.open(work).await
}
