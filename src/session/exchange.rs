//! Exchanges through the gate, and the renewal of credentials.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use url::Url;

use super::{Backoff, ServerClock, WallClock};
use crate::{
    api::{Answer, Api, Cause, ListQuery, Listed, Notice, Outcome, Page, Refusal, WaitKind},
    pacing::{Feedback, Gate, HeldBack, Pass, Priority, Stage, StopCause},
    request::ReportId,
    settings::{Limits, RetryPolicy},
};

/// Why the whole conversation is over.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    /// The gate lets nothing leave any more.
    Pacing(StopCause),
    /// The credentials were refused and cannot be renewed.
    Credentials(Cause),
}

/// Why a read came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadError {
    /// Nothing leaves any more.
    Halted(Halt),
    /// The server refused it, or did not answer however often it was asked.
    Failed(Cause),
}

/// Something that concerns all requests together.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// A wait was announced: nothing leaves before `until` (local clock).
    Paused {
        /// The status that announced it.
        status: Option<u16>,
        /// How long.
        wait: Duration,
        /// When it ends.
        until: DateTime<Utc>,
    },
    /// Requests fail one after the other: the breaker slows, or probes with one at a time.
    Failing {
        /// How many in a row.
        failures: u32,
        /// How the last one failed.
        cause: Cause,
    },
    /// The credentials were renewed.
    Renewed,
}

/// Hears [`News`] as it comes. What it has to keep (a pause, for the next process) it keeps before it returns.
pub type Listener<'a> = dyn Fn(&News) + 'a;

/// How often a busy answer may come for one read before it counts as a failed try.
const PATIENCE: u32 = 5;
/// A list with more pages is taken for one that runs in a circle.
const MAX_PAGES: usize = 10_000;

/// One conversation with one server.
pub struct Session<'a, A: Api> {
    api: &'a A,
    gate: Gate,
    policy: RetryPolicy,
    backoff: Backoff,
    clock: &'a dyn WallClock,
    listener: &'a Listener<'a>,
    token: RefCell<Token<A::Token>>,
    renewal: Mutex<()>,
    server_clock: Cell<ServerClock>,
    halted: RefCell<Option<Halt>>,
}

struct Token<T> {
    /// `None` where only what it takes to get one was given.
    value: Option<T>,
    generation: u32,
    /// Whether the server has ever taken it. One that was renewed and never taken is not renewed again.
    taken: bool,
}

/// Leave to send one request with the token in force.
pub struct Permit<'s, T> {
    pass: Pass<'s>,
    /// What to authorise it with.
    pub token: T,
    generation: u32,
}

impl<T> Permit<'_, T> {
    /// The last look before the request leaves: see [`Pass::leave`].
    ///
    /// # Errors
    /// A wait was announced meanwhile.
    pub async fn leave(&self) -> Result<(), HeldBack> {
        self.pass.leave().await
    }
}

impl<'a, A: Api> Session<'a, A> {
    /// A conversation that begins with `token`, or by asking for one.
    pub fn new(
        api: &'a A,
        token: Option<A::Token>,
        (limits, policy): (&Limits, &RetryPolicy),
        clock: &'a dyn WallClock,
        listener: &'a Listener<'a>,
        seed: u64,
    ) -> Self {
        Session {
            api,
            gate: Gate::new(limits, policy),
            policy: policy.clone(),
            backoff: Backoff::new(policy, seed),
            clock,
            listener,
            token: RefCell::new(Token {
                value: token,
                generation: 0,
                taken: false,
            }),
            renewal: Mutex::new(()),
            server_clock: Cell::default(),
            halted: RefCell::default(),
        }
    }

