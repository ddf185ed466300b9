//! What can be wrong with a ledger. All of it ends a command with exit code 4.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{Holder, MergeError, RescueResult, merge_command};
use crate::text::{one_line, system_says};
use request::RequestId;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("there is no ledger at {}", .0.display())]
    Missing(PathBuf),
    #[error("cannot {doing} {}: {}", path.display(), system_says(source))]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not a ledger: {why}", path.display())]
    NotALedger { path: PathBuf, why: String },
    /// No crash can have left this line.
    #[error("{}:{line}: {why}", path.display())]
    Damaged {
        path: PathBuf,
        line: u64,
        /// What is wrong, and what to do.
        why: String,
    },
    #[error("{} is in use by another run: {holder}; wait until it has ended, then try again", path.display())]
    InUse { path: PathBuf, holder: Holder },
    #[error("{} was {what} by someone else after it was read; nothing was sent, and {saved}", path.display())]
    Tampered { path: PathBuf, what: &'static str, saved: RescueResult },
    #[error(
        "{} is a link to {}, which is not there; nothing was sent. Mount the share that it is on, or remove the link to \
         start a new ledger", path.display(), target.display()
    )]
    DeadLink { path: PathBuf, target: PathBuf },
    /// Replacing the file under one name leaves the other hard links as they were.
    #[error(
        "{} is one of {names} names of one file (hard links). A run would replace the file under one name, and a run \
         under the other would send everything once more. Remove the other names, or make links of them (`ln -s`)",
        path.display()
    )]
    SecondName { path: PathBuf, names: u64 },
    /// A torn line is all that is known of a request, and does not say what it asks for.
    #[error(
        "{} ends in a line about {request} that is cut off and does not say what was asked for. It would be lost; \
         `monthend run` with the manifest that plans it looks it up; then try again", path.display()
    )]
    Unnamed { path: PathBuf, request: RequestId },
    #[error(
        "{} lacks what is in {}: an earlier run saved that when someone else had changed the ledger. \
         Nothing is sent until they are merged with\n  {}",
        path.display(), names(rescued), merge_command(path, rescued)
    )]
    Unmerged { path: PathBuf, rescued: Vec<PathBuf> },
    #[error(
        "{source}\n  It was saved next to {} by an earlier run, and may hold what that lacks: repair it, or move it \
         away where it is not needed", path.display()
    )]
    Rescued { path: PathBuf, source: Box<LedgerError> },
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error("{} holds {held} and this run is for {wanted}: use another ledger (--ledger)", path.display())]
    Rehearsal { path: PathBuf, held: &'static str, wanted: &'static str },
}

impl LedgerError {
    /// `doing`: what failed, as in "cannot read the ledger".
    pub fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| LedgerError::Io { doing, path: path.to_owned(), source }
    }
}

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(" and ")
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    pub column: &'static str,
    /// Shortened.
    pub text: String,
    pub why: String,
}

impl BadCell {
    pub(super) fn new(column: &'static str, text: &str, why: impl fmt::Display) -> Self {
        const SHOWN: usize = 60;
        let mut shown: String = one_line(text).chars().take(SHOWN + 1).collect();
        if shown.chars().count() > SHOWN {
            shown = shown.chars().take(SHOWN - 1).chain(['…']).collect();
        }
        BadCell { column, text: shown, why: why.to_string() }
    }
}

impl fmt::Display for BadCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}: {}", self.column, self.text, self.why)
    }
}
