//! `monthend retry`

use std::collections::HashSet;

use chrono::Utc;
use tracing::info;

use super::{
    args::RetryArgs,
    collection::Collection,
    connection::{Connection, credentials},
    drive::{Means, drive, tell_end, tell_work},
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    signals::Signals,
    target::{Target, tell_repairs},
    typed::Typed,
};
use crate::{
    ledger::{Ledger, LedgerError, Place, State},
    output::{Progress, Readers},
    plan::Agenda,
    request::RequestId,
    runner::Creates,
    session::News,
};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let mut target = Target::with_settings(&args.common.manifest)?;
    let credentials = credentials(&target)?;

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let missing = || LedgerError::Missing(target.ledger.clone());
    let mut reading = held.file.reading.take().ok_or_else(missing)?;

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

    // The work.
    let selection = args.common.selection.selection();
    let selected = selection.of_ledger(&reading.ledger)?;
    let repairs = std::mem::take(&mut reading.repairs);
    if args.recreate_failed {
        give_up_failed(&mut reading.ledger, &selected);
    }
    let agenda = Agenda::to_retry(reading, &selected).map_err(|e| target.torn_line(e));
    if let Ok(agenda) = &agenda {
        tell_work(agenda, &settings.limits);
    }
    tell_repairs(&target.ledger, &repairs, "");
    let agenda = agenda?;
    let means = Means {
        target: &target,
        held: &held,
        session: &session,
        readers: &readers,
        interrupt: signals.interrupt(grace),
        typed,
        all: agenda.ledger.len(),
    };
    let mut finished = drive(agenda, Creates::All, &means).await?;
    if let Some(collection) = &collection {
        finished = collection.after(finished, &selected, &means).await;
    }

    // The words.
    tell_end(&finished, &means, &selected, |_| false);
    if let Some(collection) = &collection {
        collection.combine(&finished, &selected)?;
    }
    Ok(Exit::of(&finished))
}

/// Gives up the reports of `selected` that the server could not make, as `resolve --resend --replace` does.
fn give_up_failed(ledger: &mut Ledger, selected: &HashSet<RequestId>) {
    let failed = ledger.places().filter(|(_, row)| {
        matches!(row.state, State::Created(_))
            && selected.contains(&row.key())
            && row.collected.status.eq_ignore_ascii_case("FAILED")
    });
    let failed: Vec<Place> = failed.map(|(place, _)| place).collect();
    for place in &failed {
        let mut row = ledger.row(*place).clone().given_up();
        row.updated_at = Some(Utc::now());
        ledger.replace(*place, row);
    }
    if !failed.is_empty() {
        info!(
            "reports that the server could not generate, to be made anew: {}",
            failed.len()
        );
    }
}
