//! The model of the server as an [`Api`] in simulated time.
//!
//! What happens to a create is decided when it leaves the client, and happens in the server's own time: also when the
//! client has stopped waiting or died meanwhile. In the kind set of worlds the server promises only this: within
//! `settle` after the client stopped waiting, a report that was made is listed.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use monthend::testing::{
    Answer, Api, BaseUrl, Cause, Discover, Doubt, ListPage, Listed, Notice, OnHead, Outcome, Page,
    WireAnswer,
};
use request::{OrgId, ReportId, Request};
use sandbox::model::{
    self, Ask, Category, Chance, Content, Contradiction, CreatedIs, Ending, Fields, ListAsk,
    Origin, OtherReport, Person, Place, REFRESH_TOKEN, Record, Step, StoredReport, SubPartnersAsk,
    Visit, What,
};
use tokio::time::{Instant, sleep};
use url::Url;

use super::{
    disk::ModelDisk,
    misfortune::{Drawn, Misfortune},
    traits::ServerTraits,
    world::World,
};

/// The client's lists say `Cache-Control: no-cache`.
const NO_CACHE: bool = true;
/// How long the client waits for the body of an error.
const ERROR_BODY_PATIENCE: Duration = Duration::from_secs(2);

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

pub(crate) struct Server<'w> {
    world: &'w World,
    disk: &'w ModelDisk<'w>,
    pub traits: ServerTraits,
    model: RefCell<model::Server>,
    /// What the client knows of announced waits.
    paused_until: Cell<Option<Instant>>,
    /// Requests whose creates left the client.
    sent: RefCell<BTreeSet<Request>>,
    first_left: RefCell<BTreeMap<Request, DateTime<Utc>>>,
    /// When each create left, by the client's own clock, and with which token.
    left: RefCell<BTreeMap<Request, Vec<(Instant, String)>>>,
    /// With which token a create was sent that was answered with this report.
    answered_with: RefCell<BTreeMap<ReportId, String>>,
    /// Creates that the server let in, by request.
    arrived: RefCell<BTreeMap<Request, u32>>,
    /// Requests that were answered as another one before.
    misled: RefCell<BTreeSet<Request>>,
    flying: RefCell<Vec<Request>>,
    ever: RefCell<Vec<Report>>,
    read: RefCell<Vec<(ReportId, Reading)>>,
}

impl<'w> Server<'w> {
    pub(crate) fn new(world: &'w World, disk: &'w ModelDisk<'w>, traits: ServerTraits) -> Self {
        let started_at = world.now_true() + traits.offset;
        let model = model::Server::new(traits.config.clone(), started_at, String::new());
        Server {
            world,
            disk,
            traits,
            model: RefCell::new(model),
            paused_until: Cell::new(None),
            sent: RefCell::default(),
            first_left: RefCell::default(),
            left: RefCell::default(),
            answered_with: RefCell::default(),
            arrived: RefCell::default(),
            misled: RefCell::default(),
            flying: RefCell::default(),
            ever: RefCell::default(),
            read: RefCell::default(),
        }
    }

    fn now(&self) -> Duration {
        self.world.elapsed()
    }

    fn clock(&self) -> DateTime<Utc> {
        self.model.borrow().clock(self.now())
    }

    /// A report that someone made `age` ago.
    pub(crate) fn add_old(&self, request: Request, age: Duration, by: Person) {
        let made = self.clock() - age;
        self.model.borrow_mut().put(OtherReport {
            request,
            made,
            listed_at_once: true,
            category: Category::Reconciliation,
            by,
        });
    }

