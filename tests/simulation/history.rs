//! One history: a plan, and runs of it that crash, stop and are started again until one ends by itself.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::ready,
    num::{NonZeroU32, NonZeroUsize},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use monthend::testing::{
    Counts, Creates, Disk as _, Event, EventKind, Finished, Interrupt, Ledger, Limits, OtherRuns,
    Rate, RateUnit, RepairKind, RetryPolicy, Row, Run, RunInput, Session, SessionEvent, Signal,
    State, WallClock as _,
};
use request::{Period, ReportId, ReportType, Request, RequestId};
use sandbox::model::{Person, Shift};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    checks,
    disk::{DiskTraits, ModelDisk},
    doubts,
    server::Server,
    traits::ServerTraits,
    world::{Tally, World},
};

/// More runs than this, and the history does not end.
const MOST_RUNS: u32 = 80;

/// What one history came to.
pub(crate) struct Outcome {
    pub failure: Option<String>,
    pub tally: Tally,
}

/// Plays the history of `seed` in simulated time.
pub(crate) fn play(seed: u64, tracing: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(seed, tracing);
        let settings = settings(&world, seed);
        let disk = ModelDisk::new(&world, settings.disk);
        let server = Server::new(&world, &disk, settings.server.clone());
        let rows = plan(&world, settings.server.orgs);
        let mut history = History::new(&world, &disk, &server, rows, settings);
        history.play().await;
        Outcome { failure: world.failure(), tally: world.tally() }
    })
}

/// One run of a plan of 1,000 rows where a third of all answers are lost and the server's two clocks are so far apart.
/// Gives how many rows a person has to decide, and how many reports were made twice.
pub(crate) fn decided_by_a_person(seed: u64, apart: Shift) -> [usize; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(seed, false);
        let server_traits = ServerTraits::losing_a_third(&world, seed, apart);
        let settings = Settings {
            disk: DiskTraits::default(),
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            faults: u32::MAX,
            crashes: 0,
            power_cuts: false,
            signals: false,
            resolves: false,
            clock_is_set: false,
            server: server_traits,
        };
        let disk = ModelDisk::new(&world, settings.disk);
        let server = Server::new(&world, &disk, settings.server.clone());
        let orgs = settings.server.config.sub_partners.list.iter();
        let mut rows = Vec::new();
        for org in orgs {
            for report_type in [ReportType::Customer, ReportType::User] {
                let request = Request {
                    sub_partner: Some(org.org_id.parse().unwrap()),
                    report_type,
                    period: Period::month(2026, 9).unwrap(),
                    internal: false,
                };
                rows.push(Row::planned(request, "resellers".into(), None));
            }
        }
        let history = History::new(&world, &disk, &server, rows, settings);
        world.allow_faults(u32::MAX);
        let finished = history.run(false).await.unwrap();
        assert!(finished.stop.is_none(), "{:?}", finished.stop);
        assert!(world.failure().is_none(), "{:?}", world.failure());
        let rows = finished.ledger.rows();
        let in_doubt = rows.filter(|row| matches!(row.state, State::InDoubt { .. }));
        let mut made: BTreeMap<Request, usize> = BTreeMap::new();
        for report in server.reports().into_iter().filter(|report| report.ours) {
            *made.entry(report.request).or_default() += 1;
        }
        [in_doubt.count(), made.values().filter(|made| **made > 1).count()]
    })
}

pub(crate) struct Settings {
    disk: DiskTraits,
    pub server: ServerTraits,
    limits: Limits,
    retry: RetryPolicy,
    faults: u32,
    crashes: u32,
    power_cuts: bool,
    signals: bool,
    /// Whether somebody decides what is in doubt, and runs it again.
    resolves: bool,
    /// Whether the computer's clock is set now and then.
    clock_is_set: bool,
}

