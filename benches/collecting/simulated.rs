//! Requests for each collected report, in simulated time: a whole run with `--collect`, against servers that show
//! more or less in their lists.

use std::{cell::RefCell, io, path::Path, rc::Rc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream::FuturesUnordered};
use monthend::testing::{
    CollectInput, Counts, Creates, Disk, DownloadError, DownloadUrl, Drawn, Event, Finished, Head,
    Host, InProcess, Interrupt, Ledger, Limits, NewReports, OtherRuns, Overwrite, Rate, Resume,
    RetryPolicy, Row, RowIndex, Run, RunInput, Session, Shared, WallClock, Wire, collect,
};
use request::{Period, ReportType, Request};
use sandbox::{
    ACCESS_TOKEN, Ask, Chance, LatencyConfig, ListWithoutOrg, RateLimitConfig, ReportsConfig,
    SandboxConfig, Span, What,
};
use tokio::time::{Instant, sleep};

const REPORTS: usize = 300;
/// A report is ready after so long.
const TAKES: Duration = Duration::from_secs(60);
/// Every answer takes so long.
const LATENCY: Duration = Duration::from_millis(100);
/// How often who knows no better asks for each report.
const NAIVE: Duration = Duration::from_secs(10);

/// What the server is asked; the host of the files.
struct Counter {
    start: Instant,
    asked: RefCell<Asked>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    creates: usize,
    lists: usize,
    gets: usize,
}

impl Asked {
    fn all(self) -> usize {
        self.creates + self.lists + self.gets
    }
}

impl Wire for Counter {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn now(&self) -> DateTime<Utc> {
        began() + self.start.elapsed()
    }

    fn draw(&self, ask: &Ask) -> Drawn {
        let mut asked = self.asked.borrow_mut();
        match ask.what {
            What::Create(_) => asked.creates += 1,
            What::List(_) => asked.lists += 1,
            _ => asked.gets += 1,
        }
        Drawn::Reached(Chance::Rules)
    }
}

impl WallClock for Counter {
    fn now(&self) -> DateTime<Utc> {
        Wire::now(self)
    }
}

impl Host for Counter {
    type Body = Option<Bytes>;

    async fn open(
        &self,
        _: &DownloadUrl,
        _: Option<&Resume>,
    ) -> Result<(Head, Self::Body), DownloadError> {
        sleep(LATENCY).await;
        let head = Head { status: 200, ..Head::default() };
        Ok((head, Some(Bytes::from_static(b"A,B\n1,2\n"))))
    }

    async fn next(&self, body: &mut Self::Body) -> Result<Option<Bytes>, DownloadError> {
        Ok(body.take())
    }
}

fn began() -> DateTime<Utc> {
    DateTime::from_timestamp(1_793_600_000, 0).unwrap()
}

/// `is_wide`: whether the list without `subPartnerOrgId` has everyone's reports.
fn server(is_wide: bool) -> InProcess<Counter> {
    let config = SandboxConfig {
        latency: LatencyConfig { fixed: Span(LATENCY), ..LatencyConfig::default() },
        rate_limit: RateLimitConfig::unlimited(),
        reports: ReportsConfig {
            completes_after: Span(TAKES),
            list_without_org: if is_wide { ListWithoutOrg::All } else { ListWithoutOrg::Own },
            check_calendar: false,
            ..ReportsConfig::default()
        },
        ..SandboxConfig::default()
    };
    let counter = Counter { start: Instant::now(), asked: RefCell::default() };
    InProcess::new(config, began(), counter, Duration::from_secs(60))
}

/// The ledger's file, which nobody reads.
struct Paper;

impl Disk for Paper {
    async fn replace(&self, _: Vec<u8>) -> io::Result<()> {
        Ok(())
    }

    async fn append(&self, _: Vec<u8>) -> io::Result<()> {
        Ok(())
    }

