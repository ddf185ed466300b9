//! Fetches one file, resuming it where it broke.

use std::{cell::RefCell, collections::HashMap, future::Future, io, time::Duration};

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::trace;
use url::Origin;

use super::{
    host::{DownloadError, Head, Host, Resume},
    part_file::{CheckedFile, PartFile},
};
use crate::{
    api::{Api, Cause, DownloadUrl, Outcome},
    sending::{RetryDecision, Session, Stage, TryCount},
};
use request::Doubt;

/// Bytes with which a try has not failed: a large file over a bad line takes many.
const PROGRESS: u64 = 1024 * 1024;
/// A file that takes longer than so many times `retry.max_stall` (a day, by default) has no end.
const STALLS: u32 = 24;

#[derive(Debug)]
pub(super) enum NotFetched<E> {
    Host(String),
    Api(E),
    Disk(io::Error),
}

/// Pauses of hosts: a `Retry-After` is about the host, not about one file.
#[derive(Debug, Default)]
pub(super) struct HostPauses(RefCell<HashMap<Origin, Instant>>);

impl HostPauses {
    /// The wait counts from now; one that ends before a known one changes nothing.
    fn announced(&self, url: &DownloadUrl, wait: Option<Duration>) {
        if let Some(until) = wait.map(|wait| Instant::now() + wait) {
            let mut pauses = self.0.borrow_mut();
            let known = pauses.entry(url.expose().origin()).or_insert(until);
            *known = until.max(*known);
        }
    }

    /// Waits until the host of `url` may be asked; fails where that takes longer than `longest_wait`.
    async fn pass(&self, url: &DownloadUrl, longest_wait: Duration) -> Result<(), DownloadError> {
        loop {
            let until = self.0.borrow().get(&url.expose().origin()).copied();
            let Some(until) = until.filter(|until| *until > Instant::now()) else {
                return Ok(());
            };
            if until - Instant::now() > longest_wait {
                let why = "the download host asks for a longer wait than retry.max_retry_after";
                return Err(DownloadError::Final(why.to_owned()));
            }
            sleep_until(until).await;
        }
    }
}

enum Broke {
    Expired(u16),
    Trouble(DownloadError),
    Disk(io::Error),
}

pub(super) struct Downloads<'a, A: Api, H> {
    pub(super) session: &'a Session<'a, A>,
    pub(super) host: &'a H,
    /// In bytes: a larger file has no end.
    pub(super) largest: u64,
    pub(super) silence: Duration,
    pub(super) pauses: &'a HostPauses,
}

/// Fetches the file at `url` into `part`. `renew` asks the API for a fresh address.
pub(super) async fn fetch<A: Api, H: Host, E>(
    downloads: Downloads<'_, A, H>,
    mut url: DownloadUrl,
    renew: impl AsyncFn() -> Result<DownloadUrl, E>,
    part: &mut PartFile,
) -> Result<CheckedFile, NotFetched<E>> {
    let session = downloads.session;
    let mut tries = TryCount::default();
    let mut fresh = 0;
    let mut known = ToldBefore {
        end: Instant::now() + session.policy().max_stall.saturating_mul(STALLS),
        version: None,
        lengths: HashMap::new(),
    };
    loop {
        let has_expired = url.expires().is_some_and(|end| end <= session.server_now());
        let had = part.len();
        let broke = if has_expired && fresh == 0 {
            Broke::Expired(403)
        } else {
            match try_once(&downloads, &url, &mut known, part).await {
                Ok(()) => return part.finish().await.map_err(NotFetched::Disk),
                Err(broke) => broke,
            }
        };
        match broke {
            Broke::Disk(error) => return Err(NotFetched::Disk(error)),
            Broke::Trouble(DownloadError::Final(why)) => return Err(NotFetched::Host(why)),
            Broke::Expired(status) => {
                fresh += 1;
                if fresh > session.policy().max_attempts.get() {
                    return Err(NotFetched::Host(format!(
                        "the download host answered {status} to every fresh address"
                    )));
                }
                if fresh > 1 {
                    sleep(session.backoff().after(fresh - 1)).await;
                }
                let renewed = renew().await.map_err(NotFetched::Api)?;
                if !renewed.is_same_place(&url) {
                    known.version = None; // a tag is good for one address (RFC 9110, 8.8.3)
                    known.lengths.clear();
                }
                url = renewed;
            }
            Broke::Trouble(trouble) => {
                if part.len() >= had + PROGRESS {
                    (tries, fresh) = (TryCount::default(), 0);
                }
                let outcome = outcome(trouble);
                let why = outcome.cause().map(|c| c.text.clone()).unwrap_or_default();
                let around = session.around(Stage::Closed);
                let backoff = match tries.after(&outcome, &around) {
                    RetryDecision::After(backoff) => backoff,
                    _ => return Err(NotFetched::Host(why)),
                };
                sleep(backoff).await;
            }
        }
    }
}

