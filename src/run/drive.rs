use std::{cell::RefCell, collections::HashSet, io, pin::pin, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};

use super::{
    Event, EventKind, Interrupt, StopReason,
    attempt::{BesideOthers, Shared},
    event::Emitter,
    scheduler::{Creates, Scheduler},
    stop::Stopping,
};
use crate::{
    api::{Api, Cause},
    inventory::Evidence,
    ledger::{Counts, Disk, JournalError, Ledger, Record, Row, RowIndex, State, journal},
    sending::{Session, Stats},
};

/// The input of a run.
pub struct RunInput<'a, 's, A: Api, D> {
    /// The session.
    pub session: &'a Session<'s, A>,
    /// Every row that the run is about, in its final order.
    pub ledger: Ledger,
    /// Where the ledger is kept. It has `ledger` already.
    pub disk: &'a D,
    /// The rows to bring to their end, in order. None is created or waits for a decision.
    pub work: Vec<RowIndex>,
    /// Rows in doubt that were not selected and may be confused with a row of `work`: looked up, but not counted.
    pub doubts: Vec<RowIndex>,
    /// Whether anything is sent.
    pub creates: Creates,
    /// Whether other runs may send at the same time.
    pub beside_others: BesideOthers,
    /// The number of requests, selected or not.
    pub all: usize,
    /// Selected rows that need nothing, for the counts: created before, or waiting for a decision.
    pub idle: Counts,
    /// Nothing new is sent once this many rows of the run have failed.
    pub max_failures: Option<usize>,
    /// The most requests in flight.
    pub concurrency: usize,
    /// Signals.
    pub interrupt: Interrupt,
    /// Receives each event.
    pub on_event: &'a dyn Fn(&Event),
}

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// Why it stopped early, if it did.
    pub stop: Option<StopReason>,
    /// The selected rows by status.
    pub counts: Counts,
    /// Why look-ups failed, if any did.
    pub not_looked_up: Vec<Cause>,
    /// The gate's counts.
    pub pace: Stats,
    /// The duration.
    pub elapsed: Duration,
    /// The ledger now, in memory.
    pub ledger: Ledger,
    /// Set if the file could not be completed.
    pub unsaved: Option<Unsaved>,
}

#[derive(Debug)]
pub struct Unsaved {
    pub error: io::Error,
    /// Rows whose last line is not in the file.
    pub rows: Vec<Row>,
}

/// Shared by everything that works on the rows of one run, on one thread.
pub struct Workbench<'r, 's, A: Api> {
    /// The session.
    pub session: &'r Session<'s, A>,
    /// The rows, and their lines on the disk.
    pub record: &'r Record<'r>,
    /// Whether the run stops, and why.
    pub stopping: &'r Stopping,
    /// Signals.
    pub interrupt: &'r Interrupt,
    watch: &'r Emitter<'r>,
}

impl<A: Api> Workbench<'_, '_, A> {
    /// Since the run began.
    pub fn elapsed(&self) -> Duration {
        self.watch.began.elapsed()
    }

    /// Emits an event.
    pub fn emit(&self, kind: EventKind) {
        self.watch.tell(self.session, self.record, kind);
    }
}

/// Selected rows that a run creates, one by one; it ends with the creates.
pub type NewReports = mpsc::UnboundedReceiver<RowIndex>;

/// Brings every row of `setup.work` to its end, or stops for a reason.
pub async fn run<A: Api, D: Disk>(setup: RunInput<'_, '_, A, D>) -> Finished {
    run_with(setup, async |_: Workbench<'_, '_, A>, _| Vec::new()).await
}

/// [`run`], while `beside` works on the created rows and returns those whose last line is not on the disk. If one of
/// the two stops, so does the other.
pub async fn run_with<A: Api, D: Disk>(
    setup: RunInput<'_, '_, A, D>,
    beside: impl AsyncFnOnce(Workbench<'_, '_, A>, NewReports) -> Vec<Row>,
) -> Finished {
    let RunInput {
        session,
        ledger,
        disk,
        mut work,
        doubts,
        creates,
        beside_others,
        all,
        idle,
        max_failures,
        concurrency,
        interrupt,
        on_event,
    } = setup;
    let began = Instant::now();
    let (journal, writer) = journal(disk);
    let mut counts = idle;
    for place in &work {
        *counts.of(&ledger.row(*place).state) += 1;
    }
    let uncounted: HashSet<_> = doubts.iter().map(|place| ledger.row(*place).id()).collect();
    let unselected = doubts.iter().copied().collect();
    work.extend(doubts);
    let given_up = ledger.rows().flat_map(|row| &row.replaces);
    let claimed = given_up.map(|id| (id.clone(), None)).collect();
    let undecided = ledger.rows().flat_map(|row| match &row.state {
        State::InDoubt { candidates, .. } => &candidates[..],
        _ => &[],
    });
    let candidates = undecided.cloned().collect();
    let now = || session.now();
    let record = Record::new(ledger, journal, counts, uncounted.clone(), &now);
    let stopping = Stopping::default();
    let (announcing, created) = mpsc::unbounded_channel();
    let announcing = RefCell::new(Some(announcing));
    let tell = |event: &Event| {
        if let EventKind::Settled(row) = &event.kind
            && matches!(row.state, State::Created(_))
            && !uncounted.contains(&row.id())
            && let Some(announcing) = &*announcing.borrow()
            && let Some(place) = record.ledger().place(row.id())
        {
            let _ = announcing.send(place); // nobody may want to know
        }
        on_event(event);
    };
    let watch = Emitter { began, on_event: &tell };
    let context = Shared {
        session,
        record: &record,
        stopping: &stopping,
        beside_others,
        watch: &watch,
        evidence: Evidence::default(),
        claimed: RefCell::new(claimed),
        candidates: RefCell::new(candidates),
    };
    let create = async {
        let scheduler = Scheduler::new(&context, (concurrency, all), creates, unselected);
        let scheduler = scheduler.until(max_failures);
        let outcome = scheduler.drive(&work, &interrupt).await;
        announcing.take();
        outcome
    };
    let bench = Workbench {
        session,
        record: &record,
        stopping: &stopping,
        interrupt: &interrupt,
        watch: &watch,
    };
    let beside = beside(bench, created);
    let mut writing = pin!(writer.run());
    let (outcome, unrecorded) = tokio::select! {
        biased;
        ended = async { tokio::join!(create, beside) } => ended,
        _ = &mut writing => unreachable!("the record holds a journal, so the writer does not end"),
    };
    let counts = record.counts();
    let ledger = record.into_ledger();
    // No line may be written after the file is complete.
    let has_written = writing.await;
    let saved =
        if has_written { disk.replace_with(&mut ledger.chunks()).await } else { disk.look().await };
    let stop = match (stopping.reason(), &saved) {
        (stop @ Some(StopReason::Ledger(_)), _) | (stop, Ok(())) => stop,
        (_, Err(e)) => Some(StopReason::Ledger(JournalError(Arc::new(io::Error::new(
            e.kind(),
            e.to_string(),
        ))))),
    };
    let finished = Finished {
        stop,
        counts,
        not_looked_up: outcome.not_looked_up,
        pace: session.gate().stats(),
        elapsed: began.elapsed(),
        ledger,
        unsaved: saved
            .err()
            .map(|error| Unsaved { error, rows: [outcome.unrecorded, unrecorded].concat() }),
    };
    on_event(&Event {
        at: session.now(),
        elapsed: finished.elapsed,
        counts,
        pace: finished.pace,
        kind: EventKind::Finished,
    });
    finished
}
