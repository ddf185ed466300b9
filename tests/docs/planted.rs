//! The bugs of `tests/planted` still fit the code. Whether the simulation finds them says `tests/planted/run`.

use std::{path::PathBuf, process::Command};

use super::{read, root};

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
