//! The bugs of `tests/planted` still fit the code. Whether the simulation finds them says `tests/planted/run`.

use std::{path::PathBuf, process::Command};

use super::{
    page::{Table, quoted},
    read, root,
};

fn patches() -> Vec<PathBuf> {
    let all = std::fs::read_dir(root().join("tests/planted")).unwrap();
    let mut patches: Vec<PathBuf> = all
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "patch"))
        .collect();
    patches.sort();
    patches
}

#[test]
fn every_planted_bug_says_what_it_breaks_and_still_applies() {
    let patches = patches();
    assert!(patches.len() >= 25, "{}", patches.len());
    for patch in &patches {
        assert!(read(patch).starts_with("Breaks: "), "{}", patch.display());
    }
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped: there is no git to check the patches of tests/planted with");
        return;
    }
    for patch in &patches {
        let check = Command::new("git")
            .args(["apply", "--check"])
            .arg(patch)
            .current_dir(root())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&check.stderr);
        assert!(check.status.success(), "{}: {said}", patch.display());
    }
}

/// At least so many have to be found; see the page.
const FOUND: usize = 25;

#[test]
fn the_table_names_every_planted_bug_and_enough_are_found() {
    let table = Table::read("tests/planted/README.md", "bug");
    let rows = table.columns("bug", "first seed");
    let named: Vec<&str> = rows.iter().flat_map(|(bug, _)| quoted(bug)).collect();
    let there: Vec<String> = patches()
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(named, there);
    let seeds = rows.iter().filter(|(_, seed)| seed.parse::<u64>().is_ok());
    assert!(seeds.count() >= FOUND);
}
