//! `monthend resolve`

use chrono::Utc;
use tracing::warn;

use super::{args::ResolveArgs, error::CliError, exit::Exit};
use crate::{
    api::Cause,
    ledger::{Disk as _, Ledger, LedgerError, LedgerFile, Status},
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
        let mut ledger = reading.ledger;
        let said = decide(&mut ledger, args)?;
        held.disk
            .replace(ledger.to_csv())
            .await
            .map_err(|source| LedgerError::Io {
                doing: "write the ledger",
                path: held.path.clone(),
                source,
            })?;
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
    if !row.awaits_decision() {
        let status = row.status.word();
        return refuse(format!(
            "the row is {status}; only a row that ended `in_doubt` is for a person to decide"
        ));
    }
    if let Some(id) = &args.adopt {
        let mut held = ledger
            .rows()
            .iter()
            .filter_map(|row| Some((row, row.status.report_id()?)));
        if let Some((other, _)) = held.clone().find(|(_, held)| *held == id) {
            return refuse(format!("report {id} belongs to {} already", other.id()));
        }
        if held.any(|(_, held)| held.is_from_sandbox() != id.is_from_sandbox()) {
            return refuse(format!(
                "report {id} and the ledger's are not from the same kind of server"
            ));
        }
    }
    let row = ledger.row_mut(place);
    row.updated_at = Some(Utc::now());
    // The doubt is settled either way: what a person has ruled out must not be found again.
    row.intent_at = None;
    let request = row.request().to_string();
    Ok(match &args.adopt {
        Some(id) => {
            row.cause = Cause {
                http_status: row.cause.http_status,
                tracking_id: row.cause.tracking_id.take(),
                ..Cause::default()
            };
            row.status = Status::Created(ReportId::clone(id));
            format!("{}: {request} is created, with report {id}\n", args.request)
        }
        None => {
            // Not even the status of the answer: a 2xx would mean that a report exists.
            row.cause = Cause::default();
            row.status = Status::Pending;
            format!(
                "{}: {request} is pending; the next run sends it\n",
                args.request
            )
        }
    })
}
