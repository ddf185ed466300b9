//! What all parts of a simulated history share: dice, clocks, the crash, the budget of faults, the verdict.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use chrono::{DateTime, Utc};
use monthend::testing::WallClock;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

/// What happened, by name.
pub(crate) type Tally = BTreeMap<&'static str, u64>;

/// What happens to the computer's clocks while a process runs, and how often at most.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disturbances {
    /// The computer sleeps.
    pub sleeps: u32,
    /// Somebody sets its clock.
    pub settings: u32,
    /// One wait in so many is disturbed.
    pub one_in: u32,
}

pub(crate) struct World {
    dice: RefCell<fastrand::Rng>,
    start: Instant,
    /// How far the local wall clock is from the true time.
    wall_shift: Cell<chrono::Duration>,
    /// When the local clock was set, and by how much.
    set: RefCell<Vec<(Instant, chrono::Duration)>>,
    /// How long the computer has slept: its monotonic clock stood still, and everybody else's went on.
    slept: Cell<Duration>,
    disturbances: Cell<Disturbances>,
    /// When the computer slept, or its clock was set, while a process ran: these end the eras of its clocks.
    disturbed: RefCell<Vec<Instant>>,
    /// Disk and network steps until everything stops; `None`: no crash is planned.
    steps_left: Cell<Option<u32>>,
    crashed: Cell<bool>,
    crash: Notify,
    /// Faults that may still be injected.
    faults_left: Cell<u32>,
    failure: RefCell<Option<String>>,
    tally: RefCell<Tally>,
    tracing: bool,
}

impl World {
    pub(crate) fn new(seed: u64, tracing: bool) -> Self {
        World {
            dice: RefCell::new(fastrand::Rng::with_seed(seed)),
            start: Instant::now(),
            wall_shift: Cell::new(chrono::Duration::zero()),
            set: RefCell::default(),
            slept: Cell::default(),
            disturbances: Cell::default(),
            disturbed: RefCell::default(),
            steps_left: Cell::new(None),
            crashed: Cell::new(false),
            crash: Notify::new(),
            faults_left: Cell::new(0),
            failure: RefCell::new(None),
            tally: RefCell::new(Tally::new()),
            tracing,
        }
    }

    /// One chance in `of`.
    pub(crate) fn one_in(&self, of: u32) -> bool {
        self.below(of) == 0
    }

    /// A number from 0 to `end`, `end` left out.
    pub(crate) fn below(&self, end: u32) -> u32 {
        self.dice.borrow_mut().u32(0..end)
    }

    /// A time up to `most`.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        most.mul_f64(self.dice.borrow_mut().f64())
    }

    pub(crate) fn pick<T: Clone>(&self, of: &[T]) -> T {
        of[self.dice.borrow_mut().usize(0..of.len())].clone()
    }

    /// The true time since the history began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed() + self.slept.get()
    }

    /// The true time.
    pub(crate) fn now_true(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_793_600_000, 0).unwrap() + self.elapsed()
    }

    /// Someone sets the computer's clock.
    pub(crate) fn set_wall_clock(&self, shift: chrono::Duration) {
        let before = self.wall_shift.replace(shift);
        let by = (shift - before).abs();
        self.set.borrow_mut().push((Instant::now(), by));
    }

    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// How far the local clock was set altogether since then, also between processes.
    pub(crate) fn was_set_by(&self, since: Instant) -> chrono::Duration {
        let set = self.set.borrow();
        let since_then = set.iter().filter(|(at, _)| *at >= since);
        since_then.map(|(_, by)| *by).sum()
    }

    /// From now on the computer's clocks are disturbed so.
    pub(crate) fn disturb(&self, disturbances: Disturbances) {
        self.disturbances.set(disturbances);
    }

    /// Whether the computer slept, or its clock was set, between these two.
    pub(crate) fn was_disturbed(&self, from: Instant, to: Instant) -> bool {
        let disturbed = self.disturbed.borrow();
        disturbed.iter().any(|at| from <= *at && *at <= to)
    }

    fn may_be_disturbed(&self) {
        let mut left = self.disturbances.get();
        let both = left.sleeps + left.settings;
        if both == 0 || !self.one_in(left.one_in) {
            return;
        }
        if self.below(both) < left.sleeps {
            left.sleeps -= 1;
            let most = self.pick(&[30, 600, 10_000]);
            let slept = self.up_to(Duration::from_secs(most));
            self.slept.set(self.slept.get() + slept);
            self.count("worse: the computer slept");
            self.trace(|| format!("SLEPT {slept:?}"));
        } else {
            left.settings -= 1;
            let seconds = self.pick(&[-7200, -30, 0, 30, 7200]);
            self.set_wall_clock(chrono::Duration::seconds(seconds));
            self.count("worse: a clock set in mid-run");
            self.trace(|| format!("CLOCK SET {seconds} s ahead"));
        }
        self.disturbed.borrow_mut().push(Instant::now());
        self.disturbances.set(left);
    }

    pub(crate) fn allow_faults(&self, faults: u32) {
        self.faults_left.set(faults);
    }

    /// Whether anything may still go wrong.
    pub(crate) fn is_calm(&self) -> bool {
        self.faults_left.get() == 0
    }

    /// Takes one fault from the budget, if there is one left.
    pub(crate) fn spend_fault(&self, name: &'static str) -> bool {
        let left = self.faults_left.get();
        if left == 0 {
            return false;
        }
        self.faults_left.set(left - 1);
        self.count(name);
        true
    }

    pub(crate) fn count(&self, name: &'static str) {
        *self.tally.borrow_mut().entry(name).or_default() += 1;
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }

    /// The first thing that must not be.
    pub(crate) fn fail(&self, what: String) {
        self.trace(|| format!("VIOLATED: {what}"));
        self.failure.borrow_mut().get_or_insert(what);
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        if self.tracing {
            println!("{:>10.3} {}", self.start.elapsed().as_secs_f64(), what());
        }
    }

    /// A new process: it crashes after so many steps.
    pub(crate) fn boot(&self, steps: Option<u32>) {
        self.crashed.set(false);
        self.steps_left.set(steps);
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.crashed.get()
    }

    /// A point at which the process can die. It then never goes on.
    pub(crate) async fn step(&self) {
        match self.steps_left.get() {
            Some(0) if self.crashed.get() => {}
            Some(0) => {
                self.trace(|| "CRASH".to_owned());
                self.crashed.set(true);
                self.crash.notify_one();
            }
            Some(left) => self.steps_left.set(Some(left - 1)),
            None => {}
        }
        if self.crashed.get() {
            std::future::pending::<()>().await;
        }
    }

    /// Time that the process spends waiting; it can die before and after.
    pub(crate) async fn passes(&self, time: Duration) {
        self.step().await;
        sleep(time).await;
        self.may_be_disturbed();
        self.step().await;
    }

    pub(crate) async fn until_crash(&self) {
        self.crash.notified().await;
    }
}

impl WallClock for World {
    fn now(&self) -> DateTime<Utc> {
        self.now_true() + self.wall_shift.get()
    }
}
