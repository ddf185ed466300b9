use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::{org, reply::Reply};
use request::{OrgId, ReportStatus, ReportType, Request};

/// Names and values of a query or a form, in order.
pub type Fields = Vec<(String, String)>;

/// The value of the first field of this name.
pub(crate) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A request to the API.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Scheme, host and path that it was sent to: links lead there.
    pub url: String,
    /// The query, without `?`.
    pub query: Fields,
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
    /// A new access token, with this form.
    Renew(Fields),
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

/// One operation of the API.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /wholesale/billing/reports`
    Create,
    /// `GET /wholesale/billing/reports`
    List,
    /// `GET /wholesale/billing/reports/{id}`
    Get,
    /// `DELETE /wholesale/billing/reports/{id}`
    Delete,
    /// `GET /wholesale/subPartners`
    SubPartners,
    /// `POST /access_token`
    Token,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `cursor`: after this item.
    Cursor(String),
    /// `offset`: after this many items.
    Offset(usize),
}

impl Place {
    /// The name of the parameter, and its value.
    pub fn parameter(&self) -> (&'static str, String) {
        match self {
            Place::Cursor(text) => ("cursor", text.clone()),
            Place::Offset(items) => ("offset", items.to_string()),
        }
    }
}

impl Ask {
    /// The address of another page of the list that was asked for; `None`: of the first one.
    pub(super) fn page_url(&self, place: Option<&Place>) -> String {
        let page = place.map(Place::parameter);
        let is_kept = |(key, _): &&(String, String)| !matches!(&**key, "cursor" | "offset");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query.iter().filter(is_kept)).extend_pairs(page);
        format!("{}?{}", self.url, query.finish())
    }

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
