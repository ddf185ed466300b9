//! A path that is no manifest: every command that takes one says so at once, and needs little memory for it.

use std::{fs, fs::File, time::Duration};

use crate::support::Desk;

const COMMANDS: [&str; 6] = ["plan", "run", "retry", "collect", "audit", "check"];

#[test]
fn a_folder_and_a_file_of_two_gigabytes_are_refused_at_once() {
    let desk = Desk::new();
    fs::create_dir(desk.path("folder.yaml")).unwrap();
    // Sparse: it takes no room on the disk.
    let huge = File::create(desk.path("huge.yaml")).unwrap();
    huge.set_len(2 << 30).unwrap();
    for command in COMMANDS {
        for (name, why) in [("folder.yaml", "directory"), ("huge.yaml", "larger than 32 MiB")] {
            let ended = desk.monthend([command, name]).after("ulimit -v 1000000").expect(2);
            assert!(ended.stderr.contains(name) && ended.stderr.contains(why), "{ended}");
            assert!(ended.took < Duration::from_secs(10), "{ended}");
        }
    }
    assert_eq!(desk.files(), ["folder.yaml", "huge.yaml"]);
}
