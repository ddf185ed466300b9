//! The gate is idle while no request to the API is in flight, however long files take.

use std::cell::{Cell, RefCell};

use crate::sending::{Gate, Idle};

#[derive(Debug)]
pub(super) struct IdleGuard<'g> {
    gate: &'g Gate,
    open: Cell<usize>,
    idle: RefCell<Option<Idle<'g>>>,
}

/// Lasts until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the question"]
pub(super) struct OpenRead<'a, 'g>(&'a IdleGuard<'g>);

impl<'g> IdleGuard<'g> {
    pub(super) fn new(gate: &'g Gate) -> Self {
        IdleGuard { gate, open: Cell::new(0), idle: RefCell::new(Some(gate.idle())) }
    }

    pub(super) fn begin(&self) -> OpenRead<'_, 'g> {
        self.open.set(self.open.get() + 1);
        self.idle.take();
        OpenRead(self)
    }
}

impl Drop for OpenRead<'_, '_> {
    fn drop(&mut self) {
        let IdleGuard { gate, open, idle } = self.0;
        open.set(open.get() - 1);
        if open.get() == 0 {
            idle.replace(Some(gate.idle()));
        }
    }
}
