//! A closed month: `NAME.close.json` next to the ledger names every file that proves it, with its hash.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::accepted::Acceptance;
use crate::{
    files::{
        HashingReader, companion, folder_of, open_regular, put_in_place, read_first_line,
        read_regular,
    },
    ledger::StatusCounts,
    text::{hexadecimal, one_line, read_moment, system_says},
};

/// In bytes.
const LONGEST: u64 = 1024 * 1024 * 1024;

/// Where a ledger's close file is; `ledger` is the ledger itself, not a link to it.
pub fn close_path(ledger: &Path) -> PathBuf {
    companion(ledger, "close.json")
}

/// Whether there is a close file, even one that cannot be read. `ledger` is the ledger itself, not a link to it.
pub fn is_closed(ledger: &Path) -> bool {
    close_path(ledger).symlink_metadata().is_ok()
}

/// Whether a file has what every close file has, whatever its name.
pub fn is_close_file(path: &Path) -> bool {
    let begins = read_first_line(path).unwrap_or_default();
    let is_object = begins.trim_ascii_start().starts_with(b"{");
    is_object && value_of(path).is_ok_and(|value| ClosedMonth::deserialize(value).is_ok())
}

/// Whether `place` is where a close file of a ledger that was reopened may be: `NAME.close-1.json`.
pub fn is_place_of_reopened(ledger: &Path, place: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (begins, place_name) = (name(&companion(ledger, "close-")), name(place));
    let rest = place_name.strip_prefix(&begins);
    let number = rest.and_then(|rest| rest.strip_suffix(".json")).unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && ledger.parent() == place.parent()
}

/// Renames the close file to the first free one of `NAME.close-1.json`, `NAME.close-2.json` and so on.
pub fn set_reopened(ledger: &Path) -> io::Result<PathBuf> {
    let mut names = (1_u32..).map(|n| companion(ledger, &format!("close-{n}.json")));
    let free = names.find(|name| name.symlink_metadata().is_err());
    let free = free.ok_or(io::ErrorKind::AlreadyExists)?;
    put_in_place(&close_path(ledger), &free)?;
    Ok(free)
}

/// When a ledger was closed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Closed")]
pub struct ClosedMonth {
    /// When, UTC.
    #[serde(rename(deserialize = "closed_at"), deserialize_with = "read_moment")]
    #[schemars(rename = "at")]
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
}

impl ClosedMonth {
    /// `None` where there is no close file. The error says why the one that is there cannot be read: it counts all the
    /// same. `ledger` is the ledger itself, not a link to it.
    pub fn of(ledger: &Path) -> Option<Result<Self, CloseError>> {
        let path = close_path(ledger);
        path.symlink_metadata().ok()?;
        let read = value_of(&path).and_then(|value| {
            let closed = ClosedMonth::deserialize(value);
            closed.map_err(|e| CloseError::Broken { path: path.clone(), why: e.to_string() })
        });
        Some(read.map(|ClosedMonth { at, by }| ClosedMonth { at, by: one_line(&by) }))
    }
}

/// `NAME.close.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloseFile {
    /// Of this format: 1.
    pub version: u64,
    /// When the month was closed, UTC.
    #[serde(deserialize_with = "read_moment")]
    pub closed_at: DateTime<Utc>,
    /// Who closed it.
    pub by: String,
    /// The manifest's name.
    pub manifest: String,
    /// The day that relative periods counted from.
    pub as_of: NaiveDate,
    /// Whether the reports are a sandbox's.
    pub rehearsal: bool,
    /// Whether no server was asked.
    pub offline: bool,
    /// The rows of the ledger by what became of them.
    pub counts: StatusCounts,
    /// Differences that do not count, since a person has accepted them.
    pub accepted: Vec<AcceptedDifference>,
    /// Every file that proves the month.
    pub files: Vec<ClosedFile>,
}

/// A difference that a person has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedDifference {
    /// `d` and 16 hexadecimal digits.
    pub id: String,
    /// Its kind, as in `audit`; a key of a comparison is `not_reconciled`.
    pub kind: String,
    /// What differs.
    pub message: String,
    /// Why it is accepted, by whom, and until when.
    #[serde(flatten)]
    pub acceptance: Acceptance,
}

/// A file, and what its bytes were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClosedFile {
    /// Relative to the close file, with `/`.
    pub path: String,
    /// What it is for.
    pub kind: ClosedFileKind,
    /// How many bytes were hashed. Of the history only these count: it may grow.
    pub bytes: u64,
    /// Of these bytes.
    pub sha256: String,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FileKind")]
