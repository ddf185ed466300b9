//! Files that are none: pipes, devices and folders in the place of what is read. Whoever opens a pipe may wait for ever,
//! and a device may give bytes without end.

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::json;

use crate::support::{Canned, Desk, Monthend, Reply, Served, partners};

/// Far less than a read that waits for something.
const AT_ONCE: Duration = Duration::from_secs(10);

fn pipe(path: &Path) {
    let _ = fs::remove_file(path);
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()));
}

/// A pipe, a device and a folder, and what they are called.
fn odd(desk: &Desk) -> [(String, &'static str); 4] {
    pipe(&desk.path("pipe"));
    let _ = fs::create_dir(desk.path("folder"));
    let _ = std::os::unix::fs::symlink("/dev/zero", desk.path("link"));
    [
        (desk.path("pipe").display().to_string(), "a pipe"),
        ("/dev/zero".to_owned(), "a device"),
        (desk.path("link").display().to_string(), "a device"),
        (desk.path("folder").display().to_string(), "a folder"),
    ]
}

#[track_caller]
fn refused(command: Monthend, code: i32, kind: &str) {
    let ended = command.expect(code);
    assert!(ended.took < AT_ONCE, "{ended}");
    let says = match kind {
        "a folder" => ended.stderr.contains("a folder") || ended.stderr.contains("a directory"),
        _ => ended.stderr.contains(kind),
    };
    assert!(says, "{kind}: {ended}");
}

#[test]
fn only_regular_files_are_read() {
    let server = Served::new("");
    let jobs = partners(["a"], "USER", "2026-09");
    let desk = Desk::with(server.url(), &jobs);
    let manifest = desk.read("m.yaml");
    for (file, kind) in odd(&desk) {
        for name in ["ACCESS_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"] {
            let run = desk.converge().without("WEBEX_ACCESS_TOKEN");
            refused(run.env(&format!("WEBEX_{name}_FILE"), &file), 2, kind);
        }
        desk.write("ca.yaml", manifest.replace("api:\n", &format!("api:\n  ca_file: {file}\n")));
        refused(desk.monthend(["run", "ca.yaml"]), 2, kind);
        let from_file = format!(
            "jobs:\n  - {{ name: x, sub_partners: [{{ file: {file} }}], types: [USER], periods: [2026-09] }}\n"
        );
        let head = manifest.split("jobs:").next().unwrap();
        desk.write("partners.yaml", format!("{head}{from_file}"));
        refused(desk.monthend(["plan", "partners.yaml"]), 2, kind);
        for command in ["plan", "run", "retry", "collect", "check"] {
            let ended = desk.monthend([command, &file]).run();
            assert!(ended.code == Some(2) && ended.took < AT_ONCE, "{command} {kind}: {ended}");
        }
        refused(desk.converge().args(["--sandbox", "--sandbox-config", &file]), 2, kind);
        refused(desk.monthend(["sandbox", "--config", &file]), 2, kind);
        for command in ["run", "plan", "retry", "collect"] {
            let ended = desk.monthend([command, "m.yaml", "--ledger", &file]).run();
            assert!(ended.code == Some(4) && ended.took < AT_ONCE, "{command} {kind}: {ended}");
        }
    }
    assert!(server.exchanges().is_empty());
}

/// A secret or a table of any size is no reason to read it.
#[test]
fn what_is_too_large_is_not_read() {
    let desk = Desk::with("http://127.0.0.1:1", &partners(["a"], "USER", "2026-09"));
    // Without any blocks on the disk.
    let large = |name: &str| fs::File::create(desk.path(name)).unwrap().set_len(1 << 40).unwrap();
    for name in ["token", "big.yaml", "ca.pem", "config.yaml"] {
        large(name);
    }
    let ca = desk.read("m.yaml").replace("api:\n", "api:\n  ca_file: ca.pem\n");
    desk.write("ca.yaml", ca);
    for command in [
        desk.plan().arg("--sandbox").args(["--sandbox-config", "config.yaml"]),
        desk.monthend(["plan", "big.yaml"]),
        desk.monthend(["run", "ca.yaml"]),
        desk.converge().without("WEBEX_ACCESS_TOKEN").env("WEBEX_ACCESS_TOKEN_FILE", "token"),
    ] {
        let ended = command.expect(2);
        assert!(ended.took < AT_ONCE, "{ended}");
    }
}

/// The token file is read again once the server refuses the token. By then it is something else.
#[test]
fn a_token_file_that_becomes_a_pipe_holds_up_nobody() {
    for kind in ["a pipe", "a device", "a folder", "No such file"] {
        let desk = Desk::new();
        let token = desk.write("token", "first");
        let server = Canned::new(move |asked, _| {
            let is_created = asked.is_create() && asked.before == 0;
            if is_created || asked.before == 0 && !asked.is_create() {
                return None;
            }
            let _ = fs::remove_file(&token);
            match kind {
                "a pipe" => pipe(&token),
                "a device" => drop(std::os::unix::fs::symlink("/dev/zero", &token)),
                "a folder" => drop(fs::create_dir(&token)),
                _ => {}
            }
            Some(Reply::json(401, &json!({ "message": "ended" })))
        });
        desk.manifest(&server.url, &partners(["a", "b", "c"], "USER", "2026-09"));
        let run = desk.converge().without("WEBEX_ACCESS_TOKEN");
        refused(run.env("WEBEX_ACCESS_TOKEN_FILE", "token"), 3, kind);
        let ledger = desk.ledger();
        let left = ledger.count("created") + ledger.count("pending");
        assert_eq!(left, 3, "{kind}");
    }
}

/// A lock is written over and deleted, so it must be nobody else's file.
#[test]
fn a_lock_that_is_a_link_is_refused_and_its_target_untouched() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().expect(0);
    desk.write("copy.csv", desk.read("m.ledger.csv"));
    let precious = desk.write("precious", "precious\n");
    let lock = desk.path("m.ledger.csv.lock");
    let id = desk.ledger().lines[0]["request_id"].to_owned();
    let sent = server.exchanges().len();
    for (kind, says) in [
        ("link", "link"),
        ("dangling", "link"),
        ("hard", "link"),
        ("pipe", "a pipe"),
        ("device", "link"),
        ("folder", ""),
    ] {
        match kind {
            "link" => std::os::unix::fs::symlink(&precious, &lock).unwrap(),
            "dangling" => std::os::unix::fs::symlink(desk.path("new"), &lock).unwrap(),
            "hard" => fs::hard_link(&precious, &lock).unwrap(),
            "pipe" => pipe(&lock),
            "device" => std::os::unix::fs::symlink("/dev/zero", &lock).unwrap(),
            _ => fs::create_dir(&lock).unwrap(),
        }
        for command in [
            desk.converge(),
            desk.retry(),
            desk.monthend(["collect", "m.yaml"]),
            desk.monthend(["resolve", "m.ledger.csv", "--resend", "--replace", "--request", &id]),
            desk.monthend(["merge", "copy.csv", "-o", "m.ledger.csv"]),
        ] {
            let ended = command.expect(4);
            assert!(
                ended.stderr.contains(says) && ended.stderr.contains(".lock"),
                "{kind}: {ended}"
            );
            assert!(ended.took < AT_ONCE, "{ended}");
        }
        desk.status().expect(0);
        desk.plan().expect(0);
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious\n", "{kind}");
        assert!(!desk.has("new"), "{kind}");
        assert!(lock.symlink_metadata().is_ok(), "{kind}");
        let _ = fs::remove_dir(&lock);
        let _ = fs::remove_file(&lock);
    }
    assert_eq!(server.exchanges().len(), sent);
}

