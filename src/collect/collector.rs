//! Which rows are checked, waited for and fetched in one run.

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    time::Duration,
};

use futures::{
    StreamExt as _,
    future::{LocalBoxFuture, join_all},
    stream::FuturesUnordered,
};
use tokio::time::{Instant, sleep_until};

use super::{
    Names, Overwrite,
    columns::CollectedHeaders,
    download::HostPauses,
    fetch::{ArrivedFile, FetchResult, Fetcher},
    host::Host,
    idle_guard::IdleGuard,
    part_file::part_name,
    place,
    rounds::{ListQuestion, Rounds},
};
use crate::{
    api::{Api, Listed},
    ledger::{JournalError, RecordedHashes, Row, RowIndex},
    manifest::FileRules,
    run::{EventKind, Fetched, NewReports, NotCollected, Shared, StopReason},
    sending::ReadError,
};

pub struct CollectInput<'a, H> {
    pub host: &'a H,
    /// The last hash of each request's file in the history, by `request_id`.
    pub recorded: RecordedHashes,
    /// Rows to collect that are created already.
    pub created: Vec<RowIndex>,
    /// The folder of the files, absolute.
    pub output: PathBuf,
    /// The folder of the ledger, absolute.
    pub ledger_folder: PathBuf,
    /// How long to wait for reports, from the last create on, or from the beginning.
    pub wait: Duration,
    pub overwrite: Overwrite,
    pub any_content: bool,
    /// What the files of each type look like.
    pub rules: FileRules,
    /// How many rows may be in work together.
    pub concurrency: usize,
    /// A download without a byte for so long has broken.
    pub silence: Duration,
}

/// Rows that are written together, with one wait for the disk, when the wait is over.
const LEFT_TOGETHER: usize = 256;
/// Existing files that are read at the same time.
const LOOKS: usize = 4;

enum CollectStep {
    Looked(RowIndex, Option<FetchResult>),
    Listed(ListQuestion, Result<Vec<Listed>, ReadError>),
    Brought(RowIndex, FetchResult),
}

struct Collector<'c, 'r, A: Api, H> {
    carrier: &'c Fetcher<'r, A, H>,
    /// Rows whose files may exist already.
    unseen: VecDeque<RowIndex>,
    looking: usize,
    watch: Rounds,
    columns: CollectedHeaders,
    /// Files that may be no tables: the columns of others of their type decide, once they are there.
    odd: Vec<(RowIndex, Box<ArrivedFile>)>,
    busy: usize,
    /// When the last row was created, or this began.
    last_created: Instant,
    /// More rows may come.
    is_creating: bool,
    /// The last round has begun: nothing is waited for any more.
    is_over: bool,
    unrecorded: Vec<Row>,
}

/// Brings the file of every created row to its place, or says in the row why not. Returns the rows whose last line is
/// not on the disk.
pub async fn collect<'r, A: Api, H: Host>(
    mut input: CollectInput<'r, H>,
    shared: &'r Shared<'r, A>,
    created: NewReports,
) -> Vec<Row> {
    let (is_part, names) = {
        let ledger = shared.record.ledger();
        let parts: HashSet<String> = ledger.rows().map(|row| part_name(row.id())).collect();
        let (output, folder) = (input.output.clone(), input.ledger_folder.clone());
        let names = Names::new(output, folder, ledger.rows());
        (move |name: &str| parts.contains(name), names)
    };
    place::sweep(&input.output, is_part);
    let created_before = std::mem::take(&mut input.created);
    let carrier = Fetcher {
        shared,
        input,
        names,
        asking: IdleGuard::new(shared.session.gate()),
        pauses: HostPauses::default(),
    };
    let now = Instant::now();
    let mut collector = Collector {
        carrier: &carrier,
        unseen: VecDeque::new(),
        looking: 0,
        watch: Rounds::new(now),
        columns: CollectedHeaders::default(),
        odd: Vec::new(),
        busy: 0,
        last_created: now,
        is_creating: true,
        is_over: false,
        unrecorded: Vec::new(),
    };
    collector.expect(created_before);
    collector.drive(created).await
}

type CollectWork<'c> = FuturesUnordered<LocalBoxFuture<'c, CollectStep>>;

