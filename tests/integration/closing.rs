//! Accepting differences, closing a month, and proving later that it is what it was.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;

use crate::support::{Desk, Ended, Served};

const JOB: &str = "  - name: p\n    sub_partners: [{ file: partners.csv }]\n    types: [CUSTOMER, USER]\n    periods: [2026-09]\n";

/// Two sub-partners of whom one is refused: two requests without a report.
fn desk(server: &Served) -> Desk {
    let desk = Desk::new();
    desk.write("partners.csv", "org_id,label\naaa,Acme\nbbb,Bolt\n");
    desk.manifest(server.url(), JOB);
    desk
}

fn refusing() -> Served {
    Served::new("reports: { completes_after: 0s }\nrefuse: { bbb: 403 }\n")
}

/// A month of which two differences are left.
fn month(server: &Served) -> Desk {
    let desk = desk(server);
    desk.converge().arg("--collect").expect(1);
    desk
}

fn differences(desk: &Desk) -> Vec<Value> {
    let ended = desk.monthend(["audit", "m.yaml", "--format", "json"]).run();
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    json["differences"].as_array().unwrap().clone()
}

fn ids(desk: &Desk) -> Vec<String> {
    differences(desk).iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn accept(desk: &Desk, id: &str, more: &[&str]) -> Ended {
    let accept = desk.monthend(["accept", "m.yaml", "--id", id, "--by", "Jo Doe"]);
    accept.args(more.iter().copied()).without("WEBEX_ACCESS_TOKEN").run()
}

fn accept_all(desk: &Desk) {
    for id in ids(desk) {
        assert_eq!(accept(desk, &id, &["--reason", "leaves us"]).code, Some(0));
    }
}

fn close(desk: &Desk) -> Ended {
    desk.monthend(["close", "m.yaml", "--by", "Jo Doe"]).run()
}

fn close_file(desk: &Desk) -> Value {
    serde_json::from_str(&desk.read("m.ledger.close.json")).unwrap()
}

/// The command that a line of the output consists of, with a reason where it asks for one.
fn suggested(ended: &Ended, begins: &str) -> Vec<String> {
    let line = ended.stdout.lines().chain(ended.stderr.lines());
    let mut line = line.map(str::trim).filter(|it| it.contains(begins));
    let line = line.next().unwrap_or_else(|| panic!("no {begins}\n{ended}"));
    line.replace(" WHY", " reasons").split_whitespace().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_command_below_the_differences_accepts_them() {
    let server = refusing();
    let desk = month(&server);
    let audit = || desk.monthend(["audit", "m.yaml"]);
    let before = audit().expect(1);
    let accept = suggested(&before, " accept m.yaml --id d");
    // Whoever pastes it has still to think of a reason.
    let pasted: Vec<String> = accept.iter().map(|word| word.replace("reasons", "WHY")).collect();
    desk.monthend(&pasted).expect(2).says(["write your reason in the place of WHY"]);
    desk.monthend(&accept).expect(0);
    let after = audit().expect(0).shows(["ACCEPTED", "; 2 accepted", ": reasons"]);
    assert!(!after.stdout.contains(" accept m.yaml"), "{after}");
    let history = desk.read("m.ledger.history.jsonl");
    let line = history.lines().find(|it| it.contains("accepted_difference")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert!(line["by"].is_string() && line["host"].is_string() && line["login"].is_string());
    assert_eq!((&line["reason"], line["id"].as_str().map(str::len)), (&"reasons".into(), Some(17)));
}

#[test]
fn an_acceptance_ends_and_is_taken_back() {
    let server = refusing();
    let desk = month(&server);
    let ids = ids(&desk);
    accept(&desk, &ids[0], &["--reason", "=until they pay, \"soon\"", "--until", "2099-01-01"]);
    accept(&desk, &ids[1], &["--reason", "leaves us"]);
    let found = differences(&desk);
    assert_eq!(found[0]["accepted"]["reason"], "=until they pay, \"soon\"");
    assert_eq!(found[0]["accepted"]["until"], "2099-01-01");
    let late = desk.monthend(["audit", "m.yaml", "--as-of", "2099-01-02"]).expect(1);
    late.shows(["until 2099-01-01, which is over", "1 difference: 1 not_created; 1 accepted"]);
    desk.monthend(["audit", "m.yaml", "--as-of", "2099-01-01"]).expect(0);
    let taken_back = accept(&desk, &ids[1], &["--reason", "it does not", "--until", "2026-01-01"]);
    taken_back.says(["2026-01-01 has passed, so the difference counts again"]);
    let found = differences(&desk);
    assert!(found[1]["accepted"].is_null() && found[1]["ended"] == true, "{found:#?}");
    // The audit as JUnit: what counts fails, what is accepted is skipped.
    desk.monthend(["audit", "m.yaml", "--junit", "j.xml"]).expect(1);
    let xml = desk.read("j.xml");
    assert!(
        xml.contains("failures=\"1\"") && xml.contains("<skipped message=\"not_created"),
        "{xml}"
    );
}

#[test]
fn what_is_malformed_is_refused_and_nothing_is_written() {
    let server = refusing();
    let desk = month(&server);
    let id = &ids(&desk)[0];
    for (id, reason) in [("d12", "x"), ("D0123456789ABCDEF", "x"), (id, " "), (id, "")] {
        assert_eq!(accept(&desk, id, &["--reason", reason]).code, Some(2));
    }
    assert_eq!(accept(&desk, id, &[]).code, Some(2));
    desk.monthend(["accept", "m.yaml", "--reason", "x"]).expect(2);
    desk.monthend(["accept", "m.yaml", "--id", id, "--reason", "x", "--ledger", "none.csv"])
        .expect(4);
    assert!(!desk.has("m.ledger.accepted.csv") && !desk.has("none.accepted.csv"));
    desk.write("m.ledger.accepted.csv", format!("id,reason,by,until,accepted_at\n{id},why,Jo\n"));
    let before = desk.read("m.ledger.accepted.csv");
    for args in [
        &["audit", "m.yaml"][..],
        &["close", "m.yaml"],
        &["accept", "m.yaml", "--id", id, "--reason", "x"],
        &["report", "m.yaml", "-o", "p.html"],
        &["merge", "m.ledger.csv", "-o", "all.csv"],
    ] {
        desk.monthend(args.iter().copied()).expect(2).says(["m.ledger.accepted.csv:2", "five"]);
    }
    assert_eq!(desk.read("m.ledger.accepted.csv"), before);
    assert!(!desk.has("all.csv") && !desk.has("p.html"));
}

#[test]
fn ids_that_nothing_has_are_named_by_a_whole_audit_and_by_close() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    let gone = "d00000000000000ff";
    accept(&desk, gone, &["--reason", "of another month"]);
    desk.monthend(["audit", "m.yaml"]).expect(0).says([gone]);
    for narrow in ["--offline", "--no-files", "--type=USER"] {
        let ended = desk.monthend(["audit", "m.yaml", narrow]).expect(0);
        assert!(!ended.stderr.contains(gone), "{ended}");
    }
    desk.monthend(["audit", "m.yaml"])
        .without("WEBEX_ACCESS_TOKEN")
        .expect(2)
        .says(["no credentials", "--offline"]);
    let closed = desk.monthend(["close", "m.yaml", "--offline"]).expect(0);
    closed.says([gone, "the server was not asked"]);
    desk.monthend(["close", "m.yaml", "--reopen", "--reason", "x"]).expect(0);
    let closed = close(&desk);
    let closed = closed.says([gone]);
    assert!(!closed.stderr.contains("not asked"), "{closed}");
}

/// An auditor has the folder and nothing else: no manifest is read, no token is there, and the server is gone.
#[test]
fn a_closed_month_is_proven_in_a_copy_of_its_folder() {
    let server = refusing();
    let desk = month(&server);
    let refused = close(&desk);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(!desk.has("m.ledger.close.json") && refused.stdout.contains(" accept m.yaml"));
    accept_all(&desk);
    let closed = close(&desk);
    assert_eq!(closed.code, Some(0), "{closed}");
    let file = close_file(&desk);
    assert_eq!((&file["version"], &file["by"]), (&1.into(), &"Jo Doe".into()));
    assert_eq!(file["counts"]["failed"], 2);
    assert_eq!(file["accepted"].as_array().map(Vec::len), Some(2));
    assert_eq!(file["accepted"][0]["reason"], "leaves us");
    let mut kinds: Vec<(&str, &str)> = file["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["path"].as_str().unwrap(), it["kind"].as_str().unwrap()))
        .collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            ("m.ledger.accepted.csv", "accepted"),
            ("m.ledger.csv", "ledger"),
            ("m.ledger.history.jsonl", "history"),
            ("m.ledger.reports/2026-09/CUSTOMER/Acme.csv", "report"),
            ("m.ledger.reports/2026-09/USER/Acme.csv", "report"),
            ("m.yaml", "manifest"),
            ("partners.csv", "partners"),
        ]
    );
    drop(server);
    let there = Desk::new();
    let copied = Command::new("cp").arg("-r").arg(desk.path(".")).arg(there.path("copy")).status();
    assert!(copied.unwrap().success());
    let verify =
        || there.monthend(["verify", "copy/m.ledger.close.json"]).without("WEBEX_ACCESS_TOKEN");
    verify().expect(0).shows(["by Jo Doe", "leaves us", "7 files checked: all are as they were"]);
    fs::write(there.path("copy/partners.csv"), "org_id\n").unwrap();
    fs::remove_file(there.path("copy/m.ledger.reports/2026-09/USER/Acme.csv")).unwrap();
    let ended = verify().expect(1);
    ended.shows([
        "changed  partners.csv",
        "missing  m.ledger.reports/2026-09/USER/Acme.csv",
        "2 not as they were",
    ]);
    for (name, text) in [("none.json", None), ("broken.json", Some("{")), ("copy/m.yaml", None)] {
        if let Some(text) = text {
            there.write(name, text);
        }
        there.monthend(["verify", name]).expect(2).says([name]);
    }
}

#[test]
fn the_page_the_status_and_the_history_say_who_closed_it() {
    let server = refusing();
    let desk = month(&server);
    let page = || {
        desk.monthend(["report", "m.yaml", "-o", "p.html"]).expect(0);
        desk.read("p.html")
    };
    let shown = page();
    assert!(
        shown.contains("Not in order: 2 of 4 requests failed"),
        "{}",
        shown.split("<p class=\"verdict").nth(1).unwrap()
    );
    let status = || desk.monthend(["status", "m.yaml", "--format", "json"]).expect(0).stdout;
    assert!(status().contains("\"closed\": null"));
    accept_all(&desk);
    assert!(page().contains("2 of 4 reports are created and collected, and every file is unchanged; 2 differences are accepted."));
    let closed = close(&desk);
    assert_eq!(closed.code, Some(0));
    closed.says(["no invoice and no list was compared"]);
    desk.plan().expect(0).says(["by Jo Doe: a run that finds something to do is refused"]);
    let shown = page();
    assert!(shown.contains(" by Jo Doe</p>") && shown.contains("<td>leaves us</td>"), "{shown}");
    let json: Value = serde_json::from_str(&status()).unwrap();
    assert_eq!(
        (&json["closed"]["by"], &json["closed"]["at"]),
        (&"Jo Doe".into(), &close_file(&desk)["closed_at"])
    );
    desk.monthend(["status", "m.ledger.csv"]).expect(0).shows(["closed 20", "by Jo Doe"]);
    let row =
        desk.read("m.ledger.csv").lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let life =
        desk.monthend(["status", "m.ledger.csv", "--history", &row, "--format=json"]).expect(0);
    let life: Value = serde_json::from_str(&life.stdout).unwrap();
    let collected = life.as_array().unwrap().iter().find(|it| it["kind"] == "collected").unwrap();
    assert_eq!(collected["sha256"].as_str().map(str::len), Some(64));
    let history = desk.read("m.ledger.history.jsonl");
    let last: Value = serde_json::from_str(history.lines().last().unwrap()).unwrap();
    assert_eq!((&last["kind"], &last["by"]), (&"closed".into(), &"Jo Doe".into()));
    assert!(last["host"].is_string(), "{last}");
    // A close file that is lost is missed.
    fs::remove_file(desk.path("m.ledger.close.json")).unwrap();
    for (command, code) in [
        (desk.status(), 0),
        (desk.monthend(["audit", "m.yaml"]), 0),
        (desk.monthend(["report", "m.yaml", "-o", "p.html"]), 0),
        (desk.monthend(["run", "m.yaml"]), 1),
    ] {
        command.expect(code).says(["by the history, Jo Doe closed this month", "put it back"]);
    }
    // Also where it is a row that was lost, and whose report is recorded again.
    let ledger = desk.read("m.ledger.csv");
    let without_acme: String =
        ledger.split_inclusive('\n').filter(|it| !it.contains(",Acme,")).collect();
    desk.write("m.ledger.csv", without_acme);
    let adopting = desk.monthend(["run", "m.yaml", "--existing", "adopt"]).expect(1);
    assert_eq!(adopting.stderr.matches("by the history, Jo Doe closed").count(), 1, "{adopting}");
    adopting.shows(["adopted        2"]);
}

/// A command that a sentence has between backticks.
fn quoted(ended: &Ended, begins: &str) -> Vec<String> {
    let all = format!("{}{}", ended.stdout, ended.stderr);
    let found = all.split('`').find(|it| it.contains(begins) && !it.contains('\n'));
    let found = found.unwrap_or_else(|| panic!("no {begins}\n{ended}"));
    found.split_whitespace().skip(1).map(str::to_owned).collect()
}

#[test]
fn what_was_changed_since_the_close_is_on_the_page_and_in_the_audit() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    let verdict = || {
        desk.monthend(["report", "m.yaml", "-o", "p.html"]).expect(0);
        let page = desk.read("p.html");
        let verdict = page.split("<p class=\"verdict ").nth(1).unwrap();
        verdict.split("</p>").next().unwrap().to_owned()
    };
    let audit = || desk.monthend(["audit", "m.yaml", "--offline"]).expect(0);
    assert!(verdict().starts_with("good"), "{}", verdict());
    assert!(!audit().stderr.contains("since the month was closed"));
    for name in ["m.ledger.accepted.csv", "m.yaml", "m.ledger.csv"] {
        let was = desk.read(name);
        desk.write(name, was.replace("\n", "\n\n"));
        let said = verdict();
        let expected = format!("1 file changed or missing since the close ({name} changed)");
        assert!(said.starts_with("bad") && said.contains(&expected), "{name}: {said}");
        let warned = audit();
        let warned = warned
            .says(["changed or missing since the month was closed", &format!("{name} changed")]);
        let verify = quoted(&warned, " verify ");
        desk.monthend(verify.iter().map(String::as_str)).expect(1).shows([name]);
        desk.write(name, was);
    }
    fs::remove_file(desk.path("m.ledger.reports/2026-09/USER/Acme.csv")).unwrap();
    assert!(verdict().contains("(m.ledger.reports/2026-09/USER/Acme.csv missing)"));
    // A close file that is broken proves nothing.
    desk.write("m.ledger.close.json", "{");
    assert!(verdict().contains("(m.ledger.close.json broken)"), "{}", verdict());
}

