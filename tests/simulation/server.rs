//! A server that makes reports, loses answers, lags, limits and breaks down.
//!
//! What it does with a create is decided when the create leaves the client, and happens in the server's own time:
//! also when the client has given up or died meanwhile. What it promises is only this: within `settle` after
//! the client stopped waiting, a report that was made is listed.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, SubsecRound as _, Utc};
use monthend::{
    api::{
        Answer, Api, Cause, Doubt, ListQuery, Listed, Notice, OnHead, Outcome, Page, Refusal,
        WaitKind,
    },
    request::{OrgId, ReportId, Request},
    settings::Discover,
};
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::{disk::ModelDisk, world::World};

/// What this server is like.
#[derive(Debug, Clone)]
pub(crate) struct ServerTraits {
    /// One exchange in so many goes wrong.
    pub fault_one_in: u32,
    /// The faults that this history has.
    pub faults: Vec<Fault>,
    /// `retry.settle` of the client.
    pub settle: Duration,
    pub request_timeout: Duration,
    /// The longest way there or back.
    pub latency: Duration,
    /// How long a create is worked on at most, when all is well.
    pub work: Duration,
    /// How long a report may be missing from lists, as a share of `settle` in tenths.
    pub lag_tenths: u32,
    /// Whether an identical request makes a second report, or gets 409.
    pub duplicates: bool,
    pub list_shows_created: bool,
    pub get_shows_created: bool,
    /// `created` has whole seconds.
    pub whole_seconds: bool,
    pub shows_internal: bool,
    pub shows_org: bool,
    /// A list without sub-partner shows everyone's reports.
    pub lists_all: bool,
    pub page: usize,
    /// Answers have a `Date`.
    pub tells_time: bool,
    /// The server's clock minus the true time.
    pub offset: chrono::Duration,
    /// Requests per second and the size of the burst.
    pub limit: Option<(f64, f64)>,
    /// Sub-partners whose requests are refused for good.
    pub refused: Vec<Option<OrgId>>,
    /// From when to when nobody gets through, since the start.
    pub outage: Option<(Duration, Duration)>,
}

impl ServerTraits {
    pub(crate) fn shows_age(&self) -> bool {
        self.list_shows_created || self.get_shows_created
    }
}

/// Something that goes wrong with an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotSent,
    TimeOut,
    Reset,
    /// 500, 502, 504, 408, or 503 without a wait.
    ServerError,
    /// A 5xx with a wait: the doubt stays, the wait binds.
    ErrorWithWait,
    BusyWithWait,
    LockedWithWait,
    Locked,
    RateLimited,
    RateLimitedNoWait,
    Unreadable,
    TokenEnds,
    RenewalFails,
    /// Processed well, answered with a wait.
    DoneWithWait,
    WaitTooLong,
}

impl Fault {
    pub(crate) const ALL: [Fault; 15] = [
        Fault::NotSent,
        Fault::TimeOut,
        Fault::Reset,
        Fault::ServerError,
        Fault::ErrorWithWait,
        Fault::BusyWithWait,
        Fault::LockedWithWait,
        Fault::Locked,
        Fault::RateLimited,
        Fault::RateLimitedNoWait,
        Fault::Unreadable,
        Fault::TokenEnds,
        Fault::RenewalFails,
        Fault::DoneWithWait,
        Fault::WaitTooLong,
    ];

    /// Those after which nobody knows.
    pub(crate) const DOUBTS: [Fault; 5] = [
        Fault::TimeOut,
        Fault::Reset,
        Fault::ServerError,
        Fault::ErrorWithWait,
        Fault::Unreadable,
    ];

    fn name(self) -> &'static str {
        match self {
            Fault::NotSent => "server: not reached",
            Fault::TimeOut => "server: time-out",
            Fault::Reset => "server: reset",
            Fault::ServerError => "server: 5xx, 408",
            Fault::ErrorWithWait => "server: 500 with wait",
            Fault::BusyWithWait => "server: 503 with wait",
            Fault::LockedWithWait => "server: 423 with wait",
            Fault::Locked => "server: 423",
            Fault::RateLimited => "server: 429 with wait",
            Fault::RateLimitedNoWait => "server: 429",
            Fault::Unreadable => "server: 2xx unreadable",
            Fault::TokenEnds => "server: token ends",
            Fault::RenewalFails => "server: renewal fails",
            Fault::DoneWithWait => "server: 200 with wait",
            Fault::WaitTooLong => "server: wait too long",
        }
    }
}

