use chrono::{SubsecRound as _, Utc};
use tracing::warn;

use super::{
    AcceptArgs, CliError, CliResult, CommandLine, Context, Exit, LockedLedger, account,
    add_to_history, by, on_manifest,
};
use crate::{
    audit::{Acceptance, Acceptances, append},
    output::{console, history::HistoryEvent},
    text::{count, named},
};

/// Does not look whether there are such differences: a hash tells nothing of what it was made of.
pub(super) fn accept(args: &AcceptArgs, command_line: &CommandLine) -> CliResult {
    let context = Context::with_settings(&args.manifest, None)?;
    context.tell_sandbox();
    context.guard()?;
    let account = account();
    let by = by(args.by.as_ref(), &account)?;
    context.require_ledger()?;
    let locked = LockedLedger::take(&context.ledger)?;
    let path = &locked.file.path;
    let now = Utc::now().trunc_subsecs(3);
    Acceptances::read(path, now.date_naive())?;
    locked.refuse_closed()?;
    locked.file.refuse_mixing(context.is_rehearsal())?;
    let acceptance = Acceptance {
        reason: args.reason.clone(),
        by: by.clone(),
        until: args.until,
        accepted_at: now,
        is_ended: false,
    };
    append(path, &args.id, &acceptance).map_err(CliError::from)?;
    for id in &args.id {
        let what = HistoryEvent::AcceptedDifference {
            id: id.to_string(),
            reason: args.reason.clone(),
            by: by.clone(),
            until: args.until,
            account: account.clone(),
        };
        if !args.history.no_history {
            add_to_history(path, now, what);
        }
    }
    let until = args.until.map_or_else(String::new, |day| format!(" until {day}"));
    if let Some(last) = args.until.filter(|last| *last < now.date_naive()) {
        warn!("{last} has passed, so the difference counts again");
    }
    let (ids, names) = (count(args.id.len(), "difference"), named(&args.id, args.id.len()));
    console::say(format!("accepted by {by}{until}: {ids} ({names})\n"));
    if let Some(audit) = on_manifest(command_line, "audit", &context.ledger) {
        console::say(format!("\nto see what is left:\n  {audit}\n"));
    }
    Ok(Exit::Success)
}
