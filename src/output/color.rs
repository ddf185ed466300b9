//! Colour, where it helps: what it says stands in the words too.

use std::io;

use anstream::{AutoStream, ColorChoice};

/// `--color`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb; elsewhere where CLICOLOR_FORCE is set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// Applies from now on.
    pub(super) fn choose(self) {
        let choice = match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Paints, or leaves things as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    /// As stdout can take it.
    pub(super) fn for_stdout() -> Self {
        Paint(AutoStream::choice(&io::stdout()) != ColorChoice::Never)
    }

    /// As stderr can take it.
    pub(super) fn for_stderr() -> Self {
        Paint(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
    }

    /// Nothing is painted.
    pub(super) const NONE: Paint = Paint(false);

    /// Everything is painted.
    #[cfg(test)]
    pub(super) const ALL: Paint = Paint(true);

    /// Whether anything is painted.
    pub(super) fn is_on(self) -> bool {
        self.0
    }

    /// Of what looks like the rest.
    pub(super) fn plain(self, text: &str) -> String {
        text.to_owned()
    }

    /// Of failures.
    pub(super) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// Of what is done.
    pub(super) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Of what waits, and of warnings.
    pub(super) fn waiting(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Of what is to be seen first.
    pub(super) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// `code`: how ECMA-48 (SGR, 8.3.117) numbers a look.
    fn with(self, code: &str, text: &str) -> String {
        match self.0 && !text.is_empty() {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}
