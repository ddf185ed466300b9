//! `monthend retry`

use std::collections::HashSet;

use chrono::Utc;
use tracing::info;

use super::{
    args::RetryArgs,
    collection::Collection,
    connection::credentials,
    drive::{drive, tell_end},
    dry_run::dry_run,
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    signals::Signals,
    target::{Target, Then, tell_repairs},
    work::{Door, Means},
};
use crate::{
    ledger::{Ledger, LedgerError, Place, State},
    plan::Agenda,
    request::RequestId,
    runner::Creates,
};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.selection()?;
    let mut target = Target::with_settings(&args.common.manifest, selection.partition)?;
    if args.dry_run {
        return dry_run(args, &target, &selection);
    }
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
    };
    let work = async |means: &Means<'_>| {
        // The work.
        let selected = selection.of_ledger(&reading.ledger)?;
        tell_repairs(&means.target.ledger, &reading, Then::Written);
        if args.recreate_failed {
            give_up_failed(&mut reading.ledger, &selected);
        }
        let agenda = Agenda::to_retry(reading, &selected).map_err(|e| means.target.torn_line(e))?;
        tell_nothing_to_do(&agenda);
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

/// Says why there is nothing to do, where that is so.
pub(super) fn tell_nothing_to_do(agenda: &Agenda) {
    if !agenda.work.is_empty() {
        return;
    }
    let decide = match agenda.undecided {
        0 => String::new(),
        n => format!(" ({n} wait for a decision: monthend resolve)"),
    };
    info!(
        "nothing to retry{decide}; requests that the ledger does not have are made by `monthend run`"
    );
}

/// Gives up the reports of `selected` that the server could not make, as `resolve --resend --replace` does.
pub(super) fn give_up_failed(ledger: &mut Ledger, selected: &HashSet<RequestId>) {
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
