//! `monthend check`: what a run will need, tried without making anything.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
};

use sandbox::Endpoint;

use crate::support::{Desk, Ended, Monthend, Served, SmallDisk, own, partner, partners};

fn checked(desk: &Desk) -> Monthend {
    desk.monthend(["check", "m.yaml", "--format=json"])
}

/// How one thing was found.
#[track_caller]
fn status(ended: &Ended, what: &str) -> String {
    let json = ended.json();
    let checks = json["checks"].as_array().unwrap();
    let found: Vec<&serde_json::Value> = checks.iter().filter(|c| c["check"] == what).collect();
    assert_eq!(found.len(), 1, "{what}: {ended}");
    found[0]["status"].as_str().unwrap().to_owned()
}

/// It ends so for this, says why, and all else is well or unknown.
#[track_caller]
fn only_fails(ended: Ended, code: i32, what: &str) -> Ended {
    let ended = ended.expect(code);
    assert_eq!(ended.json()["exit_code"], code);
    for check in ended.json()["checks"].as_array().unwrap() {
        let fails = check["status"] == "not_ok";
        assert_eq!(fails, check["check"] == what, "{ended}");
    }
    ended
}

/// Two sub-partners are active, one is not.
fn served(more: &str) -> Served {
    let (a, b, c) = (partner("a"), partner("b"), partner("c"));
    Served::new(&format!(
        "sub_partners: {{ list: [{{ org_id: {a}, state: active }}, {{ org_id: {b}, state: active }}, \
         {{ org_id: {c}, state: suspended }}] }}\n{more}"
    ))
}

#[test]
fn all_is_well_and_nothing_is_made() {
    let server = served("");
    let desk = Desk::with(
        server.url(),
        &(own("PARTNER", "2026-09") + &partners(["a", "b"], "USER", "2026-09")),
    );
    let before = fs::metadata(desk.path("m.yaml")).unwrap().modified().unwrap();
    let ended = checked(&desk).expect(0);
    for what in [
        "manifest",
        "ledger",
        "ledger_folder",
        "lock",
        "rescued",
        "disk_space",
        "output",
        "credentials",
        "connection",
        "tls",
        "token",
        "list_reports",
        "list_sub_partners",
        "plan",
    ] {
        assert_eq!(status(&ended, what), "ok", "{what}");
    }
    assert_eq!(status(&ended, "create_reports"), "unknown");
    let json = ended.json();
    assert_eq!(json["in_no_job"].as_array().unwrap().len(), 0);
    assert_eq!(json["not_listed"].as_array().unwrap().len(), 0);
    assert!(server.creates().is_empty() && !server.at(Endpoint::List).is_empty());
    assert_eq!(desk.files(), ["m.yaml"]);
    assert_eq!(fs::metadata(desk.path("m.yaml")).unwrap().modified().unwrap(), before);
    // Once there is a ledger too, and for people.
    desk.converge().expect(0);
    let files = desk.files();
    let ledger = desk.read("m.ledger.csv");
    let table = desk.monthend(["check", "m.yaml"]).expect(0);
    table.shows(["ledger", "m.ledger.csv, rows: 3", "unknown"]);
    assert_eq!((desk.files(), desk.read("m.ledger.csv")), (files, ledger));
}

#[test]
fn a_rehearsal_is_checked_without_a_trace() {
    let desk = Desk::with("https://webexapis.com/v1", &own("PARTNER", "2026-09"));
    let ended = checked(&desk).arg("--sandbox").without("WEBEX_ACCESS_TOKEN").expect(0);
    assert!(ended.stdout.contains("the sandbox answers"), "{ended}");
    assert_eq!(desk.files(), ["m.yaml"]);
}

#[test]
fn who_is_billed_is_compared_with_who_is_there() {
    let server = served("");
    let desk = Desk::with(server.url(), &partners(["a", "gone"], "USER", "2026-09"));
    let ended = checked(&desk).expect(0);
    assert_eq!(ended.json()["in_no_job"], serde_json::json!([partner("b")]));
    let not_listed =
        serde_json::json!([{ "sub_partner_org_id": partner("gone"), "sub_partner": "gone" }]);
    assert_eq!(ended.json()["not_listed"], not_listed);
    let table = desk.monthend(["check", "m.yaml"]).expect(0);
    table.shows([
        "warning: 1 sub-partner active at the API and in no job",
        "not listed for this token: have they left",
    ]);
    // The wrong account: nobody of the manifest is there.
    desk.manifest(server.url(), &partners(["x", "y"], "USER", "2026-09"));
    desk.monthend(["check", "m.yaml"])
        .expect(0)
        .shows(["the API lists none of them: is this the right account's token?"]);
    // Whoever the API lists is billed.
    let all = "  - name: all\n    sub_partners: [{ discover: active }]\n    types: [USER]\n    periods: [2026-09]\n";
    desk.manifest(server.url(), all);
    let ended = checked(&desk).expect(0);
    assert_eq!(ended.json()["in_no_job"], serde_json::json!([]));
    assert!(ended.stdout.contains("\"2 requests\""), "{ended}");
}