pub enum ClosedFileKind {
    /// The manifest.
    Manifest,
    /// The ledger, or an earlier one that is compared with it.
    Ledger,
    /// The history of the ledger.
    History,
    /// The accepted differences.
    Accepted,
    /// A partners file.
    Partners,
    /// A list, or a translation of one.
    List,
    /// A collected file.
    Report,
}

/// Why a close file is not taken for one.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    #[error("there is no close file at {}", .0.display())]
    Missing(PathBuf),
    #[error("the close file {} cannot be read ({})", .0.display(), system_says(.1))]
    Unreadable(PathBuf, io::Error),
    #[error("{} is no close file, or it is broken: {}", path.display(), one_line(why))]
    Broken { path: PathBuf, why: String },
    #[error("{} is a close file of version {version}, and this monthend knows version 1 only; use a later one", path.display())]
    OtherVersion { path: PathBuf, version: String },
    #[error("{} names no files, so it proves nothing", .0.display())]
    NoFiles(PathBuf),
}

/// What became of a file since the month was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileVerdict {
    Unchanged,
    Missing,
    /// In which way.
    Changed(String),
    /// Why. Nothing is known of its bytes.
    Unreadable(String),
}

impl FileVerdict {
    pub fn is_unchanged(&self) -> bool {
        *self == FileVerdict::Unchanged
    }

    pub fn word(&self) -> &'static str {
        match self {
            FileVerdict::Unchanged => "unchanged",
            FileVerdict::Missing => "missing",
            FileVerdict::Changed(_) => "changed",
            FileVerdict::Unreadable(_) => "unreadable",
        }
    }
}

impl ClosedFile {
    /// Hashes the file at `place`.
    pub fn of(place: &Path, path: String, kind: ClosedFileKind) -> io::Result<Self> {
        let file = open_regular(place)?;
        // What is added to a history meanwhile is no part of it.
        let (bytes, sha256) = hash(file, u64::MAX)?;
        Ok(ClosedFile { path, kind, bytes, sha256 })
    }

    /// `folder`: that of the close file.
    fn verify(&self, folder: &Path) -> FileVerdict {
        let changed = FileVerdict::Changed;
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileVerdict::Missing,
            io::ErrorKind::InvalidInput => changed(system_says(&e)),
            _ => FileVerdict::Unreadable(system_says(&e)),
        };
        let file = match open_regular(&folder.join(&self.path)) {
            Ok(file) => file,
            Err(e) => return failed(e),
        };
        let may_grow = self.kind == ClosedFileKind::History;
        // One byte more shows that a file has grown, and an endless one is not read to its end.
        let most = if may_grow { self.bytes } else { self.bytes.saturating_add(1) };
        match hash(file, most) {
            Err(e) => failed(e),
            Ok((bytes, _)) if bytes < self.bytes => {
                changed(format!("it has {bytes} bytes, and had {}", self.bytes))
            }
            Ok((bytes, _)) if bytes > self.bytes => {
                changed(format!("it is longer than the {} bytes that it had", self.bytes))
            }
            Ok((_, sha256)) if sha256 != self.sha256 => {
                changed("it has another content, of the same size".to_owned())
            }
            Ok(_) => FileVerdict::Unchanged,
        }
    }

    fn check(&self) -> Result<(), String> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let path = Path::new(&self.path);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_digit) {
            return Err(format!("the sha256 of {:?} is no SHA-256", self.path));
        }
        if self.path.is_empty() || path.has_root() || path.is_absolute() {
            return Err(format!("{:?} is no path relative to the close file", self.path));
        }
        Ok(())
    }
}

/// At most `most` bytes: how many there are, and their SHA-256.
fn hash(file: impl io::Read, most: u64) -> io::Result<(u64, String)> {
    let mut input = HashingReader::new(file.take(most));
    let bytes = io::copy(&mut input, &mut io::sink())?;
    Ok((bytes, hexadecimal(&input.sha256())))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, CloseError> {
    read_regular(path, LONGEST).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => CloseError::Missing(path.to_owned()),
        _ => CloseError::Unreadable(path.to_owned(), e),
    })
}