/// A report as the server has it.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub id: ReportId,
    pub request: Request,
    pub created: DateTime<Utc>,
    pub listed_from: Instant,
    /// Made by us, in this history.
    pub ours: bool,
}

#[derive(Default)]
struct State {
    reports: Vec<Report>,
    /// Creates on their way or at work, by when they are done.
    at_work: Vec<AtWork>,
    done: HashMap<u64, Result<ReportId, ()>>,
    next_serial: u64,
    tokens: Option<f64>,
    refilled: Option<Instant>,
    /// Requests that got 409.
    conflicts: HashSet<Request>,
    /// Creates that reached the server, by request.
    arrived: HashMap<Request, u32>,
    flying: Vec<Request>,
}

#[derive(Debug, Clone)]
struct AtWork {
    serial: u64,
    request: Request,
    at: Instant,
    lag: Duration,
}

pub(crate) struct Server<'w> {
    world: &'w World,
    disk: &'w ModelDisk<'w>,
    pub traits: ServerTraits,
    start: Instant,
    state: RefCell<State>,
    valid_token: Cell<u32>,
    /// What the client knows of announced waits.
    paused_until: Cell<Option<Instant>>,
    /// Requests whose creates left the client.
    sent: RefCell<BTreeSet<Request>>,
}

impl<'w> Server<'w> {
    pub(crate) fn new(world: &'w World, disk: &'w ModelDisk<'w>, traits: ServerTraits) -> Self {
        Server {
            world,
            disk,
            traits,
            start: Instant::now(),
            state: RefCell::default(),
            valid_token: Cell::new(0),
            paused_until: Cell::new(None),
            sent: RefCell::default(),
        }
    }

    /// A report that someone made `age` ago.
    pub(crate) fn add_old(&self, request: Request, age: Duration) {
        let id = self.new_id("old");
        self.state.borrow_mut().reports.push(Report {
            id,
            request,
            created: self.clock() - age,
            listed_from: Instant::now(),
            ours: false,
        });
    }

    pub(crate) fn token(&self) -> u32 {
        self.valid_token.get()
    }

    /// Requests whose creates left the client since it was last forgotten.
    pub(crate) fn sent(&self) -> BTreeSet<Request> {
        self.sent.borrow().clone()
    }

