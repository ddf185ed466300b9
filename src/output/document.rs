//! Documents that are written once, when a command has ended.

use std::{io, path::PathBuf};

use super::{
    Ending, Reporter, console, junit::junit, metrics::metrics, summary_json::summary_json,
};
use crate::{files, text::harmless_json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    Junit,
    Summary,
    Metrics,
}

#[derive(Debug)]
pub struct Document {
    kind: DocumentKind,
    /// None: stdout.
    place: Option<PathBuf>,
}

impl Document {
    pub fn file(kind: DocumentKind, place: PathBuf) -> Self {
        Document { kind, place: Some(place) }
    }

    pub fn stdout(kind: DocumentKind) -> Self {
        Document { kind, place: None }
    }
}

impl Reporter for Document {
    fn name(&self) -> String {
        match &self.place {
            Some(place) => place.display().to_string(),
            None => "stdout".to_owned(),
        }
    }

    fn end(&mut self, ending: &Ending<'_>) -> io::Result<()> {
        let text = match self.kind {
            DocumentKind::Junit => junit(ending).map_err(io::Error::other),
            DocumentKind::Metrics => metrics(ending).map_err(io::Error::other),
            DocumentKind::Summary => summary_json(ending)
                .map(|json| harmless_json(&json).into_owned())
                .map_err(Into::into),
        }?;
        match &self.place {
            Some(place) => files::replace(place, text.as_bytes()),
            None => console::print_json(&text),
        }
    }
}
