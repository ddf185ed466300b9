//! The parts of a row while its cells are read.

use super::{
    Collected,
    written::{WrittenDay, WrittenTime},
};
use crate::request::{OrgId, ReportId, ReportType, RequestId};

/// The parts of a row, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) id: Option<RequestId>,
    pub(super) job: String,
    pub(super) label: String,
    pub(super) org: Option<OrgId>,
    pub(super) report_type: Option<ReportType>,
    pub(super) start: Option<WrittenDay>,
    pub(super) end: Option<WrittenDay>,
    pub(super) internal: Option<bool>,
    pub(super) status: String,
    pub(super) report_id: Option<ReportId>,
    pub(super) http_status: Option<u16>,
    pub(super) code: String,
    pub(super) error: String,
    pub(super) tracking_id: String,
    pub(super) attempts: Option<u32>,
    pub(super) updated_at: Option<WrittenTime>,
    pub(super) collected: Collected,
    pub(super) intent_at: Option<WrittenTime>,
    /// `updated_at` holds something that is no time. It is not needed.
    pub(super) lost_time: bool,
}