#[test]
fn the_audit_of_a_closed_month_names_no_command_that_changes_it() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    let file = "m.ledger.reports/2026-09/USER/Acme.csv";
    let (bytes, ledger) = (desk.read(file), desk.read("m.ledger.csv"));
    let hash = ledger.lines().find(|it| it.contains(file)).unwrap();
    let hash = hash.split(',').find(|it| it.len() == 64).unwrap();
    let changes: [&dyn Fn(); 5] = [
        &|| drop(desk.write(file, "other bytes")),
        &|| fs::remove_file(desk.path(file)).unwrap(),
        &|| {
            fs::remove_file(desk.path(file)).unwrap();
            fs::create_dir(desk.path(file)).unwrap();
        },
        // The history has another hash.
        &|| {
            let other = hash.replace(&hash[..8], "00000000");
            fs::write(desk.path("m.ledger.csv"), ledger.replace(hash, &other)).unwrap();
        },
        // A row is gone.
        &|| {
            let rows = ledger.lines().filter(|it| !it.contains(file));
            let rows: String = rows.map(|row| format!("{row}\n")).collect();
            fs::write(desk.path("m.ledger.csv"), rows).unwrap();
        },
    ];
    for change in changes {
        change();
        for narrow in [&[][..], &["--offline"]] {
            let audit = desk.monthend(["audit", "m.yaml"]).args(narrow.iter().copied()).expect(1);
            let audit = audit.shows(["the month is closed"]);
            for refused in ["mv ", "--force", "monthend run", "monthend collect", "--existing"] {
                let all = format!("{}{}", audit.stdout, audit.stderr);
                assert!(!all.contains(refused), "{refused}: {audit}");
            }
            let verify = suggested(&audit, " verify m.ledger.close.json");
            let verify = verify.iter().map(String::as_str);
            desk.monthend(verify).expect(1);
        }
        let _ = fs::remove_dir(desk.path(file));
        desk.write(file, &bytes);
        desk.write("m.ledger.csv", &ledger);
    }
}

