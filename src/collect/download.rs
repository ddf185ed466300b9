//! One file, however often it breaks: fetched, taken up where it broke, or given up with a reason.

use std::{collections::HashMap, future::Future, io, time::Duration};

use tokio::time::{sleep, timeout};
use tracing::trace;

use super::{
    host::{DownloadError, Head, Host, Resume},
    part_file::{CheckedFile, PartFile},
};
use crate::{
    api::{Api, Cause, Doubt, DownloadUrl, Outcome},
    pacing::Stage,
    session::{RetryContext, RetryDecision, Session, TryCount},
};

/// A try that brought so many bytes has not failed: a large file over a bad line takes many.
const PROGRESS: u64 = 1024 * 1024;

/// Why there is no file.
#[derive(Debug)]
pub(super) enum NotFetched<E> {
    /// The host does not give it: why, one line.
    Host(String),
    /// The API could not be asked for a fresh address.
    Api(E),
    /// Our own disk.
    Disk(io::Error),
}

/// How patiently a file is fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without a byte.
    pub(super) silence: Duration,
    /// The longest wait that the host may ask for.
    pub(super) longest_wait: Duration,
}

/// Why a try ended without the whole file.
enum Broke {
    /// The address is not good any more.
    Expired(u16),
    Trouble(DownloadError, Option<Duration>),
    Disk(io::Error),
}

/// Fetches the file at `url` into `part`. `renew` asks the API for a fresh address.
pub(super) async fn fetch<A: Api, H: Host, E>(
    session: &Session<'_, A>,
    host: &H,
    patience: Patience,
    mut url: DownloadUrl,
    renew: impl AsyncFn() -> Result<DownloadUrl, E>,
    part: &mut PartFile,
) -> Result<CheckedFile, NotFetched<E>> {
    let mut tries = TryCount::default();
    let mut fresh = 0;
    let mut known = ToldBefore::default();
    loop {
        let has_expired = url.expires().is_some_and(|end| end <= session.server_now());
        let had = part.len();
        let broke = if has_expired && fresh == 0 {
            Broke::Expired(403)
        } else {
            match try_once(host, patience, &url, &mut known, part).await {
                Ok(()) => return part.finish().await.map_err(NotFetched::Disk),
                Err(broke) => broke,
            }
        };
        match broke {
            Broke::Disk(error) => return Err(NotFetched::Disk(error)),
            Broke::Trouble(DownloadError::Final(why), _) => return Err(NotFetched::Host(why)),
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
                url = renew().await.map_err(NotFetched::Api)?;
            }
            Broke::Trouble(trouble, wait) => {
                if part.len() >= had + PROGRESS {
                    (tries, fresh) = (TryCount::default(), 0);
                }
                let outcome = outcome(trouble);
                let why = outcome.cause().map(|c| c.text.clone()).unwrap_or_default();
                let around = RetryContext {
                    max_attempts: session.policy().max_attempts.get(),
                    stage: Stage::Closed,
                    accepted: 0,
                    backoff: &|n| session.backoff().after(n),
                };
                let backoff = match tries.after(&outcome, &around) {
                    RetryDecision::After(backoff) => backoff,
                    _ => return Err(NotFetched::Host(why)),
                };
                match wait {
                    Some(wait) if wait > patience.longest_wait => {
                        return Err(NotFetched::Host(format!(
                            "{why}; it asks for a longer wait"
                        )));
                    }
                    wait => sleep(backoff.max(wait.unwrap_or_default())).await,
                }
            }
        }
    }
}

/// What earlier tries told of the file.
#[derive(Default)]
struct ToldBefore {
    /// The [`Head::version`] of the bytes that are there, where their rest can be asked for.
    version: Option<String>,
    /// How long each version of the file was said to be, the first time.
    lengths: HashMap<String, u64>,
}

impl ToldBefore {
    /// Takes note of a whole file of so many bytes.
    ///
    /// # Errors
    /// This version was said to have another length: one of the two is not the file.
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

/// Asks once, and takes what comes.
async fn try_once<H: Host>(
    host: &H,
    patience: Patience,
    url: &DownloadUrl,
    known: &mut ToldBefore,
    part: &mut PartFile,
) -> Result<(), Broke> {
    let version = known.version.clone().filter(|_| part.len() > 0);
    let resume = version.map(|version| Resume {
        from: part.len(),
        version,
    });
    let opened = in_time(patience, host.open(url, resume.as_ref())).await;
    let (head, mut body) = opened.map_err(|trouble| Broke::Trouble(trouble, None))?;
    // Never the address: it is signed.
    trace!(
        http_status = head.status,
        "the download host answered {}", head.status
    );
    let goes_on = match head.status {
        200 if head.part.is_none_or(|part| part.is_whole()) => false,
        206 if resume.as_ref().is_some_and(|resume| head.continues(resume)) => true,
        // Or not there yet: some hosts have a file a moment later than the API says.
        403 | 404 | 410 => return Err(Broke::Expired(head.status)),
        // Whatever it has, it is neither the whole nor the rest of what is there.
        200 | 206 | 416 => {
            known.version = None;
            return Err(Broke::Trouble(answered(&head), head.retry_after));
        }
        408 | 429 | 500.. => return Err(Broke::Trouble(answered(&head), head.retry_after)),
        status => {
            let why = format!("the download host answered {status}");
            return Err(Broke::Trouble(DownloadError::Final(why), None));
        }
    };
    if !goes_on {
        if part.len() > 0 {
            part.restart().await.map_err(Broke::Disk)?;
        }
        known.version.clone_from(&head.version);
    }
    let rest_of = head.part.filter(|_| goes_on);
    let expected = rest_of.map(|part| part.total).or(head.length);
    if let Some(expected) = expected {
        let fits = known.announced(&head, expected);
        fits.map_err(|trouble| Broke::Trouble(trouble, None))?;
    }
    loop {
        match in_time(patience, host.next(&mut body)).await {
            Ok(Some(bytes)) => part.push(bytes).await.map_err(Broke::Disk)?,
            Ok(None) => break,
            Err(trouble) => return Err(Broke::Trouble(trouble, None)),
        }
    }
    match expected {
        Some(expected) if expected != part.len() => {
            if part.len() > expected {
                known.version = None; // more than all: not to be gone on with
            }
            let why = format!("{} of {expected} bytes came", part.len());
            Err(Broke::Trouble(DownloadError::Broken(why), None))
        }
        None if head.ends_anywhere => {
            let why =
                "the download host does not say how long the file is, so it may have broken off";
            Err(Broke::Trouble(DownloadError::Final(why.to_owned()), None))
        }
        _ => Ok(()),
    }
}

fn answered(head: &Head) -> DownloadError {
    DownloadError::Broken(format!("the download host answered {}", head.status))
}

async fn in_time<T>(
    patience: Patience,
    work: impl Future<Output = Result<T, DownloadError>>,
) -> Result<T, DownloadError> {
    let late = |_| {
        DownloadError::Broken(format!(
            "the download host sent nothing for {:?}",
            patience.silence
        ))
    };
    timeout(patience.silence, work).await.map_err(late)?
}

/// In the words of the one policy of tries.
fn outcome(trouble: DownloadError) -> Outcome<()> {
    let cause = |text| Cause {
        code: "reset".to_owned(),
        text,
        ..Cause::default()
    };
    match trouble {
        DownloadError::NotConnected(text) => Outcome::NotSent(cause(text)),
        DownloadError::Broken(text) | DownloadError::Final(text) => {
            Outcome::InDoubt(Doubt::Open, cause(text))
        }
    }
}