    pub(crate) fn forget_sent(&self) {
        self.sent.borrow_mut().clear();
    }

    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until.get().filter(|at| *at > Instant::now())
    }

    pub(crate) fn reports(&self) -> Vec<Report> {
        self.advance();
        self.state.borrow().reports.clone()
    }

    pub(crate) fn had_conflict(&self, request: &Request) -> bool {
        self.state.borrow().conflicts.contains(request)
    }

    pub(crate) fn arrived(&self, request: &Request) -> u32 {
        let state = self.state.borrow();
        state.arrived.get(request).copied().unwrap_or(0)
    }

    /// The client died: what was on its way arrives or not, and is done soon if at all.
    pub(crate) fn client_died(&self) {
        self.advance();
        let soonest = Instant::now() + self.late();
        let mut state = self.state.borrow_mut();
        state.flying.clear();
        state.at_work.retain_mut(|create| {
            create.at = create.at.min(soonest);
            !self.world.one_in(4)
        });
    }

    /// The longest that a create is still worked on after the client stopped waiting.
    fn late(&self) -> Duration {
        let share = f64::from(9 - self.traits.lag_tenths.min(8)) / 10.0;
        self.up_to_or_all(self.traits.settle.mul_f64(share))
    }

    /// As late as it can be, half of the time.
    fn up_to_or_all(&self, most: Duration) -> Duration {
        if self.world.one_in(2) {
            most
        } else {
            self.world.up_to(most)
        }
    }

    fn clock(&self) -> DateTime<Utc> {
        self.world.now_true() + self.traits.offset
    }

    fn new_id(&self, kind: &str) -> ReportId {
        let number = self.state.borrow().reports.len();
        format!("{kind}-{number}").parse().unwrap()
    }

    /// Does what was due since anyone looked.
    fn advance(&self) {
        let now = Instant::now();
        loop {
            let next = {
                let mut state = self.state.borrow_mut();
                let due = state
                    .at_work
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| c.at <= now);
                let Some((place, _)) = due.min_by_key(|(_, c)| (c.at, c.serial)) else {
                    return;
                };
                state.at_work.swap_remove(place)
            };
            let existing = self
                .state
                .borrow()
                .reports
                .iter()
                .find(|r| r.request == next.request)
                .map(|r| r.id.clone());
            if existing.is_some() && !self.traits.duplicates {
                let mut state = self.state.borrow_mut();
                state.conflicts.insert(next.request);
                state.done.insert(next.serial, Err(()));
                continue;
            }
            let id = self.new_id("new");
            self.world
                .trace(|| format!("  server makes {id} for {}", next.request));
            let created = self.clock() - (now - next.at);
            let mut state = self.state.borrow_mut();
            state.done.insert(next.serial, Ok(id.clone()));
            state.reports.push(Report {
                id,
                request: next.request,
                created,
                listed_from: next.at + next.lag,
                ours: true,
            });
        }
    }

    /// What must hold whenever anything leaves the client.
    fn check_leave(&self, what: &str) {
        if let Some(until) = self.paused_until() {
            let left = until - Instant::now();
            self.world
                .fail(format!("{what} left {left:?} before the end of a pause"));
        }
    }

    /// What must hold whenever a create leaves the client.
    fn check_create(&self, request: &Request) {
        self.check_leave("a create");
        for other in &self.state.borrow().flying {
            if other.is_twin_of(request) || other == request {
                self.world
                    .fail(format!("{request} left while {other} was in flight"));
            }
        }
        if !self.world.one_in(4) {
            return;
        }
        let durable = self.disk.durable();
        let Ok(reading) = monthend::ledger::read(&durable, "durable".as_ref()) else {
            return; // a failed flush left a hole; the run is about to stop
        };
        let mut rows = reading.ledger.rows();
        match rows.clone().find(|row| row.request() == request) {
            Some(row) if row.state.word() == "sending" && row.state.intent().is_some() => {}
            row => self
                .world
                .fail(format!("{request} left, and durable is {row:?}")),
        }
        let twin =
            rows.find(|row| row.request().is_twin_of(request) && row.state.word() == "sending");
        if let Some(twin) = twin {
            self.world.fail(format!(
                "{request} left while {} was in doubt",
                twin.request()
            ));
        }
    }

    fn fault(&self, wanted: impl Fn(Fault) -> bool) -> Option<Fault> {
        let traits = &self.traits;
        if traits.faults.is_empty() || self.world.is_calm() {
            return None;
        }
        if let Some((from, to)) = traits.outage {
            let at = self.start.elapsed();
            if from <= at && at < to {
                let fault = self.world.pick(&[
                    Fault::NotSent,
                    Fault::NotSent,
                    Fault::TimeOut,
                    Fault::ServerError,
                ]);
                self.world.count("server: outage");
                return Some(fault);
            }
        }
        if !self.world.one_in(traits.fault_one_in) {
            return None;
        }
        let fault = self.world.pick(&traits.faults);
        (wanted(fault) && self.world.spend_fault(fault.name())).then_some(fault)
    }

    /// Whether the rate limit lets it through, else how long to wait.
    fn limited(&self) -> Option<Duration> {
        let (rate, burst) = self.traits.limit?;
        let mut state = self.state.borrow_mut();
        let now = Instant::now();
        let since = state.refilled.map_or(0.0, |at| (now - at).as_secs_f64());
        let tokens = (state.tokens.unwrap_or(burst) + since * rate).min(burst);
        state.refilled = Some(now);
        if tokens >= 1.0 {
            state.tokens = Some(tokens - 1.0);
            return None;
        }
        state.tokens = Some(tokens);
        Some(Duration::from_secs(((1.0 - tokens) / rate).ceil() as u64))
    }

    /// An answer comes to the client now.
    fn answer<T>(&self, status: u16, wait: Option<Duration>, outcome: Outcome<T>) -> Answer<T> {
        if let Some(wait) = wait {
            let until = Instant::now() + wait;
            self.paused_until.set(Some(
                self.paused_until.get().map_or(until, |at| at.max(until)),
            ));
        }
        self.world
            .trace(|| format!("  answer {status}, wait {wait:?}"));
        Answer {
            outcome,
            notice: Notice {
                // Made when the answer set out.
                date: (self.traits.tells_time)
                    .then(|| (self.clock() - self.way()).trunc_subsecs(0)),
                retry_after: wait,
                status: Some(status),
                tracking_id: Some(format!("track-{status}")),
            },
        }
    }

    fn refused<T>(&self, status: u16, wait: Option<Duration>, refusal: Refusal) -> Answer<T> {
        let cause = cause(&format!("http_{status}"), Some(status));
        self.answer(status, wait, Outcome::Refused(refusal, cause))
    }

    fn in_doubt<T>(&self, status: u16, wait: Option<Duration>, doubt: Doubt) -> Answer<T> {
        let cause = cause(&format!("http_{status}"), Some(status));
        self.answer(status, wait, Outcome::InDoubt(doubt, cause))
    }

    fn no_answer<T>(&self, code: &str) -> Answer<T> {
        self.world.trace(|| format!("  no answer: {code}"));
        let outcome = match code {
            "connect" => Outcome::NotSent(cause(code, None)),
            _ => Outcome::InDoubt(Doubt::Open, cause(code, None)),
        };
        Answer {
            outcome,
            notice: Notice::default(),
        }
    }

    fn way(&self) -> Duration {
        self.world.up_to(self.traits.latency)
    }

    fn some_wait(&self) -> Duration {
        Duration::from_millis(self.world.pick(&[1_000, 1_000, 2_500, 7_000, 30_000]))
    }

    /// Refusals that come before anything is looked at, the same for every exchange.
    async fn turned_away<T>(&self, token: u32, fault: Option<Fault>) -> Option<Answer<T>> {
        use Fault as F;
        match fault {
            Some(F::NotSent) => {
                self.world.passes(self.way()).await;
                return Some(self.no_answer("connect"));
            }
            Some(F::TokenEnds) => self.valid_token.set(self.valid_token.get() + 1),
            _ => {}
        }
        let wait = Some(self.some_wait());
        let early = match fault {
            Some(F::BusyWithWait) => Some((503, wait, Refusal::Wait(WaitKind::Busy))),
            Some(F::LockedWithWait) => Some((423, wait, Refusal::Wait(WaitKind::Busy))),
            Some(F::Locked) => Some((423, None, Refusal::Locked)),
            Some(F::RateLimited) => Some((429, wait, Refusal::Wait(WaitKind::RateLimit))),
            Some(F::RateLimitedNoWait) => Some((429, None, Refusal::Wait(WaitKind::RateLimit))),
            Some(F::WaitTooLong) => {
                let wait = Some(Duration::from_secs(3600));
                Some((429, wait, Refusal::Wait(WaitKind::RateLimit)))
            }
            _ if token != self.valid_token.get() => Some((401, None, Refusal::Unauthorized)),
            _ => self.limited().map(|wait| {
                self.world.count("server: over the limit");
                (429, Some(wait), Refusal::Wait(WaitKind::RateLimit))
            }),
        };
        let (status, wait, refusal) = early?;
        self.world.passes(self.way()).await;
        Some(self.refused(status, wait, refusal))
    }

    /// An exchange that changes nothing.
    async fn read<T>(&self, token: u32, what: impl FnOnce() -> T) -> Answer<T> {
        self.check_leave("a read");
        let fault = self.fault(|f| f != Fault::RenewalFails);
        if let Some(answer) = self.turned_away(token, fault).await {
            return answer;
        }
        self.world.passes(self.way()).await;
        match fault {
            Some(Fault::TimeOut) => {
                self.world.passes(self.traits.request_timeout).await;
                return self.no_answer("timeout");
            }
            Some(Fault::Reset) => return self.no_answer("reset"),
            Some(Fault::ServerError) => return self.in_doubt(502, None, Doubt::Open),
            Some(Fault::ErrorWithWait) => {
                return self.in_doubt(500, Some(self.some_wait()), Doubt::Open);
            }
            Some(Fault::Unreadable) => return self.in_doubt(200, None, Doubt::SaidYes),
            _ => {}
        }
        self.advance();
        let value = what();
        self.world.passes(self.way()).await;
        let wait = (fault == Some(Fault::DoneWithWait)).then(|| self.some_wait());
        self.answer(200, wait, Outcome::Done(value))
    }

    fn shown(&self, report: &Report, in_list: bool) -> Listed {
        let traits = &self.traits;
        let with_created = if in_list {
            traits.list_shows_created
        } else {
            traits.get_shows_created
        };
        let created = if traits.whole_seconds {
            report.created.trunc_subsecs(0)
        } else {
            report.created
        };
        Listed {
            id: report.id.clone(),
            start: Some(report.request.period.start()),
            end: Some(report.request.period.end()),
            report_type: Some(report.request.report_type),
            category: None,
            created: with_created.then_some(created),
            created_by: with_created.then(|| if report.ours { "us" } else { "other" }.to_owned()),
            internal: traits.shows_internal.then_some(report.request.internal),
            sub_partner: report
                .request
                .sub_partner
                .clone()
                .filter(|_| traits.shows_org),
            status: Some("COMPLETED".to_owned()),
        }
    }

    /// Whether a list for `query` shows this report, as far as who and what it is.
    pub(crate) fn matches(&self, report: &Report, query: &ListQuery) -> bool {
        let request = &report.request;
        let everyones = query.sub_partner.is_none() && self.traits.lists_all;
        (everyones || request.sub_partner == query.sub_partner)
            && query.report_type.is_none_or(|t| t == request.report_type)
            && query.period.is_none_or(|p| p == request.period)
    }

    /// Sends a create off and says when the client hears of it, and what.
    fn fly(&self, request: &Request, fault: Option<Fault>) -> Flight {
        let now = Instant::now();
        let traits = &self.traits;
        let there = self.way();
        let mut at = now + there + self.world.up_to(traits.work);
        let (mut processed, mut hears) = (true, at + self.way());
        let mut ends = Ends::Answer(None);
        // Before it was processed, after, or while it is still at work.
        let lost = |at: &mut Instant, hears: Instant| match self.world.below(3) {
            0 => false,
            1 => true,
            _ => {
                *at = hears + self.late();
                true
            }
        };
        match fault {
            Some(Fault::TimeOut) => {
                hears = now + traits.request_timeout;
                processed = lost(&mut at, hears);
                ends = Ends::Nothing("timeout");
            }
            Some(Fault::Reset) => {
                processed = lost(&mut at, hears);
                ends = Ends::Nothing("reset");
            }
            Some(Fault::ServerError) => {
                processed = lost(&mut at, hears);
                ends = Ends::Error(self.world.pick(&[500, 502, 503, 504, 408]), None);
            }
            Some(Fault::ErrorWithWait) => {
                processed = lost(&mut at, hears);
                ends = Ends::Error(500, Some(self.some_wait()));
            }
            Some(Fault::Unreadable) => ends = Ends::Unreadable,
            Some(Fault::DoneWithWait) => ends = Ends::Answer(Some(self.some_wait())),
            _ => {}
        }
        let mut state = self.state.borrow_mut();
        let serial = state.next_serial;
        state.next_serial += 1;
        *state.arrived.entry(request.clone()).or_default() += 1;
        if processed {
            let lag = traits
                .settle
                .mul_f64(f64::from(traits.lag_tenths.min(8)) / 10.0);
            state.at_work.push(AtWork {
                serial,
                request: request.clone(),
                at,
                lag: self.up_to_or_all(lag),
            });
        }
        Flight {
            serial,
            hears,
            ends,
        }
    }
}

