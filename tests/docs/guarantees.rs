//! What docs/guarantees.md promises is shown by tests that are there.

use std::{collections::BTreeSet, path::Path};

use crate::{
    links::files_below,
    page::{Table, quoted},
    read,
};

#[test]
fn every_test_that_shows_a_world_is_there() {
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests"] {
        files_below(Path::new(folder), &mut files);
    }
    files.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    let texts: Vec<String> = files.iter().map(read).collect();
    let tests: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| text.split("fn ").skip(1))
        .filter_map(|rest| rest.split('(').next())
        .collect();
    let table = Table::read("docs/guarantees.md", "world");
    let mut shown = 0;
    for (world, names) in table.columns("world", "shown by") {
        for name in quoted(names) {
            assert!(tests.contains(name), "{world}: {name}");
            shown += 1;
        }
    }
    assert!(shown > 20);
}
