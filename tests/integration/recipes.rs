//! `docs/recipes.md`: the commands of each recipe, run as they stand there.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::support::{Desk, Served, TOKEN, own, partners};

/// The blocks of shell below a heading, in order.
fn blocks(heading: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md");
    let page = fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("no recipe {heading:?}"));
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("\n```\n").next().unwrap().to_owned()).collect()
}

/// A desk with `october.yaml`, the binary, and stand-ins for programs: each writes its arguments and stdin to a file.
fn desk(server: &Served) -> Desk {
    let desk = Desk::with(
        server.url(),
        &(own("PARTNER", "2026-10") + &partners(["a", "b"], "USER", "2026-10")),
    );
    let manifest =
        desk.read("m.yaml").replace("name: test", "name: october-2026\nledger: october.ledger.csv");
    desk.write("october.yaml", manifest);
    fs::remove_file(desk.path("m.yaml")).unwrap();
    fs::create_dir(desk.path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_monthend"), desk.path("bin/monthend")).unwrap();
    for name in ["curl", "mail", "rclone"] {
        let out = desk.path(&format!("{name}.said"));
        let read = if name == "rclone" { "" } else { "cat" };
        let script = format!("#!/bin/sh\n{{ echo \"$@\"; {read}\n}} >'{}'\n", out.display());
        let path = desk.write(&format!("bin/{name}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    desk
}

/// Runs a block in a folder of the desk; gives the exit code and stdout.
fn shell(desk: &Desk, folder: &str, script: &str) -> (i32, String) {
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-e", "-c", script])
        .current_dir(desk.path(folder))
        .env_clear()
        .env("PATH", format!("{}:{path}", desk.path("bin").display()))
        .env("WEBEX_ACCESS_TOKEN", TOKEN)
        .env("MONTHEND_NO_DATE_CHECK", "1")
        .env("CHAT_WEBHOOK", "https://chat.example.com/hook")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("$ {script}\n{stdout}{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), stdout)
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    if found.is_err() {
        println!("{program} is not here: its recipe is not tried");
    }
    found.is_ok()
}

#[test]
fn a_message_is_sent_when_a_run_ends() {
    let server = Served::new(
        "faults: [{ when: { endpoint: create, org: b }, then: [{ kind: status, status: 400 }] }]",
    );
    let [chat, mail] = &blocks("A message")[..] else {
        panic!("two recipes");
    };
    if has("jq") {
        let desk = desk(&server);
        assert_eq!(shell(&desk, "", chat).0, 1);
        let said = desk.read("curl.said");
        let (args, body) = said.split_once('\n').unwrap();
        assert!(args.ends_with("https://chat.example.com/hook"), "{args}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let text = body["markdown"].as_str().unwrap();
        let expected = [
            "**month-end october-2026**: exit code 1",
            "- created: 2",
            "- failed: 1",
            "- collected: 2",
            "- http_400: 1 of 1 sub-partners: ",
        ];
        for line in expected {
            assert!(text.contains(line), "no {line:?} in {text}");
        }
        // What could not even begin sends no old news.
        fs::remove_file(desk.path("october.yaml")).unwrap();
        assert_eq!(shell(&desk, "", chat).0, 2);
        let said = desk.read("curl.said");
        assert!(said.contains("**month-end october.yaml**: exit code 2"), "{said}");
        assert!(!said.contains("created"), "{said}");
    }
    let desk = desk(&server);
    assert_eq!(shell(&desk, "", mail).0, 1);
    let said = desk.read("mail.said");
    assert!(said.contains("month-end: exit code 1 billing@example.com"), "{said}");
    assert!(said.contains("failed"), "{said}");
    let all_well = Served::new("");
    let desk = self::desk(&all_well);
    assert_eq!(shell(&desk, "", mail).0, 0);
    assert!(!desk.has("mail.said"), "there is nothing to do");
}

#[test]
fn files_are_copied_once_they_are_whole() {
    let server = Served::new("");
    let desk = desk(&server);
    desk.monthend(["run", "october.yaml"]).expect(0);
    let [block] = &blocks("Files to S3")[..] else {
        panic!("one recipe");
    };
    assert_eq!(shell(&desk, "", block).0, 0);
    assert!(desk.has("october.ledger.reports/2026-10/USER/a.csv"));
    let said = desk.read("rclone.said");
    assert!(said.contains("october.ledger.reports billing:month-end/october"), "{said}");
}

#[test]
fn several_accounts_run_side_by_side() {
    let server = Served::new("");
    let desk = desk(&server);
    let manifest = desk.read("october.yaml");
    for account in ["north", "south"] {
        desk.write(&format!("{account}.token"), TOKEN);
        let text = manifest.replace("ledger: october.ledger.csv\n", "");
        desk.write(
            &format!("{account}.yaml"),
            text.replace("name: october-2026", &format!("name: {account}")),
        );
    }
    let [block] = &blocks("Several partner accounts")[..] else {
        panic!("one recipe");
    };
    // The token comes from the file alone.
    let block = format!("unset WEBEX_ACCESS_TOKEN\n{block}");
    let (code, said) = shell(&desk, "", &block);
    assert_eq!(code, 0);
    assert_eq!(said.matches("created").count(), 2, "{said}");
    desk.ledger_at("north.ledger.csv").at_rest(3);
    desk.ledger_at("south.ledger.csv").at_rest(3);
    desk.write("south.token", "expired");
    fs::remove_file(desk.path("south.ledger.csv")).unwrap();
    fs::remove_file(desk.path("south.ledger.history.jsonl")).unwrap();
    fs::remove_dir_all(desk.path("south.ledger.reports")).unwrap();
    assert_eq!(shell(&desk, "", &block).0, 3, "the worst of them counts");
}

#[test]
fn another_machine_goes_on() {
    let server = Served::new("");
    let desk = desk(&server);
    desk.monthend(["run", "october.yaml", "--collect", "--type=PARTNER"]).expect(0);
    let [here, there] = &blocks("Moving to another machine")[..] else {
        panic!("two steps");
    };
    assert_eq!(shell(&desk, "", here).0, 0);
    fs::create_dir(desk.path("there")).unwrap();
    fs::rename(desk.path("october.tar.gz"), desk.path("there/october.tar.gz")).unwrap();
    assert_eq!(shell(&desk, "there", there).0, 0);
    let moved = desk.ledger_at("there/october.ledger.csv").at_rest(3);
    assert_eq!(moved.report_ids(), server.report_ids());
    assert_eq!(server.creates().len(), 3, "nothing is made twice");
    assert!(desk.has("there/october.ledger.reports/2026-10/PARTNER/own.csv"));
}

#[test]
fn a_copy_is_looked_at_in_a_spreadsheet() {
    let server = Served::new("");
    let desk = desk(&server);
    desk.monthend(["run", "october.yaml"]).expect(0);
    let [block] = &blocks("A ledger in a spreadsheet")[..] else {
        panic!("one recipe");
    };
    let (code, said) = shell(&desk, "", block);
    assert!(code == 0 && said.contains("3 rows"), "{said}");
}

#[test]
fn a_proxy_and_an_authority_are_tried() {
    if !has("openssl") {
        return;
    }
    let server = Served::new("");
    let desk = desk(&server);
    let make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -subj /CN=company -outform der -out company-root.cer";
    assert_eq!(shell(&desk, "", make).0, 0);
    let text = desk.read("october.yaml").replace("api:\n", "api:\n  ca_file: company-root.pem\n");
    desk.write("october.yaml", text);
    let [block] = &blocks("A corporate proxy")[..] else {
        panic!("one recipe");
    };
    let (code, said) = shell(&desk, "", block);
    assert!(code == 0 && said.contains("connection"), "{said}");
}
