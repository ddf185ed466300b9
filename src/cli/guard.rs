//! No output overwrites an input, a file that the tool owns, or another output, by whatever path it is named.
//!
//! Each option that writes goes through [`Guard`] before anything is sent.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use unicode_normalization::UnicodeNormalization as _;

use super::{CliError, CliResult, Context, ledgers_next_to, sandbox_ledger, variable};
use crate::{
    audit::{accepted_path, close_path, is_accepted_header, is_close_file, is_place_of_reopened},
    collect::is_collected_place,
    files::{NewFile, folder_of, is_device, make_folder, read_first_line, with_end},
    ledger::{Ledger, Lock, Row, is_header, is_place_of_rescued, read_file},
    output::history,
    text::system_says,
};

/// Variables that name a file of credentials.
const CREDENTIALS: [&str; 4] = [
    "WEBEX_ACCESS_TOKEN_FILE",
    "WEBEX_CLIENT_ID_FILE",
    "WEBEX_CLIENT_SECRET_FILE",
    "WEBEX_REFRESH_TOKEN_FILE",
];

/// Exit code 2: `path` is used as something else. `output`: the option, or what it is for.
fn taken(output: &str, path: &Path, other: &str) -> CliError {
    let path = path.display();
    CliError::Usage(format!(
        "{output} cannot be {path}: it is {other}; nothing was done, name another file"
    ))
}

fn unwritable(output: &str, path: &Path, why: &io::Error) -> CliError {
    let (path, why) = (path.display(), refusal(why));
    CliError::Usage(format!("{output} cannot write {path}: {why}; nothing was done"))
}

/// Without the temporary name under which it would have been written first.
pub(super) fn refusal(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        return "its folder does not exist".to_owned();
    }
    system_says(error)
}

#[derive(Debug)]
pub(super) struct Guard {
    files: Vec<GuardedFile>,
    /// Earlier ledgers that the manifest names: their files are inputs, too.
    earlier: Vec<PathBuf>,
}

#[derive(Debug)]
struct GuardedFile {
    what: String,
    /// Of an output: it is compared with collected files once the ledger is read.
    option: Option<String>,
    real: RealFile,
}

impl Guard {
    /// Begins with the credentials, which every command may read.
    pub(super) fn new() -> Self {
        let mut guard = Guard { files: Vec::new(), earlier: Vec::new() };
        for name in CREDENTIALS {
            if let Some(path) = variable(name) {
                guard.input(&format!("the file of {name}"), &path);
            }
        }
        guard
    }

    pub(super) fn input(&mut self, what: &str, path: &Path) {
        // A path that leads nowhere is an error when it is read.
        if let Ok(real) = RealFile::at(path) {
            self.files.push(GuardedFile { what: what.to_owned(), option: None, real });
        }
    }

    pub(super) fn manifest(&mut self, context: &Context) {
        let Context { origin, settings, .. } = context;
        self.input("the manifest", &context.manifest.0);
        for file in origin.inputs() {
            self.input("a file that the manifest names", &file);
        }
        // A rehearsal reads those of rehearsals.
        for ledger in origin.ledgers.iter().flat_map(|it| [it.clone(), sandbox_ledger(it)]) {
            self.earlier.push(ledger.clone());
            for (what, file) in files_of_ledger(&ledger) {
                self.input(if what == LEDGER { EARLIER_LEDGER } else { what }, &file);
            }
        }
        if let Some(ca_file) = &settings.api.ca_file {
            self.input("api.ca_file", ca_file);
        }
    }

    /// A ledger that is read, and what lies next to it.
    pub(super) fn ledger(&mut self, ledger: &Path) {
        self.input(LEDGER, ledger);
        self.around_ledger(ledger);
    }

    /// The ledger that the command writes, and what is kept next to it: none of these may be an input.
    pub(super) fn keep_ledger(&mut self, ledger: &Path) -> CliResult<()> {
        for (what, path) in files_of_ledger(ledger) {
            self.keep(what, &path)?;
            // What is no file at all is an error when it is to be written.
            if what == HISTORY && path.is_file() {
                match history::refuse_foreign(&path) {
                    // A command that only reads goes on without it.
                    Err(why) if why.kind() != io::ErrorKind::PermissionDenied => {
                        return Err(unwritable(what, &path, &why));
                    }
                    Err(_) | Ok(()) => {}
                }
            }
        }
        Ok(())
    }

    /// What lies next to a ledger, which itself may be written.
    pub(super) fn around_ledger(&mut self, ledger: &Path) {
        for (what, path) in files_of_ledger(ledger) {
            if what != LEDGER {
                self.input(what, &path);
            }
        }
    }

    pub(super) fn refuse(&self, option: &str, path: &Path) -> CliResult<()> {
        // A link that leads nowhere is refused when it is opened.
        RealFile::at(path).map_or(Ok(()), |real| self.refuse_taken(option, path, &real))
    }

