//! `--dry-run`: what `run`, `retry` and `collect` would do. Reads only, without the lock.

use std::{collections::HashMap, path::Path};

use tracing::info;

use super::{
    args::{CollectCommandArgs, PlanFormat, RetryArgs, RunArgs},
    context::{Context, RepairNote, real_ledger, tell_repairs},
    error::CliError,
    exit::Exit,
    plan::show_run,
    results,
    status::{history_of, warn_where_refused},
    to_retry::to_retry,
};
use crate::{
    collect::hash_of,
    files::folder_of,
    ledger::{Ledger, LedgerError, LedgerRead, Row, State, read_file, refuse_mixing},
    output::{Action, PlanView, Would, history},
    plan::{Plan, Selection},
};
use request::RequestId;

pub(super) async fn dry_run_of_run(args: &RunArgs) -> Result<Exit, CliError> {
    let common = &args.common;
    show_run(
        &common.manifest,
        &args.calendar,
        &common.selection,
        args.format.format(),
        args.and_collect.if_wanted(),
    )
    .await?;
    Ok(done())
}

pub(super) fn dry_run_of_retry(
    args: &RetryArgs,
    context: &Context,
    selection: &Selection,
) -> Result<Exit, CliError> {
    let reading = read(context)?;
    let selected = selection.of_ledger(&reading.ledger)?;
    let work_list =
        to_retry(reading, &selected, args, |_, _| {}).map_err(|e| context.torn_line(e))?;
    let rows = work_list.work.iter().map(|place| work_list.ledger.row(*place));
    let would = Would { command: "retry", collects: None };
    show_rows(rows, would, &work_list.ledger, context, args.format.format())
}

pub(super) fn dry_run_of_collect(
    args: &CollectCommandArgs,
    context: &Context,
    selection: &Selection,
) -> Result<Exit, CliError> {
    let reading = read(context)?;
    let ledger = reading.into_ledger(&context.ledger)?;
    let selected = selection.of_ledger(&ledger)?;
    let is_wanted =
        |row: &&Row| selected.contains(&row.key()) && matches!(row.state, State::Created(_));
    let rows: Vec<&Row> = ledger.rows().filter(is_wanted).collect();
    let path = real_ledger(&context.ledger)?;
    let actions = collecting(rows.iter().copied(), &path, args.collect.force);
    let format = args.format.format();
    let would = Would { command: "collect", collects: Some(actions) };
    show_rows(rows, would, &ledger, context, format)
}

pub(super) fn collecting<'r>(
    rows: impl Iterator<Item = &'r Row>,
    path: &Path,
    is_forced: bool,
) -> HashMap<RequestId, Action> {
    let recorded = history::recorded_hashes(&history_of(path).lines);
    let action = |row: &Row| {
        let recorded = recorded.get(&row.id());
        let collected = &row.collected;
        let file = folder_of(path).join(&collected.file);
        let there = if collected.file.is_empty() { Ok(None) } else { hash_of(&file) };
        match there {
            Ok(Some(hash)) if collected.is_file(&hash, recorded) => Action::Skip,
            Ok(Some(_)) | Err(_) if !is_forced => Action::Leave,
            Ok(_) | Err(_) => Action::Collect,
        }
    };
    rows.map(|row| (row.key(), action(row))).collect()
}

fn read(context: &Context) -> Result<LedgerRead, CliError> {
    context.tell_sandbox();
    context.refuse_as_for_real()?;
    let path = real_ledger(&context.ledger)?;
    let missing = || LedgerError::Missing(context.ledger.clone());
    let reading = read_file(&path)?.ok_or_else(missing)?;
    refuse_mixing(&path, Some(&reading.ledger), context.is_rehearsal())?;
    tell_repairs(&context.ledger, &reading, RepairNote::Left);
    warn_where_refused(&context.ledger, Some(&reading.ledger));
    Ok(reading)
}

fn show_rows<'r>(
    rows: impl IntoIterator<Item = &'r Row>,
    would: Would,
    ledger: &Ledger,
    context: &Context,
    format: PlanFormat,
) -> Result<Exit, CliError> {
    let plan = Plan::of_rows(rows);
    let view = PlanView {
        name: &context.manifest.1,
        limits: &context.settings.limits,
        would,
        warnings: &[],
        plan: &plan,
        selected: plan.requests().iter().collect(),
        ledger,
        ledger_path: context.ledger.display().to_string(),
        ledger_exists: true,
    };
    results::show(&view, format)?;
    Ok(done())
}

fn done() -> Exit {
    info!("a dry run: nothing was sent or written");
    Exit::Success
}
