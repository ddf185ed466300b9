//! What a 401 means, and the renewal of the token. A 401 is about the token, or about the one request (an organisation
//! for which the token may not act). A read with the same token after the 401 decides: if it is accepted the request is
//! refused for good, if not the token is renewed, once for all who wait.

use tokio::time::Instant;

use super::{
    Halt, Session, SessionEvent, TryCount,
    token::{Generation, UnauthorizedCause, proves_accepted},
};
use crate::{
    api::{Answer, Api, Cause, ListQuery, OnHead, Outcome, Refusal},
    sending::Priority,
};

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
        let query = ListQuery::default();
        let list = async |api: &A, on_head: &OnHead<'_>| {
            let answer = api.list(token, &query, 1, None, on_head).await;
            answer.map(|_| ())
        };
        let told = self.proves_accepted_by(generation, list).await?;
        if let (None, Ok(nobodys)) = (told, "no-such-report".parse()) {
            let get = async |api: &A, on_head: &OnHead<'_>| {
                let answer = api.get(token, &nobodys, on_head).await;
                answer.map(|_| ())
            };
            return Ok(self.proves_accepted_by(generation, get).await? == Some(true));
        }
        Ok(told == Some(true))
    }

    async fn proves_accepted_by(
        &self,
        generation: Generation,
        read: impl AsyncFn(&A, &OnHead<'_>) -> Answer<()>,
    ) -> Result<Option<bool>, Halt> {
        let mut tries = TryCount::default();
        loop {
            let stage = self.shared.gate.stage();
            let (answer, left) = self.exchange(Priority::First, &read).await?;
            if proves_accepted(&answer.outcome) {
                self.token.taken(generation, left);
                return Ok(Some(true));
            }
            if matches!(answer.outcome, Outcome::Refused(Refusal::Unauthorized, _)) {
                return Ok(Some(false));
            }
            if !self.again(&mut tries, &answer.outcome, stage).await {
                return Ok(None);
            }
        }
    }

    async fn ask_for_token(&self, refused: Option<&A::Token>) -> Result<A::Token, Halt> {
        let mut tries = TryCount::default();
        loop {
            let stage = self.shared.gate.stage();
            let (answer, _) = self
                .exchange(Priority::First, async |api, on_head| api.renew(refused, on_head).await)
                .await?;
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