pub(crate) struct History<'w> {
    pub world: &'w World,
    pub disk: &'w ModelDisk<'w>,
    pub server: &'w Server<'w>,
    pub plan: Vec<Row>,
    pub settings: Settings,
    /// What the lock file remembers.
    pause: Cell<Option<Instant>>,
    /// Ids that were reported as written.
    pub written: RefCell<BTreeMap<RequestId, ReportId>>,
    /// Ids that an answer gave or a look-up found, as the events tell.
    known: RefCell<BTreeSet<ReportId>>,
    /// Rows of which a line was torn: it may have taken the time of the intent with it.
    pub(crate) torn: RefCell<BTreeSet<RequestId>>,
    /// The earliest intent of each row whose create may have been processed.
    pub(crate) intents: RefCell<BTreeMap<RequestId, DateTime<Utc>>>,
    /// What the process that runs now knows.
    pub(crate) process: RefCell<Process>,
    /// Reports of others that rows took because nobody could know.
    pub(crate) anothers: RefCell<BTreeSet<ReportId>>,
    /// Why each row that was left to a person could not be decided, as far as that is no mistake.
    pub(crate) undecided: RefCell<BTreeMap<RequestId, Result<&'static str, String>>>,
}

/// What one process of a history knows, besides the ledger.
#[derive(Debug, Default)]
pub(crate) struct Process {
    /// Reports that creates of this process were answered with, and when those creates left.
    pub(crate) answered: BTreeMap<ReportId, Instant>,
    /// Reports that the ledger had when it began, and that creates were answered with.
    pub(crate) found: Vec<ReportId>,
    /// Rows whose create an earlier process sent, its outcome unknown, with its intent.
    pub(crate) doubts: BTreeMap<RequestId, Option<DateTime<Utc>>>,
    /// Rows in doubt whose create the server accepted, and how often they were sent.
    pub(crate) said_yes: BTreeMap<RequestId, u32>,
    /// When it began.
    pub(crate) began: Option<Instant>,
    /// When the last look-ups of rows begin that are in doubt since this process runs, at the earliest.
    pub(crate) settled: BTreeMap<RequestId, Instant>,
}

impl Process {
    fn of(ledger: &Ledger, settle: Duration) -> Self {
        let doubts = ledger.rows().filter(|row| {
            matches!(row.state, State::Sending { .. }) || row.state.intent().is_some()
        });
        Process {
            answered: BTreeMap::new(),
            found: (ledger.rows())
                .filter(|row| matches!(row.last_answer.http_status, Some(200..300)))
                .filter_map(|row| row.state.report_id().cloned())
                .collect(),
            doubts: doubts.map(|row| (row.id(), row.state.intent())).collect(),
            said_yes: (ledger.rows())
                .filter(|row| matches!(row.state, State::Sending { .. }))
                .filter(|row| matches!(row.last_answer.http_status, Some(200..300)))
                // A page in the place of an answer, which is no yes of the API.
                .filter(|row| !row.state.error_code().starts_with("http_2"))
                .map(|row| (row.id(), row.attempts))
                .collect(),
            began: Some(Instant::now()),
            settled: (ledger.rows()).map(|row| (row.id(), Instant::now() + settle)).collect(),
        }
    }
}

impl<'w> History<'w> {
    fn new(
        world: &'w World,
        disk: &'w ModelDisk<'w>,
        server: &'w Server<'w>,
        plan: Vec<Row>,
        settings: Settings,
    ) -> Self {
        History {
            world,
            disk,
            server,
            plan,
            settings,
            pause: Cell::new(None),
            written: RefCell::default(),
            known: RefCell::default(),
            torn: RefCell::default(),
            intents: RefCell::default(),
            process: RefCell::default(),
            anothers: RefCell::default(),
            undecided: RefCell::default(),
        }
    }

