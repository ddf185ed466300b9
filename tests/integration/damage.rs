//! What happens to the ledger while a run holds it, or after a crash: nothing that is known is lost.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::support::{Desk, Ended, Served, eventually, many};

/// Every id that the server gave stands in one of these texts.
#[track_caller]
fn no_id_is_lost(server: &Served, texts: &[String], ended: &Ended) {
    for id in server.report_ids() {
        assert!(texts.iter().any(|text| text.contains(&id)), "{id} is lost: {ended}");
    }
}

/// Runs until some reports are made, does `what` to the ledger, and waits for the end.
fn in_mid_run(what: impl Fn(&Desk)) -> (Served, Desk, Ended) {
    let server = Served::new("latency: { fixed: 20ms }");
    let desk = Desk::with(server.url(), &many(150));
    let running = desk.converge().start();
    eventually("it runs", || server.reports().len() > 12);
    what(&desk);
    let ended = running.wait().expect(4);
    assert!(server.creates().len() < 150, "it stopped");
    (server, desk, ended)
}

fn texts(desk: &Desk) -> Vec<String> {
    let names = desk.files();
    let csv = names.iter().filter(|name| name.contains(".csv") && !name.ends_with(".lock"));
    csv.map(|name| desk.read(name)).collect()
}

#[test]
fn a_ledger_that_is_deleted_is_written_again() {
    let (server, desk, ended) =
        in_mid_run(|desk| fs::remove_file(desk.path("m.ledger.csv")).unwrap());
    no_id_is_lost(&server, &texts(&desk), &ended);
    ended.says(["deleted"]);
    desk.ledger().at_rest(150);
    desk.converge().expect(0);
    server.nothing_twice();
    assert_eq!(desk.ledger().at_rest(150).report_ids(), server.report_ids());
}

#[test]
fn a_ledger_that_is_replaced_is_left_and_the_own_one_saved_beside_it() {
    let other = "request_id,what\nsomeone's,work\n";
    let (server, desk, ended) = in_mid_run(|desk| {
        desk.write("theirs", other);
        fs::rename(desk.path("theirs"), desk.path("m.ledger.csv")).unwrap();
    });
    assert_eq!(desk.read("m.ledger.csv"), other, "not ours to overwrite");
    no_id_is_lost(&server, &texts(&desk), &ended);
    let saved = desk.files().into_iter().find(|name| name.contains("rescued")).unwrap();
    ended.says(["replaced", saved.as_str()]);
    // With the saved one a run goes on.
    desk.ledger_at(&saved).at_rest(150);
    fs::rename(desk.path(&saved), desk.path("m.ledger.csv")).unwrap();
    desk.converge().expect(0);
    server.nothing_twice();
}

#[test]
fn a_ledger_that_is_cut_or_written_to_is_noticed() {
    for (what, said) in [("cut", "shortened"), ("written", "written to")] {
        let (server, desk, ended) = in_mid_run(|desk| {
            let path = desk.path("m.ledger.csv");
            let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            if what == "cut" {
                file.set_len(700).unwrap();
            } else {
                std::io::Write::write_all(&mut &file, b"r0000000000000000,what is this\n").unwrap();
            }
        });
        no_id_is_lost(&server, &texts(&desk), &ended);
        ended.says([said, "rescued"]);
    }
}

/// `ulimit -f` counts blocks of 512 bytes in `sh`, or of 1024: either way the ledger fills it in mid-run.
#[test]
fn a_full_disk_stops_the_run_and_loses_no_id() {
    let server = Served::new("latency: { fixed: 5ms }");
    let desk = Desk::with(server.url(), &many(150));
    desk.plan().expect(0);
    let ended = desk.converge().after("ulimit -f 100").run();
    assert_eq!(ended.code, Some(4), "{ended}");
    assert!(
        !server.reports().is_empty() && server.creates().len() < 150,
        "it stopped: {}",
        server.creates().len()
    );
    let mut texts = texts(&desk);
    texts.push(ended.stderr.clone());
    no_id_is_lost(&server, &texts, &ended);

    // Nothing has to be pasted: the command that is said finds what was printed.
    let hint = ended.hint();
    assert_eq!(hint.why, "make room, then", "{ended}");
    hint.typed(&desk).expect(0);
    server.nothing_twice();
    assert_eq!(desk.ledger().at_rest(150).report_ids(), server.report_ids());
}

