//! `/wholesale/billing/reports`: create, list, get, delete.

use axum::{body::Bytes, http::HeaderMap};
use chrono::{DateTime, Months, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{files, paging};
use crate::{
    request::{Period, ReportType, Request},
    sandbox::{
        Duplicates, ListWithoutOrg, StoredReport,
        call::{Call, Fields, content_type_is, field, org_contains},
        exchange::not_written,
        journal::Record,
        reply::Reply,
        store::{Filter, Whose},
        world::{State, World},
    },
};

const PATH: &str = "/wholesale/billing/reports";

/// The body of a create, before it is checked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody {
    billing_start_date: Option<String>,
    billing_end_date: Option<String>,
    #[serde(rename = "type")]
    report_type: Option<String>,
    sub_partner_org_id: Option<String>,
    internal: Option<bool>,
}

/// Reads the body of a create, all but the rules of the calendar.
///
/// # Errors
/// The 415 or 400 that says what is wrong.
pub(in crate::sandbox) fn read_create(headers: &HeaderMap, body: &Bytes) -> Result<Request, Reply> {
    if !content_type_is(headers, "application/json") {
        return Err(Reply::error(415, "The body must be application/json."));
    }
    let body: CreateBody = serde_json::from_slice(body)
        .map_err(|error| bad(&format!("The body cannot be read: {error}.")))?;
    let start = required_day("billingStartDate", body.billing_start_date.as_deref())?;
    let end = required_day("billingEndDate", body.billing_end_date.as_deref())?;
    let period = Period::new(start, end)
        .map_err(|_| bad("billingEndDate must not be before billingStartDate."))?;
    let report_type = match body.report_type {
        None => ReportType::Partner,
        Some(text) => known_type(&text)?,
    };
    let sub_partner = body
        .sub_partner_org_id
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| bad(&format!("subPartnerOrgId is invalid: {error}.")))?;
    Ok(Request {
        sub_partner,
        report_type,
        period,
        internal: body.internal.unwrap_or(false),
    })
}

/// Makes a report, or says why not.
pub(super) fn create(world: &World, state: &mut State, call: &Call, request: &Request) -> Reply {
    let now = world.clock.now();
    if world.config.reports.check_calendar
        && let Err(reply) = check_calendar(request.period, now.date_naive())
    {
        return reply;
    }
    if let Some(refusal) = call.org.as_deref().and_then(|org| world.refusal(org)) {
        return Reply::error(refusal.code(), "This sub-partner refuses billing reports.");
    }
    if world.config.reports.duplicates == Duplicates::Conflict && state.store.has(request) {
        return Reply::error(409, "A report with the same parameters exists already.");
    }
    let report = state.next_report(world.dice, request.clone(), now);
    if let Err(error) = state.add(report.clone()) {
        return not_written(&error);
    }
    let accepted_with = &world.config.reports.accepted_with;
    let status = world
        .dice
        .pick("accepted", "", report.number, accepted_with)
        .copied()
        .unwrap_or(200);
    let mut body = basics(&report);
    if request.internal {
        body.insert("internal".to_owned(), json!(true));
    }
    // The API grows fields from time to time; clients must not mind.
    if world.dice.share("unknown field", "", report.number) < 0.25 {
        body.insert("sandbox".to_owned(), json!({ "number": report.number }));
    }
    Reply::json(status, Value::Object(body))
}

