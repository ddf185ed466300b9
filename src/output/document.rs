//! Documents that are written once, when a command has ended.

use std::{
    error::Error,
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{Ending, Reader, console, junit::junit, metrics::metrics, summary_json::summary_json};
use crate::whole_file;

/// What such a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// `--junit`
    Junit,
    /// `--summary-json`, `--format json`
    Summary,
    /// `--metrics`
    Metrics,
}

/// A document about how a command ended, and where it goes.
#[derive(Debug)]
pub struct Document {
    kind: DocumentKind,
    /// None: stdout.
    place: Option<PathBuf>,
}

impl Document {
    /// A document for a file, which appears whole in the place of what is there.
    pub fn file(kind: DocumentKind, place: PathBuf) -> Self {
        Document {
            kind,
            place: Some(place),
        }
    }

    /// A document for stdout.
    pub fn stdout(kind: DocumentKind) -> Self {
        Document { kind, place: None }
    }
}

impl Reader for Document {
    fn name(&self) -> String {
        match &self.place {
            Some(place) => place.display().to_string(),
            None => "stdout".to_owned(),
        }
    }

    fn end(&mut self, ending: &Ending<'_>) -> io::Result<()> {
        fn other(e: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
            io::Error::other(e)
        }
        let text = match self.kind {
            DocumentKind::Junit => junit(ending).map_err(other),
            DocumentKind::Summary => summary_json(ending).map_err(other),
            DocumentKind::Metrics => metrics(ending).map_err(other),
        }?;
        match &self.place {
            Some(place) => write(place, text.as_bytes()),
            None => console::print_data(&text),
        }
    }
}

/// Tries out whether a document can be written to `place`; a file that is there stays as it is.
///
/// # Errors
/// It is a folder or a pipe, or what the system said.
pub fn try_document(place: &Path) -> io::Result<()> {
    match place.metadata() {
        Ok(there) if there.is_dir() => Err(io::Error::other("it is a folder")),
        Ok(there) if !there.is_file() && !is_device(&there) => {
            Err(io::Error::other("it is not a file"))
        }
        Ok(there) => {
            OpenOptions::new().write(true).open(place)?;
            match there.is_file() {
                true => whole_file::NewFile::begin(place).map(drop),
                false => Ok(()),
            }
        }
        Err(_) => whole_file::NewFile::begin(place).map(drop),
    }
}

/// A device takes what is written to it; anything else is replaced whole.
fn write(place: &Path, text: &[u8]) -> io::Result<()> {
    match place.metadata() {
        Ok(there) if is_device(&there) => {
            OpenOptions::new().write(true).open(place)?.write_all(text)
        }
        _ => whole_file::replace(place, text),
    }
}

#[cfg(unix)]
fn is_device(there: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    there.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_device(_: &std::fs::Metadata) -> bool {
    false
}
