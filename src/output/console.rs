//! Stderr, which log lines and the progress bar share.

use std::{
    env,
    fmt::{self, Write as _},
    io::{self, IsTerminal, Write},
    sync::{
        Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::Utc;
use indicatif::ProgressBar;
use tracing::{Event, Level, Subscriber, error, field::Visit, info};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, ParseError, Targets},
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer, layer},
    layer::{Context, SubscriberExt as _},
    registry::{LookupSpan, Registry},
    util::SubscriberInitExt as _,
};

pub use super::stdout::{CsvError, print, print_csv, print_json, print_whole, say};
use super::{
    color::{BAD, Color, Paint, WAITING},
    echo::Unechoed,
    github,
    stdout::for_stream,
    words,
};
use crate::{
    manifest::Problem,
    text::{harmless_json, shown, without_users},
};

/// The target of all our events. Libraries may log signed addresses and tokens, so nothing opens them.
const OURS: &str = "monthend";
/// Said even where only warnings are.
const ALWAYS: &str = "monthend::always";

/// A level, or levels of our modules, such as `info,monthend::session=trace`.
#[derive(Debug, Clone, Default)]
pub struct LogFilter(Targets);

impl LogFilter {
    /// Empty where `MONTHEND_LOG` is not set, or empty.
    pub fn of_environment() -> Result<Self, LogFilterError> {
        let text = env::var_os("MONTHEND_LOG").unwrap_or_default();
        let text = text.to_string_lossy();
        LogFilter::parse(text.trim())
    }

    fn parse(text: &str) -> Result<Self, LogFilterError> {
        let targets = if text.is_empty() { Ok(Targets::default()) } else { text.parse() };
        targets.map(LogFilter).map_err(|why| LogFilterError { text: text.to_owned(), why })
    }

    /// An option counts before a level without a module.
    fn targets(&self, verbosity: Option<LevelFilter>) -> Targets {
        let general = verbosity.or(self.0.default_level()).unwrap_or(LevelFilter::INFO);
        let is_ours = |target: &str| target == OURS || target.starts_with("monthend::");
        Targets::new()
            .with_target(OURS, general)
            .with_targets(self.0.iter().filter(|(target, _)| is_ours(target)))
            .with_target(ALWAYS, LevelFilter::INFO)
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "MONTHEND_LOG: {text:?} is not a valid filter ({why}); write a level (error, warn, info, debug, trace, off), or levels of modules: info,monthend::session=trace"
)]
pub struct LogFilterError {
    text: String,
    why: ParseError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to stderr, and chooses colours for both streams. Later calls change nothing.
pub fn start(
    format: LogFormat,
    (verbosity, filter): (Option<LevelFilter>, &LogFilter),
    color: Color,
) {
    color.choose();
    let _ = STARTED.set((format, verbosity));
    let lines = layer::<Registry>().with_writer(|| Stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(false).event_format(LineFormat).boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_target(false).with_span_list(false).boxed()
        }
    };
    let targets = filter.targets(verbosity);
    let _ = Registry::default().with(lines).with(Annotations).with(targets).try_init();
}

/// Logs a line that `--quiet` does not hide.
pub fn always(line: &str) {
    info!(target: ALWAYS, "{line}");
}

pub fn is_colorful() -> bool {
    Paint::for_stderr().is_on()
}

pub(super) fn is_live() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

pub(super) fn width() -> usize {
    let size = ::console::Term::stderr().size_checked();
    size.map_or(80, |(_, columns)| usize::from(columns))
}

static IS_LOG: AtomicBool = AtomicBool::new(false);
static STARTED: OnceLock<(LogFormat, Option<LevelFilter>)> = OnceLock::new();

pub(super) fn is_started() -> bool {
    STARTED.get().is_some()
}

