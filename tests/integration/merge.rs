//! Ledgers that become one.

use std::{fs, os::unix::fs::symlink};

use crate::support::{Desk, Served, eventually, own, partners};

/// A desk where `names` were billed, each with a manifest and a ledger of its own: `a.csv` for `a`.
fn billed(server: &Served, names: &[&str]) -> Desk {
    let desk = Desk::new();
    for name in names {
        desk.manifest(server.url(), &partners([*name, "shared"], "USER", "2026-09"));
        let run = desk.converge().arg(format!("--ledger={name}.csv"));
        run.arg(format!("--sub-partner={name}")).expect(0);
    }
    desk
}

fn texts(desk: &Desk) -> Vec<(String, String)> {
    let files = desk.files().into_iter();
    files.map(|name| (name.clone(), desk.read(&name))).collect()
}

/// Refused with 4, this is said, and no file is changed or made.
#[track_caller]
fn refused<'a>(desk: &Desk, args: &[&str], says: impl IntoIterator<Item = &'a str>) {
    let before = texts(desk);
    let ended = desk.monthend([&["merge"], args].concat()).expect(4);
    ended.says(says);
    assert_eq!(texts(desk), before);
}

#[test]
fn shares_become_one_ledger() {
    let server = Served::new("");
    let desk = billed(&server, &["a", "b", "c"]);
    let before = texts(&desk);
    let merge = ["merge", "b.csv", "a.csv", "c.csv", "-o", "all.csv"];
    desk.monthend(merge).expect(0).shows(["all.csv", "3 rows", "3 ledgers"]);
    let all = desk.ledger_at("all.csv").at_rest(3);
    assert_eq!(all.column("sub_partner"), ["b", "a", "c"], "as in the files, one after another");
    assert_eq!(all.report_ids(), server.report_ids());
    let mut after = texts(&desk);
    after.retain(|(name, _)| name != "all.csv");
    assert_eq!(after, before, "what was only read stays, and no lock is left");
    // The next run puts them in plan order, and makes what is missing.
    desk.manifest(server.url(), &partners(["a", "b", "c", "d"], "USER", "2026-09"));
    desk.converge().arg("--ledger=all.csv").expect(0);
    let all = desk.ledger_at("all.csv").at_rest(4);
    assert_eq!(all.column("sub_partner"), ["a", "b", "c", "d"]);
    server.nothing_twice();
}

#[test]
fn a_ledger_united_with_itself_stays_as_it_is() {
    let server = Served::new("");
    let desk = Desk::with(
        server.url(),
        &(own("PARTNER", "2026-09") + &partners(["a", "refused-404", "=1"], "USER", "2026-09")),
    );
    desk.converge().expect(1);
    fs::create_dir(desk.path("far")).unwrap();
    symlink("../m.ledger.csv", desk.path("far/link.csv")).unwrap();
    let before = desk.read("m.ledger.csv");
    for parts in [
        &["m.ledger.csv"][..],
        &["m.ledger.csv", "./m.ledger.csv", "far/link.csv", "far/../m.ledger.csv"],
    ] {
        for output in ["m.ledger.csv", "far/link.csv", "copy.csv"] {
            let merge = [&["merge"], parts, &["-o", output]].concat();
            desk.monthend(merge).expect(0).shows(["4 rows", "1 ledger\n"]);
            assert_eq!(desk.read(output), before, "{parts:?} {output}");
            let _ = fs::remove_file(desk.path("copy.csv"));
        }
    }
    assert!(desk.path("far/link.csv").is_symlink());
    fs::copy(desk.path("m.ledger.csv"), desk.path("copy.csv")).unwrap();
    desk.monthend(["merge", "copy.csv", "-o", "m.ledger.csv"]).expect(0).shows(["2 ledgers"]);
    assert_eq!(desk.read("m.ledger.csv"), before);
}

