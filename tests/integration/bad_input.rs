//! Bad input: a clear message, the exit code of docs/exit-codes.md, nothing sent, nothing overwritten.

use std::fs;

use crate::support::{Desk, Served, own, partners, redact};

/// Neither plan nor run gets anywhere with this manifest.
#[track_caller]
fn refused(manifest: &[u8], says: &[&str]) {
    let server = Served::new("");
    let desk = Desk::new();
    desk.write("m.yaml", manifest);
    let files = desk.files();
    for command in [desk.plan(), desk.converge().arg("--base-url").arg(server.url())] {
        let ended = command.expect(2);
        assert!(ended.stdout.is_empty(), "{ended}");
        ended.says(says.iter().copied());
    }
    assert!(server.exchanges().is_empty());
    assert_eq!(desk.files(), files, "nothing is left behind");
}

#[test]
fn a_manifest_that_is_none() {
    refused(b"", &["m.yaml"]);
    refused(b"\n# only a comment\n", &["m.yaml"]);
    refused(b"%PDF-1.7\n\x00\xff\xfe", &["m.yaml"]);
    refused(b"[1, 2]\n", &["m.yaml:1"]);
    refused(b"version: 1\n\tname: x\n", &["not valid YAML", "tab"]);
    refused(b"version: 1\nname: a\nname: b\njobs: []\n", &["m.yaml:3", "name"]);
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
fn single_mistakes() {
    let with_job =
        |job: &str| format!("version: 1\nname: x\njobs:\n  - {{ name: j, {job} }}\n").into_bytes();
    for (job, says) in [
        ("periods: [2026-02-30]", "2026-02-30"),
        ("periods: [2026-13]", "2026-13"),
        ("periods: [{ start: 2026-02-30, end: 2026-03-01 }]", "2026-02-30"),
        ("periods: [{ start: 2026-03-02, end: 2026-03-01 }]", "2026-03-01"),
        ("periods: [2999-01]", "2999-01"),
        ("periods: [2001-01]", "2001-01"),
        ("periods: []", "periods"),
        ("periods: [2026-09], types: []", "types"),
        ("periods: [2026-09], types: [CUSTOMERS]", "CUSTOMER"),
        ("periods: [2026-09], types: USER, internal: maybe", "maybe"),
        ("periods: [2026-09], sub_partners: []", "sub_partners"),
        ("periods: [2026-09], sub_partners: [{ file: no-such.csv }]", "no-such.csv"),
        ("periods: [2026-09], sub_partners: [{ discover: everyone }]", "everyone"),
        ("periods: [2026-09], sub_partners: [{ id: a, label: x }, { id: b, label: x }]", "label"),
        ("periods: [2026-09], sub_parnters: [a]", "sub_partners"),
        ("types: [USER]", "periods"),
    ] {
        let server = Served::new("");
        let desk = Desk::new();
        desk.write("m.yaml", with_job(job));
        let command =
            desk.plan().without("MONTHEND_NO_DATE_CHECK").arg("--base-url").arg(server.url());
        let ended = command.expect(2);
        assert!(ended.stdout.is_empty() && ended.stderr.contains("m.yaml:4:"), "{job}: {ended}");
        ended.says([says]);
    }
    for (settings, says) in [
        ("api: { base_url: http://example.com/v1 }", "loopback"),
        ("api: { base_url: ftp://example.com }", "https"),
        ("api: { base_url: 'https://user:pass@example.com' }", "user or password"),
        ("api: { base_url: nonsense }", "https://webexapis.com/v1"),
        ("limits: { rate: 5 }", "rate"),
        ("limits: { rate: 0/min }", "0/min"),
        ("limits: { concurrency: 0 }", "concurrency"),
        ("limits: { burst: -1 }", "-1"),
        ("retry: { settle: soon }", "soon"),
        ("retry: { max_attempts: 0 }", "max_attempts"),
        ("retry: { max_attempt: 3 }", "max_attempts"),
        ("ledger: 7", "ledger"),
        ("token: hush", "token"),
    ] {
        let text = format!("version: 1\nname: x\n{settings}\njobs:\n{}", own("USER", "2026-09"));
        refused(text.as_bytes(), &["m.yaml:3:", says]);
    }
    refused(
        format!("version: 2\nname: x\njobs:\n{}", own("USER", "2026-09")).as_bytes(),
        &["m.yaml:1:", "version"],
    );
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
fn all_mistakes_are_told_in_one_go() {
    let desk = Desk::new();
    desk.write("partners.csv", "org_id,label\nabc,One\n,Two\nde f,Three\nabc,Four\n");
    desk.write(
        "m.yaml",
        "\
version: 1
name: many mistakes
api: { base_url: http://example.com/v1 }
limits:
  rate: fast
  cocurrency: 4
retry: { settle: 1 minute }
defaults: { types: [USERS] }
jobs:
  - name: own
    periods: [2026-02-30, previous-year]
  - name: own
    sub_partners:
      - { id: abc, label: Uno }
      - { file: partners.csv }
      - { file: gone.csv }
      - { discover: everyone }
    types: []
    periods:
      - { start: 2026-09-15, end: 2026-09-01 }
      - { from: 2026-09, every: week }
    exclude: [{ sub_partner: Nobody }]
",
    );
    let ended = desk.plan().expect(2);
    insta::assert_snapshot!("many_mistakes", redact(&desk, &ended.stderr));
}

#[test]
fn a_bomb_of_aliases_and_deep_nesting_are_refused_in_bounded_time() {
    let mut bomb = "version: 1\nname: x\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        bomb += &format!("a{n}: &a{n} [{}]\n", [before.as_str(); 10].join(", "));
    }
    refused(bomb.as_bytes(), &["m.yaml"]);
    let deep = format!("version: 1\nname: x\njobs: {}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    refused(deep.as_bytes(), &["m.yaml"]);
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

/// A partners file where an id is expected is told as one, and the manifest that is advised works.
#[test]
fn a_file_in_the_place_of_an_id_is_told_with_what_to_write() {
    let server = Served::new("");
    let desk = Desk::new();
    let id = crate::support::partner("acme");
    desk.write("partners.csv", format!("org_id\n{id}\n"));
    desk.write("named-like-an-id", "org_id\n");
    desk.write("two words.xlsx", "");
    let with = |sub_partners: &str| {
        let job = "name: a, types: [USER], periods: [2026-09]";
        desk.manifest(server.url(), &format!("  - {{ {job}, {sub_partners} }}\n"));
        desk.plan()
    };
    for (written, advised) in [
        ("sub_partners: partners.csv", "write sub_partners: [{ file: partners.csv }]"),
        ("sub_partners: PARTNERS.CSV", "write sub_partners: [{ file: PARTNERS.CSV }]"),
        ("sub_partners: 'gone.txt'", "write sub_partners: [{ file: 'gone.txt' }]"),
        ("sub_partners: two words.xlsx", "write sub_partners: [{ file: two words.xlsx }]"),
        ("sub_partners: named-like-an-id", "write sub_partners: [{ file: named-like-an-id }]"),
        ("sub_partners: { file: partners.csv }", "write sub_partners: [{ file: partners.csv }]"),
        ("sub_partners: [partners.csv]", "write { file: partners.csv }"),
        ("sub_partners: [gone.csv]", "write { file: gone.csv }"),
        ("sub_partners: [lists/gone.tsv]", "write { file: lists/gone.tsv }"),
        ("sub_partners: [named-like-an-id]", "write { file: named-like-an-id }"),
        ("sub_partners: [{ id: partners.csv, label: x }]", "write { file: partners.csv }"),
    ] {
        let ended = with(written).expect(2);
        let ended = ended.says([advised]);
        assert!(!ended.stderr.contains("[partners.csv]\n"), "{ended}");
    }
    with("sub_partners: [{ file: partners.csv }]").expect(0);
    // What is an id stays one, whatever files there are; any other value stays allowed, with a warning.
    let uuid = "fc74e2a7-5ba7-4e3a-9b0a-8c1b1f2d3e4f";
    desk.write(uuid, "");
    desk.write(&id, "");
    with(&format!("sub_partners: [{uuid}, {id}]")).expect(0);
    let opaque = with("sub_partners: [opaque-1, csv]").expect(0);
    opaque.says(["opaque-1", "neither such an id nor a UUID"]);
    with("sub_partners: opaque-1").expect(2).says(["write sub_partners: [opaque-1]"]);
    assert!(server.exchanges().is_empty());
}
