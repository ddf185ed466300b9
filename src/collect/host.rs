//! The host of the files, over HTTP: sends no credentials, and follows no redirect to another host.

use std::{cell::OnceCell, fmt, io, net::SocketAddr, time::Duration};

use async_compression::tokio::bufread::GzipDecoder;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{
    Client, ClientBuilder, Response, Version,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{
        ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap,
        HeaderName, IF_RANGE, LOCATION, RANGE, TRANSFER_ENCODING,
    },
};
use tokio_util::io::{ReaderStream, StreamReader};
use url::Url;

use super::address_policy::{AddressPolicy, Refused};
use crate::{
    api::{DownloadUrl, HttpApiError, announced_wait, download_client},
    manifest::ApiSettings,
    text::{foreign, hold_address},
};

/// Redirects that are followed within one host.
const MOST_REDIRECTS: usize = 4;
/// Bytes that are unpacked at a time, however well they were packed.
const PIECE: usize = 128 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    pub status: u16,
    /// Bytes to come, where known: not of a packed body.
    pub length: Option<u64>,
    /// The body ends where the connection does (RFC 9112, 6.3), so it may have been cut.
    pub ends_anywhere: bool,
    /// A strong `ETag`, where there is one. None of a packed body: its rest cannot be requested.
    pub version: Option<String>,
    pub part: Option<ByteRange>,
    pub retry_after: Option<Duration>,
}

impl Head {
    /// Whether this is the rest that `resume` asks for. A part without its version may be of another one (RFC 9110,
    /// 15.3.7), and one that ends before the whole does is not the rest.
    pub fn continues(&self, resume: &Resume) -> bool {
        let Some(part) = self.part else { return false };
        let length = part.total.checked_sub(resume.from);
        part.first == resume.from
            && part.reaches_the_end()
            && self.length.is_none_or(|comes| Some(comes) == length)
            && self.version.as_ref() == Some(&resume.version)
    }
}

/// A complete `Content-Range` (RFC 9110, 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) total: u64,
}

impl ByteRange {
    /// `None` where no file of `total` bytes has this part.
    pub fn new(first: u64, last: u64, total: u64) -> Option<Self> {
        let is_one = first <= last && last < total;
        is_one.then_some(ByteRange { first, last, total })
    }

    pub fn is_whole(&self) -> bool {
        self.first == 0 && self.reaches_the_end()
    }

    fn reaches_the_end(&self) -> bool {
        self.last + 1 == self.total
    }
}

/// Where to go on, and in which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    pub from: u64,
    /// The [`Head::version`] that they are of.
    pub version: String,
}

/// Why there is no answer, or not all of it. One line each, without the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadError {
    /// A retry would give the same.
    Final(String),
    NotConnected(String),
    Broken(String),
}

/// Where files come from: the seam at which a simulated host takes the real one's place.
#[expect(async_fn_in_trait, reason = "driven on one thread, never as a trait object")]
pub trait Host {
    /// An answer whose body is still to come.
    type Body;

    /// Requests the file at `url`, or the rest of it.
    async fn open(
        &self,
        url: &DownloadUrl,
        resume: Option<&Resume>,
    ) -> Result<(Head, Self::Body), DownloadError>;

    /// The next bytes of a body; `None` at its announced end, an error where it breaks off before.
    async fn next(&self, body: &mut Self::Body) -> Result<Option<Bytes>, DownloadError>;
}

#[derive(Debug)]
pub struct HttpHost {
    settings: ApiSettings,
    reach: AddressPolicy,
    proxies: Matcher,
    /// By http, to this machine.
    plain: OnceCell<Client>,
    direct: OnceCell<Client>,
    proxied: OnceCell<Client>,
}

impl HttpHost {
    /// Builds no client yet: reading the system's certificates takes long.
    pub fn new(settings: &ApiSettings) -> Self {
        HttpHost {
            settings: settings.clone(),
            reach: if settings.base_url.is_loopback() {
                AddressPolicy::Local
            } else {
                AddressPolicy::Public
            },
            proxies: Matcher::from_system(),
            plain: OnceCell::new(),
            direct: OnceCell::new(),
            proxied: OnceCell::new(),
        }
    }

