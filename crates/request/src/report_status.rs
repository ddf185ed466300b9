/// What the server's word for the status of a report means, whatever its case and the blanks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportStatus {
    /// No word: the report was never read, or the server does not say.
    Unread,
    /// `IN_PROGRESS`, or `REQUESTED`.
    InProgress,
    /// `COMPLETED`
    Completed,
    /// `FAILED`: the server could not generate the report.
    Failed,
    /// A word that the API reference does not have. It may be final.
    Unknown,
}

impl ReportStatus {
    /// The server's word where its file can be downloaded.
    pub const COMPLETED: &str = "COMPLETED";
    /// The server's word where it could not generate the report.
    pub const FAILED: &str = "FAILED";
    /// The server's word while it generates the report.
    pub const IN_PROGRESS: &str = "IN_PROGRESS";

    /// Reads the server's word.
    pub fn of(word: &str) -> Self {
        match word.trim().to_ascii_uppercase().as_str() {
            "" => ReportStatus::Unread,
            Self::IN_PROGRESS | "REQUESTED" => ReportStatus::InProgress,
            Self::COMPLETED => ReportStatus::Completed,
            Self::FAILED => ReportStatus::Failed,
            _ => ReportStatus::Unknown,
        }
    }

    /// Whether nothing more becomes of the report.
    pub fn is_final(self) -> bool {
        matches!(self, ReportStatus::Completed | ReportStatus::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case_and_with_blanks_around_them() {
        for (word, status) in [
            ("", ReportStatus::Unread),
            (" ", ReportStatus::Unread),
            ("IN_PROGRESS", ReportStatus::InProgress),
            (" in_progress", ReportStatus::InProgress),
            ("Requested", ReportStatus::InProgress),
            ("COMPLETED", ReportStatus::Completed),
            ("\tCompleted\r\n", ReportStatus::Completed),
            ("FAILED", ReportStatus::Failed),
            ("failed ", ReportStatus::Failed),
            ("EXPIRED", ReportStatus::Unknown),
            ("FAILED!", ReportStatus::Unknown),
        ] {
            assert_eq!(ReportStatus::of(word), status, "{word:?}");
            let is_final = matches!(status, ReportStatus::Completed | ReportStatus::Failed);
            assert_eq!(status.is_final(), is_final, "{word:?}");
        }
    }
}