    pub(crate) fn token(&self) -> String {
        self.model.borrow().token().to_owned()
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

    /// All reports that ever were, also those that somebody has deleted.
    pub(crate) fn reports(&self) -> Vec<Report> {
        let mut model = self.model.borrow_mut();
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
        let model = self.model.borrow();
        let contradiction = model.contradiction(&report.stored);
        contradiction.is_some_and(Contradiction::is_of_another)
    }

    fn tells_all(&self, report: &Report) -> bool {
        let (config, now, made) = (&self.traits.config.reports, self.clock(), report.stored.made);
        let ready = match config.created_is {
            CreatedIs::Asked => made,
            CreatedIs::Ready => made + config.completes_after.0,
        };
        config.shows_created_by && ready <= now && made + config.created_by_after.0 <= now
    }

    /// The time of the data that the last of the copies has.
    fn oldest_copy(&self) -> DateTime<Utc> {
        self.clock() - self.traits.config.reports.replica_lag.0
    }

    /// Whether a create for `request` was answered as an earlier one.
    pub(crate) fn was_misled(&self, request: &Request) -> bool {
        self.misled.borrow().contains(request)
    }

    pub(crate) fn had_conflict(&self, request: &Request) -> bool {
        self.model.borrow().had_conflict(request)
    }

    pub(crate) fn arrived(&self, request: &Request) -> u32 {
        let arrived = self.arrived.borrow();
        arrived.get(request).copied().unwrap_or(0)
    }

    /// The client died: what was on its way arrives or not, and is done soon if at all.
    pub(crate) fn client_died(&self) {
        let now = self.now();
        let latest = now + self.traits.late(self.world);
        self.flying.borrow_mut().clear();
        let mut model = self.model.borrow_mut();
        model.client_died(now, latest, || !self.world.one_in(4));
    }

    /// What must hold whenever anything leaves the client.
    fn check_leave(&self, what: &str) {
        if let Some(until) = self.paused_until() {
            let left = until - Instant::now();
            self.world.fail(format!("{what} left {left:?} before the end of a pause"));
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

    /// One exchange; `read` is what the client makes of an answer.
    async fn exchange<T>(
        &self,
        token: Option<&String>,
        what: What,
        on_head: &dyn OnHead,
        read: impl FnOnce(&model::Answer, WireAnswer) -> Answer<T>,
    ) -> Answer<T> {
        self.check_leave("a request");
        let (left, patience) = (Instant::now(), self.traits.request_timeout);
        let url = base().join("wholesale/billing/reports").to_string();
        let ask =
            Ask { url, query: Fields::new(), token: token.cloned(), no_cache: NO_CACHE, what };
        let fault = match self.draw(&ask) {
            Drawn::NotReached => {
                self.world.passes(self.traits.way(self.world)).await;
                return self.no_answer("connect");
            }
            Drawn::Reached(fault) => fault,
        };
        self.world.trace(|| format!("  meets {fault:?}"));
        let request = match &ask.what {
            What::Create(request) => Some(request.clone()),
            _ => None,
        };
        if let (Some(request), Some(model::Fault::Repeat { .. })) = (&request, &fault) {
            self.misled.borrow_mut().insert(request.clone());
        }
        let mut visit = (self.model.borrow_mut()).receive(self.now(), ask, Chance::Drawn(fault));
        if let Some(request) = request.filter(|_| visit.is_admitted()) {
            *self.arrived.borrow_mut().entry(request).or_default() += 1;
        }
        match self.ending(&mut visit, left + patience).await {
            None => self.no_answer("timeout"),
            Some(Ending::Cut | Ending::Silence) => self.no_answer("reset"),
            Some(Ending::Answer(answer)) => {
                if !visit.is_admitted() {
                    self.world.passes(self.traits.way(self.world)).await;
                }
                self.hear(*answer, on_head, read).await
            }
        }
    }

    /// Waits for the end of an exchange, but no longer than `until`.
    async fn ending(&self, visit: &mut Visit, until: Instant) -> Option<Ending> {
        loop {
            let step = self.model.borrow_mut().next(self.now(), visit);
            let wait = match step {
                Step::End(Ending::Silence) => until - Instant::now(),
                Step::End(ending) => return Some(ending),
                Step::Wait(wait) => wait.min(until - Instant::now()),
            };
            self.world.passes(wait).await;
            if Instant::now() >= until {
                return None;
            }
        }
    }

    fn draw(&self, ask: &Ask) -> Drawn {
        Misfortune::draw(self.world, &self.traits, self.now(), ask)
    }

    /// An answer comes to the client now.
    async fn hear<T>(
        &self,
        answer: model::Answer,
        on_head: &dyn OnHead,
        read: impl FnOnce(&model::Answer, WireAnswer) -> Answer<T>,
    ) -> Answer<T> {
        let reply = &answer.reply;
        if let Some(wait) = reply.announced {
            let until = Instant::now() + wait;
            self.paused_until.set(Some(self.paused_until.get().map_or(until, |at| at.max(until))));
        }
        let arrived = self.world.now_true();
        let body = answer.body();
        let wire = WireAnswer {
            status: reply.status,
            headers: answer.headers(),
            whole: body.promised.is_none() && answer.reply.trickles <= ERROR_BODY_PATIENCE,
            body: body.bytes.into_owned(),
            arrived,
        };
        self.world.trace(|| {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let headers: Vec<_> = (wire.headers.iter())
                .map(|(name, value)| format!("{name}: {}", text(value)))
                .collect();
            let body = text(&wire.body);
            format!("  answer {} {headers:?} {body:.300}", wire.status)
        });
        on_head.on_head(&wire.notice());
        if !answer.reply.trickles.is_zero() {
            sleep(answer.reply.trickles.min(ERROR_BODY_PATIENCE)).await;
        }
        read(&answer, wire)
    }

    fn no_answer<T>(&self, code: &str) -> Answer<T> {
        self.world.trace(|| format!("  no answer: {code}"));
        let cause = Cause {
            http_status: None,
            code: code.to_owned(),
            text: format!("what a model says about {code}"),
            tracking_id: None,
            report_id: None,
        };
        let outcome = match code {
            "connect" => Outcome::NotSent(cause),
            _ => Outcome::InDoubt(Doubt::Open, cause),
        };
        Answer { outcome, notice: Notice::default() }
    }
}

/// What somebody else had made long before.
const STRAY: &str =
    r#"{"id": "a-stray", "created": "2026-10-01T00:00:01Z", "createdBy": "Nobody"}"#;

fn base() -> BaseUrl {
    "http://127.0.0.1/v1".parse().unwrap()
}

/// Where the page at `url` begins.
fn place_of(url: &Url) -> Option<Place> {
    url.query_pairs().find_map(|(name, value)| match &*name {
        "cursor" => Some(Place::Cursor(value.into_owned())),
        "offset" => Some(Place::Offset(value.parse().unwrap())),
        _ => None,
    })
}

impl Api for Server<'_> {
    type Token = String;

    async fn create(
        &self,
        token: &String,
        request: &Request,
        on_head: &dyn OnHead,
    ) -> Answer<ReportId> {
        self.world.step().await;
        self.world.trace(|| format!("create {request}"));
        self.check_create(request);
        self.sent.borrow_mut().insert(request.clone());
        let now = self.clock();
        (self.first_left.borrow_mut()).entry(request.clone()).or_insert(now);
        (self.left.borrow_mut().entry(request.clone()))
            .or_default()
            .push((Instant::now(), token.clone()));
        self.flying.borrow_mut().push(request.clone());
        let what = What::Create(request.clone());
        let answer = self.exchange(Some(token), what, on_head, |_, wire| wire.created(request));
        let answer = answer.await;
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
        ListPage { query, max, next }: ListPage<'_>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<Listed>> {
        self.world.step().await;
        self.world.trace(|| format!("list {query:?} {:?}", next.and_then(Url::query)));
        let what = What::List(ListAsk {
            org: query.sub_partner.clone(),
            report_type: query.report_type,
            start: query.period.map(|period| period.start()),
            end: query.period.map(|period| period.end()),
            max: Some(max),
            place: next.and_then(place_of),
            ..ListAsk::default()
        });
        let first = base().join("wholesale/billing/reports");
        let page = next.unwrap_or(&first);
        let answer =
            self.exchange(Some(token), what, on_head, |_, wire| wire.reports(page, &base()));
        let answer = answer.await;
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
        self.world.step().await;
        self.world.trace(|| format!("get {id}"));
        let what = What::Get(id.as_str().to_owned());
        let strays = self.traits.strays && self.world.one_in(2);
        let answer = self.exchange(Some(token), what, on_head, |_, mut wire| {
            if strays && wire.status == 200 {
                self.world.count("worse: another report's single read");
                wire.body = STRAY.into();
            }
            wire.report(id)
        });
        let answer = answer.await;
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
        self.world.step().await;
        self.world.trace(|| "sub-partners".to_owned());
        let offset = match next.and_then(place_of) {
            Some(Place::Offset(offset)) => offset,
            _ => 0,
        };
        let what = What::SubPartners(SubPartnersAsk { offset, ..SubPartnersAsk::default() });
        let page = base().join("wholesale/subPartners");
        let page = next.unwrap_or(&page);
        self.exchange(Some(token), what, on_head, |_, wire| wire.sub_partners(page, &base(), which))
            .await
    }

    async fn renew(&self, refused: Option<&String>, on_head: &dyn OnHead) -> Answer<String> {
        self.world.step().await;
        self.world.trace(|| format!("renew {refused:?}"));
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", model::CLIENT_ID),
            ("client_secret", model::CLIENT_SECRET),
            ("refresh_token", REFRESH_TOKEN),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let what = What::Renew(form.into());
        self.exchange(None, what, on_head, |answer, wire| {
            let token = match &answer.reply.content {
                Content::Json(body) => body["access_token"].as_str().unwrap().to_owned(),
                _ => String::new(),
            };
            let Answer { outcome, notice } = wire.json();
            let outcome = match outcome {
                Outcome::Done(()) => Outcome::Done(token),
                Outcome::Refused(refusal, cause) => Outcome::Refused(refusal, cause),
                Outcome::NotSent(cause) => Outcome::NotSent(cause),
                Outcome::InDoubt(doubt, cause) => Outcome::InDoubt(doubt, cause),
            };
            Answer { outcome, notice }
        })
        .await
    }
}
