//! The word that nothing more is to begin.

use std::cell::Cell;

use tokio::sync::Notify;

/// Tells rows that are under way that nothing more is to begin.
#[derive(Debug, Default)]
pub(super) struct Stopped {
    stopped: Cell<bool>,
    told: Notify,
}

impl Stopped {
    pub(super) fn stop(&self) {
        self.stopped.set(true);
        self.told.notify_waiters();
    }

    pub(super) async fn wait(&self) {
        loop {
            let told = self.told.notified();
            if self.stopped.get() {
                return;
            }
            told.await;
        }
    }
}
