//! Histories of collecting in simulated time: each is a run with `--collect` that is killed at some step, begun again
//! on what the disk has, and so on, against a server and a host of files that do their worst, on a disk that fills up and
//! that a power cut leaves with what was flushed. Everything is decided by the seed, and comes again with it; `MONTHEND_SIM_SEED` tells one history, `MONTHEND_SIM_SEEDS` plays more than usual.
//!
//! The law, whenever a process has died: what lies under a final name is one whole version of the row's report, and
//! what the ledger's file says of a file is true. At the end every row is collected, no part is left, and nothing
//! that a durable line had was fetched again.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::{Future, poll_fn},
    io,
    path::{Path, PathBuf},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use super::{
    CollectInput, DownloadError, Head, Host, Overwrite, Resume, collect, disk::simulated,
    host::ByteRange, names::Names,
};
use crate::{
    api::DownloadUrl,
    ledger::{self, Counts, Disk, Ledger, RecordedHashes, Row, State},
    manifest::{Limits, Rate, RetryPolicy},
    run::{Creates, Event, Finished, Interrupt, OtherRuns, Run, RunInput},
    sending::{Session, WallClock},
    testing::{Drawn, InProcess, Wire},
};
use request::{Period, ReportId, ReportType, Request, RequestId};
use sandbox::{
    Ask, Chance, Fault, LatencyConfig, ListWithoutOrg, RateLimitConfig, ReportsConfig,
    SandboxConfig, Span, What,
};

const SEEDS: u64 = 40;
/// A history that does not end in so many processes does not end.
const MOST_PROCESSES: usize = 60;

/// What chance and misfortune there is.
struct HistoryWorld {
    dice: RefCell<fastrand::Rng>,
    start: Instant,
    /// Nothing goes wrong any more.
    is_calm: Cell<bool>,
    tells: bool,
}

impl HistoryWorld {
    fn below(&self, end: u64) -> u64 {
        self.dice.borrow_mut().u64(..end)
    }

    fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn fails(&self, one_in: u64) -> bool {
        !self.is_calm.get() && self.one_in(one_in)
    }

    async fn passes(&self, most: u64) {
        let millis = self.below(most);
        sleep(Duration::from_millis(millis)).await;
    }

    /// The head says something that the file is not, and the body is as long as it says.
    fn lies(&self, head: &mut Head, rest: &mut Bytes) {
        let length = rest.len() as u64;
        let (first, last, total) = match head.part {
            Some(part) => (part.first, part.last, part.total),
            None => (0, length, length + 1),
        };
        let lie = self.below(6);
        self.say(|| format!("lie {lie} about {head:?}"));
        match lie {
            // A part that does not say of what.
            0 => head.part = None,
            // Of a whole that is longer or shorter by one.
            1 => head.part = ByteRange::new(first, last, total + 1),
            2 => head.part = ByteRange::new(first, last.saturating_sub(1), total - 1),
            // Nobody asked for a part.
            3 => (head.status, head.part) = (206, ByteRange::new(first, last, total)),
            // Ten bytes, which are said to be all that is missing, or not.
            4 | 5 if head.status == 206 && length > 10 => {
                *rest = rest.slice(..10);
                head.length = Some(10);
                let total = if lie == 4 { first + 10 } else { total };
                head.part = ByteRange::new(first, first + 9, total);
            }
            _ => {}
        }
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.tells {
            println!("{:>9.3?} {}", self.start.elapsed(), what());
        }
    }
}

impl WallClock for HistoryWorld {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_793_600_000, 0).unwrap() + self.start.elapsed()
    }
}

/// The way to the server, on which answers to reads are lost.
struct Lossy<'w>(&'w HistoryWorld);

impl Wire for Lossy<'_> {
    fn elapsed(&self) -> Duration {
        self.0.start.elapsed()
    }

    fn now(&self) -> DateTime<Utc> {
        WallClock::now(self.0)
    }

    fn draw(&self, ask: &Ask) -> Drawn {
        let is_lost = !matches!(ask.what, What::Create(_)) && self.0.fails(8);
        let reset = || Fault::Reset { processed: true, late: Span::default() };
        Drawn::Reached(Chance::Drawn(is_lost.then(reset)))
    }
}

type Server<'w> = InProcess<Lossy<'w>>;

