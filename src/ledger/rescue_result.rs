use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::text::shell_path;

/// What became of our rows where someone else has changed the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RescueResult {
    /// The ledger there has all of it.
    Nothing,
    /// The ledger was deleted, so ours took its place.
    There,
    NextTo {
        ledger: PathBuf,
        rescued: PathBuf,
    },
    /// It could not be written.
    Nowhere(String),
}

impl fmt::Display for RescueResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RescueResult::Nothing => write!(f, "the file was left alone; nothing is lost"),
            RescueResult::There => write!(f, "what this run knew was written there again"),
            RescueResult::NextTo { ledger, rescued } => write!(
                f,
                "the file was left alone. What this run knew is in {}; merge them with\n  {}",
                rescued.display(),
                merge_command(ledger, std::slice::from_ref(rescued))
            ),
            RescueResult::Nowhere(why) => {
                write!(f, "the file was left alone; what this run knew could not be saved: {why}")
            }
        }
    }
}

pub fn merge_command(path: &Path, rescued: &[PathBuf]) -> String {
    let ledger = path.exists().then_some(path);
    let parts = ledger.into_iter().chain(rescued.iter().map(PathBuf::as_path));
    let parts: Vec<String> = parts.map(shell_path).collect();
    format!("monthend merge {} -o {}", parts.join(" "), shell_path(path))
}