impl<'c, A: Api, H: Host> Collector<'c, '_, A, H> {
    async fn drive(mut self, mut created: NewReports) -> Vec<Row> {
        let shared = self.carrier.shared;
        let mut under_way: CollectWork<'c> = FuturesUnordered::new();
        let (mut grace, mut is_caught) = (None::<Instant>, false);
        let mut creating = Some(self.carrier.asking.begin());
        loop {
            self.start(&mut under_way);
            let is_left = self.is_creating || !self.watch.is_empty();
            let waits = is_left && !self.is_over && !shared.stopping.is_stopping();
            if under_way.is_empty() && !waits && !self.decide(&mut under_way) {
                break;
            }
            let due = self.next_due().filter(|_| waits);
            tokio::select! {
                biased;
                signal = shared.interrupt.caught(), if !is_caught => {
                    is_caught = true;
                    self.stop(StopReason::Interrupted(signal));
                }
                // However the run was stopped: downloads get this long, and the next command fetches them again.
                () = shared.stopping.wait(), if grace.is_none() => {
                    grace = Some(Instant::now() + shared.interrupt.grace);
                }
                () = sleep_until(grace.unwrap_or_else(Instant::now)), if grace.is_some() => break,
                place = created.recv(), if self.is_creating => match place {
                    Some(place) => {
                        self.last_created = Instant::now();
                        self.expect([place]);
                    }
                    None => {
                        self.is_creating = false;
                        creating = None;
                    }
                },
                Some(done) = under_way.next() => self.on_done(done),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
        drop((under_way, creating));
        if !shared.stopping.is_stopping() {
            self.leave().await;
        }
        self.columns.tell(&self.carrier.input.rules);
        self.unrecorded
    }

    /// Decides about files that may be no tables. False where there are none.
    fn decide(&mut self, under_way: &mut CollectWork<'c>) -> bool {
        let carrier = self.carrier;
        if carrier.shared.stopping.is_stopping() {
            return false;
        }
        let odd = self.odd.len().min(self.carrier.input.concurrency);
        for (place, file) in self.odd.drain(..odd) {
            self.busy += 1;
            under_way.push(Box::pin(async move {
                CollectStep::Brought(place, carrier.put(*file).await)
            }));
        }
        odd > 0
    }

    fn expect(&mut self, places: impl IntoIterator<Item = RowIndex>) {
        let before = self.unseen.len();
        self.unseen.extend(places);
        let more = self.unseen.len() - before;
        self.carrier.shared.record.count(|counts| counts.uncollected += more);
    }

    /// None while rows may still be created.
    fn deadline(&self) -> Option<Instant> {
        (!self.is_creating).then(|| self.last_created + self.carrier.input.wait)
    }

    fn next_due(&self) -> Option<Instant> {
        let due = self.watch.next_due().into_iter().chain(self.deadline());
        due.min().filter(|_| !self.is_looking() && !self.watch.is_asking())
    }

    /// What exists already needs no request.
    fn is_looking(&self) -> bool {
        self.looking > 0 || !self.unseen.is_empty()
    }

    fn start(&mut self, under_way: &mut CollectWork<'c>) {
        let carrier = self.carrier;
        let shared = carrier.shared;
        if shared.stopping.is_stopping() {
            return;
        }
        while self.looking < LOOKS
            && let Some(place) = self.unseen.pop_front()
        {
            self.looking += 1;
            under_way.push(Box::pin(async move {
                CollectStep::Looked(place, carrier.look(place).await)
            }));
        }
        let now = Instant::now();
        if !self.is_over && !self.is_looking() {
            self.watch.set_apart(self.apart());
            let last = self.deadline().is_some_and(|deadline| now >= deadline);
            for question in self.watch.round(now, last) {
                under_way.push(Box::pin(async move {
                    let _asking = carrier.asking.begin();
                    let listed = tokio::select! {
                        biased;
                        () = shared.stopping.wait() => Ok(Vec::new()),
                        listed = shared.session.list(&question.query) => listed,
                    };
                    CollectStep::Listed(question, listed)
                }));
            }
            // The last round may need a second step, after its wide list.
            self.is_over = last && !self.watch.is_asking();
        }
        while self.busy < carrier.input.concurrency {
            let Some(place) = self.watch.next_ready(now) else {
                break;
            };
            self.busy += 1;
            under_way.push(Box::pin(async move {
                CollectStep::Brought(place, carrier.bring(place).await)
            }));
        }
    }

    /// While creates need the gate too: the time between two requests. Rows in doubt wait for `settle`, not for the gate.
    fn apart(&self) -> Option<Duration> {
        let shared = self.carrier.shared;
        let needs_gate = self.is_creating && shared.record.counts().pending > 0;
        let sent = shared.session.gate().stats().sent;
        let sent = u32::try_from(sent).unwrap_or(u32::MAX).max(1);
        needs_gate.then(|| shared.elapsed() / sent)
    }

    fn on_done(&mut self, done: CollectStep) {
        let now = Instant::now();
        match done {
            CollectStep::Looked(place, None) => {
                self.looking -= 1;
                let row = self.carrier.shared.record.row(place);
                let made = (row.updated_at).map(|at| self.carrier.shared.session.now() - at);
                let age = made.and_then(|age| age.to_std().ok()).unwrap_or_default();
                if let Some(id) = row.state.report_id() {
                    let org = row.request().sub_partner.clone();
                    self.watch.add(place, id.clone(), org, (age, now));
                }
            }
            CollectStep::Looked(place, Some(found)) => {
                self.looking -= 1;
                self.on_result(place, found, Fetched::Before);
            }
            CollectStep::Listed(question, Ok(listed)) => {
                let age = |report: &Listed| self.carrier.age(report);
                for (place, word) in self.watch.answered(&question, Some(&listed), age, now) {
                    self.carrier.note_status(place, &word);
                }
            }
            CollectStep::Listed(question, Err(ReadError::Failed(_))) => {
                self.watch.answered(&question, None, |_| None, now);
            }
            CollectStep::Listed(_, Err(ReadError::Halted(halt))) => self.stop(halt.into()),
            CollectStep::Brought(place, brought) => {
                self.busy -= 1;
                self.on_result(place, brought, Fetched::Now);
            }
        }
    }

    fn on_result(&mut self, place: RowIndex, result: FetchResult, fetched: Fetched) {
        let now = Instant::now();
        match result {
            FetchResult::Collected { row, content, recorded } => {
                self.watch.done(place, now);
                self.columns.saw(&row, content);
                self.settled(*row, recorded, Ok(fetched));
            }
            FetchResult::Not(row, missing, recorded) => {
                self.watch.done(place, now);
                self.settled(*row, recorded, Err(missing));
            }
            FetchResult::Odd(file) => {
                self.watch.done(place, now);
                self.odd.push((place, file));
            }
            FetchResult::InProgress(age) => {
                self.watch.in_progress(place, age, now);
                if let Some(lag) = self.watch.lags(place, now) {
                    let shared = self.carrier.shared;
                    let row = shared.record.row(place);
                    shared.emit(EventKind::Lagging { row, age: lag });
                }
            }
            FetchResult::Halted(halt) => self.stop(halt.into()),
            FetchResult::Disk(error) => self.stop(StopReason::Output(error)),
            FetchResult::Left => {}
        }
    }

    fn settled(
        &mut self,
        row: Row,
        recorded: Result<(), JournalError>,
        became: Result<Fetched, NotCollected>,
    ) {
        let shared = self.carrier.shared;
        if let Err(error) = recorded {
            self.unrecorded.push(row);
            self.stop(StopReason::Ledger(error));
            return;
        }
        shared.record.count(|counts| match became {
            Ok(_) => {
                counts.uncollected -= 1;
                counts.collected += 1;
                counts.empty += usize::from(row.collected.rows == Some(0));
            }
            Err(NotCollected::InProgress) => counts.in_progress += 1,
            Err(NotCollected::Failed) => counts.server_failed += 1,
            Err(NotCollected::Refused) => counts.refused += 1,
        });
        shared.emit(match became {
            Ok(fetched) => EventKind::Collected(row, fetched),
            Err(missing) => EventKind::NotCollected(row, missing),
        });
    }

    /// Records that the remaining rows are not ready.
    async fn leave(&mut self) {
        let places: Vec<RowIndex> = self.watch.places().collect();
        let now = Instant::now();
        for some in places.chunks(LEFT_TOGETHER) {
            let lines = some.iter().map(|place| {
                let age = self.watch.age(*place, now);
                self.carrier.still_in_progress(*place, age)
            });
            for (row, missing, recorded) in join_all(lines).await {
                self.settled(row, recorded, Err(missing));
            }
            if self.carrier.shared.stopping.is_stopping() {
                return;
            }
        }
    }

    fn stop(&self, reason: StopReason) {
        let shared = self.carrier.shared;
        if shared.stopping.stop(&reason) {
            shared.emit(EventKind::Stopping(reason));
        }
    }
}
