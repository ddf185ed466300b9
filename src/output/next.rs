//! The command to go on with.

use crate::{
    ledger::{Row, State},
    runner::{Finished, StopReason},
};

/// Commands about the same ledger and selection, as they have to be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// The same again.
    pub again: String,
    /// Send failed rows again.
    pub retry: String,
    /// Make anew what the server could not make, and fetch it.
    pub recreate: String,
    /// Fetch the files.
    pub collect: String,
    /// Show the ledger.
    pub status: String,
    /// Decide about a row, up to `--request`.
    pub resolve: String,
    /// In a rehearsal, the same as if the causes of the failures were mended.
    pub mended: Option<String>,
    /// In a rehearsal, the same for real.
    pub for_real: Option<String>,
}

/// What to type next, and why; nothing where all is done.
pub(super) fn next(
    finished: &Finished,
    selected: &[&Row],
    commands: &Commands,
) -> Option<(&'static str, String)> {
    let counts = &finished.counts;
    let is_collecting = counts.collected + counts.uncollected > 0;
    match &finished.stop {
        // What went wrong with the ledger has been said, and what to do.
        Some(StopReason::Ledger(_)) => return None,
        _ if finished.unsaved.is_some() => return None,
        Some(StopReason::Output(_)) => return Some(("to continue", commands.collect.clone())),
        Some(_) => return Some(("to continue", commands.again.clone())),
        None if counts.pending + counts.sending > 0 => {
            return Some(("to continue", commands.again.clone()));
        }
        None => {}
    }
    let is_failed = |row: &&&Row| matches!(row.state, State::Failed { .. });
    if selected.iter().any(|row| is_failed(&row)) {
        return Some(match &commands.mended {
            // In a rehearsal nobody can be asked to mend anything.
            Some(mended) => (
                "to send what failed again, as if the causes were mended",
                mended.clone(),
            ),
            None => ("to send what failed again", commands.retry.clone()),
        });
    }
    if let Some(row) = selected
        .iter()
        .find(|row| matches!(row.state, State::InDoubt { .. }))
    {
        let candidate = match &row.state {
            State::InDoubt { candidates, .. } => candidates.first(),
            _ => None,
        };
        let decision =
            candidate.map_or_else(|| "--resend".to_owned(), |id| format!("--adopt {id}"));
        return Some((
            "to decide about the first in doubt (or --resend)",
            format!("{} {} {decision}", commands.resolve, row.id()),
        ));
    }
    if counts.uncollected > 0 {
        let server_failed = |row: &&Row| row.collected.status.eq_ignore_ascii_case("FAILED");
        return Some(match selected.iter().any(server_failed) {
            true => (
                "to make anew what the server could not make",
                commands.recreate.clone(),
            ),
            false => ("to collect the rest", commands.collect.clone()),
        });
    }
    let is_missing =
        |row: &&Row| matches!(row.state, State::Created(_)) && row.collected.file.is_empty();
    if !is_collecting && selected.iter().any(is_missing) {
        return Some(("to download the reports", commands.collect.clone()));
    }
    commands
        .for_real
        .clone()
        .map(|command| ("for real", command))
}
