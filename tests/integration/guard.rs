//! No output path overwrites an input, a file that the tool owns, or another output, however it is named.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use proptest::sample::{Index, select};
use proptest::{prelude::*, test_runner::Config};

use crate::support::{Desk, Ended, Monthend, Served, TOKEN, own};

/// What the files are compared with.
const RECONCILE: &str = "units: { of: CONSUMPTION, report: USER }
reconcile:
  - { name: invoice, report: USER, with: \"invoice-{period}.csv\", match: [SKU] }
  - { name: crm, report: USER, with: { file: crm.csv }, match: [SKU], translate: { SKU: products.csv } }
  - { name: restated, report: USER, with: { ledger: earlier.ledger.csv }, match: [SKU] }
";

/// Everything that a month-end has on its disk, with one type of report still to be created.
fn world(server: &Served) -> Desk {
    let desk = Desk::new();
    desk.write("partners.csv", "org_id,label\naaa,Acme\nbbb,Bolt\n");
    let job = "  - name: p\n    sub_partners: [{ file: partners.csv }]\n    types: [CUSTOMER, USER]\n    periods: [2026-09]\n";
    desk.manifest(server.url(), job);
    desk.write("sandbox.yaml", "reports: { completes_after: 0s }\n");
    desk.write("token", TOKEN);
    desk.write("refresh", "a-refresh-token");
    desk.write("earlier.yaml", desk.read("m.yaml"));
    desk.write("m.yaml", desk.read("m.yaml") + RECONCILE);
    for list in ["invoice-2026-09.csv", "invoice-2026-09-01..2026-09-15.csv", "crm.csv"] {
        desk.write(list, "SKU,Quantity\nA-FLEX,1\n");
    }
    desk.write("products.csv", "from,to\nflex,A-FLEX\n");
    desk.write("root.pem", "certificates");
    desk.write("ca.yaml", desk.read("m.yaml").replacen("api:\n", "api:\n  ca_file: root.pem\n", 1));
    let user = |manifest: &str| desk.monthend(["run", manifest, "--type=USER", "--collect"]);
    user("m.yaml").expect(0);
    user("earlier.yaml").arg("--sub-partner=Acme").expect(0);
    let rehearsal = ["--sandbox", "--sandbox-config=sandbox.yaml", "--type=USER"];
    desk.converge().args(rehearsal).expect(0);
    desk.monthend(["run", "earlier.yaml"]).args(rehearsal).expect(0);
    desk.write("m.ledger.rescued-20260901T000000000Z.csv", desk.read("m.ledger.csv"));
    desk.write("m.ledger.csv.lock", fs::read(desk.path("m.ledger.csv.lock")).unwrap_or_default());
    for ledger in ["m.ledger", "earlier.ledger", "m.ledger.sandbox"] {
        desk.write(&format!("{ledger}.accepted.csv"), "id,reason,by,until,accepted_at\n");
        desk.write(&format!("{ledger}.close-1.json"), CLOSED);
    }
    // Of a ledger that no command here is about: only its content shows what it is.
    desk.write("other.accepted.csv", "id,reason,by,until,accepted_at\n");
    desk.write("other.close.json", CLOSED);
    fs::create_dir(desk.path("folder")).unwrap();
    desk
}

/// What every close file has.
const CLOSED: &str =
    "{\n  \"version\": 1,\n  \"closed_at\": \"2026-11-02T09:00:00Z\",\n  \"by\": \"Jo Doe\"\n}\n";

const LEDGERS: [&str; 5] = [
    "m.ledger.csv",
    "earlier.ledger.csv",
    "m.ledger.sandbox.csv",
    "earlier.ledger.sandbox.csv",
    "m.ledger.rescued-20260901T000000000Z.csv",
];

/// Files that no output may overwrite; `m.ledger.csv` is the ledger.
const FILES: [&str; 30] = [
    LEDGERS[0],
    LEDGERS[1],
    LEDGERS[2],
    LEDGERS[3],
    LEDGERS[4],
    "invoice-2026-09.csv",
    "invoice-2026-09-01..2026-09-15.csv",
    "crm.csv",
    "products.csv",
    "earlier.ledger.sandbox.history.jsonl",
    "m.yaml",
    "partners.csv",
    "sandbox.yaml",
    "root.pem",
    "token",
    "refresh",
    "m.ledger.csv.lock",
    "m.ledger.history.jsonl",
    "earlier.ledger.history.jsonl",
    "m.ledger.sandbox.csv.state",
    "m.ledger.reports/2026-09/USER/Acme.csv",
    "m.ledger.sandbox.history.jsonl",
    "m.ledger.accepted.csv",
    "m.ledger.close-1.json",
    "earlier.ledger.accepted.csv",
    "earlier.ledger.close-1.json",
    "m.ledger.sandbox.accepted.csv",
    "m.ledger.sandbox.close-1.json",
    "other.accepted.csv",
    "other.close.json",
];

/// Ways to name a file.
#[derive(Debug, Clone, Copy)]
enum Naming {
    Plain,
    Dotted,
    ThroughAFolder,
    Absolute,
    SymbolicLink,
    HardLink,
}

const NAMINGS: [Naming; 6] = [
    Naming::Plain,
    Naming::Dotted,
    Naming::ThroughAFolder,
    Naming::Absolute,
    Naming::SymbolicLink,
    Naming::HardLink,
];

/// A name for `file` that ends with `ending`, where it has to be made; links lie in `folder`.
fn name(desk: &Desk, file: &str, naming: Naming, ending: &str) -> String {
    let link = format!("folder/link{ending}");
    let _ = fs::remove_file(desk.path(&link));
    if !desk.has(file) {
        desk.write(file, ""); // a lock goes with who held it
    }
    match naming {
        Naming::Plain => file.to_owned(),
        Naming::Dotted => format!("./{file}"),
        Naming::ThroughAFolder => format!("folder/../{file}"),
        Naming::Absolute => desk.path(file).display().to_string(),
        Naming::SymbolicLink => {
            symlink(desk.path(file), desk.path(&link)).unwrap();
            link
        }
        Naming::HardLink => {
            fs::hard_link(desk.path(file), desk.path(&link)).unwrap();
            link
        }
    }
}

/// The options that write, of the commands on a manifest.
const OPTIONS: [&str; 6] =
    ["--ledger", "--output", "--combine", "--junit", "--summary-json", "--metrics"];

/// All files below a folder with their bytes.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(bytes(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// A command on the manifest that knows every file in the world.
fn on_manifest(desk: &Desk, command: &str, file: &str) -> Monthend {
    let manifest = if file == "root.pem" { "ca.yaml" } else { "m.yaml" };
    let monthend = desk.monthend([command, manifest]);
    let monthend = if command == "collect" { monthend } else { monthend.arg("--collect") };
    with_credentials(monthend)
}

fn with_credentials(monthend: Monthend) -> Monthend {
    (monthend.without("WEBEX_ACCESS_TOKEN"))
        .env("WEBEX_ACCESS_TOKEN_FILE", "token")
        .env("WEBEX_REFRESH_TOKEN_FILE", "refresh")
        .env("MONTHEND_SANDBOX_CONFIG", "sandbox.yaml")
        .env("WEBEX_CLIENT_ID", "id")
        .env("WEBEX_CLIENT_SECRET", "secret")
}

/// Runs a command that must be refused, and leave every byte as it was.
#[track_caller]
fn refused(desk: &Desk, server: &Served, monthend: Monthend) -> Ended {
    let (before, asked) = (bytes(desk.folder()), server.exchanges().len());
    let ended = monthend.run();
    assert!(matches!(ended.code, Some(2 | 4)), "{ended}");
    let after = bytes(desk.folder());
    for (path, content) in &before {
        // Who takes a lock notes that in it, and removes what nobody needs.
        let is_lock = path.extension().is_some_and(|it| it == "lock");
        if is_lock && !ended.stderr.contains("the lock of the ledger") {
            continue;
        }
        assert!(after.get(path) == Some(content), "{} has changed\n{ended}", path.display());
    }
    assert_eq!(server.exchanges().len(), asked, "{ended}");
    ended
}

proptest! {
    #![proptest_config(Config { cases: 1, ..Config::default() })]

    /// Each option of each command, with each file; how the file is named is drawn.
    #[test]
    fn no_output_of_a_run_overwrites_what_people_own(namings in prop::collection::vec(select(&NAMINGS[..]), 600), combined in any::<Index>()) {
        let server = Served::new("reports: { completes_after: 0s }");
        let desk = world(&server);
        let mut namings = namings.into_iter();
        for command in ["run", "retry", "collect"] {
            for option in OPTIONS {
                for file in FILES {
                    // Another ledger is a ledger. A link to the ledger is refused by `--ledger` as a second link.
                    if option == "--ledger" && LEDGERS.contains(&file) {
                        continue;
                    }
                    let naming = namings.next().unwrap();
                    let monthend = if option == "--combine" {
                        let (link, target) = [
                            (".csv", "folder/link.csv"),
                            ("-partner.csv", "folder/link.csv"),
                            ("-customer.csv", "folder/link.csv"),
                            ("-user.csv", "folder/link.csv"),
                            (".xlsx", "folder/link.xlsx"),
                        ][combined.index(5)];
                        let path = name(&desk, file, naming, link);
                        let path = match naming {
                            Naming::SymbolicLink | Naming::HardLink => target.to_owned(),
                            _ => path,
                        };
                        on_manifest(&desk, command, file).args([option.to_owned(), path])
                    } else {
                        let path = name(&desk, file, naming, "");
                        on_manifest(&desk, command, file).args([option.to_owned(), path])
                    };
                    refused(&desk, &server, monthend);
                }
            }
        }
    }
}

#[test]
fn no_page_merge_or_state_overwrites_what_people_own() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = world(&server);
    for naming in NAMINGS {
        for file in FILES {
            let path = name(&desk, file, naming, "");
            let manifest = if file == "root.pem" { "ca.yaml" } else { "m.yaml" };
            let page = desk.monthend(["report", "m.ledger.csv", "--manifest", manifest]);
            let page = page.args(["--compare", "earlier.ledger.csv", "-o", &path]);
            // The page is not made from the configuration, and no rehearsal is named.
            if file != "sandbox.yaml" {
                refused(&desk, &server, with_credentials(page));
            }
            if !LEDGERS.contains(&file) {
                let merge = desk.monthend(["merge", "m.ledger.csv", "-o", &path]);
                refused(&desk, &server, with_credentials(merge));
            }
            // A state, and a file that is empty, may become the state.
            if !["m.ledger.sandbox.csv.state", "m.ledger.csv.lock"].contains(&file) {
                let sandbox = desk.monthend(["sandbox", "--config=sandbox.yaml", "--state", &path]);
                refused(&desk, &server, with_credentials(sandbox));
            }
        }
    }
}