    /// A file that the command keeps for itself.
    pub(super) fn keep(&mut self, what: &str, path: &Path) -> CliResult<()> {
        self.refuse(what, path)?;
        self.input(what, path);
        Ok(())
    }

    /// Takes `path` for the output that `option` names, and gives the place that it leads to. An existing file stays as
    /// it is for now.
    pub(super) fn output(&mut self, option: &str, path: &Path) -> CliResult<PathBuf> {
        let failed = |why: io::Error| unwritable(option, path, &why);
        if path.as_os_str() == "-" {
            let why = "a file is needed (./- is one of that name)";
            return Err(failed(io::Error::other(why)));
        }
        let real = RealFile::at(path).map_err(failed)?;
        self.refuse_taken(option, path, &real)?;
        if let Some(owned) = owned_by_content(&real.path) {
            return Err(taken(option, path, owned));
        }
        try_file(&real.path).map_err(failed)?;
        let (what, place) = (format!("the file of {option}"), real.path.clone());
        self.files.push(GuardedFile { what, option: Some(option.to_owned()), real });
        Ok(place)
    }

    /// As [`Guard::output`]; may be a device, where nothing is overwritten.
    pub(super) fn document(&mut self, option: &str, path: &Path) -> CliResult<PathBuf> {
        let device = path.canonicalize().ok().filter(|path| is_device(path));
        device.map_or_else(|| self.output(option, path), Ok)
    }

    /// Takes `folder` for collected files, and makes it: after all other outputs, so that it takes no place of theirs.
    pub(super) fn folder(&self, option: &str, folder: &Path) -> CliResult<()> {
        let failed = |why: io::Error| unwritable(option, folder, &why);
        let real = RealFile::at(folder).map_err(failed)?;
        if !real.path.is_dir() {
            self.refuse_taken(option, folder, &real)?;
        }
        let in_the_way = |file: &&GuardedFile| is_collected_place(&real.path, &file.real.path);
        if let Some(file) = self.files.iter().find(in_the_way) {
            let (what, place) = (&file.what, file.real.path.display());
            let other = format!("a folder in which {what} ({place}) has the place of a report");
            return Err(taken(option, folder, &other));
        }
        let any_file = folder.join(".monthend");
        let tried = make_folder(folder).and_then(|()| NewFile::begin(&any_file).map(drop));
        tried.map_err(failed)
    }

    /// Whether an output may be a collected file: it exists, and has a second link or lies where collected files do.
    pub(super) fn may_be_collected(&self) -> bool {
        let has_place = |path: &Path| {
            let output = path.ancestors().nth(3);
            output.is_some_and(|output| is_collected_place(output, path))
        };
        self.overwritten().any(|(_, output)| output.has_links() || has_place(&output.path))
    }

    /// Outputs that exist already: only these can be collected files.
    fn overwritten(&self) -> impl Iterator<Item = (&str, &RealFile)> {
        let there = self.files.iter().filter(|file| file.real.there.is_some());
        there.filter_map(|file| Some((file.option.as_deref()?, &file.real)))
    }

    /// No output may be a collected file of `ledger`, whose `report_file` is relative to `ledger_folder`. Nor of another
    /// ledger: an earlier one, that of the rehearsals, a share, or whatever lies in that folder or next to the collected
    /// files.
    pub(super) fn spare_collected(&self, ledger: &Ledger, ledger_folder: &Path) -> CliResult<()> {
        self.spare(ledger, ledger_folder)?;
        if !self.may_be_collected() {
            return Ok(());
        }
        let next_to_files =
            self.overwritten().filter_map(|(_, output)| output.path.ancestors().nth(4));
        let folders: BTreeSet<&Path> = next_to_files.chain([ledger_folder]).collect();
        let next_to = folders.into_iter().flat_map(|it| ledgers_next_to(&it.join("-")));
        for path in self.earlier.iter().cloned().chain(next_to) {
            if let Ok(Some(other)) = read_file(&path) {
                self.spare(&other.ledger, folder_of(&path))?;
            }
        }
        Ok(())
    }

    fn spare(&self, ledger: &Ledger, ledger_folder: &Path) -> CliResult<()> {
        for (option, output) in self.overwritten() {
            // Without a second link its name tells.
            let name = folded_name(&output.path);
            let is_it = |row: &&Row| {
                let file = Path::new(&row.collected.file);
                (output.has_links() || folded_name(file) == name)
                    && RealFile::at(&ledger_folder.join(file)).is_ok_and(|it| it.is_same(output))
            };
            let mut collected = ledger.rows().filter(|row| !row.collected.file.is_empty());
            if let Some(row) = collected.find(is_it) {
                let other = format!("the collected file of {}", row.id());
                return Err(taken(option, &output.path, &other));
            }
        }
        Ok(())
    }

