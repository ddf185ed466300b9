//! The three kinds of report.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a report is broken down by (API reference: `type` of a wholesale billing report).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReportType {
    /// Sums for the partner.
    Partner,
    /// A line per customer.
    Customer,
    /// A line per user.
    User,
}

impl ReportType {
    /// All types, in the API's order.
    pub const ALL: [ReportType; 3] = [ReportType::Partner, ReportType::Customer, ReportType::User];

    /// The name on the wire and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportType::Partner => "PARTNER",
            ReportType::Customer => "CUSTOMER",
            ReportType::User => "USER",
        }
    }
}

/// A text that names no report type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid report type; the types are PARTNER, CUSTOMER and USER")]
pub struct UnknownReportType(pub String);

impl FromStr for ReportType {
    type Err = UnknownReportType;

    fn from_str(text: &str) -> Result<Self, UnknownReportType> {
        ReportType::ALL
            .into_iter()
            .find(|t| t.as_str() == text)
            .ok_or_else(|| UnknownReportType(text.to_owned()))
    }
}

impl fmt::Display for ReportType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