#[test]
fn verify_says_which_month_it_is_and_what_it_could_not_read() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    let verify = |name: &str| desk.monthend(["verify", name]);
    let shown = verify("m.ledger.close.json").expect(0);
    let day = close_file(&desk)["closed_at"].as_str().unwrap()[..10].to_owned();
    assert!(shown.stdout.starts_with("SANDBOX: m.ledger.csv: test was closed "), "{shown}");
    shown.shows([&*format!("accepted {day}: not_created d")]);
    for other in ["m.ledger.csv", "m.yaml"] {
        verify(other)
            .expect(2)
            .says(["is no close file; that of the month is ", "m.ledger.close.json"]);
    }
    fs::copy(desk.path("m.ledger.close.json"), desk.path("m.ledger.sandbox.close.json")).unwrap();
    let rehearsed = desk.monthend(["verify", "m.ledger.close.json", "--sandbox"]).expect(0);
    rehearsed.says(["m.ledger.sandbox.close.json closes m.ledger.csv"]);
    // One of another name, and one in the place of another month's.
    fs::copy(desk.path("m.ledger.close.json"), desk.path("n.ledger.close.json")).unwrap();
    verify("n.ledger.close.json").expect(0).says(["closes m.ledger.csv, as its name does not say"]);
    fs::copy(desk.path("m.ledger.csv"), desk.path("n.ledger.csv")).unwrap();
    let misleading = verify("n.ledger.close.json").expect(1);
    let misleading = misleading.says([
        "closes m.ledger.csv, as its name does not say: nothing of n.ledger.csv was checked",
    ]);
    assert!(!misleading.stdout.trim_end().ends_with("closed"), "{misleading}");
    // Reading it fails, even for root.
    fs::remove_file(desk.path("partners.csv")).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", desk.path("partners.csv")).unwrap();
    let ended = verify("m.ledger.close.json").expect(1);
    ended.shows([
        "unreadable  partners.csv",
        "6 files checked: all are as they were when the month was closed; 1 could not be read: not checked",
    ]);
    desk.write("broken.json", "{");
    let all = ["verify", "m.ledger.close.json", "broken.json", "n.ledger.close.json"];
    let all = desk.monthend(all).expect(2);
    let all = all.says(["broken.json is no close file"]);
    let table: Vec<&str> = all.stdout.lines().rev().take(4).collect();
    assert!(table[3].starts_with("LEDGER  ") && table[3].ends_with("  VERDICT"), "{all}");
    assert!(
        table[2].starts_with("m.ledger.csv  20") && table[2].ends_with("  1 unreadable"),
        "{all}"
    );
    assert!(
        table[1].starts_with("broken.json  ") && table[1].ends_with("  no close file"),
        "{all}"
    );
    let hash = table[2].split("  ").find(|cell| cell.trim().len() == 64);
    assert!(table[2].contains("Jo Doe") && hash.is_some(), "{all}");
}

