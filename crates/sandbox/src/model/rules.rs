use chrono::{DateTime, Months, Utc};

use super::{
    config::{RefusalStatus, SandboxConfig},
    org,
    reply::Reply,
};
use request::{OrgId, Period, Request};

pub(super) fn refusal(
    config: &SandboxConfig,
    request: &Request,
    now: DateTime<Utc>,
) -> Option<Reply> {
    if config.reports.check_calendar
        && let Some(words) = against_the_calendar(request.period, now)
    {
        return Some(Reply::error(400, words));
    }
    let status = sub_partners_refusal(config, request.sub_partner.as_ref()?)?;
    let words = "This sub-partner refuses billing reports.";
    Some(Reply::error(status.into(), words))
}

fn sub_partners_refusal(config: &SandboxConfig, org: &OrgId) -> Option<RefusalStatus> {
    if config.fixed {
        return None;
    }
    let mut configured = config.refuse.iter();
    let configured = configured.find(|(text, _)| org::contains(org.as_str(), text));
    configured.map(|(_, status)| *status).or_else(|| {
        RefusalStatus::ALL
            .into_iter()
            .find(|status| org::contains(org.as_str(), &format!("refused-{}", u16::from(*status))))
    })
}

fn against_the_calendar(period: Period, now: DateTime<Utc>) -> Option<&'static str> {
    let today = now.date_naive();
    if period.end() >= today {
        return Some("billingEndDate must be in the past.");
    }
    let earliest = today.checked_sub_months(Months::new(60))?;
    (period.start() < earliest).then_some("billingStartDate must be within the last five years.")
}
