//! All that people and scripts see of one small month: what each command prints, its exit code, and every file that it
//! writes. Whoever moves or renames code finds here that nothing else has changed.

use std::fs;

use crate::support::{Desk, after, redact};

const JOBS: &str = "  - name: own
    types: [PARTNER]
    periods: [2026-10]
  - name: resellers
    types: [CUSTOMER, USER]
    periods: [2026-10, 2026-09]
    sub_partners: [{ id: fine, label: 'Fine, \"Ltd\"' }, { id: refused-404, label: Late GmbH }]
    exclude: [{ sub_partner: Late GmbH, type: USER }]
audit:
  totals: { column: CONSUMPTION, by: [SKU], not_in: { USER: [A-COMMON-AREA] } }
";

/// What is typed, one after the other.
const COMMANDS: [&str; 27] = [
    "init new.yaml",
    "plan nothing.yaml",
    "check m.yaml --sandbox",
    "check m.yaml --sandbox --format json",
    "plan m.yaml --sandbox",
    "plan m.yaml --sandbox --format csv",
    "plan m.yaml --sandbox --format json",
    "status m.yaml --sandbox",
    "run m.yaml --sandbox --dry-run",
    "run --quiet m.yaml --sandbox --job resellers --junit run.xml --summary-json run.json --metrics run.prom",
    "run --quiet m.yaml --sandbox --format json",
    "status m.yaml --sandbox",
    "status m.yaml --sandbox --format csv",
    "status m.yaml --sandbox --format json",
    "audit m.yaml --sandbox",
    "collect m.yaml --sandbox --dry-run",
    "collect --quiet m.yaml --sandbox --combine all.csv",
    "retry --quiet m.yaml --sandbox",
    "resolve m.yaml --sandbox",
    "retry --quiet m.yaml --sandbox --sandbox-fixed --collect --combine all.csv",
    "audit m.yaml --sandbox",
    "audit m.yaml --sandbox --format json",
    "audit m.yaml --offline --sandbox",
    "report m.yaml --sandbox -o page.html",
    "status m.yaml --sandbox --history",
    "run --quiet m.yaml --sandbox --combine all.csv --collect",
    "merge m.ledger.sandbox.csv -o merged.csv",
];

#[test]
fn nothing_of_what_is_seen_changes_unnoticed() {
    let desk = Desk::new();
    let settings = "limits.concurrency: 1\nretry.max_attempts: 2";
    desk.manifest_with("https://webexapis.com/v1", settings, JOBS);
    let mut seen = String::new();
    for typed in COMMANDS {
        let ended = desk.monthend(typed.split(' ')).run();
        let code = ended.code.unwrap();
        let printed = [("stdout", &ended.stdout), ("stderr", &ended.stderr)];
        seen += &format!("$ monthend {typed}\nexit code: {code}\n");
        for (stream, text) in printed.into_iter().filter(|(_, text)| !text.is_empty()) {
            seen += &format!("{stream}:\n{text}\n");
        }
    }
    let mut files = Vec::new();
    list(&desk, "", &mut files);
    files.sort();
    for file in files {
        seen += &format!("file {file}:\n{}\n", desk.read(&file));
    }
    insta::assert_snapshot!("surface", unmeasured(&redact(&desk, &seen)));
}

fn list(desk: &Desk, folder: &str, files: &mut Vec<String>) {
    for entry in fs::read_dir(desk.path(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}{}", entry.file_name().into_string().unwrap());
        // The others are records of moments, and have tests of their own.
        let is_told = [".csv", ".json", ".yaml"].iter().any(|end| name.ends_with(end));
        if entry.file_type().unwrap().is_dir() {
            list(desk, &format!("{name}/"), files);
        } else if is_told {
            files.push(name);
        }
    }
}

/// Replaces ids of differences: many are hashes of the sandbox's ids, which are others in every run.
fn without_ids(line: &str) -> String {
    let is_id = |word: &str| {
        let hash = word.strip_prefix('d').unwrap_or_default();
        hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit())
    };
    let is_end = |c: char| !c.is_ascii_alphanumeric();
    let words = line.split_inclusive(is_end).map(|word| {
        let id = word.trim_end_matches(is_end);
        if is_id(id) { word.replace(id, "[DIFFERENCE]") } else { word.to_owned() }
    });
    words.collect()
}

/// Replaces hashes, and what was measured: the numbers in these lines, and how many requests it took.
fn unmeasured(text: &str) -> String {
    const MEASURED: [&str; 5] = ["seconds", "per_second", "sha256", "requests sent", "GiB"];
    let is_mark = |c: char| c.is_ascii_hexdigit() || ".,\"-".contains(c);
    let number =
        |word: &str| word.contains(|c: char| c.is_ascii_digit()) && word.chars().all(is_mark);
    let mut lines = Vec::new();
    for line in text.lines() {
        // The server counts its answers, and how many there are depends on when reports are ready.
        let line = without_ids(line);
        let line = line.replace("SANDBOX_", "[TRACKING-ID]");
        // However large the disk is.
        let line = line.replace("MiB left", "GiB left").replace("TiB left", "GiB left");
        let line = after(&line, "[TRACKING-ID]", |c| c.is_ascii_digit(), "");
        // Today, and whoever runs the tests.
        let is_day = |c: char| c.is_ascii_digit() || c == '-';
        let line = after(&line, "as_of=", is_day, "[DAY]");
        let line = after(&line, "\"as_of\": \"", is_day, "[DAY]");
        let is_who = |word: &&str| word.starts_with("login=") || word.starts_with("host=");
        let line = line.split(' ').filter(|word| !is_who(word)).collect::<Vec<_>>().join(" ");
        if !MEASURED.iter().any(|word| line.contains(word)) {
            lines.push(line);
            continue;
        }
        let words = line.split(' ').map(|word| if number(word) { "[N]" } else { word });
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}