/// The page of the list that the query asks for.
pub(super) fn list(
    world: &World,
    state: &State,
    call: &Call,
    query: &Fields,
) -> Result<Reply, Reply> {
    let filter = read_filter(world, query)?;
    let sort_by = SortBy::read(query)?;
    let size = paging::page_size(query, world.config.reports.page_size)?;
    let after = field(query, "cursor").map(read_cursor).transpose()?;
    let status = field(query, "status");
    let (now, lag) = (world.clock.now(), world.config.reports.list_lag.0);
    let shown = |report: &&StoredReport| {
        report.created + lag <= now && status.is_none_or(|s| s == status_of(world, report, now))
    };

    let mut page: Vec<&StoredReport> = if sort_by == SortBy::BillingStartDate {
        let after = after
            .map(|(key, number)| key.parse().map(|day: NaiveDate| (day, number)))
            .transpose()
            .map_err(|_| bad_cursor())?;
        let found = state.store.by_start(&filter, after);
        found.filter(shown).take(size + 1).collect()
    } else {
        let mut found: Vec<_> = state
            .store
            .by_start(&filter, None)
            .filter(shown)
            .map(|report| ((sort_by.key(world, report, now), report.number), report))
            .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
            .collect();
        if found.len() > size + 1 {
            found.select_nth_unstable_by(size, |(a, _), (b, _)| a.cmp(b));
            found.truncate(size + 1);
        }
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        found.into_iter().map(|(_, report)| report).collect()
    };

    let more = page.len() > size;
    page.truncate(size);
    let items: Vec<Value> = page.iter().map(|report| item(world, report, now)).collect();
    let reply = Reply::json(200, json!({ "items": items }));
    Ok(match page.last() {
        Some(last) if more => {
            let cursor = format!("{}~{}", sort_by.key(world, last, now), last.number);
            paging::with_next(reply, world, call, PATH, query, ("cursor", &cursor))
        }
        _ => reply,
    })
}

/// One report in full.
pub(super) fn get(world: &World, state: &State, id: &str) -> Reply {
    let Some(report) = state.store.get(id) else {
        return no_such_report();
    };
    let now = world.clock.now();
    let status = status_of(world, report, now);
    let mut body = basics(report);
    if world.config.reports.get_shows_created {
        show_created(&mut body, world, report);
    }
    body.insert("status".to_owned(), json!(status));
    match status {
        "COMPLETED" => {
            let url = files::signed_url(world, report, now);
            body.insert("tempDownloadURL".to_owned(), json!(url));
        }
        "FAILED" => {
            let error =
                json!({ "code": 2001, "description": "The report could not be generated." });
            body.insert("errors".to_owned(), json!([error]));
        }
        _ => {}
    }
    Reply::json(200, Value::Object(body))
}

/// Deletes a report.
pub(super) fn delete(state: &mut State, id: &str) -> Reply {
    if state.store.get(id).is_none() {
        return no_such_report();
    }
    if let Err(error) = state.journal.append(&Record::Deleted { id: id.to_owned() }) {
        return not_written(&error);
    }
    state.store.remove(id);
    Reply::nothing(204)
}

fn bad(description: &str) -> Reply {
    Reply::error(400, description)
}

fn bad_cursor() -> Reply {
    bad("The cursor is invalid.")
}

fn no_such_report() -> Reply {
    Reply::error(404, "There is no such billing report.")
}

fn day(name: &str, text: &str) -> Result<NaiveDate, Reply> {
    strict_day(text).ok_or_else(|| {
        bad(&format!(
            "{name} must be a calendar day in the form YYYY-MM-DD."
        ))
    })
}

/// `YYYY-MM-DD` and nothing else: chrono by itself would take `2026-9-1`.
fn strict_day(text: &str) -> Option<NaiveDate> {
    let strict = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    strict.then(|| text.parse().ok()).flatten()
}

fn required_day(name: &str, text: Option<&str>) -> Result<NaiveDate, Reply> {
    let text = text.ok_or_else(|| bad(&format!("{name} is required.")))?;
    day(name, text)
}

fn known_type(text: &str) -> Result<ReportType, Reply> {
    text.parse()
        .map_err(|_| bad("type must be PARTNER, CUSTOMER or USER."))
}

/// The server's two rules: the end lies in the past, and the start at most five years back.
fn check_calendar(period: Period, today: NaiveDate) -> Result<(), Reply> {
    if period.end() >= today {
        return Err(bad("billingEndDate must be in the past."));
    }
    let earliest = today
        .checked_sub_months(Months::new(60))
        .unwrap_or(NaiveDate::MIN);
    if period.start() < earliest {
        return Err(bad("billingStartDate must be within the last five years."));
    }
    Ok(())
}

