//! `monthend retry`

use std::collections::HashSet;

use chrono::Utc;
use tracing::info;

use super::{
    args::RetryArgs,
    collection::Collection,
    connection::credentials,
    drive::{drive, tell_work},
    error::CliError,
    exit::Exit,
    finish::finish,
    held::HeldLedger,
    outputs::{Outputs, Told},
    signals::Signals,
    target::{Target, tell_repairs},
    typed::Typed,
    work::{Door, Means},
};
use crate::{
    ledger::{Ledger, LedgerError, Place, State},
    output::Readers,
    plan::{Agenda, Selection},
    request::RequestId,
    runner::{Creates, EventKind},
};

/// Sends the ledger's rows that are failed, pending or sending. The manifest's jobs are not looked at.
pub(super) async fn retry(args: &RetryArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let selection = args.common.selection.selection()?;
    let target = Target::with_settings(&args.common.manifest, selection.partition)?;
    let told = Told {
        command: "retry",
        common: &args.common,
        selection: &selection,
        quiet,
        typed,
        as_of: None,
        collects: args.and_collect.collect,
        combine: args.and_collect.how.combine.as_deref(),
    };
    let outputs = Outputs::prepare(&told, &target)?;
    let result = send_again(args, target, &selection, &signals, &outputs).await;
    outputs.end(result)
}

async fn send_again(
    args: &RetryArgs,
    mut target: Target,
    selection: &Selection,
    signals: &Signals,
    outputs: &Outputs,
) -> Result<Exit, CliError> {
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
        signals,
        common: &args.common,
        outputs,
    };
    let work = async |means: &Means<'_>| {
        // The work.
        let selected = selection.of_ledger(&reading.ledger)?;
        let repairs = std::mem::take(&mut reading.repairs);
        if args.recreate_failed {
            give_up_failed(&mut reading.ledger, &selected, &means.outputs.readers);
        }
        let agenda = Agenda::to_retry(reading, &selected);
        if let Ok(agenda) = &agenda {
            tell_work(agenda, &means.target.settings.limits);
        }
        tell_repairs(&means.target.ledger, &repairs, "");
        let agenda = agenda.map_err(|e| means.target.torn_line(e))?;
        let all = agenda.ledger.len();
        let rows = (all, &selected);
        let finished = drive(agenda, Creates::All, rows, collection.as_ref(), means).await?;

        // The words.
        let exit = Exit::of(&finished);
        finish(
            finished,
            exit,
            means,
            selected,
            |_| false,
            collection.as_ref(),
        )
    };
    door.open(work).await
}

/// Gives up the reports of `selected` that the server could not make, as `resolve --resend --replace` does.
fn give_up_failed(ledger: &mut Ledger, selected: &HashSet<RequestId>, readers: &Readers) {
    let failed = ledger.places().filter(|(_, row)| {
        matches!(row.state, State::Created(_))
            && selected.contains(&row.key())
            && row.collected.status.eq_ignore_ascii_case("FAILED")
    });
    let failed: Vec<Place> = failed.map(|(place, _)| place).collect();
    for place in &failed {
        let mut row = ledger.row(*place).clone().given_up();
        let now = Utc::now();
        row.updated_at = Some(now);
        readers.tell(EventKind::GivenUp(row.clone()), now);
        ledger.replace(*place, row);
    }
    if !failed.is_empty() {
        info!(
            "reports that the server could not generate, to be made anew: {}",
            failed.len()
        );
    }
}
