use std::{collections::HashSet, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, field::Empty, trace_span};
use url::Url;

use super::{EXCHANGES, Halt, ReadError, ServerClock, Session, TryCount, in_flight::Exchange};
use crate::{
    api::{Answer, Api, Cause, ListQuery, Listed, OnHead, Outcome, Page, Refusal},
    manifest::Discover,
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

/// The documentation of 504 says: "if your query uses max parameter, please try to reduce it".
fn is_too_long(cause: &Cause, max: usize) -> bool {
    max > 1 && cause.http_status == Some(504)
}

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
        Err(ReadError::Failed(Cause {
            code: "bad_response".to_owned(),
            text: "the list changes while it is read".to_owned(),
            ..Cause::default()
        }))
    }

    /// The first report of a list: enough to know that it can be read.
    pub async fn first_listed(&self, query: &ListQuery) -> Result<Option<Listed>, ReadError> {
        let page = self.read(
            Exchange::Plain,
            async |api, token, on_head| api.list(token, query, 1, None, on_head).await,
            |_| false,
        );
        Ok(page.await?.items.into_iter().next())
    }

    async fn read_list(&self, query: &ListQuery) -> Result<(Vec<Listed>, usize), ReadError> {
        loop {
            let max = self.page_size.get();
            let exchange = match max {
                ..=1 => Exchange::Plain,
                _ => Exchange::LongList,
            };
            let listed = self
                .read_pages(
                    exchange,
                    async |api, token, next, on_head| {
                        api.list(token, query, max, next, on_head).await
                    },
                    |cause| is_too_long(cause, max),
                )
                .await;
            match listed {
                Err(ReadError::Failed(cause)) if is_too_long(&cause, max) => {
                    self.page_size.set(self.page_size.get().min(max / 2));
                }
                listed => return listed,
            }
        }
    }

    /// One report; `None` if the server does not have it.
    pub async fn get(&self, id: &ReportId) -> Result<Option<Listed>, ReadError> {
        self.read(
            Exchange::Plain,
            async |api, token, on_head| api.get(token, id, on_head).await,
            |_| false,
        )
        .await
    }

    /// [`Session::get`] without retries: for a report from a list, to which a single read only adds.
    pub async fn get_once(&self, id: &ReportId) -> Result<Option<Listed>, ReadError> {
        self.read(
            Exchange::Plain,
            async |api, token, on_head| api.get(token, id, on_head).await,
            |_| true,
        )
        .await
    }

    /// All sub-partners of a kind.
    pub async fn sub_partners(&self, which: Discover) -> Result<Vec<OrgId>, ReadError> {
        let read = self.read_pages(
            Exchange::Plain,
            async |api, token, next, on_head| api.sub_partners(token, which, next, on_head).await,
            |_| false,
        );
        Ok(read.await?.0)
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
                self.read(
                    Exchange::LongList,
                    async |api, token, on_head| api.list(token, query, max, None, on_head).await,
                    |_| true,
                )
                .await
                .map(Some)
            } else {
                self.read(
                    Exchange::Plain,
                    async |api, token, on_head| api.get(token, &nobodys, on_head).await,
                    |_| true,
                )
                .await
                .map(|_| None)
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
        self.shared.change_clock(ServerClock::give_up);
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

    async fn read<T>(
        &self,
        exchange: Exchange,
        call: impl AsyncFn(&A, &A::Token, &OnHead<'_>) -> Answer<T>,
        is_hopeless: impl Fn(&Cause) -> bool,
    ) -> Result<T, ReadError> {
        let mut tries = TryCount::default();
        loop {
            let permit = self.enter_as(Priority::Between).await;
            let permit = permit.map_err(ReadError::Halted)?;
            if permit.leave().await.is_err() {
                continue;
            }
            let stage = self.shared.gate.stage();
            let span = trace_span!(target: EXCHANGES, "read", tracking_id = Empty);
            let sent = self.send(permit, exchange, &call).instrument(span);
            let (answer, halt) = sent.await;
            if let Some(halt) = halt {
                return Err(ReadError::Halted(halt));
            }
            let hopeless = answer.outcome.cause().is_some_and(&is_hopeless);
            if !hopeless && self.again(&mut tries, &answer.outcome, stage).await {
                continue;
            }
            return match answer.outcome {
                Outcome::Done(value) => Ok(value),
                // It is about expired tokens, and no answer to the request.
                Outcome::Refused(Refusal::Unauthorized, cause) => {
                    Err(ReadError::Failed(Cause { http_status: None, ..cause }))
                }
                Outcome::Refused(_, cause)
                | Outcome::NotSent(cause)
                | Outcome::InDoubt(_, cause) => Err(ReadError::Failed(cause)),
            };
        }
    }

    async fn read_pages<T>(
        &self,
        exchange: Exchange,
        page: impl AsyncFn(&A, &A::Token, Option<&Url>, &OnHead<'_>) -> Answer<Page<T>>,
        is_hopeless: impl Fn(&Cause) -> bool,
    ) -> Result<(Vec<T>, usize), ReadError> {
        let (mut items, mut seen) = (Vec::new(), HashSet::new());
        let mut next: Option<Url> = None;
        let begun = Instant::now();
        let unusable = |text: String| {
            Err(ReadError::Failed(Cause {
                code: "bad_response".to_owned(),
                text,
                ..Cause::default()
            }))
        };
        loop {
            // Each page is accepted; but pages without end are no progress.
            if begun.elapsed() >= self.policy().max_stall {
                self.shared.gate.stall();
                self.go_on().map_err(ReadError::Halted)?;
            }
            let read = self
                .read(
                    exchange,
                    async |api, token, on_head| page(api, token, next.as_ref(), on_head).await,
                    &is_hopeless,
                )
                .await?;
            items.extend(read.items);
            match read.next {
                None => return Ok((items, seen.len() + 1)),
                Some(_) if items.len() >= MAX_ITEMS => {
                    return unusable(format!(
                        "the server's list has more than {MAX_ITEMS} entries and does not end; tell its support desk"
                    ));
                }
                Some(url) if seen.len() < MAX_PAGES && seen.insert(url.clone()) => next = Some(url),
                Some(_) => {
                    return unusable("the server's pages run in a circle".to_owned());
                }
            }
        }
    }
}
