//! A folder of its own for each test, with the files that a user would have there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{LedgerFile, Monthend};

/// Patient enough for a slow machine, quick otherwise.
const SETTINGS: [(&str, &str); 8] = [
    ("api.connect_timeout", "5s"),
    ("api.request_timeout", "5s"),
    ("limits.rate", "unlimited"),
    ("limits.concurrency", "8"),
    ("retry.max_attempts", "8"),
    ("retry.base_delay", "5ms"),
    ("retry.max_delay", "20ms"),
    ("retry.settle", "200ms"),
];

/// Where a test works. Commands run there, so that paths in their output are short.
#[derive(Debug)]
pub(crate) struct Desk {
    folder: PathBuf,
    /// Removes the folder at the end.
    _owner: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let owner = tempfile::tempdir().unwrap();
        Desk { folder: owner.path().canonicalize().unwrap(), _owner: owner }
    }

    /// A desk with the manifest `m.yaml` for the server at `url`; see [`Desk::manifest`].
    pub(crate) fn with(url: &str, jobs: &str) -> Self {
        let desk = Desk::new();
        desk.manifest(url, jobs);
        desk
    }

    /// Writes `m.yaml` with quick settings. `jobs` is what stands under `jobs:`, any further sections behind it.
    pub(crate) fn manifest(&self, url: &str, jobs: &str) {
        self.manifest_with(url, "", jobs);
    }

    /// As [`Desk::manifest`], with other settings: lines such as `retry.settle: 1s`.
    pub(crate) fn manifest_with(&self, url: &str, settings: &str, jobs: &str) {
        let mut all = BTreeMap::from(SETTINGS);
        all.extend(settings.lines().filter_map(|line| line.trim().split_once(": ")));
        let mut text = "version: 1\nname: test\n".to_owned();
        let mut section = "";
        all.insert("api.base_url", url);
        for (key, value) in all {
            let (of, name) = key.split_once('.').unwrap();
            if of != section {
                text += &format!("{of}:\n");
                section = of;
            }
            text += &format!("  {name}: {value}\n");
        }
        self.write("m.yaml", format!("{text}jobs:\n{jobs}"));
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The names of the files, sorted; but for histories, which come with every ledger and have tests of their own.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".history.jsonl"))
            .collect();
        names.sort();
        names
    }

    /// The ledger of `m.yaml`.
    pub(crate) fn ledger(&self) -> LedgerFile {
        self.ledger_at("m.ledger.csv")
    }

    #[track_caller]
    pub(crate) fn ledger_at(&self, name: &str) -> LedgerFile {
        LedgerFile::read(&self.path(name))
    }

    /// Puts a file where the row at `place` of a ledger in `folder` (`then/`, or nothing for this one) says that it was
    /// collected.
    pub(crate) fn lay(&self, folder: &str, ledger: &mut LedgerFile, place: usize, content: &str) {
        let file = format!("reports/{place}.csv");
        fs::create_dir_all(self.path(&format!("{folder}reports"))).unwrap();
        self.write(&format!("{folder}{file}"), content);
        let hash = Sha256::digest(content);
        let hash: String = hash.iter().map(|b| format!("{b:02x}")).collect();
        let rows = (content.lines().count() - 1).to_string();
        let cells = [
            ("report_status", "COMPLETED"),
            ("report_file", &file),
            ("report_sha256", &hash),
            ("report_rows", &rows),
        ];
        ledger.set(place, &cells);
    }

    /// The binary with these arguments.
    pub(crate) fn monthend<S: Into<String>>(&self, args: impl IntoIterator<Item = S>) -> Monthend {
        Monthend::new(&self.folder, args)
    }

    /// On the manifest, against the sandbox.
    pub(crate) fn rehearse(&self, command: &str) -> Monthend {
        self.monthend([command, "m.yaml", "--sandbox"]).without("WEBEX_ACCESS_TOKEN")
    }

    pub(crate) fn plan(&self) -> Monthend {
        self.monthend(["plan", "m.yaml"])
    }

    pub(crate) fn converge(&self) -> Monthend {
        self.monthend(["run", "m.yaml"])
    }

    pub(crate) fn retry(&self) -> Monthend {
        self.monthend(["retry", "m.yaml"])
    }

    pub(crate) fn status(&self) -> Monthend {
        self.monthend(["status", "m.ledger.csv"])
    }
}
