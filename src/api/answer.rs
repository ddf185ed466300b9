use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use url::Url;

use super::DownloadUrl;
use request::{Doubt, OrgId, PersonId, ReportId, ReportStatus, ReportType, Request};

/// One exchange: its outcome, and what the headers say about time and pace.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    pub outcome: Outcome<T>,
    /// The headers; empty without an answer.
    pub notice: Notice,
}

/// How an exchange ended: "never lost, never sent twice" depends on this distinction.
///
/// | outcome | the server | may be sent again |
/// | --- | --- | --- |
/// | `Done` | processed it | no need |
/// | `Refused` | certainly did not process it | directly, where the refusal allows it |
/// | `NotSent` | never saw it | directly |
/// | `InDoubt` | may have processed it | a create: only after a look-up; a read: yes |
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T> {
    /// A 2xx whose body could be read.
    Done(T),
    /// Certainly not processed.
    Refused(Refusal, Cause),
    /// The connection was never made: name lookup, connect or TLS failed.
    NotSent(Cause),
    /// Everything else, also a 2xx that is unreadable or has no id.
    InDoubt(Doubt, Cause),
}

impl<T> Answer<T> {
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            outcome: match self.outcome {
                Outcome::Done(value) => Outcome::Done(to(value)),
                Outcome::Refused(refusal, cause) => Outcome::Refused(refusal, cause),
                Outcome::NotSent(cause) => Outcome::NotSent(cause),
                Outcome::InDoubt(doubt, cause) => Outcome::InDoubt(doubt, cause),
            },
            notice: self.notice,
        }
    }
}

impl<T> Outcome<T> {
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Outcome::Done(_) => None,
            Outcome::Refused(_, cause) | Outcome::NotSent(cause) | Outcome::InDoubt(_, cause) => {
                Some(cause)
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 429, or 423 or 503 with a readable `Retry-After`.
    Wait(WaitKind),
    /// 423 without `Retry-After`: we choose the wait.
    Locked,
    Unauthorized,
    Forbidden,
    Conflict,
    Final,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitKind {
    RateLimit,
    Busy,
}

/// Why a row failed or waits, in the words of the ledger's columns. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// `http_status`; `None` without an answer.
    pub http_status: Option<u16>,
    /// `error_code`: the server's code, else one of our words (`docs/ledger.md`). Never empty.
    pub code: String,
    /// `error`: one line for people, no control characters. Never empty.
    pub text: String,
    /// `tracking_id`: the server's id for its support desk.
    pub tracking_id: Option<String>,
    /// A report that the answer to a create named, though it cannot be the one: a person may know better.
    pub report_id: Option<ReportId>,
}

/// What the headers say about time and pace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notice {
    /// `Date`, whole seconds, the server's clock.
    pub date: Option<DateTime<Utc>>,
    /// `Retry-After`, from the arrival of the answer; `None` if missing or unreadable.
    pub retry_after: Option<Duration>,
    pub status: Option<u16>,
    pub tracking_id: Option<String>,
    /// A proxy's answer or a sign-in page: a redirect, a 2xx that is empty or not JSON, a 4xx with HTML.
    pub is_foreign: bool,
    /// Whether it is a 2xx of which nothing can be read: its body broke off, is too long, or is broken JSON.
    pub is_unread: bool,
}

/// Receives the head of an answer as soon as it arrives: its wait counts from then on, while the body may take long.
pub trait OnHead {
    /// Called once, or never if no head arrives.
    fn on_head(&self, notice: &Notice);
}

impl<F: Fn(&Notice)> OnHead for F {
    fn on_head(&self, notice: &Notice) {
        self(notice);
    }
}

#[derive(Debug, Clone, Copy)]
pub struct ListPage<'q> {
    pub query: &'q ListQuery,
    /// The most reports on the page.
    pub max: usize,
    /// Where the page before said that this one is; `None` for the first.
    pub next: Option<&'q Url>,
}

/// A report as a list or a get shows it. Servers differ in what they show, so most fields are optional.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub id: ReportId,
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
    pub report_type: Option<ReportType>,
    /// `RECONCILIATION` or `POINT_IN_TIME`, as the server spells it; a missing one means the first (API reference).
    pub category: Option<String>,
    /// When it was created, by the server's clock.
    pub created: Option<DateTime<Utc>>,
    /// The id of the person whose token made it.
    pub created_by: Option<PersonId>,
    /// Shown by some servers only.
    pub internal: Option<bool>,
    /// Shown by some servers only.
    pub sub_partner: Option<OrgId>,
    /// The status, as the server spells it.
    pub status: Option<String>,
    /// Where its file can be downloaded, once it is complete.
    pub download: Option<DownloadUrl>,
    /// Why its generation failed, in one line.
    pub errors: Option<String>,
}

impl Listed {
    /// What the server's word for its status means.
    pub fn status(&self) -> ReportStatus {
        ReportStatus::of(self.status.as_deref().unwrap_or_default())
    }

    /// A report of which only the id is known.
    pub fn bare(id: ReportId) -> Self {
        Listed {
            id,
            start: None,
            end: None,
            report_type: None,
            category: None,
            created: None,
            created_by: None,
            internal: None,
            sub_partner: None,
            status: None,
            download: None,
            errors: None,
        }
    }

    /// Whether its parameters fit `request`. A parameter that the server does not show fits.
    pub fn can_answer(&self, request: &Request) -> bool {
        fn agrees<T: PartialEq>(shown: Option<&T>, asked: &T) -> bool {
            shown.is_none_or(|shown| shown == asked)
        }
        let org = self.sub_partner.as_ref();
        agrees(self.report_type.as_ref(), &request.report_type)
            && agrees(self.start.as_ref(), &request.period.start())
            && agrees(self.end.as_ref(), &request.period.end())
            && agrees(self.internal.as_ref(), &request.internal)
            && (org.is_none() || org == request.sub_partner.as_ref())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// Its items, in the server's order.
    pub items: Vec<T>,
    /// The next page (RFC 8288 `rel="next"`), always on the API's own origin.
    pub next: Option<Url>,
}

/// Which reports to list. A field that is `None` does not filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ListQuery {
    /// `subPartnerOrgId`; `None` sends none.
    pub sub_partner: Option<OrgId>,
    pub report_type: Option<ReportType>,
    /// `billingStartDate` and `billingEndDate`
    pub period: Option<request::Period>,
    /// `status`, as the API spells it
    pub status: Option<&'static str>,
}

impl ListQuery {
    /// The reports of one request, and of its twins.
    pub fn of(request: &Request) -> Self {
        ListQuery {
            sub_partner: request.sub_partner.clone(),
            report_type: Some(request.report_type),
            period: Some(request.period),
            status: None,
        }
    }
}
