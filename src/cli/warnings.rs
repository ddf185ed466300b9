use chrono::{Local, Utc};
use tracing::{info, warn};

use super::args::CalendarArgs;
use crate::{
    ledger::{Ledger, Row},
    manifest::Manifest,
    output::request_name,
    plan::{Plan, Today, Warning, warnings},
    text::{count, named},
};
use request::RequestIds;

pub(super) fn warn_of_plan(
    manifest: &Manifest,
    plan: &Plan,
    calendar: &CalendarArgs,
) -> Vec<Warning> {
    let utc = Utc::now().date_naive();
    let local = match calendar.as_of {
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
    let planned: RequestIds = plan.requests().iter().map(|planned| planned.id).collect();
    let leftovers: Vec<&Row> =
        (ledger.rows()).filter(|row| !planned.contains(&row.key())).collect();
    if !leftovers.is_empty() {
        let rows = count(leftovers.len(), "row");
        let names = named_rows(&leftovers);
        info!(
            "the ledger has {rows} that the plan does not have, and they stay as they are: {names}"
        );
    }
}

/// Rows have another label in the ledger than in the plan: one name may mean two organisations.
pub(super) fn relabelled(ledger: &Ledger, plan: &Plan) -> Option<String> {
    let planned = plan.requests().iter();
    let rows = planned.filter_map(|it| Some((it.label.as_deref()?, ledger.get(it.id)?)));
    let is_other =
        |(label, row): &(&str, &Row)| row.label.as_deref().is_some_and(|it| it != *label);
    let (labels, rows): (Vec<&str>, Vec<&Row>) = rows.filter(is_other).unzip();
    let (label, row) = (labels.first()?, rows.first()?);
    Some(format!(
        "{} in the ledger under another label than in the manifest: {} is {label} there. The ledger keeps its labels; \
         `--sub-partner ID` means the same in both",
        match rows.len() {
            1 => "1 row is".to_owned(),
            n => format!("{} are", count(n, "row")),
        },
        named_rows(&[row]),
    ))
}

pub(super) fn named_rows(rows: &[&Row]) -> String {
    named(rows.iter().take(3).map(|row| request_name(row)), rows.len())
}