    async fn play(&mut self) {
        self.old_reports();
        self.world.allow_faults(self.settings.faults);
        self.world.disturb(self.settings.server.disturbances);
        let mut crashes = self.settings.crashes;
        for number in 0..MOST_RUNS {
            if number > MOST_RUNS / 2 {
                self.world.allow_faults(0);
            }
            let steps = (crashes > 0).then(|| {
                let most = self.world.pick(&[4, 20, 60, 200, 600]);
                self.world.below(most)
            });
            let calm = self.world.is_calm() && steps.is_none();
            self.world.trace(|| format!("RUN {number}, crash after {steps:?}, calm: {calm}"));
            self.world.boot(steps);
            let finished = tokio::select! {
                biased;
                () = self.world.until_crash() => None,
                finished = self.run(calm) => finished,
            };
            self.left_to_a_person();
            self.server.client_died();
            if self.world.has_crashed() {
                crashes -= 1;
                self.world.count("crashes");
                if self.settings.power_cuts && self.world.one_in(2) {
                    self.world.count("power cuts");
                    self.disk.cut_power();
                }
            }
            self.disk.settle();
            if self.world.failure().is_some() {
                return;
            }
            match finished {
                Some(finished) if calm && self.awaits_a_person(&finished) => {
                    let decided = self.decide_by_hand().await;
                    if !decided {
                        return;
                    }
                }
                Some(finished)
                    if calm && finished.stop.is_none() && self.is_for_the_next(&finished) => {}
                Some(finished) if calm && finished.stop.is_none() => {
                    checks::at_the_end(self, &finished);
                    let failed = finished
                        .ledger
                        .rows()
                        .filter(|row| matches!(row.state, State::Failed { .. }));
                    self.run_again(&failed.map(Row::id).collect()).await;
                    return;
                }
                // It is done, but for what bad luck made fail: the next run has none.
                Some(finished) if finished.stop.is_none() => {
                    self.world.allow_faults(0);
                    crashes = 0;
                }
                _ => {}
            }
            self.between_runs().await;
        }
        self.world.fail(format!("it does not end in {MOST_RUNS} runs"));
    }

    /// One process: reads the ledger, makes it complete, runs.
    async fn run(&self, calm: bool) -> Option<Finished> {
        self.world.count("runs");
        let Some(ledger) = self.prepare() else {
            sleep(Duration::from_secs(3600)).await;
            return None;
        };
        if self.disk.replace(ledger.to_csv()).await.is_err() {
            return None;
        }
        checks::at_rest(self, &ledger);
        *self.process.borrow_mut() = Process::of(&ledger, self.settings.retry.settle);
        let (mut idle, mut work) = (Counts::default(), Vec::new());
        for (place, row) in ledger.places() {
            match row.state {
                State::Created(_) => idle.skipped += 1,
                State::InDoubt { .. } => idle.failed += 1,
                _ => work.push(place),
            }
        }
        let on_news = |news: &SessionEvent| {
            self.world.trace(|| format!("  {news:?}"));
            if let SessionEvent::Paused { until, .. } = news {
                let wait = (*until - self.world.now()).to_std().unwrap_or_default();
                let until = Instant::now() + wait;
                self.pause.set(Some(self.pause.get().map_or(until, |at| at.max(until))));
            }
        };
        let session = Session::new(
            self.server,
            Some(self.server.token()),
            (&self.settings.limits, &self.settings.retry),
            self.world,
            self.settings.server.config.seed,
        )
        .telling(on_news);
        if let Some(until) = self.pause.get().filter(|at| *at > Instant::now()) {
            session.gate().pause(until - Instant::now());
        }
        let (signal, receiver) = watch::channel(None);
        let on_event = |event: &Event| self.on_event(event);
        let input = RunInput {
            session: &session,
            disk: self.disk,
            work,
            doubts: Vec::new(),
            creates: Creates::All,
            other_runs: OtherRuns::None,
            all: self.plan.len(),
            idle,
            max_failures: None,
            concurrency: self.settings.limits.concurrency.get(),
            interrupt: Interrupt {
                signal: receiver,
                grace: Duration::from_millis(self.world.pick(&[0, 50, 1_000, 10_000])),
            },
            on_event: Rc::new(on_event),
        };
        let (run, _) = Run::begin(ledger, input);
        let running = run.drive(ready(Vec::new()));
        let interrupted = self.settings.signals && !calm && self.world.one_in(2);
        let interrupting = async {
            if interrupted {
                let most = self.world.pick(&[500, 3_000, 100_000]);
                sleep(self.world.up_to(Duration::from_millis(most))).await;
                self.world.count("signals");
                self.world.trace(|| "SIGNAL".to_owned());
                signal.send_replace(Some(Signal::Int));
            }
            std::future::pending::<()>().await
        };
        let finished = tokio::select! {
            biased;
            finished = running => finished,
            () = interrupting => unreachable!(),
        };
        self.world.trace(|| format!("END {:?} {:?}", finished.stop, finished.counts));
        for row in finished.ledger.rows() {
            self.note_anothers(row); // also what the disk did not take
        }
        checks::after_run(self, &finished);
        Some(finished)
    }