#[test]
fn the_history_knows_the_close_file_by_its_hash() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    let closed = close(&desk);
    let hash = closed.stdout.split("SHA-256 of the close file: ").nth(1).unwrap()[..64].to_owned();
    let verify = |name: &str| desk.monthend(["verify", name]);
    verify("m.ledger.close.json").expect(0).shows([&*hash]);
    let history = desk.read("m.ledger.history.jsonl");
    let last: Value = serde_json::from_str(history.lines().last().unwrap()).unwrap();
    assert_eq!(last["sha256"], *hash);
    // Who edits a file and its hash has changed the close file.
    let was = desk.read("m.ledger.close.json");
    desk.write("m.ledger.close.json", was.replace("leaves us", "is fine"));
    let ended = verify("m.ledger.close.json").expect(1);
    ended.says(["the history names another SHA-256"]).shows(["But the close file is in doubt"]);
    let audit = desk.monthend(["audit", "m.yaml"]).expect(0);
    audit.says(["m.ledger.close.json changed"]);
    desk.monthend(["report", "m.yaml", "-o", "p.html"]).expect(0);
    assert!(desk.read("p.html").contains("since the close (m.ledger.close.json changed)"));
    // An older one is not the one that counts, wherever it lies.
    desk.write("m.ledger.close.json", &was);
    desk.monthend(["close", "m.yaml", "--reopen", "--reason", "late"]).expect(0);
    assert_eq!(close(&desk).code, Some(0));
    verify("m.ledger.close-1.json").expect(0);
    desk.write("m.ledger.close.json", &was);
    verify("m.ledger.close.json").expect(1).says(["the history names another SHA-256"]);
}

