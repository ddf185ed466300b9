//! `monthend run`

use std::collections::HashSet;

use chrono::Utc;
use tracing::info;

use super::{
    args::{OnExisting, RunArgs},
    collection::Collection,
    connection::{Connection, credentials},
    drive::{Means, drive, tell_end, tell_work},
    error::CliError,
    existing,
    exit::Exit,
    held::HeldLedger,
    plan::discovered,
    signals::Signals,
    target::{Target, tell_repairs, tell_spellings},
    typed::Typed,
};
use crate::{
    ledger::{Row, State},
    output::{Progress, Readers},
    plan::{Agenda, Plan},
    runner::Creates,
    session::News,
};

/// Converges: every selected request of the plan that is not created is sent, or looked up.
pub(super) async fn run(args: &RunArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let (mut target, manifest) = Target::with_manifest(&args.common.manifest, &args.calendar)?;
    let credentials = credentials(&target)?;

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let reading = held.file.reading.take();

    let collection = Collection::if_wanted(&args.and_collect, &target, &held)?;

    // The server.
    target.tell_server();
    let connection = Connection::open(&mut target, credentials).await?;
    let (settings, server) = (&target.settings, &connection.server);
    let grace = args.common.grace;
    let progress = Progress::new(quiet, &settings.limits, &settings.retry, grace);
    let readers = Readers::new(vec![Box::new(progress)]);
    let listener = |news: &News| {
        held.note_pause(server, news);
        readers.on_news(news, Utc::now());
    };
    let session = connection.session(settings, held.pause(server), &listener);
    signals.end_in_order();

    // The plan.
    let discovered = discovered(&session, &manifest, &signals).await?;
    let plan = Plan::expand(&manifest, &discovered)?;
    let is_new = reading.is_none();
    let mut reading = reading.unwrap_or_default();
    let repairs = std::mem::take(&mut reading.repairs);
    let selection = args.common.selection.selection();
    let selected = selection.of_plan(&plan, &manifest, &discovered, &reading.ledger)?;
    let agenda = Agenda::to_run(reading, &plan, &selected).map_err(|e| target.torn_line(e));
    if let Ok(agenda) = &agenda {
        tell_work(agenda, &settings.limits);
    }
    if is_new {
        let path = target.ledger.display();
        info!("no ledger at {path}: this run starts a new one");
    }
    tell_spellings(&plan);
    tell_repairs(&target.ledger, &repairs, "");
    let mut agenda = agenda?;
    let means = Means {
        target: &target,
        held: &held,
        session: &session,
        readers: &readers,
        interrupt: signals.interrupt(grace),
        typed,
        all: plan.requests().len(),
    };
    if args.existing != OnExisting::Ignore {
        // What is in doubt comes first: its report must not be taken for its twin's.
        if let Some(doubts) = agenda.take_doubts() {
            let looked_up = drive(doubts, Creates::None, &means).await?;
            if looked_up.stop.is_some() || looked_up.unsaved.is_some() {
                tell_end(&looked_up, &means, &selected, |_| false);
                return Ok(Exit::of(&looked_up));
            }
            agenda = Agenda::of(looked_up.ledger, &selected);
        }
        let found = existing::find(&session, &agenda, &plan, &settings.limits, &signals).await?;
        match args.existing {
            OnExisting::Stop if !found.is_empty() => return Ok(existing::tell(&agenda, &found)),
            _ => existing::adopt(&mut agenda, found),
        }
    }

    // The work.
    let mut finished = drive(agenda, Creates::All, &means).await?;
    if let Some(collection) = &collection {
        finished = collection.after(finished, &selected, &means).await;
    }

    // The words.
    let planned: HashSet<_> = plan.requests().iter().map(|planned| planned.id).collect();
    let is_left =
        |row: &Row| !planned.contains(&row.key()) && !matches!(row.state, State::Created(_));
    tell_end(&finished, &means, &selected, is_left);
    if let Some(collection) = &collection {
        collection.combine(&finished, &selected)?;
    }
    Ok(Exit::of(&finished))
}
