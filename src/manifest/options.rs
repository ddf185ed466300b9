//! What a manifest's meaning depends on besides its text.

use chrono::NaiveDate;

/// What is not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// The day that relative periods count from.
    pub as_of: NaiveDate,
    /// The real day, UTC, which the server's calendar rules count from.
    pub today: NaiveDate,
    /// Whether the calendar rules are checked.
    pub date_check: DateCheck,
}

/// Whether periods have to keep the server's calendar rules: over, and not older than five years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateCheck {
    /// They are.
    On,
    /// The judgement is left to the server.
    Off,
}
