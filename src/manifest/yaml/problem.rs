use std::{cell::RefCell, fmt, path::Path, sync::Arc};

use super::source::{Source, SourcePlace};

/// A wrong column in a long partners file gives one problem per line.
const MAX_SHOWN: usize = 50;

/// In characters.
const MAX_QUOTED: usize = 80;

/// A text from outside: in quotes, control characters escaped, and cut if it is long.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_QUOTED) {
            Some((cut, _)) => write!(f, "{:?}...", &self.0[..cut]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    message: String,
    help: Option<String>,
}

impl Mistake {
    /// `message` is one line without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Mistake { message: message.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Mistake { help: Some(help.into()), ..self }
    }
}

#[derive(Debug, Clone)]
pub struct Problem {
    place: SourcePlace,
    mistake: Mistake,
    other: Option<SourcePlace>,
}

impl Problem {
    pub fn file(&self) -> &Path {
        self.place.source.path()
    }

    /// Counted from 1.
    pub fn line(&self) -> usize {
        self.place.line()
    }

    /// In characters, counted from 1.
    pub fn column(&self) -> usize {
        self.place.column()
    }

    /// Empty if something is missing.
    pub fn text(&self) -> &str {
        self.place.text()
    }

    pub fn message(&self) -> &str {
        &self.mistake.message
    }

    pub fn help(&self) -> Option<&str> {
        self.mistake.help.as_deref()
    }

    pub(crate) fn place(&self) -> &SourcePlace {
        &self.place
    }

    pub(crate) fn other(&self) -> Option<&SourcePlace> {
        self.other.as_ref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message())?;
        match &self.other {
            Some(other) => write!(f, " (see {other})"),
            None => Ok(()),
        }
    }
}

/// All problems of a manifest, by position, those of the manifest first. Never empty.
#[derive(Debug, Clone)]
pub struct Problems {
    shown: Vec<Problem>,
    total: usize,
}

impl Problems {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.shown.iter()
    }

    /// How many there are; [`Problems::iter`] may have fewer.
    pub fn total(&self) -> usize {
        self.total
    }

    pub fn left_out(&self) -> usize {
        self.total - self.shown.len()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Problem>>);

impl Sink {
    pub(crate) fn report<T>(&self, place: SourcePlace, mistake: Mistake) -> Option<T> {
        self.push(place, mistake, None)
    }

    pub(crate) fn report_with<T>(
        &self,
        place: SourcePlace,
        mistake: Mistake,
        other: SourcePlace,
    ) -> Option<T> {
        self.push(place, mistake, Some(other))
    }

    fn push<T>(
        &self,
        place: SourcePlace,
        mistake: Mistake,
        other: Option<SourcePlace>,
    ) -> Option<T> {
        self.0.borrow_mut().push(Problem { place, mistake, other });
        None
    }

    /// Problems of `main` first; `None` if there are none. What an anchor repeats is reported once.
    pub(crate) fn into_problems(self, main: &Arc<Source>) -> Option<Problems> {
        let mut problems = self.0.into_inner();
        let elsewhere = |problem: &Problem| !Arc::ptr_eq(&problem.place.source, main);
        problems.sort_by(|a, b| {
            (elsewhere(a).cmp(&elsewhere(b))).then_with(|| a.place.compare(&b.place))
        });
        problems.dedup_by(|a, b| a.place.compare(&b.place).is_eq() && a.mistake == b.mistake);
        let total = problems.len();
        problems.truncate(MAX_SHOWN);
        (total > 0).then_some(Problems { shown: problems, total })
    }
}
