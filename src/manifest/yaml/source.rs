use std::{
    cmp::Ordering,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use crate::{files::read_regular, text::hexadecimal};

/// In bytes: the largest manifest or partners file.
pub(crate) const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is a directory, not a file")]
    Directory,
    #[error("it is larger than {} MiB", MAX_FILE_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("it is not UTF-8 but UTF-16 or UTF-32; save it as UTF-8")]
    Wide,
    #[error("it is not a text file ({0})")]
    Binary(&'static str),
    #[error("line {line} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The first with an invalid byte.
        line: usize,
    },
}

impl Source {
    pub(crate) fn read(path: &Path) -> Result<Arc<Self>, SourceError> {
        if path.is_dir() {
            return Err(SourceError::Directory);
        }
        let bytes = read_regular(path, MAX_FILE_BYTES as u64);
        let bytes = bytes.map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => SourceError::TooLarge,
            _ => SourceError::Io(error),
        });
        Source::from_bytes(path, bytes?)
    }

    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Arc<Self>, SourceError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(SourceError::TooLarge);
        }
        if let Some(kind) = binary_kind(&bytes) {
            return Err(SourceError::Binary(kind));
        }
        if is_wide(&bytes) {
            return Err(SourceError::Wide);
        }
        let sha256 = hexadecimal(&Sha256::digest(&bytes));
        let mut text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let newlines = error.as_bytes().iter().take(good);
            SourceError::NotUtf8 { line: 1 + newlines.filter(|byte| **byte == b'\n').count() }
        })?;
        if text.contains('\0') {
            return Err(SourceError::Binary("it holds NUL bytes"));
        }
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Ok(Arc::new(Source { path: path.to_owned(), text, sha256 }))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// `span` is in bytes; it is cut to the line on which it starts.
    pub(crate) fn place(self: &Arc<Self>, span: Range<usize>) -> SourcePlace {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let first_line = self.text[start..end].split(['\n', '\r']).next().unwrap_or_default();
        SourcePlace { source: Arc::clone(self), span: start..start + first_line.trim_end().len() }
    }

    fn boundary(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

fn is_wide(bytes: &[u8]) -> bool {
    let marked = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    // Without a byte order mark: ASCII letters in two or four bytes have a zero in each first or each second pair.
    let unmarked = matches!(bytes, [0, x, 0, y, ..] | [x, 0, y, 0, ..] if *x != 0 && *y != 0);
    marked || unmarked || bytes.starts_with(&[0, 0, 0xfe, 0xff])
}

fn binary_kind(bytes: &[u8]) -> Option<&'static str> {
    [
        (&b"%PDF-"[..], "a PDF"),
        (b"PK\x03\x04", "a ZIP archive or an office document"),
        (b"\xd0\xcf\x11\xe0", "an office document"),
        (b"\x1f\x8b", "compressed with gzip"),
        (b"\x89PNG", "a picture"),
    ]
    .into_iter()
    .find_map(|(magic, kind)| bytes.starts_with(magic).then_some(kind))
}

#[derive(Clone)]
pub struct SourcePlace {
    pub(crate) source: Arc<Source>,
    /// In bytes.
    pub(crate) span: Range<usize>,
}

impl SourcePlace {
    /// Counted from 1.
    pub(crate) fn line(&self) -> usize {
        1 + self.before().matches('\n').count()
    }

    /// In characters, counted from 1.
    pub(crate) fn column(&self) -> usize {
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        1 + before[line_start..].chars().count()
    }

    pub(crate) fn text(&self) -> &str {
        &self.source.text[self.span.clone()]
    }

    pub(crate) fn whole_line(&self) -> (usize, &str) {
        let text = &self.source.text;
        let start = self.before().rfind('\n').map_or(0, |newline| newline + 1);
        let rest = &text[start..];
        let end = rest.find('\n').unwrap_or(rest.len());
        (start, rest[..end].trim_end_matches('\r'))
    }

    pub(crate) fn compare(&self, other: &SourcePlace) -> Ordering {
        let key = |place: &SourcePlace| (place.span.start, place.span.end);
        let files = if Arc::ptr_eq(&self.source, &other.source) {
            Ordering::Equal
        } else {
            self.source.path.cmp(&other.source.path)
        };
        files.then_with(|| key(self).cmp(&key(other)))
    }

    fn before(&self) -> &str {
        &self.source.text[..self.span.start]
    }
}

impl PartialEq for SourcePlace {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }
}

impl Eq for SourcePlace {}

impl std::fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.source.path.display();
        write!(f, "{path}:{}:{}", self.line(), self.column())
    }
}

impl std::fmt::Debug for SourcePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Source::from_bytes(Path::new("f"), text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn places_count_characters_and_stay_on_their_line() {
        let source = source("\u{feff}äö: x\r\nk: ü [a,\r\n b]");
        let at = source.text.find("ü").unwrap();
        let place = source.place(at..source.text.len());
        assert_eq!((place.line(), place.column()), (2, 4));
        assert_eq!(place.text(), "ü [a,");
        assert_eq!(place.to_string(), "f:2:4");
    }

    #[test]
    fn what_is_not_utf_8_text_is_named() {
        for (bytes, message) in [
            (&b"%PDF-1.7\n"[..], "a PDF"),
            (b"\xff\xfev\0e\0", "UTF-16"),
            (b"\xfe\xff\0v\0e", "UTF-16"),
            (b"v\0e\0r\0", "UTF-16"),
            (b"\0v\0e\0r", "UTF-16"),
            (b"PK\x03\x04", "ZIP"),
            (b"a: 1\nb: \xe4\n", "line 2 is not UTF-8"),
            (b"abc\0", "NUL"),
        ] {
            let error = Source::from_bytes(Path::new("f"), bytes.to_vec()).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
        let large = vec![b'a'; MAX_FILE_BYTES + 1];
        let error = Source::from_bytes(Path::new("f"), large).unwrap_err();
        assert!(matches!(error, SourceError::TooLarge));
    }
}