fn read_filter(world: &World, query: &Fields) -> Result<Filter, Reply> {
    let day_of = |name| field(query, name).map(|text| day(name, text)).transpose();
    let whose = match (
        field(query, "subPartnerOrgId"),
        world.config.reports.list_without_org,
    ) {
        (Some(org), _) => Whose::Of(
            org.parse()
                .map_err(|error| bad(&format!("subPartnerOrgId is invalid: {error}.")))?,
        ),
        (None, ListWithoutOrg::All) => Whose::Anyones,
        (None, ListWithoutOrg::Own) => Whose::Own,
    };
    if let Some(status) = field(query, "status")
        && !["IN_PROGRESS", "COMPLETED", "FAILED"].contains(&status)
    {
        return Err(bad("status must be IN_PROGRESS, COMPLETED or FAILED."));
    }
    Ok(Filter {
        whose,
        report_type: field(query, "type").map(known_type).transpose()?,
        start: day_of("billingStartDate")?,
        end: day_of("billingEndDate")?,
    })
}

/// What a list is ordered by; reports that are equal in it are in the order of making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortBy {
    Id,
    BillingStartDate,
    BillingEndDate,
    Status,
}

impl SortBy {
    fn read(query: &Fields) -> Result<Self, Reply> {
        match field(query, "sortBy") {
            None | Some("billingStartDate") => Ok(SortBy::BillingStartDate),
            Some("billingEndDate") => Ok(SortBy::BillingEndDate),
            Some("id") => Ok(SortBy::Id),
            Some("status") => Ok(SortBy::Status),
            Some(_) => Err(bad(
                "sortBy must be id, billingStartDate, billingEndDate or status.",
            )),
        }
    }

    /// A text that sorts as the field does.
    fn key(self, world: &World, report: &StoredReport, now: DateTime<Utc>) -> String {
        let period = report.request.period;
        match self {
            SortBy::Id => report.id.clone(),
            SortBy::BillingStartDate => period.start().to_string(),
            SortBy::BillingEndDate => period.end().to_string(),
            SortBy::Status => status_of(world, report, now).to_owned(),
        }
    }
}

fn read_cursor(text: &str) -> Result<(String, u64), Reply> {
    text.rsplit_once('~')
        .and_then(|(key, number)| Some((key.to_owned(), number.parse().ok()?)))
        .ok_or_else(bad_cursor)
}

fn status_of(world: &World, report: &StoredReport, now: DateTime<Utc>) -> &'static str {
    let config = &world.config.reports;
    let org = report.request.sub_partner.as_ref();
    if now < report.created + config.completes_after.0 {
        "IN_PROGRESS"
    } else if config
        .fail_for
        .iter()
        .any(|text| org.map_or(text == "own", |org| org_contains(org.as_str(), text)))
    {
        "FAILED"
    } else {
        "COMPLETED"
    }
}

fn basics(report: &StoredReport) -> Map<String, Value> {
    let Request {
        report_type,
        period,
        ..
    } = &report.request;
    let fields = [
        ("id", report.id.clone()),
        ("billingStartDate", period.start().to_string()),
        ("billingEndDate", period.end().to_string()),
        ("type", report_type.to_string()),
        ("category", "RECONCILIATION".to_owned()),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect()
}

fn item(world: &World, report: &StoredReport, now: DateTime<Utc>) -> Value {
    let mut body = basics(report);
    body.insert("status".to_owned(), json!(status_of(world, report, now)));
    if world.config.reports.list_shows_created {
        show_created(&mut body, world, report);
    }
    Value::Object(body)
}

fn show_created(body: &mut Map<String, Value>, world: &World, report: &StoredReport) {
    let created = report
        .created
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let person = world.dice.uuid("person", 1);
    body.insert("created".to_owned(), json!(created));
    body.insert("createdBy".to_owned(), json!(person));
}