struct Flight {
    serial: u64,
    hears: Instant,
    ends: Ends,
}

enum Ends {
    Answer(Option<Duration>),
    Unreadable,
    Nothing(&'static str),
    Error(u16, Option<Duration>),
}

impl Api for Server<'_> {
    type Token = u32;

    async fn create(&self, token: &u32, request: &Request, _: &OnHead<'_>) -> Answer<ReportId> {
        self.world.step().await;
        self.world.trace(|| format!("create {request}"));
        self.check_create(request);
        self.sent.borrow_mut().insert(request.clone());
        self.state.borrow_mut().flying.push(request.clone());
        let answer = self.create_unchecked(*token, request).await;
        self.state.borrow_mut().flying.retain(|r| r != request);
        answer
    }

    async fn list(
        &self,
        token: &u32,
        query: &ListQuery,
        max: usize,
        next: Option<&Url>,
        _: &OnHead<'_>,
    ) -> Answer<Page<Listed>> {
        self.world.step().await;
        self.world.trace(|| format!("list {query:?} {next:?}"));
        let from = next
            .and_then(|url| url.query())
            .and_then(|q| q.parse::<usize>().ok())
            .unwrap_or(0);
        self.read(*token, || {
            let now = Instant::now();
            let state = self.state.borrow();
            let all: Vec<&Report> = state
                .reports
                .iter()
                .filter(|r| r.listed_from <= now && self.matches(r, query))
                .collect();
            let to = (from + self.traits.page.min(max)).min(all.len());
            let items: Vec<Listed> = all[from.min(to)..to]
                .iter()
                .map(|r| self.shown(r, true))
                .collect();
            self.world.trace(|| {
                format!(
                    "  lists {:?}",
                    items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>()
                )
            });
            Page {
                items,
                next: (to < all.len())
                    .then(|| Url::parse(&format!("http://model.invalid/list?{to}")).unwrap()),
            }
        })
        .await
    }