#[test]
fn an_output_that_is_there_is_one_of_the_inputs() {
    let server = Served::new("");
    let desk = billed(&server, &["a", "b"]);
    desk.monthend(["merge", "b.csv", "-o", "a.csv"]).expect(0);
    let all = desk.ledger_at("a.csv").at_rest(2);
    assert_eq!(all.column("sub_partner"), ["a", "b"]);
    desk.ledger_at("b.csv").at_rest(1);
}

/// Two people ran with copies of one ledger, and the same report was made twice.
#[test]
fn two_reports_for_one_request_are_named_and_a_person_decides() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["x", "y"], "USER", "2026-09"));
    desk.converge().expect(0);
    desk.converge().arg("--ledger=other.csv").expect(0);
    let (ours, theirs) = (desk.ledger(), desk.ledger_at("other.csv"));
    let named = ours.column("report_id").into_iter().chain(theirs.column("report_id"));
    let named =
        named.chain(ours.column("request_id")).chain(["m.ledger.csv", "other.csv", "--prefer"]);
    refused(&desk, &["m.ledger.csv", "other.csv", "-o", "new.csv"], named);
    desk.monthend(["merge", "m.ledger.csv", "other.csv", "-o", "new.csv", "--prefer", "m.yaml"])
        .expect(2)
        .says(["m.yaml"]);
    assert!(!desk.has("new.csv"));
    let merge =
        ["merge", "m.ledger.csv", "other.csv", "-o", "m.ledger.csv", "--prefer", "./other.csv"];
    desk.monthend(merge).expect(0);
    let found = desk.ledger().at_rest(2);
    assert_eq!(found.column("report_id"), theirs.column("report_id"));
    for (line, old) in found.lines.iter().zip(ours.column("report_id")) {
        assert!(line["error"].contains(old), "no id is lost: {line:?}");
    }
    // Decided once and for all.
    let once = desk.read("m.ledger.csv");
    desk.monthend(["merge", "m.ledger.csv", "other.csv", "-o", "m.ledger.csv"]).expect(0);
    assert_eq!(desk.read("m.ledger.csv"), once);
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 4, "and nothing is sent for it");
}

#[test]
fn what_cannot_be_one_ledger_is_refused_whole() {
    let server = Served::new("");
    let desk = billed(&server, &["a", "b"]);
    // One report in two rows.
    let mut copied = desk.ledger_at("b.csv");
    let id = desk.ledger_at("a.csv").lines[0]["report_id"].to_owned();
    copied.set(0, &[("report_id", &id)]);
    desk.write("copied.csv", copied.to_csv());
    let (a, b) = (desk.ledger_at("a.csv"), desk.ledger_at("b.csv"));
    let rows = [&a.lines[0]["request_id"], &b.lines[0]["request_id"]];
    refused(
        &desk,
        &["a.csv", "copied.csv", "-o", "new.csv"],
        [id.as_str(), "a.csv", "copied.csv"].into_iter().chain(rows),
    );
    // One file in two rows.
    for name in ["a", "b"] {
        let mut filed = desk.ledger_at(&format!("{name}.csv"));
        filed.set(0, &[("report_file", "2026-09/USER/x.csv")]);
        desk.write(&format!("{name}-filed.csv"), filed.to_csv());
    }
    refused(
        &desk,
        &["a-filed.csv", "b-filed.csv", "-o", "new.csv"],
        ["2026-09/USER/x.csv", "a-filed.csv", "b-filed.csv"],
    );
    // A rehearsal and a real ledger: this server's ids are the sandbox's.
    let mut real = desk.ledger_at("b.csv");
    real.set(0, &[("report_id", "Y2lzY29zcGFyazovL3VzL1JFUE9SVC8x")]);
    desk.write("real.csv", real.to_csv());
    refused(
        &desk,
        &["a.csv", "real.csv", "-o", "a.csv"],
        ["sandbox are in a.csv", "real server in real.csv"],
    );
    // No ledgers, all at once; the output too.
    desk.write("list.csv", "eggs\nmilk\n");
    desk.write("empty.csv", "");
    refused(
        &desk,
        &["a.csv", "list.csv", "empty.csv", "-o", "new.csv"],
        ["list.csv", "empty.csv", "not a ledger"],
    );
    refused(&desk, &["a.csv", "-o", "list.csv"], ["list.csv", "not a ledger"]);
    refused(
        &desk,
        &["a.csv", "nowhere.csv", "far/off.csv", "-o", "a.csv"],
        ["nowhere.csv", "far/off.csv"],
    );
    refused(&desk, &["nowhere.csv", "-o", "nowhere.csv"], ["nowhere.csv"]);
    refused(&desk, &["a.csv", "-o", "no/folder/new.csv"], ["no/folder/new.csv"]);
    symlink("unmounted/l.csv", desk.path("dead.csv")).unwrap();
    for args in [["a.csv", "-o", "dead.csv"], ["dead.csv", "-o", "a.csv"]] {
        desk.monthend([&["merge"][..], &args].concat()).expect(4).says(["dead.csv", "link"]);
    }
    assert!(desk.path("dead.csv").is_symlink());
    for usage in [&["merge"][..], &["merge", "a.csv"], &["merge", "-o", "new.csv"]] {
        desk.monthend(usage.to_vec()).expect(2);
    }
}

