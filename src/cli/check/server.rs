//! What a run needs of the server: reads only.

use std::collections::BTreeMap;

use hyper_util::client::proxy::matcher::Matcher;

use crate::{
    api::{Api, Cause, ListQuery},
    cli::{
        error::{CliError, is_proxy, stop_text},
        signals::Signals,
    },
    manifest::{BaseUrl, Discover, Discovered, Manifest},
    output::{CheckFailure, CheckItem, Checklist, Coverage},
    plan::Plan,
    sending::{Halt, ReadError, Session},
    text::count,
};
use request::OrgId;

const OF_THE_SERVER: [CheckItem; 5] = [
    CheckItem::Connection,
    CheckItem::Tls,
    CheckItem::Token,
    CheckItem::ListReports,
    CheckItem::ListSubPartners,
];

pub(super) fn unknown(why: &str, report: &mut Checklist) {
    for subject in OF_THE_SERVER {
        let is_said = report.findings().iter().any(|f| f.check == subject);
        if !is_said {
            report.unknown(subject, why, "");
        }
    }
    untried(report);
}

/// Only a create would tell the right to create reports.
fn untried(report: &mut Checklist) {
    report.unknown(
        CheckItem::CreateReports,
        "cannot be tried without creating a report",
        "make sure that the token has the scope spark-admin:wholesale_billing_reports_write",
    );
}

/// Asks for reports and sub-partners. Gives the plan where it is known. `address`: `None` for the sandbox of this
/// process. Only a signal is an error.
pub(super) async fn ask<A: Api>(
    session: &Session<'_, A>,
    address: Option<&BaseUrl>,
    manifest: Option<&Manifest>,
    signals: &Signals,
    report: &mut Checklist,
) -> Result<Option<Plan>, CliError> {
    signals.or(ask_all(session, address, manifest, report)).await
}

async fn ask_all<A: Api>(
    session: &Session<'_, A>,
    address: Option<&BaseUrl>,
    manifest: Option<&Manifest>,
    report: &mut Checklist,
) -> Option<Plan> {
    let reports = session.first_listed(&ListQuery::default()).await;
    let is_reached = told_reached(&reports.as_ref().map(drop), address, report);
    if !is_reached {
        unknown("the server cannot be asked", report);
        return told_plan(manifest, &SubPartnerLists::new(), report);
    }
    match &reports {
        Ok(_) => report.ok(CheckItem::ListReports, "allowed"),
        Err(error) => report.not_ok(
            (CheckItem::ListReports, CheckFailure::Stopped),
            text(error),
            advice(error, "spark-admin:wholesale_billing_reports_read"),
        ),
    }
    untried(report);
    let lists = ask_sub_partners(session, manifest, report).await;
    if let (Some(manifest), Some(active), Some(all)) =
        (manifest, lists.get(&Discover::Active), lists.get(&Discover::All))
    {
        report.coverage = Some(Coverage::new(manifest, active, all));
    }
    told_plan(manifest, &lists, report)
}

/// By the answer to the first read: whether the server can be reached and takes the token.
fn told_reached(
    answer: &Result<(), &ReadError>,
    address: Option<&BaseUrl>,
    report: &mut Checklist,
) -> bool {
    let (host, is_secure, proxy) = match address {
        Some(address) => (
            address.as_url().host_str().unwrap_or_default(),
            address.as_url().scheme() == "https",
            proxy_for(address),
        ),
        None => ("the sandbox", false, None),
    };
    let by = match &proxy {
        Some(proxy) => format!(" through the proxy {proxy}"),
        None => String::new(),
    };
    let failure = match answer {
        Ok(()) => None,
        // However patient a run is, the cause is the same.
        Err(ReadError::Failed(cause) | ReadError::Halted(Halt::Down { cause, .. })) => Some(cause),
        Err(ReadError::Halted(Halt::Credentials(cause))) => {
            told_connected(host, &by, is_secure, report);
            let renew = "or give what is needed to renew it (docs/commands.md, \"Credentials\")";
            // An error that names a variable says what to do with it.
            let (message, advice) = if cause.text.contains("WEBEX_") {
                (cause.text.clone(), renew.to_owned())
            } else {
                let message = format!("the server refused it: {}", cause.text);
                (message, format!("get a new one, {renew}"))
            };
            report.not_ok((CheckItem::Token, CheckFailure::Stopped), message, advice);
            return false;
        }
        Err(ReadError::Halted(halt)) => {
            let down = (CheckItem::Connection, CheckFailure::Stopped);
            report.not_ok(down, stop_text(&halt.clone().into()), "");
            return false;
        }
    };
    let cause = match failure {
        Some(cause) if cause.http_status.is_none() => cause,
        Some(cause) if is_anothers(cause) => {
            report.not_ok(
                (CheckItem::Connection, CheckFailure::Stopped),
                format!("something else answers in the place of {host}{by}: {}", cause.text),
                "sign in to the network, or check the proxy and api.base_url",
            );
            return false;
        }
        answered => {
            told_connected(host, &by, is_secure, report);
            match answered {
                Some(cause) if !is_about_rights(cause) => {
                    report.unknown(CheckItem::Token, "not tested: an earlier step failed", "");
                }
                _ => report.ok(CheckItem::Token, "the server takes it"),
            }
            return true;
        }
    };
    if cause.code == "tls" {
        report.ok(CheckItem::Connection, format!("{host} can be reached{by}"));
        let untrusted = (CheckItem::Tls, CheckFailure::Stopped);
        let advice = if cause.text.contains("api.ca_file") {
            ""
        } else {
            "check that api.base_url names a server that speaks TLS, and the proxy"
        };
        report.not_ok(untrusted, &*cause.text, advice);
        return false;
    }
    let advice = match proxy {
        _ if is_proxy(cause) => "", // the text says it
        Some(_) => "check HTTPS_PROXY and NO_PROXY",
        None => "check api.base_url and the network; where only a proxy leads out, set HTTPS_PROXY",
    };
    let down = (CheckItem::Connection, CheckFailure::Stopped);
    report.not_ok(down, format!("{host}{by}: {}", cause.text), advice);
    false
}