#[test]
fn a_disk_that_is_full_from_the_start_stops_before_anything_is_sent() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(150));
    desk.converge().after("ulimit -f 4").expect(4).says(["m.ledger.csv"]);
    assert!(server.creates().is_empty());
    assert!(!desk.has("m.ledger.csv"), "no half ledger is left");
    desk.converge().expect(0);
}

/// A run that died while it wrote that a report was made: what can be read counts, what cannot is looked up.
#[test]
fn a_torn_last_line_loses_nothing() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(3));
    desk.converge().expect(0);
    let made = server.report_ids();
    let mut before = desk.ledger();
    let created = before.to_csv().lines().last().unwrap().to_owned() + "\n";
    before.set(
        2,
        &[
            ("status", "sending"),
            ("report_id", ""),
            ("http_status", ""),
            ("intent_at", "2026-01-01T00:00:00Z"),
        ],
    );
    let before = before.to_csv();
    for cut in (0..=created.len()).step_by(9).chain([16, 17, 18, created.len() - 1]) {
        desk.write("m.ledger.csv", before.clone() + &created[..cut]);
        desk.status().expect(0).shows(["3 rows"]);
        desk.converge().expect(0);
        let ledger = desk.ledger().at_rest(3);
        assert_eq!(ledger.report_ids(), made, "cut at {cut}");
    }
    assert_eq!(server.creates().len(), 3, "nothing is made again");
}

/// A line that only a power cut can lose: the row is gone, or in doubt with nothing to date it by.
#[test]
fn what_cannot_be_read_is_left_to_a_person() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(3));
    desk.converge().expect(0);
    let whole = desk.read("m.ledger.csv");
    let lost = desk.ledger().lines[2]["report_id"].to_owned();
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    desk.write("m.ledger.csv", &whole[..last + 60]);
    let ended = desk.converge().expect(1);
    ended.shows(["in_doubt"]);
    let ledger = desk.ledger().at_rest(3);
    assert!(ledger.lines[2]["error"].contains(&lost), "the candidate is named");
    assert_eq!(server.creates().len(), 3, "and nothing is made again");
}

#[test]
fn blocks_that_were_never_written_are_dropped() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(3));
    desk.converge().expect(0);
    let whole = desk.read("m.ledger.csv");
    desk.write("m.ledger.csv", format!("{whole}{}", "\0".repeat(700)));
    desk.converge().expect(0).says(["says nothing; dropped"]);
    assert_eq!(desk.read("m.ledger.csv"), whole);
    // In the middle it is damage that no crash leaves.
    let hole = whole.replacen("2026-09-01", &"\0".repeat(10), 1);
    desk.write("m.ledger.csv", &hole);
    desk.converge().expect(4).says(["m.ledger.csv:"]);
    assert_eq!(desk.read("m.ledger.csv"), hole);
    assert_eq!(server.creates().len(), 3);
}

#[test]
fn the_ledger_keeps_its_permissions_and_a_link_stays_one() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &many(2));
    fs::create_dir(desk.path("real")).unwrap();
    desk.converge().arg("--ledger=real/l.csv").expect(0);
    fs::set_permissions(desk.path("real/l.csv"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/l.csv", desk.path("m.ledger.csv")).unwrap();
    desk.manifest(server.url(), &many(3));
    desk.converge().expect(0);
    assert!(fs::symlink_metadata(desk.path("m.ledger.csv")).unwrap().is_symlink());
    desk.ledger_at("real/l.csv").at_rest(3);
    let mode = fs::metadata(desk.path("real/l.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
