//! The server of a history. In the kind set of worlds it promises only this: within `settle` after the client stopped
//! waiting, a report that was made is listed.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use monthend::testing::{
    Answer, Api, Discover, Drawn, InProcess, ListPage, Listed, OnHead, Outcome, Page, Wire,
    WireAnswer,
};
use request::{OrgId, ReportId, Request};
use sandbox::model::{
    self, Ask, Category, Chance, Contradiction, CreatedIs, Fault, Origin, OtherReport, Person,
    Record, StoredReport, Visit, What,
};
use tokio::time::Instant;
use url::Url;

use super::{disk::ModelDisk, misfortune::Misfortune, traits::ServerTraits, world::World};

/// A report as the server has it.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub id: ReportId,
    pub request: Request,
    /// Made by us, in this history.
    pub ours: bool,
    /// Nobody has deleted it.
    pub is_there: bool,
    /// All that the server knows of it.
    pub stored: StoredReport,
}

/// That a report was read, in a list or by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub at: Instant,
    /// Whether the answer told who made it and when.
    pub told: bool,
    /// Whether the client could use it at once: it was no page of a longer list.
    pub whole: bool,
}

/// What goes wrong on the way to the server and back.
struct Misfortunes<'w> {
    world: &'w World,
    traits: ServerTraits,
    /// What the client knows of announced waits.
    paused_until: Cell<Option<Instant>>,
    /// Creates that the server let in, by request.
    arrived: RefCell<BTreeMap<Request, u32>>,
    /// Requests that were answered as another one before.
    misled: RefCell<BTreeSet<Request>>,
}

impl Wire for Misfortunes<'_> {
    fn elapsed(&self) -> Duration {
        self.world.elapsed()
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.now_true()
    }

    fn draw(&self, ask: &Ask) -> Drawn {
        let drawn = Misfortune::draw(self.world, &self.traits, self.elapsed(), ask);
        self.world.trace(|| format!("  meets {drawn:?}"));
        if let (What::Create(request), Drawn::Reached(Chance::Drawn(Some(Fault::Repeat { .. })))) =
            (&ask.what, &drawn)
        {
            self.misled.borrow_mut().insert(request.clone());
        }
        drawn
    }

    async fn passes(&self, time: Duration) {
        self.world.passes(time).await;
    }

    async fn arrives(&self, visit: &Visit) {
        if !visit.is_admitted() {
            self.world.passes(self.traits.way(self.world)).await;
        } else if let What::Create(request) = &visit.ask().what {
            *self.arrived.borrow_mut().entry(request.clone()).or_default() += 1;
        }
    }

    fn hears(&self, visit: &Visit, answer: &model::Answer, wire: &mut WireAnswer) {
        if let Some(wait) = answer.reply.announced {
            let until = Instant::now() + wait;
            self.paused_until.set(Some(self.paused_until.get().map_or(until, |at| at.max(until))));
        }
        let is_good_read = matches!(visit.ask().what, What::Get(_)) && wire.status == 200;
        if is_good_read && self.traits.strays && self.world.one_in(2) {
            self.world.count("worse: another report's single read");
            wire.body = STRAY.into();
        }
        self.world.trace(|| {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let headers: Vec<_> = (wire.headers.iter())
                .map(|(name, value)| format!("{name}: {}", text(value)))
                .collect();
            let body = text(&wire.body);
            format!("  answer {} {headers:?} {body:.300}", wire.status)
        });
    }
}

/// What somebody else had made long before.
const STRAY: &str =
    r#"{"id": "a-stray", "created": "2026-10-01T00:00:01Z", "createdBy": "Nobody"}"#;

pub(crate) struct Server<'w> {
    world: &'w World,
    disk: &'w ModelDisk<'w>,
    pub traits: ServerTraits,
    inner: InProcess<Misfortunes<'w>>,
    /// Requests whose creates left the client.
    sent: RefCell<BTreeSet<Request>>,
    first_left: RefCell<BTreeMap<Request, DateTime<Utc>>>,
    /// When each create left, by the client's own clock, and with which token.
    left: RefCell<BTreeMap<Request, Vec<(Instant, String)>>>,
    /// With which token a create was sent that was answered with this report.
    answered_with: RefCell<BTreeMap<ReportId, String>>,
    flying: RefCell<Vec<Request>>,
    ever: RefCell<Vec<Report>>,
    read: RefCell<Vec<(ReportId, Reading)>>,
}

impl<'w> Server<'w> {
    pub(crate) fn new(world: &'w World, disk: &'w ModelDisk<'w>, traits: ServerTraits) -> Self {
        let started_at = world.now_true() + traits.offset;
        let misfortunes = Misfortunes {
            world,
            traits: traits.clone(),
            paused_until: Cell::new(None),
            arrived: RefCell::default(),
            misled: RefCell::default(),
        };
        let (config, timeout) = (traits.config.clone(), traits.request_timeout);
        Server {
            world,
            disk,
            traits,
            inner: InProcess::new(config, started_at, misfortunes, timeout),
            sent: RefCell::default(),
            first_left: RefCell::default(),
            left: RefCell::default(),
            answered_with: RefCell::default(),
            flying: RefCell::default(),
            ever: RefCell::default(),
            read: RefCell::default(),
        }
    }

