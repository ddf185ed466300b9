//! A ledger that is a link: link and target are one ledger, and a link that leads nowhere is kept.

use std::{fs, os::unix::fs::symlink, process::Command, time::Duration};

use crate::support::{Desk, MountedFile, Served, eventually, partners};

const DISCOVERED: &str =
    "  - { name: all, sub_partners: [{ discover: all }], types: [USER], periods: [2026-09] }\n";

/// `m.ledger.csv` is a link to `share/l.csv`.
fn linked(url: &str, jobs: &str) -> Desk {
    let desk = Desk::with(url, jobs);
    fs::create_dir(desk.path("share")).unwrap();
    symlink("share/l.csv", desk.path("m.ledger.csv")).unwrap();
    desk
}

#[test]
fn a_link_that_leads_nowhere_is_refused_and_kept() {
    let server = Served::new("");
    let desk = linked(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().arg("--ledger=share/l.csv").expect(0);
    let (made, seen) = (server.report_ids(), server.exchanges().len());
    fs::rename(desk.path("share"), desk.path("unmounted")).unwrap();
    let resolve = ["resolve", "m.ledger.csv", "--resend", "--request=r0123456789abcdef"];
    for command in [
        desk.converge(),
        desk.converge().arg("--existing=adopt"),
        desk.retry(),
        desk.plan(),
        desk.status(),
        desk.monthend(resolve),
    ] {
        let ended = command.expect(4);
        ended.says(["m.ledger.csv is a link to share/l.csv", "nothing was sent", "Mount"]);
        assert_eq!(desk.files(), ["m.ledger.csv", "m.yaml", "unmounted"]);
    }
    assert_eq!(server.exchanges().len(), seen);
    fs::rename(desk.path("unmounted"), desk.path("share")).unwrap();
    desk.converge().expect(0);
    assert!(desk.path("m.ledger.csv").is_symlink());
    assert_eq!(desk.ledger().at_rest(2).report_ids(), made);
    assert_eq!(server.report_ids(), made);
}

#[test]
fn a_link_and_its_target_are_one_ledger_with_one_lock() {
    let server = Served::new("");
    let desk = linked(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().arg("--ledger=share/l.csv").expect(0);
    // Something to do, and time to do it.
    let slow = Served::new("latency: { fixed: 30s }");
    desk.manifest(slow.url(), &partners(["a", "b"], "USER", "2026-09"));
    for (first, second) in [("m.ledger.csv", "share/l.csv"), ("share/l.csv", "m.ledger.csv")] {
        let seen = slow.exchanges().len();
        let running = desk.converge().arg("--ledger").arg(first).start();
        eventually("it holds the ledger and asks", || slow.exchanges().len() > seen);
        desk.converge().arg("--ledger").arg(second).expect(4).says(["in use by another run"]);
        assert!(!desk.has("m.ledger.csv.lock"));
        running.signal("INT");
        running.wait().expect(130);
    }
    let beside = fs::read_dir(desk.path("share")).unwrap();
    let mut beside: Vec<_> = beside.map(|file| file.unwrap().file_name()).collect();
    beside.sort();
    assert_eq!(beside, ["l.csv", "l.history.jsonl"]);
}

/// Who replaces a file under one of its names leaves the other as it was: that would be a second ledger.
#[test]
fn a_ledger_with_a_second_name_is_refused_by_all_who_write() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().expect(0);
    desk.manifest(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    fs::create_dir(desk.path("copy")).unwrap();
    fs::hard_link(desk.path("m.ledger.csv"), desk.path("copy/l.csv")).unwrap();
    symlink("copy/l.csv", desk.path("link.csv")).unwrap();
    let (before, seen) = (desk.read("m.ledger.csv"), server.exchanges().len());
    let request = desk.ledger().lines[0]["request_id"].to_owned();
    desk.write("other.csv", format!("{}\n", crate::support::COLUMNS));
    for ledger in ["m.ledger.csv", "copy/l.csv", "link.csv"] {
        let named = |command: &str| desk.monthend([command, "m.yaml", "--ledger", ledger]);
        let resolve = ["resolve", ledger, "--resend", "--replace", "--request", &*request];
        for command in [
            named("run"),
            named("run").arg("--existing=adopt"),
            named("retry"),
            named("collect"),
            desk.monthend(resolve),
            desk.monthend(["merge", ledger, "other.csv", "-o", "new.csv"]),
            desk.monthend(["merge", "other.csv", "-o", ledger]),
        ] {
            let ended = command.expect(4);
            ended.says(["2 names of one file (hard links)", "Remove the other names"]);
        }
        for command in [named("plan"), desk.monthend(["status", ledger])] {
            command.expect(0).says(["hard links"]);
        }
        assert!(!desk.has("new.csv"));
        assert_eq!(desk.read("m.ledger.csv"), before);
    }
    assert_eq!(server.exchanges().len(), seen);
    desk.monthend(["check", "m.yaml"]).expect(4).shows(["2 names of one file"]);
    fs::remove_file(desk.path("copy/l.csv")).unwrap();
    desk.converge().expect(0);
    server.all_ours(&desk.ledger().at_rest(2));
}

/// What a server asked for is remembered once, whichever way the ledger is named and whichever command asks.
#[test]
fn a_pause_is_kept_beside_the_target() {
    let wait = Duration::from_secs(4);
    let kept = |command: &str, ledger: &str| {
        let server = Served::new(
            "faults: [{ when: { endpoint: create, first: 1, last: 1 }, then: [{ kind: status, status: 429, retry_after: '4' }] }]",
        );
        let desk = linked(server.url(), &partners(["a"], "USER", "2026-09"));
        let header = format!("{}\n", crate::support::COLUMNS);
        desk.write("share/l.csv", header);
        let running = desk.converge().start();
        let noted = || fs::read_to_string(desk.path("share/l.csv.lock")).unwrap_or_default();
        eventually("the pause is noted", || noted().contains("until"));
        running.signal("INT");
        running.wait().expect(130);
        let seen = server.exchanges().len();
        let announced = server.creates()[0].at;

        desk.manifest(server.url(), DISCOVERED);
        let ended = desk.monthend([command, "m.yaml", "--ledger", ledger]).run();
        assert!(matches!(ended.code, Some(0 | 2)), "{ended}");
        ended.says(["the server asked an earlier run for a pause"]);
        for exchange in &server.exchanges()[seen..] {
            assert!(exchange.at - announced >= wait, "{command} {ledger}");
        }
        assert!(server.exchanges().len() > seen);
        assert!(!desk.has("m.ledger.csv.lock"));
    };
    std::thread::scope(|scope| {
        for (command, ledger) in [
            ("plan", "m.ledger.csv"),
            ("plan", "share/l.csv"),
            ("run", "m.ledger.csv"),
            ("run", "share/l.csv"),
        ] {
            scope.spawn(move || kept(command, ledger));
        }
    });
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge()
        .arg("--ledger=no/such/l.csv")
        .expect(4)
        .says(["folder no/such does not exist", "no/such/l.csv"]);
    // A plan needs no place for a ledger yet.
    desk.plan().arg("--ledger=no/such/l.csv").expect(0);
    assert!(server.exchanges().is_empty());
    assert_eq!(desk.files(), ["m.yaml"]);
}

#[test]
fn a_ledger_that_is_a_pipe_is_refused_at_once() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    let made = Command::new("mkfifo").arg(desk.path("pipe.csv")).status();
    assert!(made.is_ok_and(|s| s.success()));
    let ended = desk.converge().arg("--ledger=pipe.csv").run();
    ended.expect(4).says(["pipe.csv is not a ledger: it is a pipe, and must be a regular file"]);
    assert!(server.exchanges().is_empty());
}

/// A container that mounts the ledger alone: nothing can take its place, so nothing is sent.
#[test]
fn a_ledger_that_is_mounted_by_itself_is_refused_before_anything_is_sent() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().expect(0);
    // Everything is planned in it, so that it would be replaced only at the end.
    desk.manifest(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().env("WEBEX_ACCESS_TOKEN", "wrong").expect(3);
    let (seen, ledger) = (server.exchanges().len(), desk.read("m.ledger.csv"));
    fs::create_dir(desk.path("host")).unwrap();
    fs::copy(desk.path("m.ledger.csv"), desk.path("host/l.csv")).unwrap();
    let mounted = MountedFile::mount(desk.path("host/l.csv"), desk.path("m.ledger.csv"));
    let Some(mounted) = mounted else { return };
    let collect = desk.monthend(["collect", "m.yaml"]);
    for command in [desk.converge(), desk.retry(), collect] {
        command.expect(4).says(["mounted by itself", "mount its folder"]);
    }
    let check = desk.monthend(["check", "m.yaml"]).expect(4);
    assert!(check.stdout.contains("mount its folder"), "{check}");
    desk.status().expect(0);
    assert_eq!(server.creates().len(), 1);
    assert_eq!(desk.read("m.ledger.csv"), ledger);

    // Another output that is so cannot be written either.
    desk.write("summary.json", "");
    let place = desk.path("summary.json");
    desk.write("host/s.json", "");
    let other = MountedFile::mount(desk.path("host/s.json"), place).unwrap();
    let command = desk.converge().args(["--ledger=new.csv", "--summary-json=summary.json"]);
    command.expect(2).says(["summary.json", "mount its folder"]);
    drop((mounted, other));
    assert!(server.exchanges().len() > seen, "check has asked");
    desk.converge().expect(0);
}
