use std::{
    collections::HashSet,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use tracing::info;

use super::{
    Estimate, Left, Pace, announcer::Announcer, estimate::left_of_files, line::ProgressState,
    log_interval::LogInterval,
};
use crate::{
    ledger::Counts,
    manifest::{Limits, RetryPolicy},
    output::{Reporter, color::Paint, console},
    run::{Event, EventKind},
    sending::{SessionEvent, Stats},
};
use request::RequestId;

const WORTH_SHOWING: Duration = Duration::from_secs(1);

pub struct Progress {
    told: Announcer,
    screen: Screen,
    estimate: Estimate,
    began: Option<Instant>,
    counts: Counts,
    stats: Stats,
    pace: Pace,
    files: Pace,
    doubts: HashSet<RequestId>,
    /// Rows that an earlier run left in doubt, without an event so far.
    old_doubts: usize,
    pause_status: Option<u16>,
    longest_pause: Duration,
    stopping: bool,
}

enum Screen {
    Terminal(ProgressBar, Arc<Mutex<Option<ProgressState>>>),
    Log(LogInterval),
}

impl Progress {
    pub fn new(quiet: bool, limits: &Limits, retry: &RetryPolicy, grace: Duration) -> Self {
        let screen = if !quiet && console::is_live() {
            terminal()
        } else {
            Screen::Log(LogInterval::default())
        };
        Progress {
            told: Announcer::new(grace, retry.max_retry_after),
            screen,
            estimate: Estimate { ceiling: limits.rate, settle: retry.settle },
            began: None,
            counts: Counts::default(),
            stats: Stats::default(),
            pace: Pace::default(),
            files: Pace::default(),
            doubts: HashSet::new(),
            old_doubts: 0,
            pause_status: None,
            longest_pause: retry.max_retry_after,
            stopping: false,
        }
    }

    fn note(&mut self, event: &Event) {
        (self.counts, self.stats) = (event.counts, event.pace);
        match &event.kind {
            EventKind::Started => {
                self.began = Some(Instant::now());
                self.old_doubts = event.counts.sending;
                (self.pace, self.files) = (Pace::default(), Pace::default());
                let situation = self.situation();
                if let Screen::Log(cadence) = &mut self.screen {
                    let (done, total) = situation.done();
                    *cadence = LogInterval::new(done, total);
                }
            }
            EventKind::InDoubt(row) => drop(self.doubts.insert(row.id())),
            EventKind::Settled(row) => drop(self.doubts.remove(&row.id())),
            EventKind::Adopted(row) | EventKind::NotMade(row) => {
                let is_of_this_run = self.doubts.remove(&row.id());
                self.old_doubts -= usize::from(!is_of_this_run && self.old_doubts > 0);
            }
            EventKind::News(SessionEvent::Paused { status, .. }) => self.pause_status = *status,
            EventKind::Stopping(_) => self.stopping = true,
            _ => {}
        }
        self.look();
    }

    fn look(&mut self) {
        let Some(began) = self.began else { return };
        self.pace.look(began.elapsed(), &self.stats);
        let fetched = self.counts.collected - self.counts.kept.min(self.counts.collected);
        // Before the first file the server is still generating: that says nothing about the pace.
        self.files.add(began.elapsed(), fetched as u64, fetched == 0);
    }

    fn pause_left(&self) -> Option<Duration> {
        let until = self.stats.paused_until?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    fn situation(&self) -> ProgressState {
        let counts = self.counts;
        let in_doubt = (self.doubts.len() + self.old_doubts).min(counts.sending);
        let limit = self.stats.window.map(|window| window.quota / window.length.as_secs_f64());
        let pause = self.pause_left().filter(|left| *left >= WORTH_SHOWING);
        let is_too_long = pause.is_some_and(|left| left > self.longest_pause);
        let stopping = self.stopping || is_too_long;
        let mut situation = ProgressState {
            counts,
            in_flight: self.stats.in_flight,
            in_doubt,
            pace: self.pace.now(),
            files: self.files.lately(),
            ceiling: self.estimate.ceiling,
            learned: self.stats.learned_pace.or(limit),
            pause: pause.filter(|_| !stopping).map(|left| (left, self.pause_status)),
            left: None,
            stopping,
        };
        if !stopping {
            situation.left = self.left(&situation);
        }
        situation
    }

    /// Until the last create or, when collecting, the last file.
    fn left(&self, situation: &ProgressState) -> Option<Left> {
        let requests = situation.counts.pending + situation.counts.sending;
        let is_collecting = situation.is_collecting();
        let creates = if is_collecting && requests == 0 {
            None
        } else {
            (self.estimate).left(requests, situation.in_doubt, &self.stats, &self.pace)
        };
        if !is_collecting {
            return creates;
        }
        let (done, total) = situation.done();
        let files = left_of_files(total - done, &self.files);
        match (creates, files) {
            (Some(creates), Some(files)) => Some(creates.or_longer(files)),
            (None, Some(files)) if requests == 0 => Some(Left::About(files)),
            _ => None,
        }
    }

    fn show(&mut self) {
        let (Some(began), situation) = (self.began, self.situation()) else {
            return;
        };
        match &mut self.screen {
            Screen::Terminal(bar, shown) => {
                *lock(shown) = Some(situation);
                bar.tick();
            }
            Screen::Log(cadence) => {
                let (done, total) = situation.done();
                if cadence.is_due(began.elapsed(), done, total) {
                    let counts = &situation.counts;
                    info!(
                        created = counts.created,
                        skipped = counts.skipped,
                        failed = counts.failed,
                        pending = counts.pending,
                        sending = counts.sending,
                        collected = counts.collected,
                        "{}",
                        situation.in_a_log()
                    );
                }
            }
        }
    }

    fn clear(&mut self) {
        self.began = None;
        if let Screen::Terminal(bar, _) = &self.screen {
            bar.finish_and_clear();
        }
        console::set_bar(None);
    }
}

impl Reporter for Progress {
    fn name(&self) -> String {
        "progress".to_owned()
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        if let (EventKind::Started, Screen::Terminal(bar, _)) = (&event.kind, &self.screen) {
            bar.reset();
            console::set_bar(Some(bar.clone()));
        }
        self.note(event);
        self.told.tell(event);
        match event.kind {
            EventKind::Finished => self.clear(),
            _ => self.show(),
        }
        Ok(())
    }

    fn tick(&mut self) -> io::Result<()> {
        self.look();
        self.show();
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// Formatted at each drawing, so that it fits a resized terminal.
fn terminal() -> Screen {
    let shown: Arc<Mutex<Option<ProgressState>>> = Arc::default();
    let drawn = Arc::clone(&shown);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
    let style = ProgressStyle::with_template("{line}").map(|style| {
        style.with_key("line", move |_: &_, out: &mut dyn fmt::Write| {
            if let Some(situation) = &*lock(&drawn) {
                let line = situation.on_a_terminal(console::width(), Paint::for_stderr());
                let _ = out.write_str(&line);
            }
        })
    });
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Screen::Terminal(bar, shown)
}

fn lock(shown: &Mutex<Option<ProgressState>>) -> MutexGuard<'_, Option<ProgressState>> {
    shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
