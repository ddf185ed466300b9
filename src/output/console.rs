//! Stderr: log lines and the progress bar share it, stdout is for results.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    sync::{Mutex, MutexGuard, OnceLock},
};

use super::workflow_command as github;
use crate::manifest::Problem;
use indicatif::ProgressBar;
use tracing::{Event, Level, Subscriber, field::Visit, warn};

use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer},
    registry::LookupSpan,
};

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Progress too.
    Normal,
    /// Every retry too.
    Verbose,
}

/// Starts logging to stderr. Later calls change nothing.
pub fn start(format: LogFormat, verbosity: Verbosity) {
    let level = match verbosity {
        Verbosity::Quiet => "warn",
        Verbosity::Normal => "info",
        Verbosity::Verbose => "debug",
    };
    // Only ours: what libraries say is not for billing operators.
    let filter = EnvFilter::new(format!("off,monthend={level}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr);
    // A second start, as in tests, keeps the first one's settings.
    let _ = match format {
        LogFormat::Text => builder.event_format(Lines).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .try_init(),
    };
}

/// Whether colours and bars make sense on stderr: a terminal, and `NO_COLOR` is not set.
pub fn is_colorful() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Writes a result to stdout. A reader that has gone away is no failure.
///
/// # Errors
/// Stdout cannot be written for another reason (a full disk behind a redirection).
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let text = match github::is_on() {
        true => github::harmless(text),
        false => text.into(),
    };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes to stdout what a command says after its work. If it cannot be written there is a warning and nothing else: it
/// changes neither what was done nor how the command ends.
pub fn say(text: &str) {
    if let Err(e) = print(text) {
        warn!("cannot write to stdout: {e}");
    }
}

/// Writes an annotation of GitHub Actions: one line, a workflow command as it stands.
pub(super) fn annotate(annotation: &str) {
    // Stderr never fails.
    let _ = Stderr.write(format!("{annotation}\n").as_bytes());
}

/// Under GitHub Actions, shows what is wrong with a manifest at its place.
pub fn annotate_problem(problem: &Problem) {
    if github::is_on() {
        let file = problem.file().display().to_string();
        let place = Some((&*file, problem.line()));
        annotate(&github::annotation("error", place, problem.message()));
    }
}

static BAR: OnceLock<Mutex<Option<ProgressBar>>> = OnceLock::new();

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    let bar = BAR.get_or_init(Mutex::default);
    bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Log lines appear above this bar from now on; `None` ends that.
pub(super) fn set_bar(new: Option<ProgressBar>) {
    *bar() = new;
}

/// Stderr, with the bar taken out of the way while a line is written.
///
/// It never fails: a stderr that is full or gone must not end a run, and whoever logs could only complain on stderr.
struct Stderr;

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Stderr;

    fn make_writer(&'a self) -> Stderr {
        Stderr
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().write_all(bytes);
        let _ = match &*bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `warning: …`, `error: …`, or just the text.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message::default();
        event.record(&mut message);
        let level = *event.metadata().level();
        let text = match github::is_on() {
            false => message.text,
            true => match annotated(level).filter(|_| !message.is_about_a_row) {
                // Of rows that failed, each cause gets one in the end.
                Some(level) => {
                    return writeln!(writer, "{}", github::annotation(level, None, &message.text));
                }
                None => github::harmless(&message.text).into_owned(),
            },
        };
        match level {
            Level::ERROR => write!(writer, "error: ")?,
            Level::WARN => write!(writer, "warning: ")?,
            _ => {}
        }
        writeln!(writer, "{text}")
    }
}

/// The level of an annotation of GitHub Actions, for what is worth one.
fn annotated(level: Level) -> Option<&'static str> {
    match level {
        Level::ERROR => Some("error"),
        Level::WARN => Some("warning"),
        _ => None,
    }
}

/// The message alone; its fields are for machines.
#[derive(Default)]
struct Message {
    text: String,
    is_about_a_row: bool,
}

impl Visit for Message {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.text = format!("{value:?}"),
            "request_id" => self.is_about_a_row = true,
            _ => {}
        }
    }
}