    fn now(&self) -> Duration {
        self.world.elapsed()
    }

    /// A report that someone made `age` ago.
    pub(crate) fn add_old(&self, request: Request, age: Duration, by: Person) {
        let made = self.inner.clock() - age;
        self.inner.model.borrow_mut().put(OtherReport {
            request,
            made,
            listed_at_once: true,
            category: Category::Reconciliation,
            by,
        });
    }

    pub(crate) fn token(&self) -> String {
        self.inner.model.borrow().token().to_owned()
    }

    /// Requests whose creates left the client since it was last forgotten.
    pub(crate) fn sent(&self) -> BTreeSet<Request> {
        self.sent.borrow().clone()
    }

    pub(crate) fn forget_sent(&self) {
        self.sent.borrow_mut().clear();
    }

    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.inner.wire.paused_until.get().filter(|at| *at > Instant::now())
    }

    /// All reports that ever were, also those that somebody has deleted.
    pub(crate) fn reports(&self) -> Vec<Report> {
        let mut model = self.inner.model.borrow_mut();
        let stored: HashMap<String, StoredReport> =
            model.reports(self.now()).map(|report| (report.id.clone(), report.clone())).collect();
        let mut ever = self.ever.borrow_mut();
        for record in model.take_records() {
            let Record::Made(made) = record else { continue };
            let stored = stored.get(&made.id).cloned().unwrap_or(made);
            ever.push(Report {
                is_there: true,
                id: stored.id.parse().unwrap(),
                request: stored.request.clone(),
                ours: stored.origin == Origin::Create,
                stored,
            });
        }
        for report in ever.iter_mut() {
            report.is_there = stored.contains_key(report.id.as_str());
        }
        ever.clone()
    }

    fn note_read(&self, id: &ReportId, report: Option<&Listed>, whole: bool) {
        let told = report.is_some_and(|r| r.created.is_some() && r.created_by.is_some());
        let at = Instant::now();
        let read = (id.clone(), Reading { at, told, whole });
        self.read.borrow_mut().push(read);
    }

    /// Each time that this report was read.
    pub(crate) fn reads(&self, id: &ReportId) -> Vec<Reading> {
        let read = self.read.borrow();
        let of_it = read.iter().filter(|(read, _)| read == id);
        of_it.map(|(_, reading)| *reading).collect()
    }

    /// Whether a list or a single read shows who made this report and when, wherever it is answered.
    pub(crate) fn tells(&self, report: &Report) -> bool {
        let config = &self.traits.config.reports;
        let found = report.stored.made + config.get_lag.0 <= self.oldest_copy();
        let listed = report.stored.listed_from <= self.oldest_copy();
        let shown = found && config.get_shows_created || listed && config.list_shows_created;
        report.is_there && shown && self.tells_all(report)
    }

    /// When the first create for `request` left, by the clock that stamps reports.
    pub(crate) fn first_left(&self, request: &Request) -> Option<DateTime<Utc>> {
        self.first_left.borrow().get(request).copied()
    }

    /// When the first create for `request` left since `from`, by the client's own clock.
    pub(crate) fn first_left_since(&self, request: &Request, from: Instant) -> Option<Instant> {
        let left = self.left.borrow();
        let since = left.get(request)?.iter().find(|(at, _)| *at >= from);
        since.map(|(at, _)| *at)
    }

    /// When the last create for `request` left, by the client's own clock.
    pub(crate) fn last_left(&self, request: &Request) -> Option<Instant> {
        let left = self.left.borrow();
        left.get(request)?.last().map(|(at, _)| *at)
    }

    /// Whether all creates for `request` since `from` came with the token that `report` was made with.
    pub(crate) fn is_by_the_same_token(
        &self,
        request: &Request,
        from: Instant,
        report: &ReportId,
    ) -> bool {
        let (left, answered_with) = (self.left.borrow(), self.answered_with.borrow());
        let left = left.get(request).into_iter().flatten();
        let mut since = left.filter(|(at, _)| *at >= from);
        since.all(|(_, token)| answered_with.get(report) == Some(token))
    }

    /// Whether lists contradict the query that has this report.
    pub(crate) fn contradicts(&self, report: &Report) -> bool {
        let model = self.inner.model.borrow();
        let contradiction = model.contradiction(&report.stored);
        contradiction.is_some_and(Contradiction::is_of_another)
    }

    fn tells_all(&self, report: &Report) -> bool {
        let (config, now, made) =
            (&self.traits.config.reports, self.inner.clock(), report.stored.made);
        let ready = match config.created_is {
            CreatedIs::Asked => made,
            CreatedIs::Ready => made + config.completes_after.0,
        };
        config.shows_created_by && ready <= now && made + config.created_by_after.0 <= now
    }

    /// The time of the data that the last of the copies has.
    fn oldest_copy(&self) -> DateTime<Utc> {
        self.inner.clock() - self.traits.config.reports.replica_lag.0
    }

    /// Whether a create for `request` was answered as an earlier one.
    pub(crate) fn was_misled(&self, request: &Request) -> bool {
        self.inner.wire.misled.borrow().contains(request)
    }

    pub(crate) fn had_conflict(&self, request: &Request) -> bool {
        self.inner.model.borrow().had_conflict(request)
    }

    pub(crate) fn arrived(&self, request: &Request) -> u32 {
        let arrived = self.inner.wire.arrived.borrow();
        arrived.get(request).copied().unwrap_or(0)
    }

    /// The client died: what was on its way arrives or not, and is done soon if at all.
    pub(crate) fn client_died(&self) {
        let now = self.now();
        let latest = now + self.traits.late(self.world);
        self.flying.borrow_mut().clear();
        let mut model = self.inner.model.borrow_mut();
        model.client_died(now, latest, || !self.world.one_in(4));
    }

    /// A request leaves the client, with what must hold whenever one does.
    async fn leaves(&self, what: impl FnOnce() -> String) {
        self.world.step().await;
        self.world.trace(what);
        if let Some(until) = self.paused_until() {
            let left = until - Instant::now();
            self.world.fail(format!("a request left {left:?} before the end of a pause"));
        }
    }

    /// What must hold whenever a create leaves the client.
    fn check_create(&self, request: &Request) {
        for other in self.flying.borrow().iter() {
            if other.is_twin_of(request) || other == request {
                self.world.fail(format!("{request} left while {other} was in flight"));
            }
        }
        if !self.world.one_in(4) {
            return;
        }
        let durable = self.disk.durable();
        let Ok(reading) = monthend::testing::read(&durable, "durable".as_ref()) else {
            return; // a failed flush left a hole; the run is about to stop
        };
        let mut rows = reading.ledger.rows();
        match rows.clone().find(|row| row.request() == request) {
            Some(row) if row.state.word() == "sending" && row.state.intent().is_some() => {}
            row => self.world.fail(format!("{request} left, and durable is {row:?}")),
        }
        let twin =
            rows.find(|row| row.request().is_twin_of(request) && row.state.word() == "sending");
        if let Some(twin) = twin {
            self.world.fail(format!("{request} left while {} was in doubt", twin.request()));
        }
    }
}

