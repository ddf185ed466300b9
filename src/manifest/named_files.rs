//! The files that a manifest names, whether what names them is read or not: no output may overwrite them.

use std::{collections::BTreeSet, path::PathBuf};

use super::{model::ManifestSource, reconciling::PERIOD};
use crate::{
    files::{folder_of, names_in},
    manifest::yaml::Node,
};
use request::Period;

/// The lengths of a period as it is written: `2026-10`, and `2026-10-01..2026-10-15`.
const LENGTHS: [usize; 2] = [7, 22];

impl ManifestSource {
    /// Adds all that the manifest names.
    pub(super) fn add_named(&mut self, root: Node<'_>) {
        let entries = |key| root.values_of(key).filter_map(Node::entries).flatten();
        let paths = root.values_of("file").chain(root.values_of("with"));
        let paths = paths.chain(entries("translate").map(|entry| entry.value));
        let ledgers = entries("with").filter(|side| side.key == "ledger").map(|side| side.value);
        let written = |node: Node<'_>| node.as_text().map(|text| text.trim().to_owned());
        self.folder = root.folder().to_owned();
        self.files = paths.filter_map(written).collect();
        self.ledgers = ledgers.filter_map(written).map(|it| self.folder.join(it)).collect();
    }

    /// The files that it names, other than ledgers. Where a list has a file for each period: all that exist.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let of_periods = self.files.iter().flat_map(|written| self.files_of(written));
        self.files.iter().map(|written| self.folder.join(written)).chain(of_periods).collect()
    }

    /// The files of all periods that a path leads to, as it is written, if it has `{period}`.
    pub fn files_of(&self, written: &str) -> Vec<PathBuf> {
        let Some((before, _)) = written.split_once(PERIOD) else {
            return Vec::new();
        };
        // Any period that stands in any name: a disk may tell neither case nor Unicode forms apart.
        let first = self.folder.join(format!("{before}{PERIOD}"));
        let names = names_in(folder_of(&first));
        let periods: BTreeSet<String> = names.flat_map(|name| periods_in(&name)).collect();
        let paths = periods.iter().map(|period| self.folder.join(written.replace(PERIOD, period)));
        paths.filter(|path| path.exists()).collect()
    }
}

fn periods_in(name: &str) -> Vec<String> {
    let begins = name.char_indices().map(|(at, _)| at);
    let texts = begins.flat_map(|at| LENGTHS.map(|length| name.get(at..at + length)));
    let periods = texts.flatten().filter(|text| text.as_bytes()[4] == b'-');
    periods.filter(|text| text.parse::<Period>().is_ok()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_files_of_all_periods_are_found() {
        let desk = tempfile::tempdir().unwrap();
        let months = ["2026-09", "2026-10-01..2026-10-15", "2026-13", "x"];
        for month in months {
            fs::create_dir(desk.path().join(month)).unwrap();
            fs::write(desk.path().join(format!("{month}/ü-{month}.csv")), "").unwrap();
            fs::write(desk.path().join(format!("list {month} of Acme.csv")), "").unwrap();
        }
        fs::write(desk.path().join("2026-09/ü-2026-08.csv"), "").unwrap();
        let folder = desk.path().to_owned();
        let source = ManifestSource { folder, ..ManifestSource::default() };
        fs::write(desk.path().join("list 2026-08 of Acme.csv.old"), "").unwrap();
        for (written, found) in [
            (
                "list {period} of Acme.csv",
                &["list 2026-09 of Acme.csv", "list 2026-10-01..2026-10-15 of Acme.csv"][..],
            ),
            (
                "{period}/ü-{period}.csv",
                &["2026-09/ü-2026-09.csv", "2026-10-01..2026-10-15/ü-2026-10-01..2026-10-15.csv"],
            ),
            ("./x/../{period}/ü-2026-08.csv", &["./x/../2026-09/ü-2026-08.csv"]),
            ("x/ü-x.csv", &[]),
            ("gone/{period}.csv", &[]),
            ("{period}.csv", &[]),
        ] {
            let found: Vec<PathBuf> = found.iter().map(|file| desk.path().join(file)).collect();
            assert_eq!(source.files_of(written), found, "{written}");
        }
    }
}
