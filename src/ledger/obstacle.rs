//! Why a created report has no file, as far as it decides what helps.

use super::{Row, State};

/// What stands between a created report and its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obstacle {
    /// The server could not generate the report: it has to be recreated.
    ServerFailed,
    /// The server does not have the report any more: a person has to say that it is recreated.
    Gone,
    /// The server's word on the report is not known here, and may be final: a person has to say whether it is recreated.
    UnknownStatus,
    /// Another file lies there: a person has to say that it is overwritten.
    OtherFile,
    /// Anything else: collecting again may help.
    Other,
}

impl Obstacle {
    /// How `report_error` begins where the report is gone.
    pub const GONE: &str = "the server does not have this report any more";
    /// How `report_error` begins where a folder is in the place of the file: nothing replaces it.
    pub const FOLDER: &str = "a folder is in the place of";
    /// The option that overwrites a file, as `report_error` names it.
    const FORCE: &str = "--force";

    /// Of a created row that says why it has no file.
    pub fn of(row: &Row) -> Option<Self> {
        let collected = &row.collected;
        let is_failed = collected.status.eq_ignore_ascii_case("FAILED");
        if !matches!(row.state, State::Created(_)) || (collected.error.is_empty() && !is_failed) {
            return None;
        }
        Some(if is_failed {
            Obstacle::ServerFailed
        } else if collected.error.starts_with(Obstacle::GONE) {
            Obstacle::Gone
        } else if collected.is_unknown() {
            Obstacle::UnknownStatus
        } else if collected.error.contains(Obstacle::FORCE) {
            Obstacle::OtherFile
        } else {
            Obstacle::Other
        })
    }
}
