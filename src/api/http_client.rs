use std::{io, num::NonZeroUsize, path::PathBuf, time::Duration};

use reqwest::{
    Certificate, Client, ClientBuilder,
    header::{ACCEPT, HeaderMap, HeaderValue},
    redirect,
};

use crate::{files::read_regular, manifest::ApiSettings};

/// Servers close idle connections after five seconds or more; a request sent into such a close may have arrived or not.
const IDLE: Duration = Duration::from_secs(4);

/// In bytes: all certificates that a system trusts have less than a megabyte together.
const LONGEST_PEM: u64 = 16 * 1024 * 1024;

const USER_AGENT: &str = concat!("monthend/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, thiserror::Error)]
pub enum HttpApiError {
    #[error("the certificates in {path:?} (api.ca_file) cannot be read")]
    CaFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path:?} (api.ca_file) holds no certificates; it must be a PEM file with at least one"
    )]
    NoCertificates { path: PathBuf },
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// No redirects, no retries, not even of what HTTP/2 calls safe. (The pool itself moves a request to another
/// connection only if none of its bytes was written.)
fn sending_once() -> ClientBuilder {
    // An error means that there is a provider already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE)
}

/// For the API.
pub(super) fn build(
    settings: &ApiSettings,
    concurrency: NonZeroUsize,
) -> Result<Client, HttpApiError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut client = sending_once()
        .default_headers(headers)
        .pool_max_idle_per_host(concurrency.get())
        .timeout(settings.request_timeout)
        .connect_timeout(connect_timeout(settings));
    let roots = certificates(settings)?;
    client = if settings.base_url.as_url().scheme() == "http" {
        client.tls_certs_only(roots) // spares us reading the system's, which takes long
    } else {
        client.tls_certs_merge(roots)
    };
    if settings.base_url.is_loopback() {
        client = client.no_proxy(); // a proxy's loopback is not ours
    }
    client.build().map_err(HttpApiError::Client)
}

/// Decompresses nothing. The time-out is between bytes, not for the whole; roots of trust are read if `needs_roots`.
pub(crate) fn download_client(
    settings: &ApiSettings,
    needs_roots: bool,
    guard: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, HttpApiError> {
    let client = sending_once()
        .referer(false)
        .read_timeout(settings.request_timeout)
        .connect_timeout(settings.connect_timeout);
    let client = if needs_roots {
        client.tls_certs_merge(certificates(settings)?)
    } else {
        client.tls_certs_only([])
    };
    guard(client).build().map_err(HttpApiError::Client)
}

/// A connect that times out means "not sent", a request that does is in doubt: so the connect must time out first.
fn connect_timeout(settings: &ApiSettings) -> Duration {
    settings.connect_timeout.min(settings.request_timeout * 9 / 10)
}

/// Those of `api.ca_file`; none without it.
fn certificates(settings: &ApiSettings) -> Result<Vec<Certificate>, HttpApiError> {
    let Some(path) = settings.ca_file.clone() else {
        return Ok(Vec::new());
    };
    let pem = match read_regular(&path, LONGEST_PEM) {
        Ok(pem) => pem,
        Err(source) => return Err(HttpApiError::CaFile { path, source }),
    };
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(HttpApiError::NoCertificates { path }),
    }
}
