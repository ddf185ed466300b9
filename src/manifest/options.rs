use chrono::NaiveDate;

/// What a manifest depends on besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// Relative periods count from this day.
    pub as_of: NaiveDate,
    /// The real day, UTC: the server's calendar rules count from it.
    pub today: NaiveDate,
    /// Whether the calendar rules are checked.
    pub date_check: DateCheck,
}

/// Whether periods have to keep the server's calendar rules: over, and not older than five years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateCheck {
    /// Checked.
    On,
    /// Left to the server.
    Off,
}
