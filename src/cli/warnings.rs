//! What `plan` and `run` warn of.

use chrono::{Local, Utc};
use tracing::warn;

use super::args::CalendarArgs;
use crate::{
    ledger::{Ledger, Place, State},
    manifest::Manifest,
    plan::{Plan, Today, Warning, long_run, warnings},
};

/// All warnings of a plan of which `sends` requests would be sent, each told on stderr.
pub(super) fn warn_of_plan(
    manifest: &Manifest,
    plan: &Plan,
    calendar: &CalendarArgs,
    sends: usize,
) -> Vec<Warning> {
    let utc = Utc::now().date_naive();
    let local = match calendar.as_of {
        Some(_) => utc,
        None => Local::now().date_naive(),
    };
    let mut found = warnings(manifest, plan, Today { utc, local });
    found.extend(long_run(&manifest.settings.limits, sends));
    for warning in &found {
        warn!("{warning}");
    }
    found
}

/// How many of the rows at `work` are sent first thing, not looked up.
pub(super) fn sends(ledger: &Ledger, work: &[Place]) -> usize {
    let is_sent = |place: &&Place| !matches!(ledger.row(**place).state, State::Sending { .. });
    work.iter().filter(is_sent).count()
}
