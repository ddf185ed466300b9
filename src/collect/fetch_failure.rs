use std::io;

use super::{
    fetch::FetchResult,
    place::{self, InTheWay},
};
use crate::{files, ledger::Obstacle, run::DiskTrouble, sending::Halt, text::system_says};

/// Why a complete report has no file.
pub(super) enum FetchFailure {
    Says(String),
    Halted(Halt),
    Disk(DiskTrouble),
    Left,
}

impl From<FetchFailure> for FetchResult {
    fn from(reason: FetchFailure) -> Self {
        match reason {
            FetchFailure::Halted(halt) => FetchResult::Halted(halt),
            FetchFailure::Disk(why) => FetchResult::Disk(why),
            // These were already written in the row.
            FetchFailure::Left | FetchFailure::Says(_) => FetchResult::Left,
        }
    }
}

/// Why a file cannot take its place, and what helps.
pub(super) fn in_the_way(name: &str, what: InTheWay) -> String {
    match what {
        InTheWay::Folder => format!(
            "{} {name}; move it away, then `monthend collect` downloads it",
            Obstacle::FOLDER
        ),
        InTheWay::NoFile => {
            format!("{name} is a link or no file at all; `monthend collect --force` replaces it")
        }
        InTheWay::File => format!(
            "{name} is in the way: no row has this file; `monthend collect --force` overwrites it"
        ),
    }
}

/// Whether a write error is about this file or the whole disk.
pub(super) fn unwritable(name: &str, error: &io::Error) -> FetchFailure {
    let why = format!("{name} cannot be written: {}", system_says(error));
    if place::takes_nothing(error) {
        let remedy = files::remedy(error);
        FetchFailure::Disk(DiskTrouble { why, remedy })
    } else {
        FetchFailure::Says(why)
    }
}
