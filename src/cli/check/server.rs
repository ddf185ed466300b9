//! What a run needs of the server: reads only.

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;

use crate::{
    api::{Cause, ListQuery},
    cli::{
        CliError, CliResult, Connection, Context, HttpSession, Signals, chain, credentials,
        error::read_error_text as text, is_proxy, limit_patience, nobody,
    },
    ledger::real_ledger,
    manifest::{BaseUrl, Discover, Discovered, Manifest},
    output::{CheckItem, Checklist, Coverage},
    plan::Plan,
    sending::{Halt, ReadError},
    text::count,
};

const LONGEST_WAIT: Duration = Duration::from_secs(30);
const READ_REPORTS: &str = "spark-admin:wholesale_billing_reports_read";
const READ_SUB_PARTNERS: &str = "spark-admin:wholesale_sub_partners_read";

/// Asks for reports and sub-partners. Gives the plan where it is known.
pub(super) async fn ask(
    context: &mut Context,
    manifest: Option<&Manifest>,
    signals: &Signals,
    report: &mut Checklist,
) -> CliResult<Option<Plan>> {
    let credentials = match credentials(context) {
        Ok(credentials) => credentials,
        Err(error) => {
            report.not_ok(CheckItem::Credentials, error.text(), "");
            unknown("not tested: no credentials", report);
            return Ok(None);
        }
    };
    report.ok(CheckItem::Credentials, "given");
    let Ok(ledger) = real_ledger(&context.ledger) else {
        unknown("not tested: the ledger is not where it should be", report);
        return Ok(None);
    };
    limit_patience(&mut context.settings, LONGEST_WAIT);
    let is_sandbox = context.sandbox.is_some();
    let connection = match Connection::open(context, credentials).await {
        Ok(connection) => connection,
        Err(error @ CliError::Client(_)) => {
            report.not_ok(CheckItem::Tls, chain(&error), "");
            report.it_is_usage();
            unknown("the HTTP client cannot be set up", report);
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let session = connection.read_session(&context.settings, &ledger, signals);
    let address = Address::new(&context.settings.api.base_url, is_sandbox);
    signals.or(ask_all(&session, &address, manifest, report)).await
}

/// All that depends on the server and is not said yet. Only a create would tell the right to create reports.
fn unknown(why: &str, report: &mut Checklist) {
    use CheckItem::{Connection, ListReports, ListSubPartners, Tls, Token};
    for item in [Connection, Tls, Token, ListReports, ListSubPartners] {
        if !report.findings.iter().any(|finding| finding.check == item) {
            report.unknown(item, why, "");
        }
    }
    untried(report);
}

fn untried(report: &mut Checklist) {
    report.unknown(
        CheckItem::CreateReports,
        "cannot be tried without creating a report",
        "make sure that the token has the scope spark-admin:wholesale_billing_reports_write",
    );
}

async fn ask_all(
    session: &HttpSession<'_>,
    address: &Address,
    manifest: Option<&Manifest>,
    report: &mut Checklist,
) -> Option<Plan> {
    let reports = session.first_listed(&ListQuery::default()).await;
    let obstacle = reports.as_ref().err().and_then(|error| address.obstacle(error));
    let works = |item| obstacle.as_ref().is_none_or(|(failed, ..)| item < *failed);
    if works(CheckItem::Connection) {
        report.ok(CheckItem::Connection, format!("{} answers{}", address.host, address.by()));
    }
    if works(CheckItem::Tls) {
        let not_used = "not used: the server is on this machine";
        let trusted = if address.is_secure { "the certificate is trusted" } else { not_used };
        report.ok(CheckItem::Tls, trusted);
    }
    if let Some((failed, message, advice)) = obstacle {
        report.not_ok(failed, message, &advice);
        unknown("the server cannot be asked", report);
        return plan(manifest, &Discovered::new(), report);
    }
    let cause = reports.as_ref().err().and_then(cause_of);
    if cause.is_none_or(|cause| cause.http_status == Some(403)) {
        report.ok(CheckItem::Token, "the server takes it");
    } else {
        report.unknown(CheckItem::Token, "not tested: an earlier step failed", "");
    }
    let allowed = reports.map(|_| "allowed".to_owned());
    let refused = |error| (text(&error), advice(&error, READ_REPORTS));
    report.tried(CheckItem::ListReports, allowed.map_err(refused));
    untried(report);
    let lists = ask_sub_partners(session, manifest, report).await;
    if let (Some(manifest), Some(active), Some(all)) =
        (manifest, lists.get(&Discover::Active), lists.get(&Discover::All))
    {
        report.coverage = Some(Coverage::new(manifest, active, all));
    }
    plan(manifest, &lists, report)
}

/// Where the server is, for messages.
struct Address {
    host: String,
    is_secure: bool,
    /// Without the password that may stand in it.
    proxy: Option<String>,
}

impl Address {
    fn new(server: &BaseUrl, is_sandbox: bool) -> Self {
        let url = server.as_url();
        let host = if is_sandbox { "the sandbox" } else { url.host_str().unwrap_or_default() };
        let uri = url.as_str().parse().ok().filter(|_| !server.is_loopback());
        let proxy = uri.and_then(|uri| Matcher::from_system().intercept(&uri));
        let proxy = proxy.and_then(|proxy| Some(proxy.uri().authority()?.host().to_owned()));
        Address { host: host.to_owned(), is_secure: url.scheme() == "https", proxy }
    }

    fn by(&self) -> String {
        self.proxy.as_ref().map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"))
    }

    /// What stands between us and an answer of the API, why, and what to do: connection, TLS or token.
    fn obstacle(&self, error: &ReadError) -> Option<(CheckItem, String, String)> {
        let place = format!("{}{}", self.host, self.by());
        if let ReadError::Halted(Halt::Credentials(cause)) = error {
            let renew = "or give what is needed to renew it (docs/commands.md, \"Credentials\")";
            // An error that names a variable says what to do with it.
            if cause.text.contains("WEBEX_") {
                return Some((CheckItem::Token, cause.text.clone(), renew.to_owned()));
            }
            let message = format!("the server refused it: {}", cause.text);
            return Some((CheckItem::Token, message, format!("get a new one, {renew}")));
        }
        let Some(cause) = cause_of(error) else {
            return Some((CheckItem::Connection, text(error), String::new()));
        };
        let (item, message, advice) = match cause.http_status {
            // Not the API's answer: a page with a status of success, or a redirect.
            Some(200..=399) if cause.code != "bad_response" => (
                CheckItem::Connection,
                format!("something else answers in the place of {place}: {}", cause.text),
                "sign in to the network, or check the proxy and api.base_url",
            ),
            Some(_) => return None,
            None if cause.code == "tls" => {
                const OTHER: &str =
                    "check that api.base_url names a server that speaks TLS, and the proxy";
                let advice = if cause.text.contains("api.ca_file") { "" } else { OTHER };
                (CheckItem::Tls, cause.text.clone(), advice)
            }
            None => {
                const NO_PROXY: &str = "check api.base_url and the network; where only a proxy leads out, set HTTPS_PROXY";
                let advice = match self.proxy {
                    _ if is_proxy(cause) => "", // the text says it
                    Some(_) => "check HTTPS_PROXY and NO_PROXY",
                    None => NO_PROXY,
                };
                (CheckItem::Connection, format!("{place}: {}", cause.text), advice)
            }
        };
        Some((item, message, advice.to_owned()))
    }
}

/// For the jobs that discover sub-partners, and for the comparison.
async fn ask_sub_partners(
    session: &HttpSession<'_>,
    manifest: Option<&Manifest>,
    report: &mut Checklist,
) -> Discovered {
    let wanted = manifest.map(Manifest::discovers).unwrap_or_default();
    let mut lists = Discovered::new();
    let kinds = [Discover::Active, Discover::All].into_iter();
    for which in kinds.chain(wanted.iter().copied()) {
        if lists.contains_key(&which) {
            continue;
        }
        match session.sub_partners(which).await {
            Ok(listed) => drop(lists.insert(which, listed)),
            Err(error) => {
                let why = text(&error);
                if wanted.is_empty() {
                    let finds = "check also finds sub-partners you forgot";
                    let advice = format!("with the scope {READ_SUB_PARTNERS} {finds}");
                    report.unknown(CheckItem::ListSubPartners, why + "; optional", &advice);
                } else {
                    let advice = advice(&error, READ_SUB_PARTNERS);
                    report.not_ok(CheckItem::ListSubPartners, why, &advice);
                }
                return Discovered::new();
            }
        }
    }
    let active = lists.get(&Discover::Active).map_or(0, Vec::len);
    report.ok(CheckItem::ListSubPartners, format!("allowed; {active} are active"));
    lists
}

fn plan(manifest: Option<&Manifest>, lists: &Discovered, report: &mut Checklist) -> Option<Plan> {
    let manifest = manifest?;
    for which in manifest.discovers() {
        let Some(listed) = lists.get(&which) else {
            report.unknown(CheckItem::Plan, "the jobs ask the API for its sub-partners", "");
            return None;
        };
        if listed.is_empty() {
            report.not_ok(CheckItem::Plan, nobody(which), "");
            return None;
        }
    }
    let plan = Plan::expand(manifest, lists).and_then(Plan::not_empty);
    let requests = plan.as_ref().map(|plan| count(plan.requests().len(), "request"));
    let mistake = requests.map_err(|error| (error.to_string(), String::new()));
    report.tried(CheckItem::Plan, mistake);
    plan.ok()
}

/// However patient a run is, the cause is the same.
fn cause_of(error: &ReadError) -> Option<&Cause> {
    match error {
        ReadError::Failed(cause) | ReadError::Halted(Halt::Down { cause, .. }) => Some(cause),
        ReadError::Halted(_) => None,
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