/// No calendar has days without end: whatever stands where a time is expected, nothing breaks.
#[test]
fn absurd_times_break_nothing() {
    const TIMES: [&str; 9] = [
        "+262142-12-31T23:59:59Z",
        "-262143-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "0000-01-01T00:00:00Z",
        "2026-13-45T99:99:99Z",
        "99999999999999999999",
        "-1",
        "",
    ];
    // Each with itself and with the next one.
    let pairs =
        || TIMES.iter().zip(TIMES).chain(TIMES.iter().zip(TIMES.into_iter().cycle().skip(1)));
    let all = || pairs().map(|(a, b)| (*a, b));
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().expect(0);
    let url = server.url();
    // In the lock.
    for (since, until) in all() {
        let pause = json!({ "server": url, "since": since, "until": until });
        let holder = json!({ "pid": 1, "since": since });
        desk.write("m.ledger.csv.lock", json!({ "holder": holder, "pauses": [pause] }).to_string());
        for command in [desk.plan(), desk.status(), desk.converge()] {
            let ended = command.run();
            assert_eq!(ended.code, Some(0), "{since} {until}: {ended}");
        }
    }
    let _ = fs::remove_file(desk.path("m.ledger.csv.lock"));
    // In the history.
    let id = desk.ledger().lines[0]["request_id"].to_owned();
    let history = desk.read("m.ledger.history.jsonl");
    let lines = all().map(|(at, until)| {
        format!("{{\"at\":\"{at}\",\"run\":\"x\",\"kind\":\"pause\",\"reason\":\"r\",\"http_status\":429,\"wait_ms\":18446744073709551615,\"until\":\"{until}\"}}\n")
    });
    desk.write("m.ledger.history.jsonl", history + &lines.collect::<String>());
    for command in [
        desk.status().args(["--history", &id]),
        desk.status().args(["--history", &id, "--format=json"]),
        desk.monthend(["report", "m.ledger.csv", "-o", "p.html"]),
        desk.converge(),
    ] {
        command.expect(0);
    }
    // In the ledger: it is read, or refused with its line.
    let ledger = desk.read("m.ledger.csv");
    for time in TIMES {
        for column in ["updated_at", "intent_at"] {
            desk.write("m.ledger.csv", &ledger);
            let mut odd = desk.ledger();
            let status = if column == "intent_at" { "sending" } else { "failed" };
            odd.set(0, &[(column, time), ("status", status), ("report_id", "")]);
            desk.write("m.ledger.csv", odd.to_csv());
            for command in [desk.status(), desk.plan(), desk.converge(), desk.converge()] {
                let ended = command.run();
                assert!(matches!(ended.code, Some(0 | 1 | 4)), "{column} {time}: {ended}");
            }
        }
    }
}

