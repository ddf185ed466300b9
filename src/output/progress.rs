//! How far a run is: a bar at the bottom of a terminal, else a line now and then; and what happens, as log lines.

mod announcer;
mod state;

use std::{io, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use tracing::info;

use super::{Reporter, color::Paint, console};
use crate::{
    manifest::{Limits, RetryPolicy},
    run::{Event, EventKind},
    sending::SessionEvent,
};
use announcer::Announcer;
use state::ProgressState;

/// A shorter pause is over before it is read.
const WORTH_SHOWING: Duration = Duration::from_secs(1);

pub struct Progress {
    announcer: Announcer,
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// Of lines elsewhere.
    interval: LogInterval,
    began: Option<Instant>,
    paused_until: Option<Instant>,
    pause_status: Option<u16>,
    /// A longer one ends the run: nothing resumes after it.
    longest_pause: Duration,
    state: ProgressState,
}

impl Progress {
    pub fn new(quiet: bool, limits: &Limits, retry: &RetryPolicy, grace: Duration) -> Self {
        let bar = (!quiet && console::is_live()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len}{msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("█░"));
            bar
        });
        Progress {
            announcer: Announcer::new(grace, retry.max_retry_after),
            bar,
            interval: LogInterval::default(),
            began: None,
            paused_until: None,
            pause_status: None,
            longest_pause: retry.max_retry_after,
            state: ProgressState { ceiling: limits.rate.per_second(), ..ProgressState::default() },
        }
    }

    fn begin(&mut self) {
        self.began = Some(Instant::now());
        let (done, total) = self.state.done();
        self.interval = LogInterval::new(done, total);
        if let Some(bar) = &self.bar {
            bar.reset();
            console::set_bar(Some(bar.clone()));
        }
    }

    fn show(&mut self) {
        let Some(began) = self.began else { return };
        let pause = self.paused_until.map(|until| until - Instant::now());
        let pause = pause.filter(|left| (WORTH_SHOWING..=self.longest_pause).contains(left));
        self.state.pause = pause.map(|left| (left, self.pause_status));
        let (done, total) = self.state.done();
        if let Some(bar) = &self.bar {
            bar.update(|shown| {
                shown.set_pos(done as u64);
                shown.set_len(total as u64);
            });
            bar.set_message(self.state.on_a_terminal(console::width(), Paint::for_stderr()));
        } else if self.interval.is_due(began.elapsed(), done, total) {
            let counts = &self.state.counts;
            info!(
                created = counts.created,
                skipped = counts.skipped,
                failed = counts.failed,
                pending = counts.pending,
                sending = counts.sending,
                collected = counts.collected,
                "{}",
                self.state.in_a_log()
            );
        }
    }

    fn clear(&mut self) {
        self.began = None;
        if let Some(bar) = &self.bar {
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
        self.paused_until = event.pace.paused_until;
        self.state.counts = event.counts;
        self.state.in_flight = event.pace.in_flight;
        self.state.learned = event.pace.learned_pace.or(event.pace.measured_rate);
        match &event.kind {
            EventKind::Started => self.begin(),
            EventKind::News(SessionEvent::Paused { status, .. }) => self.pause_status = *status,
            EventKind::Stopping(_) => self.state.stopping = true,
            _ => {}
        }
        self.announcer.tell(event);
        if matches!(event.kind, EventKind::Finished) {
            self.clear();
        } else {
            self.show();
        }
        Ok(())
    }

    fn tick(&mut self) -> io::Result<()> {
        self.show();
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A line at each tenth; after the first minute at least [`LogInterval::SPACING`] and at most [`LogInterval::LONGEST`]
/// apart.
#[derive(Debug, Default)]
pub(super) struct LogInterval {
    last: Duration,
    tenth: usize,
}

impl LogInterval {
    const SPACING: Duration = Duration::from_secs(30);
    /// People worry about a job that says nothing, and some CI systems end it after ten minutes.
    const LONGEST: Duration = Duration::from_secs(60);
    const BEGINNING: Duration = Duration::from_secs(60);

    pub(super) fn new(done: usize, total: usize) -> Self {
        LogInterval { last: Duration::ZERO, tenth: tenth(done, total) }
    }

    /// If so, it counts as written. The last tenth is never due: the summary follows.
    pub(super) fn is_due(&mut self, elapsed: Duration, done: usize, total: usize) -> bool {
        let tenth = tenth(done, total);
        let since = elapsed.saturating_sub(self.last);
        let spaced = elapsed < LogInterval::BEGINNING || since >= LogInterval::SPACING;
        let is_due = (tenth > self.tenth && tenth < 10 && spaced) || since >= LogInterval::LONGEST;
        if is_due {
            self.tenth = tenth.max(self.tenth);
            self.last = elapsed;
        }
        is_due
    }
}

fn tenth(done: usize, total: usize) -> usize {
    (10 * done).checked_div(total).unwrap_or(0)
}

#[cfg(test)]
mod tests;
