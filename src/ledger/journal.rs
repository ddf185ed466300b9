//! Appending lines in groups: one flush makes all lines durable that came in meanwhile.

use std::{io, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::Disk;
use crate::text::system_says;

/// Why a line is not durable. Shared by all lines of its group.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", system_says(.0))]
pub struct JournalError(pub Arc<io::Error>);

struct JournalLine {
    line: Vec<u8>,
    durable: oneshot::Sender<Result<(), JournalError>>,
}

/// Takes lines and tells when they are durable.
#[derive(Debug, Clone)]
pub struct Journal(mpsc::UnboundedSender<JournalLine>);

/// The other end: puts the lines on the disk, for as long as [`JournalWriter::run`] is polled.
#[derive(Debug)]
pub struct JournalWriter<'d, D> {
    disk: &'d D,
    lines: mpsc::UnboundedReceiver<JournalLine>,
}

/// A journal that appends to `disk`, and the writer that does its work.
pub fn journal<D: Disk>(disk: &D) -> (Journal, JournalWriter<'_, D>) {
    let (sender, lines) = mpsc::unbounded_channel();
    (Journal(sender), JournalWriter { disk, lines })
}

impl Journal {
    /// Appends `line` and waits until it is durable. Lines are written in the order of the calls.
    ///
    /// # Errors
    /// What the disk said. The line may or may not be in the file then; it does not count as durable.
    pub async fn append(&self, line: Vec<u8>) -> Result<(), JournalError> {
        let (durable, done) = oneshot::channel();
        let gone = || JournalError(Arc::new(io::Error::other("the ledger is closed")));
        self.0
            .send(JournalLine { line, durable })
            .map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}

impl<D: Disk> JournalWriter<'_, D> {
    /// Works until every [`Journal`] is dropped, and says whether there was any line.
    pub async fn run(mut self) -> bool {
        let (mut group, mut has_written) = (Vec::new(), false);
        while self.lines.recv_many(&mut group, usize::MAX).await > 0 {
            has_written = true;
            let lines: Vec<&[u8]> = group.iter().map(|e: &JournalLine| &e.line[..]).collect();
            let written = self.disk.append_and_sync(lines.concat()).await;
            let result = written.map_err(|e| JournalError(Arc::new(e)));
            for entry in group.drain(..) {
                // Whoever no longer waits does not need to know.
                let _ = entry.durable.send(result.clone());
            }
        }
        has_written
    }
}