    /// Through a proxy the peer is the proxy, which may have a private address.
    fn is_proxied(&self, url: &Url) -> bool {
        let uri = url.as_str().parse::<http::Uri>();
        let is_here = self.reach == AddressPolicy::Local && is_loopback(url);
        !is_here && uri.is_ok_and(|uri| self.proxies.intercept(&uri).is_some())
    }

    fn client(&self, url: &Url) -> Result<(&Client, bool), DownloadError> {
        let proxied = self.is_proxied(url);
        let is_https = url.scheme() == "https";
        let cell = match (is_https, proxied) {
            (false, _) => &self.plain,
            (true, false) => &self.direct,
            (true, true) => &self.proxied,
        };
        if let Some(client) = cell.get() {
            return Ok((client, proxied));
        }
        let guard = |client: ClientBuilder| {
            if proxied { client } else { client.no_proxy().dns_resolver(Guarded(self.reach)) }
        };
        let client = download_client(&self.settings, is_https, guard);
        let client = client.map_err(|e: HttpApiError| DownloadError::Final(e.to_string()))?;
        Ok((cell.get_or_init(|| client), proxied))
    }

    async fn ask(&self, url: &Url, resume: Option<&Resume>) -> Result<Response, DownloadError> {
        let refused = |why: Refused| DownloadError::Final(why.to_string());
        self.reach.check(url).map_err(refused)?;
        let (client, proxied) = self.client(url)?;
        let request = client.get(url.clone());
        let request = match resume {
            None => request.header(ACCEPT_ENCODING, "gzip"),
            Some(resume) => request
                .header(RANGE, format!("bytes={}-", resume.from))
                .header(ACCEPT_ENCODING, "identity") // a part of a packed file cannot be unpacked
                .header(IF_RANGE, &resume.version),
        };
        let response = request.send().await.map_err(|e| trouble(&e))?;
        let peer = response.remote_addr().map(|peer| peer.ip());
        if !proxied && peer.is_some_and(|ip| !self.reach.allows(ip)) {
            return Err(refused(Refused::Private));
        }
        Ok(response)
    }
}

/// Whether the body is packed; fails for what was not asked for.
fn is_packed(headers: &HeaderMap) -> Result<bool, DownloadError> {
    match text(headers, CONTENT_ENCODING).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true), // RFC 9110, 8.4.1.3
        other => Err(DownloadError::Final(format!(
            "the download host sends the file packed as {}, which was not asked for",
            foreign(other)
        ))),
    }
}

/// A packed body may have several members (RFC 1952, 2.2); one that is cut, or has a wrong checksum, is an error and no
/// end.
pub struct DownloadBody(BoxStream<'static, io::Result<Bytes>>);

impl DownloadBody {
    fn new(response: Response, is_packed: bool) -> Self {
        let bytes = response.bytes_stream().map_err(io::Error::other);
        if !is_packed {
            return DownloadBody(bytes.boxed());
        }
        let mut unpacked = GzipDecoder::new(StreamReader::new(bytes));
        unpacked.multiple_members(true);
        DownloadBody(ReaderStream::with_capacity(unpacked, PIECE).boxed())
    }
}

impl fmt::Debug for DownloadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadBody").finish_non_exhaustive()
    }
}

fn is_loopback(url: &Url) -> bool {
    AddressPolicy::Local.check(url).is_ok() && AddressPolicy::Public.check(url).is_err()
}

impl Host for HttpHost {
    type Body = DownloadBody;

    async fn open(
        &self,
        url: &DownloadUrl,
        resume: Option<&Resume>,
    ) -> Result<(Head, DownloadBody), DownloadError> {
        let mut url = url.expose().clone();
        let mut is_elsewhere = false;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.ask(&url, resume).await?;
            if !response.status().is_redirection() {
                let is_packed = is_packed(response.headers())?;
                let mut head = head(&response, is_packed);
                // The next request may go to another place, which may have the same tag for another file.
                head.version = head.version.filter(|_| !is_elsewhere);
                return Ok((head, DownloadBody::new(response, is_packed)));
            }
            let location = text(response.headers(), LOCATION);
            let Some(next) = location.and_then(|text| url.join(text).ok()) else {
                let status = response.status().as_u16();
                return Err(DownloadError::Final(format!(
                    "the download host answered {status} without saying where to"
                )));
            };
            hold_address(next.as_str());
            if next.origin() != url.origin() {
                return Err(DownloadError::Final(
                    "the download host sends elsewhere; no other host is asked".to_owned(),
                ));
            }
            (url, is_elsewhere) = (next, true);
        }
        Err(DownloadError::Final("the download host sends from one address to the next".to_owned()))
    }

    async fn next(&self, body: &mut DownloadBody) -> Result<Option<Bytes>, DownloadError> {
        body.0.next().await.transpose().map_err(|e| broken(&e))
    }
}