#[test]
fn a_token_that_is_refused_or_missing_is_named() {
    let server = served("");
    let desk = Desk::with(server.url(), &own("PARTNER", "2026-09"));
    let refused = checked(&desk).env("WEBEX_ACCESS_TOKEN", "expired-secret").run();
    let refused = only_fails(refused, 3, "token");
    assert!(!refused.stdout.contains("expired-secret"));
    assert_eq!(status(&refused, "connection"), "ok");
    assert_eq!(status(&refused, "list_reports"), "unknown");
    let none = checked(&desk).without("WEBEX_ACCESS_TOKEN").run();
    only_fails(none, 2, "credentials");
    assert_eq!(desk.files(), ["m.yaml"]);
}

#[test]
fn a_scope_counts_where_a_job_needs_it() {
    let refuse = |endpoint: &str| {
        served(&format!(
            "faults: [{{ when: {{ endpoint: {endpoint} }}, then: [{{ kind: status, status: 403 }}] }}]"
        ))
    };
    let server = refuse("sub_partners");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    let unneeded = checked(&desk).expect(0);
    assert_eq!(status(&unneeded, "list_sub_partners"), "unknown");
    assert_eq!(unneeded.json()["in_no_job"], serde_json::Value::Null);
    let all = "  - name: all\n    sub_partners: [{ discover: active }]\n    types: [USER]\n    periods: [2026-09]\n";
    desk.manifest(server.url(), all);
    let needed = only_fails(checked(&desk).run(), 3, "list_sub_partners");
    assert!(needed.stdout.contains("wholesale_sub_partners_read"), "{needed}");
    assert_eq!(status(&needed, "plan"), "unknown");

    let server = refuse("list");
    desk.manifest(server.url(), &partners(["a"], "USER", "2026-09"));
    let reports = only_fails(checked(&desk).run(), 3, "list_reports");
    assert!(reports.stdout.contains("wholesale_billing_reports_read"), "{reports}");
    assert_eq!(status(&reports, "token"), "ok");
}

#[test]
fn without_network_it_ends_soon_and_says_what_could_be_tried() {
    let mut server = served("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    server.stop();
    let ended = only_fails(checked(&desk).run(), 3, "connection");
    assert!(ended.took.as_secs() < 20, "{ended}");
    for what in ["tls", "token", "list_reports", "list_sub_partners"] {
        assert_eq!(status(&ended, what), "unknown");
    }
    assert_eq!(status(&ended, "plan"), "ok");
    // Names are looked up and proxies are used as a run does; neither of these is there.
    let address = "--base-url=https://no-such-host.invalid/v1";
    only_fails(checked(&desk).arg(address).run(), 3, "connection");
    let proxied =
        checked(&desk).arg(address).env("HTTPS_PROXY", "http://user:pass-word@127.0.0.1:9");
    let proxied = only_fails(proxied.run(), 3, "connection");
    assert!(proxied.stdout.contains("through the proxy 127.0.0.1"), "{proxied}");
    assert!(!proxied.stdout.contains("pass-word"), "{proxied}");
    assert_eq!(desk.files(), ["m.yaml"]);
}

/// A proxy that answers every CONNECT with this status.
fn proxy(status: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
            let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        }
    });
    url
}