    /// The ledger that the disk holds, with every planned row in it.
    fn prepare(&self) -> Option<Ledger> {
        let planned = self.plan.iter().map(Row::id);
        let Some(bytes) = self.disk.contents() else {
            let mut ledger = Ledger::new(vec!["note".to_owned()]);
            for row in &self.plan {
                ledger.fold(row.clone());
            }
            return Some(ledger);
        };
        self.world.trace(|| String::from_utf8_lossy(&bytes).replace('\0', "~"));
        let reading = match monthend::testing::read(&bytes, "ledger".as_ref()) {
            Ok(reading) => reading,
            Err(e) => {
                self.world.fail(format!("a crash left what is refused: {e}"));
                return None;
            }
        };
        for repair in &reading.repairs {
            if let RepairKind::Kept(id) | RepairKind::InDoubt(id) = repair.kind {
                self.torn.borrow_mut().insert(id);
            }
            self.world.count("ledger repairs");
            self.world.trace(|| format!("  {repair}"));
        }
        let mut ledger = reading.ledger;
        for row in &self.plan {
            if ledger.get(row.id()).is_none() {
                let row = row.clone();
                ledger.fold(if reading.unknown.contains(&row.id()) {
                    row.doubted(None)
                } else {
                    row
                });
            }
        }
        ledger.reorder(planned);
        checks::nothing_lost(self, &ledger);
        Some(ledger)
    }

    fn on_event(&self, event: &Event) {
        match &event.kind {
            EventKind::Settled(row) => {
                self.world.trace(|| {
                    format!("  settled {} {:?} {:?}", row.request(), row.state, row.last_answer)
                });
                if matches!(row.state, State::InDoubt { .. }) {
                    let why = doubts::why(self, row);
                    self.world.trace(|| format!("  left to a person: {why:?}"));
                    self.undecided.borrow_mut().insert(row.id(), why);
                }
                if let Some(id) = row.state.report_id() {
                    if !self.known.borrow().contains(id) {
                        self.world.fail(format!("no event tells where {id} came from"));
                    }
                    self.written.borrow_mut().insert(row.id(), id.clone());
                }
            }
            EventKind::InDoubt(row) => {
                self.world.count("doubts");
                let settled = Instant::now() + self.settings.retry.settle;
                self.process.borrow_mut().settled.insert(row.id(), settled);
                self.world.trace(|| format!("  in doubt {}", row.request()));
            }
            EventKind::Attempted(attempt) => {
                let id: Option<ReportId> = attempt.report_id.as_ref().map(|id| id.parse().unwrap());
                self.known.borrow_mut().extend(id.clone());
                // The event comes after the answer was written: what it says of durations does not say when.
                let row = self.plan.iter().find(|row| row.id().to_string() == attempt.request_id);
                let left = row.and_then(|row| self.server.last_left(row.request()));
                // An id that contradicts the request is told, too; it is nobody's yet.
                let created = id.filter(|_| attempt.outcome == "created");
                if let Some((id, left)) = created.zip(left) {
                    self.process.borrow_mut().answered.insert(id, left);
                }
            }
            EventKind::Adopted(row) => {
                self.note_anothers(row);
                let id = row.state.report_id().cloned();
                self.known.borrow_mut().extend(id);
            }
            kind @ EventKind::Stopping(_) => {
                self.world.trace(|| format!("  {kind:?}"));
            }
            _ => {}
        }
    }

    /// Whether a doubt could not be looked up: the next run has to.
    fn is_for_the_next(&self, finished: &Finished) -> bool {
        let left = finished.counts.pending + finished.counts.sending;
        left > 0 && !finished.not_looked_up.is_empty()
    }

