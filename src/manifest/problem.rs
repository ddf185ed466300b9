//! What is wrong with a manifest: kinds of problems and where they are.

use std::{cell::RefCell, path::Path, sync::Arc};

use super::{
    kind::ProblemKind,
    source::{Place, Source},
};

/// So many problems are shown; a wrong column in a long partners file makes one per line.
const MAX_SHOWN: usize = 50;

/// Something wrong at one place of the manifest or of a partners file.
#[derive(Debug, Clone)]
pub struct Problem {
    place: Place,
    kind: ProblemKind,
    /// The other place of a problem that two places make.
    other: Option<Place>,
}

impl Problem {
    /// The file, as the user named it or as the manifest names it.
    pub fn file(&self) -> &Path {
        self.place.source.path()
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.place.line()
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.place.column()
    }

    /// The offending text; empty where something is missing.
    pub fn text(&self) -> &str {
        self.place.text()
    }

    /// What is wrong. Its `Display` says it, [`ProblemKind::help`] what would be right.
    pub fn kind(&self) -> &ProblemKind {
        &self.kind
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn other(&self) -> Option<&Place> {
        self.other.as_ref()
    }
}

/// `file:line:column: what is wrong`, on one line.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)?;
        match &self.other {
            Some(other) => write!(f, " (see {other})"),
            None => Ok(()),
        }
    }
}

/// All problems of a manifest, in order of position, those of the manifest before those of its partners
/// files. Never empty.
#[derive(Debug, Clone)]
pub struct Problems {
    shown: Vec<Problem>,
    total: usize,
}

impl Problems {
    /// The first problems.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.shown.iter()
    }

    /// How many there are; [`Problems::iter`] may give fewer.
    pub fn total(&self) -> usize {
        self.total
    }

    /// How many [`Problems::iter`] leaves out.
    pub fn left_out(&self) -> usize {
        self.total - self.shown.len()
    }
}

/// Takes problems as they are found, in any order. Shared by all readers of a manifest.
#[derive(Debug, Default)]
pub(super) struct Sink(RefCell<Vec<Problem>>);

impl Sink {
    pub(super) fn report(&self, place: Place, kind: ProblemKind) {
        self.0.borrow_mut().push(Problem {
            place,
            kind,
            other: None,
        });
    }

    pub(super) fn report_with(&self, place: Place, kind: ProblemKind, other: Place) {
        self.0.borrow_mut().push(Problem {
            place,
            kind,
            other: Some(other),
        });
    }

    /// The problems, `main`'s first; `None` if there are none. What an anchor made several times is told once.
    pub(super) fn into_problems(self, main: &Arc<Source>) -> Option<Problems> {
        let mut problems = self.0.into_inner();
        let elsewhere = |problem: &Problem| !Arc::ptr_eq(&problem.place.source, main);
        problems.sort_by(|a, b| {
            (elsewhere(a).cmp(&elsewhere(b))).then_with(|| a.place.compare(&b.place))
        });
        problems.dedup_by(|a, b| a.place.compare(&b.place).is_eq() && a.kind == b.kind);
        let total = problems.len();
        problems.truncate(MAX_SHOWN);
        (total > 0).then_some(Problems {
            shown: problems,
            total,
        })
    }
}