#[test]
fn a_ledger_that_a_run_holds_is_not_united() {
    let mut server = Served::new("");
    let desk = billed(&server, &["a", "b"]);
    let slow = Served::new("latency: { fixed: 30s }");
    desk.manifest(slow.url(), &partners(["b", "more"], "USER", "2026-09"));
    let mut running = desk.converge().arg("--ledger=b.csv").start();
    eventually("it asks", || !slow.exchanges().is_empty());
    for output in ["a.csv", "new.csv", "b.csv"] {
        let merge = ["merge", "a.csv", "b.csv", "-o", output];
        desk.monthend(merge).expect(4).says(["b.csv is in use", &running.pid().to_string()]);
        assert!(!desk.has("new.csv") && !desk.has("a.csv.lock"));
    }
    running.kill();
    server.stop();
    desk.monthend(["merge", "a.csv", "b.csv", "-o", "a.csv"]).expect(0);
}

#[test]
fn two_merges_of_the_same_ledgers_do_not_wait_for_each_other() {
    let server = Served::new("");
    let desk = billed(&server, &["a", "b"]);
    for _ in 0..10 {
        let merges = [["a.csv", "b.csv", "a.csv"], ["b.csv", "a.csv", "b.csv"]];
        let started = merges.map(|[x, y, out]| desk.monthend(["merge", x, y, "-o", out]).start());
        let codes = started.map(|running| running.wait().code.unwrap());
        assert!(codes.contains(&0) && codes.iter().all(|code| [0, 4].contains(code)), "{codes:?}");
    }
    desk.monthend(["merge", "a.csv", "-o", "b.csv"]).expect(0);
    for name in ["a.csv", "b.csv"] {
        desk.ledger_at(name).at_rest(2);
    }
}

#[test]
fn what_cannot_be_said_changes_nothing() {
    let server = Served::new("");
    let desk = billed(&server, &["a", "b"]);
    desk.monthend(["merge", "a.csv", "-o", "b.csv"]).into_closed_pipe().expect(0);
    desk.ledger_at("b.csv").at_rest(2);
    desk.monthend(["merge", "b.csv", "-o", "c.csv"]).after("exec >/dev/full").expect(0);
    desk.ledger_at("c.csv").at_rest(2);
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let server = Served::new("");
    let desk = Desk::new();
    let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    desk.manifest(server.url(), &partners(names.iter().map(String::as_str), "USER", "2026-09"));
    desk.converge().expect(0);
    let ours = desk.read("m.ledger.csv");
    let half: String = ours.lines().take(20).map(|line| format!("{line}\n")).collect();
    fs::rename(desk.path("m.ledger.csv"), desk.path("m.ledger.rescued-1.csv")).unwrap();
    desk.write("m.ledger.csv", half);
    let before = texts(&desk);
    let merge = ["merge", "m.ledger.csv", "m.ledger.rescued-1.csv", "-o", "m.ledger.csv"];
    desk.monthend(merge).after("trap '' XFSZ; ulimit -f 4").expect(4).says(["m.ledger.csv"]);
    assert_eq!(texts(&desk), before, "the rescued one keeps its name");
    desk.monthend(merge).expect(0);
    assert_eq!(desk.ledger().at_rest(40).report_ids(), server.report_ids());
}

