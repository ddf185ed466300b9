//! What a 401 means, and the renewal of the token. A 401 is about the token, or about the one request (an organisation
//! for which the token may not act). A read with the same token after the 401 decides: if it is accepted the request is
//! refused for good, if not the token is renewed, once for all who wait.

use tokio::time::Instant;
use tracing::Instrument as _;

use super::{
    Halt, Session, SessionEvent, TryCount,
    in_flight::InFlight,
    token::{Generation, UnauthorizedCause, proves_accepted},
};
use crate::api::{Api, Cause, ListPage, ListQuery, Outcome, Refusal};
use request::ReportId;

impl<A: Api> Session<'_, A> {
    /// Renews the token if it is the cause; other tasks wait meanwhile. Fails if the session is over.
    pub(super) async fn resolve_unauthorized(
        &self,
        refused: Generation,
        cause: &Cause,
    ) -> Result<UnauthorizedCause, Halt> {
        let since = Instant::now();
        let _one = self.token.inquiry.lock().await;
        self.go_on()?;
        let (value, generation) = self.token.get();
        if generation != refused {
            return Ok(UnauthorizedCause::Token);
        }
        let taken = self.token.last_taken();
        if taken > Some(since) {
            return Ok(UnauthorizedCause::Request);
        }
        let closed = self.shared.gate.close();
        if let Some(value) = &value {
            if self.is_taken(value, generation).await? {
                return Ok(UnauthorizedCause::Request);
            }
            if generation > Generation::FIRST && taken.is_none() {
                return Err(self.halt(Halt::Credentials(cause.clone())));
            }
        }
        match self.ask_for_token(value.as_ref()).await {
            Ok(renewed) => self.token.replace(renewed),
            Err(halt) => return Err(self.halt(halt)),
        }
        drop(closed);
        (self.shared.listener)(&SessionEvent::Renewed);
        Ok(UnauthorizedCause::Token)
    }

    /// Tries the shortest list, then a report that does not exist; if both fail, the token counts as refused.
    async fn is_taken(&self, token: &A::Token, generation: Generation) -> Result<bool, Halt> {
        let nobodys = "no-such-report".parse().ok();
        for report in [None, nobodys.as_ref()] {
            let mut tries = TryCount::default();
            loop {
                let flight = self.depart_first().await?;
                let outcome = self.probe(token, report, &flight).await;
                if proves_accepted(&outcome) {
                    self.token.taken(generation, flight.left);
                    return Ok(true);
                }
                if matches!(outcome, Outcome::Refused(Refusal::Unauthorized, _)) {
                    return Ok(false);
                }
                let stage = flight.stage;
                drop(flight);
                if !self.again(&mut tries, &outcome, stage).await {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// Reads `report`, or the shortest list.
    async fn probe(
        &self,
        token: &A::Token,
        report: Option<&ReportId>,
        flight: &InFlight<'_>,
    ) -> Outcome<()> {
        let span = flight.span.clone();
        if let Some(id) = report {
            let answer = self.api.get(token, id, flight).instrument(span).await;
            flight.end(&answer);
            return answer.map(drop).outcome;
        }
        let query = ListQuery::default();
        let page = ListPage { query: &query, max: 1, next: None };
        let answer = self.api.list(token, page, flight).instrument(span).await;
        flight.end(&answer);
        answer.map(drop).outcome
    }

    async fn ask_for_token(&self, refused: Option<&A::Token>) -> Result<A::Token, Halt> {
        let mut tries = TryCount::default();
        loop {
            let flight = self.depart_first().await?;
            let answer = self.api.renew(refused, &flight).instrument(flight.span.clone()).await;
            flight.end(&answer);
            let stage = flight.stage;
            drop(flight);
            let for_good = matches!(answer.outcome, Outcome::Refused(Refusal::Unauthorized, _));
            if !for_good && self.again(&mut tries, &answer.outcome, stage).await {
                continue;
            }
            return match answer.outcome {
                Outcome::Done(token) => Ok(token),
                Outcome::Refused(_, cause)
                | Outcome::NotSent(cause)
                | Outcome::InDoubt(_, cause) => Err(Halt::Credentials(cause)),
            };
        }
    }
}