    fn refuse_taken(&self, option: &str, path: &Path, real: &RealFile) -> CliResult<()> {
        for file in &self.files {
            if file.real.is_same(real) {
                return Err(taken(option, path, &file.what));
            }
            if file.real.is_above(real) || (real.is_above(&file.real) && !real.path.is_dir()) {
                return Err(taken(option, path, &format!("in the way of {}", file.what)));
            }
            let is_ledger = [LEDGER, EARLIER_LEDGER].contains(&&*file.what);
            if is_ledger && is_place_of_rescued(&file.real.path, &real.path) {
                return Err(taken(option, path, "a rescued ledger"));
            }
            if is_ledger && is_place_of_reopened(&file.real.path, &real.path) {
                return Err(taken(option, path, "a close file"));
            }
        }
        Ok(())
    }
}

const LEDGER: &str = "the ledger";
const EARLIER_LEDGER: &str = "an earlier ledger that the manifest names";
const HISTORY: &str = "the history of the ledger";

/// A ledger and what lies next to it; links are followed.
fn files_of_ledger(ledger: &Path) -> [(&'static str, PathBuf); 6] {
    let ledger = RealFile::at(ledger).map_or_else(|_| ledger.to_owned(), |real| real.path);
    [
        (LEDGER, ledger.clone()),
        ("the lock of the ledger", Lock::path_of(&ledger)),
        (HISTORY, history::path_of(&ledger)),
        ("the accepted differences of the ledger", accepted_path(&ledger)),
        ("the close file of the ledger", close_path(&ledger)),
        ("the sandbox's state", sandbox_state_of(&ledger)),
    ]
}

/// The sandbox keeps its reports there between the commands on one ledger.
pub(super) fn sandbox_state_of(ledger: &Path) -> PathBuf {
    with_end(ledger, ".state")
}

/// A file of the tool by its content, such as the ledger of another month.
fn owned_by_content(path: &Path) -> Option<&'static str> {
    let line = read_first_line(path).ok()?;
    if is_header(&line) {
        return Some("a ledger");
    }
    let is_json_with = |key: &str| {
        let value: Option<serde_json::Value> = serde_json::from_slice(&line).ok();
        value.is_some_and(|value| value.get(key).is_some())
    };
    if is_accepted_header(&line) {
        return Some("a file of accepted differences");
    }
    if is_close_file(path) {
        return Some("a close file");
    }
    if line.starts_with(b"{\"at\":") && is_json_with("run") {
        return Some("a history");
    }
    if line.starts_with(b"{\"record\":") && is_json_with("version") {
        return Some("a sandbox's state");
    }
    None
}

/// An existing file stays as it is.
fn try_file(place: &Path) -> io::Result<()> {
    if let Ok(there) = place.metadata() {
        if there.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        if !there.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        OpenOptions::new().write(true).open(place)?;
    }
    NewFile::begin(place).map(drop)
}

/// A file by where it really lies. It need not exist yet.
#[derive(Debug)]
struct RealFile {
    /// Absolute; links are followed.
    path: PathBuf,
    there: Option<fs::Metadata>,
}

impl RealFile {
    /// An error where it is a link that leads nowhere, or cannot be looked at.
    fn at(path: &Path) -> io::Result<Self> {
        let path = real_path(path)?;
        let there = path.metadata().ok();
        Ok(RealFile { path, there })
    }

    /// A hard link is the same file. Names of new files count as one even if only case or Unicode form differ: a folder
    /// may not tell them apart.
    fn is_same(&self, other: &RealFile) -> bool {
        match (&self.there, &other.there) {
            (Some(one), Some(there)) => {
                let id = |file| inode(file).map(|(id, _)| id);
                self.path == other.path || (id(one).is_some() && id(one) == id(there))
            }
            (None, None) => {
                self.path.parent() == other.path.parent()
                    && folded_name(&self.path) == folded_name(&other.path)
            }
            _ => false,
        }
    }

    /// Whether `other` would lie below this, as if this were a folder.
    fn is_above(&self, other: &RealFile) -> bool {
        let is_folder = self.there.as_ref().is_some_and(fs::Metadata::is_dir);
        !is_folder && other.path != self.path && other.path.starts_with(&self.path)
    }

    fn has_links(&self) -> bool {
        self.there.as_ref().and_then(inode).is_some_and(|(_, names)| names > 1)
    }
}

/// As far as the path exists.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    if path.is_symlink() {
        return Err(io::Error::other("it is a link that leads nowhere"));
    }
    match path.file_name() {
        Some(name) => Ok(real_path(folder_of(path))?.join(name)),
        None => std::path::absolute(path),
    }
}

/// The name as a file system sees it that tells neither case nor Unicode forms apart.
fn folded_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(OsStr::new(""));
    name.to_string_lossy().to_lowercase().nfc().collect()
}

/// What a file is, whatever its name, and how many names it has; none where the system does not tell.
#[cfg(unix)]
fn inode(there: &fs::Metadata) -> Option<((u64, u64), u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some(((there.dev(), there.ino()), there.nlink()))
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> Option<((u64, u64), u64)> {
    None
}
