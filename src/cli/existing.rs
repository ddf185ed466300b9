//! `run --existing`: reports that the server already holds.

use std::{collections::HashSet, path::Path};

use chrono::Utc;
use tracing::info;

use super::{
    args::SummaryFormat,
    command_line::{CALENDAR, CommandLine, WHERE},
    error::CliError,
    exit::Exit,
    signals::Signals,
};
use crate::{
    api::{Api, Listed},
    inventory::{Evidence, Existing, Inventory},
    ledger::{RowIndex, State},
    manifest::Limits,
    output::{Reporters, console, history, request_name},
    plan::{Plan, WorkList},
    run::EventKind,
    sending::{ReadError, Session},
    text::count,
};
use request::{ReportId, Request};

pub(super) struct FoundReports {
    place: RowIndex,
    existing: Existing,
    /// Filled where it is not clear which is the row's.
    seen: Vec<Listed>,
}

/// Rows in doubt are looked up before, by a stricter rule. A report may belong to any request of `plan` or the ledger
/// that it fits, whatever is selected.
pub(super) async fn find<A: Api>(
    session: &Session<'_, A>,
    work_list: &WorkList,
    plan: &Plan,
    limits: &Limits,
    signals: &Signals,
) -> Result<Vec<FoundReports>, CliError> {
    let ledger = &work_list.ledger;
    let places = work_list.work.iter().copied();
    let places: Vec<RowIndex> =
        places.filter(|place| !matches!(ledger.row(*place).state, State::Sending { .. })).collect();
    let asked: Vec<&Request> = places.iter().map(|p| ledger.row(*p).request()).collect();
    let planned = plan.requests().iter().map(|planned| &planned.request);
    let all: Vec<&Request> = planned.chain(ledger.rows().map(|row| row.request())).collect();
    let given_up = ledger.rows().flat_map(|row| &row.replaces);
    let taken: HashSet<&ReportId> = ledger.report_ids().chain(given_up).collect();
    let is_taken = |id: &ReportId| taken.contains(id);
    let evidence = Evidence::default();
    let inventory =
        Inventory { session, evidence: &evidence, concurrency: limits.concurrency.get() };
    let find = inventory.find_existing(&asked, &all, is_taken);
    let answers = signals.or(find).await?.map_err(refused)?;
    let by_place = places.into_iter().zip(answers);
    let found = by_place.filter(|(_, existing)| *existing != Existing::None);
    let reports = found.map(|(place, existing)| FoundReports {
        place,
        seen: match &existing {
            Existing::Unclear(ids) => evidence.candidates(ids),
            Existing::None | Existing::Newest(_) => Vec::new(),
        },
        existing,
    });
    Ok(reports.collect())
}

/// The history of a lost ledger decides between several reports, and against newer ones, if the server still has its
/// report.
pub(super) async fn prefer_known<A: Api>(
    session: &Session<'_, A>,
    work_list: &WorkList,
    found: &mut [FoundReports],
    history: &Path,
) -> Result<(), CliError> {
    let read = history::read(history).unwrap_or_default(); // it is never needed
    let reports = history::reports_by_request(&read.lines);
    for FoundReports { place, existing, .. } in found {
        let row = work_list.ledger.row(*place);
        let known = reports.get(row.id().to_string().as_str());
        let Some(known) = known.and_then(|(id, _)| id.parse::<ReportId>().ok()) else {
            continue;
        };
        let is_there = match existing {
            Existing::None => continue,
            Existing::Newest(id) if *id == known => continue,
            Existing::Unclear(ids) => ids.contains(&known),
            Existing::Newest(_) => {
                let listed = session.get(&known).await.map_err(refused)?;
                listed.is_some_and(|report| report.can_answer(row.request()))
            }
        };
        if is_there {
            *existing = Existing::Newest(known);
        }
    }
    Ok(())
}

fn refused(error: ReadError) -> CliError {
    match error {
        ReadError::Halted(halt) => CliError::Stopped(halt.into()),
        ReadError::Failed(cause) => CliError::Existing(cause),
    }
}

pub(super) fn tell(
    work_list: &WorkList,
    found: &[FoundReports],
    format: SummaryFormat,
    command_line: &CommandLine,
) -> Exit {
    let mut text = format!(
        "the server already holds reports for {} of the {}; nothing was sent\n",
        found.len(),
        count(work_list.work.len(), "request")
    );
    for report in found {
        let row = work_list.ledger.row(report.place);
        let ids = match &report.existing {
            Existing::None => continue,
            Existing::Newest(id) => id.to_string(),
            Existing::Unclear(ids) => list(ids),
        };
        let request = request_name(row);
        text.push_str(&format!("{} {request}: {ids}\n", row.id()));
    }
    let run = command_line.next("run", &[&WHERE[..], &CALENDAR].concat());
    text.push_str(&format!(
        "\nto take them:\n  {run} --existing adopt\n\nto create others all the same:\n  {run} --existing ignore\n"
    ));
    match format {
        SummaryFormat::Table => console::say(text),
        // Stdout is for the summary alone.
        SummaryFormat::Json => info!("{}", text.trim_end()),
    }
    Exit::Failures
}

pub(super) fn adopt(work_list: &mut WorkList, found: Vec<FoundReports>, readers: &Reporters) {
    let (mut adopted, mut unclear) = (0, 0);
    for report in found {
        let row = work_list.ledger.row(report.place).clone();
        let mut row = match report.existing {
            Existing::None => continue,
            Existing::Newest(id) => {
                adopted += 1;
                row.created(id)
            }
            Existing::Unclear(ids) => {
                unclear += 1;
                let text = "the server already holds reports that could be its own";
                row.undecided(text.to_owned(), ids)
            }
        };
        let now = Utc::now();
        row.updated_at = Some(now);
        if !report.seen.is_empty() {
            readers.tell(EventKind::Candidates(row.id(), report.seen), now);
        }
        readers.tell(EventKind::Existing(row.clone()), now);
        work_list.ledger.replace(report.place, row);
    }
    // Created rows, and those for a person to decide, leave the work list.
    let ledger = &work_list.ledger;
    work_list.work.retain(|place| {
        let state = &ledger.row(*place).state;
        !matches!(state, State::Created(_) | State::InDoubt { .. })
    });
    work_list.untouched.adopted += adopted;
    work_list.untouched.failed += unclear;
    if adopted + unclear == 0 {
        return;
    }
    let unclear = match unclear {
        0 => String::new(),
        n => format!("; {} to be decided by hand", count(n, "request")),
    };
    let adopted = count(adopted, "report");
    info!("adopted {adopted} that the server had already{unclear}");
}

fn list(ids: &[ReportId]) -> String {
    ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ")
}