/// Every file but the history, which may grow, and the lock.
fn bytes(desk: &Desk) -> Vec<(String, Vec<u8>)> {
    fn below(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            if path.is_dir() {
                below(&path, found);
            } else if !name.ends_with(".jsonl") && !name.ends_with(".lock") {
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    below(desk.folder(), &mut found);
    found.sort();
    found
}

#[test]
fn a_closed_ledger_survives_every_command() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    desk.write(
        "more.yaml",
        desk.read("m.yaml")
            .replace("[CUSTOMER, USER]", "[PARTNER, CUSTOMER, USER]")
            .replace("jobs:", "ledger: m.ledger.csv\njobs:"),
    );
    desk.write("other.csv", desk.read("m.ledger.csv"));
    let row =
        desk.read("m.ledger.csv").lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let at = &close_file(&desk)["closed_at"].as_str().unwrap()[..10].to_owned();
    let before = bytes(&desk);
    let creates = server.creates().len();
    // The two that are refused would be sent again.
    for args in [
        &["run", "m.yaml"][..],
        &["run", "more.yaml"],
        &["run", "more.yaml", "--collect", "--type=PARTNER"],
        &["retry", "m.yaml"],
        &["resolve", "m.ledger.csv", "--request", &row, "--resend", "--replace"],
        &["accept", "m.yaml", "--id", "d0123456789abcdef", "--reason", "late"],
        &["merge", "other.csv", "-o", "m.ledger.csv"],
        &["merge", "m.ledger.csv", "-o", "m.ledger.csv"],
        &["close", "m.yaml"],
        &["close", "m.yaml", "--offline"],
    ] {
        let ended = desk.monthend(args.iter().copied()).expect(4);
        ended.says([at, "by Jo Doe", "m.ledger.csv"]);
        assert!(bytes(&desk) == before, "{args:?}");
    }
    assert_eq!(server.creates().len(), creates);
    let elsewhere = Desk::new();
    let at = |name: &str| elsewhere.path(name).display().to_string();
    let (combine, page, merged) =
        (format!("--combine={}", at("all.csv")), at("p.html"), at("merged.csv"));
    // What only reads works, and what has nothing to do ends as usual.
    for (args, code) in [
        (&["run", "m.yaml", "--sub-partner=Acme", "--collect"][..], 0),
        (&["run", "m.yaml", "--sub-partner=Acme", "--existing=adopt"], 0),
        (&["retry", "m.yaml", "--sub-partner=Acme", "--recreate-failed"], 0),
        (&["collect", "m.yaml", "--sub-partner=Acme"], 0),
        (&["collect", "m.yaml", "--sub-partner=Acme", "--force", &combine], 0),
        (&["plan", "more.yaml"], 0),
        (&["audit", "m.yaml"], 0),
        (&["audit", "m.yaml", "--offline"], 0),
        (&["columns", "m.yaml"], 1),
        (&["status", "m.yaml"], 0),
        (&["resolve", "m.ledger.csv"], 0),
        (&["run", "m.yaml", "--dry-run"], 0),
        (&["report", "m.yaml", "-o", &page], 0),
        (&["merge", "m.ledger.csv", "-o", &merged], 0),
        (&["verify", "m.ledger.close.json"], 0),
    ] {
        let ended = desk.monthend(args.iter().copied()).run();
        assert_eq!(ended.code, Some(code), "{args:?} {ended}");
        assert!(bytes(&desk) == before, "{args:?}");
    }
    // A file that is gone would be downloaded.
    let file = "m.ledger.reports/2026-09/USER/Acme.csv";
    fs::rename(desk.path(file), desk.path("away.csv")).unwrap();
    let before = bytes(&desk);
    for command in ["collect", "run"] {
        let ended = desk.monthend([command, "m.yaml", "--sub-partner=Acme"]);
        let ended = if command == "run" { ended.arg("--collect") } else { ended };
        ended.expect(4).says(["by Jo Doe"]);
        assert!(bytes(&desk) == before, "{command}");
    }
    // Other orders and spellings are nothing to do.
    fs::rename(desk.path("away.csv"), desk.path(file)).unwrap();
    desk.write("m.ledger.csv", desk.read("m.ledger.csv").replace('\n', "\r\n"));
    let before = bytes(&desk);
    desk.monthend(["run", "m.yaml", "--sub-partner=Acme"]).expect(0);
    assert!(bytes(&desk) == before);
}

#[test]
fn the_command_that_a_refusal_names_opens_the_month_again() {
    let server = refusing();
    let desk = month(&server);
    desk.monthend(["close", "m.yaml", "--reopen", "--reason", "x"])
        .expect(4)
        .says(["is not closed"]);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    desk.monthend(["close", "m.yaml", "--reopen"]).expect(2);
    let refused = desk.monthend(["run", "m.yaml"]).expect(4);
    let reopen = suggested(&refused, " close m.yaml --reopen");
    let was = desk.read("m.ledger.close.json");
    desk.monthend(reopen.iter().map(String::as_str)).expect(0);
    assert_eq!(desk.read("m.ledger.close-1.json"), was);
    // Whoever holds on to the old one is told.
    let twice = ["verify", "m.ledger.close-1.json", "m.ledger.close-1.json"];
    desk.monthend(twice).expect(0).shows(["opened again\n"]);
    let verified = desk.monthend(["verify", "m.ledger.close-1.json"]).expect(0);
    verified.shows([
        "opened again 20",
        ": reasons. The month is open now",
        "SHA-256 of the close file: ",
    ]);
    assert!(!desk.has("m.ledger.close.json"));
    assert!(desk.read("m.ledger.history.jsonl").lines().last().unwrap().contains("\"reopened\""));
    desk.monthend(["run", "m.yaml"]).expect(1);
    // `resolve` names a ledger, whose manifest lies next to it.
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    let old = desk.monthend(["verify", "m.ledger.close-1.json"]).expect(1);
    old.shows([": reasons. What counts is a later close file", "changed  m.ledger.csv"]);
    let new = desk.monthend(["verify", "m.ledger.close.json"]).expect(0);
    new.shows(["closed before, and opened again 20", ": reasons\n"]);
    let row =
        desk.read("m.ledger.csv").lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let refused = desk
        .monthend(["resolve", "m.ledger.csv", "--request", &row, "--resend", "--replace"])
        .expect(4);
    let reopen = suggested(&refused, "--reopen");
    desk.monthend(reopen.iter().map(String::as_str)).expect(0);
    assert!(desk.has("m.ledger.close-2.json"));
}

#[test]
fn rows_of_another_month_keep_a_ledger_open() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = desk(&server);
    desk.converge().arg("--collect").expect(0);
    desk.write("m.yaml", desk.read("m.yaml").replace("[2026-09]", "[2026-10]"));
    desk.converge().arg("--collect").expect(0);
    let ended = close(&desk);
    assert_eq!(ended.code, Some(1), "{ended}");
    ended.shows(["2026-09", "one ledger for each month"]);
    assert!(!desk.has("m.ledger.close.json"));
    desk.write("m.yaml", desk.read("m.yaml").replace("[2026-10]", "[2026-09, previous-month]"));
    let ended = desk.monthend(["close", "m.yaml", "--as-of", "2026-11-02"]).expect(0);
    ended.says(["the next month needs another ledger"]);
}

