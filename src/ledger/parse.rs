use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate};

use super::{
    BadCell, Collected, Column, LastAnswer, Reason, Row, State,
    spreadsheet::{SheetDay, SheetTime},
    state::{IN_DOUBT, read_candidates, read_error},
};
use request::{
    Doubt, OrgId, OrgIdError, Period, ReportId, ReportType, Request, RequestId, page_code,
};

/// What the line before had: neighbours mostly have the same job, label and organisation, and share one copy of each.
#[derive(Debug, Default)]
pub(super) struct SharedTexts {
    pub(super) job: Arc<str>,
    pub(super) label: Arc<str>,
    org: Option<OrgId>,
}

impl SharedTexts {
    pub(super) fn word(last: &mut Arc<str>, text: &str) -> Arc<str> {
        if **last != *text {
            *last = text.into();
        }
        Arc::clone(last)
    }

    pub(super) fn org(&mut self, text: &str) -> Result<OrgId, OrgIdError> {
        match &self.org {
            Some(last) if last.as_str() == text => Ok(last.clone()),
            _ => Ok(self.org.insert(text.parse()?).clone()),
        }
    }
}

/// The parts of a row while its cells are read; texts still borrow from the cells.
#[derive(Debug, Default)]
pub(super) struct RowFields<'t> {
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

impl RowFields<'_> {
    pub(super) fn request(&self) -> Result<(RequestId, Request), BadCell> {
        fn need<T>(part: Option<T>, column: Column, why: &str) -> Result<T, BadCell> {
            part.ok_or_else(|| BadCell::new(column.name(), "", why))
        }
        const DAY: &str = "write a day as YYYY-MM-DD";
        let id = need(
            self.id,
            Column::RequestId,
            "a row needs its request_id: `r` and 16 hexadecimal digits",
        )?;
        let start = need(self.start.as_ref(), Column::BillingStartDate, DAY)?;
        let end = need(self.end.as_ref(), Column::BillingEndDate, DAY)?;
        let report_type = need(self.report_type, Column::Type, "write PARTNER, CUSTOMER or USER")?;
        let internal = need(self.internal, Column::Internal, "write true or false")?;
        let of = |period| Request { sub_partner: self.org.clone(), report_type, period, internal };
        let fits = |request: &Request| id == request.id() || id == request.id_as_spelled();
        if let (SheetDay::Exact(start), SheetDay::Exact(end)) = (start, end) {
            let period = Period::new(*start, *end)
                .map_err(|e| BadCell::new(Column::BillingEndDate.name(), &end.to_string(), e))?;
            let request = of(period);
            if fits(&request) {
                return Ok((id, request));
            }
            let right = request.id();
            let why = format_args!(
                "it does not fit its row, whose org id, type, dates and internal make {right}; undo the change to this row"
            );
            return Err(BadCell::new(Column::RequestId.name(), &id.to_string(), why));
        }
        let mut fitting: Vec<Request> = periods(start, end).map(of).filter(fits).collect();
        fitting.dedup();
        match fitting.pop() {
            Some(request) if fitting.is_empty() => Ok((id, request)),
            _ => {
                let days = format!("{} to {}", start.written(), end.written());
                let why = "no way to read these dates fits the row's request_id; in the spreadsheet, give both columns of \
                           dates the format yyyy-mm-dd and correct this row, or restore the line from a copy";
                Err(BadCell::new(Column::BillingStartDate.name(), &days, why))
            }
        }
    }

    pub(super) fn into_row(self, extra: Vec<String>) -> Result<Row, BadCell> {
        let (id, request) = self.request()?;
        let period = request.period;
        // A spreadsheet orders the parts of a day in the same way in all cells of a row.
        let orders = |day: &Option<SheetDay>, is: NaiveDate| {
            (day.as_ref()).map_or([true; 3], |day| day.orders_of(is))
        };
        let (first, last) = (orders(&self.start, period.start()), orders(&self.end, period.end()));
        let allowed = std::array::from_fn(|n| first[n] && last[n]);
        let time = |time: Option<SheetTime>| time?.earliest(allowed, period.end());
        let (replaces, text) = read_error(self.error);
        let reason = Reason { code: self.code.to_owned(), text: text.to_owned() };
        let intent = time(self.intent_at);
        let state = match (self.status, self.report_id) {
            ("created", Some(report)) => State::Created(report),
            ("created", None) => {
                let why = "a created row needs the report's id";
                return Err(BadCell::new(Column::ReportId.name(), "", why));
            }
            ("pending", None) => State::Pending { reason, intent },
            ("sending", None) => State::Sending {
                // Only an answer that said yes leaves its status on a row in doubt that may not be sent again.
                doubt: match self.http_status {
                    Some(status) if reason.code == page_code(status) => Doubt::Open,
                    Some(200..=299) => Doubt::SaidYes,
                    _ => Doubt::Open,
                },
                reason,
                intent,
            },
            ("failed", None) if reason.code == IN_DOUBT => {
                let (why, candidates) = read_candidates(&reason.text);
                State::InDoubt { text: why, candidates, intent }
            }
            ("failed", None) => State::Failed { reason, intent },
            (word @ ("failed" | "pending" | "sending"), Some(report)) => {
                return Err(BadCell::new(
                    Column::Status.name(),
                    word,
                    format_args!(
                        "the row has the report id {report}: its status can only be created"
                    ),
                ));
            }
            (word, _) => {
                let why = "the words are created, failed, pending and sending";
                return Err(BadCell::new(Column::Status.name(), word, why));
            }
        };
        Ok(Row {
            id,
            request,
            job: self.job,
            label: self.label,
            state,
            replaces,
            last_answer: LastAnswer {
                http_status: self.http_status,
                tracking_id: (!self.tracking_id.is_empty()).then(|| self.tracking_id.into()),
            },
            attempts: self.attempts.unwrap_or(0),
            updated_at: time(self.updated_at),
            collected: self.collected.shared(),
            extra,
        })
    }
}

/// Every period that two days as they are written can mean.
fn periods(start: &SheetDay, end: &SheetDay) -> impl Iterator<Item = Period> {
    let ends = end.days();
    // A day without a year is that of the year of the first, or of the next.
    let yearless = matches!(end, SheetDay::Yearless { .. });
    start.days().into_iter().flat_map(move |first| {
        let is_meant = |last: &&NaiveDate| !yearless || last.year() - first.year() <= 1;
        let meant = ends.iter().filter(is_meant);
        meant.filter_map(|last| Period::new(first, *last).ok()).collect::<Vec<_>>()
    })
}
