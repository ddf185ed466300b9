//! A disk without room, or that can only be read: known before anything is sent where it can be, and told with what helps.

use std::fs;

use crate::support::{Desk, Ended, Served, SmallDisk, eventually, many};

/// Nothing that only the system needs.
#[track_caller]
fn is_for_people(ended: &Ended) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    for part in ["os error", ".monthend", "at path", "paste"] {
        assert!(!said.contains(part), "{part:?}: {ended}");
    }
}

#[test]
fn a_run_refuses_what_check_refuses() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(100));
    let Some(disk) = SmallDisk::mount(desk.path("small")) else {
        return;
    };
    // 256 KiB, and 100 rows may take more.
    let check = desk.monthend(["check", "m.yaml", "--ledger=small/m.csv"]);
    let said = "left in small, and the ledger may need 464 KiB";
    check.expect(4).shows([said, "make room"]);
    for more in ["--existing=adopt", "--collect"] {
        let run = desk.converge().args(["--ledger=small/m.csv", "--output=out", more]);
        let run = if more == "--collect" {
            run
        } else {
            desk.converge().args(["--ledger=small/m.csv", more])
        };
        let ended = run.expect(4);
        let ended = ended.says([said, "nothing was sent. Make room, then:"]);
        is_for_people(&ended);
        assert!(ended.hint().arguments().contains(&"--ledger=small/m.csv".to_owned()));
    }
    assert!(server.creates().is_empty());
    assert!(!desk.has("small/m.csv"));
    // A part of it has room. What is done needs none.
    let part = |n: &str| desk.converge().args(["--ledger=small/m.csv", n]);
    part("--sub-partner=p1").expect(0);
    disk.fill_but(40);
    part("--sub-partner=p1").expect(0);
    let ended = part("--sub-partner=p2").expect(4);
    let hint = ended.hint();
    let retry = desk.retry().arg("--ledger=small/m.csv");
    retry.expect(0); // nothing to do
    disk.empty();
    hint.typed(&desk).expect(0);
    assert_eq!(server.creates().len(), 2);
}

/// Whatever is lost with the last lines, the command that is said finds it on the server.
#[test]
fn a_disk_that_fills_needs_room_and_the_same_command() {
    let server = Served::new("latency: { fixed: 30ms }");
    let desk = Desk::with(server.url(), &many(40));
    let Some(disk) = SmallDisk::mount(desk.path("small")) else {
        return;
    };
    let running = desk.converge().arg("--ledger=small/m.csv").start();
    eventually("it runs", || server.creates().len() > 5);
    disk.fill();
    let ended = running.wait().expect(4);
    is_for_people(&ended);
    let sent = server.creates().len();
    assert!(sent < 40, "{ended}");
    let hint = ended.hint();
    assert_eq!(hint.why, "make room, then", "{ended}");
    disk.empty();
    hint.typed(&desk).expect(0);
    server.nothing_twice();
    let ledger = desk.ledger_at("small/m.csv").at_rest(40);
    assert_eq!(ledger.report_ids(), server.report_ids());
}

#[test]
fn files_that_find_no_room_are_collected_by_the_command_that_is_said() {
    let server = Served::new("reports: { completes_after: 0s }\ncontents: { users: 3000 }");
    let desk = Desk::with(server.url(), &many(2));
    let Some(disk) = SmallDisk::mount(desk.path("small")) else {
        return;
    };
    fs::create_dir(desk.path("small/out")).unwrap();
    disk.fill();
    let ended = desk.converge().args(["--collect", "--output=small/out"]).expect(4);
    is_for_people(&ended);
    let ended = ended.says(["No space left on device; make room"]);
    assert_eq!(ended.hint().why, "make room, then");
    let arguments = ended.hint().arguments().join(" ");
    assert_eq!(arguments, "collect m.yaml --output small/out");
}

#[test]
fn a_folder_that_can_only_be_read_is_not_one_that_is_missing() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(2));
    let Some(disk) = SmallDisk::mount(desk.path("small")) else {
        return;
    };
    desk.converge().arg("--ledger=small/m.csv").expect(0);
    disk.make_read_only();
    let check = desk
        .monthend(["check", "m.yaml", "--ledger=small/l.csv"])
        .env("MONTHEND_OUTPUT", "out")
        .expect(4);
    is_for_people(&check);
    assert!(!check.stdout.contains("make it"), "{check}");
    check.shows([
        "small cannot hold a ledger: Read-only file system",
        "make the file system writable, or put the ledger elsewhere",
    ]);
    let run = desk.converge().arg("--ledger=small/l.csv").expect(4);
    is_for_people(&run);
    run.says([
        "small/l.csv.lock: Read-only file system; make",
        "make the file system writable, or name another ledger (--ledger)",
    ]);
    let output = desk.converge().args(["--collect", "--output=small/x"]).expect(2);
    is_for_people(&output);
    let junit = desk.converge().arg("--junit=nowhere/x.xml").expect(2);
    is_for_people(&junit);
    junit.says(["nowhere/x.xml: its folder does not exist; nothing was done"]);
    // What only reads is none the worse for it.
    desk.monthend(["resolve", "small/m.csv"]).expect(0).shows(["nothing to decide"]);
    desk.monthend(["status", "small/m.csv"]).expect(0);
}
