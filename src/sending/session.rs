use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, field::Empty, trace_span};

use super::{
    Backoff, EXCHANGES, Halt, Listener, RetryContext, RetryDecision, SessionEvent, TryCount,
    WallClock,
    in_flight::{Exchange, InFlight, SessionCore},
    token::{CurrentToken, Generation, UnauthorizedCause, proves_accepted},
};
use crate::{
    api::{Answer, Api, Cause, LARGEST_PAGE, Notice, OnHead, Outcome, Refusal},
    manifest::{Limits, RetryPolicy},
    sending::{Gate, MustWait, Priority, Slot, Stage, StopCause},
};
use request::{ReportId, Request};

/// A session with one server.
pub struct Session<'a, A: Api> {
    api: &'a A,
    policy: RetryPolicy,
    backoff: Backoff,
    pub(super) token: CurrentToken<A::Token>,
    pub(super) shared: SessionCore<'a>,
    pub(super) page_size: Cell<usize>,
    halted: RefCell<Option<Halt>>,
}

pub struct Permit<'s, T> {
    pass: Slot<'s>,
    token: T,
    generation: Generation,
}

impl<T> Permit<'_, T> {
    pub fn token(&self) -> Generation {
        self.generation
    }

    pub async fn leave(&self) -> Result<(), MustWait> {
        self.pass.leave().await
    }
}

