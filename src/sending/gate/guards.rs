//! What holds the gate in a state until it is dropped.

use tokio::time::Instant;

use super::{Gate, Priority};

#[derive(Debug)]
#[must_use = "dropping it opens the gate"]
pub struct Closed<'g>(pub(super) &'g Gate);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.state().closed -= 1;
        self.0.changed.notify_waiters();
    }
}

#[derive(Debug)]
#[must_use = "dropping it ends the idle time"]
pub struct Idle<'g> {
    pub(super) gate: &'g Gate,
    pub(super) since: Instant,
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        let (now, mut state) = (Instant::now(), self.gate.state());
        if let Some(at) = &mut state.last_accepted {
            *at = (*at + (now - self.since)).min(now);
        }
    }
}

/// A request that waits for its turn.
pub(super) struct Turn<'g> {
    gate: &'g Gate,
    priority: Priority,
}

impl<'g> Turn<'g> {
    pub(super) fn begin(gate: &'g Gate, priority: Priority) -> Self {
        let mut state = gate.state();
        match priority {
            Priority::Ordinary => state.ordinary += 1,
            Priority::Between => state.between = Some(0),
            Priority::First => state.first += 1,
        }
        drop(state);
        Turn { gate, priority }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        match self.priority {
            Priority::Ordinary => state.ordinary -= 1,
            Priority::Between => state.between = None,
            Priority::First => state.first -= 1,
        }
        let others_wait = state.ordinary > 0 || state.between.is_some();
        drop(state);
        if others_wait {
            self.gate.changed.notify_waiters();
        }
    }
}
