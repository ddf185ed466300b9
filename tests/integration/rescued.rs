//! Somebody else changes the ledger while a run uses it: both versions are kept, and nothing more is sent until they
//! are one.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::support::{Desk, Ended, Running, Served, csv_cells, eventually, many, partners, to_csv};

/// The names of the rescued ledgers, sorted.
fn rescued(desk: &Desk) -> Vec<String> {
    let mut names = desk.files();
    names.retain(|name| name.contains(".rescued-") && !name.ends_with(".merged.csv"));
    names
}

/// The command that was named, its arguments.
#[track_caller]
fn named(ended: &Ended) -> Vec<String> {
    let line = ended.stderr.lines().find_map(|line| line.trim().strip_prefix("monthend merge "));
    let line = line.unwrap_or_else(|| panic!("no command is named: {ended}"));
    std::iter::once("merge").chain(line.split(' ')).map(str::to_owned).collect()
}

fn texts(desk: &Desk) -> Vec<(String, String)> {
    let files = desk.files().into_iter().filter(|name| !name.ends_with(".lock"));
    files.map(|name| (name.clone(), desk.read(&name))).collect()
}

/// Every report of the server is in some file.
#[track_caller]
fn no_id_is_lost(server: &Served, desk: &Desk) {
    for id in server.report_ids() {
        assert!(texts(desk).iter().any(|(_, text)| text.contains(&id)), "{id} is lost");
    }
}

/// A person opened the ledger early in a run and saves their copy later.
#[test]
fn a_spreadsheet_that_saves_an_old_copy_makes_nothing_twice() {
    let server = Served::new("latency: { fixed: 20ms }");
    let desk = Desk::with(server.url(), &many(60));
    let running = desk.converge().start();
    eventually("it runs", || server.reports().len() > 4);
    let old = desk.read("m.ledger.csv");
    let old = &old[..=old.rfind('\n').unwrap()];
    let old = to_csv(&csv_cells(old), "\r\n");
    eventually("it goes on", || server.reports().len() > 25);
    desk.write("m.ledger.csv", &old);
    let ended = running.wait().expect(4);
    assert!(server.creates().len() < 60, "it stopped: {ended}");
    assert_eq!(desk.read("m.ledger.csv"), old, "theirs is left");
    let saved = rescued(&desk);
    assert_eq!(saved.len(), 1);
    no_id_is_lost(&server, &desk);
    ended.says(["m.ledger.csv", &saved[0]]);

    let sent = server.creates().len();
    let before = texts(&desk);
    let stopped = desk.converge().expect(4).says(["m.ledger.csv", &saved[0]]);
    assert_eq!(
        (server.creates().len(), texts(&desk)),
        (sent, before),
        "nothing sent, nothing written"
    );
    desk.monthend(named(&stopped)).expect(0);
    assert_eq!(rescued(&desk), [""; 0]);
    assert!(desk.has(&saved[0].replace(".csv", ".merged.csv")), "it is not lost either");
    desk.ledger().at_rest(60);

    desk.converge().expect(0);
    server.nothing_twice();
    assert_eq!(server.reports().len(), 60);
    assert_eq!(desk.ledger().at_rest(60).report_ids(), server.report_ids());
    desk.converge().expect(0);
    assert_eq!(server.reports().len(), 60);
}

#[test]
fn whoever_would_write_ends_with_4_and_whoever_reads_warns() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b", "refused-404"], "USER", "2026-09"));
    desk.converge().expect(1);
    let whole = desk.ledger();
    let rid = whole.lines[2]["request_id"].to_owned();
    let mut old = whole.clone();
    old.set(0, &[("status", "pending"), ("report_id", "")]);
    old.set(2, &[("error_code", "in_doubt")]);
    for (n, contents) in [whole.to_csv(), whole.to_csv(), old.to_csv()].iter().enumerate() {
        desk.write(&format!("m.ledger.rescued-{n}.csv"), contents);
    }
    desk.write("m.ledger.csv", old.to_csv());
    let sent = server.exchanges().len();
    let before = texts(&desk);
    let resolve = ["resolve", "m.ledger.csv", "--request", &rid, "--resend"];
    let paths = |names: &[&str]| {
        names.iter().map(|name| desk.path(name).display().to_string()).collect::<Vec<_>>()
    };
    let command =
        paths(&["m.ledger.csv", "m.ledger.rescued-0.csv", "m.ledger.rescued-1.csv"]).join(" ");
    let command = format!("monthend merge {command} -o {}\n", desk.path("m.ledger.csv").display());
    for (writes, code) in [
        (desk.converge(), 4),
        (desk.converge().arg("--existing=adopt"), 4),
        (desk.retry(), 4),
        (desk.monthend(resolve), 4),
        (desk.plan(), 0),
        (desk.status(), 0),
    ] {
        writes.expect(code).says([command.as_str(), "m.ledger.csv lacks what is in"]);
        assert_eq!((server.exchanges().len(), texts(&desk)), (sent, before.clone()));
    }
    let command = named(&desk.converge().expect(4));
    desk.monthend(command).expect(0);
    // The third held nothing that matters and was not named; it stops nobody.
    assert_eq!(rescued(&desk), ["m.ledger.rescued-2.csv"]);
    desk.monthend(resolve).expect(0);
    desk.status().expect(0);
    assert_eq!(server.exchanges().len(), sent);
}