fn told_connected(host: &str, by: &str, is_secure: bool, report: &mut Checklist) {
    report.ok(CheckItem::Connection, format!("{host} answers{by}"));
    report.ok(
        CheckItem::Tls,
        if is_secure {
            "the certificate is trusted"
        } else {
            "not used: the server is on this machine"
        },
    );
}

type SubPartnerLists = BTreeMap<Discover, Vec<OrgId>>;

/// For the jobs that discover sub-partners, and for the comparison.
async fn ask_sub_partners<A: Api>(
    session: &Session<'_, A>,
    manifest: Option<&Manifest>,
    report: &mut Checklist,
) -> SubPartnerLists {
    const SCOPE: &str = "spark-admin:wholesale_sub_partners_read";
    let wanted = manifest.map(Manifest::discovers).unwrap_or_default();
    let mut lists = SubPartnerLists::new();
    let kinds = [Discover::Active, Discover::All].into_iter();
    for which in kinds.chain(wanted.iter().copied()) {
        if lists.contains_key(&which) {
            continue;
        }
        match session.sub_partners(which).await {
            Ok(listed) => drop(lists.insert(which, listed)),
            Err(error) if wanted.is_empty() => {
                report.unknown(
                    CheckItem::ListSubPartners,
                    format!("{}; optional", text(&error)),
                    format!("with the scope {SCOPE} check also finds sub-partners you forgot"),
                );
                return SubPartnerLists::new();
            }
            Err(error) => {
                let refused = (CheckItem::ListSubPartners, CheckFailure::Stopped);
                report.not_ok(refused, text(&error), advice(&error, SCOPE));
                return SubPartnerLists::new();
            }
        }
    }
    let active = lists.get(&Discover::Active).map_or(0, Vec::len);
    report.ok(CheckItem::ListSubPartners, format!("allowed; {active} are active"));
    lists
}

fn told_plan(
    manifest: Option<&Manifest>,
    lists: &SubPartnerLists,
    report: &mut Checklist,
) -> Option<Plan> {
    let manifest = manifest?;
    let mut discovered = Discovered::new();
    for which in manifest.discovers() {
        let Some(listed) = lists.get(&which) else {
            report.unknown(CheckItem::Plan, "the jobs ask the API for its sub-partners", "");
            return None;
        };
        if listed.is_empty() {
            let nobody = CliError::Nobody(which).to_string();
            report.not_ok((CheckItem::Plan, CheckFailure::Usage), nobody, "");
            return None;
        }
        discovered.insert(which, listed.clone());
    }
    match Plan::expand(manifest, &discovered).and_then(Plan::not_empty) {
        Ok(plan) => {
            report.ok(CheckItem::Plan, count(plan.requests().len(), "request"));
            Some(plan)
        }
        Err(error) => {
            report.not_ok((CheckItem::Plan, CheckFailure::Usage), error.to_string(), "");
            None
        }
    }
}

/// Not the API's answer: a page with a status of success, or a redirect.
fn is_anothers(cause: &Cause) -> bool {
    matches!(cause.http_status, Some(200..=399)) && cause.code != "bad_response"
}

/// About what the token may do, so the token itself was taken.
fn is_about_rights(cause: &Cause) -> bool {
    cause.http_status == Some(403)
}

fn text(error: &ReadError) -> String {
    match error {
        ReadError::Failed(cause) => cause.text.clone(),
        ReadError::Halted(halt) => stop_text(&halt.clone().into()),
    }
}

fn advice(error: &ReadError, scope: &str) -> String {
    match error {
        ReadError::Failed(cause) => match cause.http_status {
            Some(401 | 403) => format!("give the token the scope {scope}"),
            Some(404 | 405) => "check api.base_url".to_owned(),
            _ => "try again later".to_owned(),
        },
        ReadError::Halted(_) => String::new(),
    }
}

/// Without the password that may stand in it.
fn proxy_for(address: &BaseUrl) -> Option<String> {
    if address.is_loopback() {
        return None;
    }
    let uri = address.as_url().as_str().parse().ok()?;
    let proxy = Matcher::from_system().intercept(&uri)?;
    Some(proxy.uri().authority()?.host().to_owned())
}
