//! The host of the files, over HTTP: no credentials, and no other host on its word.

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

use super::address::{AddressPolicy, Refused};
use crate::{
    api::{DownloadUrl, HttpApiError, announced_wait, download_client},
    settings::ApiSettings,
    text::{foreign, hold_address},
};

/// So many redirects within one host are followed.
const MOST_REDIRECTS: usize = 4;
/// So many bytes at most are unpacked at a time, however well they were packed.
const PIECE: usize = 128 * 1024;

/// What the head of an answer says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// How many bytes come, where that is known: not of a body that is unpacked on the way.
    pub length: Option<u64>,
    /// Whether the body ends where the connection does (RFC 9112, 6.3): whether it broke off before, nobody knows.
    pub ends_anywhere: bool,
    /// What tells this version of the file from others, where it can: a strong `ETag`. None of a body that is
    /// unpacked on the way: its rest cannot be asked for.
    pub version: Option<String>,
    /// Of a part: which one.
    pub part: Option<ByteRange>,
    /// How long to stay away.
    pub retry_after: Option<Duration>,
}

impl Head {
    /// Whether this is the rest that `resume` asks for, as far as the head tells. A part that does not say of which
    /// version it is may be of another (RFC 9110, 15.3.7: whoever tells the version of the whole tells that of a part),
    /// and one that ends before the whole does is no rest.
    pub fn continues(&self, resume: &Resume) -> bool {
        let Some(part) = self.part else { return false };
        let length = part.total.checked_sub(resume.from);
        part.first == resume.from
            && part.reaches_the_end()
            && self.length.is_none_or(|comes| Some(comes) == length)
            && self.version.as_ref() == Some(&resume.version)
    }
}

/// A part of a file, as `Content-Range` tells it (RFC 9110, 14.4). One that does not tell all of this is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Its first byte, from 0.
    pub(super) first: u64,
    /// Its last byte.
    pub(super) last: u64,
    /// How many bytes the whole file has.
    pub(super) total: u64,
}

impl ByteRange {
    /// `None` where no file of `total` bytes has this part.
    pub fn new(first: u64, last: u64, total: u64) -> Option<Self> {
        let is_one = first <= last && last < total;
        is_one.then_some(ByteRange { first, last, total })
    }

    /// Whether it is all of the file.
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
    /// Bytes that are there.
    pub from: u64,
    /// The [`Head::version`] that they are of.
    pub version: String,
}

/// Why there is no answer, or not all of it. One line each, without the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadError {
    /// It would be the same again.
    Final(String),
    /// No connection.
    NotConnected(String),
    /// It broke.
    Broken(String),
}

/// Where files come from: the seam at which a simulated host takes the real one's place.
#[expect(
    async_fn_in_trait,
    reason = "driven on one thread, never as a trait object"
)]
pub trait Host {
    /// An answer whose body is still to come.
    type Body;

    /// Asks for the file at `url`, or for the rest of it.
    ///
    /// # Errors
    /// There is no answer.
    async fn open(
        &self,
        url: &DownloadUrl,
        resume: Option<&Resume>,
    ) -> Result<(Head, Self::Body), DownloadError>;

    /// The next bytes of a body; `None` at its end, if that is where it was said to be.
    ///
    /// # Errors
    /// It broke.
    async fn next(&self, body: &mut Self::Body) -> Result<Option<Bytes>, DownloadError>;
}

/// The real one.
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
    /// Sets up nothing yet: a client reads the system's certificates, which takes long.
    pub fn new(settings: &ApiSettings) -> Self {
        HttpHost {
            settings: settings.clone(),
            reach: match settings.base_url.is_loopback() {
                true => AddressPolicy::Local,
                false => AddressPolicy::Public,
            },
            proxies: Matcher::from_system(),
            plain: OnceCell::new(),
            direct: OnceCell::new(),
            proxied: OnceCell::new(),
        }
    }

    /// Whether `url` is reached through a proxy: the peer is then the proxy's, which may be a private one.
    fn is_proxied(&self, url: &Url) -> bool {
        let uri = url.as_str().parse::<http::Uri>();
        let is_here = self.reach == AddressPolicy::Local && is_loopback(url);
        !is_here && uri.is_ok_and(|uri| self.proxies.intercept(&uri).is_some())
    }

    /// The client for `url`, and whether it goes through a proxy.
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
        let guard = |client: ClientBuilder| match proxied {
            true => client,
            false => client.no_proxy().dns_resolver(Guarded(self.reach)),
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

/// How the bytes of a body are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
}