/// However patient the manifest is, and whatever stands in the way: it is named, and the server is not called down.
#[test]
fn a_proxy_that_refuses_is_named() {
    for (proxy, says) in [
        (proxy("407"), "407: the proxy wants"),
        (proxy("403"), "the proxy refuses"),
        ("http://127.0.0.1:9".to_owned(), "no connection to the proxy"),
    ] {
        for failures in [1, 50] {
            let settings = format!("retry.max_consecutive_failures: {failures}");
            let desk = Desk::new();
            let jobs = partners(["a"], "USER", "2026-09");
            desk.manifest_with("https://api.example.invalid/v1", &settings, &jobs);
            let ended = checked(&desk).env("HTTPS_PROXY", &proxy).run();
            let ended = only_fails(ended, 3, "connection");
            assert!(ended.stdout.contains(says), "{ended}");
            let run = desk.converge().env("HTTPS_PROXY", &proxy).expect(3);
            assert!(run.stderr.contains(says) && !run.stderr.contains("is down"), "{run}");
            assert_eq!(desk.ledger().at_rest(1).count("pending"), 1);
            fs::remove_file(desk.path("m.ledger.csv")).unwrap();
        }
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_not_waited_for() {
    let server = served(
        "faults: [{ when: { endpoint: list }, then: [{ kind: status, status: 429, retry_after: '600' }] }]",
    );
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    let ended = checked(&desk).run().expect(3);
    assert!(ended.took.as_secs() < 20 && ended.stdout.contains("wait"), "{ended}");
}

#[test]
fn a_ledger_that_a_run_could_not_use_is_4() {
    let server = served("");
    let desk = Desk::with(server.url(), &own("PARTNER", "2026-09"));
    let at = |ledger: &str| checked(&desk).arg(format!("--ledger={ledger}")).run();
    only_fails(at("no/such/folder/l.csv"), 4, "ledger_folder");
    desk.write("other.csv", "a,b\n1,2\n");
    only_fails(at("other.csv"), 4, "ledger");
    std::os::unix::fs::symlink("nowhere.csv", desk.path("link.csv")).unwrap();
    let ended = at("link.csv").expect(4);
    assert_eq!(status(&ended, "ledger"), "not_ok");

    // A run that is at work.
    let slow = Served::new("latency: { fixed: 2s }");
    let busy = desk.converge().arg("--base-url").arg(slow.url()).start();
    crate::support::eventually("it has begun", || desk.has("m.ledger.csv.lock"));
    only_fails(checked(&desk).run(), 4, "lock");
    drop(busy);
    // What the killed run left blocks nobody.
    let ended = checked(&desk).run().expect(0);
    assert_eq!(status(&ended, "lock"), "ok");
}

/// Root may write everywhere, and so finds nothing here.
#[test]
fn folders_that_cannot_be_written_are_named() {
    let server = served("");
    let desk = Desk::with(server.url(), &own("PARTNER", "2026-09"));
    desk.write("file", "");
    let text = desk.read("m.yaml").replace("name: test", "name: test\ncollect: { output: file }");
    desk.write("m.yaml", text);
    only_fails(checked(&desk).run(), 2, "output");
    fs::create_dir(desk.path("read-only")).unwrap();
    let folder = desk.path("read-only");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("x"), "").is_ok() {
        return;
    }
    let ended = checked(&desk).arg("--ledger=read-only/l.csv").run().expect(2);
    assert_eq!(status(&ended, "ledger_folder"), "not_ok");
}

#[test]
fn a_manifest_with_mistakes_is_2_and_all_else_is_tried() {
    let server = served("");
    let desk = Desk::with(server.url(), &partners(["a"], "USERS", "2026-09"));
    let ended = only_fails(checked(&desk).run(), 2, "manifest");
    assert!(ended.stderr.contains("did you mean USER"), "{ended}");
    assert_eq!(status(&ended, "token"), "ok");
    desk.write("m.yaml", "nonsense");
    only_fails(checked(&desk).run(), 2, "manifest");
    fs::remove_file(desk.path("m.yaml")).unwrap();
    only_fails(checked(&desk).run(), 2, "manifest");
    assert!(desk.files().is_empty());
}

/// Of several, the first of 2, 4, 3 counts, as for a run.
#[test]
fn the_worst_counts() {
    let server = served("");
    let desk = Desk::with(server.url(), &own("PARTNER", "2026-09"));
    desk.write("other.csv", "a,b\n");
    let refused = || checked(&desk).arg("--ledger=other.csv").env("WEBEX_ACCESS_TOKEN", "expired");
    refused().expect(4);
    refused().env("MONTHEND_AS_OF", "never").expect(2);
    refused().without("WEBEX_ACCESS_TOKEN").expect(2);
}

/// Of a share it tries that one's ledger.
#[test]
fn a_share_is_tried_with_its_own_ledger() {
    let server = served("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.write("m.ledger.2-of-3.csv", "no ledger");
    checked(&desk).expect(0);
    let share = |k: &str| checked(&desk).env("MONTHEND_PARTITION", format!("{k}/3"));
    share("1").expect(0);
    only_fails(share("2").run(), 4, "ledger");
    checked(&desk).arg("--partition=4/3").expect(2);
}

#[test]
fn a_full_disk_is_found() {
    let server = served("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    let Some(disk) = SmallDisk::mount(desk.path("small")) else {
        return;
    };
    let check = || {
        let ledger = checked(&desk).env("MONTHEND_LEDGER", "small/m.csv");
        ledger.env("MONTHEND_OUTPUT", desk.path("reports").display().to_string())
    };
    check().expect(0);
    disk.fill();
    let ended = check().expect(4);
    assert_eq!(status(&ended, "ledger_folder"), "not_ok");
    assert_eq!(status(&ended, "disk_space"), "not_ok");
    assert_eq!(fs::read_dir(desk.path("small")).unwrap().count(), 1, "{ended}");
}
