//! One collection, from a ledger at rest to a ledger at rest.

use std::{
    cell::Cell, collections::HashSet, io, path::PathBuf, pin::pin, sync::Arc, time::Duration,
};

use futures::{StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    Names, Overwrite,
    bring::{Brought, Carrier, Means},
    columns::Columns,
    files,
    host::Host,
    part::part_name,
    stopped::Stopped,
    waiting::{Question, Watch},
};
use crate::{
    api::{Api, Listed},
    ledger::{Counts, Disk, JournalError, Ledger, Place, Record, Row, journal},
    runner::{Event, EventKind, Finished, Interrupt, StopReason, Unsaved},
    session::{ReadError, Session},
};

/// What a collection is given.
pub struct Setup<'a, 's, A: Api, D, H> {
    /// The conversation with the server.
    pub session: &'a Session<'s, A>,
    /// Where the files come from.
    pub host: &'a H,
    /// The rows.
    pub ledger: Ledger,
    /// Where the ledger is kept. It holds `ledger` already.
    pub disk: &'a D,
    /// Places of the rows to collect: created ones.
    pub work: Vec<Place>,
    /// How the selected rows stand, as far as creating goes.
    pub counts: Counts,
    /// The folder of the files, absolute.
    pub output: PathBuf,
    /// The folder of the ledger, absolute.
    pub ledger_folder: PathBuf,
    /// How long reports are waited for.
    pub wait: Duration,
    /// What is overwritten.
    pub overwrite: Overwrite,
    /// Whether what is no table is taken all the same.
    pub any_content: bool,
    /// How many rows may be under way together.
    pub concurrency: usize,
    /// Without a byte for so long, a download has broken.
    pub silence: Duration,
    /// Signals.
    pub interrupt: Interrupt,
    /// Hears what happens.
    pub on_event: &'a dyn Fn(&Event),
}

enum Done {
    Listed(Question, Result<Vec<Listed>, ReadError>),
    Brought(Place, Brought, Result<(), JournalError>),
}

struct Collector<'c, 'r, 's, A: Api, H> {
    carrier: &'c Carrier<'c, 'r, 's, A, H>,
    watch: Watch,
    columns: Columns,
    /// Rows under way.
    busy: usize,
    concurrency: usize,
    deadline: Instant,
    /// The last questions were asked: nothing is waited for any more.
    is_over: bool,
    stop: Option<StopReason>,
    unrecorded: Vec<Row>,
    told: HashSet<Place>,
}

