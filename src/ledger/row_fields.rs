use std::sync::Arc;

use super::{
    Collected,
    texts::SharedTexts,
    written::{SheetDay, SheetTime},
};
use request::{OrgId, ReportId, ReportType, RequestId};

/// The parts of a row while its cells are read; rare texts still borrow from the cells.
#[derive(Debug)]
pub(super) struct RowFields<'t> {
    pub(super) texts: &'t mut SharedTexts,
    pub(super) id: Option<RequestId>,
    pub(super) job: Arc<str>,
    pub(super) label: Option<Arc<str>>,
    pub(super) org: Option<OrgId>,
    pub(super) report_type: Option<ReportType>,
    pub(super) start: Option<SheetDay>,
    pub(super) end: Option<SheetDay>,
    pub(super) internal: Option<bool>,
    pub(super) status: &'t str,
    pub(super) report_id: Option<ReportId>,
    pub(super) http_status: Option<u16>,
    pub(super) code: &'t str,
    pub(super) error: &'t str,
    pub(super) tracking_id: &'t str,
    pub(super) attempts: Option<u32>,
    pub(super) updated_at: Option<SheetTime>,
    pub(super) collected: Collected,
    pub(super) intent_at: Option<SheetTime>,
    /// `updated_at`, which is not needed, holds something that is no time.
    pub(super) lost_time: bool,
}

impl<'t> RowFields<'t> {
    pub(super) fn new(texts: &'t mut SharedTexts) -> Self {
        RowFields {
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
