//! What the tests of `tests/` and the benchmarks drive from outside. No part of it is for anyone else.

use std::{cell::RefCell, time::Duration};

use chrono::{DateTime, Utc};
use request::{OrgId, ReportId, ReportStatus, Request};
use sandbox::{
    Ask, CLIENT_ID, CLIENT_SECRET, Chance, Ending, Fields, ListAsk, Place, REFRESH_TOKEN,
    SandboxConfig, Step, SubPartnersAsk, Visit, What, model,
};
use tokio::time::{Instant, sleep};
use url::Url;

pub use crate::{
    api::{
        Answer, Api, Cause, DownloadUrl, ListPage, ListQuery, Listed, Notice, OnHead, Outcome,
        Page, testing::WireAnswer,
    },
    cli::command,
    collect::{CollectInput, DownloadError, Head, Host, Overwrite, Resume, collect},
    ledger::{
        Counts, Disk, FileDisk, Ledger, Reason, RepairKind, Row, RowIndex, State, journal, read,
        restore,
    },
    manifest::{
        BaseUrl, DateCheck, Discover, Discovered, Limits, LoadOptions, Manifest, Rate, RateUnit,
        RetryPolicy,
    },
    plan::Plan,
    run::{
        Creates, Event, EventKind, Finished, Interrupt, NewReports, OtherRuns, Run, RunInput,
        Shared, Signal,
    },
    sending::{
        Feedback, Gate, PacePolicy, Priority, RateController, Session, SessionEvent, Stats,
        StopCause, WallClock,
    },
    text::hexadecimal,
};
pub use request::Doubt;

/// How long a client waits for the body of an error.
const ERROR_BODY_PATIENCE: Duration = Duration::from_secs(2);

/// What lies between a client and an [`InProcess`] server.
#[expect(async_fn_in_trait, reason = "driven on one thread, never as a trait object")]
pub trait Wire {
    /// How long the server is there.
    fn elapsed(&self) -> Duration;

    /// The true time.
    fn now(&self) -> DateTime<Utc>;

    /// What becomes of a request; where this is not overridden, the rules of the configuration say it.
    fn draw(&self, _: &Ask) -> Drawn {
        Drawn::Reached(Chance::Rules)
    }

    /// Time that an exchange takes.
    async fn passes(&self, time: Duration) {
        sleep(time).await;
    }

    /// The server has let a request in, or refused it.
    async fn arrives(&self, _: &Visit) {}

    /// An answer comes to the client, who reads it then.
    fn hears(&self, _: &Visit, _: &model::Answer, _: &mut WireAnswer) {}
}

/// What becomes of a request on its way.
#[derive(Debug)]
pub enum Drawn {
    /// It takes so long until the client knows that nobody was reached.
    NotReached(Duration),
    /// It reaches the server.
    Reached(Chance),
}

/// The sandbox's server without a network. What happens to a create is decided when it leaves the client, and happens
/// in the server's own time: also when the client has stopped waiting or died meanwhile. Answers are read as from the
/// wire.
#[derive(Debug)]
pub struct InProcess<W> {
    /// The server.
    pub model: RefCell<model::Server>,
    /// The way to it.
    pub wire: W,
    base: BaseUrl,
    /// How long a client waits for an answer.
    timeout: Duration,
}

impl<W: Wire> InProcess<W> {
    /// A server that starts at `started_at` by its own clock.
    #[expect(clippy::expect_used, reason = "the address is a constant")]
    pub fn new(
        config: SandboxConfig,
        started_at: DateTime<Utc>,
        wire: W,
        timeout: Duration,
    ) -> Self {
        let base = "http://127.0.0.1/v1".parse().expect("a constant that is an address");
        let model = model::Server::new(config, started_at, "https://files.example".to_owned());
        InProcess { model: model.into(), wire, base, timeout }
    }

    /// The clock that stamps reports.
    pub fn clock(&self) -> DateTime<Utc> {
        self.model.borrow().clock(self.wire.elapsed())
    }

    async fn exchange<T>(
        &self,
        ask: Ask,
        on_head: &dyn OnHead,
        read: impl FnOnce(WireAnswer) -> Answer<T>,
    ) -> Answer<T> {
        let until = Instant::now() + self.timeout;
        let chance = match self.wire.draw(&ask) {
            Drawn::Reached(chance) => chance,
            Drawn::NotReached(time) => {
                self.wire.passes(time).await;
                return no_answer("connect", Outcome::NotSent);
            }
        };
        let mut visit = self.model.borrow_mut().receive(self.wire.elapsed(), ask, chance);
        self.wire.arrives(&visit).await;
        match self.ending(&mut visit, until).await {
            None => no_answer("timeout", |cause| Outcome::InDoubt(Doubt::Open, cause)),
            Some(Ending::Answer(answer)) => self.hear(&visit, &answer, on_head, read).await,
            Some(_) => no_answer("reset", |cause| Outcome::InDoubt(Doubt::Open, cause)),
        }
    }

