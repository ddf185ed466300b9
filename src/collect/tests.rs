//! Downloads against a host that is told what to do, in simulated time.

use std::{cell::RefCell, collections::VecDeque, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{
    DownloadError, Head, Host, Resume,
    download::{Downloads, HostPauses, NotFetched, fetch},
    host::ByteRange,
    part_file::{CheckedFile, PartFile},
};
use crate::{
    api::DownloadUrl,
    ledger::Row,
    manifest::{Limits, RetryPolicy},
    sending::{Session, SystemClock},
    testing::{InProcess, Wire},
};
use request::{Period, ReportType, Request};
use sandbox::SandboxConfig;

/// The way to a server that nobody asks.
struct Unused;

impl Wire for Unused {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// What the host does with a request.
#[derive(Debug, Clone)]
enum Does {
    /// The version of the file, as much of it as it gives before the connection breaks, and whether it takes ranges.
    Gives(&'static str, &'static [u8], usize),
    Answers(u16),
    /// It asks for a wait of so many seconds.
    Waits(u64),
    /// A byte now and then, for ever.
    Drips,
    Refuses,
    Hangs,
    /// It says that so many bytes come, and fewer do.
    Lies(&'static [u8], u64),
    /// It gives the rest of this, whatever version is asked for, and says which one it is, or not.
    Ignores(Option<&'static str>, &'static [u8]),
}

struct Told {
    does: RefCell<VecDeque<Does>>,
    asked: RefCell<Vec<(String, Option<Resume>)>>,
}

/// What is still to come, and what then.
struct Body(Option<Bytes>, Then);

enum Then {
    Ends,
    Breaks,
    Drips,
}

impl Host for Told {
    type Body = Body;

    async fn open(
        &self,
        url: &DownloadUrl,
        resume: Option<&Resume>,
    ) -> Result<(Head, Body), DownloadError> {
        let asked = (url.expose().path().to_owned(), resume.cloned());
        self.asked.borrow_mut().push(asked);
        let does = self.does.borrow_mut().pop_front().expect("more requests than told");
        let status = |status| Head { status, ..Head::default() };
        Ok(match does {
            Does::Answers(code) => (status(code), Body(None, Then::Ends)),
            Does::Waits(seconds) => {
                let head = Head { retry_after: Some(Duration::from_secs(seconds)), ..status(429) };
                (head, Body(None, Then::Ends))
            }
            Does::Drips => (status(200), Body(None, Then::Drips)),
            Does::Refuses => return Err(DownloadError::NotConnected("refused".to_owned())),
            Does::Hangs => std::future::pending().await,
            Does::Lies(bytes, length) => {
                let head = Head { length: Some(length), ..status(200) };
                (head, Body(Some(bytes.into()), Then::Ends))
            }
            Does::Ignores(version, bytes) => {
                let from = resume.map_or(0, |resume| resume.from as usize);
                let head = Head {
                    version: version.map(str::to_owned),
                    part: part_from(from, bytes),
                    ..status(206)
                };
                let rest = Bytes::from_static(&bytes[from..]);
                (head, Body(Some(rest), Then::Ends))
            }
            Does::Gives(version, bytes, until) => {
                let from = resume.filter(|resume| resume.version == version);
                let from = from.map_or(0, |resume| resume.from as usize);
                let rest = Bytes::from_static(&bytes[from..until.max(from)]);
                let mut head = Head {
                    length: Some((bytes.len() - from) as u64),
                    version: Some(version.to_owned()),
                    ..status(if from > 0 { 206 } else { 200 })
                };
                if from > 0 {
                    head.part = part_from(from, bytes);
                }
                let then = if until < bytes.len() { Then::Breaks } else { Then::Ends };
                (head, Body(Some(rest), then))
            }
        })
    }

    async fn next(&self, body: &mut Body) -> Result<Option<Bytes>, DownloadError> {
        match (body.0.take(), &body.1) {
            (Some(bytes), _) if !bytes.is_empty() => Ok(Some(bytes)),
            (_, Then::Breaks) => Err(DownloadError::Broken("reset".to_owned())),
            (_, Then::Ends) => Ok(None),
            (_, Then::Drips) => {
                tokio::time::sleep(Duration::from_secs(50)).await;
                Ok(Some(Bytes::from_static(b"1\n")))
            }
        }
    }
}

/// The part of `bytes` from `from` on.
fn part_from(from: usize, bytes: &[u8]) -> Option<ByteRange> {
    let total = bytes.len() as u64;
    ByteRange::new(from as u64, total - 1, total)
}

struct Ended {
    result: Result<CheckedFile, String>,
    asked: Vec<(String, Option<Resume>)>,
    took: Duration,
    renewed: usize,
}

const TABLE: &[u8] = b"A,B\n1,2\n3,4\n";
const OTHER: &[u8] = b"A,B\n9,9\n9,9\n";

async fn fetched(does: &[Does], url: &str) -> Ended {
    fetched_after(&HostPauses::default(), does, url).await
}

async fn fetched_after(pauses: &HostPauses, does: &[Does], url: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let policy = RetryPolicy { max_attempts: 3.try_into().unwrap(), ..RetryPolicy::default() };
    let limits = Limits::default();
    let server = InProcess::new(SandboxConfig::default(), Utc::now(), Unused, Duration::MAX);
    let session = Session::new(&server, Some(String::new()), (&limits, &policy), &SystemClock, 7);
    let host =
        Told { does: RefCell::new(does.iter().cloned().collect()), asked: RefCell::default() };
    let request = Request {
        sub_partner: None,
        report_type: ReportType::User,
        period: Period::month(2026, 9).unwrap(),
        internal: false,
    };
    let id = Row::planned(request, "j".into(), None).id();
    let mut part = PartFile::begin(&folder.path().join("own.csv"), id).await.unwrap();
    let downloads = Downloads {
        session: &session,
        host: &host,
        largest: 4096,
        silence: Duration::from_secs(60),
        pauses,
    };
    let renewed = RefCell::new(0);
    let renew = async || -> Result<DownloadUrl, ()> {
        *renewed.borrow_mut() += 1;
        Ok(format!("https://h/fresh{}", renewed.borrow()).parse().unwrap())
    };
    let began = Instant::now();
    let url = url.parse().unwrap();
    let result = fetch(downloads, url, renew, &mut part).await;
    let took = began.elapsed();
    let in_part = std::fs::read(part.path()).unwrap();
    let result = result.map_err(|error| match error {
        NotFetched::Host(why) => why,
        other => format!("{other:?}"),
    });
    if let Ok(whole) = &result {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(&in_part);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(whole.sha256, hash, "the hash of other bytes");
    }
    drop(part);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a part is left");
    Ended { result, asked: host.asked.into_inner(), took, renewed: renewed.into_inner() }
}

fn rows(ended: &Ended) -> u64 {
    ended.result.as_ref().unwrap().content.rows
}

const ALL: usize = TABLE.len();

#[tokio::test(start_paused = true)]
async fn it_goes_on_where_it_broke_and_only_in_the_same_version() {
    use Does::Gives;
    let ended =
        fetched(&[Gives("\"1\"", TABLE, 5), Gives("\"1\"", TABLE, ALL)], "https://h/a").await;
    assert_eq!(rows(&ended), 2);
    assert_eq!(ended.asked[0].1, None);
    let resume = ended.asked[1].1.clone().unwrap();
    assert_eq!((resume.from, &*resume.version), (5, "\"1\""));

    // Another version begins again, and nothing of the first is left in it.
    let ended =
        fetched(&[Gives("\"1\"", TABLE, 5), Gives("\"2\"", OTHER, ALL)], "https://h/a").await;
    let other = fetched(&[Gives("\"2\"", OTHER, ALL)], "https://h/a").await;
    assert_eq!(ended.result, other.result);

    // A rest that is of another version, or does not say of which, is no rest: all of it is asked for.
    for rest in [Some("\"2\""), None] {
        let ended = fetched(
            &[Gives("\"1\"", TABLE, 5), Does::Ignores(rest, OTHER), Gives("\"2\"", OTHER, ALL)],
            "https://h/a",
        )
        .await;
        assert_eq!(ended.result, other.result, "{rest:?}");
        assert_eq!(ended.asked[2].1, None);
    }

    // A host that does not say which version it is gives all of it again.
    let ended =
        fetched(&[Does::Lies(&TABLE[..5], ALL as u64), Gives("\"1\"", TABLE, ALL)], "https://h/a")
            .await;
    assert_eq!((rows(&ended), &ended.asked[1].1), (2, &None));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_has_ended_is_asked_for_anew() {
    use Does::{Answers, Gives};
    let whole = Gives("\"1\"", TABLE, ALL);
    for status in [403, 404, 410] {
        let ended = fetched(&[Answers(status), whole.clone()], "https://h/a").await;
        assert_eq!((rows(&ended), ended.renewed), (2, 1), "{status}");
        assert_eq!(ended.asked[1].0, "/fresh1");
    }
    // What came from one place is gone on with there, and nowhere else, whatever tag another one has.
    for (url, goes_on) in [("https://h/fresh1?s=1", true), ("https://h/a", false)] {
        let does = [Gives("\"1\"", TABLE, 5), Answers(403), whole.clone()];
        let ended = fetched(&does, url).await;
        assert_eq!((rows(&ended), ended.asked[2].1.is_some()), (2, goes_on), "{url}");
    }
    // Not even asked where it says so itself.
    let ended = fetched(std::slice::from_ref(&whole), "https://h/a?Expires=1").await;
    assert_eq!((rows(&ended), ended.renewed, ended.asked.len()), (2, 1, 1));
    // A host that refuses every address is left in the end.
    let ended = fetched(&vec![Answers(403); 9], "https://h/a").await;
    assert!(ended.result.unwrap_err().contains("403"));
    assert_eq!(ended.renewed, 3);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_as_often_as_the_policy_says() {
    use Does::{Answers, Gives, Hangs, Lies, Refuses};
    let whole = Gives("\"1\"", TABLE, ALL);
    for trouble in [Answers(500), Answers(503), Answers(429), Refuses, Hangs, Lies(TABLE, 99)] {
        let twice = [trouble.clone(), trouble.clone(), whole.clone()];
        assert_eq!(rows(&fetched(&twice, "https://h/a").await), 2, "{trouble:?}");
        let ended = fetched(&vec![trouble.clone(); 9], "https://h/a").await;
        assert!(ended.result.is_err());
        assert_eq!(ended.asked.len(), 3, "{trouble:?}");
    }
    let ended = fetched(&[Hangs, whole.clone()], "https://h/a").await;
    assert!(ended.took >= Duration::from_secs(60) && ended.took < Duration::from_secs(62));
    for status in [400, 405, 415] {
        let ended = fetched(&[Answers(status)], "https://h/a").await;
        assert!(ended.result.unwrap_err().contains(&status.to_string()));
    }
}

/// Whichever file the wait was announced for, and whatever became of that.
#[tokio::test(start_paused = true)]
async fn a_wait_that_a_host_announces_binds_all_requests_to_it() {
    let whole = [Does::Gives("\"1\"", TABLE, ALL)];
    let pauses = HostPauses::default();
    let ended = fetched_after(&pauses, &vec![Does::Waits(800); 3], "https://h/a").await;
    assert!(ended.result.is_err() && ended.took >= Duration::from_secs(1600));
    let ended = fetched_after(&pauses, &whole, "https://other/b").await;
    assert!(ended.took < Duration::from_secs(1));
    let ended = fetched_after(&pauses, &whole, "https://h/b?s=2").await;
    assert!(ended.took >= Duration::from_secs(799), "{:?}", ended.took);
    // More than `retry.max_retry_after` is not waited for, and the host is not asked.
    let ended = fetched_after(&pauses, &[Does::Waits(901)], "https://h/a").await;
    assert!(ended.result.unwrap_err().contains("longer wait"));
    let ended = fetched_after(&pauses, &[], "https://h/b").await;
    assert!(ended.result.unwrap_err().contains("longer wait"));
}

#[tokio::test(start_paused = true)]
async fn a_file_without_end_is_not_waited_for() {
    static LONG: [u8; 5000] = [b'1'; 5000];
    let ended = fetched(&[Does::Gives("\"1\"", &LONG, 5000)], "https://h/a").await;
    assert!(ended.result.unwrap_err().contains("no end"));
    let ended = fetched(&[Does::Drips], "https://h/a").await;
    assert!(ended.result.unwrap_err().contains("no end"));
    let day = Duration::from_secs(24 * 3600);
    assert!(ended.took >= day && ended.took < 2 * day);
}
