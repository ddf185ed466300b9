//! How far a run is: a bar on a terminal, else a line every few seconds.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{Reader, console, words};
use crate::{
    ledger::{Counts, Row, State},
    pacing::Stats,
    runner::{Event, EventKind},
    session::News,
};

/// Between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);
/// A pause with less time left is not shown.
const WORTH_SAYING: Duration = Duration::from_secs(1);
/// If a pause ends only this much later than the one that was told, it is not told again.
const SAME_PAUSE: chrono::Duration = chrono::Duration::milliseconds(500);

/// Reads a run's events and tells about them on stderr.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    /// When the last line was said, or the run began; none before.
    last: Option<Instant>,
    latest: (Counts, Stats),
    paused_until: Option<DateTime<Utc>>,
    /// Nothing more is sent: a pause is of no interest any more.
    stopping: bool,
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
            last: None,
            latest: Default::default(),
            paused_until: None,
            stopping: false,
        }
    }

    /// Says what concerns all requests together.
    fn on_news(&mut self, news: &News) {
        match news {
            News::Paused {
                status,
                wait,
                until,
            } => {
                // Answers that were in flight together announce the same pause.
                let known = self.paused_until;
                if self.stopping || known.is_some_and(|known| *until < known + SAME_PAUSE) {
                    return;
                }
                self.paused_until = Some(*until);
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

    fn show(&mut self, finished: bool) {
        let (counts, pace) = self.latest;
        if let Some(bar) = &self.bar {
            let (done, total) = done_of(&counts);
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(line(&counts, &pace));
            if finished {
                bar.finish_and_clear();
                console::set_bar(None);
            }
            return;
        }
        if !finished && self.last.is_some_and(|at| at.elapsed() >= EVERY) {
            self.last = Some(Instant::now());
            let (done, total) = done_of(&counts);
            info!(
                created = counts.created,
                failed = counts.failed,
                pending = counts.pending,
                sending = counts.sending,
                "{done} of {total}: {}",
                line(&counts, &pace)
            );
        }
    }
}

impl Reader for Progress {
    fn name(&self) -> String {
        "progress".to_owned()
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        self.latest = (event.counts, event.pace);
        match &event.kind {
            EventKind::Started => self.last = Some(Instant::now()),
            EventKind::Settled(row) => settled(row),
            EventKind::Retrying { row, after } => {
                let (name, after) = (words::name(row), words::duration(*after));
                debug!(request_id = %row.id(), "{name}: {}; again in {after}", said(row));
            }
            EventKind::InDoubt(row) => {
                let name = words::name(row);
                info!(request_id = %row.id(), "{name}: {}; checking whether the report exists", said(row));
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
                info!(request_id = %row.id(), "{name}: could not be looked up; it stays in doubt");
            }
            EventKind::Collected(row, _) => {
                let (name, file) = (words::name(row), &row.collected.file);
                debug!(request_id = %row.id(), "{name}: collected {file}");
            }
            EventKind::NotCollected(row, _) => {
                let (name, why) = (words::name(row), &row.collected.error);
                debug!(request_id = %row.id(), "{name}: not collected: {why}");
            }
            EventKind::Lagging { row, age } => {
                let (name, age) = (words::name(row), words::duration(*age));
                warn!(request_id = %row.id(), "{name}: in progress for {age}, much longer than others were");
            }
            EventKind::News(news) => self.on_news(news),
            EventKind::Stopping(_) => self.stopping = true,
            EventKind::Existing(_)
            | EventKind::GivenUp(_)
            | EventKind::Attempted(_)
            | EventKind::Finished => {}
        }
        self.show(matches!(event.kind, EventKind::Finished));
        Ok(())
    }

    /// A quiet stretch shows too.
    fn tick(&mut self) -> io::Result<()> {
        self.show(false);
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        console::set_bar(None);
    }
}

/// What went wrong, to be followed by more of the sentence.
fn said(row: &Row) -> String {
    let mut said = row.state.text();
    said.truncate(said.trim_end_matches('.').len());
    said
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

/// How far it is: rows that are created, and once files are fetched, those that are collected.
fn done_of(counts: &Counts) -> (usize, usize) {
    match counts.collected + counts.uncollected {
        0 => (counts.done(), counts.total()),
        total => (counts.collected, total),
    }
}

fn collected(counts: &Counts) -> String {
    let empty = match counts.empty {
        0 => String::new(),
        n => format!(" ({n} empty)"),
    };
    format!("{} collected{empty}", counts.collected)
}

fn line(counts: &Counts, pace: &Stats) -> String {
    let mut parts = vec![format!("{} created", counts.created)];
    if counts.collected + counts.uncollected > 0 {
        parts = vec![collected(counts)];
    }
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
    let left = |until: Instant| until.saturating_duration_since(Instant::now());
    if let Some(left) = pace.paused_until.map(left)
        && left >= WORTH_SAYING
    {
        parts.push(format!("paused for {}", words::duration(left)));
    }
    parts.join(", ")
}