/// A power cut left a line that only the plan can explain.
#[test]
fn a_torn_line_about_nobody_known_survives_whoever_rewrites_the_ledger() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b", "c"], "USER", "2026-09"));
    desk.converge().expect(0);
    let mut ledger = desk.ledger();
    let lost = ledger.lines.pop().unwrap();
    ledger.set(
        0,
        &[
            ("status", "failed"),
            ("report_id", ""),
            ("error_code", "in_doubt"),
            ("error", "who knows"),
        ],
    );
    let ours = server.report_ids();
    desk.write("m.ledger.csv", ledger.to_csv() + &format!("{},par", &lost["request_id"]));
    let rid = &ledger.lines[0]["request_id"];
    fs::copy(desk.path("m.ledger.csv"), desk.path("copy.csv")).unwrap();
    let says = || ["m.ledger.csv", &lost["request_id"], "monthend run"];
    refused(&desk, &["copy.csv", "m.ledger.csv", "-o", "m.ledger.csv"], says());
    refused(&desk, &["m.ledger.csv", "-o", "new.csv"], says());
    let before = desk.read("m.ledger.csv");
    for decision in ["--resend", &format!("--adopt={}", ours[0])] {
        let resolve = ["resolve", "m.ledger.csv", "--request", rid, decision];
        desk.monthend(resolve).expect(4).says(says());
        assert_eq!(desk.read("m.ledger.csv"), before);
    }
    // As they say: the run knows whom the line is about.
    desk.converge().expect(1);
    desk.ledger().at_rest(3);
    assert_eq!(server.creates().len(), 3, "and nothing is made again");
    desk.monthend(["merge", "m.ledger.csv", "-o", "new.csv"]).expect(0);
}

/// `report_file` is relative to the ledger that it stands in, wherever that is merged to.
#[test]
fn files_are_found_from_where_the_output_lies() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &own("PARTNER, USER", "2026-09"));
    for (ledger, of_type) in [("a.csv", "PARTNER"), ("b.csv", "USER")] {
        let run = desk.converge().args(["--collect", "--type", of_type]);
        run.args(["--ledger", ledger]).expect(0);
    }
    fs::create_dir_all(desk.path("sub/deep")).unwrap();
    fs::rename(desk.path("b.csv"), desk.path("sub/b.csv")).unwrap();
    fs::rename(desk.path("b.reports"), desk.path("sub/b.reports")).unwrap();
    symlink("sub/deep", desk.path("link")).unwrap();
    let absolute = desk.path("sub/b.csv").display().to_string();
    for (inputs, output, files) in [
        (["a.csv", "sub/b.csv"], "all.csv", ["a.reports", "sub/b.reports"]),
        (["./a.csv", &*absolute], "sub/deep/all.csv", ["../../a.reports", "../b.reports"]),
        (["all.csv", "sub/deep/all.csv"], "link/2.csv", ["../../a.reports", "../b.reports"]),
    ] {
        let merge = [&["merge"], &inputs[..], &["-o", output]].concat();
        desk.monthend(merge).expect(0);
        let merged = desk.ledger_at(output);
        let found = merged.column("report_file");
        for (found, folder) in found.iter().zip(files) {
            assert!(found.starts_with(&format!("{folder}/2026-09/")), "{output}: {found}");
            let file = desk.path(output).canonicalize().unwrap();
            assert!(file.parent().unwrap().join(found).is_file());
        }
        let audit = ["audit", "m.yaml", "--offline", "--ledger", output];
        desk.monthend(audit).expect(0);
    }
}