impl Api for Server<'_> {
    type Token = String;

    async fn create(
        &self,
        token: &String,
        request: &Request,
        on_head: &dyn OnHead,
    ) -> Answer<ReportId> {
        self.leaves(|| format!("create {request}")).await;
        self.check_create(request);
        self.sent.borrow_mut().insert(request.clone());
        let now = self.inner.clock();
        (self.first_left.borrow_mut()).entry(request.clone()).or_insert(now);
        (self.left.borrow_mut().entry(request.clone()))
            .or_default()
            .push((Instant::now(), token.clone()));
        self.flying.borrow_mut().push(request.clone());
        let answer = self.inner.create(token, request, on_head).await;
        if let Outcome::Done(id) = &answer.outcome {
            let mut answered_with = self.answered_with.borrow_mut();
            answered_with.insert(id.clone(), token.clone());
        }
        self.flying.borrow_mut().retain(|r| r != request);
        answer
    }

    async fn list(
        &self,
        token: &String,
        page: ListPage<'_>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<Listed>> {
        let (query, next) = (page.query, page.next);
        self.leaves(|| format!("list {query:?} {:?}", next.and_then(Url::query))).await;
        let answer = self.inner.list(token, page, on_head).await;
        if let Outcome::Done(page) = &answer.outcome {
            let whole = next.is_none() && page.next.is_none();
            for report in &page.items {
                self.note_read(&report.id, Some(report), whole);
            }
        }
        answer
    }

    async fn get(
        &self,
        token: &String,
        id: &ReportId,
        on_head: &dyn OnHead,
    ) -> Answer<Option<Listed>> {
        self.leaves(|| format!("get {id}")).await;
        let answer = self.inner.get(token, id, on_head).await;
        let found = match &answer.outcome {
            Outcome::Done(found) => found.as_ref(),
            _ => None,
        };
        self.note_read(id, found, true);
        answer
    }

    async fn sub_partners(
        &self,
        token: &String,
        which: Discover,
        next: Option<&Url>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<OrgId>> {
        self.leaves(|| "sub-partners".to_owned()).await;
        self.inner.sub_partners(token, which, next, on_head).await
    }

    async fn renew(&self, refused: Option<&String>, on_head: &dyn OnHead) -> Answer<String> {
        self.leaves(|| format!("renew {refused:?}")).await;
        self.inner.renew(refused, on_head).await
    }
}
