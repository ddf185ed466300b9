//! A report as the server has it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use request::Request;

/// A report that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    /// Its place in the order of making, from 1; never given twice.
    pub number: u64,
    /// Its id: URL-safe base64 without padding.
    pub id: String,
    /// What was asked for.
    pub request: Request,
    /// When it was made, by the server's clock.
    pub made: DateTime<Utc>,
    /// From when on lists have it.
    pub listed_from: DateTime<Utc>,
    /// What kind of report it is.
    pub category: Category,
    /// Whose token made it.
    pub by: Person,
    /// Whether a create of this server's clients made it, or it came about in some other way.
    pub origin: Origin,
}

/// A report that comes about otherwise than by a create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReport {
    /// What it is a report of.
    pub request: Request,
    /// When it was made, by the server's clock.
    pub made: DateTime<Utc>,
    /// Lists have it at once, whatever their lag.
    pub listed_at_once: bool,
    /// What kind of report it is.
    pub category: Category,
    /// Whose token made it.
    pub by: Person,
}

/// What kind of report it is. A create makes a `Reconciliation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// `RECONCILIATION`: usage over the period.
    #[default]
    Reconciliation,
    /// `POINT_IN_TIME`: what is allocated at the moment.
    PointInTime,
}

impl Category {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Reconciliation => "RECONCILIATION",
            Category::PointInTime => "POINT_IN_TIME",
        }
    }
}

/// Whose token made a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// The administrator whose token the server takes.
    Us,
    /// Another administrator of the same partner.
    #[default]
    Colleague,
    /// A third one, whose token the client is given when the first has ended.
    Successor,
}

/// How a report came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A create that came in.
    #[default]
    Create,
    /// It was there before, or somebody else made it meanwhile.
    Elsewhere,
}
