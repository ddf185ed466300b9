//! `--dry-run` of `run` and `collect` (that of `retry` is in `causes`): what it would do, and nothing is sent or written.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{Desk, Monthend, Served, csv_cells, follows, partners};

/// Every file below the folder, with its bytes.
fn all_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

fn dry(command: Monthend) -> Monthend {
    command.arg("--dry-run").without("WEBEX_ACCESS_TOKEN")
}

fn actions(stdout: &str) -> Vec<String> {
    let cells = csv_cells(stdout);
    let place = cells[0].iter().position(|name| name == "action").unwrap();
    cells[1..].iter().map(|record| record[place].clone()).collect()
}

#[test]
fn a_dry_run_of_run_is_what_plan_shows() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-08, 2026-09"));
    desk.converge().arg("--period=2026-08").expect(0);
    let (before, sent) = (all_files(desk.folder()), server.exchanges().len());
    for format in ["table", "csv", "json"] {
        let format = format!("--format={format}");
        let planned = desk.plan().arg(&format).expect(0);
        let ended = dry(desk.converge()).arg(&format).expect(0);
        assert_eq!(ended.stdout, planned.stdout);
        ended.says(["a dry run: nothing was sent or written"]);
    }
    let ended = dry(desk.converge()).arg("--format=csv").expect(0);
    assert_eq!(actions(&ended.stdout), ["skip", "send", "skip", "send"]);
    // By the variable, with other outputs, and of one selection.
    let of_variable = desk.converge().env("MONTHEND_DRY_RUN", "1");
    let of_variable = of_variable.args(["--junit=j.xml", "--collect", "--type=USER"]);
    of_variable.expect(0).shows(["a run would send 2"]);
    desk.converge().args(["--dry-run", "--sub-partner=nobody"]).expect(2);
    assert_eq!(server.exchanges().len(), sent);
    assert_eq!(all_files(desk.folder()), before);
    // A summary has no cells.
    desk.converge().arg("--format=csv").expect(2).says(["--dry-run"]);
    desk.converge().env("MONTHEND_FORMAT", "csv").expect(0);
}

#[test]
fn a_dry_run_of_a_rehearsal_leaves_nothing_either() {
    let desk = Desk::new();
    let init = desk.monthend(["init", "m.yaml", "--sandbox"]);
    init.without("WEBEX_ACCESS_TOKEN").expect(0);
    let all = "sub_partners: [{ discover: active }]";
    let jobs = format!("  - {{ name: all, types: [USER], periods: [2026-09], {all} }}\n");
    desk.manifest("https://webexapis.com/v1", &jobs);
    let before = all_files(desk.folder());
    let ended = dry(desk.converge()).arg("--sandbox").expect(0);
    ended.says(["SANDBOX"]).shows(["a run would send 6"]);
    assert_eq!(all_files(desk.folder()), before);
}

#[test]
fn a_dry_run_of_collect_shows_what_is_waited_for_and_downloaded() {
    let server = Served::new("reports: { completes_after: 0s }");
    let names = ["there", "gone", "changed", "new", "refused-404"];
    let desk = Desk::with(server.url(), &partners(names, "USER", "2026-09"));
    let first = desk.converge().args(["--collect", "--sub-partner=there"]);
    first.args(["--sub-partner=gone", "--sub-partner=changed"]).expect(0);
    desk.converge().expect(1);
    let file = |name: &str| format!("m.ledger.reports/2026-09/USER/{name}.csv");
    fs::remove_file(desk.path(&file("gone"))).unwrap();
    desk.write(&file("changed"), "other,bytes\n");
    let (before, sent) = (all_files(desk.folder()), server.exchanges().len());
    let collect = || dry(desk.monthend(["collect", "m.yaml"]));
    let ended = collect().arg("--format=csv").expect(0);
    assert_eq!(actions(&ended.stdout), ["skip", "collect", "leave", "collect"]);
    let ended = collect().args(["--format=csv", "--force"]).expect(0);
    assert_eq!(actions(&ended.stdout), ["skip", "collect", "collect", "collect"]);
    let json = collect().arg("--format=json").expect(0).json();
    follows("plan", &json);
    assert_eq!(json["actions"]["collect"], 2);
    collect().expect(0).says(["a dry run"]).shows([
        "a collect would wait for and download 2, skip 1 collected before",
        "leave 1 whose file was changed on the disk (--force replaces it)",
    ]);
    collect().arg("--sub-partner=new").expect(0).shows(["download 1"]);
    assert_eq!(server.exchanges().len(), sent);
    assert_eq!(all_files(desk.folder()), before);
    let summary = desk.monthend(["collect", "m.yaml", "--format=csv"]);
    summary.expect(2).says(["--dry-run"]);
    desk.monthend(["collect", "none.yaml", "--dry-run"]).expect(2);
    desk.monthend(["collect", "m.yaml", "--dry-run", "--ledger=none.csv"]).expect(4);
}

/// An option that a command does not have is never advised as a value.
#[test]
fn a_dry_run_with_collect_shows_what_is_downloaded() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &partners(["a", "b", "c"], "USER", "2026-09"));
    desk.converge().args(["--collect", "--sub-partner=a", "--sub-partner=b"]).expect(0);
    fs::remove_file(desk.path("m.ledger.reports/2026-09/USER/b.csv")).unwrap();
    let run = || dry(desk.converge()).arg("--collect");
    let ended = run().arg("--format=csv").expect(0);
    assert_eq!(actions(&ended.stdout), ["skip", "collect", "send"]);
    run()
        .expect(0)
        .shows(["would send 1, wait for and download 1 created before, skip 1 collected"]);
}

#[test]
fn an_option_of_another_command_is_told_as_such() {
    let desk = Desk::new();
    for (arguments, tip) in [
        (
            &["status", "m.yaml", "--as-of", "2026-09-01"][..],
            "--as-of is an option of check, plan, run",
        ),
        (&["collect", "m.yaml", "--recreate-failed"], "--recreate-failed is an option of retry"),
        (&["plan", "m.yaml", "--dry-run"], "--dry-run is an option of run, retry and collect"),
        (&["audit", "m.yaml", "--collect=yes"], "--collect is an option of run and retry"),
        (&["run", "m.yaml", "--nonsense"], "unexpected argument '--nonsense'"),
    ] {
        let ended = desk.monthend(arguments.iter().copied()).expect(2);
        let ended = ended.says([tip]);
        assert!(!ended.stderr.contains("as a value"), "{ended}");
    }
    // A slip is still told.
    let slip = desk.monthend(["run", "m.yaml", "--colect"]).expect(2);
    slip.says(["'--collect'"]);
}
