//! Bad input: a clear message, the exit code of docs/exit-codes.md, nothing sent, nothing overwritten.

use std::{fs, path::Path};

use crate::support::{Desk, Served, own, partners};

/// Neither `plan` nor `run` gets anywhere with a bad manifest, and both say what is wrong with it.
#[test]
fn each_bad_manifest_is_refused() {
    let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests/bad");
    let server = Served::new("");
    let desk = Desk::new();
    fs::create_dir(desk.path("partners")).unwrap();
    for file in fs::read_dir(bad.join("partners")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), desk.path("partners").join(file.file_name())).unwrap();
    }
    for said in fs::read_dir(bad.join("said")).unwrap() {
        let said = said.unwrap().path();
        let name = format!("{}.yaml", said.file_stem().unwrap().to_str().unwrap());
        fs::copy(bad.join(&name), desk.path("m.yaml")).unwrap();
        let files = desk.files();
        // What is said about the calendar depends on the day.
        let said = fs::read_to_string(said).unwrap().replace(&name, "m.yaml");
        let is_message = |line: &&str| {
            let begins = ["error: ", "cannot read ", "m.yaml is "];
            begins.iter().any(|it| line.starts_with(it)) && !line.contains("this period ")
        };
        let said: Vec<&str> = said.lines().filter(is_message).collect();
        for command in [desk.plan(), desk.converge().arg("--base-url").arg(server.url())] {
            let ended = command.expect(2);
            assert!(ended.stdout.is_empty(), "{ended}");
            ended.says(said.iter().copied());
        }
        assert_eq!(desk.files(), files, "nothing is left behind");
    }
    assert!(server.exchanges().is_empty());
}

#[test]
fn a_manifest_that_cannot_be_read() {
    let desk = Desk::new();
    fs::create_dir(desk.path("folder")).unwrap();
    for (path, said) in
        [("none.yaml", "none.yaml"), ("folder", "folder"), ("folder/none/m.yaml", "m.yaml")]
    {
        for command in ["plan", "run", "retry"] {
            let ended = desk.monthend([command, path]).expect(2);
            assert!(ended.stdout.is_empty(), "{ended}");
            ended.says([said]);
        }
    }
    assert_eq!(desk.files(), ["folder"]);
}

#[test]
fn a_file_without_permission_is_not_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::with("https://webexapis.com/v1", &own("USER", "2026-09"));
    fs::set_permissions(desk.path("m.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(desk.path("m.yaml")).is_ok() {
        return; // root reads everything
    }
    desk.plan().expect(2).says(["m.yaml", "ermission"]);
}

#[test]
fn the_calendar_rules_count_from_the_real_day() {
    let today = chrono::Utc::now().date_naive();
    let yesterday = today.pred_opt().unwrap();
    let five_years = today.checked_sub_months(chrono::Months::new(60)).unwrap();
    let day = |start, end| own("USER", &format!("{{ start: {start}, end: {end} }}"));
    for (jobs, code) in [
        (day(yesterday, yesterday), 0),
        (day(yesterday, today), 2),
        (day(five_years.succ_opt().unwrap(), yesterday), 0),
        (day(five_years.pred_opt().unwrap(), yesterday), 2),
    ] {
        let desk = Desk::with("https://webexapis.com/v1", &jobs);
        let plan = || desk.plan().without("MONTHEND_NO_DATE_CHECK");
        plan().expect(code);
        plan().arg("--as-of=2040-01-01").expect(code);
        plan().arg("--no-date-check").expect(0);
    }
}

#[test]
fn without_credentials_nothing_is_made() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.write("empty", "\n");
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Variables<'_>, &str); 5] = [
        (&[], "WEBEX_ACCESS_TOKEN"),
        (&[("WEBEX_ACCESS_TOKEN", "")], "WEBEX_ACCESS_TOKEN"),
        (&[("WEBEX_ACCESS_TOKEN_FILE", "none")], "none"),
        (&[("WEBEX_ACCESS_TOKEN_FILE", "empty")], "empty"),
        (&[("WEBEX_ACCESS_TOKEN", "t"), ("WEBEX_CLIENT_ID", "c")], "WEBEX_CLIENT_SECRET"),
    ];
    for (variables, said) in cases {
        for command in [desk.converge(), desk.retry()] {
            let command = command.without("WEBEX_ACCESS_TOKEN");
            let command = variables.iter().fold(command, |c, (name, value)| c.env(name, *value));
            command.expect(2).says([said]);
        }
    }
    assert!(server.exchanges().is_empty());
    assert_eq!(desk.files(), ["empty", "m.yaml"]);
    desk.plan().without("WEBEX_ACCESS_TOKEN").expect(0);
}

