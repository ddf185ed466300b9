//! What is shown on a terminal has lines, tabs and our own colours; nothing that comes from outside acts on it.

use serde_json::json;

use crate::support::{Canned, Desk, Monthend, Reply, csv_cells, partners, to_csv};

/// A title, colours, a screen that is cleared, a link, an answerback, C1 controls, text that runs backwards.
const ESCAPES: &str = "\u{1b}]0;owned\u{7}a\u{1b}[2Jb\u{1b}[31;1mc\u{1b}]8;;http://x\u{1b}\\d\u{5}e\u{9b}2Jf\u{90}g\u{202e}h\u{8}i\u{7f}j";
/// What is left of it.
const LEFT: &str = "]0;owned a [2Jb [31;1mc";

/// Takes our own colours and lines out of what was written to a terminal; nothing else is there.
#[track_caller]
fn is_harmless(what: &str, raw: &str) {
    let mut rest = raw.to_owned();
    for colour in [
        "[31m",
        "[32m",
        "[33m",
        "[1m",
        "[0m",
        "[2m",
        "[94m",
        "[91m",
        "[96m",
        "[1;31m",
        "[1m\u{1b}[91m",
    ] {
        rest = rest.replace(&format!("\u{1b}{colour}"), "");
    }
    // A bar that is drawn again and again.
    for control in [
        "\r\n",
        "\n",
        "\t",
        "\r\u{1b}[2K",
        "\u{1b}[1A",
        "\u{1b}[?25l",
        "\u{1b}[?25h",
        "\r",
        "\u{1b}[2K",
    ] {
        rest = rest.replace(control, " ");
    }
    let is_odd = |c: char| c.is_control() || c == '\u{202e}';
    assert!(!rest.contains(is_odd), "{what}: {raw:?}");
    for escape in ["\u{1b}[2J", "\u{1b}[31;1m", "\u{1b}]"] {
        assert!(!raw.contains(escape), "{what}: {raw:?}");
    }
}

/// Runs it on a terminal, and where its output goes to files.
#[track_caller]
fn looks(what: &str, command: impl Fn() -> Monthend, is_for_people: bool) -> String {
    let (_, _, raw) = command().on_a_terminal(100).end();
    is_harmless(what, &raw);
    let (_, _, raw) = command().arg("--color=never").on_a_terminal(30).end();
    is_harmless(what, &raw);
    // What cannot be read as arguments says nothing of colours.
    assert!(raw.contains("--help") || !raw.contains("\u{1b}[3"), "{what}: {raw:?}");
    let ended = command().run();
    assert!(!ended.stderr.contains('\u{1b}'), "{what}: {ended}");
    if is_for_people {
        is_harmless(what, &ended.stdout);
    }
    raw
}

/// A ledger that came by mail, with escapes in every cell that is text.
fn by_mail(desk: &Desk) {
    let mut records = csv_cells(&desk.read("m.ledger.csv"));
    let place = |name: &str| records[0].iter().position(|cell| cell == name).unwrap();
    let texts = [
        "job",
        "sub_partner",
        "error_code",
        "error",
        "tracking_id",
        "report_status",
        "report_error",
    ];
    let places = texts.map(place);
    for record in &mut records[1..] {
        for place in places {
            record[place] = format!("{ESCAPES}\n::error::x\n{}", record[place]);
        }
    }
    records[0].push(format!("more{ESCAPES}"));
    for record in &mut records[1..] {
        record.push(ESCAPES.to_owned());
    }
    desk.write("m.ledger.csv", to_csv(&records, "\n"));
}

#[test]
fn no_cell_of_a_ledger_acts_on_a_terminal() {
    let server = Canned::new(|asked, _| {
        let is_refused = asked.is_create() && asked.before == 1;
        is_refused.then(|| Reply::json(404, &json!({ "message": "none" })))
    });
    let desk = Desk::with(&server.url, &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().expect(1);
    by_mail(&desk);
    let copy = desk.read("m.ledger.csv");
    desk.write("copy.csv", &copy);
    let ids: Vec<String> = (csv_cells(&copy)[1..].iter()).map(|record| record[0].clone()).collect();
    let status = |args: &'static [&'static str]| desk.status().args(args.iter().copied());
    let raw = looks("status", || status(&[]), true);
    assert!(raw.contains(LEFT), "{raw:?}");
    for (what, args) in [
        ("status --format csv", &["--format=csv"][..]),
        ("status --format json", &["--format=json"]),
        ("status --sub-partner", &["--sub-partner", ESCAPES_AGAIN]),
    ] {
        looks(what, || status(args), false);
    }
    looks("status --history", || status(&["--history"]).arg(&ids[1]), true);
    looks("plan", || desk.plan(), true);
    looks("plan --format csv", || desk.plan().arg("--format=csv"), false);
    looks("audit", || desk.monthend(["audit", "m.yaml"]), true);
    looks("retry --dry-run", || desk.retry().arg("--dry-run"), true);
    looks(
        "resolve",
        || desk.monthend(["resolve", "m.ledger.csv", "--resend", "--request"]).arg(&ids[0]),
        true,
    );
    looks("merge", || desk.monthend(["merge", "copy.csv", "m.ledger.csv", "-o", "out.csv"]), true);
    looks("report", || desk.monthend(["report", "m.ledger.csv", "-o", "p.html"]), true);
    looks("collect", || desk.monthend(["collect", "m.yaml", "--wait=0s", "-vv"]), true);
    looks("retry", || desk.retry().args(["-vv", "--collect", "--wait=0s"]), true);
    looks("a JSON log", || desk.retry().args(["-vv", "--log-format=json", "--format=json"]), false);

    // Data for programs stay as they are.
    desk.write("m.ledger.csv", &copy);
    let json = desk.status().arg("--format=json").expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let labels = json["sub_partners"].as_array().unwrap();
    assert!(labels.iter().all(|label| label["sub_partner"].as_str().unwrap().contains(ESCAPES)));
    let csv = desk.status().arg("--format=csv").expect(0).stdout;
    let named: Vec<Vec<String>> =
        csv_cells(&csv).into_iter().filter(|cells| cells[0] == "sub_partner").collect();
    assert!(named.iter().all(|cells| cells[1].contains(ESCAPES)), "{csv:?}");
}