#[test]
fn no_table_overwrites_what_people_own() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = world(&server);
    for naming in NAMINGS {
        for file in FILES {
            let manifest = if file == "root.pem" { "ca.yaml" } else { "m.yaml" };
            for ending in [".csv", ".xlsx"] {
                for command in [&["units"][..], &["reconcile", "--name=crm"]] {
                    let path = name(&desk, file, naming, ending);
                    let monthend = desk.monthend(command.to_vec()).arg(manifest);
                    refused(&desk, &server, with_credentials(monthend.args(["-o", &path])));
                }
            }
        }
    }
    // They are no output of an earlier command either; what is may be replaced.
    for output in ["x.csv", "x.xlsx"] {
        for _ in 0..2 {
            desk.monthend(["reconcile", "m.yaml", "--name=crm", "-o", output]).expect(1);
        }
    }
}

/// They are inputs of `reconcile`, whether the command reads that part of the manifest or not.
#[test]
fn lists_translations_and_earlier_ledgers_stay() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = world(&server);
    let not_there = [
        "earlier.ledger.csv.lock",
        "earlier.ledger.rescued-20260901T000000000Z.csv",
        "earlier.ledger.close.json",
        "earlier.ledger.close-12.json",
    ];
    for (file, what) in [
        ("invoice-2026-09.csv", "a file that the manifest names"),
        ("invoice-2026-09-01..2026-09-15.csv", "a file that the manifest names"),
        ("crm.csv", "a file that the manifest names"),
        ("products.csv", "a file that the manifest names"),
        ("earlier.ledger.csv", "an earlier ledger that the manifest names"),
        ("earlier.ledger.sandbox.csv", "an earlier ledger that the manifest names"),
        ("earlier.ledger.history.jsonl", "the history of the ledger"),
        ("earlier.ledger.reports/2026-09/USER/Acme.csv", "the collected file of r"),
        (not_there[0], "the lock of the ledger"),
        (not_there[1], "a rescued ledger"),
        ("earlier.ledger.accepted.csv", "the accepted differences of the ledger"),
        (not_there[2], "the close file of the ledger"),
        (not_there[3], "a close file"),
    ] {
        for naming in NAMINGS {
            let is_link = matches!(naming, Naming::SymbolicLink | Naming::HardLink);
            if is_link && not_there.contains(&file) {
                continue;
            }
            for command in ["run", "retry", "collect", "report"] {
                let path = match naming {
                    Naming::Plain => file.to_owned(),
                    _ if not_there.contains(&file) => format!("folder/../{file}"),
                    _ => name(&desk, file, naming, ""),
                };
                let monthend = match command {
                    "report" => desk.monthend(["report", "m.yaml", "-o", &path]),
                    _ => desk.monthend([command, "m.yaml", "--junit", &path]),
                };
                let ended = refused(&desk, &server, monthend);
                assert!(ended.code == Some(2) && ended.stderr.contains(what), "{file} {ended}");
            }
        }
    }
    for ledger in ["crm.csv", "earlier.ledger.csv"] {
        let run = desk.monthend(["run", "m.yaml", "--ledger", ledger]);
        assert_eq!(refused(&desk, &server, run).code, Some(2));
    }
    let list = desk.path("invoice-2026-09.csv");
    let other = "invoice-2026-13.csv"; // of no period
    desk.converge().args(["--type=USER", "--junit", other]).expect(0);
    assert!(list.exists() && desk.read(other).contains("<testsuite"));
}

