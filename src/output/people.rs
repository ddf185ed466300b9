//! Text for people, harmless for a terminal; colours come from nowhere else.

use std::fmt::{self, Display};

use super::{color::Paint, wrap};
use crate::text::shown;

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

    pub(super) fn painted(&mut self, how: fn(Paint, &str) -> String, text: &str) {
        self.text.push_str(&how(self.paint, &shown(text)));
    }

    pub(super) fn wrapped(self, width: usize) -> Self {
        let lines = self.text.lines();
        ForPeople { text: lines.map(|line| wrap::wrapped(line, width) + "\n").collect(), ..self }
    }
}

impl fmt::Write for ForPeople {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(&shown(text));
        Ok(())
    }
}

impl From<&str> for ForPeople {
    fn from(text: &str) -> Self {
        ForPeople { text: shown(text).into_owned(), paint: Paint::NONE }
    }
}

impl From<String> for ForPeople {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl Display for ForPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