    async fn get(&self, token: &u32, id: &ReportId, _: &OnHead<'_>) -> Answer<Option<Listed>> {
        self.world.step().await;
        self.world.trace(|| format!("get {id}"));
        self.read(*token, || {
            let state = self.state.borrow();
            let report = state.reports.iter().find(|r| r.id == *id);
            report.map(|r| self.shown(r, false))
        })
        .await
    }

    async fn sub_partners(
        &self,
        _: &u32,
        _: Discover,
        _: Option<&Url>,
        _: &OnHead<'_>,
    ) -> Answer<Page<OrgId>> {
        self.check_leave("a list of sub-partners");
        self.world.passes(self.way()).await;
        let items = ["orgA", "orgB", "orgC"].map(|org| org.parse().unwrap());
        let page = Page {
            items: items.into(),
            next: None,
        };
        self.answer(200, None, Outcome::Done(page))
    }

    async fn renew(&self, refused: Option<&u32>, _: &OnHead<'_>) -> Answer<u32> {
        self.world.step().await;
        self.check_leave("a renewal");
        let fault =
            self.fault(|f| matches!(f, Fault::RenewalFails | Fault::NotSent | Fault::TimeOut));
        self.world.passes(self.way()).await;
        match fault {
            Some(Fault::RenewalFails) => self.refused(400, None, Refusal::Final),
            Some(Fault::NotSent) => self.no_answer("connect"),
            Some(Fault::TimeOut) => {
                self.world.passes(self.traits.request_timeout).await;
                self.no_answer("timeout")
            }
            _ => {
                self.world.trace(|| format!("  renewed {refused:?}"));
                self.answer(200, None, Outcome::Done(self.valid_token.get()))
            }
        }
    }
}

