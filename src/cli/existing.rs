//! `run --existing`: reports that the server already holds.

use std::collections::HashSet;

use chrono::Utc;
use tracing::info;

use super::{error::CliError, exit::Exit, signals::Signals};
use crate::{
    api::{Api, Cause},
    ledger::{Row, Status},
    manifest::Limits,
    output::console,
    plan::Agenda,
    runner::{Existing, find_existing},
    session::{ReadError, Session},
};

/// Places of rows to be sent for which the server holds something, and what. Rows in doubt are not asked about
/// here: the run looks them up by its own, stricter rule.
pub(super) async fn find<A: Api>(
    session: &Session<'_, A>,
    agenda: &Agenda,
    limits: &Limits,
    signals: &Signals,
) -> Result<Vec<(usize, Existing)>, CliError> {
    let rows = agenda.ledger.rows();
    let places = agenda.work.iter().copied();
    let places: Vec<usize> = places
        .filter(|place| rows[*place].status != Status::Sending)
        .collect();
    let requests: Vec<_> = places.iter().map(|place| rows[*place].request()).collect();
    let owned: HashSet<_> = rows
        .iter()
        .filter_map(|row| row.status.report_id().cloned())
        .collect();
    let concurrency = limits.concurrency.get();
    let found = tokio::select! {
        biased;
        signal = signals.caught() => return Err(CliError::Interrupted(signal)),
        found = find_existing(session, &requests, &owned, concurrency) => found.map_err(|e| match e {
            ReadError::Halted(halt) => CliError::Stopped(halt.into()),
            ReadError::Failed(cause) => CliError::Existing(cause),
        })?,
    };
    Ok(places
        .into_iter()
        .zip(found)
        .filter(|(_, existing)| *existing != Existing::None)
        .collect())
}

/// `--existing stop`
pub(super) fn tell(agenda: &Agenda, found: &[(usize, Existing)]) -> Exit {
    let mut text = format!(
        "the server already holds reports for {} of the requests; nothing was sent\n",
        found.len()
    );
    for (place, existing) in found {
        let row = agenda.ledger.row(*place);
        let ids = match existing {
            Existing::None => continue,
            Existing::Newest(id) => id.to_string(),
            Existing::Unclear(ids) => list(ids),
        };
        text.push_str(&format!("{} {}: {ids}\n", row.id(), row.request()));
    }
    console::say(&text);
    Exit::Failures
}

/// `--existing adopt`
pub(super) fn adopt(agenda: &mut Agenda, found: Vec<(usize, Existing)>) {
    let (mut adopted, mut unclear) = (0, 0);
    for (place, existing) in found {
        let row = agenda.ledger.row_mut(place);
        row.updated_at = Some(Utc::now());
        match existing {
            Existing::None => continue,
            Existing::Newest(id) => {
                adopted += 1;
                row.cause = Cause::default();
                row.intent_at = None;
                row.status = Status::Created(id);
            }
            Existing::Unclear(ids) => {
                unclear += 1;
                row.status = Status::Failed;
                row.cause = Cause {
                    code: Row::IN_DOUBT.to_owned(),
                    text: format!(
                        "the server already holds reports that could be its own; decide with `monthend resolve` \
                         between: {}",
                        list(&ids)
                    ),
                    ..Cause::default()
                };
            }
        }
    }
    // What is neither sent nor looked up any more: created, or for a person to decide.
    let rows = agenda.ledger.rows();
    agenda.work.retain(|place| {
        let row = &rows[*place];
        !(matches!(row.status, Status::Created(_)) || row.awaits_decision())
    });
    agenda.created += adopted;
    agenda.undecided += unclear;
    info!(
        "{adopted} reports that the server already held were adopted; {unclear} await a decision"
    );
}

fn list(ids: &[crate::request::ReportId]) -> String {
    ids.iter()
        .map(|id| id.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
