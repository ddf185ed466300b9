use std::path::Path;

use tracing::warn;

use super::{
    CliError, CliResult, CommandLine, Exit, Format, LEDGER, StatusArgs, SummaryFormat, closed_by,
    forgotten_of_history, format_or, history_of, ledger_of, lines_of, print_json, print_table,
    print_view, read_ledger, variable, warn_of_run, warn_of_unlike, without_csv,
};
use crate::{
    ledger::{Ledger, Row},
    output::{LifeView, RowsView, StatusView, history},
};
use request::RequestId;

/// Reads only, without the lock.
pub(super) fn status(args: &StatusArgs, command_line: &CommandLine) -> CliResult {
    let selection = args.selection.selection(&args.cause.cause)?;
    let path = ledger_of(args, selection.partition)?;
    let (real, reading) = read_ledger(&path)?;
    let lines = lines_of(&real);
    if !warn_of_run(&real)
        && let Some(trace) = forgotten_of_history(&real, &reading, &lines)
    {
        trace.warn(&path);
    }
    warn_of_unlike(&real, command_line);
    if let Some(request_id) = args.history {
        return show_history(args, (&path, &real), request_id, &reading.ledger);
    }
    let rows: Vec<&Row> = selection.rows_of(&reading.ledger)?;
    let is_named = args.ledger.is_some() || variable("MONTHEND_MANIFEST").is_some();
    let command = |name| {
        if is_named {
            command_line.next(name, LEDGER)
        } else {
            command_line.with(name, [path.display().to_string()])
        }
    };
    if args.rows {
        let why =
            "--rows is for people: for programs the ledger itself is the CSV; --format is `table`";
        if args.format.is_some_and(|format| format != Format::Table) {
            return Err(CliError::Usage(why.to_owned()));
        }
        let history = format!("{} --history", command("status"));
        print_table(&RowsView { ledger: &path, rows: &rows, history }.table())?;
        return Ok(Exit::Success);
    }
    let has_doubts = rows.iter().any(|row| row.state.is_in_doubt());
    let mut view = StatusView::new(path.display().to_string(), rows);
    view.closed = closed_by(&real, &lines);
    view.resolve = has_doubts.then(|| command("resolve"));
    print_view(&view, format_or(args.format, Format::Table))?;
    Ok(Exit::Success)
}

/// Of one row, else of the ledger.
fn show_history(
    args: &StatusArgs,
    (path, real): (&Path, &Path),
    request_id: Option<RequestId>,
    ledger: &Ledger,
) -> CliResult {
    let why = "--history shows no cells; with it, --format is `table` or `json`";
    let format = without_csv(args.format, why)?;
    let unknown = |id: RequestId| {
        let path = path.display();
        CliError::Usage(format!("{id}: no such request in {path}; --rows lists those that it has"))
    };
    let row = request_id.map(|id| ledger.get(id).ok_or_else(|| unknown(id))).transpose()?;
    let history = history::path_of(real);
    if !history.exists() {
        warn!("{} is not there", history.display());
    }
    let known = history_of(real);
    if known.unreadable > 0 {
        let (path, n) = (path.display(), known.unreadable);
        warn!("the history of {path}: lines that cannot be read and are left out: {n}");
    }
    let life = match row {
        Some(row) => LifeView::new(row, &known.lines),
        None => LifeView::of_ledger(&known.lines),
    };
    match format {
        SummaryFormat::Table => print_table(&life.text())?,
        SummaryFormat::Json => print_json(life.json())?,
    }
    Ok(Exit::Success)
}
