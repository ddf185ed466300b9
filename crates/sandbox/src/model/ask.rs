use chrono::NaiveDate;

use super::{endpoint::Endpoint, org, place::Place, reply::Reply};
use request::{OrgId, ReportType, Request};

/// A request to the API.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The bearer token.
    pub token: Option<String>,
    /// It says `Cache-Control: no-cache`.
    pub no_cache: bool,
    /// What it asks for.
    pub what: What,
}

/// What can be asked for.
#[derive(Debug, Clone)]
pub enum What {
    /// A new report.
    Create(Request),
    /// A page of the list of reports.
    List(ListAsk),
    /// The report of this id.
    Get(String),
    /// That the report of this id be deleted.
    Delete(String),
    /// A page of the list of sub-partners.
    SubPartners(SubPartnersAsk),
    /// A new access token.
    Renew(Renewal),
    /// An unreadable request to this endpoint, and the answer that it gets once it is admitted.
    Unreadable(Endpoint, Reply),
}

/// Which page of which reports. A field that is `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct ListAsk {
    /// `subPartnerOrgId`
    pub org: Option<OrgId>,
    /// `type`
    pub report_type: Option<ReportType>,
    /// `billingStartDate`
    pub start: Option<NaiveDate>,
    /// `billingEndDate`
    pub end: Option<NaiveDate>,
    /// `status`
    pub status: Option<ReportStatus>,
    /// `sortBy`
    pub sort_by: SortBy,
    /// `max`: the most items on a page.
    pub max: Option<usize>,
    /// Where the page begins; `None` for the first page.
    pub place: Option<Place>,
}

/// The status of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportStatus {
    /// `IN_PROGRESS`
    InProgress,
    /// `COMPLETED`
    Completed,
    /// `FAILED`
    Failed,
}

impl ReportStatus {
    /// All of them.
    pub const ALL: [ReportStatus; 3] =
        [ReportStatus::InProgress, ReportStatus::Completed, ReportStatus::Failed];

    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportStatus::InProgress => "IN_PROGRESS",
            ReportStatus::Completed => "COMPLETED",
            ReportStatus::Failed => "FAILED",
        }
    }
}

/// The order of a list; equal reports are in the order in which they were created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortBy {
    /// `id`
    Id,
    /// `billingStartDate`
    #[default]
    BillingStartDate,
    /// `billingEndDate`
    BillingEndDate,
    /// `status`
    Status,
}

/// Which page of which sub-partners.
#[derive(Debug, Clone, Default)]
pub struct SubPartnersAsk {
    /// `provisioningState`; an unknown word matches nothing.
    pub state: Option<String>,
    /// `offset`
    pub offset: usize,
    /// `max`
    pub max: Option<usize>,
}

/// The form that a token is renewed with.
#[derive(Debug, Clone, Default)]
pub struct Renewal {
    /// `grant_type`
    pub grant_type: Option<String>,
    /// `client_id`
    pub client_id: Option<String>,
    /// `client_secret`
    pub client_secret: Option<String>,
    /// `refresh_token`
    pub refresh_token: Option<String>,
}

impl Ask {
    /// The operation.
    pub fn endpoint(&self) -> Endpoint {
        match &self.what {
            What::Create(_) => Endpoint::Create,
            What::List(_) => Endpoint::List,
            What::Get(_) => Endpoint::Get,
            What::Delete(_) => Endpoint::Delete,
            What::SubPartners(_) => Endpoint::SubPartners,
            What::Renew(_) => Endpoint::Token,
            What::Unreadable(endpoint, _) => *endpoint,
        }
    }

    /// Equal for equal requests: tries are counted by it.
    pub(super) fn key(&self) -> String {
        match &self.what {
            What::Create(request) => request.to_string(),
            What::List(list) => format!("{list:?}"),
            What::Get(id) | What::Delete(id) => id.clone(),
            What::SubPartners(page) => format!("{page:?}"),
            What::Renew(_) | What::Unreadable(..) => String::new(),
        }
    }

    pub(super) fn org_contains(&self, text: &str) -> bool {
        let org = match &self.what {
            What::Create(request) => request.sub_partner.as_ref(),
            What::List(list) => list.org.as_ref(),
            _ => None,
        };
        org.is_some_and(|org| org::contains(org.as_str(), text))
    }

    pub(super) fn report_type(&self) -> Option<ReportType> {
        match &self.what {
            What::Create(request) => Some(request.report_type),
            What::List(list) => list.report_type,
            _ => None,
        }
    }
}