#[test]
fn a_rescued_file_that_cannot_be_read_is_named() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(2));
    for contents in ["", "eggs,milk\n", "\u{0}\u{0}"] {
        desk.write("m.ledger.rescued-1.csv", contents);
        desk.converge().expect(4).says(["m.ledger.rescued-1.csv is not a ledger", "move it away"]);
        desk.plan().expect(0).says(["m.ledger.rescued-1.csv is not a ledger"]);
    }
    fs::remove_file(desk.path("m.ledger.rescued-1.csv")).unwrap();
    fs::create_dir(desk.path("m.ledger.rescued-1.csv")).unwrap();
    desk.converge().expect(4).says(["m.ledger.rescued-1.csv"]);
    assert!(server.exchanges().is_empty() && !desk.has("m.ledger.csv"));
    fs::rename(desk.path("m.ledger.rescued-1.csv"), desk.path("m.ledger.rescued-1.merged.csv"))
        .unwrap();
    desk.converge().expect(0);
}

/// The ledger itself was deleted, and only the rescued one knows what was made.
#[test]
fn a_rescued_ledger_without_its_ledger_stops_a_new_one() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(3));
    desk.converge().expect(0);
    fs::rename(desk.path("m.ledger.csv"), desk.path("m.ledger.rescued-1.csv")).unwrap();
    desk.retry().expect(4);
    let ended = desk.converge().expect(4);
    assert_eq!(named(&ended).len(), 4, "there is only one to take from: {ended}");
    desk.monthend(named(&ended)).expect(0);
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 3);
}

/// A run that can send nothing has no line to write, and still sees that what it read is gone.
#[test]
fn a_ledger_that_is_deleted_while_nothing_is_written_is_rescued() {
    let server = Served::new("latency: { fixed: 400ms }");
    let desk = Desk::with(server.url(), &many(3));
    desk.converge().expect(0);
    desk.manifest(server.url(), &many(4));
    let refused = desk.converge().env("WEBEX_ACCESS_TOKEN", "no-longer-good");
    let running = refused.start();
    eventually("it has read and written the ledger", || {
        desk.read("m.ledger.csv").contains(",pending,")
    });
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    running.wait().expect(4).says(["deleted"]);
    no_id_is_lost(&server, &desk);
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 4);
}

#[test]
fn it_lies_beside_the_links_target() {
    let server = Served::new("latency: { fixed: 20ms }");
    let desk = Desk::with(server.url(), &many(60));
    fs::create_dir(desk.path("share")).unwrap();
    let header = desk.plan().expect(0);
    drop(header);
    desk.write("share/real.csv", crate::support::COLUMNS.to_owned() + "\n");
    symlink("share/real.csv", desk.path("m.ledger.csv")).unwrap();
    let running = desk.converge().start();
    eventually("it runs", || server.reports().len() > 10);
    fs::write(desk.path("share/real.csv"), crate::support::COLUMNS.to_owned() + "\n").unwrap();
    running.wait().expect(4);
    assert!(desk.path("m.ledger.csv").is_symlink());
    assert_eq!(rescued(&desk), [""; 0]);
    for args in [["m.yaml"].to_vec(), ["m.yaml", "--ledger=share/real.csv"].to_vec()] {
        let ended = desk.monthend([vec!["run"], args].concat()).expect(4);
        ended.says(["share/real.rescued-"]);
    }
    let ended = desk.converge().expect(4);
    desk.monthend(named(&ended)).expect(0);
    desk.converge().expect(0);
    server.nothing_twice();
    assert!(desk.path("m.ledger.csv").is_symlink());
    desk.ledger_at("share/real.csv").at_rest(60);
}

/// What a run waits for before it sends anything.
#[derive(Debug, Clone, Copy)]
enum SlowStart {
    /// For sub-partners: it has not written yet.
    Discovery,
    /// For its first list, with new rows written before.
    List,
    /// For its first list, and it had nothing to write before.
    ListOfOldRows,
}