/// A server that does not say who made a report, or when.
fn server(world: &HistoryWorld) -> Server<'_> {
    let millis = |below| Span(Duration::from_millis(world.below(below)));
    let config = SandboxConfig {
        latency: LatencyConfig {
            jitter: Span(Duration::from_millis(400)),
            ..LatencyConfig::default()
        },
        rate_limit: RateLimitConfig::unlimited(),
        reports: ReportsConfig {
            list_without_org: if world.one_in(2) {
                ListWithoutOrg::All
            } else {
                ListWithoutOrg::Own
            },
            list_lag_jitter: millis(3_000),
            completes_after: millis(20_000),
            get_shows_created: false,
            check_calendar: false,
            download_expires_after: Span(Duration::from_secs(20)),
            ..ReportsConfig::default()
        },
        seed: world.below(u64::MAX),
        ..SandboxConfig::default()
    };
    InProcess::new(config, WallClock::now(world), Lossy(world), Duration::from_secs(60))
}

/// The host of the files.
struct Files<'w> {
    world: &'w HistoryWorld,
    /// Of each report that was asked for: from when on its file has another version.
    changes: RefCell<HashMap<ReportId, Option<Instant>>>,
    /// How often each was asked for.
    asked: RefCell<HashMap<ReportId, usize>>,
}

impl Files<'_> {
    fn version(&self, id: &ReportId) -> u8 {
        let draw = || {
            let is_changed = self.world.one_in(3);
            is_changed.then(|| Instant::now() + Duration::from_millis(self.world.below(3_000)))
        };
        let mut changes = self.changes.borrow_mut();
        let changes_at = changes.entry(id.clone()).or_insert_with(draw);
        1 + u8::from(changes_at.is_some_and(|at| at <= Instant::now()))
    }
}

/// The whole file of a report, in one of its versions.
fn file(id: &ReportId, version: u8) -> Vec<u8> {
    let row = format!("{id},{version},0123456789012345678901234567890123456789\n");
    // The later version may be the shorter one by far.
    let rows = [30, 8][usize::from(version) - 1];
    format!("ID,VERSION,TEXT\n{}", row.repeat(rows)).into_bytes()
}

/// What is left to come, in which pieces, and whether it breaks then.
struct Body {
    rest: Bytes,
    breaks: bool,
}

impl Host for Files<'_> {
    type Body = Body;

    async fn open(
        &self,
        url: &DownloadUrl,
        resume: Option<&Resume>,
    ) -> Result<(Head, Body), DownloadError> {
        let path = url.expose().path();
        let id = path.strip_prefix("/wholesale/").and_then(|rest| rest.strip_suffix(".csv"));
        let id: ReportId = id.unwrap().parse().unwrap();
        *self.asked.borrow_mut().entry(id.clone()).or_default() += 1;
        self.world.passes(500).await;
        let status = |status| Head { status, ..Head::default() };
        let nothing = |code| {
            let body = Body { rest: Bytes::new(), breaks: false };
            Ok((status(code), body))
        };
        if url.expires().is_some_and(|end| end <= self.world.now()) {
            return nothing(403);
        }
        if self.world.fails(6) {
            return match self.world.below(3) {
                0 => Err(DownloadError::NotConnected("refused".to_owned())),
                1 => nothing(503),
                _ => nothing(410),
            };
        }
        let version = self.version(&id);
        let (bytes, tag) = (file(&id, version), format!("\"{version}\""));
        // A host that knows no `If-Range` gives the rest of what it has now.
        let knows = !self.world.fails(5);
        let from = resume.filter(|resume| !knows || resume.version == tag);
        let from = from.map_or(0, |resume| resume.from as usize).min(bytes.len());
        let (total, rest) = (bytes.len() as u64, Bytes::copy_from_slice(&bytes[from..]));
        let mut head = Head { length: Some(rest.len() as u64), version: Some(tag), ..status(200) };
        let mut rest = rest;
        if from > 0 {
            head.part = ByteRange::new(from as u64, total - 1, total);
            head.status = 206;
        }
        if self.world.fails(6) {
            self.world.lies(&mut head, &mut rest);
        }
        let breaks = !rest.is_empty() && self.world.fails(3);
        let until = if breaks { self.world.below(rest.len() as u64) as usize } else { rest.len() };
        self.world.say(|| format!("{id}: version {version} from {from}, breaks: {breaks}"));
        let rest = rest.slice(..until);
        Ok((head, Body { rest, breaks }))
    }

    async fn next(&self, body: &mut Body) -> Result<Option<Bytes>, DownloadError> {
        self.world.passes(300).await;
        let most = 1 + self.world.below(700) as usize;
        let piece = body.rest.split_to(most.min(body.rest.len()));
        match piece.is_empty() {
            false => Ok(Some(piece)),
            true if body.breaks => Err(DownloadError::Broken("reset".to_owned())),
            true => Ok(None),
        }
    }
}