struct ToldBefore {
    end: Instant,
    /// The [`Head::version`] of the bytes in the part file, where their rest can be requested.
    version: Option<String>,
    /// The length that each version was first said to have.
    lengths: HashMap<String, u64>,
}

impl ToldBefore {
    /// Fails where this version was said to have another length: one of the two is not the file.
    fn announced(&mut self, head: &Head, length: u64) -> Result<(), DownloadError> {
        let Some(version) = &head.version else {
            return Ok(());
        };
        let first = *self.lengths.entry(version.clone()).or_insert(length);
        if first == length {
            return Ok(());
        }
        self.version = None;
        Err(DownloadError::Broken(format!(
            "the download host says that the file has {length} bytes, and said {first} before"
        )))
    }
}

async fn try_once<A: Api, H: Host>(
    Downloads { session, host, largest, silence, pauses }: &Downloads<'_, A, H>,
    url: &DownloadUrl,
    known: &mut ToldBefore,
    part: &mut PartFile,
) -> Result<(), Broke> {
    let version = known.version.clone().filter(|_| part.len() > 0);
    let resume = version.map(|version| Resume { from: part.len(), version });
    let passed = pauses.pass(url, session.policy().max_retry_after).await;
    passed.map_err(Broke::Trouble)?;
    let opened = in_time(*silence, host.open(url, resume.as_ref())).await;
    let (head, mut body) = opened.map_err(Broke::Trouble)?;
    pauses.announced(url, head.retry_after.filter(|_| head.status >= 300));
    // Never the address: it is signed.
    trace!(http_status = head.status, "the download host answered {}", head.status);
    let goes_on = match head.status {
        200 if head.part.is_none_or(|range| range.is_whole()) => false,
        206 if resume.as_ref().is_some_and(|resume| head.continues(resume)) => true,
        // Some hosts have a file a moment later than the API says.
        403 | 404 | 410 => return Err(Broke::Expired(head.status)),
        // The answer is neither the whole file nor the rest of what is there.
        200 | 206 | 416 => {
            known.version = None;
            return Err(Broke::Trouble(answered(&head)));
        }
        408 | 429 | 500.. => return Err(Broke::Trouble(answered(&head))),
        status => {
            let why = format!("the download host answered {status}");
            return Err(Broke::Trouble(DownloadError::Final(why)));
        }
    };
    if !goes_on {
        if part.len() > 0 {
            part.restart().await.map_err(Broke::Disk)?;
        }
        known.version.clone_from(&head.version);
    }
    let rest_of = head.part.filter(|_| goes_on);
    let expected = rest_of.map(|range| range.total).or(head.length);
    if let Some(expected) = expected {
        let fits = known.announced(&head, expected);
        fits.map_err(Broke::Trouble)?;
    }
    loop {
        match in_time(*silence, host.next(&mut body)).await {
            Ok(Some(bytes)) => part.push(bytes).await.map_err(Broke::Disk)?,
            Ok(None) => break,
            Err(trouble) => return Err(Broke::Trouble(trouble)),
        }
        if part.len() > *largest || Instant::now() > known.end {
            let why = format!("the file has no end: {} bytes came so far", part.len());
            return Err(Broke::Trouble(DownloadError::Final(why)));
        }
    }
    match expected {
        Some(expected) if expected != part.len() => {
            if part.len() > expected {
                known.version = None; // more than all: not to be gone on with
            }
            let why = format!("{} of {expected} bytes came", part.len());
            Err(Broke::Trouble(DownloadError::Broken(why)))
        }
        None if head.ends_anywhere => {
            let why =
                "the download host does not say how long the file is, so it may have broken off";
            Err(Broke::Trouble(DownloadError::Final(why.to_owned())))
        }
        _ => Ok(()),
    }
}

fn answered(head: &Head) -> DownloadError {
    DownloadError::Broken(format!("the download host answered {}", head.status))
}

async fn in_time<T>(
    silence: Duration,
    work: impl Future<Output = Result<T, DownloadError>>,
) -> Result<T, DownloadError> {
    let late = |_| DownloadError::Broken(format!("the download host sent nothing for {silence:?}"));
    timeout(silence, work).await.map_err(late)?
}

fn outcome(trouble: DownloadError) -> Outcome<()> {
    let cause = |text| Cause { code: "reset".to_owned(), text, ..Cause::default() };
    match trouble {
        DownloadError::NotConnected(text) => Outcome::NotSent(cause(text)),
        DownloadError::Broken(text) | DownloadError::Final(text) => {
            Outcome::InDoubt(Doubt::Open, cause(text))
        }
    }
}
