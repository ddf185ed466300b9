//! `monthend retry`

use std::collections::HashSet;

use chrono::Utc;
use tracing::info;

use super::{
    args::RetryArgs,
    collection::Collection,
    connection::credentials,
    drive::{drive, tell_end, tell_work},
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    signals::Signals,
    target::{Target, tell_repairs},
    typed::Typed,
    work::{Door, Means},
};
use crate::{
    ledger::{Ledger, LedgerError, Place, State},
    plan::Agenda,
    request::RequestId,
    runner::Creates,
};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let mut target = Target::with_settings(&args.common.manifest, selection.partition)?;
    let credentials = credentials(&target)?;

    // The ledger.
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let missing = || LedgerError::Missing(target.ledger.clone());
    let mut reading = held.file.reading.take().ok_or_else(missing)?;

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
        // The work.
        let selected = selection.of_ledger(&reading.ledger)?;
        let repairs = std::mem::take(&mut reading.repairs);
        if args.recreate_failed {
            give_up_failed(&mut reading.ledger, &selected);
        }
        let agenda = Agenda::to_retry(reading, &selected);
        if let Ok(agenda) = &agenda {
            tell_work(agenda, &means.target.settings.limits);
        }
        tell_repairs(&means.target.ledger, &repairs, "");
        let agenda = agenda.map_err(|e| means.target.torn_line(e))?;
        let all = agenda.ledger.len();
        let mut finished = drive(agenda, Creates::All, all, means).await?;
        if let Some(collection) = &collection {
            finished = collection.after(finished, &selected, means).await;
        }

        // The words.
        tell_end(&finished, means, &selected, |_| false);
        if let Some(collection) = &collection {
            collection.combine(&finished, &selected)?;
        }
        Ok(Exit::of(&finished))
    };
    door.open(work).await
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