#[test]
fn a_file_that_is_no_ledger_is_never_overwritten() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    desk.converge().arg("--ledger=good.csv").expect(0);
    let sent = server.exchanges().len();
    let good = desk.read("good.csv");
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let line = good.lines().nth(1).unwrap();
    let id = &line[..17];
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n".to_vec(), "is not a ledger"),
        ("nothing", Vec::new(), "empty"),
        ("another CSV", b"name,amount\nacme,12\n".to_vec(), "is not a ledger"),
        ("prose", b"Dear all,\nplease find attached\n".to_vec(), "is not a ledger"),
        ("another separator", good.replace(',', "|").into_bytes(), "lacks request_id"),
        (
            "a date that does not fit",
            changed("2026-09-01", "02.09.2026").into_bytes(),
            "m.ledger.csv:2",
        ),
        (
            "an id that does not fit",
            changed(id, "r0123456789abcdef").into_bytes(),
            "m.ledger.csv:2",
        ),
        ("an unknown status", changed(",created,", ",done,").into_bytes(), "m.ledger.csv:2"),
        (
            "a created row without id",
            changed(line.split(',').nth(9).unwrap(), "").into_bytes(),
            "m.ledger.csv:2",
        ),
        (
            "a cut line in the middle",
            format!("{good}{}\n{line}\n", &line[..30]).into_bytes(),
            "m.ledger.csv:3",
        ),
        ("Latin-1", [good.as_bytes(), b"r\xe9sum\xe9,x\n"].concat(), "m.ledger.csv:3"),
    ];
    for (what, bytes, said) in cases {
        desk.write("m.ledger.csv", &bytes);
        for command in [desk.plan(), desk.converge(), desk.retry(), desk.status()] {
            let ended = command.expect(4);
            assert!(ended.stderr.contains(said), "{what}: {ended}");
        }
        assert_eq!(fs::read(desk.path("m.ledger.csv")).unwrap(), bytes, "{what}");
    }
    assert_eq!(server.exchanges().len(), sent);
    assert_eq!(desk.files(), ["good.csv", "m.ledger.csv", "m.yaml"]);

    fs::remove_file(desk.path("m.ledger.csv")).unwrap();
    fs::create_dir(desk.path("m.ledger.csv")).unwrap();
    for command in [desk.plan(), desk.converge(), desk.retry(), desk.status()] {
        command.expect(4).says(["m.ledger.csv"]);
    }
    assert_eq!(server.exchanges().len(), sent);
    desk.converge().arg("--ledger=no/such/folder/l.csv").expect(4).says(["no/such/folder"]);
    assert_eq!(server.exchanges().len(), sent);
}

#[test]
fn a_ledger_in_use_is_left_to_who_holds_it() {
    let server = Served::new("latency: { fixed: 50ms }");
    let names: Vec<String> = (0..60).map(|n| format!("p{n}")).collect();
    let desk =
        Desk::with(server.url(), &partners(names.iter().map(String::as_str), "USER", "2026-09"));
    let mut running = desk.converge().start();
    crate::support::eventually("it runs", || server.creates().len() > 3);
    let holder = format!("process {}", running.pid());
    for command in [desk.converge(), desk.retry()] {
        let ended = command.expect(4);
        ended.says([
            "in use by another run",
            holder.as_str(),
            "wait until it has ended, then try again",
        ]);
    }
    // The same file by another name is the same ledger.
    std::os::unix::fs::symlink("m.ledger.csv", desk.path("link.csv")).unwrap();
    desk.converge().arg("--ledger=link.csv").expect(4).says(["in use"]);
    assert!(!running.is_over(), "it held the ledger all the time");
    running.wait().expect(0);
    assert_eq!(server.creates().len(), 60);
    // A lock file that a killed process left does not block.
    desk.write(
        "m.ledger.csv.lock",
        r#"{"holder":{"pid":1,"since":"2026-01-01T00:00:00Z"},"pauses":[]}"#,
    );
    desk.converge().expect(0);
    desk.write("m.ledger.csv.lock", "{\"holder\":{\"pi\0\0");
    desk.converge().expect(0);
    // What nobody could take for one is somebody else's.
    desk.write("m.ledger.csv.lock", "my notes");
    desk.converge().expect(4).says(["it is no lock"]);
    assert_eq!(desk.read("m.ledger.csv.lock"), "my notes");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_anything_is_sent() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Served::new("");
    let desk = Desk::with(server.url(), &own("USER", "2026-09"));
    fs::set_permissions(desk.folder(), fs::Permissions::from_mode(0o555)).unwrap();
    let is_kept = fs::write(desk.path("probe"), "").is_err();
    if is_kept {
        desk.converge().expect(4).says(["m.ledger.csv"]);
        assert!(server.exchanges().is_empty());
    }
    fs::set_permissions(desk.folder(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn http_is_for_loopback_only() {
    let desk = Desk::with("https://webexapis.com/v1", &own("USER", "2026-09"));
    for command in [desk.plan(), desk.converge(), desk.retry()] {
        let ended = command.arg("--base-url=http://webexapis.com/v1").expect(2);
        ended.says(["http is accepted for loopback hosts only", "webexapis.com"]);
    }
    desk.converge().env("MONTHEND_BASE_URL", "http://10.0.0.1/v1").expect(2);
    assert_eq!(desk.files(), ["m.yaml"]);
}

/// The manifest that is advised where a partners file stands in the place of an id (`files-for-ids.yaml`) works.
#[test]
fn an_id_stays_one_whatever_files_there_are() {
    let server = Served::new("");
    let desk = Desk::new();
    let id = crate::support::partner("acme");
    desk.write("partners.csv", format!("org_id\n{id}\n"));
    let with = |sub_partners: &str| {
        let job = "name: a, types: [USER], periods: [2026-09]";
        desk.manifest(server.url(), &format!("  - {{ {job}, {sub_partners} }}\n"));
        desk.plan()
    };
    with("sub_partners: [{ file: partners.csv }]").expect(0);
    // Any other value is allowed, with a warning.
    let uuid = "fc74e2a7-5ba7-4e3a-9b0a-8c1b1f2d3e4f";
    desk.write(uuid, "");
    desk.write(&id, "");
    with(&format!("sub_partners: [{uuid}, {id}]")).expect(0);
    let opaque = with("sub_partners: [opaque-1, csv]").expect(0);
    opaque.says(["opaque-1", "neither such an id nor a UUID"]);
    assert!(server.exchanges().is_empty());
}