    /// Whether somebody decides what no run can.
    fn awaits_a_person(&self, finished: &Finished) -> bool {
        let mut rows = finished.ledger.rows();
        match self.settings.server.lists_refused_with {
            Some(_) => rows.any(|row| matches!(row.state, State::Sending { .. })),
            None => {
                self.settings.resolves && rows.any(|row| matches!(row.state, State::InDoubt { .. }))
            }
        }
    }

    /// Somebody looks at the server, who sees more than we do, and decides each doubt as `resolve` does. False where a
    /// repeated answer gave this row's report to another row: `resolve` refuses to give it to a second one.
    async fn decide_by_hand(&self) -> bool {
        sleep(2 * self.settings.retry.settle).await;
        let Some(mut ledger) = self.prepare() else {
            return true;
        };
        let reports = self.server.reports();
        for (place, row) in ledger.clone().places() {
            if !matches!(row.state, State::Sending { .. } | State::InDoubt { .. }) {
                continue;
            }
            self.world.count("decided by a person");
            let is_free = |id: &ReportId| ledger.report_ids().all(|held| held != id);
            let of_it = reports.iter().filter(|report| report.request == *row.request());
            let ours = of_it.clone().find(|report| report.ours);
            if ours.is_some_and(|report| !is_free(&report.id)) {
                let mut misled = ledger.rows().map(Row::request);
                // Where reports are listed later than they should be, a twin may have taken it.
                if self.server.traits.keeps_settle
                    && !misled.any(|request| self.server.was_misled(request))
                {
                    self.world.fail(format!("another row has the report of {row:?}"));
                }
                self.world.count("no end: another row was given its report");
                return false;
            }
            let refused = self.server.had_conflict(row.request());
            let anothers = of_it.clone().find(|report| refused && is_free(&report.id));
            let row = match ours.or(anothers) {
                Some(report) => row.clone().created(report.id.clone()),
                None => row.clone().to_be_sent(),
            };
            self.world.trace(|| format!("  DECIDED {row:?}"));
            self.undecided.borrow_mut().remove(&row.id());
            ledger.replace(place, row);
        }
        let _ = self.disk.replace(ledger.to_csv()).await;
        true
    }

    /// The process is over: which rows it left to a person without having said so.
    fn left_to_a_person(&self) {
        let contents = self.disk.contents().unwrap_or_default();
        let Ok(reading) = monthend::testing::read(&contents, "ledger".as_ref()) else {
            return;
        };
        for row in reading.ledger.rows() {
            let known = self.undecided.borrow().contains_key(&row.id());
            if matches!(row.state, State::InDoubt { .. }) && !known {
                let why = doubts::why(self, row);
                self.undecided.borrow_mut().insert(row.id(), why);
            }
        }
    }

    /// Keeps in mind that a row has another person's report, where nobody could have known.
    fn note_anothers(&self, row: &Row) {
        let Some(id) = row.state.report_id() else {
            return;
        };
        let reports = self.server.reports();
        let report = reports.iter().find(|report| report.id == *id);
        if report.is_some_and(|r| !r.ours && doubts::may_be_anothers(self, row, r)) {
            self.anothers.borrow_mut().insert(id.clone());
        }
    }

    /// Someone starts it again after a while, and some day waits as long as the server asked.
    async fn between_runs(&self) {
        let most = self.world.pick(&[0, 1_000, 20_000, 3_600_000]);
        sleep(self.world.up_to(Duration::from_millis(most))).await;
        if let Some(until) = self.pause.get().filter(|at| *at > Instant::now())
            && self.world.one_in(3)
        {
            tokio::time::sleep_until(until).await;
        }
        let paused = self.pause.get().is_some_and(|at| at > Instant::now());
        if self.settings.clock_is_set && !paused && self.world.one_in(4) {
            let seconds = self.world.pick(&[-7200, -30, 0, 30, 7200]);
            self.world.set_wall_clock(chrono::Duration::seconds(seconds));
        }
    }

    /// A run of what is finished sends nothing but what failed.
    async fn run_again(&self, failed: &BTreeSet<RequestId>) {
        self.server.forget_sent();
        self.world.boot(None);
        if self.run(true).await.is_none() {
            return self.world.fail("a run of a finished plan came to nothing".to_owned());
        }
        for request in self.server.sent() {
            if !failed.contains(&request.id()) {
                self.world.fail(format!("{request} was sent again"));
            }
        }
    }

