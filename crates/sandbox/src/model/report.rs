use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::ask::Endpoint;
use request::{Period, ReportType, Request};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A report was made.
    Made(StoredReport),
    /// A report was deleted.
    Deleted {
        /// Its id.
        id: String,
    },
    /// The token was renewed.
    Renewed {
        /// The new one.
        access_token: String,
        /// The refresh token for the next renewal.
        refresh_token: String,
        /// The number of renewals so far.
        renewals: u64,
    },
    /// A request was tried; counted only if a fault may depend on it.
    Tried {
        /// The endpoint.
        endpoint: Endpoint,
        /// The key of the request.
        key: String,
    },
}

/// A report that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReport {
    /// Its number in the order of creation, from 1; never used twice.
    pub number: u64,
    /// Its id: URL-safe base64 without padding.
    pub id: String,
    /// What was asked for.
    #[serde(flatten, with = "FlatRequest")]
    pub request: Request,
    /// When it was created, by the server's clock.
    #[serde(rename = "created")]
    pub made: DateTime<Utc>,
    /// From when on lists show it: no state holds that, since the lag is the configuration's.
    #[serde(skip)]
    pub listed_from: DateTime<Utc>,
    /// What kind of report it is.
    #[serde(default)]
    pub category: Category,
    /// Whose token made it.
    #[serde(default)]
    pub by: Person,
    /// Whether a create made it.
    #[serde(default)]
    pub origin: Origin,
    /// How many reports of the same request were there long enough when it was made.
    #[serde(default)]
    pub restated: usize,
}

/// A request as a record has it.
#[derive(Serialize, Deserialize)]
struct FlatRequest {
    sub_partner: Option<String>,
    #[serde(rename = "type")]
    report_type: ReportType,
    start: NaiveDate,
    end: NaiveDate,
    internal: bool,
}

impl FlatRequest {
    fn serialize<S: Serializer>(request: &Request, serializer: S) -> Result<S::Ok, S::Error> {
        let flat = FlatRequest {
            sub_partner: request.sub_partner.as_ref().map(ToString::to_string),
            report_type: request.report_type,
            start: request.period.start(),
            end: request.period.end(),
            internal: request.internal,
        };
        Serialize::serialize(&flat, serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Request, D::Error> {
        let flat: FlatRequest = Deserialize::deserialize(deserializer)?;
        let sub_partner = flat.sub_partner.map(|text| text.parse()).transpose();
        Ok(Request {
            sub_partner: sub_partner.map_err(de::Error::custom)?,
            report_type: flat.report_type,
            period: Period::new(flat.start, flat.end).map_err(de::Error::custom)?,
            internal: flat.internal,
        })
    }
}

/// A report that no create made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReport {
    /// What it is about.
    pub request: Request,
    /// When it was created, by the server's clock.
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