impl Packing {
    fn of(headers: &HeaderMap) -> Result<Self, DownloadError> {
        let Some(name) = text(headers, CONTENT_ENCODING) else {
            return Ok(Packing::None);
        };
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Packing::None),
            "gzip" | "x-gzip" => Ok(Packing::Gzip), // RFC 9110, 8.4.1.3
            other => Err(DownloadError::Final(format!(
                "the download host sends the file packed as {}, which was not asked for",
                foreign(other)
            ))),
        }
    }
}

/// The bytes of a file, unpacked. A packed body may have several members one after another (RFC 1952, 2.2), and ends
/// where its last one does: one that is cut, or whose check sum is wrong, is an error and no end.
pub struct DownloadBody(BoxStream<'static, io::Result<Bytes>>);

impl DownloadBody {
    fn new(response: Response, packing: Packing) -> Self {
        let bytes = response.bytes_stream().map_err(io::Error::other);
        DownloadBody(match packing {
            Packing::None => bytes.boxed(),
            Packing::Gzip => {
                let mut unpacked = GzipDecoder::new(StreamReader::new(bytes));
                unpacked.multiple_members(true);
                ReaderStream::with_capacity(unpacked, PIECE).boxed()
            }
        })
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
                let packing = Packing::of(response.headers())?;
                let mut head = head(&response, packing);
                // The next request may be sent to another place, which may have the same tag for another file.
                head.version = head.version.filter(|_| !is_elsewhere);
                return Ok((head, DownloadBody::new(response, packing)));
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
        Err(DownloadError::Final(
            "the download host sends from one address to the next".to_owned(),
        ))
    }

    async fn next(&self, body: &mut DownloadBody) -> Result<Option<Bytes>, DownloadError> {
        body.0.next().await.transpose().map_err(|e| broken(&e))
    }
}

/// Looks names up, and knows only addresses that may be asked.
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

/// Those of the addresses that a name has which may be asked.
fn guarded(reach: AddressPolicy, found: Vec<SocketAddr>) -> Result<Addrs, Refused> {
    let any = !found.is_empty();
    let allowed: Vec<SocketAddr> = (found.into_iter())
        .filter(|addr| reach.allows(addr.ip()))
        .collect();
    match any && allowed.is_empty() {
        true => Err(Refused::Private),
        false => Ok(Box::new(allowed.into_iter())),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The value of a header that must not say two things.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let is_one = headers.get_all(&name).iter().count() == 1;
    text(headers, name).filter(|_| is_one)
}

fn head(response: &Response, packing: Packing) -> Head {
    let headers = response.headers();
    let is_plain = packing == Packing::None;
    let version = only(headers, ETAG).filter(|tag| is_plain && tag.starts_with('"'));
    let length = text(headers, CONTENT_LENGTH).filter(|_| is_plain);
    Head {
        status: response.status().as_u16(),
        length: length.and_then(|text| text.parse().ok()),
        ends_anywhere: !has_end(headers) && response.version() < Version::HTTP_2,
        version: version.map(str::to_owned),
        part: only(headers, CONTENT_RANGE).and_then(range),
        retry_after: announced_wait(headers),
    }
}

/// Whether a body has an end of its own, that is, a length or chunks. What it is packed in tells no end: there may be more
/// members (RFC 9112, 6.3; RFC 1952, 2.2).
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

/// `bytes FIRST-LAST/TOTAL`; the unit is written in any case.
fn range(text: &str) -> Option<ByteRange> {
    let (unit, range) = text.split_once(' ')?;
    let (range, total) = range.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    // Rust's own grammar for numbers also has a sign.
    let number = |text: &str| {
        let text = text.trim();
        let is_number = text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let range = ByteRange::new(number(first)?, number(last)?, number(total)?);
    range.filter(|_| unit.eq_ignore_ascii_case("bytes"))
}

/// What the client says, without the address.
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

/// What is wrong with a body: its connection, or what it is packed in.
fn broken(error: &io::Error) -> DownloadError {
    let cause = error.get_ref();
    match cause.and_then(|cause| cause.downcast_ref::<reqwest::Error>()) {
        Some(error) => trouble(error),
        None => DownloadError::Broken(format!(
            "the download broke: its gzip data is damaged: {}",
            innermost(error).0
        )),
    }
}

/// The cause of all causes, on one line, and whether we refused an address ourselves.
fn innermost(error: &(dyn std::error::Error + 'static)) -> (String, bool) {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let was_refused = causes.clone().any(|cause| cause.is::<Refused>());
    // The first says the address.
    let reason = causes
        .skip(usize::from(error.is::<reqwest::Error>()))
        .last();
    let reason = reason.map_or("no reason given".to_owned(), ToString::to_string);
    (foreign(&reason), was_refused)
}

#[cfg(test)]
mod tests;