/// The ledger's file. A kill loses nothing that was written.
struct Paper<'w> {
    world: &'w HistoryWorld,
    bytes: RefCell<Vec<u8>>,
}

impl Disk for Paper<'_> {
    async fn replace(&self, contents: Vec<u8>) -> io::Result<()> {
        self.world.passes(20).await;
        if self.world.fails(20) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *self.bytes.borrow_mut() = contents;
        Ok(())
    }

    async fn append(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.world.passes(20).await;
        if self.world.fails(60) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.borrow_mut().extend(bytes);
        Ok(())
    }

    async fn sync(&self) -> io::Result<()> {
        self.world.passes(20).await;
        Ok(())
    }
}

struct History<'w> {
    world: &'w HistoryWorld,
    server: &'w Server<'w>,
    files: &'w Files<'w>,
    paper: &'w Paper<'w>,
    folder: &'w Path,
    policy: RetryPolicy,
    limits: Limits,
    seed: u64,
}

impl History<'_> {
    fn output(&self) -> PathBuf {
        self.folder.join("l.reports")
    }

    fn read(&self) -> Ledger {
        let reading = ledger::read(&self.paper.bytes.borrow(), "l.csv".as_ref()).unwrap();
        assert!(reading.unknown.is_empty());
        reading.ledger
    }

    /// One process, until it ends or has come so many steps far.
    async fn process(&self, steps: Option<u64>) -> Option<Finished> {
        let ledger = self.read();
        let (mut created, mut work, mut idle) = (Vec::new(), Vec::new(), Counts::default());
        for (place, row) in ledger.places() {
            match row.state {
                State::Created(_) => created.push(place),
                _ => work.push(place),
            }
        }
        idle.skipped = created.len();
        let clock: &dyn WallClock = self.world;
        let token = sandbox::ACCESS_TOKEN.to_owned();
        let session =
            Session::new(self.server, Some(token), (&self.limits, &self.policy), clock, self.seed);
        let (_signal, signal) = tokio::sync::watch::channel(None);
        let on_event = |event: &Event| self.world.say(|| format!("{:?}", event.kind));
        let input = RunInput {
            session: &session,
            all: ledger.len(),
            disk: self.paper,
            work,
            doubts: Vec::new(),
            creates: Creates::All,
            other_runs: OtherRuns::None,
            idle,
            max_failures: None,
            concurrency: 4,
            interrupt: Interrupt { signal, grace: Duration::from_secs(1) },
            on_event: Rc::new(on_event),
        };
        let how = CollectInput {
            host: self.files,
            recorded: RecordedHashes::new(),
            created,
            output: self.output(),
            ledger_folder: self.folder.to_owned(),
            wait: Duration::from_secs(600),
            overwrite: Overwrite::Ours,
            any_content: false,
            concurrency: 4,
            silence: Duration::from_secs(60),
        };
        let (run, new_reports) = Run::begin(ledger, input);
        let mut driving = pin!(run.drive(collect(how, run.shared(), new_reports)));
        let mut left = steps;
        poll_fn(|context| {
            if let Some(left) = &mut left {
                if *left == 0 {
                    return Poll::Ready(None);
                }
                *left -= 1;
            }
            driving.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Checks the law. Gives the files that durable lines have, by request.
    fn law(&self) -> HashMap<RequestId, ReportId> {
        let ledger = self.read();
        let names = Names::new(self.output(), self.folder.to_owned(), ledger.rows());
        let mut collected = HashMap::new();
        for row in ledger.rows() {
            let lies = std::fs::read(names.place(row)).ok();
            if let (Some(bytes), State::Created(id)) = (&lies, &row.state) {
                let is_whole = [1, 2].iter().any(|version| file(id, *version) == *bytes);
                assert!(is_whole, "{} holds what is no version of {id}", row.id());
            }
            if !row.collected.file.is_empty() {
                let bytes = lies.expect("the ledger has a file that is not there");
                assert_eq!(hex(&bytes), row.collected.sha256, "the hash of other bytes");
                collected.insert(row.id(), row.state.report_id().unwrap().clone());
            }
        }
        collected
    }

    async fn play(&self) {
        let mut kills = self.world.below(6);
        for _ in 0..MOST_PROCESSES {
            let before = self.law();
            let asked = self.files.asked.borrow().clone();
            let steps = (kills > 0).then(|| self.world.below(600));
            if kills == 0 && self.world.one_in(4) {
                self.world.is_calm.set(true);
            }
            let room = self.world.fails(4).then(|| self.world.below(60));
            simulated::fills_after(room);
            let ended = self.process(steps).await;
            // What was on its way to the disk arrives there.
            sleep(Duration::from_millis(1)).await;
            if ended.is_none() && self.world.one_in(2) {
                self.world.say(|| "POWER CUT".to_owned());
                simulated::cut_power(&self.output());
            }
            self.world.say(|| match &ended {
                Some(ended) => format!("END {:?} {:?}", ended.stop, ended.counts),
                None => "KILLED".to_owned(),
            });
            self.law();
            for id in before.values() {
                let (then, now) = (asked.get(id), self.files.asked.borrow().get(id).copied());
                assert_eq!(then, now.as_ref(), "{id} was there and was fetched again");
            }
            match ended {
                None => kills -= 1,
                Some(ended) if ended.stop.is_none() && ended.counts.uncollected == 0 => {
                    let made = ended.ledger.rows().filter(|row| is_made(row)).count();
                    assert_eq!(ended.counts.collected, made);
                    self.nothing_is_left(made);
                    return;
                }
                Some(ended) => {
                    let is_wrong = |row: &&Row| row.collected.error.contains("in the way");
                    let wrong = ended.ledger.rows().find(is_wrong);
                    assert!(
                        wrong.is_none() || self.files.has_changed(),
                        "its own file is in the way of {wrong:?}"
                    );
                    if wrong.is_some() {
                        return; // the report has another version by now: a person decides
                    }
                    if kills == 0 {
                        self.world.is_calm.set(true);
                    }
                    // A kill or a full disk left a line that was half way.
                }
            }
        }
        panic!("it does not end");
    }

    fn nothing_is_left(&self, made: usize) {
        let mut found = 0;
        let mut folders = vec![self.output()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found += 1 }
            }
        }
        assert_eq!(found, made, "files that no row has");
    }
}

