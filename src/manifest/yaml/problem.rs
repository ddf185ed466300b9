use std::{cell::RefCell, fmt, sync::Arc};

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
    pub(crate) message: String,
    pub(crate) help: Option<String>,
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
    pub(crate) place: SourcePlace,
    pub(crate) mistake: Mistake,
    /// Where the same stands first.
    pub(crate) other: Option<SourcePlace>,
}

/// All problems of a manifest, by position, those of the manifest first. Never empty.
#[derive(Debug, Clone)]
pub struct Problems {
    pub shown: Vec<Problem>,
    pub(super) left_out: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Problem>>);

impl Sink {
    pub(crate) fn report<T>(&self, place: SourcePlace, mistake: Mistake) -> Option<T> {
        self.0.borrow_mut().push(Problem { place, mistake, other: None });
        None
    }

    /// `other` is where the same stands first.
    pub(crate) fn report_again(&self, place: SourcePlace, mistake: Mistake, other: SourcePlace) {
        self.0.borrow_mut().push(Problem { place, mistake, other: Some(other) });
    }

    /// Problems of `main` first; `None` if there are none. What an anchor repeats is reported once.
    pub(crate) fn into_problems(self, main: &Arc<Source>) -> Option<Problems> {
        let mut problems = self.0.into_inner();
        let elsewhere = |problem: &Problem| !Arc::ptr_eq(&problem.place.source, main);
        problems.sort_by(|a, b| {
            (elsewhere(a).cmp(&elsewhere(b))).then_with(|| a.place.compare(&b.place))
        });
        problems.dedup_by(|a, b| a.place.compare(&b.place).is_eq() && a.mistake == b.mistake);
        let left_out = problems.len().saturating_sub(MAX_SHOWN);
        problems.truncate(MAX_SHOWN);
        (!problems.is_empty()).then_some(Problems { shown: problems, left_out })
    }
}
