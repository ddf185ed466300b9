//! What can be wrong with a ledger. All of it ends a command with exit code 4.

use std::{fmt, io, path::PathBuf};

use super::{Column, Holder};

/// A cell that cannot be what its column says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    /// Its column.
    pub column: Column,
    /// Its text, shortened.
    pub text: String,
    /// What would be right.
    pub why: String,
}

impl BadCell {
    pub(super) fn new(column: Column, text: &str, why: impl fmt::Display) -> Self {
        const SHOWN: usize = 60;
        let mut shown: String = crate::text::one_line(text)
            .chars()
            .take(SHOWN + 1)
            .collect();
        if shown.chars().count() > SHOWN {
            shown = shown.chars().take(SHOWN - 1).chain(['…']).collect();
        }
        BadCell {
            column,
            text: shown,
            why: why.to_string(),
        }
    }
}

impl fmt::Display for BadCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}: {}", self.column.name(), self.text, self.why)
    }
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No such file, where one is needed.
    #[error("there is no ledger at {}; `monthend run` makes one", .0.display())]
    Missing(PathBuf),
    /// The file or its folder refuses.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Some other file lies there.
    #[error("{} is not a ledger: {why}", path.display())]
    NotALedger {
        /// Which file.
        path: PathBuf,
        /// How that was seen.
        why: String,
    },
    /// A line that no crash can have left.
    #[error("{}:{line}: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// Another run holds it.
    #[error("{} is in use by another run: {holder}", path.display())]
    InUse {
        /// Which ledger.
        path: PathBuf,
        /// By whom.
        holder: Holder,
    },
    /// Someone deleted, replaced or shortened it while this run held it.
    #[error("{} was {what} by someone else while this run was using it", path.display())]
    Tampered {
        /// Which ledger.
        path: PathBuf,
        /// What happened to it.
        what: &'static str,
    },
    /// It holds reports of the sandbox and the run is for a real server, or the other way round.
    #[error("{} holds {held} and this run is for {wanted}: use another ledger (--ledger)", path.display())]
    Rehearsal {
        /// Which ledger.
        path: PathBuf,
        /// What it holds.
        held: &'static str,
        /// What the run would add.
        wanted: &'static str,
    },
}