/// Whatever else is wrong with the command, what was collected stays as it is.
#[test]
fn a_command_that_ends_early_overwrites_no_collected_file_either() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = world(&server);
    let file = "m.ledger.reports/2026-09/USER/Acme.csv";
    fs::hard_link(desk.path(file), desk.path("folder/page.xml")).unwrap();
    let run = |output: &str| desk.converge().arg(format!("--junit={output}"));
    for output in [file, "folder/page.xml"] {
        refused(&desk, &server, run(output).without("WEBEX_ACCESS_TOKEN"));
        fs::hard_link(desk.path("m.ledger.csv"), desk.path("second.csv")).unwrap();
        refused(&desk, &server, run(output));
        fs::remove_file(desk.path("second.csv")).unwrap();
    }
    let ledger = desk.read("m.ledger.csv");
    desk.write("m.ledger.csv", ledger.replace("request_id", "number"));
    refused(&desk, &server, run(file));
}

/// What does not exist yet can be in the way all the same.
#[test]
fn two_outputs_are_never_one_file() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = world(&server);
    let run = |args: &[&str]| on_manifest(&desk, "run", "").args(args.iter().copied());
    for args in [
        &["--combine=all.csv", "--junit=all-user.csv"][..],
        &["--combine=all.csv", "--junit=ALL-User.csv"],
        &["--junit=x", "--metrics=./x"],
        &["--junit=x", "--output=x"],
        &["--junit=x", "--output=x/y"],
        &["--ledger=n.csv", "--output=n.csv"],
        &["--ledger=n.csv", "--output=n.csv/reports"],
        &["--ledger=n.csv", "--output=n.csv.lock"],
        &["--ledger=n.csv", "--junit=n.history.jsonl"],
        &["--ledger=n.csv", "--metrics=n.rescued-1.csv"],
        &["--ledger=n.csv", "--metrics=n.accepted.csv"],
        &["--ledger=n.csv", "--metrics=n.close.json"],
        &["--ledger=n.csv", "--metrics=n.close-3.json"],
        &["--output=out", "--combine=out/2026-09/USER/Acme.csv"],
        &["--output=out", "--junit=out/2026-09/CUSTOMER/new.csv"],
    ] {
        refused(&desk, &server, run(args));
        assert!(!desk.has("x") && !desk.has("n.csv"), "{args:?}");
    }
    // The partners file has the place of a report, and --force would take it.
    fs::create_dir_all(desk.path("in/2026-09/USER")).unwrap();
    let moved = "in/2026-09/USER/Acme.csv";
    fs::rename(desk.path("partners.csv"), desk.path(moved)).unwrap();
    let manifest = desk.read("m.yaml").replace("partners.csv", moved);
    desk.write("m.yaml", manifest);
    refused(&desk, &server, run(&["--output=in", "--force"])).says(["Acme.csv"]);
}

