//! `collect`, `run --collect` and `retry --collect`: what lies under a final name is whole and is what the ledger says.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use sandbox::Endpoint;
use sha2::{Digest as _, Sha256};

use crate::support::{
    Apart, Desk, Ended, LedgerFile, Line, Monthend, Served, eventually, many, own, partner,
    partners,
};

const SEPTEMBER: &str = "2026-09";
/// Reports are ready at once.
const AT_ONCE: &str = "reports: { completes_after: 0s }\n";

fn world(config: &str, names: &[&str], types: &str) -> (Served, Desk) {
    let server = Served::new(&format!("{AT_ONCE}{config}"));
    let jobs = partners(names.iter().copied(), types, SEPTEMBER);
    let desk = Desk::with(server.url(), &jobs);
    (server, desk)
}

fn run(desk: &Desk) -> Monthend {
    desk.converge().arg("--collect")
}

fn collect(desk: &Desk) -> Monthend {
    desk.monthend(["collect", "m.yaml"])
}

fn hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All files below the folder of the reports, by their paths from the desk.
fn files(desk: &Desk) -> BTreeSet<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&desk.path("m.ledger.reports"), &mut found);
    let within = |path: &PathBuf| {
        let path = path.strip_prefix(desk.folder()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    found.iter().map(within).collect()
}

/// The files are what the ledger says of them, and no other is there but what was rejected. Gives the rows that are
/// collected.
#[track_caller]
fn hold(desk: &Desk) -> Vec<Line> {
    let ledger = desk.ledger();
    let mut owned = BTreeSet::new();
    let mut collected = Vec::new();
    for line in &ledger.lines {
        let file = line["report_file"].to_owned();
        assert_eq!(file.is_empty(), line["report_rows"].is_empty(), "{line:?}");
        if file.is_empty() {
            continue;
        }
        let path = desk.path(&file);
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(hash(&bytes), line["report_sha256"], "{file}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        assert_eq!(&line["report_status"], "COMPLETED", "{line:?}");
        assert_eq!(&line["report_error"], "", "{line:?}");
        let rows = bytes.iter().filter(|byte| **byte == b'\n').count() - 1;
        assert_eq!(line["report_rows"], rows.to_string());
        assert!(owned.insert(file), "two rows share a file: {line:?}");
        collected.push(line.clone());
    }
    let mut found = files(desk);
    found.retain(|file| !file.ends_with(".rejected"));
    assert_eq!(found, owned, "files that no row names");
    collected
}

/// Nobody saw an address with its signature, and the host of the files no token.
#[track_caller]
fn no_secret(server: &Served, desk: &Desk, ended: &Ended) {
    let ledger = desk.read("m.ledger.csv");
    for text in [&ended.stdout, &ended.stderr, &ledger] {
        assert!(!text.contains("Signature"), "{text}");
    }
    let leaks = server.downloads();
    assert!(leaks.iter().all(|download| !download.leaked_authorization));
}

#[test]
fn everything_is_collected_and_nothing_is_fetched_twice() {
    let (server, desk) = world("", &["a", "b", "c"], "PARTNER, CUSTOMER, USER");
    let ended = run(&desk).arg("-v").expect(0).shows(["collected", "9"]);
    no_secret(&server, &desk, &ended);
    assert_eq!(hold(&desk).len(), 9);
    assert!(files(&desk).contains("m.ledger.reports/2026-09/USER/a.csv"));
    assert_eq!(server.downloads().len(), 9);
    // One create and one single read for each (and one to learn whose reports are ours); the rest are lists.
    assert!(server.at(Endpoint::Get).len() <= 10);
    let exchanges = server.exchanges();
    assert!(exchanges.len() <= 9 * 2 + 6, "{exchanges:#?}");

    let before = desk.read("m.ledger.csv");
    collect(&desk).expect(0);
    run(&desk).expect(0);
    assert_eq!(server.downloads().len(), 9, "fetched again what was there");
    assert_eq!(desk.read("m.ledger.csv"), before);

    let lost = desk.ledger().lines[4]["report_file"].to_owned();
    fs::remove_file(desk.path(&lost)).unwrap();
    collect(&desk).expect(0);
    assert_eq!(server.downloads().len(), 10);
    assert_eq!(hold(&desk).len(), 9);
}

/// Whatever the host does to the first requests for a file: it is there in the end, and the rest only is fetched where
/// a part was there.
#[test]
fn what_breaks_is_taken_up_or_begun_again() {
    for (fault, requests, ranges) in [
        ("{ kind: status, status: 403 }", 3, 0),
        ("{ kind: status, status: 404 }", 3, 0),
        ("{ kind: status, status: 410 }", 3, 0),
        ("{ kind: status, status: 500 }", 3, 0),
        ("{ kind: status, status: 429 }", 3, 0),
        ("{ kind: cut }", 3, 2),
        ("{ kind: changed }", 3, 2),
    ] {
        let config = format!("downloads: [{{ tries: 2, then: {fault} }}]");
        let (server, desk) = world(&config, &["a"], "USER");
        let ended = run(&desk).expect(0);
        no_secret(&server, &desk, &ended);
        assert_eq!(hold(&desk).len(), 1, "{fault}");
        let downloads = server.downloads();
        assert_eq!(downloads.len(), requests, "{fault}: {downloads:?}");
        let with_range = downloads.iter().filter(|download| download.range.is_some());
        assert_eq!(with_range.count(), ranges, "{fault}");
        let parts = downloads.iter().filter(|download| download.status == 206);
        // The rest of another version is no rest: what was there is thrown away.
        let expected = match fault {
            "{ kind: cut }" => 2,
            "{ kind: changed }" => 1,
            _ => 0,
        };
        assert_eq!(parts.count(), expected, "{fault}");
    }
}

#[test]
fn a_host_that_stalls_is_left_after_its_time_without_a_byte() {
    let (server, desk) = world("downloads: [{ tries: 1, then: { kind: stall } }]", &["a"], "USER");
    let jobs = partners(["a"], "USER", SEPTEMBER);
    desk.manifest_with(server.url(), "api.request_timeout: 500ms", &jobs);
    run(&desk).expect(0);
    assert_eq!(hold(&desk).len(), 1);
    assert_eq!(server.downloads()[1].status, 206);
}

#[test]
fn what_is_no_table_is_kept_beside_and_said() {
    for (kind, says) in [
        ("html", "web page"),
        ("empty", "empty"),
        ("ragged", "cells"),
        ("zeros", "zero bytes"),
        ("text, text: Internal Server Error", "one line of text"),
        ("text, text: \"503\\n\"", "one line of text"),
    ] {
        let config = format!("downloads: [{{ org: bad, then: {{ kind: {kind} }} }}]");
        let (server, desk) = world(&config, &["bad", "good"], "USER");
        let ended = run(&desk).expect(1);
        ended.shows([says]);
        assert_eq!(hold(&desk).len(), 1, "{kind}");
        let line = desk.ledger().of("bad")[0].clone();
        assert!(line["report_error"].contains(says), "{line:?}");
        assert_eq!(&line["status"], "created");
        let rejected = "m.ledger.reports/2026-09/USER/bad.csv.rejected";
        assert!(desk.has(rejected), "{kind}");
        let of_bad = server.downloads().len() - 1;
        assert_eq!(of_bad, 1, "{kind} is not tried again");

        collect(&desk).arg("--no-content-check").expect(0);
        assert!(!desk.has(rejected), "{kind}: gone with the success");
        assert!(desk.has("m.ledger.reports/2026-09/USER/bad.csv"));
    }
}

/// A header alone is a report without rows, also where it has one column: others of its type have that, whichever comes
/// first and whether they are collected now or were before.
#[test]
fn a_single_cell_is_a_header_where_others_of_its_type_have_that_column() {
    let config = "downloads:
  - { org: hollow, then: { kind: text, text: COUNT } }
  - { org: full, type: USER, then: { kind: text, text: \"COUNT\\n1\\n\" } }";
    for order in [["hollow", "full"], ["full", "hollow"]] {
        let (server, desk) = world(config, &order, "USER");
        run(&desk).expect(0).shows(["collected      2", "1 report without any row"]);
        assert_eq!(server.downloads().len(), 2, "each is fetched once");
        assert_eq!(&desk.ledger().of("hollow")[0]["report_rows"], "0");
    }
    let (_server, desk) = world(config, &["full", "hollow"], "USER");
    run(&desk).args(["--sub-partner", "full"]).expect(0);
    run(&desk).args(["--sub-partner", "hollow"]).expect(0);
    assert_eq!(&desk.ledger().of("hollow")[0]["report_rows"], "0");

    // Another type's columns say nothing.
    let (_server, desk) = world(config, &["hollow", "full"], "USER, CUSTOMER");
    run(&desk).expect(1);
    let told: Vec<_> = (desk.ledger().of("hollow").iter())
        .map(|line| (line["type"].to_owned(), line["report_rows"].to_owned()))
        .collect();
    let (user, customer) = (("USER", "0"), ("CUSTOMER", ""));
    let owned = |(kind, rows): (&str, &str)| (kind.to_owned(), rows.to_owned());
    assert_eq!(told, [owned(user), owned(customer)]);
}

/// A word that the API reference does not have is kept, and the advice fits if it is final.
#[test]
fn an_unknown_status_is_named_as_such() {
    for (word, is_known) in [("CANCELLED", false), ("deleted ", false), ("REQUESTED", true)] {
        let server = Served::new(&format!(
            "reports: {{ completes_after: 0s, never_done_for: [a, b], never_done_word: '{word}' }}"
        ));
        let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", SEPTEMBER));
        let ran = run(&desk).args(["--wait", "0s", "--junit", "j.xml"]).expect(1);
        let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let times = |text| told.matches(text).count();
        assert_eq!(times("not known here"), usize::from(!is_known), "{told}");
        let line = desk.ledger().of("a")[0].clone();
        assert_eq!(&line["report_status"], word.trim());
        let said = &line["report_error"];
        assert_eq!(said.contains("not known"), !is_known, "{said}");
        assert!(said.contains("`monthend collect` waits again"), "{said}");
        let resolve = format!("--request {} --resend --replace", &line["request_id"]);
        assert_eq!(said.contains(&resolve), !is_known, "{said}");
        let junit = desk.read("j.xml");
        assert_eq!(junit.contains("<skipped"), is_known, "{junit}");
        assert_eq!(junit.contains("<failure"), !is_known, "{junit}");
    }
}

/// Collecting, the audit, a retry and adopting agree on what the server says, however it spells that.
#[test]
fn a_report_that_the_server_could_not_generate_is_known_in_any_spelling() {
    for word in ["FAILED", "Failed", " failed "] {
        let server = Served::new(&format!(
            "reports: {{ completes_after: 0s, never_done_for: [a], never_done_word: '{word}' }}"
        ));
        let desk = Desk::with(server.url(), &partners(["a"], "USER", SEPTEMBER));
        run(&desk).expect(1).shows(["the server could not generate", "--recreate-failed"]);
        assert_eq!(&desk.ledger().of("a")[0]["report_status"], word.trim());
        let audit = desk.monthend(["audit", "m.yaml"]).expect(1);
        audit.shows(["server_failed", "--recreate-failed"]);
        desk.monthend(["retry", "m.yaml", "--recreate-failed"]).expect(0);
        assert_eq!(server.creates().len(), 2, "{word:?}");
        let other = Desk::with(server.url(), &partners(["a"], "USER", SEPTEMBER));
        other.converge().arg("--existing=adopt").expect(0);
        assert_eq!(server.creates().len(), 3, "{word:?}");
    }
}

#[test]
fn no_other_host_is_asked() {
    for location in [
        "http://localhost:9/x.csv",
        "https://example.com/x.csv",
        "http://10.0.0.1/x.csv",
        "file:///etc/passwd",
    ] {
        let config =
            format!("downloads: [{{ then: {{ kind: redirect, location: '{location}' }} }}]");
        let (_server, desk) = world(&config, &["a"], "USER");
        run(&desk).expect(1).shows(["no other host is asked"]);
        assert_eq!(files(&desk).len(), 0);
    }
}

/// A proxy of the environment: it notes what it is asked for, and reaches nobody.
struct Proxy {
    url: String,
    asked: std::sync::mpsc::Receiver<String>,
}

impl Proxy {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let _ = tell.send(lines.next().unwrap().unwrap());
                lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
                let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Proxy { url, asked }
    }
}

/// A file goes through the proxy of the environment, as far as `NO_PROXY` lets it; an address in a private network
/// goes nowhere, through a proxy neither. What is on this machine needs no proxy.
#[test]
fn a_proxy_is_asked_for_public_hosts_and_for_no_private_ones() {
    const NONE: &str = "the server gave a download address within a private network";
    for (origin, no_proxy, asked, says) in [
        (
            "https://files.invalid",
            "",
            Some("CONNECT files.invalid:443 HTTP/1.1"),
            "no connection to the download host",
        ),
        ("https://files.invalid", "files.invalid", None, "no connection to the download host"),
        ("https://10.0.0.1", "", None, NONE),
        ("https://[fd00::1]", "", None, NONE),
        ("https://169.254.169.254", "169.254.169.254", None, NONE),
        ("http://files.invalid", "", None, "is not https"),
        ("https://me@files.invalid", "", None, "with a user name in it"),
    ] {
        let config =
            format!("{{ reports: {{ completes_after: 0s, download_origin: '{origin}' }} }}");
        let server = Served::new(&config);
        let desk = Desk::new();
        let jobs = partners(["a"], "USER", SEPTEMBER);
        desk.manifest_with(server.url(), "retry.max_attempts: 1", &jobs);
        let proxy = Proxy::start();
        let ended = run(&desk)
            .env("HTTPS_PROXY", &proxy.url)
            .env("HTTP_PROXY", &proxy.url)
            .env("NO_PROXY", no_proxy)
            .expect(1);
        no_secret(&server, &desk, &ended);
        assert!(files(&desk).is_empty(), "{origin}");
        let said = desk.ledger().lines[0]["report_error"].to_owned();
        assert!(said.contains(says), "{origin}: {said}");
        assert_eq!(proxy.asked.try_recv().ok().as_deref(), asked, "{origin}");
    }
    let (_server, desk) = world("", &["a"], "USER");
    let proxy = Proxy::start();
    run(&desk).env("HTTP_PROXY", &proxy.url).env("ALL_PROXY", &proxy.url).expect(0);
    assert_eq!(hold(&desk).len(), 1);
    assert!(proxy.asked.try_recv().is_err());
}

#[test]
fn an_empty_report_is_told_from_one_that_is_not_there() {
    let (_server, desk) = world("contents: { empty_for: [hollow] }", &["hollow", "b"], "USER");
    run(&desk).expect(0).shows(["collected      2", "1 report without any row"]);
    let rows = hold(&desk);
    assert_eq!(&rows[0]["report_rows"], "0");
    assert_ne!(&rows[1]["report_rows"], "0");
}

/// What was not created, and what the ledger does not have, is not collected: no success, and a way to go on.
#[test]
fn a_collect_names_the_rows_that_are_not_created() {
    let rules =
        "faults: [{ when: { endpoint: create, org: odd }, then: [{ kind: status, status: 400 }] }]";
    let (_server, desk) = world(rules, &["Acme", "odd"], "USER");
    desk.converge().expect(1);
    let ended = collect(&desk).expect(1);
    let retry = "monthend retry m.yaml --collect";
    let ended = ended.shows(["failed         1", "collected      1", retry]);
    assert!(!ended.stdout.contains("for real"), "{ended}");
    collect(&desk).arg("--sub-partner=Acme").expect(0);
    let mut ledger = desk.ledger();
    let odd = ledger.lines.iter().position(|line| line["status"] == *"failed");
    for status in ["pending", "sending"] {
        let cells = [("status", status), ("error_code", ""), ("error", ""), ("http_status", "")];
        ledger.set(odd.unwrap(), &cells);
        desk.write("m.ledger.csv", ledger.to_csv());
        collect(&desk).expect(1).shows([status, retry]);
    }
}

#[test]
fn a_month_that_the_ledger_does_not_have_is_named_and_not_taken_for_collected() {
    let (server, desk) = world("", &["Acme"], "USER");
    run(&desk).expect(0);
    desk.manifest(server.url(), &partners(["Acme"], "USER", "2026-08"));
    let combine = || collect(&desk).arg("--combine=all.csv");
    combine().expect(1).says([
        "none of the 1 request of the plan",
        "rows of 2026-09",
        "monthend run",
    ]);
    desk.manifest(server.url(), &partners(["Acme", "Bolt"], "USER", SEPTEMBER));
    combine().expect(1).says(["all.csv is incomplete: 1 of 2 reports are missing"]);
    collect(&desk).expect(0);
}

#[test]
fn a_file_that_was_changed_is_named_and_left_alone_until_force() {
    let (server, desk) = world("", &["a", "b"], "USER");
    run(&desk).expect(0);
    let file = "m.ledger.reports/2026-09/USER/a.csv";
    let mut theirs = desk.read(file);
    theirs.push_str("a note\n");
    desk.write(file, &theirs);
    collect(&desk).expect(1).shows(["changed on the disk", file]);
    assert_eq!(desk.read(file), theirs);
    assert_eq!(server.downloads().len(), 2);
    collect(&desk).arg("--force").expect(0);
    assert_eq!(hold(&desk).len(), 2);
    assert_eq!(server.downloads().len(), 3, "the other one is not fetched");
}

/// The report has other bytes than the ledger remembers: by force the file comes again, and with it its own hash.
#[test]
fn what_comes_by_force_has_its_own_hash() {
    let (_server, desk) = world("", &["a"], "USER");
    run(&desk).expect(0);
    let mut ledger = desk.ledger();
    ledger.set(0, &[("report_sha256", &"0".repeat(64))]);
    desk.write("m.ledger.csv", ledger.to_csv());
    collect(&desk).expect(1).shows(["changed on the disk"]);
    collect(&desk).arg("--force").expect(0);
    assert_eq!(hold(&desk).len(), 1);
}

/// What a killed run left is deleted, and no other file, whatever it is called.
#[test]
fn only_unfinished_files_of_this_ledger_are_swept() {
    let (_server, desk) = world("", &["a", "b"], "USER");
    run(&desk).arg("--sub-partner=a").expect(0);
    desk.converge().expect(0);
    let folder = "m.ledger.reports/2026-09/USER";
    let id = desk.ledger().lines[1]["request_id"].to_owned();
    let unfinished = format!("{folder}/.{id}.part");
    let foreign = [".r0123456789abcdef.part", ".notes.part", "b.part"];
    let foreign = foreign.map(|name| format!("{folder}/{name}"));
    for file in foreign.iter().chain([&unfinished]) {
        desk.write(file, "half of it");
    }
    collect(&desk).expect(0);
    let left = files(&desk);
    assert!(!left.contains(&unfinished), "{left:?}");
    assert!(foreign.iter().all(|file| left.contains(file)), "{left:?}");
    assert!(left.contains(&format!("{folder}/b.csv")), "{left:?}");
}

#[test]
fn a_file_in_the_way_is_taken_where_its_bytes_are_the_reports() {
    let (_server, desk) = world("", &["a"], "USER");
    run(&desk).expect(0);
    let whole = desk.read("m.ledger.csv");
    let file = "m.ledger.reports/2026-09/USER/a.csv";
    // As after a crash between the name and the line.
    let forget = || {
        let mut ledger = desk.ledger();
        let cells = ["report_status", "report_file", "report_sha256", "report_rows"];
        ledger.set(0, &cells.map(|column| (column, "")));
        desk.write("m.ledger.csv", ledger.to_csv());
    };
    forget();
    #[cfg(unix)]
    {
        // Somebody else made it: it is the owner's alone from now on.
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(desk.path(file), fs::Permissions::from_mode(0o644)).unwrap();
    }
    collect(&desk).expect(0);
    assert_eq!(hold(&desk).len(), 1);
    assert_eq!(
        desk.ledger().lines[0]["report_sha256"],
        LedgerFile::read(&desk.write("before.csv", whole)).lines[0]["report_sha256"]
    );

    forget();
    desk.write(file, "theirs");
    collect(&desk).expect(1).shows(["in the way"]);
    assert_eq!(desk.read(file), "theirs");
    assert_eq!(&desk.ledger().lines[0]["report_file"], "");
    collect(&desk).arg("--force").expect(0);
    assert_eq!(hold(&desk).len(), 1);
}

/// Ten creates a second: the first files are fetched before the last report is asked for.
#[test]
fn files_are_fetched_while_others_are_still_created() {
    let server = Served::new(AT_ONCE);
    let jobs = many(40);
    let desk = Desk::new();
    desk.manifest_with(server.url(), "limits.rate: 10/s", &jobs);
    let ended = run(&desk).expect(0);
    ended.shows(["created       40", "collected     40"]);
    assert_eq!(hold(&desk).len(), 40);
    server.nothing_twice();
    let last_create = server.creates().iter().map(|create| create.at).max();
    let early = server.downloads();
    let early = early.iter().filter(|file| Some(file.at) < last_create);
    assert!(early.count() >= 5, "none was fetched before the last create");
    // Polls do not hold creates up: few of the requests are lists.
    let lists = server.at(Endpoint::List).len();
    assert!(lists <= 14, "{lists} lists");
}

/// What stops creating stops collecting, and says so with its own exit code.
#[test]
fn a_wait_that_is_too_long_stops_both() {
    let names: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
    let config = "reports: { completes_after: 1h }\n\
                  faults: [{ when: { endpoint: create, first: 20 }, then: [{ kind: status, status: 429, retry_after: '9999' }] }]";
    let server = Served::new(config);
    let jobs = partners(names.iter().map(String::as_str), "USER", SEPTEMBER);
    let desk = Desk::with(server.url(), &jobs);
    let began = std::time::Instant::now();
    run(&desk).expect(3);
    assert!(began.elapsed() < Duration::from_secs(20));
    desk.ledger().at_rest(30);
}

/// `own` is a label like any other, and `own.csv` the partner's.
#[test]
fn a_sub_partner_that_is_called_own_clashes_with_nobody() {
    let server = Served::new(AT_ONCE);
    let jobs = partners(["own", "b"], "USER", SEPTEMBER) + &own("USER", SEPTEMBER);
    let desk = Desk::with(server.url(), &jobs);
    run(&desk).expect(0);
    hold(&desk);
    let ledger = desk.ledger();
    let file = |line: &Line| line["report_file"].to_owned();
    let theirs = ledger.of("own")[0].clone();
    let ours = ledger.lines.iter().find(|l| l["sub_partner_org_id"].is_empty());
    assert_eq!(file(ours.unwrap()), "m.ledger.reports/2026-09/USER/own.csv");
    let id = &theirs["request_id"];
    assert_eq!(file(&theirs), format!("m.ledger.reports/2026-09/USER/own-{id}.csv"));
    fs::remove_file(desk.path(&file(ours.unwrap()))).unwrap();
    fs::remove_file(desk.path(&file(&theirs))).unwrap();
    collect(&desk).arg("--sub-partner=own").expect(0);
    assert!(desk.has(&file(ours.unwrap())) && !desk.has(&file(&theirs)));
}

#[test]
fn what_is_not_ready_is_left_to_a_later_collect() {
    let server = Served::new("reports: { completes_after: 5s }");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", SEPTEMBER));
    desk.converge().expect(0);
    let ended = collect(&desk).arg("--wait=0s").expect(1);
    ended.shows(["IN_PROGRESS for", "collect m.yaml"]);
    for line in &desk.ledger().at_rest(2).lines {
        assert_eq!(&line["report_status"], "IN_PROGRESS");
        assert_eq!(&line["status"], "created");
    }
    collect(&desk).expect(0);
    assert_eq!(hold(&desk).len(), 2);
    server.nothing_twice();
}

/// The age of a report counts from its create, however often it was waited for meanwhile.
#[test]
fn a_report_grows_older_from_one_collect_to_the_next() {
    let server = Served::new("reports: { never_done_for: [a] }");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", SEPTEMBER));
    desk.converge().expect(0);
    let made_at = desk.ledger().lines[0]["updated_at"].to_owned();
    let mut ages = Vec::new();
    for _ in 0..3 {
        collect(&desk).arg("--wait=1s").expect(1);
        let line = desk.ledger().at_rest(1).lines[0].clone();
        let age = line["report_error"].strip_prefix("IN_PROGRESS for ").unwrap();
        ages.push(age.split(' ').next().unwrap().parse::<u32>().unwrap());
        assert_eq!(line["updated_at"], made_at);
    }
    assert!(ages.is_sorted() && ages[2] > ages[0], "{ages:?}");
}

#[test]
fn what_never_completes_does_not_hold_up_the_others_and_is_not_made_anew() {
    let config = "reports: { completes_after: 0s, never_done_for: [b] }";
    let server = Served::new(config);
    let desk = Desk::with(server.url(), &partners(["a", "b", "c"], "USER", SEPTEMBER));
    run(&desk).arg("--wait=1200ms").expect(1);
    assert_eq!(hold(&desk).len(), 2);
    desk.retry().arg("--recreate-failed").expect(0);
    assert_eq!(server.creates().len(), 3);
}

#[test]
fn what_the_server_could_not_make_is_made_anew_when_a_person_says_so() {
    let desk = Desk::new();
    let state = desk.path("state");
    let config = |more: &str| {
        let more =
            format!("state: '{}'\nreports: {{ completes_after: 0s{more} }}", state.display());
        Served::new(&more)
    };
    let mut server = config(", fail_for: [b]");
    let jobs = partners(["a", "b"], "USER", SEPTEMBER);
    desk.manifest(server.url(), &jobs);
    run(&desk).expect(1).shows(["could not be generated", "--recreate-failed"]);
    desk.status().expect(0).shows(["CREATED AND NOT COLLECTED", "could not be generated"]);
    let old = desk.ledger().of("b")[0].clone();
    assert_eq!(&old["report_status"], "FAILED");
    assert!(old["report_error"].contains("2001"), "{old:?}");
    // Neither `run` nor a plain `retry` touches it.
    run(&desk).expect(1);
    desk.retry().expect(0);
    assert_eq!(server.creates().len(), 2);
    server.stop();

    let server = config("");
    desk.manifest(server.url(), &jobs);
    desk.retry().arg("--recreate-failed").arg("--collect").expect(0);
    assert_eq!(server.creates().len(), 1);
    let new = desk.ledger().of("b")[0].clone();
    assert_ne!(new["report_id"], old["report_id"]);
    assert_eq!(new["error"], format!("replaces {}", &old["report_id"]));
    assert_eq!(hold(&desk).len(), 2);
}

#[test]
fn a_report_is_replaced_with_its_file() {
    let (server, desk) = world("", &["a"], "USER");
    run(&desk).expect(0);
    let old = desk.ledger().lines[0].clone();
    let resolve = |more: &[&str]| {
        let request = &old["request_id"];
        desk.monthend(["resolve", "m.ledger.csv", "--request", request])
            .arg(more[0])
            .arg(more.get(1).copied().unwrap_or("--quiet"))
    };
    resolve(&["--resend"]).expect(2).says(["--replace"]);
    resolve(&["--resend", "--replace"]).expect(0);
    let given_up = desk.ledger().at_rest(1).lines[0].clone();
    assert_eq!(&given_up["status"], "pending");
    assert_eq!(given_up["error"], format!("replaces {}", &old["report_id"]));
    for column in ["report_status", "report_file", "report_error", "report_rows"] {
        assert_eq!(&given_up[column], "", "{column}");
    }
    run(&desk).expect(0);
    let new = hold(&desk)[0].clone();
    assert_ne!(new["report_id"], old["report_id"]);
    assert_eq!(new["report_file"], old["report_file"]);
    assert_eq!(server.reports().len(), 2);
    // Back again: what was replaced is nobody's any more.
    let back = format!("--adopt={}", &old["report_id"]);
    resolve(&[&back, "--replace"]).expect(2).says(["was discarded for a USER 2026-09"]);
}

/// A disk that fills: nothing half-written has a final name, and the next run goes on.
#[test]
fn a_disk_that_fills_ends_it_with_nothing_half_written() {
    let (_server, desk) = world("contents: { users: 3000 }", &["a", "b"], "USER");
    desk.converge().expect(0);
    let ended = collect(&desk).after("ulimit -f 100").run();
    ended.expect(4).says(["cannot be written", "make room"]);
    assert_eq!(hold(&desk).len(), 0);
    assert_eq!(files(&desk).len(), 0);
    collect(&desk).expect(0);
    assert_eq!(hold(&desk).len(), 2);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_anything_is_sent() {
    let (server, desk) = world("", &["a"], "USER");
    desk.write("file", "in the way");
    for command in [run(&desk), collect(&desk)] {
        let code = command.arg("--output=file/reports").run().code;
        assert!([Some(2), Some(4)].contains(&code), "{code:?}"); // no ledger for `collect`
    }
    run(&desk).arg("--output=file/reports").expect(2).says(["file/reports"]);
    assert_eq!(server.exchanges().len(), 0);
    collect(&desk).expect(4);
    assert!(!desk.has("m.ledger.csv"));
}

#[test]
fn labels_of_every_kind_become_files_within_the_folder() {
    let server = Served::new(AT_ONCE);
    let labels = ["../../x", "CON", "🎉", "Straße", "STRASSE", &"x".repeat(300), "..", "a/b"];
    let listed: String = labels
        .iter()
        .enumerate()
        .map(|(n, label)| {
            format!("      - {{ id: {}, label: '{label}' }}\n", partner(&n.to_string()))
        })
        .collect();
    let jobs = format!(
        "  - name: p\n    sub_partners:\n{listed}    types: [USER]\n    periods: [{SEPTEMBER}]\n{}",
        own("USER", SEPTEMBER)
    );
    let desk = Desk::with(server.url(), &jobs);
    run(&desk).expect(0);
    let rows = hold(&desk);
    assert_eq!(rows.len(), labels.len() + 1);
    let folded: BTreeSet<String> =
        rows.iter().map(|row| row["report_file"].to_uppercase()).collect();
    assert_eq!(folded.len(), rows.len());
    for row in &rows {
        let name = row["report_file"].strip_prefix("m.ledger.reports/2026-09/USER/");
        assert!(name.is_some_and(|name| !name.contains('/')), "{row:?}");
    }
}

#[test]
fn a_rehearsal_collects_beside_the_real_reports() {
    let desk = Desk::with(
        "https://webexapis.com/v1",
        &(partners(["a"], "USER", SEPTEMBER) + "collect: { output: real }\n"),
    );
    desk.write(
        "s.yaml",
        "rate_limit: { limiter: { kind: unlimited } }\nreports: { check_calendar: false, completes_after: 0s }\n",
    );
    let rehearse =
        || run(&desk).arg("--sandbox").arg("--sandbox-config=s.yaml").without("WEBEX_ACCESS_TOKEN");
    rehearse().expect(0);
    assert!(desk.has("real.sandbox/2026-09/USER/a.csv") && !desk.has("real"));
    rehearse().env("MONTHEND_OUTPUT", "env").expect(0);
    assert!(desk.has("env.sandbox") && !desk.has("env"));
    rehearse().arg("--output=given").expect(0);
    assert!(desk.has("given"));
}

/// SIGKILL at random points of collecting: what has a final name is whole, and going on loses and repeats nothing.
#[test]
fn killed_at_any_point_it_goes_on() {
    let mut random = fastrand::Rng::with_seed(crate::support::seed());
    for _ in 0..3 {
        let desk = Desk::new();
        let config = desk.write(
            "s.yaml",
            "rate_limit: { limiter: { kind: unlimited } }\nlatency: { fixed: 5ms, jitter: 10ms }\n\
             reports: { check_calendar: false, completes_after: 300ms }\ncontents: { users: 2000 }\n\
             downloads: [{ tries: 1, org: b, then: { kind: cut } }]\n",
        );
        let server = Apart::start(&config, &desk.path("state"));
        let names: Vec<String> = (0..12).map(|n| format!("{}{n}", ["a", "b"][n % 2])).collect();
        let jobs = partners(names.iter().map(String::as_str), "USER", SEPTEMBER);
        desk.manifest(&server.url, &jobs);
        desk.converge().expect(0);
        for _ in 0..4 {
            let mut running = collect(&desk).start();
            let pause = Duration::from_millis(random.u64(50..700));
            eventually_or(pause, || running.is_over());
            running.kill();
            let _ = running.wait();
            whole_under_final_names(&desk);
        }
        collect(&desk).expect(0);
        assert_eq!(hold(&desk).len(), names.len());
    }
}

/// Waits until `is_so`, or for so long.
fn eventually_or(most: Duration, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + most;
    while !is_so() && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whatever has a final name ends with a line feed and has as many cells in each row as in its header.
#[track_caller]
fn whole_under_final_names(desk: &Desk) {
    for file in files(desk) {
        if file.rsplit('/').next().is_some_and(|name| name.starts_with('.')) {
            continue;
        }
        let text = desk.read(&file);
        assert!(text.ends_with('\n'), "{file} is not whole");
        let ledger = desk.read("m.ledger.csv");
        if ledger.contains(&file) {
            assert!(ledger.contains(&hash(text.as_bytes())), "{file}");
        }
    }
}

#[test]
fn a_signal_ends_it_at_rest_and_it_goes_on_from_there() {
    let (server, desk) = world(
        "downloads: [{ org: slow, tries: 1, then: { kind: stall } }]",
        &["a", "slow"],
        "USER",
    );
    desk.converge().expect(0);
    let running = collect(&desk).arg("--grace=100ms").start();
    eventually("the download stalls", || server.downloads().len() == 2);
    running.signal("TERM");
    running.wait().expect(143);
    desk.ledger().at_rest(2);
    assert_eq!(hold(&desk).len(), 1);
    collect(&desk).expect(0);
    assert_eq!(hold(&desk).len(), 2);
}

/// What was collected is what ledger and history say, whichever of them somebody has changed, and in whatever case.
#[test]
fn a_file_is_the_one_that_ledger_and_history_name() {
    let (server, desk) = world("", &["a"], "USER");
    run(&desk).expect(0);
    let file = "m.ledger.reports/2026-09/USER/a.csv";
    let original = desk.read("m.ledger.csv");
    let sha256 = desk.ledger().lines[0]["report_sha256"].to_owned();
    desk.write("m.ledger.csv", original.replace(&sha256, &sha256.to_uppercase()));
    collect(&desk).expect(0);
    desk.monthend(["audit", "m.yaml"]).expect(0);
    collect(&desk).arg("--dry-run").expect(0).shows(["download 0"]);

    let theirs = format!("{}x,y,z,1\n", desk.read(file));
    desk.write("m.ledger.csv", original.replace(&sha256, &hash(theirs.as_bytes())));
    desk.write(file, &theirs);
    desk.monthend(["audit", "m.yaml"]).expect(1).shows(["file_changed"]);
    let ended = collect(&desk).arg("--combine=all.csv").expect(1);
    ended.shows([file, "as the history says", "--combine all.csv --force"]);
    assert!(!desk.has("all.csv") && desk.read(file) == theirs);
    assert_eq!(server.downloads().len(), 1);
    collect(&desk).arg("--force").expect(0);
    assert_eq!(desk.ledger().lines[0]["report_sha256"], sha256);
    desk.monthend(["audit", "m.yaml"]).expect(0);
}

/// What lies in the place of a file decides what helps, and each message leads on.
#[test]
fn folders_and_links_in_the_place_of_a_file_are_told_for_what_they_are() {
    let (_server, desk) = world("", &["a"], "USER");
    run(&desk).expect(0);
    let file = "m.ledger.reports/2026-09/USER/a.csv";
    let audit = || desk.monthend(["audit", "m.yaml", "--offline"]);
    fs::remove_file(desk.path(file)).unwrap();
    fs::create_dir(desk.path(file)).unwrap();
    let moved = "once the folder in the place of a file is moved away";
    for force in [&[][..], &["--force"]] {
        let ended = collect(&desk).args(force.iter().copied()).expect(1);
        ended.shows(["a folder is in the place of", moved]);
    }
    audit().expect(1).shows(["a folder is in the place of", "mv "]);
    fs::remove_dir(desk.path(file)).unwrap();
    std::os::unix::fs::symlink("nowhere", desk.path(file)).unwrap();
    audit().expect(1).shows(["a link that leads nowhere", "--force"]);
    let ended = collect(&desk).expect(1);
    ended.shows(["a link or no file at all", "--force"]);
    collect(&desk).arg("--force").expect(0);
    assert_eq!(hold(&desk).len(), 1);
    // A folder in the place of a file that no row has yet.
    let (_server, desk) = world("", &["a"], "USER");
    fs::create_dir_all(desk.path(file)).unwrap();
    for force in [&[][..], &["--force"]] {
        let ended = run(&desk).args(["--existing=ignore"]).args(force.iter().copied());
        ended.expect(1).shows(["a folder is in the place of"]);
    }
}

/// A file keeps its place, and whoever names another folder is told.
#[test]
fn files_in_another_folder_are_named_and_stay() {
    let (_server, desk) = world("", &["a", "b"], "USER");
    run(&desk).expect(0);
    let ended = collect(&desk).args(["--output", "other"]).expect(0);
    ended.says(["2 files in", "m.ledger.reports", "keep their place"]);
    let ended = collect(&desk).expect(0);
    assert!(!ended.stderr.contains("keep their place"), "{ended}");
}

/// Neither replaced by what is no report, nor removed with the next success.
#[test]
fn a_rejected_file_of_somebody_else_stays() {
    let config = "downloads: [{ org: bad, then: { kind: html } }]";
    for kind in ["file", "link"] {
        let (_server, desk) = world(config, &["bad"], "USER");
        let folder = desk.path("m.ledger.reports/2026-09/USER");
        fs::create_dir_all(&folder).unwrap();
        let theirs = folder.join("bad.csv.rejected");
        if kind == "file" {
            fs::write(&theirs, "mine").unwrap();
        } else {
            std::os::unix::fs::symlink(desk.write("mine", "mine"), &theirs).unwrap();
        }
        run(&desk).expect(1).shows(["is another file"]);
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "mine");
        collect(&desk).arg("--no-content-check").expect(0);
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "mine");
        assert!(theirs.is_symlink() == (kind == "link"));
    }
}