/// Two rows are created, one has failed, and a second run waits for what it asked first.
fn slow_start(which: SlowStart) -> (Served, Desk, Running) {
    let server = Served::new(
        "faults: [{ when: { endpoint: list }, then: [{ kind: slow, delay: 1500ms }] },
                  { when: { endpoint: sub_partners }, then: [{ kind: slow, delay: 1500ms }] }]",
    );
    let desk = Desk::new();
    let old = ["a", "b", "refused-404"];
    desk.manifest(server.url(), &partners(old, "USER", "2026-09"));
    desk.converge().expect(1);
    match which {
        SlowStart::Discovery => desk.manifest(
            server.url(),
            &(partners(old, "USER", "2026-09")
                + "  - { name: all, sub_partners: [{ discover: active }], types: [USER], periods: [2026-09] }\n"),
        ),
        SlowStart::List => {
            let all = old.into_iter().chain(["d", "e"]);
            desk.manifest(server.url(), &partners(all, "USER", "2026-09"));
        }
        SlowStart::ListOfOldRows => {}
    }
    let seen = server.exchanges().len();
    let running = match which {
        SlowStart::ListOfOldRows => desk.retry().start(),
        SlowStart::Discovery | SlowStart::List => desk.converge().start(),
    };
    eventually("it asks", || server.exchanges().len() > seen);
    (server, desk, running)
}

const SLOW_STARTS: [SlowStart; 3] =
    [SlowStart::Discovery, SlowStart::List, SlowStart::ListOfOldRows];

fn clock_back(path: &Path, to: &Path) {
    let done = Command::new("touch").arg("-r").arg(to).arg(path).status();
    assert!(done.unwrap().success());
}

/// Edits while a run starts. Whatever they did is kept, whatever they lack is saved, and nothing is sent.
#[test]
fn an_edit_while_a_run_starts_is_noticed_before_anything_is_sent() {
    type Edit = fn(&Desk);
    let edits: [(&str, Edit, usize); 6] = [
        (
            "an id by hand",
            |desk| {
                let mut ledger = desk.ledger();
                let mut line = ledger.lines[0].clone();
                line.0.insert("report_id".to_owned(), "Y2lzYnloYW5k".to_owned());
                ledger.lines[0] = line;
                desk.write("m.ledger.csv", ledger.to_csv());
            },
            1,
        ),
        (
            "a column of notes",
            |desk| {
                let mut records = csv_cells(&desk.read("m.ledger.csv"));
                for (n, record) in records.iter_mut().enumerate() {
                    record.push(if n == 0 { "notes" } else { "asked Anna" }.to_owned());
                }
                desk.write("m.ledger.csv", to_csv(&records, "\n"));
            },
            0,
        ),
        (
            "an old copy",
            |desk| {
                let mut ledger = desk.ledger();
                ledger.lines.pop();
                ledger.set(1, &[("status", "pending"), ("report_id", "")]);
                desk.write("m.ledger.csv", ledger.to_csv());
            },
            1,
        ),
        (
            "the same length, at the same time",
            |desk| {
                let (path, copy) = (desk.path("m.ledger.csv"), desk.path("copy"));
                let text = desk.read("m.ledger.csv");
                fs::write(&copy, &text).unwrap();
                clock_back(&copy, &path);
                fs::write(&path, text.replacen(",partners,", ",PARTNERS,", 1)).unwrap();
                clock_back(&path, &copy);
            },
            1,
        ),
        (
            "no ledger any more",
            |desk| {
                desk.write("m.ledger.csv", "eggs\nmilk\n");
            },
            1,
        ),
        ("gone", |desk| fs::remove_file(desk.path("m.ledger.csv")).unwrap(), 0),
    ];
    std::thread::scope(|scope| {
        for (what, edit, saved) in edits {
            for slow in SLOW_STARTS {
                scope.spawn(move || {
                    let (server, desk, running) = slow_start(slow);
                    let before = desk.ledger();
                    edit(&desk);
                    let theirs = fs::read_to_string(desk.path("m.ledger.csv")).ok();
                    let ended = running.wait().expect(4);
                    assert_eq!(server.creates().len(), 3, "{what}, {slow:?}: {ended}");
                    match theirs {
                        Some(theirs) => {
                            assert_eq!(desk.read("m.ledger.csv"), theirs, "{what}: {ended}")
                        }
                        None => assert_eq!(desk.ledger(), before, "{what}: {ended}"),
                    }
                    let names = rescued(&desk);
                    assert_eq!(names.len(), saved, "{what}, {slow:?}: {ended}");
                    for name in &names {
                        assert_eq!(desk.ledger_at(name), before, "{what}, {slow:?}: as it was");
                        assert!(ended.stderr.contains(name.as_str()), "{what}, {slow:?}: {ended}");
                    }
                    no_id_is_lost(&server, &desk);
                });
            }
        }
    });
}

