//! What happened, for a transport to keep from one process to the next.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    endpoint::Endpoint,
    report::{Category, Origin, Person, StoredReport},
};
use request::{Period, ReportType, Request};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A report was made.
    Made(MadeRecord),
    /// A report was deleted.
    Deleted {
        /// Its id.
        id: String,
    },
    /// The token was renewed.
    Renewed {
        /// The new one.
        access_token: String,
        /// What the next one is renewed with.
        refresh_token: String,
        /// How many there were.
        renewals: u64,
    },
    /// A request was tried; counted only where a fault may depend on it.
    Tried {
        /// What was asked for.
        endpoint: Endpoint,
        /// By what it is recognised.
        key: String,
    },
}

/// A report, flat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MadeRecord {
    number: u64,
    id: String,
    sub_partner: Option<String>,
    #[serde(rename = "type")]
    report_type: ReportType,
    start: NaiveDate,
    end: NaiveDate,
    internal: bool,
    created: DateTime<Utc>,
    #[serde(default)]
    category: Category,
    #[serde(default)]
    by: Person,
    #[serde(default)]
    origin: Origin,
}

impl From<&StoredReport> for MadeRecord {
    fn from(report: &StoredReport) -> Self {
        let request = &report.request;
        MadeRecord {
            number: report.number,
            id: report.id.clone(),
            sub_partner: request.sub_partner.as_ref().map(ToString::to_string),
            report_type: request.report_type,
            start: request.period.start(),
            end: request.period.end(),
            internal: request.internal,
            created: report.made,
            category: report.category,
            by: report.by,
            origin: report.origin,
        }
    }
}

impl TryFrom<MadeRecord> for StoredReport {
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn try_from(made: MadeRecord) -> Result<Self, Self::Error> {
        Ok(StoredReport {
            number: made.number,
            id: made.id,
            request: Request {
                sub_partner: made.sub_partner.map(|text| text.parse()).transpose()?,
                report_type: made.report_type,
                period: Period::new(made.start, made.end)?,
                internal: made.internal,
            },
            made: made.created,
            listed_from: made.created, // the lag is the configuration's
            category: made.category,
            by: made.by,
            origin: made.origin,
        })
    }
}