const ESCAPES_AGAIN: &str = "\u{1b}]0;owned\u{7}";

/// Arguments, file names and files of people are text from outside, too.
#[test]
fn nothing_that_is_typed_or_named_acts_on_a_terminal() {
    let desk = Desk::with("http://127.0.0.1:1", &partners(["a"], "USER", "2026-09"));
    let odd = format!("{ESCAPES_AGAIN}.yaml");
    let manifest = desk.read("m.yaml");
    desk.write(&odd, &manifest);
    desk.write("p.csv", format!("org_id,label\nY2lz,{ESCAPES}\n"));
    desk.write("q.yaml", manifest.replace("jobs:\n", "jobs:\n  - { name: x, sub_partners: [{ file: p.csv }], types: [USER], periods: [2026-09] }\n"));
    desk.write(
        "r.yaml",
        manifest.replace("name: test", &format!("name: \"te\u{85}st\"\nfoo{ESCAPES}: 1")),
    );
    desk.write("l.csv", format!("{ESCAPES},b\n1,2\n"));
    for args in [
        &["plan", &odd][..],
        &["status", &odd],
        &["init", &odd],
        &["plan", "q.yaml"],
        &["plan", "r.yaml"],
        &["status", "l.csv"],
        &["plan", "m.yaml", "--period", ESCAPES],
        &["plan", "m.yaml", "--job", ESCAPES],
        &["plan", "m.yaml", "--base-url", ESCAPES],
        &[ESCAPES],
        &["resolve", "m.yaml", "--request", ESCAPES],
        &["run", "m.yaml", "--ledger", ESCAPES, "--sandbox", "--max-failures", ESCAPES],
    ] {
        let said = format!("{args:?}");
        looks(&said, || desk.monthend(args.iter().copied()), true);
    }
    looks("an environment", || desk.plan().env("MONTHEND_LOG", ESCAPES), true);
}

/// Servers and their errors.
#[test]
fn no_answer_of_a_server_acts_on_a_terminal() {
    let server = Canned::new(|asked, _| {
        let said =
            json!({ "message": ESCAPES, "errors": [{ "code": ESCAPES, "description": ESCAPES }] });
        asked.is_create().then(|| Reply::json(400, &said))
    });
    let desk = Desk::with(&server.url, &partners(["a"], "USER", "2026-09"));
    let raw = looks("run", || desk.converge().arg("-vv"), true);
    assert!(raw.contains("]0;owned"), "{raw:?}");
}

/// A password does not belong there, and is not repeated.
#[test]
fn an_address_with_a_password_is_refused_without_it() {
    let desk = Desk::with("http://127.0.0.1:1", &partners(["a"], "USER", "2026-09"));
    for address in [
        "https://me:s3same@example.org/v1",
        "https://me:s3same@exa mple.org/v1",
        "me:s3same@example.org",
        "https://s3same@example.org",
        "//me:s3same@example.org",
        "https://me:a@s3same@example.org",
        "ftp://me:s3same@example.org",
    ] {
        let refused = [
            desk.plan().arg(format!("--base-url={address}")),
            desk.plan().env("MONTHEND_BASE_URL", address),
            desk.monthend(["init", "n.yaml", "--discover", "--base-url", address]),
        ];
        for command in refused {
            let ended = command.expect(2);
            assert!(!ended.stderr.contains("s3same"), "{address}: {ended}");
        }
        let manifest = desk.read("m.yaml").replace("http://127.0.0.1:1", &format!("\"{address}\""));
        desk.write("n.yaml", manifest);
        for color in ["never", "always"] {
            let ended = desk.monthend(["plan", "n.yaml", "--color", color]).expect(2);
            assert!(ended.stderr.contains("base_url"), "{address}: {ended}");
            if address.contains("://") {
                assert!(!ended.stderr.contains("s3same"), "{address}: {ended}");
            }
        }
        std::fs::remove_file(desk.path("n.yaml")).unwrap();
    }
}
