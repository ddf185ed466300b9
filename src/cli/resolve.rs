//! `monthend resolve`

use chrono::Utc;
use tracing::warn;

use super::{args::ResolveArgs, error::CliError, exit::Exit};
use crate::{
    ledger::{Ledger, LedgerError, LedgerFile, State},
    output::console,
    request::ReportId,
};

/// Decides a row that ended `in_doubt`.
pub(super) async fn resolve(args: &ResolveArgs) -> Result<Exit, CliError> {
    if !args.ledger.exists() {
        return Err(LedgerError::Missing(args.ledger.clone()).into());
    }
    let (mut held, lock) = LedgerFile::hold(&args.ledger, Utc::now())?;
    let done = async {
        let reading = held
            .reading
            .take()
            .ok_or_else(|| LedgerError::Missing(held.path.clone()))?;
        for repair in &reading.repairs {
            warn!("{}: {repair}", held.path.display());
        }
        let mut ledger = reading.into_ledger(&held.path)?;
        let said = decide(&mut ledger, args)?;
        held.write(&ledger).await?;
        console::print(&said).map_err(CliError::Stdout)
    }
    .await;
    lock.release(Utc::now());
    done.map(|()| Exit::Success)
}

fn decide(ledger: &mut Ledger, args: &ResolveArgs) -> Result<String, CliError> {
    let refuse = |why: String| Err(CliError::Unresolvable(format!("{}: {why}", args.request)));
    let Some(place) = ledger.place(args.request) else {
        return refuse(format!("no such request in {}", args.ledger.display()));
    };
    let row = ledger.row(place);
    if !matches!(row.state, State::InDoubt { .. }) {
        let status = row.state.word();
        return refuse(format!(
            "the row is {status}; only a row that ended `in_doubt` is for a person to decide"
        ));
    }
    if let Some(id) = &args.adopt {
        let mut held = ledger
            .rows()
            .filter_map(|row| Some((row, row.state.report_id()?)));
        if let Some((other, _)) = held.clone().find(|(_, held)| *held == id) {
            return refuse(format!("report {id} belongs to {} already", other.id()));
        }
        if held.any(|(_, held)| held.is_from_sandbox() != id.is_from_sandbox()) {
            return refuse(format!(
                "report {id} and the ledger's are not from the same kind of server"
            ));
        }
    }
    let row = ledger.row(place).clone();
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
