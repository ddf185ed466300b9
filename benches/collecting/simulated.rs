//! Requests for each collected report, in simulated time: a whole run with `--collect`, against servers that show
//! more or less in their lists.

use std::{cell::RefCell, collections::BTreeMap, io, path::Path, rc::Rc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream::FuturesUnordered};
use monthend::testing::{
    Answer, Api, CollectInput, Counts, Creates, Discover, Disk, DownloadError, DownloadUrl, Event,
    Finished, Head, Host, Interrupt, Ledger, Limits, ListPage, Listed, NewReports, Notice, OnHead,
    OtherRuns, Outcome, Overwrite, Page, Rate, Resume, RetryPolicy, Row, RowIndex, Run, RunInput,
    Session, Shared, WallClock, collect,
};
use request::{OrgId, Period, ReportId, ReportType, Request};
use tokio::time::{Instant, sleep};
use url::Url;

const REPORTS: usize = 300;
/// A report is ready after so long.
const TAKES: Duration = Duration::from_secs(60);
/// Every answer takes so long.
const LATENCY: Duration = Duration::from_millis(100);
/// How often who knows no better asks for each report.
const NAIVE: Duration = Duration::from_secs(10);
const PAGE: usize = 100;

/// The server, and the host of the files.
struct World {
    start: Instant,
    /// Whether the list without `subPartnerOrgId` has everyone's reports.
    is_wide: bool,
    reports: RefCell<BTreeMap<ReportId, (Request, Instant)>>,
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

impl WallClock for World {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_793_600_000, 0).unwrap() + self.start.elapsed()
    }
}

impl World {
    fn shown(&self, id: &ReportId) -> Listed {
        let reports = self.reports.borrow();
        let (request, made) = &reports[id];
        let is_ready = made.elapsed() >= TAKES;
        let status = if is_ready { "COMPLETED" } else { "IN_PROGRESS" };
        let url = || format!("https://files.example/{id}").parse().unwrap();
        Listed {
            start: Some(request.period.start()),
            end: Some(request.period.end()),
            report_type: Some(request.report_type),
            status: Some(status.to_owned()),
            download: is_ready.then(url),
            ..Listed::bare(id.clone())
        }
    }

    async fn answer<T>(&self, what: impl FnOnce() -> T) -> Answer<T> {
        sleep(LATENCY / 2).await;
        let outcome = Outcome::Done(what());
        sleep(LATENCY / 2).await;
        let notice = Notice { date: Some(self.now()), status: Some(200), ..Notice::default() };
        Answer { outcome, notice }
    }
}

impl Api for World {
    type Token = ();

    async fn create(&self, (): &(), request: &Request, _: &dyn OnHead) -> Answer<ReportId> {
        self.asked.borrow_mut().creates += 1;
        self.answer(|| {
            let mut reports = self.reports.borrow_mut();
            let id: ReportId = format!("id{:04}", reports.len()).parse().unwrap();
            reports.insert(id.clone(), (request.clone(), Instant::now()));
            id
        })
        .await
    }

    /// Pages are told apart by their addresses: `https://server.example/FROM`.
    async fn list(
        &self,
        (): &(),
        ListPage { query, next, .. }: ListPage<'_>,
        _: &dyn OnHead,
    ) -> Answer<Page<Listed>> {
        self.asked.borrow_mut().lists += 1;
        let from = next.map_or(0, |url| url.path()[1..].parse().unwrap());
        self.answer(|| {
            let ids: Vec<ReportId> = self.reports.borrow().keys().cloned().collect();
            let org = |id: &ReportId| self.reports.borrow()[id].0.sub_partner.clone();
            let shown = ids.iter().filter(|id| match &query.sub_partner {
                None => self.is_wide,
                wanted => *wanted == org(id),
            });
            let shown = shown.map(|id| self.shown(id)).filter(|report| {
                let status = report.status.as_deref();
                query.status.is_none_or(|wanted| Some(wanted) == status)
            });
            let mut items: Vec<Listed> = shown.skip(from).take(PAGE + 1).collect();
            let has_more = items.len() > PAGE;
            items.truncate(PAGE);
            let rest = format!("https://server.example/{}", from + PAGE);
            Page { items, next: has_more.then(|| rest.parse().unwrap()) }
        })
        .await
    }

    async fn get(&self, (): &(), id: &ReportId, _: &dyn OnHead) -> Answer<Option<Listed>> {
        self.asked.borrow_mut().gets += 1;
        self.answer(|| Some(self.shown(id))).await
    }

    async fn sub_partners(
        &self,
        (): &(),
        _: Discover,
        _: Option<&Url>,
        _: &dyn OnHead,
    ) -> Answer<Page<OrgId>> {
        unreachable!("nobody is discovered")
    }

    async fn renew(&self, _: Option<&()>, _: &dyn OnHead) -> Answer<()> {
        unreachable!("no token ends")
    }
}

impl Host for World {
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
    let world = World {
        start: Instant::now(),
        is_wide,
        reports: RefCell::default(),
        asked: RefCell::default(),
    };
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
    let clock: &dyn WallClock = &world;
    let session = Session::new(&world, Some(()), (&limits, &policy), clock, 7);
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
        host: &world,
        created: Vec::new(),
        recorded: std::collections::HashMap::new(),
        output: folder.path().join("reports"),
        ledger_folder: folder.path().to_owned(),
        wait: Duration::from_secs(1800),
        overwrite: Overwrite::Ours,
        any_content: false,
        rules: Default::default(),
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
    Figures { asked: *world.asked.borrow(), took: finished.elapsed }
}

fn assert_complete(finished: &Finished, folder: &Path, way: Way) {
    assert!(finished.stop.is_none());
    assert_eq!(finished.counts.created, REPORTS);
    if matches!(way, Way::Ours) {
        assert_eq!(finished.counts.collected, REPORTS, "in {}", folder.display());
    }
}

async fn poll_each(shared: &Shared<'_, World>, mut created: NewReports) -> Vec<Row> {
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
