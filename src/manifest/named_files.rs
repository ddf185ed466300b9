//! The files that a manifest names, whether what names them is read or not: no output may overwrite them.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
};

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
        let of = |text: &str| root.folder().join(text);
        let with = root.values_of("with");
        let paths = root.values_of("file").chain(with.clone()).chain(
            (root.values_of("translate").filter_map(Node::entries).flatten())
                .map(|translation| translation.value),
        );
        self.files = paths.filter_map(Node::as_text).map(of).collect();
        let earlier = with.filter_map(Node::entries).flatten().filter(|side| side.key == "ledger");
        self.ledgers = earlier.filter_map(|side| side.value.as_text()).map(of).collect();
    }

    /// The files that it names, other than ledgers. Where a list has a file for each period, also those that exist.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let of_periods = self.files.iter().flat_map(|file| existing(file));
        self.files.iter().cloned().chain(of_periods).collect()
    }
}

/// The files that `path` with `{period}` leads to.
fn existing(path: &Path) -> Vec<PathBuf> {
    let name_of = |path: &Path| path.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let of_a_period = |path: &&Path| name_of(path).is_some_and(|name| name.contains(PERIOD));
    let Some(first) = path.ancestors().filter(of_a_period).last() else {
        return Vec::new();
    };
    // Any period that stands in any name: a disk may tell neither case nor Unicode forms apart.
    let mut periods = BTreeSet::new();
    for name in names_in(folder_of(first)) {
        periods.extend(periods_in(&name));
    }
    let with = |period: &String| {
        let parts = path.components().map(|part| match part.as_os_str().to_str() {
            Some(text) => text.replace(PERIOD, period).into(),
            None => part.as_os_str().to_owned(),
        });
        parts.collect::<PathBuf>()
    };
    periods.iter().map(with).filter(|path| path.exists()).collect()
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
            assert_eq!(existing(&desk.path().join(written)), found, "{written}");
        }
    }
}
