//! What can be wrong with a ledger. All of it ends a command with exit code 4.

use std::{io, path::PathBuf};

use super::{Holder, MergeError, RescueResult, merge_command};
use crate::text::system_says;
use request::RequestId;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No such file, where one is needed.
    #[error("there is no ledger at {}", .0.display())]
    Missing(PathBuf),
    /// The file or its folder refuses.
    #[error("cannot {doing} {}: {}", path.display(), system_says(source))]
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
    #[error("{} is in use by another run: {holder}; wait until it has ended, then try again", path.display())]
    InUse {
        /// Which ledger.
        path: PathBuf,
        /// By whom.
        holder: Holder,
    },
    /// Someone else touched it between our reading and our first write.
    #[error("{} was {what} by someone else after it was read; nothing was sent, and {saved}", path.display())]
    Tampered {
        /// Which ledger.
        path: PathBuf,
        /// What happened to it.
        what: &'static str,
        /// What became of what was read.
        saved: RescueResult,
    },
    /// A link to a file that is not there.
    #[error(
        "{} is a link to {}, which is not there; nothing was sent. Mount the share that it is on, or remove the link to \
         start a new ledger", path.display(), target.display()
    )]
    DeadLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The file has other names (hard links), and who replaces it under one of them leaves the others as they were.
    #[error(
        "{} is one of {names} names of one file (hard links). A run would replace the file under one name, and a run \
         under the other would send everything once more. Remove the other names, or make links of them (`ln -s`)",
        path.display()
    )]
    SecondName {
        /// The name that was given.
        path: PathBuf,
        /// How many there are.
        names: u64,
    },
    /// A torn line is all that is known of a request, and does not say what it asks for.
    #[error(
        "{} ends in a line about {request} that is cut off and does not say what was asked for. It would be lost; \
         `monthend run` with the manifest that plans it looks it up; then try again", path.display()
    )]
    Unnamed {
        /// Which ledger.
        path: PathBuf,
        /// The request.
        request: RequestId,
    },
    /// Ledgers that an earlier run rescued hold what this one lacks.
    #[error(
        "{} lacks what is in {}: an earlier run saved that when someone else had changed the ledger. \
         Nothing is sent until they are merged with\n  {}",
        path.display(), names(rescued), merge_command(path, rescued)
    )]
    Unmerged {
        /// Which ledger.
        path: PathBuf,
        /// The others.
        rescued: Vec<PathBuf>,
    },
    /// A ledger that an earlier run rescued cannot be read any more.
    #[error(
        "{source}\n  It was saved next to {} by an earlier run, and may hold what that lacks: repair it, or move it \
         away where it is not needed", path.display()
    )]
    Rescued {
        /// The ledger beside which it lies.
        path: PathBuf,
        /// What is wrong with the other.
        source: Box<LedgerError>,
    },
    /// Ledgers that cannot be one.
    #[error(transparent)]
    Merge(#[from] MergeError),
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

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(" and ")
}