    /// What the server had before: older, some within the hour.
    fn old_reports(&self) {
        for row in &self.plan {
            while self.world.one_in(3) || self.settings.server.cleaned_up && self.world.one_in(2) {
                let mut age = self.world.pick(&[5, 5, 60, 1_800, 90_000]);
                let mut request = row.request().clone();
                if self.world.one_in(4) {
                    request.internal = !request.internal;
                }
                let mut by = Person::Colleague;
                if self.settings.server.own_old_reports && self.world.one_in(2) {
                    by = Person::Us;
                    // What one person makes twice within minutes nobody can tell apart.
                    age = age.max(600);
                }
                (self.server).add_old(request, Duration::from_secs(age), by);
                if !self.settings.server.makes_duplicates() {
                    break;
                }
            }
        }
    }
}

/// One to twelve requests, twins among them.
fn plan(world: &World, [a, b, c]: [&str; 3]) -> Vec<Row> {
    let orgs = [None, Some(a), Some(b), Some(c)];
    let labels = ["Acme", "O\"Hara, Söhne", "=1+1", "two\nlines", "'quoted'"];
    let mut rows: Vec<Row> = Vec::new();
    let (orgs_used, types_used) = (1 + world.below(4) as usize, 1 + world.below(2) as usize);
    let periods = 1 + world.below(2);
    for _ in 0..=world.below(12) {
        let request = Request {
            sub_partner: world.pick(&orgs[..orgs_used]).map(|org| org.parse().unwrap()),
            report_type: world.pick(&ReportType::ALL[..types_used]),
            period: Period::month(2026, 9 + world.below(periods)).unwrap(),
            internal: world.one_in(2),
        };
        if rows.iter().any(|row| *row.request() == request) {
            continue;
        }
        let label = request.sub_partner.as_ref().map(|_| Arc::from(world.pick(&labels)));
        let job = world.pick(&["own", "re\"sellers", "month, end"]);
        let mut row = Row::planned(request, job.into(), label);
        row.extra = vec![world.pick(&["", "a note", "a \"note\",\nof two lines"]).to_owned()];
        rows.push(row);
    }
    rows
}

/// Each history has some of what can go wrong, so that each gets its turn.
fn settings(world: &World, seed: u64) -> Settings {
    let some = |one_in: u32, value: u32| if world.one_in(one_in) { value } else { 0 };
    let server = ServerTraits::kind(world, seed).with_worse_worlds(world);
    let gives_up_late = server.lists_refused_with.is_some();
    let (settle, tells_time) = (server.settle, server.config.clocks.dateless == 0.0);
    Settings {
        disk: DiskTraits {
            full: some(6, 12),
            failing_sync: some(6, 12),
            latency: Duration::from_millis(world.pick(&[0, 10, 200])),
        },
        server,
        limits: Limits {
            rate: world.pick(&[
                Rate::Unlimited,
                Rate::Limited { count: NonZeroU32::new(300).unwrap(), per: RateUnit::Minute },
                Rate::Limited { count: NonZeroU32::new(2).unwrap(), per: RateUnit::Second },
            ]),
            burst: NonZeroU32::new(1 + world.below(10)).unwrap(),
            concurrency: NonZeroUsize::new(1 + world.below(6) as usize).unwrap(),
            ..Limits::default()
        },
        retry: RetryPolicy {
            settle,
            max_attempts: NonZeroU32::new(1 + world.below(8)).unwrap(),
            max_consecutive_failures: NonZeroU32::new(match world.pick(&[5, 50]) {
                5 if gives_up_late => 500,
                most => most,
            })
            .unwrap(),
            ..RetryPolicy::default()
        },
        faults: world.pick(&[0, 5, 20, 80]),
        crashes: world.pick(&[0, 1, 3, 8]),
        power_cuts: world.one_in(2),
        signals: world.one_in(3),
        resolves: world.one_in(3),
        // Where the server tells no time, all depends on our clock.
        clock_is_set: tells_time && world.one_in(5),
    }
}
