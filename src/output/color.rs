//! Colour, which never says more than the words do.

use std::io;

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};

pub(super) const PLAIN: Style = Style::new();
pub(super) const STRONG: Style = Style::new().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WAITING: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();

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

    pub(super) fn painted(self, style: Style, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
