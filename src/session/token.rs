//! The token in force.

use std::cell::RefCell;

use tokio::{sync::Mutex, time::Instant};

use crate::api::{Doubt, Outcome, Refusal};

/// The one place that knows which token is in force.
pub(super) struct CurrentToken<T> {
    state: RefCell<TokenState<T>>,
    /// One at a time finds out whose fault a 401 is, and renews.
    pub(super) inquiry: Mutex<()>,
}

struct TokenState<T> {
    /// `None` where only what it takes to get one was given.
    value: Option<T>,
    generation: Generation,
    /// When the last request left that the server took with it. One that was renewed and never taken is not renewed
    /// again.
    taken: Option<Instant>,
}

/// How many tokens were in force before this one. Each may belong to another person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Generation(u32);

impl Generation {
    /// The token that the conversation began with.
    pub(crate) const FIRST: Generation = Generation(0);

    /// Of the token after this one.
    pub(crate) fn next(self) -> Self {
        Generation(self.0 + 1)
    }
}

/// What a 401 was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnauthorizedCause {
    /// The token; there is a new one.
    Token,
    /// The request: the server takes the token for others.
    Request,
}

impl<T: Clone> CurrentToken<T> {
    pub(super) fn new(value: Option<T>) -> Self {
        CurrentToken {
            state: RefCell::new(TokenState {
                value,
                generation: Generation::FIRST,
                taken: None,
            }),
            inquiry: Mutex::new(()),
        }
    }

    pub(super) fn get(&self) -> (Option<T>, Generation) {
        let state = self.state.borrow();
        (state.value.clone(), state.generation)
    }

    /// The server took a request that left at `left`.
    pub(super) fn taken(&self, generation: Generation, left: Instant) {
        let mut state = self.state.borrow_mut();
        if state.generation == generation {
            state.taken = state.taken.max(Some(left));
        }
    }

    /// When the last request left that the server took with the token in force.
    pub(super) fn last_taken(&self) -> Option<Instant> {
        self.state.borrow().taken
    }

    pub(super) fn replace(&self, value: T) {
        let mut state = self.state.borrow_mut();
        *state = TokenState {
            value: Some(value),
            generation: state.generation.next(),
            taken: None,
        };
    }
}

/// Whether an outcome shows that the server took the token that came with the request. An error page and a
/// rate limit may come from something in between that never looked at it.
pub(super) fn proves_accepted<T>(outcome: &Outcome<T>) -> bool {
    matches!(
        outcome,
        Outcome::Done(_)
            | Outcome::InDoubt(Doubt::SaidYes, _)
            | Outcome::Refused(Refusal::Forbidden | Refusal::Conflict | Refusal::Final, _)
    )
}
