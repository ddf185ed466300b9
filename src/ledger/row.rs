//! One line of the ledger.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};

use super::{BadCell, cell};
use crate::{
    api::Cause,
    request::{Period, ReportId, Request, RequestId},
};

/// The columns that the contract fixes, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "the names are the contract's; Row says what each holds"
)]
#[repr(usize)]
pub enum Column {
    RequestId,
    Job,
    SubPartner,
    SubPartnerOrgId,
    Type,
    BillingStartDate,
    BillingEndDate,
    Internal,
    Status,
    ReportId,
    HttpStatus,
    ErrorCode,
    Error,
    TrackingId,
    Attempts,
    UpdatedAt,
    ReportStatus,
    ReportFile,
    ReportSha256,
    IntentAt,
}

impl Column {
    /// All of them, in the ledger's order.
    pub const ALL: [Column; 20] = [
        Column::RequestId,
        Column::Job,
        Column::SubPartner,
        Column::SubPartnerOrgId,
        Column::Type,
        Column::BillingStartDate,
        Column::BillingEndDate,
        Column::Internal,
        Column::Status,
        Column::ReportId,
        Column::HttpStatus,
        Column::ErrorCode,
        Column::Error,
        Column::TrackingId,
        Column::Attempts,
        Column::UpdatedAt,
        Column::ReportStatus,
        Column::ReportFile,
        Column::ReportSha256,
        Column::IntentAt,
    ];

    /// Its name in the header.
    pub fn name(self) -> &'static str {
        match self {
            Column::RequestId => "request_id",
            Column::Job => "job",
            Column::SubPartner => "sub_partner",
            Column::SubPartnerOrgId => "sub_partner_org_id",
            Column::Type => "type",
            Column::BillingStartDate => "billing_start_date",
            Column::BillingEndDate => "billing_end_date",
            Column::Internal => "internal",
            Column::Status => "status",
            Column::ReportId => "report_id",
            Column::HttpStatus => "http_status",
            Column::ErrorCode => "error_code",
            Column::Error => "error",
            Column::TrackingId => "tracking_id",
            Column::Attempts => "attempts",
            Column::UpdatedAt => "updated_at",
            Column::ReportStatus => "report_status",
            Column::ReportFile => "report_file",
            Column::ReportSha256 => "report_sha256",
            Column::IntentAt => "intent_at",
        }
    }

    /// Whether a file without this column is no ledger: these say what a request is and what became of it.
    /// The others may be missing from a ledger of another version.
    pub fn is_required(self) -> bool {
        !matches!(
            self,
            Column::Job
                | Column::SubPartner
                | Column::HttpStatus
                | Column::ErrorCode
                | Column::Error
                | Column::TrackingId
                | Column::Attempts
                | Column::UpdatedAt
                | Column::ReportStatus
                | Column::ReportFile
                | Column::ReportSha256
                | Column::IntentAt
        )
    }
}

/// What became of a request so far (contract, section 4). Only a created row has a report id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The report exists and this is its id.
    Created(ReportId),
    /// It ended with a [`Row::cause`].
    Failed,
    /// Planned and not sent, or safely known not to have been processed.
    Pending,
    /// In doubt: a create may have reached the server.
    Sending,
}

impl Status {
    /// The word in the ledger.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Created(_) => "created",
            Status::Failed => "failed",
            Status::Pending => "pending",
            Status::Sending => "sending",
        }
    }

    /// The report's id, where there is one.
    pub fn report_id(&self) -> Option<&ReportId> {
        match self {
            Status::Created(id) => Some(id),
            Status::Failed | Status::Pending | Status::Sending => None,
        }
    }
}