/// Brings the file of every row of `setup.work` to its place, or says in the row why not.
///
/// However it ends, the ledger is then at rest on the disk, or [`Finished::unsaved`] says what is missing there.
pub async fn run<A: Api, D: Disk, H: Host>(setup: Setup<'_, '_, A, D, H>) -> Finished {
    let began = Instant::now();
    let session = setup.session;
    let (journal, writer) = journal(setup.disk);
    let uncounted = setup.ledger.rows().map(Row::id).collect();
    let now = || session.now();
    let is_part = {
        let parts: HashSet<String> = setup.ledger.rows().map(|row| part_name(row.id())).collect();
        move |name: &str| parts.contains(name)
    };
    files::sweep(&setup.output, is_part);
    let names = Names::new(setup.output, setup.ledger_folder, setup.ledger.rows());
    let carrier = Carrier {
        session,
        host: setup.host,
        record: Record::new(setup.ledger, journal, Counts::default(), uncounted, &now),
        names: names.into(),
        counts: Cell::new(Counts {
            uncollected: setup.work.len(),
            ..setup.counts
        }),
        means: Means {
            overwrite: setup.overwrite,
            any_content: setup.any_content,
            silence: setup.silence,
        },
        stopping: Stopped::default(),
        began,
        on_event: setup.on_event,
    };
    let drive = async {
        carrier.emit(EventKind::Started);
        let local = carrier.session.now();
        let rows: Vec<_> = setup
            .work
            .iter()
            .filter_map(|place| {
                let row = carrier.record.row(*place);
                let made = row
                    .updated_at
                    .map(|at| (local - at).to_std().unwrap_or_default());
                let id = row.state.report_id()?.clone();
                let org = row.request().sub_partner.clone();
                Some((*place, id, org, made.unwrap_or_default()))
            })
            .collect();
        let collector = Collector {
            carrier: &carrier,
            watch: Watch::new(began, []),
            columns: Columns::default(),
            busy: 0,
            concurrency: setup.concurrency,
            deadline: began + setup.wait,
            is_over: false,
            stop: None,
            unrecorded: Vec::new(),
            told: HashSet::new(),
        };
        collector.drive(rows, &setup.interrupt).await
    };
    let mut writing = pin!(writer.run());
    let (stop, unrecorded) = tokio::select! {
        biased;
        ended = drive => ended,
        () = &mut writing => unreachable!("the record holds a journal, so the writer does not end"),
    };
    let Carrier { record, counts, .. } = carrier;
    let counts = counts.get();
    let ledger = record.into_ledger();
    // Lines that nobody waits for any more: none may come after the file is brought to rest.
    writing.await;
    let saved = setup.disk.replace_with(&mut ledger.chunks()).await;
    let stop = match (stop, &saved) {
        (stop @ Some(StopReason::Ledger(_)), _) | (stop, Ok(())) => stop,
        (_, Err(e)) => {
            let again = io::Error::new(e.kind(), e.to_string());
            Some(StopReason::Ledger(JournalError(Arc::new(again))))
        }
    };
    let finished = Finished {
        stop,
        counts,
        not_looked_up: Vec::new(),
        pace: session.gate().stats(),
        elapsed: began.elapsed(),
        ledger,
        unsaved: saved.err().map(|error| Unsaved {
            error,
            rows: unrecorded,
        }),
    };
    (setup.on_event)(&Event {
        at: session.now(),
        elapsed: finished.elapsed,
        counts,
        pace: finished.pace,
        kind: EventKind::Finished,
    });
    finished
}

type Work<'c> = FuturesUnordered<LocalBoxFuture<'c, Done>>;
type Waited = (
    Place,
    crate::request::ReportId,
    Option<crate::request::OrgId>,
    Duration,
);

