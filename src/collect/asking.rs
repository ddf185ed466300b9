//! Whether the server is being asked anything. While only files are fetched, or nothing but time is waited for, nothing
//! is held up by the server, however long that takes.

use std::cell::{Cell, RefCell};

use crate::pacing::{Gate, Idle};

/// How many questions are under way, and the gate's idle time between them.
#[derive(Debug)]
pub(super) struct Asking<'g> {
    gate: &'g Gate,
    open: Cell<usize>,
    idle: RefCell<Option<Idle<'g>>>,
}

/// A question under way, until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the question"]
pub(super) struct Question<'a, 'g>(&'a Asking<'g>);

impl<'g> Asking<'g> {
    pub(super) fn new(gate: &'g Gate) -> Self {
        Asking {
            gate,
            open: Cell::new(0),
            idle: RefCell::new(Some(gate.idle())),
        }
    }

    pub(super) fn begin(&self) -> Question<'_, 'g> {
        self.open.set(self.open.get() + 1);
        self.idle.take();
        Question(self)
    }
}

impl Drop for Question<'_, '_> {
    fn drop(&mut self) {
        let Asking { gate, open, idle } = self.0;
        open.set(open.get() - 1);
        if open.get() == 0 {
            idle.replace(Some(gate.idle()));
        }
    }
}
