use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    job::Jobs,
    labels::LabelBook,
    model::{Manifest, ManifestSource},
    options::LoadOptions,
    partners::PartnersFiles,
    reconcile_entries::Entries,
    text::ManifestText,
};
use crate::{
    manifest::{
        settings::Settings,
        yaml::{
            Located, Mapping as _, Mistake, Node, Problems, Quoted, Sink, Source, SourceError, Tree,
        },
    },
    text::{is_before_header, shell_path},
};

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("there is no manifest at {}; `monthend init {}` writes one", .0.display(), shell_path(.0))]
    Missing(PathBuf),
    #[error("{} is {}", path.display(), kind.instead(path))]
    ATable {
        /// As the user named it.
        path: PathBuf,
        kind: WrongFile,
    },
    #[error("cannot read the manifest {}: {source}", path.display())]
    Unreadable {
        /// As the user named it.
        path: PathBuf,
        source: SourceError,
    },
    #[error("the manifest is invalid\n{}", .0.render(false))]
    Invalid(Problems),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongFile {
    Ledger,
    Partners,
}

impl WrongFile {
    fn of(text: &str) -> Option<WrongFile> {
        let mut lines = text.lines();
        let header = lines.find(|line| !is_before_header(line)).unwrap_or_default();
        let mut columns = header
            .split([',', ';', '\t'])
            .map(|name| name.trim().trim_matches('"').to_ascii_lowercase());
        columns.find_map(|name| match &*name {
            "request_id" => Some(WrongFile::Ledger),
            "org_id" => Some(WrongFile::Partners),
            _ => None,
        })
    }

    fn instead(self, path: &Path) -> String {
        match self {
            WrongFile::Ledger => format!(
                "a ledger; this needs a manifest (a .yaml file). `monthend status {}` shows the ledger",
                shell_path(path)
            ),
            WrongFile::Partners => format!(
                "a partners file; this needs a manifest (a .yaml file), which may name it: \
                 sub_partners: [{{ file: {} }}]",
                path.display()
            ),
        }
    }
}

/// What [`RunSettings`] do not have.
const UNREAD: [&str; 4] = ["defaults", "jobs", "units", "reconcile"];

/// The manifest without its jobs, for `retry`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunSettings {
    pub origin: ManifestSource,
    pub name: String,
    pub settings: Settings,
    pub ledger: PathBuf,
}

impl Manifest {
    /// Reads and checks the manifest at `path` and its partners files. The error holds all problems.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Manifest, ManifestError> {
        Manifest::read(&source_at(path)?, options)
    }

    pub(super) fn read(
        source: &Arc<Source>,
        options: &LoadOptions,
    ) -> Result<Manifest, ManifestError> {
        load(source, &[], |text, run, sink| {
            let mut jobs = Jobs {
                options,
                sink,
                partners: PartnersFiles::default(),
                labels: LabelBook::default(),
                lines: BTreeMap::new(),
                is_relative: false,
            };
            let written = text.jobs.map(|written| jobs.read(written, text.defaults));
            let (labels, mut oddities) = jobs.labels.report(sink);
            oddities.extend(jobs.partners.oddities());
            let entries = Entries { units: &text.units, jobs: written.as_deref(), sink };
            let reconcile = entries.read(text.reconcile);
            Manifest {
                path: source.path().to_owned(),
                origin: ManifestSource { job_lines: jobs.lines, ..run.origin },
                name: run.name,
                settings: run.settings,
                ledger: run.ledger,
                jobs: written.unwrap_or_default(),
                labels,
                oddities,
                is_relative: jobs.is_relative,
                units: text.units.ok().flatten(),
                reconcile,
            }
        })
    }
}

impl RunSettings {
    /// As [`Manifest::load`], but without jobs, defaults, partners files and what is compared with lists.
    pub fn load(path: &Path) -> Result<RunSettings, ManifestError> {
        load(&source_at(path)?, &UNREAD, |_, run, _| run)
    }
}

fn source_at(path: &Path) -> Result<Arc<Source>, ManifestError> {
    Source::read(path).map_err(|source| match source {
        SourceError::Io(e) if e.kind() == io::ErrorKind::NotFound => {
            ManifestError::Missing(path.to_owned())
        }
        source => ManifestError::Unreadable { path: path.to_owned(), source },
    })
}

/// Keys in `unread` are ignored. `made_of` reports further problems; if there is any, what it returns is not used.
fn load<T>(
    source: &Arc<Source>,
    unread: &[&str],
    made_of: impl FnOnce(ManifestText, RunSettings, &Sink) -> T,
) -> Result<T, ManifestError> {
    if let Some(kind) = WrongFile::of(source.text()) {
        let path = source.path().to_owned();
        return Err(ManifestError::ATable { path, kind });
    }
    let sink = Sink::default();
    let loaded = Tree::read(source, &sink).and_then(|tree| {
        let root = Node::root(&tree, &sink);
        let mut text = ManifestText::read(root, unread)?;
        let mut origin = ManifestSource { sha256: source.sha256(), ..ManifestSource::default() };
        origin.add_named(root);
        let run = RunSettings {
            origin,
            name: text.name.take().unwrap_or_else(|| stem(source.path())),
            settings: std::mem::take(&mut text.settings),
            ledger: ledger(text.ledger.take(), source, &sink),
        };
        Some(made_of(text, run, &sink))
    });
    match sink.into_problems(source) {
        Some(problems) => Err(ManifestError::Invalid(problems)),
        None => {
            #[expect(clippy::expect_used, reason = "a reader that gives nothing has reported why")]
            let loaded = loaded.expect("a manifest without problems is read");
            Ok(loaded)
        }
    }
}

pub(super) fn stem(manifest: &Path) -> String {
    let stem = manifest.file_stem().unwrap_or(OsStr::new("manifest"));
    stem.to_string_lossy().into_owned()
}

pub(super) fn default_ledger(manifest: &Path) -> PathBuf {
    let mut name = manifest.file_stem().unwrap_or(OsStr::new("manifest")).to_owned();
    name.push(".ledger.csv");
    manifest.with_file_name(name)
}

fn ledger(given: Option<Located<String>>, manifest: &Source, sink: &Sink) -> PathBuf {
    let Some(written) = given else {
        return default_ledger(manifest.path());
    };
    let path = manifest.folder().join(&written.value);
    let names_a_folder = written.value.ends_with(['/', std::path::MAIN_SEPARATOR])
        || path.file_name().is_none()
        || written.value.ends_with("/.")
        || path.is_dir();
    if names_a_folder {
        let path = path.display().to_string();
        let mistake =
            Mistake::new(format!("the ledger cannot be {}: it is a folder", Quoted(&path)));
        written.report::<()>(
            sink,
            mistake.help("name a CSV file of its own, relative to the manifest"),
        );
    }
    path
}
