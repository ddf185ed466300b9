use std::{error::Error, io, time::Duration};

use super::{Cause, Outcome};
use crate::text::foreign;
use request::Doubt;

/// What a transport error means: whether the request was sent.
///
/// | where it broke | outcome | code |
/// | --- | --- | --- |
/// | name lookup, connect, its time-out, a proxy that refused the tunnel | `NotSent` | `connect` |
/// | TLS handshake | `NotSent` | `tls` |
/// | no answer in time | `InDoubt(Open)` | `timeout` |
/// | a TLS alert once the connection stood | `InDoubt(Open)` | `tls` |
/// | anything else: reset, closed, garbled, dropped by HTTP/2 | `InDoubt(Open)` | `reset` |
///
/// Only an error of the connector proves that no byte of the request was written; a connection that closes during the
/// hand-over (also by HTTP/2's GOAWAY) does not.
pub(super) fn outcome<T>(error: &reqwest::Error, patience: Duration) -> Outcome<T> {
    let is_tls = is_tls(error);
    let cause = |code: &str, said: String| Cause {
        code: code.to_owned(),
        text: foreign(&said),
        ..Cause::default()
    };
    let reason = innermost(error);
    // A builder's error: the request was never assembled.
    if error.is_connect() || error.is_builder() {
        let server = server(error);
        return Outcome::NotSent(if is_tls {
            let advice = advice(error);
            cause("tls", format!("no secure connection to {server} ({reason}){advice}"))
        } else {
            let why = if error.is_timeout() {
                "no answer in time".to_owned()
            } else {
                why_unreachable(error).map_or(reason, str::to_owned)
            };
            cause("connect", format!("cannot reach {server} ({why})"))
        });
    }
    Outcome::InDoubt(
        Doubt::Open,
        if error.is_timeout() {
            cause("timeout", format!("no answer within {patience:?}"))
        } else {
            let code = if is_tls { "tls" } else { "reset" };
            cause(code, format!("the connection broke before an answer came: {reason}"))
        },
    )
}

/// The outermost error first. The `source` of an `io::Error` skips the error inside, so that is added here.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| cause_of(error))
}

fn cause_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(|io| io.get_ref()) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn server(error: &reqwest::Error) -> String {
    let url = error.url();
    match url.and_then(|url| Some((url.host_str()?, url.port()))) {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "the server".to_owned(),
    }
}

fn why_unreachable(error: &reqwest::Error) -> Option<&'static str> {
    for cause in chain(error) {
        match cause.to_string().strip_prefix("tunnel error: ") {
            Some("proxy authorization required") => {
                return Some(
                    "407: the proxy wants a user name and a password; write them into HTTPS_PROXY as \
                     http://USER:PASSWORD@HOST:PORT",
                );
            }
            Some("failed to create underlying connection") => {
                return Some("no connection to the proxy; check HTTPS_PROXY and NO_PROXY");
            }
            Some(_) => {
                return Some("the proxy refuses the connection; check HTTPS_PROXY and NO_PROXY");
            }
            None => {}
        }
    }
    // The connector's own word: the type of its error is private.
    if chain(error).any(|error| error.to_string() == "dns error") {
        return Some("its name is not known; check api.base_url and the network");
    }
    let kinds = chain(error).filter_map(|error| error.downcast_ref::<io::Error>());
    let word = |innermost: &io::Error| {
        Some(match innermost.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused",
            io::ErrorKind::NetworkUnreachable => "network is unreachable",
            io::ErrorKind::HostUnreachable => "host is unreachable",
            io::ErrorKind::TimedOut => "no answer in time",
            _ => return None,
        })
    };
    kinds.last().and_then(word)
}

fn advice(error: &reqwest::Error) -> &'static str {
    let untrusted = chain(error)
        .filter_map(|error| error.downcast_ref())
        .any(|error| matches!(error, rustls::Error::InvalidCertificate(_)));
    if untrusted { "; name the file of your own certificate authority in api.ca_file" } else { "" }
}

fn is_tls(error: &reqwest::Error) -> bool {
    chain(error).any(|error| error.is::<rustls::Error>())
}

/// The innermost error says what happened, and contains no URL.
fn innermost(error: &reqwest::Error) -> String {
    chain(error)
        .skip(1) // the client's own error names the URL, query and all
        .last()
        .map_or_else(|| "for a reason the client does not tell".to_owned(), ToString::to_string)
}
