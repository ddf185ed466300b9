//! Stdout, for results. Text for people is harmless for a terminal; colours come from nowhere else.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    io::{self, IsTerminal, Write as _},
};

use clap::builder::styling::Style;
use tracing::warn;

use super::{color::Paint, console, github, words};
use crate::text::{harmless_json, shown, system_says};

/// Text for stdout. The only way into it is [`shown`], so text from outside cannot act on the terminal.
#[derive(Debug)]
pub struct ForPeople {
    text: String,
    paint: Paint,
}

impl ForPeople {
    pub(super) fn new(paint: Paint) -> Self {
        ForPeople { text: String::new(), paint }
    }

    pub(super) fn painted(&mut self, style: Style, text: &str) {
        self.text.push_str(&self.paint.painted(style, &shown(text)));
    }
}

impl fmt::Write for ForPeople {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(&shown(text));
        Ok(())
    }
}

impl<T: AsRef<str>> From<T> for ForPeople {
    fn from(text: T) -> Self {
        ForPeople { text: shown(text.as_ref()).into_owned(), paint: Paint::NONE }
    }
}

impl Display for ForPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// None where stdout is no terminal: then lines stay whole.
pub(super) fn width() -> Option<usize> {
    if !console::is_started() {
        return None;
    }
    let size = ::console::Term::stdout().size_checked();
    size.map(|(_, columns)| usize::from(columns))
}

/// Writes to stdout, wrapped for a terminal. A reader that has gone away is no failure; a full disk behind a redirection
/// is.
pub fn print(text: impl Into<ForPeople>) -> io::Result<()> {
    let text = text.into().to_string();
    match width() {
        Some(width) => write_text(&words::results(&text, width)),
        None => write_text(&text),
    }
}

/// As [`print()`], with lines as they are: for what another program reads.
pub fn print_whole(text: impl Into<ForPeople>) -> io::Result<()> {
    write_text(&text.into().to_string())
}

fn write_text(text: &str) -> io::Result<()> {
    if github::is_on() {
        write_out(github::harmless(text).as_bytes())
    } else {
        write_out(text.as_bytes())
    }
}

/// As [`print()`]; on a terminal without what JSON does not escape.
pub fn print_json(json: &str) -> io::Result<()> {
    let json = harmless_json(json);
    write_out(for_stream(&io::stdout(), &json).as_bytes())
}

#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error(
        "GitHub Actions would take line {0} of this CSV for a command, so it is not printed; write it to a file \
         (add > FILE.csv to the command), or use --format json"
    )]
    StartsCommand(usize),
    #[error("cannot write to stdout: {0}")]
    Io(#[from] io::Error),
}

/// As [`print()`], byte for byte; on a terminal without what acts on it, and under GitHub Actions without workflow
/// commands.
pub fn print_csv(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<(), CsvError> {
    let stdout = io::stdout();
    if is_file(&stdout) || !(github::is_on() || stdout.is_terminal()) {
        let mut out = stdout.lock();
        return Ok(unless_gone(write(&mut out).and_then(|()| out.flush()))?);
    }
    let mut table = Vec::new();
    write(&mut table)?;
    let table = String::from_utf8_lossy(&table);
    match github::command_in(&table).filter(|_| github::is_on()) {
        Some(line) => Err(CsvError::StartsCommand(line)),
        None => Ok(write_out(for_stream(&stdout, &table).as_bytes())?),
    }
}

/// Data as they are; on a terminal as harmless as text for people.
pub(super) fn for_stream<'a>(stream: &impl IsTerminal, data: &'a str) -> Cow<'a, str> {
    if stream.is_terminal() { shown(data) } else { data.into() }
}

/// Nothing takes lines of a file for workflow commands.
#[cfg(unix)]
fn is_file(stream: &impl std::os::fd::AsFd) -> bool {
    rustix::fs::fstat(stream)
        .is_ok_and(|there| rustix::fs::FileType::from_raw_mode(there.st_mode).is_file())
}

#[cfg(not(unix))]
fn is_file<S>(_: &S) -> bool {
    false
}

fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unless_gone(out.write_all(bytes).and_then(|()| out.flush()))
}

fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes to stdout once the work is done. A failure is a warning: it changes no exit code.
pub fn say(text: impl Into<ForPeople>) {
    if let Err(e) = print(text) {
        warn!("cannot write to stdout: {}", system_says(&e));
    }
}
