//! Saves what would be lost where the ledger cannot be written.

use std::path::Path;

use chrono::{DateTime, Utc};
use tracing::{error, warn};

use crate::{
    ledger::{Ledger, RescueResult, Row, Tampered, save},
    output::console,
    run::Unsaved,
    text::{count, system_says},
};

/// Saves `ledger` next to its file where someone else changed that, or prints the missing rows. Gives whether the next
/// command can begin without a repair by hand.
pub(super) fn rescue(path: &Path, ledger: &Ledger, unsaved: &Unsaved, now: DateTime<Utc>) -> bool {
    let tampered = unsaved.error.get_ref().is_some_and(|e| e.is::<Tampered>());
    if tampered {
        let saved = save(path, &ledger.to_csv(), ledger, now);
        let (path, what) = (path.display(), &unsaved.error);
        match &saved {
            RescueResult::Nothing | RescueResult::There => warn!("{path}: {what}; {saved}"),
            RescueResult::NextTo { .. } => error!("{path}: {what}; {saved}"),
            RescueResult::Nowhere(_) => {
                error!("{path}: {what}; {saved}; its rows follow");
                print(ledger, ledger.rows());
            }
        }
        return matches!(saved, RescueResult::Nothing | RescueResult::There);
    }
    let (path, why) = (path.display(), system_says(&unsaved.error));
    error!("{path}: {why}");
    if !unsaved.rows.is_empty() {
        error!(
            "the last lines of {} are not in the ledger: the next run looks these rows up. For the record, they are:",
            count(unsaved.rows.len(), "row")
        );
        print(ledger, &unsaved.rows);
    }
    true
}

fn print<'r>(ledger: &Ledger, rows: impl IntoIterator<Item = &'r Row>) {
    for row in rows {
        console::print_rows(&ledger.line(row));
    }
}
