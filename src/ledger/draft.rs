//! The parts of a row while its cells are read.

use std::sync::Arc;

use super::{
    Collected,
    texts::Texts,
    written::{WrittenDay, WrittenTime},
};
use crate::request::{OrgId, ReportId, ReportType, RequestId};

/// The parts of a row, as far as they were read; texts that few rows have are still those of the cells.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    pub(super) texts: &'t mut Texts,
    pub(super) id: Option<RequestId>,
    pub(super) job: Arc<str>,
    pub(super) label: Option<Arc<str>>,
    pub(super) org: Option<OrgId>,
    pub(super) report_type: Option<ReportType>,
    pub(super) start: Option<WrittenDay>,
    pub(super) end: Option<WrittenDay>,
    pub(super) internal: Option<bool>,
    pub(super) status: &'t str,
    pub(super) report_id: Option<ReportId>,
    pub(super) http_status: Option<u16>,
    pub(super) code: &'t str,
    pub(super) error: &'t str,
    pub(super) tracking_id: &'t str,
    pub(super) attempts: Option<u32>,
    pub(super) updated_at: Option<WrittenTime>,
    pub(super) collected: Collected,
    pub(super) intent_at: Option<WrittenTime>,
    /// `updated_at` holds something that is no time. It is not needed.
    pub(super) lost_time: bool,
}

impl<'t> Draft<'t> {
    /// Nothing read yet. What repeats on many rows is kept in `texts`.
    pub(super) fn new(texts: &'t mut Texts) -> Self {
        Draft {
            texts,
            id: None,
            job: Arc::default(),
            label: None,
            org: None,
            report_type: None,
            start: None,
            end: None,
            internal: None,
            status: "",
            report_id: None,
            http_status: None,
            code: "",
            error: "",
            tracking_id: "",
            attempts: None,
            updated_at: None,
            collected: Collected::default(),
            intent_at: None,
            lost_time: false,
        }
    }
}