/// Where stderr is no terminal, each line begins with the time of day (UTC) from now on, unless there are only
/// warnings.
pub fn begin_log() {
    let is_quiet = matches!(STARTED.get(), Some((_, Some(level))) if *level == LevelFilter::WARN);
    IS_LOG.store(!is_quiet && !io::stderr().is_terminal(), Ordering::Relaxed);
}

/// The last line of a JSON log gives the exit code.
pub fn end_log(exit_code: u8) {
    if matches!(STARTED.get(), Some((LogFormat::Json, _))) {
        info!(exit_code, "end");
    }
}

/// For errors before logging has begun.
pub fn complain(text: &str) {
    let text = harmless(text);
    let text = match text.strip_prefix("error:") {
        Some(rest) => format!("{}{rest}", Paint::for_stderr().painted(BAD, "error:")),
        None => text,
    };
    let _ = Stderr.write(text.as_bytes());
}

/// Logs an error with an excerpt of a file; `render` takes whether it is coloured.
pub fn error_with_excerpt(heading: &str, render: impl FnOnce(bool) -> String) {
    let is_text = matches!(STARTED.get(), Some((LogFormat::Text, _)));
    if !is_text || !is_colorful() || github::is_on() || !tracing::enabled!(Level::ERROR) {
        error!("{heading}\n{}", render(false));
        return;
    }
    error!("{heading}");
    let excerpt = on_stderr(&colours_only(&render(true)));
    let _ = Stderr.write(format!("{excerpt}\n").as_bytes());
}

/// Writes ledger rows to stderr, byte for byte, but for a terminal.
pub fn print_rows(rows: &[u8]) {
    let rows = String::from_utf8_lossy(rows);
    let rows = for_stream(&io::stderr(), &rows);
    // If stderr is gone too, there is no place left.
    let _ = io::stderr().write_all(rows.as_bytes());
}

/// Text from servers has no secrets when it gets here.
fn harmless(text: &str) -> String {
    shown(&without_users(text)).into_owned()
}

/// The library that shows excerpts replaces control characters; what it lets through is dropped, but for colours.
fn colours_only(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut out = harmless(pieces.next().unwrap_or_default());
    for piece in pieces {
        let code = piece.find(|c: char| !(c.is_ascii_digit() || "[;".contains(c)));
        if code.is_some_and(|end| piece.starts_with('[') && piece[end..].starts_with('m')) {
            out.push('\u{1b}');
        }
        out.push_str(&harmless(piece));
    }
    out
}

fn on_stderr(text: &str) -> String {
    if io::stderr().is_terminal() { words::sentences(text, width()) } else { text.to_owned() }
}

pub(super) fn annotate(annotation: &str) {
    let _ = Stderr.write(format!("{}\n", harmless(annotation)).as_bytes());
}

pub fn annotate_problem(problem: &Problem) {
    if github::is_on() {
        let file = problem.place.source.path.display().to_string();
        let place = Some((&*file, problem.place.line()));
        annotate(&github::annotation("error", place, &problem.mistake.message));
    }
}

static BAR: Mutex<Option<Shown>> = Mutex::new(None);

struct Shown(
    ProgressBar,
    #[expect(dead_code, reason = "lasts as long as the bar")] Option<Unechoed>,
);

fn bar() -> MutexGuard<'static, Option<Shown>> {
    BAR.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Log lines appear above this bar; `None` ends that.
pub(super) fn set_bar(new: Option<ProgressBar>) {
    *bar() = new.map(|bar| Shown(bar, Unechoed::begin()));
}

/// For an end in the middle of a run. A bar that is being drawn stays: the terminal may be why nothing ends.
pub fn clear_bar() {
    if let Ok(mut bar) = BAR.try_lock()
        && let Some(Shown(bar, _)) = bar.take()
    {
        bar.finish_and_clear();
    }
}

