//! Which files `collect` and `retry` combine: those of the requests that `run` would take. For that alone they read the
//! manifest's jobs.

use tracing::info;

use super::{
    args::{CalendarArgs, CollectArgs, ManifestArgs},
    context::Context,
    error::CliError,
    plan::discovered,
    signals::Signals,
    warnings::named_rows,
};
use crate::{
    api::Api,
    ledger::{Ledger, State},
    manifest::Manifest,
    plan::{Plan, Selection},
    sending::Session,
    text::count,
};
use request::RequestIds;

/// With the whole manifest where files are combined.
pub(super) fn target(
    args: &ManifestArgs,
    calendar: &CalendarArgs,
    collects: Option<&CollectArgs>,
    selection: &Selection,
) -> Result<(Context, Option<Manifest>), CliError> {
    if collects.is_some_and(|how| how.combine.is_some()) {
        let (context, manifest) = Context::with_manifest(args, calendar, selection.partition)?;
        Ok((context, Some(manifest)))
    } else {
        Ok((Context::with_settings(args, selection.partition)?, None))
    }
}

/// None without a manifest.
pub(super) async fn requests<A: Api>(
    session: &Session<'_, A>,
    manifest: Option<&Manifest>,
    selection: &Selection,
    ledger: &Ledger,
    signals: &Signals,
) -> Result<Option<RequestIds>, CliError> {
    let Some(manifest) = manifest else {
        return Ok(None);
    };
    let discovered = discovered(session, manifest, signals).await?;
    let plan = Plan::expand(manifest, &discovered)?;
    let requests = selection.to_combine(&plan, manifest, &discovered, ledger);
    let selected = selection.of_ledger(ledger)?;
    let left_out: Vec<_> = (ledger.rows())
        .filter(|row| selected.contains(&row.key()) && !requests.contains(&row.key()))
        .filter(|row| matches!(row.state, State::Created(_)))
        .collect();
    if !left_out.is_empty() {
        let reports = count(left_out.len(), "report");
        let names = named_rows(&left_out);
        info!("--combine leaves out {reports} that the plan does not have: {names}");
    }
    Ok(Some(requests))
}
