//! The entry points: a file's path in, a checked manifest or all of its problems out.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::NaiveDate;

use super::{
    Manifest,
    kind::ProblemKind,
    labels::LabelBook,
    partners::PartnersFiles,
    problem::{Problems, Sink},
    read::{self, Context},
    source::{ReadError, Source},
    yaml::{Document, Fields, Node},
};
use crate::settings::Settings;

/// The one version of the manifest's form.
pub(super) const VERSION: u64 = 1;

pub(super) const MANIFEST_KEYS: &[&str] = &[
    "version", "name", "api", "limits", "retry", "ledger", "defaults", "jobs",
];

/// What is not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// The day that relative periods count from.
    pub as_of: NaiveDate,
    /// The real day, UTC, which the server's calendar rules count from.
    pub today: NaiveDate,
    /// Whether the calendar rules are checked.
    pub date_check: DateCheck,
}

/// Whether periods are held against the server's calendar rules: over, and not older than five years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateCheck {
    /// They are.
    On,
    /// The judgement is left to the server.
    Off,
}

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("cannot read the manifest {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        source: ReadError,
    },
    /// The file was read, and something is wrong with what it says.
    #[error("the manifest is invalid\n{}", .0.render(false))]
    Invalid(Problems),
}

/// What `retry` needs of a manifest: everything but its jobs, which are not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSettings {
    /// `name:`, or the file's stem.
    pub name: String,
    /// `api`, `limits` and `retry`.
    pub settings: Settings,
    /// Where the ledger lies: `ledger:` or `<manifest stem>.ledger.csv`, joined to the manifest's folder.
    pub ledger: PathBuf,
}

impl Manifest {
    /// Reads and checks the manifest at `path` and the partners files that it names.
    ///
    /// # Errors
    /// [`ManifestError`]; where the file can be read at all, with every problem that was found.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Manifest, ManifestError> {
        load(path, |fields, head| {
            let mut context = Context {
                options,
                folder: folder(path),
                partners: PartnersFiles::default(),
                labels: LabelBook::default(),
            };
            let jobs = read::jobs(fields, &mut context);
            let labels = context.labels.report(fields.node().sink());
            for partners in context.partners.paths() {
                if is_same_file(partners, &head.ledger) {
                    let node = fields.get("ledger").unwrap_or(fields.node());
                    bad_ledger::<()>(node, &head.ledger, "it is a partners file");
                }
            }
            Some(Manifest {
                path: path.to_owned(),
                name: head.name,
                settings: head.settings,
                ledger: head.ledger,
                jobs: jobs?,
                labels,
            })
        })
    }
}

impl RunSettings {
    /// Reads the manifest at `path` but for its jobs, defaults and partners files.
    ///
    /// # Errors
    /// [`ManifestError`]; where the file can be read at all, with every problem that was found.
    pub fn load(path: &Path) -> Result<RunSettings, ManifestError> {
        load(path, |_, head| Some(head))
    }
}

/// Reads a manifest's head, and with `rest` what else is wanted of it.
fn load<T>(
    path: &Path,
    rest: impl FnOnce(&Fields<'_>, RunSettings) -> Option<T>,
) -> Result<T, ManifestError> {
    let source = Source::read(path).map_err(|source| ManifestError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let sink = Sink::default();
    let loaded = load_source(&source, &sink, rest);
    match sink.into_problems(&source) {
        Some(problems) => Err(ManifestError::Invalid(problems)),
        None => {
            #[expect(
                clippy::expect_used,
                reason = "a reader that gives nothing has reported why"
            )]
            let loaded = loaded.expect("a manifest without problems is read");
            Ok(loaded)
        }
    }
}

fn load_source<T>(
    source: &Arc<Source>,
    sink: &Sink,
    rest: impl FnOnce(&Fields<'_>, RunSettings) -> Option<T>,
) -> Option<T> {
    let document = Document::read(source, sink)?;
    let root = document.root(sink);
    if root.found() == super::Found::Nothing {
        return root.report(ProblemKind::EmptyFile);
    }
    let fields = root.fields(
        "the manifest",
        MANIFEST_KEYS,
        "a mapping with `version`, `jobs` and so on",
    )?;
    let head = head(&fields, source.path());
    rest(&fields, head)
}

fn head(fields: &Fields<'_>, path: &Path) -> RunSettings {
    if let Some(node) = fields.require("version", "version: 1") {
        check_version(node);
    }
    let stem = path.file_stem().unwrap_or(OsStr::new("manifest"));
    RunSettings {
        name: fields.read_or("name", stem.to_string_lossy().into_owned(), |node| {
            read::line(node, "the name of the manifest").map(str::to_owned)
        }),
        settings: read::settings(fields, folder(path)),
        ledger: ledger(fields, path, stem),
    }
}

fn check_version(node: Node<'_>) -> Option<()> {
    match node.found() {
        super::Found::Number | super::Found::Text if node.is_number(VERSION) => Some(()),
        super::Found::Number | super::Found::Text => {
            node.report(ProblemKind::UnknownVersion(node.written()))
        }
        _ => node.unexpected("the number 1"),
    }
}

fn ledger(fields: &Fields<'_>, manifest: &Path, stem: &OsStr) -> PathBuf {
    let mut default = stem.to_owned();
    default.push(".ledger.csv");
    let default = folder(manifest).join(default);
    fields.read_or("ledger", default, |node| {
        let written = read::line(node, "the path of a CSV file")?;
        let path = folder(manifest).join(written);
        let names_a_folder = written.ends_with(['/', std::path::MAIN_SEPARATOR])
            || path.file_name().is_none()
            || written.ends_with("/.")
            || path.is_dir();
        if names_a_folder {
            return bad_ledger(node, &path, "it is a folder");
        }
        if is_same_file(&path, manifest) {
            return bad_ledger(node, &path, "it is the manifest itself");
        }
        Some(path)
    })
}

fn bad_ledger<T>(node: Node<'_>, path: &Path, why: &'static str) -> Option<T> {
    node.report(ProblemKind::BadLedger {
        path: path.display().to_string(),
        why,
    })
}

/// Whether two paths lead to one file. One of them exists: if the other does not, they differ.
fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// The folder that the paths in a manifest are relative to.
fn folder(manifest: &Path) -> &Path {
    manifest.parent().unwrap_or(Path::new(""))
}
