//! Appends lines in groups: one flush makes all lines durable that came in meanwhile.

use std::{io, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::Disk;
use crate::text::system_says;

/// Why a line is not durable. Shared by all lines of its group.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", system_says(.0))]
pub struct JournalError(pub Arc<io::Error>);

impl JournalError {
    pub(super) fn closed() -> Self {
        JournalError(Arc::new(io::Error::other("the ledger is closed")))
    }
}

struct JournalLine {
    line: Vec<u8>,
    durable: oneshot::Sender<Result<(), JournalError>>,
}

#[derive(Debug, Clone)]
pub struct Journal(mpsc::UnboundedSender<JournalLine>);

#[derive(Debug)]
pub struct JournalWriter<'d, D> {
    disk: &'d D,
    lines: mpsc::UnboundedReceiver<JournalLine>,
}

/// A journal that appends to `disk`, and its writer.
pub fn journal<D: Disk>(disk: &D) -> (Journal, JournalWriter<'_, D>) {
    let (sender, lines) = mpsc::unbounded_channel();
    (Journal(sender), JournalWriter { disk, lines })
}

impl Journal {
    /// Lines are written in the order of the calls; returns once `line` is durable. After an error it may be in the
    /// file.
    pub async fn append(&self, line: Vec<u8>) -> Result<(), JournalError> {
        let (durable, done) = oneshot::channel();
        self.0.send(JournalLine { line, durable }).map_err(|_| JournalError::closed())?;
        done.await.map_err(|_| JournalError::closed())?
    }
}

impl<D: Disk> JournalWriter<'_, D> {
    /// Works until every [`Journal`] is dropped. Returns whether there was any line.
    pub async fn run(mut self) -> bool {
        let (mut group, mut has_written) = (Vec::new(), false);
        while self.lines.recv_many(&mut group, usize::MAX).await > 0 {
            has_written = true;
            let lines: Vec<&[u8]> = group.iter().map(|e: &JournalLine| &e.line[..]).collect();
            let written = self.disk.append_and_sync(lines.concat()).await;
            let result = written.map_err(|e| JournalError(Arc::new(e)));
            for entry in group.drain(..) {
                // The receiver may have stopped waiting.
                let _ = entry.durable.send(result.clone());
            }
        }
        has_written
    }
}