/// Whether a row has a report. A kill between a create and its answer leaves a row in doubt, where the server does not
/// say when it made a report: a person's to decide.
fn is_made(row: &Row) -> bool {
    let is_made = matches!(row.state, State::Created(_));
    assert!(is_made || row.state.is_in_doubt(), "{row:?}");
    is_made
}

impl Files<'_> {
    fn has_changed(&self) -> bool {
        self.changes.borrow().values().any(Option::is_some)
    }
}

fn hex(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn play(seed: u64, tells: bool) {
    let world = HistoryWorld {
        dice: fastrand::Rng::with_seed(seed).into(),
        start: Instant::now(),
        is_calm: Cell::new(false),
        tells,
    };
    let server = server(&world);
    let files = Files { world: &world, changes: RefCell::default(), asked: RefCell::default() };
    let mut ledger = Ledger::default();
    for n in 0..1 + world.below(6) {
        let request = Request {
            sub_partner: Some(format!("org{}", n % 3).parse().unwrap()),
            report_type: ReportType::User,
            period: Period::month(2020 + n as i32, 1).unwrap(),
            internal: false,
        };
        ledger.fold(Row::planned(request, "j".into(), None));
    }
    let folder = tempfile::tempdir().unwrap();
    let history = History {
        world: &world,
        server: &server,
        files: &files,
        paper: &Paper { world: &world, bytes: ledger.to_csv().into() },
        folder: folder.path(),
        policy: RetryPolicy {
            max_attempts: 4.try_into().unwrap(),
            settle: Duration::from_secs(10),
            ..RetryPolicy::default()
        },
        limits: Limits { rate: Rate::Unlimited, ..Limits::default() },
        seed,
    };
    // What an earlier process left half done is nobody's.
    let row = ledger.rows().next().unwrap();
    let names = Names::new(history.output(), folder.path().to_owned(), ledger.rows());
    let left = names.place(row).with_file_name(super::part_file::part_name(row.id()));
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::fs::write(left, "ID,VER").unwrap();
    history.play().await;
}

#[test]
fn no_history_leaves_half_a_file_or_fetches_one_twice() {
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let one: Option<u64> = variable("MONTHEND_SIM_SEED");
    let seeds = match one {
        Some(seed) => seed..seed + 1,
        None => 0..variable("MONTHEND_SIM_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let played = std::panic::catch_unwind(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(play(seed, one.is_some()));
        });
        if let Err(panic) = played {
            let text = panic.downcast_ref::<String>().cloned();
            println!("seed {seed}: {}", text.unwrap_or_default());
            std::panic::resume_unwind(panic);
        }
    }
}
