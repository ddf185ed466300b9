use std::{collections::HashSet, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, field::Empty, trace_span};
use url::Url;

use super::{
    EXCHANGES, Halt, ReadError, ServerClock, Session, TryCount, in_flight::Exchange,
    session::Flight,
};
use crate::{
    api::{Answer, Api, Cause, ListPage, ListQuery, Listed, Outcome, Page, Refusal},
    manifest::{Discover, Discovered},
    sending::Priority,
};
use request::{OrgId, ReportId};

/// A list with more pages counts as endless.
const MAX_PAGES: usize = 10_000;

/// The same for entries. The largest plan has half as many (`limits.max_requests`).
const MAX_ITEMS: usize = 200_000;

/// A list of several pages is read so often, until two readings agree.
const READINGS: usize = 5;

/// After this many answers without a date, the local clock counts.
const DATELESS: u32 = 4;

impl<A: Api> Session<'_, A> {
    /// All reports that `query` lists. Between two pages a list may shift and skip a report, so a list of several pages
    /// is read again until two readings agree. After a 504 the page size is halved for the rest of the session: half of
    /// what this list asked for, or lists that fail together would go down to one at once.
    pub async fn list(&self, query: &ListQuery) -> Result<Vec<Listed>, ReadError> {
        let mut earlier: Option<HashSet<ReportId>> = None;
        for _ in 0..READINGS {
            let (mut listed, pages) = self.read_list(query).await?;
            let mut ids = HashSet::new();
            listed.retain(|report| ids.insert(report.id.clone()));
            if pages == 1 || earlier.as_ref() == Some(&ids) {
                return Ok(listed);
            }
            earlier = Some(ids);
        }
        Err(unusable("the list changes while it is read".to_owned()))
    }

    /// The first report of a list: enough to know that it can be read.
    pub async fn first_listed(&self, query: &ListQuery) -> Result<Option<Listed>, ReadError> {
        let first = ListPage { query, max: 1, next: None };
        let page = self.list_page(first, Reading::retried(Exchange::Plain)).await?;
        Ok(page.items.into_iter().next())
    }

    async fn read_list(&self, query: &ListQuery) -> Result<(Vec<Listed>, usize), ReadError> {
        loop {
            let max = self.page_size.get();
            let exchange = if max > 1 { Exchange::LongList } else { Exchange::Plain };
            match self.read_list_by(query, max, exchange).await {
                Err(ReadError::Failed(cause)) if exchange.is_too_long(cause.http_status) => {
                    self.page_size.set(self.page_size.get().min(max / 2));
                }
                listed => return listed,
            }
        }
    }

    async fn read_list_by(
        &self,
        query: &ListQuery,
        max: usize,
        exchange: Exchange,
    ) -> Result<(Vec<Listed>, usize), ReadError> {
        let mut pages = Pages::new(self.policy().max_stall);
        loop {
            let reading = Reading::retried(exchange);
            let next = ListPage { query, max, next: pages.next.as_ref() };
            let page = self.list_page(next, reading).await?;
            if pages.add(page)? {
                return Ok((pages.items, pages.number));
            }
            self.require_progress(&pages)?;
        }
    }

    pub async fn sub_partners(&self, which: Discover) -> Result<Vec<OrgId>, ReadError> {
        let mut pages = Pages::new(self.policy().max_stall);
        loop {
            let page = self.sub_partner_page(which, pages.next.as_ref()).await?;
            if pages.add(page)? {
                return Ok(pages.items);
            }
            self.require_progress(&pages)?;
        }
    }

    /// Each page is accepted; but pages without end are no progress.
    fn require_progress<T>(&self, pages: &Pages<T>) -> Result<(), ReadError> {
        if pages.is_late() {
            self.shared.gate.stall();
            self.go_on().map_err(ReadError::Halted)?;
        }
        Ok(())
    }

    /// One report; `None` if the server does not have it.
    pub async fn get(&self, id: &ReportId) -> Result<Option<Listed>, ReadError> {
        self.report(id, Reading::retried(Exchange::Plain)).await
    }

    /// [`Session::get`] without retries: for a report from a list, to which a single read only adds.
    pub async fn get_once(&self, id: &ReportId) -> Result<Option<Listed>, ReadError> {
        self.report(id, Reading::once(Exchange::Plain)).await
    }

    async fn report(
        &self,
        id: &ReportId,
        mut reading: Reading,
    ) -> Result<Option<Listed>, ReadError> {
        loop {
            let flight = self.depart_to_read(&reading).await?;
            let get = self.api.get(&flight.token, id, &flight.in_flight);
            let answer = get.instrument(flight.in_flight.span.clone()).await;
            if let Some(report) = self.arrive_read(flight, answer, &mut reading).await? {
                return Ok(report);
            }
        }
    }

    async fn list_page(
        &self,
        page: ListPage<'_>,
        mut reading: Reading,
    ) -> Result<Page<Listed>, ReadError> {
        loop {
            let flight = self.depart_to_read(&reading).await?;
            let list = self.api.list(&flight.token, page, &flight.in_flight);
            let answer = list.instrument(flight.in_flight.span.clone()).await;
            if let Some(read) = self.arrive_read(flight, answer, &mut reading).await? {
                return Ok(read);
            }
        }
    }

    async fn sub_partner_page(
        &self,
        which: Discover,
        next: Option<&Url>,
    ) -> Result<Page<OrgId>, ReadError> {
        let mut reading = Reading::retried(Exchange::Plain);
        loop {
            let flight = self.depart_to_read(&reading).await?;
            let list = self.api.sub_partners(&flight.token, which, next, &flight.in_flight);
            let answer = list.instrument(flight.in_flight.span.clone()).await;
            if let Some(read) = self.arrive_read(flight, answer, &mut reading).await? {
                return Ok(read);
            }
        }
    }

    /// A first list for `query`, which also sets the server clock. Any answer of the API below 500 is enough, but there
    /// has to be one: an intent dated by a fast local clock would make our own report look older, and a page in place
    /// of the API would put every create in doubt. If lists fail, it reads a report that does not exist.
    pub async fn first_list(&self, query: &ListQuery) -> Result<Option<Vec<Listed>>, Halt> {
        let Ok(nobodys) = "no-such-report".parse() else {
            return Ok(None); // it is a valid id
        };
        let max = self.page_size.get();
        let (mut page, mut dateless) = (None, 0);
        self.shared.change_clock(ServerClock::forget);
        let mut wait = Duration::ZERO;
        for round in 0.. {
            let is_dated = round > 0 && self.told_time().is_some() || dateless >= DATELESS;
            if is_dated && self.shared.answers.get() > 0 {
                break;
            }
            if !wait.is_zero() {
                sleep(wait).await;
            }
            // The other kind of read follows at once, then a wait.
            wait = match round {
                0 => Duration::ZERO,
                // Short waits: the breaker makes them longer for a dead server.
                _ => self.backoff().after(round.min(2)),
            };
            let before = self.shared.answers.get();
            let read = if round % 2 == 0 && page.is_none() {
                let reading = Reading::once(Exchange::LongList);
                self.list_page(ListPage { query, max, next: None }, reading).await.map(Some)
            } else {
                self.get_once(&nobodys).await.map(|_| None)
            };
            match read {
                Err(ReadError::Halted(halt)) => return Err(halt),
                Err(ReadError::Failed(cause)) if self.shared.answers.get() == before => {
                    self.tell_retry(&cause, wait);
                }
                Err(ReadError::Failed(_)) => dateless += 1,
                Ok(listed) => {
                    dateless += 1;
                    page = page.or(listed);
                }
            }
        }
        self.shared.change_clock(ServerClock::use_local);
        match page {
            // Reports on later pages count as much as those on the first.
            Some(page) if page.next.is_some() => match self.list(query).await {
                Ok(listed) => Ok(Some(listed)),
                Err(ReadError::Failed(_)) => Ok(None),
                Err(ReadError::Halted(halt)) => Err(halt),
            },
            page => Ok(page.map(|page| page.items)),
        }
    }

    async fn depart_to_read(&self, reading: &Reading) -> Result<Flight<'_, A::Token>, ReadError> {
        loop {
            let permit = self.enter_as(Priority::Between).await.map_err(ReadError::Halted)?;
            if permit.leave().await.is_ok() {
                let span = trace_span!(target: EXCHANGES, "read", tracking_id = Empty);
                return Ok(self.depart(permit, reading.exchange, span));
            }
        }
    }

    /// What was read; `None` after a wait, if it is to be tried again.
    async fn arrive_read<T>(
        &self,
        flight: Flight<'_, A::Token>,
        answer: Answer<T>,
        reading: &mut Reading,
    ) -> Result<Option<T>, ReadError> {
        let stage = flight.in_flight.stage;
        let (answer, halt) = self.arrive(flight, answer).await;
        if let Some(halt) = halt {
            return Err(ReadError::Halted(halt));
        }
        let is_hopeless = answer.outcome.cause().is_some_and(|cause| reading.is_hopeless(cause));
        if !is_hopeless && self.again(&mut reading.tries, &answer.outcome, stage).await {
            return Ok(None);
        }
        match answer.outcome {
            Outcome::Done(value) => Ok(Some(value)),
            // It is about expired tokens, and no answer to the request.
            Outcome::Refused(Refusal::Unauthorized, cause) => {
                Err(ReadError::Failed(Cause { http_status: None, ..cause }))
            }
            Outcome::Refused(_, cause) | Outcome::NotSent(cause) | Outcome::InDoubt(_, cause) => {
                Err(ReadError::Failed(cause))
            }
        }
    }
}