fn value_of(path: &Path) -> Result<Value, CloseError> {
    parse(path, &bytes_of(path)?)
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, CloseError> {
    let read = serde_json::from_slice(bytes);
    read.map_err(|e| CloseError::Broken { path: path.to_owned(), why: e.to_string() })
}

impl CloseFile {
    pub const VERSION: u64 = 1;

    /// With its line feed.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// With the SHA-256 of its bytes, in hexadecimal digits: what people keep elsewhere.
    pub fn read(path: &Path) -> Result<(Self, String), CloseError> {
        let broken = |why: String| CloseError::Broken { path: path.to_owned(), why };
        let bytes = bytes_of(path)?;
        let value: Value = parse(path, &bytes)?;
        let version = &value["version"];
        if !version.is_null() && *version != CloseFile::VERSION {
            let version = one_line(&version.to_string());
            return Err(CloseError::OtherVersion { path: path.to_owned(), version });
        }
        if !value.is_object() {
            return Err(broken("it is no JSON object".to_owned()));
        }
        // From the text again: a key that stands twice is lost in the value.
        let close: CloseFile = parse(path, &bytes)?;
        close.files.iter().try_for_each(ClosedFile::check).map_err(broken)?;
        let mut known = HashSet::new();
        if let Some(twice) = close.files.iter().find(|file| !known.insert(&file.path)) {
            return Err(broken(format!("it lists {:?} twice", twice.path)));
        }
        if close.files.is_empty() {
            return Err(CloseError::NoFiles(path.to_owned()));
        }
        Ok((close, hexadecimal(&Sha256::digest(&bytes))))
    }

    /// Each file, in their order. `path`: where the close file is. Only the files that it names are read, wherever they
    /// lie: an earlier ledger may be in another folder.
    pub fn verify(&self, path: &Path) -> impl Iterator<Item = (&ClosedFile, FileVerdict)> {
        let folder = folder_of(path).to_owned();
        self.files.iter().map(move |file| (file, file.verify(&folder)))
    }

    /// The ledger that it closes: the first one, since earlier ones follow.
    pub fn ledger(&self) -> &str {
        let ledger = self.files.iter().find(|file| file.kind == ClosedFileKind::Ledger);
        ledger.map_or("no ledger", |file| &file.path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::{prelude::*, sample::Index};
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    const FILES: [(&str, ClosedFileKind); 4] = [
        ("m.yaml", ClosedFileKind::Manifest),
        ("m.ledger.csv", ClosedFileKind::Ledger),
        ("m.ledger.history.jsonl", ClosedFileKind::History),
        ("m.ledger.reports/2026-10/USER/Acme.csv", ClosedFileKind::Report),
    ];

    fn content(path: &str) -> Vec<u8> {
        format!("the bytes of {path}\n").repeat(40).into_bytes()
    }

    /// A closed month.
    fn closed() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let files = FILES.map(|(path, kind)| {
            let place = folder.path().join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, content(path)).unwrap();
            ClosedFile::of(&place, path.to_owned(), kind).unwrap()
        });
        let close = CloseFile {
            version: CloseFile::VERSION,
            closed_at: DateTime::UNIX_EPOCH,
            by: "Jo Doe".to_owned(),
            manifest: "october".to_owned(),
            as_of: NaiveDate::default(),
            rehearsal: false,
            offline: false,
            counts: StatusCounts::default(),
            accepted: Vec::new(),
            files: files.to_vec(),
        };
        let place = folder.path().join("m.ledger.close.json");
        fs::write(&place, close.json().unwrap()).unwrap();
        (folder, place)
    }

    fn unlike(place: &Path) -> Vec<(String, &'static str)> {
        let (close, _) = CloseFile::read(place).unwrap();
        let verified = close.verify(place).filter(|(_, it)| *it != FileVerdict::Unchanged);
        verified.map(|(file, verdict)| (file.path.clone(), verdict.word())).collect()
    }

    proptest! {
        /// Any byte that is changed, added or taken away, in any file; only the history may grow.
        #[test]
        fn every_change_of_a_listed_file_is_found(at in any::<Index>(), bit in 0..8_u8, which in 0..FILES.len(), how in 0..4_u8) {
            let (folder, place) = closed();
            prop_assert_eq!(unlike(&place), vec![]);
            let (path, kind) = FILES[which];
            let mut bytes = content(path);
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] ^= 1 << bit,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b'x' + bit),
                _ => bytes.push(bit),
            }
            let is_growth = kind == ClosedFileKind::History && bytes.starts_with(&content(path));
            fs::write(folder.path().join(path), bytes).unwrap();
            let expected = if is_growth { vec![] } else { vec![(path.to_owned(), "changed")] };
            prop_assert_eq!(unlike(&place), expected);
        }

        /// Whatever a close file has become, reading it is no panic.
        #[test]
        fn a_broken_close_file_is_refused_or_read(at in any::<Index>(), byte in any::<u8>(), how in 0..3_u8) {
            let (_folder, place) = closed();
            let mut bytes = fs::read(&place).unwrap();
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
            fs::write(&place, bytes).unwrap();
            if let Ok((close, _)) = CloseFile::read(&place) {
                let _ = close.verify(&place).count();
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_named_and_not_waited_for() {
        use std::os::unix::fs::symlink;
        let (folder, place) = closed();
        let ledger = folder.path().join("m.ledger.csv");
        let named = |word: &'static str| vec![("m.ledger.csv".to_owned(), word)];
        fs::remove_file(&ledger).unwrap();
        assert_eq!(unlike(&place), named("missing"));
        symlink("m.ledger.csv", &ledger).unwrap();
        assert_eq!(unlike(&place), named("unreadable"), "a link to itself");
        for (target, word) in [
            ("/dev/zero", "changed"),
            ("nowhere", "missing"),
            ("/", "changed"),
            ("m.yaml", "changed"),
        ] {
            fs::remove_file(&ledger).unwrap();
            symlink(target, &ledger).unwrap();
            assert_eq!(unlike(&place), named(word), "{target}");
        }
        fs::remove_file(&ledger).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(&ledger).status();
        assert!(fifo.is_ok_and(|it| it.success()));
        assert_eq!(unlike(&place), named("changed"));
        // Another file with the same bytes proves as much.
        fs::remove_file(&ledger).unwrap();
        fs::write(folder.path().join("copy"), content("m.ledger.csv")).unwrap();
        symlink("copy", &ledger).unwrap();
        assert_eq!(unlike(&place), []);
    }

    #[test]
    fn other_versions_other_files_and_odd_paths_are_refused() {
        let (folder, place) = closed();
        let good: Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut value = good.clone();
            change(&mut value);
            fs::write(&place, value.to_string()).unwrap();
            CloseFile::read(&place).unwrap_err().to_string()
        };
        let said = refused(&|it| it["version"] = json!(2));
        assert!(said.contains("version 2") && said.contains("later one"), "{said}");
        assert!(refused(&|it| it["files"] = json!([])).contains("names no files"));
        for (key, value) in [
            ("path", json!("/etc/passwd")),
            ("path", json!("")),
            ("sha256", json!("abc")),
            ("sha256", json!("A".repeat(64))),
            ("bytes", json!(-1)),
            ("bytes", json!(1.5)),
            ("kind", json!("other")),
        ] {
            let said = refused(&|it| it["files"][1][key] = value.clone());
            assert!(said.contains("broken"), "{key}: {said}");
        }
        for text in ["", "{}", "[]", "null", "{\"version\":1,\"files\":[]}", "\u{0}"] {
            fs::write(&place, text).unwrap();
            assert!(CloseFile::read(&place).is_err(), "{text}");
        }
        assert!(matches!(CloseFile::read(folder.path()), Err(CloseError::Unreadable(..))));
        assert!(matches!(
            CloseFile::read(&folder.path().join("none")),
            Err(CloseError::Missing(_))
        ));
    }

    #[test]
    fn a_close_file_that_cannot_be_read_closes_all_the_same() {
        let (folder, place) = closed();
        let ledger = folder.path().join("m.ledger.csv");
        let by = |closed: Option<Result<ClosedMonth, CloseError>>| {
            closed.map(|it| it.map(|it| it.by).ok())
        };
        assert_eq!(by(ClosedMonth::of(&ledger)), Some(Some("Jo Doe".to_owned())));
        let later = fs::read_to_string(&place).unwrap().replace("\"version\": 1", "\"version\": 2");
        fs::write(&place, later).unwrap();
        assert_eq!(
            by(ClosedMonth::of(&ledger)),
            Some(Some("Jo Doe".to_owned())),
            "of a later version"
        );
        fs::write(&place, "{").unwrap();
        assert_eq!(by(ClosedMonth::of(&ledger)), Some(None));
        for n in 1..3 {
            fs::write(&place, "{").unwrap();
            let kept = set_reopened(&ledger).unwrap();
            assert_eq!(kept, folder.path().join(format!("m.ledger.close-{n}.json")));
            assert!(is_place_of_reopened(&ledger, &kept));
            assert_eq!(by(ClosedMonth::of(&ledger)), None);
        }
        for other in ["m.ledger.close.json", "m.ledger.close-x.json", "n.ledger.close-1.json"] {
            assert!(!is_place_of_reopened(&ledger, &folder.path().join(other)), "{other}");
        }
        assert!(is_place_of_reopened(Path::new("a/month"), Path::new("a/month.close-12.json")));
        fs::create_dir(&place).unwrap();
        assert_eq!(by(ClosedMonth::of(&ledger)), Some(None), "a folder");
    }
}