    /// The API itself.
    pub fn api(&self) -> &'a A {
        self.api
    }

    /// The gate that all exchanges pass.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// How patiently to try.
    pub fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    /// How long to wait between tries.
    pub fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// The local wall clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The server's clock where an answer told it, else the local one.
    pub fn server_now(&self) -> DateTime<Utc> {
        self.server_clock
            .get()
            .now(Instant::now())
            .unwrap_or_else(|| self.clock.now())
    }

    /// Why nothing leaves any more, once that is so.
    pub fn halted(&self) -> Option<Halt> {
        let halted = self.halted.borrow().clone();
        halted.or_else(|| self.gate.stopped().map(Halt::Pacing))
    }

    /// Waits until a request may go on.
    ///
    /// # Errors
    /// Nothing will leave any more.
    pub async fn enter(&self) -> Result<Permit<'_, A::Token>, Halt> {
        loop {
            self.go_on()?;
            let pass = self
                .gate
                .enter(Priority::Ordinary)
                .await
                .map_err(Halt::Pacing)?;
            self.go_on()?;
            let (token, generation) = {
                let token = self.token.borrow();
                (token.value.clone(), token.generation)
            };
            let Some(token) = token else {
                drop(pass);
                self.renew(generation, &Cause::default()).await?;
                continue;
            };
            return Ok(Permit {
                pass,
                token,
                generation,
            });
        }
    }

    fn go_on(&self) -> Result<(), Halt> {
        self.halted().map_or(Ok(()), Err)
    }

    /// Tells gate and clock what an answer says. Renews the credentials where it was 401; the request itself may
    /// then be sent again.
    ///
    /// # Errors
    /// The credentials were refused for good.
    pub async fn answered<T>(
        &self,
        permit: Permit<'_, A::Token>,
        answer: &Answer<T>,
    ) -> Result<(), Halt> {
        let Permit {
            pass, generation, ..
        } = permit;
        self.note(pass, answer);
        if let Outcome::Refused(Refusal::Unauthorized, cause) = &answer.outcome {
            return self.renew(generation, cause).await;
        }
        if answer.notice.status.is_some() {
            let mut token = self.token.borrow_mut();
            token.taken |= token.generation == generation;
        }
        Ok(())
    }

    fn note<T>(&self, pass: Pass<'_>, answer: &Answer<T>) {
        let Notice {
            date,
            retry_after,
            budget,
            status,
            ..
        } = answer.notice;
        if let Some(date) = date {
            let mut clock = self.server_clock.get();
            clock.observe(Instant::now(), date);
            self.server_clock.set(clock);
        }
        let feedback = feedback(answer);
        let before = self.gate.stats().paused_until;
        let stage = self.gate.stage();
        pass.answered(feedback, budget);
        if let Outcome::NotSent(cause) | Outcome::InDoubt(_, cause) = &answer.outcome
            && self.gate.stage() > stage
        {
            (self.listener)(&News::Failing {
                failures: self.gate.failures(),
                cause: cause.clone(),
            });
        }
        // Any answer may announce a wait, also one that was accepted.
        let announced = !matches!(feedback, Feedback::RateLimited(_) | Feedback::Busy(_));
        if let Some(wait) = retry_after.filter(|wait| announced && !wait.is_zero()) {
            self.gate.hold(wait);
        }
        let after = self.gate.stats().paused_until;
        if let Some(until) = after.filter(|until| before.is_none_or(|before| *until > before)) {
            let wait = until.saturating_duration_since(Instant::now());
            (self.listener)(&News::Paused {
                status,
                wait,
                until: self.clock.now() + wait,
            });
        }
    }

    /// One renewal for all: whoever comes while it is under way waits for it, and who comes after it finds the
    /// new token in force.
    async fn renew(&self, refused: u32, cause: &Cause) -> Result<(), Halt> {
        let _one = self.renewal.lock().await;
        self.go_on()?;
        let (token, worth_it) = {
            let token = self.token.borrow();
            if token.generation != refused {
                return Ok(());
            }
            (token.value.clone(), token.generation == 0 || token.taken)
        };
        if !worth_it {
            return Err(self.halt(Halt::Credentials(cause.clone())));
        }
        self.gate.close();
        let renewed = self.ask_for_token(token.as_ref()).await;
        let result = match renewed {
            Ok(value) => {
                let mut token = self.token.borrow_mut();
                token.value = Some(value);
                token.generation += 1;
                token.taken = false;
                Ok(())
            }
            Err(halt) => Err(self.halt(halt)),
        };
        self.gate.open();
        if result.is_ok() {
            (self.listener)(&News::Renewed);
        }
        result
    }

    async fn ask_for_token(&self, refused: Option<&A::Token>) -> Result<A::Token, Halt> {
        let mut tries = 0;
        loop {
            let pass = self
                .gate
                .enter(Priority::First)
                .await
                .map_err(Halt::Pacing)?;
            if pass.leave().await.is_err() {
                continue;
            }
            let answer = self.api.renew(refused).await;
            self.note(pass, &answer);
            let cause = match answer.outcome {
                Outcome::Done(token) => return Ok(token),
                Outcome::Refused(Refusal::Wait(_), _) => continue,
                Outcome::Refused(Refusal::Locked, cause)
                | Outcome::NotSent(cause)
                | Outcome::InDoubt(_, cause) => cause,
                Outcome::Refused(_, cause) => return Err(Halt::Credentials(cause)),
            };
            tries += 1;
            if tries >= self.policy.max_attempts.get() {
                return Err(Halt::Credentials(cause));
            }
            sleep(self.backoff.after(tries)).await;
        }
    }

    /// The first reason counts.
    fn halt(&self, halt: Halt) -> Halt {
        self.halted.borrow_mut().get_or_insert(halt).clone()
    }

    /// An exchange that changes nothing, tried until the server answers it.
    ///
    /// # Errors
    /// Refused, not answered after `retry.max_attempts` tries, or nothing leaves any more.
    pub async fn read<T>(
        &self,
        call: impl AsyncFn(&A, &A::Token) -> Answer<T>,
    ) -> Result<T, ReadError> {
        let (mut tries, mut busy) = (0, 0);
        loop {
            let permit = self.enter().await.map_err(ReadError::Halted)?;
            if permit.leave().await.is_err() {
                continue;
            }
            let stage = self.gate.stage();
            let answer = call(self.api, &permit.token).await;
            self.answered(permit, &answer)
                .await
                .map_err(ReadError::Halted)?;
            let (counts, cause) = match answer.outcome {
                Outcome::Done(value) => return Ok(value),
                Outcome::Refused(Refusal::Unauthorized | Refusal::Wait(WaitKind::RateLimit), _) => {
                    continue;
                }
                Outcome::Refused(Refusal::Wait(WaitKind::Busy), cause) => {
                    busy += 1;
                    (busy > PATIENCE, cause)
                }
                // While the breaker slows or probes it does the counting.
                Outcome::NotSent(cause) => (stage == Stage::Closed, cause),
                Outcome::Refused(Refusal::Locked, cause) | Outcome::InDoubt(_, cause) => {
                    (true, cause)
                }
                Outcome::Refused(_, cause) => return Err(ReadError::Failed(cause)),
            };
            tries += u32::from(counts);
            if tries >= self.policy.max_attempts.get() {
                return Err(ReadError::Failed(cause));
            }
            if busy == 0 || counts {
                sleep(self.backoff.after(tries.max(1))).await;
            }
        }
    }

    /// All pages of something.
    ///
    /// # Errors
    /// As [`Session::read`], for any page; and a list that never ends.
    pub async fn read_pages<T>(
        &self,
        page: impl AsyncFn(&A, &A::Token, Option<&Url>) -> Answer<Page<T>>,
    ) -> Result<Vec<T>, ReadError> {
        let (mut items, mut seen) = (Vec::new(), HashSet::new());
        let mut next: Option<Url> = None;
        loop {
            let read = self
                .read(async |api, token| page(api, token, next.as_ref()).await)
                .await?;
            items.extend(read.items);
            match read.next {
                None => return Ok(items),
                Some(url) if seen.len() < MAX_PAGES && seen.insert(url.clone()) => next = Some(url),
                Some(_) => {
                    return Err(ReadError::Failed(Cause {
                        code: "bad_response".to_owned(),
                        text: "the server's pages run in a circle".to_owned(),
                        ..Cause::default()
                    }));
                }
            }
        }
    }

    /// All reports that `query` lists.
    ///
    /// # Errors
    /// As [`Session::read_pages`].
    pub async fn list(&self, query: &ListQuery) -> Result<Vec<Listed>, ReadError> {
        self.read_pages(async |api: &A, token, next| api.list(token, query, next).await)
            .await
    }

    /// One report; `None` where the server does not have it.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub async fn get(&self, id: &ReportId) -> Result<Option<Listed>, ReadError> {
        self.read(async |api: &A, token| api.get(token, id).await)
            .await
    }

    /// Makes sure that the server's clock is known, where the server tells it at all, by one cheap list. Whatever
    /// it answers is good enough, but it has to answer: an intent that is dated by a local clock that runs ahead
    /// would make our own report look older than it.
    ///
    /// # Errors
    /// Nothing leaves any more. A server that never answers ends this, like everything, at the breaker.
    pub async fn learn_time(&self, query: &ListQuery) -> Result<(), Halt> {
        while !self.server_clock.get().is_known() {
            let read = self
                .read(async |api: &A, token| api.list(token, query, None).await)
                .await;
            match read {
                Err(ReadError::Halted(halt)) => return Err(halt),
                Err(ReadError::Failed(cause)) if cause.http_status.is_none() => {}
                Ok(_) | Err(ReadError::Failed(_)) => break,
            }
        }
        Ok(())
    }
}

/// What an answer means for the pace.
fn feedback<T>(answer: &Answer<T>) -> Feedback {
    let announced = answer.notice.retry_after;
    match &answer.outcome {
        Outcome::Refused(Refusal::Wait(WaitKind::RateLimit), _) => Feedback::RateLimited(announced),
        Outcome::Refused(Refusal::Wait(WaitKind::Busy), _) => {
            Feedback::Busy(announced.unwrap_or_default())
        }
        Outcome::NotSent(_) => Feedback::Failed,
        Outcome::InDoubt(..) => match answer.notice.status {
            Some(status) if status < 500 && status != 408 => Feedback::Accepted,
            _ => Feedback::Failed,
        },
        Outcome::Done(_) | Outcome::Refused(..) => Feedback::Accepted,
    }
}
