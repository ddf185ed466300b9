use std::cell::RefCell;

use tokio::{sync::Mutex, time::Instant};

use crate::api::{Outcome, Refusal};
use request::Doubt;

/// The one place that knows the current token.
pub(super) struct CurrentToken<T> {
    state: RefCell<TokenState<T>>,
    /// One task at a time finds out what a 401 means, and renews.
    pub(super) inquiry: Mutex<()>,
}

struct TokenState<T> {
    /// `None` if only the means to get one were given.
    value: Option<T>,
    generation: Generation,
    /// When the last accepted request left. A renewed token that was never accepted is not renewed again.
    taken: Option<Instant>,
}

/// The number of earlier tokens in this session. Each may belong to another person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Generation(u32);

impl Generation {
    pub(crate) const FIRST: Generation = Generation(0);

    pub(crate) fn next(self) -> Self {
        Generation(self.0 + 1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnauthorizedCause {
    Token,
    Request,
}

impl<T: Clone> CurrentToken<T> {
    pub(super) fn new(value: Option<T>) -> Self {
        CurrentToken {
            state: RefCell::new(TokenState { value, generation: Generation::FIRST, taken: None }),
            inquiry: Mutex::new(()),
        }
    }

    pub(super) fn get(&self) -> (Option<T>, Generation) {
        let state = self.state.borrow();
        (state.value.clone(), state.generation)
    }

    pub(super) fn taken(&self, generation: Generation, left: Instant) {
        let mut state = self.state.borrow_mut();
        if state.generation == generation {
            state.taken = state.taken.max(Some(left));
        }
    }

    pub(super) fn last_taken(&self) -> Option<Instant> {
        self.state.borrow().taken
    }

    pub(super) fn replace(&self, value: T) {
        let generation = self.get().1.next();
        self.state.replace(TokenState { value: Some(value), generation, taken: None });
    }
}

/// An error page or a rate limit may come from a proxy that never checked the token.
pub(super) fn proves_accepted<T>(outcome: &Outcome<T>) -> bool {
    matches!(
        outcome,
        Outcome::Done(_)
            | Outcome::InDoubt(Doubt::SaidYes, _)
            | Outcome::Refused(Refusal::Forbidden | Refusal::Conflict | Refusal::Final, _)
    )
}
