//! One run, from a prepared ledger to a ledger at rest.

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
    pacing::Stats,
    session::Session,
};

/// What a run is given.
pub struct RunInput<'a, 's, A: Api, D> {
    /// The conversation with the server.
    pub session: &'a Session<'s, A>,
    /// The rows: every one that the run is about stands in it, in the order in which it will be at rest.
    pub ledger: Ledger,
    /// Where the ledger is kept. It holds `ledger` already.
    pub disk: &'a D,
    /// Places in the ledger of the rows to bring to their end, in order. None of them is created, or awaits
    /// a decision.
    pub work: Vec<RowIndex>,
    /// Places of rows that were not selected and are in doubt, and that a row of `work` could be taken for: they are
    /// looked up too, and not counted.
    pub doubts: Vec<RowIndex>,
    /// Whether anything is sent.
    pub creates: Creates,
    /// Whether other runs may be sending at the same time.
    pub beside_others: BesideOthers,
    /// How many requests there are in all, selected or not.
    pub all: usize,
    /// How many selected rows need nothing, for the counts: created before, and waiting for a decision.
    pub idle: Counts,
    /// Nothing new is sent once so many rows of this run have failed.
    pub max_failures: Option<usize>,
    /// How many requests may be in flight together.
    pub concurrency: usize,
    /// Signals.
    pub interrupt: Interrupt,
    /// Hears what happens.
    pub on_event: &'a dyn Fn(&Event),
}

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// Why it stopped early, if it did.
    pub stop: Option<StopReason>,
    /// The selected rows by what became of them.
    pub counts: Counts,
    /// Why doubts could not be looked up, where that happened.
    pub not_looked_up: Vec<Cause>,
    /// What the gate counted.
    pub pace: Stats,
    /// How long it took.
    pub elapsed: Duration,
    /// The ledger as it is now, in memory.
    pub ledger: Ledger,
    /// Set where the file could not be brought to rest.
    pub unsaved: Option<Unsaved>,
}

/// A ledger that could not be written at the end of a run.
#[derive(Debug)]
pub struct Unsaved {
    /// What the disk said.
    pub error: io::Error,
    /// Rows whose last line is not in the file.
    pub rows: Vec<Row>,
}

/// What all that works on the rows of one run shares. Everything runs on one thread.
pub struct Workbench<'r, 's, A: Api> {
    /// The conversation with the server.
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

    /// Tells those who watch.
    pub fn emit(&self, kind: EventKind) {
        self.watch.tell(self.session, self.record, kind);
    }
}

/// Places of the selected rows that a run creates, one by one; it ends with the creates.
pub type NewReports = mpsc::UnboundedReceiver<RowIndex>;

/// Brings every row of `setup.work` to its end, or stops for a reason that is given.
///
/// However it ends, the ledger is then at rest on the disk, or [`Finished::unsaved`] says what is missing there.
pub async fn run<A: Api, D: Disk>(setup: RunInput<'_, '_, A, D>) -> Finished {
    run_with(setup, async |_: Workbench<'_, '_, A>, _| Vec::new()).await
}

/// [`run`], with `beside` at work on the rows that are created already. It gives the rows whose last line is not on
/// the disk. Whichever stops first stops the other.
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
    let watch = Emitter {
        began,
        on_event: &tell,
    };
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
    // Lines that nobody waits for any more: none may come after the file is brought to rest.
    let has_written = writing.await;
    let saved = match has_written {
        true => disk.replace_with(&mut ledger.chunks()).await,
        false => disk.look().await, // it is at rest, as it was given, if nobody else came
    };
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
        unsaved: saved.err().map(|error| Unsaved {
            error,
            rows: [outcome.unrecorded, unrecorded].concat(),
        }),
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