/// A file that the tool keeps for itself may be one that it was told to read.
#[test]
fn what_the_tool_keeps_overwrites_nothing_either() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = world(&server);
    for kept in
        ["n.csv.lock", "n.history.jsonl", "n.csv.state", "n.csv", "n.accepted.csv", "n.close.json"]
    {
        desk.write(kept, desk.read("partners.csv"));
        desk.write("n.yaml", desk.read("m.yaml").replace("partners.csv", kept));
        let run = desk.monthend(["run", "n.yaml", "--ledger=n.csv"]);
        refused(&desk, &server, run).says([kept]);
        fs::remove_file(desk.path(kept)).unwrap();
    }
}

/// Nothing is kept on a device, and none is replaced by a file.
#[test]
fn a_device_stays_one() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = world(&server);
    let null = || {
        Path::new("/dev/null").metadata().unwrap().len() == 0
            && !Path::new("/dev/null").metadata().unwrap().is_file()
    };
    desk.monthend(["report", "m.ledger.csv", "-o", "/dev/null"]).expect(0);
    desk.converge().args(["--type=USER", "--junit=/dev/null"]).expect(0);
    desk.converge().args(["--collect", "--combine=/dev/null"]).expect(2);
    desk.monthend(["merge", "m.ledger.csv", "-o", "/dev/null"]).expect(4);
    assert!(null(), "/dev/null was replaced");
}

/// A rehearsal overwrites no real report, even in its first run, and no share one of another's.
#[test]
fn no_output_is_a_collected_file_of_another_ledger() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &own("PARTNER", "2026-09"));
    desk.converge().arg("--collect").expect(0);
    let file = desk.ledger().lines[0]["report_file"].to_owned();
    let before = desk.read(&file);
    let rehearsal = |command: &str| desk.monthend([command, "m.yaml", "--sandbox"]);
    let junit = format!("--junit={file}");
    rehearsal("run").arg(&junit).expect(2).says(["the collected file of"]);
    assert!(!desk.has("m.ledger.sandbox.csv"));
    rehearsal("run").arg("--collect").expect(0);
    for command in ["run", "audit"] {
        rehearsal(command).arg(&junit).expect(2).says(["the collected file of"]);
    }
    desk.monthend(["run", "m.yaml", "--partition=1/2", &junit]).expect(2);
    assert_eq!(desk.read(&file), before);
}