impl<'a, A: Api> Session<'a, A> {
    /// A session that begins with `token`, or by requesting one.
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
            policy: policy.clone(),
            backoff: Backoff::new(policy, seed),
            token: CurrentToken::new(token),
            shared: SessionCore {
                gate: Gate::new(limits, policy),
                clock,
                listener,
                server_clock: Cell::default(),
                answers: Cell::default(),
                last_failure: RefCell::default(),
            },
            page_size: Cell::new(LARGEST_PAGE),
            halted: RefCell::default(),
        }
    }

    /// The gate that all exchanges pass.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// The retry policy.
    pub fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    /// The waits between tries.
    pub fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// The context for [`TryCount`] of a request that left when the breaker was at `stage`.
    pub fn around<'b>(
        &self,
        stage: Stage,
        backoff: &'b dyn Fn(u32) -> Duration,
    ) -> RetryContext<'b> {
        RetryContext {
            max_attempts: self.policy.max_attempts.get(),
            stage,
            accepted: self.shared.gate.stats().accepted,
            backoff,
        }
    }

    /// The generation of the current token.
    pub fn token_in_use(&self) -> Generation {
        self.token.get().1
    }

    /// The local wall clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
    }

    /// The server clock if it is known, else the local one.
    pub fn server_now(&self) -> DateTime<Utc> {
        self.told_time().unwrap_or_else(|| self.now())
    }

    pub(super) fn told_time(&self) -> Option<DateTime<Utc>> {
        let clock = self.shared.server_clock.get();
        clock.now(Instant::now(), self.now())
    }

    /// Whether the server clock was known and is not any more: the computer slept, or its clock was set.
    pub fn has_lost_the_time(&self) -> bool {
        let clock = self.shared.server_clock.get();
        clock.is_lost(Instant::now(), self.now())
    }

    /// Why nothing leaves any more, if so.
    pub fn halted(&self) -> Option<Halt> {
        let halted = self.halted.borrow().clone();
        halted.or_else(|| self.shared.gate.stopped().map(|cause| self.stopped_by(cause)))
    }

    fn stopped_by(&self, cause: StopCause) -> Halt {
        let last = self.shared.last_failure.borrow().clone();
        match (cause, last) {
            (StopCause::ServerDown { failures }, Some(cause)) => Halt::Down { failures, cause },
            (cause, _) => Halt::Pacing(cause),
        }
    }

    pub(super) fn go_on(&self) -> Result<(), Halt> {
        self.halted().map_or(Ok(()), Err)
    }

    pub(super) fn halt(&self, halt: Halt) -> Halt {
        self.halted.borrow_mut().get_or_insert(halt).clone()
    }

    /// Waits until a request may go on, or nothing will leave any more.
    pub async fn enter(&self) -> Result<Permit<'_, A::Token>, Halt> {
        self.enter_as(Priority::Ordinary).await
    }

    pub(super) async fn enter_as(&self, priority: Priority) -> Result<Permit<'_, A::Token>, Halt> {
        loop {
            self.go_on()?;
            let pass =
                self.shared.gate.enter(priority).await.map_err(|cause| self.stopped_by(cause))?;
            self.go_on()?;
            let (token, generation) = self.token.get();
            let Some(token) = token else {
                drop(pass);
                Box::pin(self.resolve_unauthorized(generation, &Cause::default())).await?;
                continue;
            };
            return Ok(Permit { pass, token, generation });
        }
    }

    /// Sends one create, once. After [`Refusal::Unauthorized`] the token has been renewed, or the halt says why not; a
    /// 401 about the request is [`Refusal::Final`]. [`Permit::leave`] must have succeeded just before.
    pub async fn create(
        &self,
        permit: Permit<'_, A::Token>,
        request: &Request,
    ) -> (Answer<ReportId>, Option<Halt>) {
        self.send(permit, Exchange::Plain, async |api, token, on_head| {
            api.create(token, request, on_head).await
        })
        .await
    }

    pub(super) async fn send<T>(
        &self,
        permit: Permit<'_, A::Token>,
        exchange: Exchange,
        call: impl AsyncFn(&A, &A::Token, &OnHead<'_>) -> Answer<T>,
    ) -> (Answer<T>, Option<Halt>) {
        let Permit { pass, token, generation } = permit;
        let left = Instant::now();
        let in_flight = InFlight::new(&self.shared, pass, exchange);
        let mut answer = call(self.api, &token, &|notice| in_flight.head(notice)).await;
        in_flight.end(&answer);
        if proves_accepted(&answer.outcome) {
            self.token.taken(generation, left);
        }
        let Outcome::Refused(Refusal::Unauthorized, cause) = &answer.outcome else {
            return (answer, None);
        };
        // On the heap, since it is rare and large: the rest is moved for each create.
        match Box::pin(self.resolve_unauthorized(generation, cause)).await {
            Ok(UnauthorizedCause::Token) => (answer, None),
            Ok(UnauthorizedCause::Request) => {
                answer.outcome = Outcome::Refused(Refusal::Final, cause.clone());
                (answer, None)
            }
            Err(halt) => (answer, Some(halt)),
        }
    }

    /// One exchange without the current token, or about it. Returns the answer and when the request left.
    pub(super) async fn exchange<T>(
        &self,
        priority: Priority,
        call: impl AsyncFn(&A, &OnHead<'_>) -> Answer<T>,
    ) -> Result<(Answer<T>, Instant), Halt> {
        loop {
            let pass =
                self.shared.gate.enter(priority).await.map_err(|cause| self.stopped_by(cause))?;
            if pass.leave().await.is_err() {
                continue;
            }
            let left = Instant::now();
            let in_flight = InFlight::new(&self.shared, pass, Exchange::Plain);
            let span = trace_span!(target: EXCHANGES, "credentials", tracking_id = Empty);
            let on_head = |notice: &Notice| in_flight.head(notice);
            let answer = call(self.api, &on_head).instrument(span.clone()).await;
            span.in_scope(|| in_flight.end(&answer));
            return Ok((answer, left));
        }
    }

    pub(super) async fn again<T>(
        &self,
        tries: &mut TryCount,
        outcome: &Outcome<T>,
        stage: Stage,
    ) -> bool {
        let backoff = |tries| self.backoff.after(tries);
        let around = self.around(stage, &backoff);
        let wait = match tries.after(outcome, &around) {
            RetryDecision::Never => return false,
            RetryDecision::AtOnce => return true,
            RetryDecision::After(wait) => wait,
            RetryDecision::Last => self.backoff.after(tries.counted()),
        };
        if let Some(cause) = outcome.cause() {
            self.tell_retry(cause, wait);
        }
        sleep(wait).await;
        true
    }

    pub(super) fn tell_retry(&self, cause: &Cause, after: Duration) {
        let cause = cause.clone();
        (self.shared.listener)(&SessionEvent::Retrying { cause, after });
    }
}
