//! The host of the downloads: signed URLs that end, and plausible CSV behind them.

use std::{fmt::Write, sync::Arc};

use axum::{
    body::Body,
    extract::{Request as HttpRequest, State as AxumState},
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Utc};
use url::form_urlencoded;

use crate::{
    request::ReportType,
    sandbox::{
        Download, StoredReport,
        call::{Fields, field},
        dice::Dice,
        world::World,
    },
};

const FOLDER: &str = "/wholesale/";
const KEY_PAIR_ID: &str = "SANDBOXKEYPAIR";

/// A URL under which the report can be fetched for a while, without a token.
pub(super) fn signed_url(world: &World, report: &StoredReport, now: DateTime<Utc>) -> String {
    let expires = (now + world.config.reports.download_expires_after.0).timestamp();
    let signature = signature(world.dice, &report.id, expires);
    format!(
        "{}{FOLDER}{}.csv?Expires={expires}&Signature={signature}&Key-Pair-Id={KEY_PAIR_ID}",
        world.files_origin, report.id
    )
}

fn signature(dice: Dice, id: &str, expires: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(dice.bytes("signature", id, expires.cast_unsigned()))
}

/// Answers one request for a file.
pub(in crate::sandbox) async fn handle(
    AxumState(world): AxumState<Arc<World>>,
    request: HttpRequest,
) -> Response {
    let content = content_of(&world, &request);
    let status = match &content {
        Ok(_) => StatusCode::OK,
        Err(status) => *status,
    };
    if world.config.record {
        world.state().downloads.push(Download {
            at: world.clock.elapsed(),
            target: request.uri().to_string(),
            leaked_authorization: request.headers().contains_key(header::AUTHORIZATION),
            status: status.as_u16(),
        });
    }
    let (media_type, body) = match content {
        Ok(csv) => ("text/csv", Body::from(csv)),
        Err(_) => (
            "application/xml",
            Body::from("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
        ),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The file that a request may see. Like the real host, it does not say whether a file exists.
fn content_of(world: &World, request: &HttpRequest) -> Result<String, StatusCode> {
    if request.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let uri = request.uri();
    let id = uri
        .path()
        .strip_prefix(FOLDER)
        .and_then(|name| name.strip_suffix(".csv"))
        .ok_or(StatusCode::FORBIDDEN)?;
    let query: Fields = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes())
        .into_owned()
        .collect();
    let expires: i64 = field(&query, "Expires")
        .and_then(|text| text.parse().ok())
        .ok_or(StatusCode::FORBIDDEN)?;
    let signed = field(&query, "Signature") == Some(&signature(world.dice, id, expires));
    if !signed || expires < world.clock.now().timestamp() {
        return Err(StatusCode::FORBIDDEN);
    }
    world
        .state()
        .store
        .get(id)
        .map(|report| csv(world.dice, report))
        .ok_or(StatusCode::FORBIDDEN)
}

const PRODUCTS: [&str; 4] = [
    "Webex Calling Essentials",
    "Webex Calling Standard",
    "Webex Meetings",
    "Webex Suite",
];

/// What a report of this type may look like: the same for the same seed and report.
fn csv(dice: Dice, report: &StoredReport) -> String {
    let request = &report.request;
    let (columns, lines) = match request.report_type {
        ReportType::Partner => ("", PRODUCTS.len() as u64),
        ReportType::Customer => (",CUSTOMER_ORG_ID", 12),
        ReportType::User => (",CUSTOMER_ORG_ID,USER_ID", 40),
    };
    let org = request.sub_partner.as_ref().map_or("", |org| org.as_str());
    let mut text = format!(
        "BILLING_START_DATE,BILLING_END_DATE,SUB_PARTNER_ORG_ID{columns},PRODUCT,QUANTITY,DAYS\n"
    );
    for line in 0..lines {
        let chance = dice.bytes("line", &report.id, line);
        let whom = match request.report_type {
            ReportType::Partner => String::new(),
            ReportType::Customer => format!(",{}", dice.uuid("customer", line)),
            ReportType::User => format!(
                ",{},{}",
                dice.uuid("customer", line / 8),
                dice.uuid("user", line)
            ),
        };
        let product = PRODUCTS[usize::from(chance[0]) % PRODUCTS.len()];
        let quantity = match request.report_type {
            ReportType::User => 1,
            _ => u16::from(chance[1]) + 1,
        };
        let days = chance[2] % 28 + 1;
        let period = request.period;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{},{},{product},{quantity},{days}",
            period.start(),
            period.end(),
            format_args!("{}{whom}", cell(org)),
        );
    }
    text
}

/// A cell of the CSV. An organisation id may hold a comma or a quote; a CSV cell then needs quotes.
fn cell(org: &str) -> String {
    if org.contains([',', '"']) {
        format!("\"{}\"", org.replace('"', "\"\""))
    } else {
        org.to_owned()
    }
}
