//! Reports that the ledger lacks and that files next to it show: a run would create them again. The ledger may be gone,
//! an older copy may lie in its place, or another ledger may have them.

mod neighbours;
mod trace_search;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use tracing::warn;

use super::{command_line::CommandLine, context::reports_of, error::CliError};
use crate::{
    ledger::real_ledger,
    output::history,
    text::{count, named, system_says},
};
use neighbours::{family, ledgers_next_to};
use request::RequestIds;

pub(super) use trace_search::{TraceSearch, forgotten_of_history};

/// What shows reports that the ledger lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LedgerTrace {
    text: String,
    /// Empty where they are not known.
    pub(super) requests: RequestIds,
    /// Ledgers that have them: merged into this one, nothing is lost.
    others: Vec<PathBuf>,
    /// A run may go on: another ledger was named on purpose.
    pub(super) is_meant: bool,
}

impl LedgerTrace {
    fn of(text: String) -> Self {
        LedgerTrace { text, ..LedgerTrace::default() }
    }

    /// None where no ledger has the rows.
    pub(super) fn merge(&self, ledger: &Path, command_line: &CommandLine) -> Option<String> {
        (!self.others.is_empty()).then(|| command_line.merge(&self.others, ledger))
    }

    /// Exit code 4, unless another ledger was named on purpose.
    fn refuse(self, ledger: &Path) -> Result<(), CliError> {
        if self.is_meant {
            self.warn(ledger);
            return Ok(());
        }
        let is_gone = self.others.is_empty() && !ledger.exists();
        let (ledger, trace) = (ledger.to_owned(), self);
        Err(if is_gone {
            CliError::Gone { ledger, trace }
        } else {
            CliError::Forgotten { ledger, trace }
        })
    }

    pub(super) fn warn(&self, ledger: &Path) {
        let ledger = ledger.display();
        let run = if self.is_meant {
            "a run creates them again. Was the ledger or the manifest renamed? --ledger names a ledger, --existing adopt \
             takes the reports that the server has"
        } else {
            "a run is refused unless --existing says what to do about them (adopt takes them from the server)"
        };
        let merge =
            if self.others.is_empty() { "" } else { "; `monthend merge` takes their rows over" };
        warn!("{ledger} lacks reports that exist: {self}; {run}{merge}");
    }
}

impl fmt::Display for LedgerTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What shows that a ledger was at `path`; none where it is still there.
pub(super) fn trace_of(path: &Path) -> Option<LedgerTrace> {
    let ledger = real_ledger(path).ok()?;
    if ledger.exists() {
        return None;
    }
    let history = history::path_of(&ledger);
    let name = history.display();
    match history::read(&history) {
        Ok(read) => {
            let requests = history::requests_created(&read.lines).len();
            if requests > 0 {
                let requests = count(requests, "request");
                let text = format!("{name} shows creates of {requests}");
                return Some(LedgerTrace::of(text));
            }
        }
        Err(e) if history.is_file() => {
            let why = system_says(&e);
            return Some(LedgerTrace::of(format!("{name} cannot be read ({why})")));
        }
        Err(_) => {} // some other thing of that name shows nothing
    }
    let close = ledger.with_extension("close.json");
    close.exists().then(|| LedgerTrace::of(format!("{} shows a closed month", close.display())))
}

/// The default folder of collected files, where that is all there is.
pub(super) fn files_of(path: &Path) -> Option<LedgerTrace> {
    let folder = reports_of(path);
    let has_any = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    let text = format!("{} has collected files", folder.display());
    (has_any && !path.exists()).then(|| LedgerTrace::of(text))
}

pub(super) fn shares_of(path: &Path) -> Option<LedgerTrace> {
    let is_share = |other: &PathBuf| other != path && family(other) == family(path);
    let others: Vec<PathBuf> = ledgers_next_to(path).filter(is_share).collect();
    (!path.exists() && !others.is_empty()).then(|| LedgerTrace {
        text: format!("{} there", with_verb(&others, "is", "are")),
        others,
        ..LedgerTrace::default()
    })
}

fn with_verb(paths: &[PathBuf], one: &str, several: &str) -> String {
    let verb = if paths.len() == 1 { one } else { several };
    format!("{} {verb}", named(paths.first().map(|path| path.display()), paths.len()))
}
