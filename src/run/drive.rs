use std::{io, pin::pin, rc::Rc, sync::Arc, time::Duration};

use super::{
    Event, EventKind, Interrupt, StopReason,
    scheduler::{Creates, Scheduler},
    shared::{NewReports, OtherRuns, Shared},
};
use crate::{
    api::{Api, Cause},
    ledger::{Counts, Disk, JournalError, Ledger, Record, Row, RowIndex, journal},
    sending::{Session, Stats},
};

pub struct RunInput<'a, A: Api, D> {
    pub session: &'a Session<'a, A>,
    pub disk: &'a D,
    /// The rows to bring to their end, in order. None is created or waits for a decision.
    pub work: Vec<RowIndex>,
    /// Rows in doubt that were not selected and may be confused with a row of `work`: looked up, but not counted.
    pub doubts: Vec<RowIndex>,
    pub creates: Creates,
    pub other_runs: OtherRuns,
    /// The number of requests, selected or not.
    pub all: usize,
    /// Selected rows that need nothing, for the counts: created before, or waiting for a decision.
    pub idle: Counts,
    /// Nothing new is sent once this many rows of the run have failed.
    pub max_failures: Option<usize>,
    pub concurrency: usize,
    pub interrupt: Interrupt,
    pub on_event: Rc<dyn Fn(&Event) + 'a>,
}

#[derive(Debug)]
pub struct Finished {
    pub stop: Option<StopReason>,
    /// The selected rows by status.
    pub counts: Counts,
    /// Why look-ups failed, if any did.
    pub not_looked_up: Vec<Cause>,
    pub pace: Stats,
    pub elapsed: Duration,
    pub ledger: Ledger,
    pub unsaved: Option<Unsaved>,
}

#[derive(Debug)]
pub struct Unsaved {
    pub error: io::Error,
    /// Rows whose last line is not in the file.
    pub rows: Vec<Row>,
}

/// Brings rows to their end, or stops for a reason.
pub struct Run<'a, A: Api, D> {
    shared: Shared<'a, A>,
    input: RunInput<'a, A, D>,
}

impl<'a, A: Api, D: Disk> Run<'a, A, D> {
    /// `ledger` has every row that the run is about, in its final order; the disk has it already. The second value tells
    /// of new reports as they are created. Nothing is sent before [`Run::drive`].
    pub fn begin(ledger: Ledger, input: RunInput<'a, A, D>) -> (Self, NewReports) {
        let mut counts = input.idle;
        for place in &input.work {
            *counts.of(&ledger.row(*place).state) += 1;
        }
        let uncounted = input.doubts.iter().map(|place| ledger.row(*place).id()).collect();
        let (shared, new_reports) = Shared::new(&input, Record::new(ledger, counts, uncounted));
        (Run { shared, input }, new_reports)
    }

    pub fn shared(&self) -> &Shared<'a, A> {
        &self.shared
    }

    /// Sends what is to be sent. `collecting` works on the new reports meanwhile, and returns the rows whose last line is
    /// not on the disk. If one of the two stops, so does the other.
    pub async fn drive(&self, collecting: impl Future<Output = Vec<Row>>) -> Finished {
        let (shared, disk) = (&self.shared, self.input.disk);
        let (journal, writer) = journal(disk);
        shared.record.open(journal);
        let work = [&self.input.work[..], &self.input.doubts].concat();
        let creating = async {
            let result = Scheduler::new(shared, &self.input).drive(&work).await;
            shared.end_of_creates();
            result
        };
        let mut writing = pin!(writer.run());
        let (created, uncollected) = tokio::select! {
            biased;
            ended = async { tokio::join!(creating, collecting) } => ended,
            _ = &mut writing => unreachable!("the record holds a journal, so the writer does not end"),
        };
        let ledger = shared.record.close();
        // No line may be written after the file is complete.
        let has_written = writing.await;
        let saved = if has_written {
            disk.replace(ledger.to_csv()).await
        } else {
            disk.look().await // it is at rest, as it was given, if nobody else came
        };
        let stop = match (shared.stopping.reason(), &saved) {
            (stop @ Some(StopReason::Ledger(_)), _) | (stop, Ok(())) => stop,
            (_, Err(e)) => {
                let error = io::Error::new(e.kind(), e.to_string());
                Some(StopReason::Ledger(JournalError(Arc::new(error))))
            }
        };
        shared.emit(EventKind::Finished);
        Finished {
            stop,
            counts: shared.record.counts(),
            not_looked_up: created.not_looked_up,
            pace: shared.session.gate().stats(),
            elapsed: shared.elapsed(),
            ledger,
            unsaved: saved
                .err()
                .map(|error| Unsaved { error, rows: [created.unrecorded, uncollected].concat() }),
        }
    }
}
