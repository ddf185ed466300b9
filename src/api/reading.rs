//! What a complete answer means: from status, headers and body alone.

use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use url::Url;

use super::{
    Answer, Cause, Listed, Notice, Outcome, Page, Refusal,
    body::{BodyEnd, ResponseBody},
    classify::{BodyContent, Classification, verdict},
    error_body,
    link::next_page,
    wire,
};
use crate::{
    manifest::{BaseUrl, Discover},
    text::foreign,
};
use request::{Doubt, OrgId, ReportId, Request};

#[derive(Debug)]
pub(super) enum Misread {
    NotThere,
    /// Something else is: why that is no answer, and of a create the id of the report.
    Contradicts(String, Option<ReportId>),
    /// It is, but it is of no use, and asking again would give the same: why.
    Unusable(String),
    Refused,
}

/// By the table of [`verdict`]. `what` names in messages what was asked for; `read` gets headers and body of a 2xx.
pub(super) fn judge<T>(
    mut notice: Notice,
    headers: &HeaderMap,
    body: &ResponseBody,
    what: &str,
    read: impl FnOnce(&HeaderMap, &str) -> Result<T, Misread>,
) -> Answer<T> {
    let status = notice.status.unwrap_or_default(); // an answer always has one
    notice.is_foreign = is_foreign(status, body);
    let success = (200..300).contains(&status);
    let found = match body.text() {
        Some(text) if success && body.end == BodyEnd::Whole => read(headers, text),
        _ => Err(Misread::NotThere),
    };
    let contents = match found {
        Ok(wanted) => BodyContent::Wanted(wanted),
        Err(Misread::NotThere) if body.is_page() => BodyContent::Page,
        Err(Misread::NotThere) => {
            notice.is_unread = success && !body.is_json();
            BodyContent::Unreadable
        }
        Err(Misread::Contradicts(why, report_id)) => {
            let cause = error_body::bad_response(status, &notice, foreign(&why));
            let outcome = Outcome::InDoubt(Doubt::SaidYes, Cause { report_id, ..cause });
            return Answer { outcome, notice };
        }
        Err(Misread::Unusable(why)) => {
            let unusable = error_body::bad_response(status, &notice, foreign(&why));
            return Answer { outcome: Outcome::Refused(Refusal::Final, unusable), notice };
        }
        Err(Misread::Refused) => {
            let refused = error_body::of_error(status, &notice, body);
            return Answer { outcome: Outcome::Refused(Refusal::Final, refused), notice };
        }
    };
    let cause = || {
        if success {
            error_body::of_unreadable(&notice, body, what)
        } else {
            error_body::of_error(status, &notice, body)
        }
    };
    let outcome = match verdict(status, contents, notice.retry_after.is_some()) {
        Classification::Done(wanted) => Outcome::Done(wanted),
        Classification::Refused(refusal) => Outcome::Refused(refusal, cause()),
        Classification::InDoubt(doubt) => Outcome::InDoubt(doubt, cause()),
    };
    Answer { outcome, notice }
}

fn is_foreign(status: u16, body: &ResponseBody) -> bool {
    match status {
        204 | 205 => false, // they have no body
        200..=299 => body.is_page() || body.is_empty(),
        300..=399 => true,
        400..=499 => body.is_markup(),
        _ => false,
    }
}

pub(super) fn created(body: &str, request: &Request) -> Result<ReportId, Misread> {
    let Some(report) = wire::read::<wire::WireReport>(body) else {
        let Some(id) = wire::number_as_id(body) else {
            return Err(Misread::NotThere);
        };
        let why = format!("the server answered with the number {id} instead of the report's id");
        return Err(Misread::Contradicts(why, Some(id)));
    };
    let report = Listed::from(report);
    if report.can_answer(request) {
        return Ok(report.id);
    }
    // A proxy that repeats an earlier answer: another request's report is not this one's. Or it is, and shown wrongly.
    let why = format!(
        "the server answered with report {}, which shows another type, other dates, or another organisation than asked for",
        report.id
    );
    Err(Misread::Contradicts(why, Some(report.id)))
}

/// A read is answered with 200 (API reference): 206 has only a part, and a proxy has changed a 203.
pub(super) fn of_read<T>(answer: Answer<T>) -> Answer<T> {
    match (&answer.outcome, answer.notice.status) {
        (Outcome::Done(_), Some(status)) if status != 200 => {
            let text = format!("the server answered {status}, which is no whole answer to a read");
            let cause = error_body::bad_response(status, &answer.notice, text);
            Answer { outcome: Outcome::InDoubt(Doubt::SaidYes, cause), ..answer }
        }
        _ => without_redirects(answer),
    }
}

/// A redirect leaves no doubt about a read, and asking again would give the same redirect.
pub(super) fn without_redirects<T>(answer: Answer<T>) -> Answer<T> {
    match answer.outcome {
        Outcome::InDoubt(Doubt::Open, cause) if matches!(answer.notice.status, Some(300..=399)) => {
            Answer { outcome: Outcome::Refused(Refusal::Final, cause), ..answer }
        }
        _ => answer,
    }
}

/// Another report is no answer: a proxy repeats the answer to another client.
pub(super) fn report(body: &str, id: &ReportId) -> Result<Option<Listed>, Misread> {
    let report: wire::WireReport = wire::read(body).ok_or(Misread::NotThere)?;
    let report = Listed::from(report);
    if report.id == *id {
        return Ok(Some(report));
    }
    let why = format!("the server answered with report {} instead of {id}", report.id);
    Err(Misread::Contradicts(why, None))
}

pub(super) fn none_where_gone(mut answer: Answer<Option<Listed>>) -> Answer<Option<Listed>> {
    if matches!(answer.outcome, Outcome::Refused(Refusal::Final, _))
        && matches!(answer.notice.status, Some(404 | 410))
    {
        answer.outcome = Outcome::Done(None);
    }
    answer
}

/// `read` returns the items and, without a `Link`, the next page from the body.
pub(super) fn page<B: DeserializeOwned, T>(
    headers: &HeaderMap,
    body: &str,
    url: &Url,
    base: &BaseUrl,
    read: impl FnOnce(B, &Url) -> Result<Page<T>, Misread>,
) -> Result<Page<T>, Misread> {
    if wire::reports_errors(body) {
        return Err(Misread::NotThere);
    }
    let page = read(wire::read(body).ok_or(Misread::NotThere)?, url)?;
    let linked = next_page(headers, url, base);
    let linked = linked.map_err(|error| Misread::Unusable(error.to_string()))?;
    Ok(Page { next: linked.or(page.next), ..page })
}

pub(super) fn reports(reports: wire::WireReports, _: &Url) -> Result<Page<Listed>, Misread> {
    Ok(Page { items: reports.items.into_iter().map(Listed::from).collect(), next: None })
}

pub(super) fn sub_partners(
    which: Discover,
) -> impl FnOnce(wire::WireSubPartners, &Url) -> Result<Page<OrgId>, Misread> {
    move |entries, url| {
        let next = entries.is_full().then(|| wire::next_offset(url)).flatten();
        let unusable = |(id, why)| {
            Misread::Unusable(format!(
                "the server lists a sub-partner with the id {id:?}, which cannot be used: {why}; \
                 name the other sub-partners in the manifest instead of `discover`"
            ))
        };
        let items = entries.only(which).map_err(unusable)?;
        Ok(Page { items, next })
    }
}