impl<'c, A: Api, H: Host> Collector<'c, '_, '_, A, H> {
    async fn drive(
        mut self,
        rows: Vec<Waited>,
        interrupt: &Interrupt,
    ) -> (Option<StopReason>, Vec<Row>) {
        // What is there already needs nothing.
        let carrier = self.carrier;
        let mut missing = Vec::new();
        {
            let mut looks = pin!(
                futures::stream::iter(rows)
                    .map(async |row| {
                        let (found, recorded) = carrier.look(row.0).await;
                        (row, found, recorded)
                    })
                    .buffered(4)
            );
            loop {
                tokio::select! {
                    biased;
                    signal = interrupt.caught(), if self.stop.is_none() => {
                        self.stop = Some(StopReason::Interrupted(signal));
                        break;
                    }
                    looked = looks.next() => match looked {
                        None => break,
                        Some((row, None, _)) => missing.push(row),
                        Some((_, Some(found), recorded)) => {
                            if let Brought::Disk(error) = &found {
                                self.stop(StopReason::Output(error.clone()));
                            }
                            self.recorded(found, recorded);
                        }
                    },
                }
            }
        }
        self.watch = Watch::new(Instant::now(), missing);
        let mut under_way: Work<'c> = FuturesUnordered::new();
        let mut grace: Option<Instant> = self.stop.is_some().then(Instant::now);
        loop {
            self.start(&mut under_way);
            let waits = self.stop.is_none() && !self.is_over && !self.watch.is_empty();
            if under_way.is_empty() && !waits {
                break;
            }
            let due = self
                .watch
                .next_due()
                .map(|due| due.min(self.deadline))
                .filter(|_| waits);
            tokio::select! {
                biased;
                signal = interrupt.caught(), if grace.is_none() => {
                    grace = Some(Instant::now() + interrupt.grace);
                    self.stop(StopReason::Interrupted(signal));
                }
                () = sleep_until(grace.unwrap_or_else(Instant::now)), if grace.is_some() => break,
                Some(done) = under_way.next() => self.on_done(done),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
        drop(under_way);
        if self.stop.is_none() {
            self.leave().await;
        }
        self.columns.tell();
        (self.stop, self.unrecorded)
    }

    /// Starts what may start.
    fn start(&mut self, under_way: &mut Work<'c>) {
        if self.stop.is_some() {
            return;
        }
        let now = Instant::now();
        if !self.is_over {
            let last = now >= self.deadline;
            for question in self.watch.round(now, last) {
                let session = self.carrier.session;
                let stopping = &self.carrier.stopping;
                under_way.push(Box::pin(async move {
                    let listed = tokio::select! {
                        biased;
                        () = stopping.wait() => Ok(Vec::new()),
                        listed = session.list(&question.query) => listed,
                    };
                    Done::Listed(question, listed)
                }));
            }
            // The last round may need a second step, after its wide list.
            self.is_over = last && !self.watch.is_asking();
        }
        while self.busy < self.concurrency {
            let Some(place) = self.watch.next_ready(now) else {
                break;
            };
            self.busy += 1;
            let carrier = self.carrier;
            under_way.push(Box::pin(async move {
                let (brought, recorded) = carrier.bring(place).await;
                Done::Brought(place, brought, recorded)
            }));
        }
    }

    fn on_done(&mut self, done: Done) {
        let now = Instant::now();
        match done {
            Done::Listed(question, Ok(listed)) => {
                for (place, word) in self.watch.answered(&question, Some(&listed), now) {
                    self.carrier.note_status(place, &word);
                }
            }
            Done::Listed(question, Err(ReadError::Failed(_))) => {
                self.watch.answered(&question, None, now);
            }
            Done::Listed(_, Err(ReadError::Halted(halt))) => self.stop(halt.into()),
            Done::Brought(place, brought, recorded) => {
                self.busy -= 1;
                match &brought {
                    Brought::InProgress => {
                        self.watch.in_progress(place, now);
                        if let Some(age) = self.watch.lags(place, now)
                            && self.told.insert(place)
                        {
                            let row = self.carrier.record.row(place);
                            self.carrier.emit(EventKind::Lagging { row, age });
                        }
                        return;
                    }
                    Brought::Halted(halt) => self.stop(halt.clone().into()),
                    Brought::Disk(error) => self.stop(StopReason::Output(error.clone())),
                    Brought::Left => {}
                    Brought::Collected { .. } | Brought::Not(_) => self.watch.done(place, now),
                }
                self.recorded(brought, recorded);
            }
        }
    }

    fn recorded(&mut self, brought: Brought, recorded: Result<(), JournalError>) {
        match brought {
            Brought::Collected { row, content } => {
                if let Some(content) = content {
                    self.columns.saw(&row, content);
                }
                self.settled(*row, recorded, true);
            }
            Brought::Not(row) => self.settled(*row, recorded, false),
            Brought::InProgress | Brought::Halted(_) | Brought::Disk(_) | Brought::Left => {}
        }
    }

    fn settled(&mut self, row: Row, recorded: Result<(), JournalError>, is_collected: bool) {
        if let Err(error) = recorded {
            self.unrecorded.push(row);
            self.stop(StopReason::Ledger(error));
            return;
        }
        if is_collected {
            let mut counts = self.carrier.counts.get();
            counts.uncollected -= 1;
            counts.collected += 1;
            counts.empty += usize::from(row.collected.rows == Some(0));
            self.carrier.counts.set(counts);
            self.carrier.emit(EventKind::Collected(row));
        } else {
            self.carrier.emit(EventKind::NotCollected(row));
        }
    }

    /// Says of the rest that it is not ready.
    async fn leave(&mut self) {
        let places: Vec<Place> = self.watch.places().collect();
        for place in places {
            let age = self.watch.age(place, Instant::now());
            let (row, recorded) = self.carrier.still_in_progress(place, age).await;
            self.settled(row, recorded, false);
            if self.stop.is_some() {
                return;
            }
        }
    }

    fn stop(&mut self, reason: StopReason) {
        if (self.stop.as_ref()).is_none_or(|known| reason.outranks(known)) {
            self.stop = Some(reason.clone());
            self.carrier.emit(EventKind::Stopping(reason));
        }
        self.carrier.stopping.stop();
    }
}
