//! How far a run is: a bar on a terminal, else a line every few seconds.

use std::{
    cell::{Cell, RefCell},
    io::IsTerminal as _,
    time::Duration,
};

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{console, words};
use crate::{
    ledger::{Counts, Row, State},
    pacing::Stats,
    runner::{Event, EventKind},
    session::News,
};

/// Between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);
/// A pause that ends so little later is not told again.
const SAME_PAUSE: chrono::Duration = chrono::Duration::milliseconds(500);

/// Watches a run and tells about it on stderr.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    last: RefCell<Option<(Instant, Counts)>>,
    latest: Cell<(Counts, Stats)>,
    paused_until: Cell<Option<DateTime<Utc>>>,
}

impl Progress {
    /// A bar where stderr is a terminal and something may be shown, else lines.
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            console::set_bar(Some(bar.clone()));
            bar
        });
        Progress {
            bar,
            last: RefCell::default(),
            latest: Cell::default(),
            paused_until: Cell::default(),
        }
    }

    /// Hears one event.
    pub fn on_event(&self, event: &Event) {
        self.latest.set((event.counts, event.pace));
        match &event.kind {
            EventKind::Started => *self.last.borrow_mut() = Some((Instant::now(), event.counts)),
            EventKind::Settled(row) => settled(row),
            EventKind::Retrying { row, after } => {
                let (name, after) = (words::name(row), words::duration(*after));
                debug!(request_id = %row.id(), "{name}: {}; again in {after}", row.state.text());
            }
            EventKind::InDoubt(row) => {
                let name = words::name(row);
                info!(request_id = %row.id(), "{name}: {}; looking on the server whether it was made", row.state.text());
            }
            EventKind::Adopted(row) => {
                let name = words::name(row);
                info!(request_id = %row.id(), "{name}: found on the server; its id is recorded");
            }
            EventKind::NotMade(row) => {
                let name = words::name(row);
                info!(request_id = %row.id(), "{name}: not on the server; it is sent again");
            }
            EventKind::NotLookedUp(row) => {
                let name = words::name(row);
                warn!(request_id = %row.id(), "{name}: could not be looked up; it stays in doubt");
            }
            EventKind::Stopping(_) | EventKind::Finished => {}
        }
        self.show(matches!(event.kind, EventKind::Finished));
    }

    /// Hears what concerns all requests together.
    pub fn on_news(&self, news: &News) {
        match news {
            News::Paused {
                status,
                wait,
                until,
            } => {
                // Answers that were in flight together announce the same pause.
                let known = self.paused_until.get();
                if known.is_some_and(|known| *until < known + SAME_PAUSE) {
                    return;
                }
                self.paused_until.set(Some(*until));
                let status = status.map_or_else(String::new, |s| format!(" ({s})"));
                info!(
                    "the server asked for a pause of {}{status}; sending resumes at {}",
                    words::duration(*wait),
                    until.format("%H:%M:%S UTC")
                );
            }
            News::Failing { failures, cause } => warn!(
                "{failures} requests in a row failed, the last one: {}; trying again at a slower pace",
                cause.text
            ),
            News::Renewed => info!("the access token was renewed"),
        }
    }

    /// To be called now and then, so that a quiet stretch shows too.
    pub fn tick(&self) {
        self.show(false);
    }

    fn show(&self, finished: bool) {
        let (counts, pace) = self.latest.get();
        if let Some(bar) = &self.bar {
            bar.set_length(counts.total() as u64);
            bar.set_position(counts.done() as u64);
            bar.set_message(line(&counts, &pace));
            if finished {
                bar.finish_and_clear();
                console::set_bar(None);
            }
            return;
        }
        let mut last = self.last.borrow_mut();
        if let Some((at, _)) = *last
            && !finished
            && at.elapsed() >= EVERY
        {
            *last = Some((Instant::now(), counts));
            info!(
                created = counts.created,
                failed = counts.failed,
                pending = counts.pending,
                sending = counts.sending,
                "{} of {}: {}",
                counts.done(),
                counts.total(),
                line(&counts, &pace)
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        console::set_bar(None);
    }
}

fn settled(row: &Row) {
    let name = words::name(row);
    match &row.state {
        State::Created(id) => {
            debug!(request_id = %row.id(), report_id = %id, "{name}: created {id}");
        }
        _ => {
            let code = row.state.error_code();
            warn!(request_id = %row.id(), error_code = code, "{name}: {code}: {}", row.state.text());
        }
    }
}

fn line(counts: &Counts, pace: &Stats) -> String {
    let mut parts = vec![format!("{} created", counts.created)];
    for (n, what) in [
        (counts.failed, "failed"),
        (counts.sending, "in flight or in doubt"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    if let Some(rate) = pace.learned_pace {
        parts.push(format!("learned pace {}", words::rate(rate)));
    }
    if let Some(until) = pace.paused_until {
        let left = until.saturating_duration_since(Instant::now());
        parts.push(format!("paused for {}", words::duration(left)));
    }
    parts.join(", ")
}