/// A close file is whole or not there, and a month that is closed stays so if its history lacks the line.
#[test]
fn a_kill_at_any_step_leaves_the_old_or_the_new_state() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    let strace = |steps: u32, args: &[&str]| {
        // Each call that makes a step durable or visible is one where the process may die.
        let calls = "fsync,fdatasync,rename,renameat,renameat2,linkat,unlink,write";
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        command.args(["-e", &format!("inject={calls}:signal=SIGKILL:when={steps}")]);
        command.arg(env!("CARGO_BIN_EXE_monthend")).args(args);
        command.current_dir(desk.folder()).env("WEBEX_ACCESS_TOKEN", crate::support::TOKEN);
        command.output()
    };
    let close_args = ["close", "m.yaml", "--offline", "--by", "Jo Doe"];
    let reopen_args = ["close", "m.yaml", "--reopen", "--reason", "again"];
    let probe = strace(1, &["schema", "close"]);
    if probe.map_or(true, |it| it.status.success()) {
        eprintln!("SKIPPED: no strace on this machine, or it may not trace");
        return;
    }
    let (mut killed, mut done) = (0, 0);
    for steps in 1..60 {
        let ended = strace(steps, &close_args).unwrap();
        killed += u32::from(!ended.status.success());
        if desk.has("m.ledger.close.json") {
            desk.monthend(["verify", "m.ledger.close.json"]).expect(0);
            desk.monthend(["run", "m.yaml"]).expect(4);
            done += 1;
            let kept = desk.read("m.ledger.close.json");
            strace(steps, &reopen_args).unwrap();
            if desk.has("m.ledger.close.json") {
                assert_eq!(desk.read("m.ledger.close.json"), kept);
                desk.monthend(reopen_args).expect(0);
            }
            let newest = (1..200).map(|n| format!("m.ledger.close-{n}.json"));
            let newest = newest.take_while(|name| desk.has(name)).last().unwrap();
            assert_eq!(desk.read(&newest), kept);
        }
        desk.monthend(["audit", "m.yaml", "--offline"]).expect(0);
    }
    assert!(killed > 5 && done > 5, "{killed} killed, {done} done");
}

#[test]
fn merging_keeps_what_was_accepted() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    desk.monthend(["merge", "m.ledger.csv", "-o", "all.csv"]).expect(0);
    assert_eq!(desk.read("all.accepted.csv"), desk.read("m.ledger.accepted.csv"));
    desk.monthend(["audit", "m.yaml", "--ledger", "all.csv"]).expect(0);
}

/// A share's ledger lies next to the closed one: what it would create, nobody would audit.
#[test]
fn a_share_of_a_closed_month_sends_nothing() {
    let server = refusing();
    let desk = desk(&server);
    desk.write("partners.csv", "org_id,label\naaa,Acme\n");
    desk.converge().arg("--collect").expect(0);
    assert_eq!(close(&desk).code, Some(0));
    let made = server.creates().len();
    desk.write("partners.csv", "org_id,label\naaa,Acme\nccc,Corp\n");
    for share in ["1/2", "2/2"] {
        let ended = desk.monthend(["run", "m.yaml", "--existing", "ignore", "--partition", share]);
        ended.expect(4).says([
            "m.ledger.csv",
            "it was closed",
            "by Jo Doe",
            "close m.yaml --ledger",
        ]);
    }
    assert_eq!(server.creates().len(), made);
}

/// Whatever reads a closed month says what was changed since, and no command that it names displaces evidence.
#[test]
fn a_list_that_was_changed_after_the_close_is_named_by_all_who_read_it() {
    let server = Served::new("reports: { completes_after: 0s }\n");
    let desk = desk(&server);
    desk.converge().arg("--collect").expect(0);
    let list = "reconcile:\n  - { name: own, report: USER, with: own.csv, match: [SKU] }\n";
    desk.write("m.yaml", desk.read("m.yaml") + list);
    let [acme, bolt] = ["Acme", "Bolt"]
        .map(|name| desk.read(&format!("m.ledger.reports/2026-09/USER/{name}.csv")));
    let rows_of_bolt = bolt.split_once('\n').unwrap().1;
    desk.write("own.csv", acme + rows_of_bolt);
    desk.monthend(["reconcile", "m.yaml"]).expect(0);
    assert_eq!(close(&desk).code, Some(0));
    desk.write("own.csv", desk.read("own.csv") + "\n");
    for words in [&["reconcile", "m.yaml"][..], &["status", "m.yaml"], &["audit", "m.yaml"]] {
        let read = desk.monthend(words.iter().copied()).run();
        assert!(
            read.stderr.contains("changed or missing since the month was closed: own.csv"),
            "{read}"
        );
    }
    fs::write(desk.path("m.ledger.reports/2026-09/USER/Acme.csv"), "SKU\n").unwrap();
    let left_out = desk.monthend(["reconcile", "m.yaml"]).expect(1);
    assert!(!left_out.stdout.contains("--force"), "{left_out}");
    // A ledger that is gone is put back: its reports are not to be taken from the server.
    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    for words in [&["status", "m.yaml"][..], &["run", "m.yaml"]] {
        let gone = desk.monthend(words.iter().copied()).expect(4);
        let gone = gone.says(["the month is closed: put the ledger back from a copy"]);
        assert!(!gone.stderr.contains("--existing"), "{gone}");
    }
}

