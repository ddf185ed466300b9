//! `run --existing`: reports that the server already holds.

use std::{collections::HashSet, future::ready, ops::ControlFlow};

use chrono::Utc;
use tracing::info;

use super::{
    CliError, CliResult, Exit, OnExisting, Rows, RunContext, SummaryFormat, lines_of, ticking,
};
use crate::{
    api::Listed,
    inventory::{Evidence, Existing, Inventory},
    ledger::{RowIndex, State},
    output::{Reporters, console, history, request_name},
    plan::{Plan, WorkList},
    run::{Creates, EventKind},
    sending::ReadError,
    text::count,
};
use request::{ReportId, Request};

/// The rest of the work list, once its rows have the reports that the server already holds; or how the command ends.
pub(super) async fn take_existing(
    run: &RunContext<'_>,
    mut work_list: WorkList,
    (plan, rows): (&Plan, &Rows),
    on_existing: OnExisting,
) -> CliResult<ControlFlow<Exit, WorkList>> {
    let selected = &rows.selected;
    if !work_list.work.is_empty() {
        run.require_room(&work_list.ledger, selected)?;
    }
    // Rows in doubt come first: their reports must not be taken for their twins'.
    if let Some(doubts) = work_list.take_doubts() {
        let (driver, _) = run.begin(doubts, Creates::None, rows).await?;
        let looked_up = ticking(&run.outputs.readers, driver.drive(ready(Vec::new()))).await;
        if looked_up.stop.is_some() || looked_up.unsaved.is_some() {
            let exit = Exit::of_run(&looked_up, Creates::All);
            return Ok(ControlFlow::Break(run.finish((looked_up, exit), rows.clone(), None)?));
        }
        work_list = WorkList::of(looked_up.ledger, selected);
    }
    let found = find(run, &work_list, plan).await;
    let mut found = found.inspect_err(|_| run.outputs.waiting(&work_list.ledger, selected))?;
    prefer_known(run, &work_list, &mut found).await?;
    if on_existing == OnExisting::Stop && !found.is_empty() {
        run.outputs.waiting(&work_list.ledger, selected);
        tell(run, &work_list, &found);
        return Ok(ControlFlow::Break(Exit::Failures));
    }
    if !found.is_empty() {
        run.locked.refuse_closed()?;
    }
    adopt(&mut work_list, found, &run.outputs.readers);
    Ok(ControlFlow::Continue(work_list))
}

struct FoundReports {
    place: RowIndex,
    existing: Existing,
    /// Filled where it is not clear which is the row's.
    seen: Vec<Listed>,
}

/// Rows in doubt are looked up before, by a stricter rule. A report may belong to any request of `plan` or the ledger
/// that it fits, whatever is selected.
async fn find(
    run: &RunContext<'_>,
    work_list: &WorkList,
    plan: &Plan,
) -> CliResult<Vec<FoundReports>> {
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
    let inventory = Inventory {
        session: &run.session,
        evidence: &evidence,
        concurrency: run.context.settings.limits.concurrency.get(),
    };
    let find = inventory.find_existing(&asked, &all, is_taken);
    let answers = run.signals.or(find).await?.map_err(refused)?;
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
async fn prefer_known(
    run: &RunContext<'_>,
    work_list: &WorkList,
    found: &mut [FoundReports],
) -> CliResult<()> {
    let lines = lines_of(&run.locked.file.path);
    let reports = history::reports_by_request(&lines);
    for FoundReports { place, existing, .. } in found {
        let row = work_list.ledger.row(*place);
        let known = reports.get(row.id().to_string().as_str());
        let Some(known) = known.and_then(|known| known.id.parse::<ReportId>().ok()) else {
            continue;
        };
        let is_there = match existing {
            Existing::None => continue,
            Existing::Newest(id) if *id == known => continue,
            Existing::Unclear(ids) => ids.contains(&known),
            Existing::Newest(_) => {
                let listed = run.session.get(&known).await.map_err(refused)?;
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
    CliError::unread("the server for existing reports", &error)
}

fn tell(run: &RunContext<'_>, work_list: &WorkList, found: &[FoundReports]) {
    let (n, all) = (found.len(), count(work_list.work.len(), "request"));
    let mut text =
        format!("the server already holds reports for {n} of the {all}; nothing was sent\n");
    for report in found {
        let row = work_list.ledger.row(report.place);
        let ids = match &report.existing {
            Existing::None => continue,
            Existing::Newest(id) => id.to_string(),
            Existing::Unclear(ids) => {
                ids.iter().map(ReportId::as_str).collect::<Vec<_>>().join(", ")
            }
        };
        let request = request_name(row);
        text.push_str(&format!("{} {request}: {ids}\n", row.id()));
    }
    let again = run.outputs.command_line.on_same("run");
    text.push_str(&format!(
        "\nto take them:\n  {again} --existing adopt\n\nto create others all the same:\n  {again} --existing ignore\n"
    ));
    match run.outputs.format {
        SummaryFormat::Table => console::say(text),
        // Stdout is for the summary alone.
        SummaryFormat::Json => info!("{}", text.trim_end()),
    }
}

fn adopt(work_list: &mut WorkList, found: Vec<FoundReports>, readers: &Reporters) {
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
