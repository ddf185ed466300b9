//! `monthend retry --dry-run`

use tracing::info;

use super::{
    args::RetryArgs,
    error::CliError,
    exit::Exit,
    plan::show,
    status::warn_where_refused,
    target::{Target, Then, real_ledger, tell_repairs},
    to_retry::to_retry,
};
use crate::{
    ledger::{LedgerError, read_file, refuse_mixing},
    output::PlanView,
    plan::{Plan, Selection},
};

/// Shows the rows that `retry` would send or look up. Reads only, without the lock.
pub(super) fn dry_run(
    args: &RetryArgs,
    target: &Target,
    selection: &Selection,
) -> Result<Exit, CliError> {
    target.tell_rehearsal();
    target.refuse_as_for_real()?;
    let path = real_ledger(&target.ledger)?;
    let missing = || LedgerError::Missing(target.ledger.clone());
    let reading = read_file(&path)?.ok_or_else(missing)?;
    refuse_mixing(&path, Some(&reading.ledger), target.is_rehearsal())?;
    tell_repairs(&target.ledger, &reading, Then::Left);
    warn_where_refused(&target.ledger, Some(&reading.ledger));
    let selected = selection.of_ledger(&reading.ledger)?;
    let agenda = to_retry(reading, &selected, args, |_, _| {}).map_err(|e| target.torn_line(e))?;
    let rows = agenda.work.iter().map(|place| agenda.ledger.row(*place));
    let plan = Plan::of_rows(rows);
    let view = PlanView {
        name: &target.manifest.1,
        limits: &target.settings.limits,
        command: "retry",
        warnings: &[],
        plan: &plan,
        selected: plan.requests().iter().collect(),
        ledger: &agenda.ledger,
        ledger_path: target.ledger.display().to_string(),
        ledger_exists: true,
    };
    show(&view, args.format())?;
    info!("a dry run: nothing was sent or written");
    Ok(Exit::Success)
}