/// Lists, translations, an earlier ledger with its files, and accepted keys.
#[test]
fn lists_and_earlier_ledgers_belong_to_the_month() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = desk(&server);
    desk.monthend(["run", "m.yaml", "--collect", "--type=USER", "--ledger=first.csv"]).expect(0);
    desk.converge().args(["--collect", "--existing=ignore"]).expect(0);
    let reconcile = "reconcile:
  - { name: invoice, report: USER, with: \"invoice-{period}.csv\", match: [SKU], translate: { SKU: products.csv } }
  - { name: restated, report: USER, with: { ledger: first.csv }, match: [SKU] }
";
    desk.write("m.yaml", desk.read("m.yaml") + reconcile);
    desk.write("products.csv", "from,to\nflex,A-FLEX\nnone,A-NONE\n");
    desk.write("invoice-2026-09.csv", "SKU\nnone\n");
    desk.write("invoice-2026-08.csv", "SKU\n");
    // The keys are for a person to look at, one by one.
    let audited = desk.monthend(["audit", "m.yaml", "--offline"]).expect(1);
    let audited = audited.shows(["not_reconciled", " reconcile m.yaml"]);
    assert!(!audited.stdout.contains(" accept m.yaml"), "{audited}");
    let reconciled = desk.monthend(["reconcile", "m.yaml"]).expect(1);
    let accept = suggested(&reconciled, " accept m.yaml --id d");
    desk.monthend(accept.iter().map(String::as_str)).expect(0);
    let again = desk.monthend(["reconcile", "m.yaml"]).run();
    again.shows(["accepted by", ": reasons", " accepted)"]);
    let rest = desk.monthend(["reconcile", "m.yaml", "--format=json"]).run();
    let json: Value = serde_json::from_str(&rest.stdout).unwrap();
    for list in json["lists"].as_array().unwrap() {
        for key in list["differences"].as_array().unwrap() {
            if key["accepted"].is_null() {
                accept_one(&desk, key["id"].as_str().unwrap());
            }
        }
    }
    desk.monthend(["reconcile", "m.yaml", "--junit=j.xml"]).expect(0).shows(["no differences"]);
    assert!(desk.read("j.xml").contains("<skipped message=\"only_in_"), "{}", desk.read("j.xml"));
    // The first ledger has reports of its own on the server.
    desk.monthend(["audit", "m.yaml", "--offline"]).expect(0).shows(["keys accepted)"]);
    desk.monthend(["close", "m.yaml", "--offline"]).expect(0);
    let file = close_file(&desk);
    let files = file["files"].as_array().unwrap();
    let has =
        |path: &str, kind: &str| files.iter().any(|it| it["path"] == path && it["kind"] == kind);
    assert!(has("invoice-2026-09.csv", "list") && has("products.csv", "list"));
    assert!(has("first.csv", "ledger") && has("first.reports/2026-09/USER/Acme.csv", "report"));
    assert!(!has("invoice-2026-08.csv", "list") && !has("invoice-2026-08.csv", "partners"));
    assert!(file["accepted"].as_array().unwrap().iter().all(|it| it["kind"] == "not_reconciled"));
    desk.monthend(["verify", "m.ledger.close.json"]).expect(0);
}

fn accept_one(desk: &Desk, id: &str) {
    assert_eq!(accept(desk, id, &["--reason", "known"]).code, Some(0));
}

