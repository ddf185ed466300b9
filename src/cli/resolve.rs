//! `monthend resolve`

use std::path::Path;

use chrono::Utc;
use tracing::warn;

use super::{
    args::ResolveArgs,
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    outputs::add_to_history,
    target::{Then, real_ledger, tell_repairs},
};
use crate::{
    history::What,
    ledger::{Ledger, LedgerError, State},
    output::console,
    request::ReportId,
};

/// Decides a row that is in doubt.
pub(super) async fn resolve(args: &ResolveArgs) -> Result<Exit, CliError> {
    let missing = || LedgerError::Missing(args.ledger.clone());
    // If there is no ledger, not even a lock is made.
    if !real_ledger(&args.ledger)?.exists() {
        return Err(missing().into());
    }
    let mut held = HeldLedger::take(&args.ledger)?;
    let reading = held.file.reading.take().ok_or_else(missing)?;
    tell_repairs(&args.ledger, &reading, Then::Written);
    let mut ledger = reading.into_ledger(&args.ledger)?;
    let said = decide(&mut ledger, args)?;
    held.write(&ledger).await?;
    if !args.history.no_history {
        note(&held.file.path, &ledger, args);
    }
    console::say(said);
    Ok(Exit::Success)
}

/// Adds the decision to the history.
fn note(path: &Path, ledger: &Ledger, args: &ResolveArgs) {
    let row = ledger.place(args.request).map(|place| ledger.row(place));
    let replaced = row.filter(|_| args.replace);
    let replaced = replaced.and_then(|row| row.replaces.last());
    let what = What::Resolve {
        request_id: args.request.to_string(),
        report_id: args.adopt.as_ref().map(ToString::to_string),
        replaced: replaced.map(ToString::to_string),
    };
    add_to_history(path, Utc::now(), what);
}

fn decide(ledger: &mut Ledger, args: &ResolveArgs) -> Result<String, CliError> {
    let refuse = |why: String| Err(CliError::Unresolvable(format!("{}: {why}", args.request)));
    let Some(place) = ledger.place(args.request) else {
        return refuse(format!("no such request in {}", args.ledger.display()));
    };
    let row = ledger.row(place);
    let is_open = matches!(row.state, State::Sending { .. });
    let gives_up = args.replace && matches!(row.state, State::Created(_));
    if !(is_open || gives_up || matches!(row.state, State::InDoubt { .. })) {
        let status = row.state.word();
        let created = matches!(row.state, State::Created(_));
        let hint = match created {
            true => "; --replace gives its report up",
            false => "",
        };
        return refuse(format!(
            "the row is {status}{hint}; only a row in doubt (`sending`, or failed with `in_doubt`) is for a person to decide"
        ));
    }
    if let Some(id) = &args.adopt {
        let mut held = ledger
            .rows()
            .filter_map(|row| Some((row, row.state.report_id()?)));
        if let Some((other, _)) = held.clone().find(|(_, held)| *held == id) {
            return refuse(format!("report {id} belongs to {} already", other.id()));
        }
        let mut given_up = ledger.rows().filter(|row| row.replaces.contains(id));
        if let Some(other) = given_up.next() {
            return refuse(format!("report {id} was given up by {}", other.id()));
        }
        if held.any(|(_, held)| held.is_from_sandbox() != id.is_from_sandbox()) {
            let server = match id.is_from_sandbox() {
                true => "real server",
                false => "sandbox",
            };
            return refuse(format!(
                "\"{id}\" is not a report id of the {server} that this ledger's reports are from"
            ));
        }
    }
    if is_open {
        warn!(
            "{}: no look-up has decided this row; `monthend run` looks it up where the server lets it",
            args.request
        );
    }
    let mut row = ledger.row(place).clone();
    if gives_up {
        row = row.given_up();
    }
    let request = row.request().to_string();
    let (mut row, said) = match &args.adopt {
        Some(id) => (
            row.created(ReportId::clone(id)),
            format!("{}: {request} is created, with report {id}\n", args.request),
        ),
        None => (
            row.to_be_sent(),
            format!(
                "{}: {request} is pending; the next run sends it\n",
                args.request
            ),
        ),
    };
    row.updated_at = Some(Utc::now());
    ledger.replace(place, row);
    Ok(said)
}