/// One read: how it is sent, and how often it was.
struct Reading {
    exchange: Exchange,
    is_retried: bool,
    tries: TryCount,
}

impl Reading {
    fn retried(exchange: Exchange) -> Self {
        Reading { exchange, is_retried: true, tries: TryCount::default() }
    }

    fn once(exchange: Exchange) -> Self {
        Reading { is_retried: false, ..Reading::retried(exchange) }
    }

    /// A list that is too long is asked for in smaller pages instead.
    fn is_hopeless(&self, cause: &Cause) -> bool {
        !self.is_retried || self.exchange.is_too_long(cause.http_status)
    }
}

struct Pages<T> {
    items: Vec<T>,
    number: usize,
    next: Option<Url>,
    seen: HashSet<Url>,
    begun: Instant,
    patience: Duration,
}

impl<T> Pages<T> {
    fn new(patience: Duration) -> Self {
        Pages {
            items: Vec::new(),
            number: 0,
            next: None,
            seen: HashSet::new(),
            begun: Instant::now(),
            patience,
        }
    }

    fn is_late(&self) -> bool {
        self.begun.elapsed() >= self.patience
    }

    /// Whether it was the last one.
    fn add(&mut self, page: Page<T>) -> Result<bool, ReadError> {
        self.items.extend(page.items);
        self.number += 1;
        let Some(next) = page.next else {
            return Ok(true);
        };
        if self.items.len() >= MAX_ITEMS {
            return Err(unusable(format!(
                "the server's list has more than {MAX_ITEMS} entries and does not end; tell its support desk"
            )));
        }
        if self.number > MAX_PAGES || !self.seen.insert(next.clone()) {
            return Err(unusable("the server's pages run in a circle".to_owned()));
        }
        self.next = Some(next);
        Ok(false)
    }
}

fn unusable(text: String) -> ReadError {
    ReadError::Failed(Cause { code: "bad_response".to_owned(), text, ..Cause::default() })
}

#[derive(Debug, Clone, PartialEq)]
pub enum DiscoveryError {
    /// The API has none of that kind, so the manifest bills nobody. Exit code 2.
    Nobody(Discover),
    /// The API could not be read. Exit code 3.
    Read(ReadError),
}

pub async fn discover<A: Api>(
    session: &Session<'_, A>,
    kinds: impl IntoIterator<Item = Discover>,
) -> Result<Discovered, DiscoveryError> {
    let mut found = Discovered::new();
    for which in kinds {
        let listed = session.sub_partners(which).await.map_err(DiscoveryError::Read)?;
        if listed.is_empty() {
            return Err(DiscoveryError::Nobody(which));
        }
        found.insert(which, listed);
    }
    Ok(found)
}