/// The recipe of docs/closing.md, where the tool is installed.
#[test]
fn a_close_file_can_be_signed() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        eprintln!("SKIPPED: no ssh-keygen on this machine");
        return;
    }
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    let page = fs::read_to_string("docs/closing.md").unwrap();
    let recipe = page.split("<!-- signing -->").nth(1).unwrap();
    let blocks: Vec<&str> =
        recipe.split("```").skip(1).step_by(2).map(|it| it.trim_start_matches("sh\n")).collect();
    let script = blocks.join("\n").replace("october-2026.ledger", "m.ledger");
    desk.write("sign.sh", format!("set -e\nexport HOME=$PWD\nmkdir -p .ssh\nssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519\n{script}"));
    fs::set_permissions(desk.path("sign.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let run =
        |name: &str| Command::new("sh").arg(name).current_dir(desk.folder()).output().unwrap();
    let ended = run("sign.sh");
    assert!(ended.status.success(), "{ended:?}");
    assert!(
        String::from_utf8_lossy(&ended.stdout).contains("Good \"monthend\" signature"),
        "{ended:?}"
    );
    desk.write("m.ledger.close.json", desk.read("m.ledger.close.json") + " ");
    desk.write("check.sh", blocks.last().unwrap().replace("october-2026.ledger", "m.ledger"));
    assert!(!run("check.sh").status.success());
}

/// The header, and lines for `id`: accepted, and taken back later.
fn taken_back(id: &str) -> String {
    let accepted = format!("{id},credit note,Jo,,2026-11-01T09:00:00Z\n");
    let back = format!("{id},\"\"\"no\"\" longer\",Jo,2026-01-01,2026-11-01T09:00:00Z\n");
    format!("id,reason,by,until,accepted_at\n{accepted}{back}")
}

#[test]
fn a_stray_quote_takes_no_other_line_with_it() {
    let server = refusing();
    let desk = month(&server);
    let lines = taken_back(&ids(&desk)[0]);
    desk.write("m.ledger.accepted.csv", &lines);
    desk.monthend(["audit", "m.yaml"]).expect(1).shows(["2 differences"]);
    let stray = "d00000000000000aa,\"19 screens,Jo,,2026-11-01T09:00:00Z\n";
    let (header, first) = lines.split_once('\n').unwrap();
    desk.write("m.ledger.accepted.csv", format!("{header}\n{stray}{first}"));
    desk.monthend(["audit", "m.yaml"]).expect(2).says(["accepted.csv:2: it has a quote"]);
    desk.write("m.ledger.accepted.csv", format!("{lines}{}", stray.trim_end()));
    for command in [desk.monthend(["audit", "m.yaml"]), desk.monthend(["close", "m.yaml"])] {
        command.expect(2).says(["accepted.csv:4: it has a quote"]);
    }
}

/// Taken back twice with the same words: what is said last counts, after merging too.
#[test]
fn merging_a_ledger_with_itself_changes_no_acceptance() {
    let server = refusing();
    let desk = month(&server);
    let lines = taken_back(&ids(&desk)[0]);
    let last = lines.lines().last().unwrap();
    let (header, rest) = lines.split_once('\n').unwrap();
    desk.write("m.ledger.accepted.csv", format!("{header}\n{last}\n{rest}"));
    fs::create_dir(desk.path("a")).unwrap();
    for name in ["m.ledger.csv", "m.ledger.accepted.csv"] {
        desk.write(&format!("a/{name}"), desk.read(name));
    }
    desk.monthend(["merge", "m.ledger.csv", "a/m.ledger.csv", "-o", "all.csv"]).expect(0);
    let merged = desk.read("all.accepted.csv").replace(".000Z", "Z");
    assert_eq!(merged, desk.read("m.ledger.accepted.csv"));
}

/// Nor does a rehearsal open a real month: the kinds do not mix.
#[test]
fn a_real_run_opens_no_rehearsal() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    let reopen = ["close", "m.yaml", "--reopen", "--reason=x", "--base-url=https://127.0.0.1:9/v1"];
    desk.monthend(reopen).expect(4).says(["holds reports of the sandbox"]);
    assert!(desk.has("m.ledger.close.json"));
}

/// An acceptance of one reason hides no other.
#[test]
fn a_list_that_is_not_compared_for_another_reason_is_another_difference() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = desk(&server);
    desk.converge().arg("--collect").expect(0);
    let entry = "{ name: invoice, report: USER, with: i.csv, match: { SKU: Part }, translate: { Part: t.csv } }";
    desk.write("m.yaml", format!("{}reconcile:\n  - {entry}\n", desk.read("m.yaml")));
    let mut known = Vec::new();
    for (list, translation) in [
        ("Part\na\n", None),
        ("Part\na\n", Some("from,to\na,A\na,B\n")),
        ("Part\na\n", Some("from,into\na,A\n")),
        ("Article\na\n", Some("from,to\na,A\n")),
        ("<html>\n<body>\n", Some("from,to\na,A\n")),
    ] {
        desk.write("i.csv", list);
        let _ = fs::remove_file(desk.path("t.csv"));
        if let Some(translation) = translation {
            desk.write("t.csv", translation);
        }
        let found = ids(&desk);
        assert_eq!(found.len(), 1);
        assert!(!known.contains(&found[0]), "{list} {translation:?}");
        known.extend(found);
    }
    accept_one(&desk, known.last().unwrap());
    desk.monthend(["audit", "m.yaml", "--junit=j.xml"]).expect(0);
    let junit = desk.read("j.xml");
    assert!(junit.contains("<skipped") && !junit.contains("<failure"), "{junit}");
    desk.monthend(["report", "m.yaml", "-o", "p.html"]).expect(0);
    assert!(desk.read("p.html").contains("unchanged; 1 difference is accepted."));
}

#[test]
fn check_says_that_a_run_would_be_refused() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    desk.monthend(["check", "m.yaml"]).expect(4).shows(["by Jo Doe, and requests are left to do"]);
    desk.write("partners.csv", "org_id,label\naaa,Acme\n");
    desk.monthend(["check", "m.yaml"]).expect(0);
}

/// What nobody decided may be a report that nobody knows.
#[test]
fn a_row_in_doubt_outside_the_plan_keeps_a_month_open() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = desk(&server);
    desk.converge().arg("--collect").expect(0);
    desk.write("partners.csv", "org_id,label\naaa,Acme\n");
    let mut ledger = desk.ledger();
    let place = ledger.column("sub_partner").iter().position(|label| *label == "Bolt").unwrap();
    ledger.set(place, &[("status", "sending"), ("report_id", ""), ("report_file", "")]);
    desk.write("m.ledger.csv", ledger.to_csv());
    let ended = close(&desk);
    assert_eq!(ended.code, Some(1), "{ended}");
    ended.shows(["in doubt, and not in the plan: 1 row"]);
    assert!(!desk.has("m.ledger.close.json"));
}

#[test]
fn a_close_file_that_says_something_twice_proves_nothing() {
    let server = refusing();
    let desk = month(&server);
    accept_all(&desk);
    assert_eq!(close(&desk).code, Some(0));
    let close = close_file(&desk);
    let files = close["files"].as_array().unwrap().clone();
    let mut twice = close.clone();
    twice["files"] = [files.clone(), files[..1].to_vec()].concat().into();
    let values: Vec<Value> = close.as_object().unwrap().values().cloned().collect();
    let text = close.to_string();
    let other_list =
        format!("{},\"files\":{}}}", text.strip_suffix('}').unwrap(), Value::from(&files[..1]));
    for broken in [twice.to_string(), Value::from(values).to_string(), other_list] {
        desk.write("m.ledger.close.json", broken);
        desk.monthend(["verify", "m.ledger.close.json"]).expect(2);
    }
}