impl Server<'_> {
    async fn create_unchecked(&self, token: u32, request: &Request) -> Answer<ReportId> {
        let fault = self.fault(|f| f != Fault::RenewalFails);
        if let Some(answer) = self.turned_away(token, fault).await {
            return answer;
        }
        if self.traits.refused.contains(&request.sub_partner) {
            self.world.passes(self.way()).await;
            return self.refused(400, None, Refusal::Final);
        }
        let flight = self.fly(request, fault);
        self.world.step().await;
        sleep_until(flight.hears).await;
        self.world.step().await;
        self.advance();
        let result = self.state.borrow_mut().done.remove(&flight.serial);
        match (flight.ends, result) {
            (Ends::Nothing(code), _) => self.no_answer(code),
            (Ends::Error(status, wait), _) => self.in_doubt(status, wait, Doubt::Open),
            (Ends::Unreadable, Some(Ok(_))) => self.in_doubt(200, None, Doubt::SaidYes),
            (Ends::Answer(wait), Some(Ok(id))) => self.answer(200, wait, Outcome::Done(id)),
            (Ends::Answer(wait), Some(Err(()))) => self.refused(409, wait, Refusal::Conflict),
            (Ends::Unreadable, Some(Err(()))) => self.refused(409, None, Refusal::Conflict),
            (Ends::Answer(_) | Ends::Unreadable, None) => {
                self.world.fail("the model lost a create".to_owned());
                self.no_answer("reset")
            }
        }
    }
}

fn cause(code: &str, status: Option<u16>) -> Cause {
    Cause {
        http_status: status,
        code: code.to_owned(),
        text: format!("what a model says about {code}"),
        tracking_id: status.map(|s| format!("track-{s}")),
    }
}