/// A request's line.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    id: RequestId,
    request: Request,
    /// The job that named it first.
    pub job: Arc<str>,
    /// `sub_partner`: the label people read, where there is one.
    pub label: Option<Arc<str>>,
    /// `status` and `report_id`.
    pub status: Status,
    /// `http_status` and `tracking_id` of the last answer to a create; `error_code` and `error` of a row
    /// that failed or waits. All empty where nothing went wrong.
    pub cause: Cause,
    /// Creates that left us, all runs together.
    pub attempts: u32,
    /// When the line was written, by the local clock.
    pub updated_at: Option<DateTime<Utc>>,
    /// `report_status`, `report_file` and `report_sha256`, as they stand.
    pub collected: [String; 3],
    /// When the earliest create whose outcome is unknown left, by the server's clock where known.
    pub intent_at: Option<DateTime<Utc>>,
    /// Cells of columns that are not ours, in [`super::Ledger::extra_columns`]' order.
    pub extra: Vec<String>,
}

impl Row {
    /// The word of `error_code` for a row whose report, if there is one, only a person can tell.
    pub const IN_DOUBT: &str = "in_doubt";

    /// A request that is planned and not sent.
    pub fn pending(request: Request, job: Arc<str>, label: Option<Arc<str>>) -> Self {
        Row {
            id: request.id(),
            request,
            job,
            label,
            status: Status::Pending,
            cause: Cause::default(),
            attempts: 0,
            updated_at: None,
            collected: Default::default(),
            intent_at: None,
            extra: Vec::new(),
        }
    }

    /// What is asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// Whether a person has to decide what becomes of it: it ended `in_doubt`.
    pub fn awaits_decision(&self) -> bool {
        self.status == Status::Failed && self.cause.code == Row::IN_DOUBT
    }

    /// Its cells in the order of [`Column::ALL`], then the extra ones, neutralised where they hold text.
    pub fn cells(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let request = &self.request;
        let org = request.sub_partner.as_ref().map_or("", |org| org.as_str());
        let report = self.status.report_id().map_or("", |id| id.as_str());
        let ours = [
            Cow::Owned(self.id.to_string()),
            cell::neutralise(&self.job),
            cell::neutralise(self.label.as_deref().unwrap_or_default()),
            cell::neutralise(org),
            Cow::Borrowed(request.report_type.as_str()),
            Cow::Owned(request.period.start().to_string()),
            Cow::Owned(request.period.end().to_string()),
            Cow::Borrowed(if request.internal { "true" } else { "false" }),
            Cow::Borrowed(self.status.word()),
            cell::neutralise(report),
            self.cause
                .http_status
                .map_or(Cow::Borrowed(""), |status| Cow::Owned(status.to_string())),
            cell::neutralise(&self.cause.code),
            cell::neutralise(&self.cause.text),
            cell::neutralise(self.cause.tracking_id.as_deref().unwrap_or_default()),
            Cow::Owned(self.attempts.to_string()),
            instant(self.updated_at),
            cell::neutralise(&self.collected[0]),
            cell::neutralise(&self.collected[1]),
            cell::neutralise(&self.collected[2]),
            instant(self.intent_at),
        ];
        ours.into_iter()
            .chain(self.extra.iter().map(|text| cell::neutralise(text)))
    }

    /// Takes a row from its cells; `cell` gives the raw text of a column, empty where the file has none.
    ///
    /// # Errors
    /// The first cell that cannot be, with what would be right.
    pub(super) fn from_cells<'a>(
        cell_of: impl Fn(Column) -> &'a str,
        extra: Vec<String>,
    ) -> Result<Self, BadCell> {
        let text = |column| cell::restore(cell_of(column));
        let optional = |column| Some(text(column)).filter(|text| !text.is_empty());
        let (id, request) = identity(&cell_of)?;
        let report_id = optional(Column::ReportId)
            .map(str::parse::<ReportId>)
            .transpose()
            .map_err(|e| BadCell::new(Column::ReportId, text(Column::ReportId), e))?;
        let status = status(text(Column::Status).trim(), report_id)?;
        let collected = [
            Column::ReportStatus,
            Column::ReportFile,
            Column::ReportSha256,
        ]
        .map(|c| text(c).to_owned());
        Ok(Row {
            id,
            request,
            job: text(Column::Job).into(),
            label: optional(Column::SubPartner).map(Arc::from),
            status,
            cause: Cause {
                http_status: number(&cell_of, Column::HttpStatus)?,
                code: text(Column::ErrorCode).to_owned(),
                text: text(Column::Error).to_owned(),
                tracking_id: optional(Column::TrackingId).map(str::to_owned),
            },
            attempts: number(&cell_of, Column::Attempts)?.unwrap_or(0),
            updated_at: time(&cell_of, Column::UpdatedAt)?,
            collected,
            intent_at: time(&cell_of, Column::IntentAt)?,
            extra,
        })
    }
}