/// The person knew of the report; after the run that noticed, the next one takes it over.
#[test]
fn an_id_entered_by_hand_while_a_run_starts_counts() {
    // `ciscospark://sandbox/REPORT/by-hand`
    const ID: &str = "Y2lzY29zcGFyazovL3NhbmRib3gvUkVQT1JUL2J5LWhhbmQ";
    std::thread::scope(|scope| {
        for slow in SLOW_STARTS {
            scope.spawn(move || {
                let (server, desk, running) = slow_start(slow);
                let mut ledger = desk.ledger();
                ledger.set(
                    2,
                    &[("status", "created"), ("report_id", ID), ("error_code", ""), ("error", "")],
                );
                desk.write("m.ledger.csv", ledger.to_csv());
                let ended = running.wait().expect(4);
                assert_eq!(server.creates().len(), 3, "{slow:?}: {ended}");
                assert_eq!(rescued(&desk), [""; 0], "theirs lacks nothing: {ended}");
                desk.retry().run();
                desk.converge().expect(0);
                let line = &desk.ledger().lines[2];
                assert_eq!(&line["report_id"], ID);
                let again = server
                    .bodies()
                    .into_iter()
                    .filter(|body| body["subPartnerOrgId"] == line["sub_partner_org_id"]);
                assert_eq!(again.count(), 1, "{slow:?}: sent only before it was entered");
            });
        }
    });
}

/// Somebody makes the ledger while a first run is still asking.
#[test]
fn a_ledger_that_appears_while_a_run_starts_is_not_overwritten() {
    let server = Served::new(
        "faults: [{ when: { endpoint: sub_partners }, then: [{ kind: slow, delay: 1500ms }] }]",
    );
    let desk = Desk::with(
        server.url(),
        "  - { name: all, sub_partners: [{ discover: active }], types: [USER], periods: [2026-09] }\n",
    );
    let running = desk.converge().start();
    eventually("it asks", || !server.exchanges().is_empty());
    let theirs = crate::support::COLUMNS.to_owned() + "\n";
    desk.write("m.ledger.csv", &theirs);
    running.wait().expect(4).says(["made by someone else"]);
    assert_eq!(desk.read("m.ledger.csv"), theirs);
    assert!(server.creates().is_empty() && rescued(&desk).is_empty());
    desk.converge().expect(0);
    server.nothing_twice();
}

/// In mid-run and at its end, in place, of the same length, and with the old time of the file put back.
#[test]
fn edits_in_place_are_noticed_whenever_they_happen() {
    for settle in ["1500ms", "0ms"] {
        // The last create's answer is lost and nothing was made, so the run waits for `settle` before it sends again.
        let server = Served::new(
            "latency: { fixed: 10ms }
faults: [{ when: { endpoint: create, org: p39, tries: 1 }, then: [{ kind: reset }] }]",
        );
        let at_the_end = settle != "0ms";
        let desk = Desk::new();
        desk.manifest_with(server.url(), &format!("retry.settle: {settle}"), &many(40));
        let running = desk.converge().start();
        let enough = if at_the_end { 39 } else { 10 };
        eventually("it is so far", || server.reports().len() >= enough);
        if at_the_end {
            std::thread::sleep(std::time::Duration::from_millis(300)); // the last lines get to the disk
        }
        let path = desk.path("m.ledger.csv");
        let text = desk.read("m.ledger.csv");
        desk.write("copy", &text);
        clock_back(&desk.path("copy"), &path);
        let edited = text.replace(",partners,", ",PARTNERS,");
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::io::Write::write_all(&mut &file, edited.as_bytes()).unwrap();
        drop(file);
        clock_back(&path, &desk.path("copy"));
        let sent = server.creates().len();
        let ended = running.wait().expect(4);
        if at_the_end {
            assert_eq!(server.creates().len(), sent, "nothing more is sent: {ended}");
        }
        assert!(desk.read("m.ledger.csv").contains(",PARTNERS,"), "theirs is left: {ended}");
        assert_eq!(rescued(&desk).len(), 1, "{ended}");
        no_id_is_lost(&server, &desk);
    }
}

/// Both people ran, each with their copy: a report was made twice, and only a person can say which counts.
#[test]
fn two_reports_of_one_request_are_for_a_person_to_decide() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(1));
    desk.converge().expect(0);
    fs::rename(desk.path("m.ledger.csv"), desk.path("other.csv")).unwrap();
    desk.converge().arg("--existing=ignore").expect(0);
    fs::rename(desk.path("other.csv"), desk.path("m.ledger.rescued-1.csv")).unwrap();
    let ended = desk.converge().expect(4);
    desk.monthend(named(&ended)).expect(4).says(["--prefer LEDGER"]);
    assert_eq!(rescued(&desk), ["m.ledger.rescued-1.csv"]);
    let merge = named(&ended).into_iter().chain(["--prefer=m.ledger.csv".to_owned()]);
    desk.monthend(merge).expect(0);
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 2);
}