/// Nor do the times of a server.
#[test]
fn absurd_times_of_a_server_break_nothing() {
    for created in [
        "+262142-12-31T23:59:59",
        "9999-12-31T23:59:59Z",
        "-262143-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
    ] {
        for date in [
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 32 Dec 99999 23:59:59 GMT",
        ] {
            let server = Canned::new(move |asked, address| {
                let date = format!("date: {date}");
                let answer = |status, body: serde_json::Value, more: &str| {
                    let body = body.to_string();
                    let length = format!("content-length: {}", body.len());
                    Some(Reply::with(status, &[&length, &date, more], body))
                };
                if asked.is_create() && asked.before == 0 {
                    return answer(504, json!({}), "x: y");
                }
                if asked.is_create() && asked.before == 1 {
                    return answer(429, json!({}), "retry-after: Thu, 01 Jan 1970 00:00:00 GMT");
                }
                if asked.is_file() {
                    return None;
                }
                let id =
                    if asked.is_read() { asked.path().rsplit('/').next().unwrap() } else { "x1" };
                let report = json!({
                    "id": id, "created": created, "status": "COMPLETED", "type": "USER",
                    "billingStartDate": "2026-09-01", "billingEndDate": "2026-09-30",
                    "tempDownloadURL": format!("{address}/files/x.csv?Expires=99999999999999999&Signature=s"),
                });
                if asked.is_read() {
                    answer(200, report, "x: y")
                } else if asked.method == "GET" {
                    answer(200, json!({ "items": [report] }), "x: y")
                } else {
                    answer(200, json!({ "id": "x2" }), "x: y")
                }
            });
            let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
            let ended = desk.converge().args(["--collect", "--wait=1s"]).run();
            assert!(matches!(ended.code, Some(0 | 1)), "{created} {date}: {ended}");
            let ended = desk.monthend(["audit", "m.yaml"]).run();
            assert!(matches!(ended.code, Some(0 | 1)), "{created} {date}: {ended}");
        }
    }
}
