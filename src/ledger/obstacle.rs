use super::{Row, State};
use request::ReportStatus;

/// Why a created report has no file, as far as it decides what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obstacle {
    /// The report has to be recreated.
    ServerFailed,
    /// A person has to say that the report is recreated.
    Gone,
    /// The status may be final: a person has to say whether the report is recreated.
    UnknownStatus,
    OtherFile,
    /// Collecting again may help.
    Other,
}

impl Obstacle {
    /// How `report_error` begins where the report is gone.
    pub const GONE: &str = "the server does not have this report any more";
    /// How `report_error` begins where a folder, which nothing replaces, is in the place of the file.
    pub const FOLDER: &str = "a folder is in the place of";
    const FORCE: &str = "--force";

    pub fn of(row: &Row) -> Option<Self> {
        let collected = &row.collected;
        let is_failed = collected.status() == ReportStatus::Failed;
        if !matches!(row.state, State::Created(_)) || (collected.error.is_empty() && !is_failed) {
            return None;
        }
        Some(if is_failed {
            Obstacle::ServerFailed
        } else if collected.error.starts_with(Obstacle::GONE) {
            Obstacle::Gone
        } else if collected.status() == ReportStatus::Unknown {
            Obstacle::UnknownStatus
        } else if collected.error.contains(Obstacle::FORCE) {
            Obstacle::OtherFile
        } else {
            Obstacle::Other
        })
    }
}