/// Resolves names to addresses that the policy allows.
struct Guarded(AddressPolicy);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(guarded(reach, found)?)
        })
    }
}

/// The addresses of a name that may be asked.
fn guarded(reach: AddressPolicy, found: Vec<SocketAddr>) -> Result<Addrs, Refused> {
    let any = !found.is_empty();
    let allowed: Vec<SocketAddr> =
        (found.into_iter()).filter(|addr| reach.allows(addr.ip())).collect();
    if any && allowed.is_empty() {
        Err(Refused::Private)
    } else {
        Ok(Box::new(allowed.into_iter()))
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The value of a header that must not be given twice.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let is_one = headers.get_all(&name).iter().count() == 1;
    text(headers, name).filter(|_| is_one)
}

fn head(response: &Response, is_packed: bool) -> Head {
    let headers = response.headers();
    let version = only(headers, ETAG).filter(|tag| !is_packed && tag.starts_with('"'));
    let length = text(headers, CONTENT_LENGTH).filter(|_| !is_packed);
    Head {
        status: response.status().as_u16(),
        length: length.and_then(|text| text.parse().ok()),
        ends_anywhere: !has_end(headers) && response.version() < Version::HTTP_2,
        version: version.map(str::to_owned),
        part: only(headers, CONTENT_RANGE).and_then(range),
        retry_after: announced_wait(headers),
    }
}

/// Whether a length or chunks tell the body's end. Its packing does not: more members may follow (RFC 9112, 6.3).
fn has_end(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    codings.map_or_else(
        || headers.contains_key(CONTENT_LENGTH),
        |codings| {
            let last = codings.to_str().ok().and_then(|it| it.rsplit(',').next());
            last.is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
        },
    )
}

/// `bytes FIRST-LAST/TOTAL`, the unit in any case.
fn range(text: &str) -> Option<ByteRange> {
    let (unit, range) = text.split_once(' ')?;
    let (positions, total) = range.split_once('/')?;
    let (first, last) = positions.split_once('-')?;
    // Rust's own grammar for numbers also has a sign.
    let number = |padded: &str| {
        let digits = padded.trim();
        let is_number = digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten()
    };
    ByteRange::new(number(first)?, number(last)?, number(total)?)
        .filter(|_| unit.eq_ignore_ascii_case("bytes"))
}

/// Without the address.
fn trouble(error: &reqwest::Error) -> DownloadError {
    let (reason, was_refused) = innermost(error);
    if was_refused {
        DownloadError::Final(Refused::Private.to_string())
    } else if error.is_connect() || error.is_builder() {
        DownloadError::NotConnected(format!("no connection to the download host: {reason}"))
    } else {
        DownloadError::Broken(format!("the download broke: {reason}"))
    }
}

/// A body fails by its connection, or by its packing.
fn broken(error: &io::Error) -> DownloadError {
    let cause = error.get_ref();
    match cause.and_then(|cause| cause.downcast_ref::<reqwest::Error>()) {
        Some(of_connection) => trouble(of_connection),
        None => DownloadError::Broken(format!(
            "the download broke: its gzip data is damaged: {}",
            innermost(error).0
        )),
    }
}

/// The innermost cause on one line, and whether we refused an address ourselves.
fn innermost(error: &(dyn std::error::Error + 'static)) -> (String, bool) {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let was_refused = causes.clone().any(|cause| cause.is::<Refused>());
    // The outermost one has the address.
    let reason = causes.skip(usize::from(error.is::<reqwest::Error>())).last();
    let reason = reason.map_or("no reason given".to_owned(), ToString::to_string);
    (foreign(&reason), was_refused)
}

#[cfg(test)]
mod tests;