/// Stderr, with the bar out of the way. It never fails: a full stderr must not end a run.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = match STARTED.get() {
            Some((LogFormat::Json, _)) => {
                for_stream(&io::stderr(), &harmless_json(&text)).into_owned()
            }
            _ => text.into_owned(),
        };
        let write = || io::stderr().write_all(line.as_bytes());
        let _ = match &*bar() {
            Some(Shown(bar, _)) => bar.suspend(write),
            None => write(),
        };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct LineFormat;

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message::of(event);
        if message.annotation().is_some() {
            return Ok(()); // it stands in the place of the line
        }
        if let Some(span) = context.lookup_current().filter(|_| message.level == Level::TRACE)
            && let Some(fields) = span.extensions().get::<FormattedFields<N>>()
        {
            let about = format!("{} {}", span.name(), fields.fields);
            let _ = write!(message.text, " [{}]", about.trim_end());
        }
        let mut text = harmless(&message.text);
        if github::is_on() {
            text = github::harmless(&text).into_owned();
        }
        if IS_LOG.load(Ordering::Relaxed) {
            write!(writer, "{} ", Utc::now().format("%H:%M:%SZ"))?;
        }
        let paint = Paint::for_stderr();
        let line = match message.level {
            Level::ERROR => format!("{} {text}", paint.painted(BAD, "error:")),
            Level::WARN => format!("{} {text}", paint.painted(WAITING, "warning:")),
            _ => text,
        };
        writeln!(writer, "{}", on_stderr(&line))
    }
}

/// Next to a JSON log, and in place of the lines of a text log.
struct Annotations;

impl<S: Subscriber> Layer<S> for Annotations {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if let Some(annotation) = Message::of(event).annotation() {
            annotate(&annotation);
        }
    }
}

struct Message {
    level: Level,
    text: String,
    is_about_a_row: bool,
}

impl Message {
    fn of(event: &Event<'_>) -> Self {
        let level = *event.metadata().level();
        let mut message = Message { level, text: String::new(), is_about_a_row: false };
        event.record(&mut message);
        message
    }

    /// Of rows that failed, each cause gets one in the end.
    fn annotation(&self) -> Option<String> {
        let level = match self.level {
            Level::ERROR => "error",
            Level::WARN => "warning",
            _ => return None,
        };
        let is_one = github::is_on() && !self.is_about_a_row;
        is_one.then(|| github::annotation(level, None, &harmless(&self.text)))
    }
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    /// Whether `filter` with `-v` and so on lets through what `target` says at `level`.
    fn opens(filter: &str, verbosity: Option<LevelFilter>, target: &str, level: Level) -> bool {
        let filter = LogFilter::parse(filter).unwrap();
        filter.targets(verbosity).would_enable(target, &level)
    }

    #[test]
    fn levels_and_modules_count_and_no_library_is_opened() {
        let session = "monthend::session::conversation";
        for filter in ["trace", "monthend::session=trace", "5"] {
            assert!(opens(filter, None, session, Level::TRACE), "{filter}");
        }
        assert!(!opens("info", None, session, Level::DEBUG));
        assert!(!opens("warn", None, session, Level::INFO));
        assert!(opens("off", None, ALWAYS, Level::INFO));
        // An option counts before the environment; a module's level adds to it.
        assert!(opens("warn", Some(LevelFilter::DEBUG), session, Level::DEBUG));
        assert!(!opens("trace", Some(LevelFilter::WARN), session, Level::INFO));
        assert!(opens(
            "warn,monthend::session=debug",
            Some(LevelFilter::WARN),
            session,
            Level::DEBUG
        ));
        for filter in ["trace", "hyper_util=trace,trace", "hyper_util::client=trace"] {
            for library in ["hyper_util::client::legacy", "reqwest", "rustls"] {
                assert!(
                    !opens(filter, Some(LevelFilter::TRACE), library, Level::ERROR),
                    "{filter}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for filter in ["monthend=loud", "a=b=c"] {
            let error = LogFilter::parse(filter).unwrap_err().to_string();
            assert!(error.starts_with("MONTHEND_LOG: "), "{error}");
        }
    }
}
