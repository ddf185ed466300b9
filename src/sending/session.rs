use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};
use tracing::{Span, field::Empty, trace_span};

use super::{
    Backoff, EXCHANGES, Halt, RetryContext, RetryDecision, SessionEvent, TryCount, WallClock,
    in_flight::{Exchange, InFlight, SessionCore},
    token::{CurrentToken, Generation, UnauthorizedCause, proves_accepted},
};
use crate::{
    api::{Answer, Api, Cause, LARGEST_PAGE, Outcome, Refusal},
    manifest::{Limits, RetryPolicy},
    sending::{Gate, MustWait, Priority, Slot, Stage, StopCause},
};
use request::{ReportId, Request};

pub struct Session<'a, A: Api> {
    pub(super) api: &'a A,
    policy: RetryPolicy,
    backoff: Backoff,
    pub(super) token: CurrentToken<A::Token>,
    pub(super) shared: SessionCore<'a>,
    pub(super) page_size: Cell<usize>,
    halted: RefCell<Option<Halt>>,
}

/// A slot of the gate, and the token to send with.
pub struct Permit<'s, T> {
    slot: Slot<'s>,
    token: T,
    generation: Generation,
}

impl<T> Permit<'_, T> {
    pub fn token(&self) -> Generation {
        self.generation
    }

    pub async fn leave(&self) -> Result<(), MustWait> {
        self.slot.leave().await
    }
}

/// A request on its way, with the token that it carries.
pub(super) struct Flight<'s, T> {
    pub(super) in_flight: InFlight<'s>,
    pub(super) token: T,
    generation: Generation,
}

impl<'a, A: Api> Session<'a, A> {
    /// A session that begins with `token`, or by requesting one.
    pub fn new(
        api: &'a A,
        token: Option<A::Token>,
        (limits, policy): (&Limits, &RetryPolicy),
        clock: &'a dyn WallClock,
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
                listener: Box::new(|_| {}),
                server_clock: Cell::default(),
                answers: Cell::default(),
                last_failure: RefCell::default(),
            },
            page_size: Cell::new(LARGEST_PAGE),
            halted: RefCell::default(),
        }
    }

    /// `listener` must store a pause for the next process before it returns.
    pub fn telling(mut self, listener: impl Fn(&SessionEvent) + 'a) -> Self {
        self.shared.listener = Box::new(listener);
        self
    }

    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    pub fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    pub fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// The context for [`TryCount`] of a request that left when the breaker was at `stage`.
    pub fn around(&self, stage: Stage) -> RetryContext<'_> {
        RetryContext {
            max_attempts: self.policy.max_attempts.get(),
            stage,
            accepted: self.shared.gate.stats().accepted,
            backoff: &self.backoff,
        }
    }

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
            let slot = self.slot(priority).await?;
            self.go_on()?;
            let (token, generation) = self.token.get();
            let Some(token) = token else {
                drop(slot);
                Box::pin(self.resolve_unauthorized(generation, &Cause::default())).await?;
                continue;
            };
            return Ok(Permit { slot, token, generation });
        }
    }

    async fn slot(&self, priority: Priority) -> Result<Slot<'_>, Halt> {
        let entered = self.shared.gate.enter(priority).await;
        entered.map_err(|cause| self.stopped_by(cause))
    }

    /// Sends one create, once. After [`Refusal::Unauthorized`] the token has been renewed, or the halt says why not; a
    /// 401 about the request is [`Refusal::Final`]. [`Permit::leave`] must have succeeded just before.
    pub async fn create(
        &self,
        permit: Permit<'_, A::Token>,
        request: &Request,
    ) -> (Answer<ReportId>, Option<Halt>) {
        let flight = self.depart(permit, Exchange::Plain, Span::current());
        let answer = self.api.create(&flight.token, request, &flight.in_flight).await;
        self.arrive(flight, answer).await
    }

    /// It leaves now, and holds its slot until it arrives or is dropped.
    pub(super) fn depart<'s>(
        &'s self,
        permit: Permit<'s, A::Token>,
        exchange: Exchange,
        span: Span,
    ) -> Flight<'s, A::Token> {
        let Permit { slot, token, generation } = permit;
        let in_flight = InFlight::new(&self.shared, slot, exchange, span);
        Flight { in_flight, token, generation }
    }

    /// What an answer teaches: the gate, the server clock, and whether the token is accepted.
    pub(super) async fn arrive<T>(
        &self,
        flight: Flight<'_, A::Token>,
        mut answer: Answer<T>,
    ) -> (Answer<T>, Option<Halt>) {
        flight.in_flight.end(&answer);
        let Flight { in_flight, generation, .. } = flight;
        if proves_accepted(&answer.outcome) {
            self.token.taken(generation, in_flight.left);
        }
        drop(in_flight);
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

    /// An exchange without the current token, or about it, leaves as soon as it may, before all others.
    pub(super) async fn depart_first(&self) -> Result<InFlight<'_>, Halt> {
        loop {
            let slot = self.slot(Priority::First).await?;
            if slot.leave().await.is_ok() {
                let span = trace_span!(target: EXCHANGES, "credentials", tracking_id = Empty);
                return Ok(InFlight::new(&self.shared, slot, Exchange::Plain, span));
            }
        }
    }

    pub(super) async fn again<T>(
        &self,
        tries: &mut TryCount,
        outcome: &Outcome<T>,
        stage: Stage,
    ) -> bool {
        let wait = match tries.after(outcome, &self.around(stage)) {
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