    async fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Way {
    /// `collect`
    Ours,
    /// Each report is asked for by its id every ten seconds.
    Naive,
}

struct Figures {
    asked: Asked,
    took: Duration,
}

async fn play(partners: usize, is_wide: bool, way: Way, rate: Rate) -> Figures {
    let server = server(is_wide);
    let mut ledger = Ledger::default();
    for n in 0..REPORTS {
        let request = Request {
            sub_partner: Some(format!("org{}", n % partners).parse().unwrap()),
            report_type: ReportType::User,
            period: Period::month(2000 + (n / partners) as i32, 1).unwrap(),
            internal: false,
        };
        ledger.fold(Row::planned(request, "j".into(), None));
    }
    let policy = RetryPolicy::default();
    let limits = Limits { rate, ..Limits::default() };
    let clock: &dyn WallClock = &server.wire;
    let session =
        Session::new(&server, Some(ACCESS_TOKEN.to_owned()), (&limits, &policy), clock, 7);
    let (_signal, signal) = tokio::sync::watch::channel(None);
    let input = RunInput {
        session: &session,
        all: ledger.len(),
        work: ledger.places().map(|(place, _)| place).collect(),
        disk: &Paper,
        doubts: Vec::new(),
        creates: Creates::All,
        other_runs: OtherRuns::None,
        idle: Counts::default(),
        max_failures: None,
        concurrency: limits.concurrency.get(),
        interrupt: Interrupt { signal, grace: Duration::from_secs(1) },
        on_event: Rc::new(|_: &Event| {}),
    };
    let folder = tempfile::tempdir().unwrap();
    let how = CollectInput {
        host: &server.wire,
        created: Vec::new(),
        recorded: std::collections::HashMap::new(),
        output: folder.path().join("reports"),
        ledger_folder: folder.path().to_owned(),
        wait: Duration::from_secs(1800),
        overwrite: Overwrite::Ours,
        any_content: false,
        concurrency: limits.concurrency.get(),
        silence: Duration::from_secs(60),
    };
    let (run, created) = Run::begin(ledger, input);
    let collecting = async {
        match way {
            Way::Ours => collect(how, run.shared(), created).await,
            Way::Naive => poll_each(run.shared(), created).await,
        }
    };
    let finished = run.drive(collecting).await;
    assert_complete(&finished, folder.path(), way);
    Figures { asked: *server.wire.asked.borrow(), took: finished.elapsed }
}

fn assert_complete(finished: &Finished, folder: &Path, way: Way) {
    assert!(finished.stop.is_none());
    assert_eq!(finished.counts.created, REPORTS);
    if matches!(way, Way::Ours) {
        assert_eq!(finished.counts.collected, REPORTS, "in {}", folder.display());
    }
}

async fn poll_each(shared: &Shared<'_, InProcess<Counter>>, mut created: NewReports) -> Vec<Row> {
    let poll = async |place: RowIndex| {
        let row = shared.record.row(place);
        let id = row.state.report_id().unwrap().clone();
        loop {
            sleep(NAIVE).await;
            let report = shared.session.get(&id).await.unwrap().unwrap();
            if report.download.is_some() {
                return;
            }
        }
    };
    let mut polls = FuturesUnordered::new();
    loop {
        tokio::select! {
            place = created.recv(), if !created.is_closed() || !created.is_empty() => {
                if let Some(place) = place {
                    polls.push(poll(place));
                }
            }
            Some(()) = polls.next() => {}
            else => return Vec::new(),
        }
    }
}

/// How long so many requests take at 300 a minute with a burst of 10, and how long a report that was asked for by the
/// last of the creates.
fn least(all: usize, creates: usize) -> Duration {
    let limits = Limits::default();
    let burst = limits.burst.get() as usize;
    let leaves = |n: usize| Duration::from_millis(200) * n.saturating_sub(burst) as u32;
    leaves(all).max(leaves(creates) + TAKES)
}

pub(crate) fn table() {
    println!(
        "| sub-partners x reports | list without `subPartnerOrgId` | way | creates | lists | single reads | requests a report | took | at least | longer by |"
    );
    println!("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let limited = Limits::default().rate;
    for (partners, is_wide, way, rate) in [
        (10, true, Way::Ours, limited),
        (10, false, Way::Ours, limited),
        (REPORTS, true, Way::Ours, limited),
        (REPORTS, false, Way::Ours, limited),
        (10, true, Way::Naive, limited),
        (10, true, Way::Naive, Rate::Unlimited),
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let Figures { asked, took } = runtime.block_on(play(partners, is_wide, way, rate));
        let least = match rate {
            Rate::Unlimited => TAKES,
            Rate::Limited { .. } => least(asked.all(), asked.creates),
        };
        println!(
            "| {partners} x {} | {} | {} | {} | {} | {} | {:.2} | {:.0} s | {:.0} s | {:.0} s |",
            REPORTS / partners,
            if is_wide { "has all" } else { "has the partner's own" },
            match (way, rate) {
                (Way::Ours, _) => "`run --collect`",
                (Way::Naive, Rate::Unlimited) => "each by its id every 10 s, at no limit",
                (Way::Naive, _) => "each by its id every 10 s",
            },
            asked.creates,
            asked.lists,
            asked.gets,
            asked.all() as f64 / REPORTS as f64,
            took.as_secs_f64(),
            least.as_secs_f64(),
            took.as_secs_f64() - least.as_secs_f64(),
        );
    }
}
