//! From a manifest to its plan and the selection, and what is odd about the plan.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{Days, Local, NaiveDate, Utc};
use tracing::{info, warn};

use super::{CalendarArgs, CliError, CliResult, HttpSession, Signals};
use crate::{
    ledger::{Ledger, Row, State},
    manifest::{Discovered, Manifest},
    output::request_name,
    plan::{Plan, Selection, Today, Warning, take_known, warnings},
    sending::discover,
    text::{count, named},
};
use request::{Period, RequestIds};

/// The plan, and the ids of the selected requests.
pub(super) fn plan_with_selected(
    manifest: &Manifest,
    calendar: &CalendarArgs,
    selection: &Selection,
    ledger: &Ledger,
    discovered: &Discovered,
) -> CliResult<(Plan, RequestIds)> {
    let plan = Plan::expand(manifest, discovered)?.not_empty()?;
    match selection.of_plan(&plan, manifest, discovered, ledger) {
        Ok(selected) => Ok((plan, selected)),
        Err(source) => {
            let as_of = other_day(manifest, calendar, selection, ledger, discovered);
            Err(CliError::NotPlanned { source, as_of })
        }
    }
}

/// A day on which the selection matches something: after a selected period, or after one of the ledger. It is tried out.
fn other_day(
    manifest: &Manifest,
    calendar: &CalendarArgs,
    selection: &Selection,
    ledger: &Ledger,
    discovered: &Discovered,
) -> Option<NaiveDate> {
    let matches_as_of = |day: NaiveDate| {
        let mut then = Manifest::load(&manifest.path, &calendar.load_options(day)).ok()?;
        // Where no server was asked, the ledger tells the sub-partners that a job discovers.
        if discovered.is_empty() {
            take_known(&mut then, ledger, &selection.jobs).ok()?;
        }
        let plan = Plan::expand(&then, discovered).ok()?;
        selection.of_plan(&plan, &then, discovered, ledger).ok()
    };
    let of_ledger: BTreeSet<Period> = ledger.rows().map(|row| row.request().period).collect();
    let periods = selection.periods.iter().chain(of_ledger.iter().rev());
    let mut days = periods.filter_map(|period| period.end().checked_add_days(Days::new(1)));
    days.find(|day| manifest.is_relative && matches_as_of(*day).is_some())
}

/// Without a server, for the jobs that ask the API for sub-partners.
pub(super) fn discover_note(jobs: &[Arc<str>]) -> String {
    let jobs = jobs.join(", ");
    format!("`discover` means the sub-partners that the ledger has in rows of the job: {jobs}")
}

/// The sub-partners that the manifest's jobs ask the API for.
pub(super) async fn discovered(
    session: &HttpSession<'_>,
    manifest: &Manifest,
    signals: &Signals,
) -> CliResult<Discovered> {
    Ok(signals.or(discover(session, manifest.discovers())).await??)
}

pub(super) fn warn_of_plan(manifest: &Manifest, plan: &Plan, args: &CalendarArgs) -> Vec<Warning> {
    let utc = Utc::now().date_naive();
    let local = match args.as_of {
        Some(_) => utc,
        None => Local::now().date_naive(),
    };
    let found = warnings(manifest, plan, Today { utc, local });
    for warning in &found {
        warn!("{warning}");
    }
    found
}

/// Rows that the plan no longer has, or calls by another name.
pub(super) fn tell_leftovers(ledger: &Ledger, plan: &Plan) {
    if let Some(relabelled) = relabelled(ledger, plan) {
        warn!("{relabelled}");
    }
    let leftovers: Vec<&Row> = plan.leftover(ledger).collect();
    if !leftovers.is_empty() {
        let (n, names) = (count(leftovers.len(), "row"), named_rows(&leftovers));
        info!("the ledger has {n} that the plan does not have, and they stay as they are: {names}");
        let is_new = |row: &Row| matches!(row.state, State::Pending { .. }) && row.attempts == 0;
        if plan.ids().filter_map(|id| ledger.get(id)).all(is_new) {
            warn_of_other_months(&leftovers, plan);
        }
    }
}

/// A ledger that knows nothing of the plan, nor of its periods, is one of another month.
fn warn_of_other_months(rows: &[&Row], plan: &Plan) {
    let planned: BTreeSet<Period> = plan.requests().iter().map(|it| it.request.period).collect();
    let periods: BTreeSet<Period> = rows.iter().map(|row| row.request().period).collect();
    if planned.is_disjoint(&periods) {
        warn!(
            "the ledger is one of {}: a month can be closed only in a ledger of its own (`ledger:` in the manifest, or \
             --ledger)",
            named(periods.iter().take(3), periods.len())
        );
    }
}

/// Rows have another label in the ledger than in the plan: one name may mean two organisations.
pub(super) fn relabelled(ledger: &Ledger, plan: &Plan) -> Option<String> {
    let planned = plan.requests().iter();
    let rows = planned.filter_map(|it| Some((it.label.as_deref()?, ledger.get(it.id)?)));
    let is_other = |(name, row): &(&str, &Row)| row.label.as_deref().is_some_and(|it| it != *name);
    let (labels, rows): (Vec<&str>, Vec<&Row>) = rows.filter(is_other).unzip();
    let (label, row) = (labels.first()?, rows.first()?);
    let is = if rows.len() == 1 { "is" } else { "are" };
    Some(format!(
        "{} {is} in the ledger under another label than in the manifest: there {}, in the manifest {label}. The ledger keeps \
         its labels; `--sub-partner ID` means the same in both",
        count(rows.len(), "row"),
        named_rows(&[row]),
    ))
}

pub(super) fn named_rows(rows: &[&Row]) -> String {
    named(rows.iter().take(3).map(|row| request_name(row)), rows.len())
}