/// What a row asks for, checked against its `request_id`.
pub(super) fn identity<'a>(
    cell_of: &impl Fn(Column) -> &'a str,
) -> Result<(RequestId, Request), BadCell> {
    let text = |column| cell::restore(cell_of(column)).trim();
    let bad = |column, why: &dyn std::fmt::Display| BadCell::new(column, text(column), why);
    let id: RequestId = text(Column::RequestId)
        .parse()
        .map_err(|e| bad(Column::RequestId, &e))?;
    let org = text(Column::SubPartnerOrgId);
    let sub_partner = if org.is_empty() {
        None
    } else {
        Some(org.parse().map_err(|e| bad(Column::SubPartnerOrgId, &e))?)
    };
    let day = |column| crate::request::day(text(column)).map_err(|e| bad(column, &e));
    let period = Period::new(day(Column::BillingStartDate)?, day(Column::BillingEndDate)?)
        .map_err(|e| bad(Column::BillingEndDate, &e))?;
    let internal = match text(Column::Internal) {
        t if t.eq_ignore_ascii_case("true") => true,
        t if t.eq_ignore_ascii_case("false") => false,
        _ => return Err(bad(Column::Internal, &"write true or false")),
    };
    let request = Request {
        sub_partner,
        report_type: text(Column::Type)
            .parse()
            .map_err(|e| bad(Column::Type, &e))?,
        period,
        internal,
    };
    let right = request.id();
    if right != id {
        return Err(bad(
            Column::RequestId,
            &format_args!(
                "it does not fit its row, whose org id, type, dates and internal make {right}; \
                 undo the change to this row"
            ),
        ));
    }
    Ok((id, request))
}

fn status(word: &str, report_id: Option<ReportId>) -> Result<Status, BadCell> {
    match (word, report_id) {
        ("created", Some(id)) => Ok(Status::Created(id)),
        ("created", None) => Err(BadCell::new(
            Column::ReportId,
            "",
            "a created row needs the report's id",
        )),
        ("failed", None) => Ok(Status::Failed),
        ("pending", None) => Ok(Status::Pending),
        ("sending", None) => Ok(Status::Sending),
        ("failed" | "pending" | "sending", Some(id)) => Err(BadCell::new(
            Column::Status,
            word,
            format_args!("the row has the report id {id}: its status can only be created"),
        )),
        _ => Err(BadCell::new(
            Column::Status,
            word,
            "the words are created, failed, pending and sending",
        )),
    }
}

fn number<'a, N: std::str::FromStr>(
    cell_of: &impl Fn(Column) -> &'a str,
    column: Column,
) -> Result<Option<N>, BadCell> {
    let text = cell_of(column).trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| BadCell::new(column, text, "write a whole number, or nothing"))
}

fn time<'a>(
    cell_of: &impl Fn(Column) -> &'a str,
    column: Column,
) -> Result<Option<DateTime<Utc>>, BadCell> {
    let text = cell_of(column).trim();
    if text.is_empty() {
        return Ok(None);
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| Some(time.with_timezone(&Utc)))
        .map_err(|_| {
            BadCell::new(
                column,
                text,
                "write a time like 2026-11-01T09:30:00Z, or nothing",
            )
        })
}

fn instant(time: Option<DateTime<Utc>>) -> Cow<'static, str> {
    match time {
        Some(time) => Cow::Owned(time.to_rfc3339_opts(SecondsFormat::Millis, true)),
        None => Cow::Borrowed(""),
    }
}
