//! Colour, which never says more than the words do.

use std::io;

use anstream::{AutoStream, ColorChoice};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb; elsewhere where CLICOLOR_FORCE is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    pub(super) fn choose(self) {
        let choice = match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    pub(super) fn for_stdout() -> Self {
        Paint(AutoStream::choice(&io::stdout()) != ColorChoice::Never)
    }

    pub(super) fn for_stderr() -> Self {
        Paint(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
    }

    pub(super) const NONE: Paint = Paint(false);

    #[cfg(test)]
    pub(super) const ALL: Paint = Paint(true);

    pub(super) fn is_on(self) -> bool {
        self.0
    }

    pub(super) fn plain(self, text: &str) -> String {
        text.to_owned()
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn waiting(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// `code`: an SGR parameter (ECMA-48, 8.3.117).
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
