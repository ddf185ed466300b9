//! The parts of a row while its cells are read.

use chrono::{DateTime, NaiveDate, Utc};

use super::Collected;
use crate::request::{OrgId, ReportId, ReportType, RequestId};

/// The parts of a row, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) id: Option<RequestId>,
    pub(super) job: String,
    pub(super) label: String,
    pub(super) org: Option<OrgId>,
    pub(super) report_type: Option<ReportType>,
    pub(super) start: Option<NaiveDate>,
    pub(super) end: Option<NaiveDate>,
    pub(super) internal: Option<bool>,
    pub(super) status: String,
    pub(super) report_id: Option<ReportId>,
    pub(super) http_status: Option<u16>,
    pub(super) code: String,
    pub(super) error: String,
    pub(super) tracking_id: String,
    pub(super) attempts: Option<u32>,
    pub(super) updated_at: Option<DateTime<Utc>>,
    pub(super) collected: Collected,
    pub(super) intent_at: Option<DateTime<Utc>>,
}