    /// Waits for the end of an exchange, but no longer than `until`.
    async fn ending(&self, visit: &mut Visit, until: Instant) -> Option<Ending> {
        loop {
            let step = self.model.borrow_mut().next(self.wire.elapsed(), visit);
            let left = until - Instant::now();
            let wait = match step {
                Step::End(Ending::Silence) => left,
                Step::End(ending) => return Some(ending),
                Step::Wait(wait) => wait.min(left),
            };
            self.wire.passes(wait).await;
            if Instant::now() >= until {
                return None;
            }
        }
    }

    async fn hear<T>(
        &self,
        visit: &Visit,
        answer: &model::Answer,
        on_head: &dyn OnHead,
        read: impl FnOnce(WireAnswer) -> Answer<T>,
    ) -> Answer<T> {
        let (body, trickles) = (answer.body(), answer.reply.trickles);
        let mut wire = WireAnswer {
            status: answer.reply.status,
            headers: answer.headers(),
            whole: body.promised.is_none() && trickles <= ERROR_BODY_PATIENCE,
            body: body.bytes.into_owned(),
            arrived: self.wire.now(),
        };
        self.wire.hears(visit, answer, &mut wire);
        on_head.on_head(&wire.notice());
        if !trickles.is_zero() {
            sleep(trickles.min(ERROR_BODY_PATIENCE)).await;
        }
        read(wire)
    }

    /// A read says that no cache may answer it.
    fn ask(&self, token: Option<&String>, url: &Url, what: What) -> Ask {
        let (url, query) = (url.to_string(), Fields::new());
        Ask { url, query, token: token.cloned(), no_cache: true, what }
    }
}

fn no_answer<T>(code: &str, outcome: impl FnOnce(Cause) -> Outcome<T>) -> Answer<T> {
    let text = format!("what a model says about {code}");
    let cause = Cause { code: code.to_owned(), text, ..Cause::default() };
    Answer { outcome: outcome(cause), notice: Notice::default() }
}

/// Where the page at `url` begins.
fn place_of(url: &Url) -> Option<Place> {
    url.query_pairs().find_map(|(name, value)| match &*name {
        "cursor" => Some(Place::Cursor(value.into_owned())),
        "offset" => Some(Place::Offset(value.parse().ok()?)),
        _ => None,
    })
}

impl<W: Wire> Api for InProcess<W> {
    type Token = String;

    async fn create(
        &self,
        token: &String,
        request: &Request,
        on_head: &dyn OnHead,
    ) -> Answer<ReportId> {
        let url = self.base.join("wholesale/billing/reports");
        let ask = self.ask(Some(token), &url, What::Create(request.clone()));
        self.exchange(ask, on_head, |wire| wire.created(request)).await
    }

    async fn list(
        &self,
        token: &String,
        ListPage { query, max, next }: ListPage<'_>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<Listed>> {
        let what = What::List(ListAsk {
            org: query.sub_partner.clone(),
            report_type: query.report_type,
            start: query.period.map(|period| period.start()),
            end: query.period.map(|period| period.end()),
            status: query.status.map(ReportStatus::of),
            max: Some(max),
            place: next.and_then(place_of),
            ..ListAsk::default()
        });
        let first = self.base.join("wholesale/billing/reports");
        let page = next.unwrap_or(&first);
        let ask = self.ask(Some(token), &first, what);
        self.exchange(ask, on_head, |wire| wire.reports(page, &self.base)).await
    }

    async fn get(
        &self,
        token: &String,
        id: &ReportId,
        on_head: &dyn OnHead,
    ) -> Answer<Option<Listed>> {
        let url = self.base.join("wholesale/billing/reports");
        let ask = self.ask(Some(token), &url, What::Get(id.as_str().to_owned()));
        self.exchange(ask, on_head, |wire| wire.report(id)).await
    }

    async fn sub_partners(
        &self,
        token: &String,
        which: Discover,
        next: Option<&Url>,
        on_head: &dyn OnHead,
    ) -> Answer<Page<OrgId>> {
        let offset = match next.and_then(place_of) {
            Some(Place::Offset(offset)) => offset,
            _ => 0,
        };
        let what = What::SubPartners(SubPartnersAsk { offset, ..SubPartnersAsk::default() });
        let first = self.base.join("wholesale/subPartners");
        let page = next.unwrap_or(&first);
        let ask = self.ask(Some(token), &first, what);
        self.exchange(ask, on_head, |wire| wire.sub_partners(page, &self.base, which)).await
    }

    async fn renew(&self, _: Option<&String>, on_head: &dyn OnHead) -> Answer<String> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("refresh_token", REFRESH_TOKEN),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = self.base.join("access_token");
        let ask = self.ask(None, &url, What::Renew(form.into()));
        self.exchange(ask, on_head, WireAnswer::token).await
    }
}
