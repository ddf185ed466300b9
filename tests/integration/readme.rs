//! The README's month-end: its commands, typed as they stand there, in order. The month before is made first, the month
//! after by the README's own line.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::support::{Desk, Monthend, csv_cells, partner};

/// How each command of the README has to end, in its order, and the file that is there then. The two `retry` are the
/// dry run and the real one, the two `audit` without and with an earlier month.
const STEPS: [(&str, i32, &str); 16] = [
    ("init", 0, "october.yaml"),
    ("check", 0, "october.yaml"),
    ("plan", 0, "october.yaml"),
    ("run", 1, "october.ledger.sandbox.reports/2026-10/PARTNER/own.csv"),
    ("status", 0, "october.ledger.sandbox.csv"),
    ("retry", 0, "october.ledger.sandbox.history.jsonl"),
    ("retry", 0, "october.ledger.sandbox.reports/2026-10/CUSTOMER/refused.csv"),
    ("audit", 0, "october.yaml"),
    ("audit", 0, "september.ledger.sandbox.csv"),
    ("columns", 0, "october.yaml"),
    ("reconcile", 1, "invoice-2026-10.csv"),
    ("units", 0, "october.xlsx"),
    ("accept", 0, "october.ledger.sandbox.accepted.csv"),
    ("close", 0, "october.ledger.sandbox.close.json"),
    ("verify", 0, "october.ledger.sandbox.close.json"),
    ("report", 0, "october.html"),
];

/// The README's section about a month-end.
fn section() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("A month-end\n"));
    section.expect("a section about a month-end").to_owned()
}

/// What stands in back-quotes within a line, and begins so.
fn inline<'a>(section: &'a str, begin: &str) -> &'a str {
    let mut quoted = section.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.find(|text| text.starts_with(begin)).unwrap_or_else(|| panic!("no `{begin}` there"))
}

/// The block of YAML that begins so.
fn yaml<'a>(section: &'a str, begin: &str) -> &'a str {
    let mut blocks = section.split("```yaml\n").skip(1).map(|rest| rest.split("```").next());
    blocks.find_map(|block| block.filter(|text| text.trim_start().starts_with(begin))).unwrap()
}

/// Types a command of the README in a rehearsal. Which day it is does not matter.
fn rehearse(desk: &Desk, command: &str) -> Monthend {
    let words = shlex::split(command).unwrap().split_off(1);
    desk.monthend(words)
        .arg("--sandbox")
        .without("WEBEX_ACCESS_TOKEN")
        .env("MONTHEND_AS_OF", "2026-12-02")
        .env("MONTHEND_SANDBOX_CONFIG", "any-day.yaml")
}

/// What an operator does with the manifest of `init`: labels, the month, and somebody whom the sandbox refuses.
fn edit(desk: &Desk) {
    let label = |(place, line): (usize, &str)| {
        let is_listed = line.starts_with("      - { id: ");
        let end = if is_listed { format!(", label: line-{place} }}") } else { " }".to_owned() };
        line.replace(" }", &end) + "\n"
    };
    let text: String = desk.read("october.yaml").lines().enumerate().map(label).collect();
    assert!(text.contains(", label: line-"), "{text}");
    let month = text.split(['[', ']']).find(|part| part.starts_with("20")).unwrap();
    let types = "    types: [CUSTOMER, USER]\n";
    let refused = format!("      - {{ id: {}, label: refused }}\n{types}", partner("refused-403"));
    desk.write("october.yaml", text.replace(month, "2026-10").replace(types, &refused));
}

/// Saves an invoice that asks for ten days more of one article than the files have.
fn save_invoice(desk: &Desk, month: &str, period: &str) {
    let folder = format!("{month}.ledger.sandbox.reports/{period}/CUSTOMER");
    let mut days = BTreeMap::<String, u64>::from([("A-MEET".to_owned(), 10)]);
    for file in fs::read_dir(desk.path(&folder)).unwrap() {
        let records = csv_cells(&fs::read_to_string(file.unwrap().path()).unwrap());
        let column = |name: &str| records[0].iter().position(|cell| cell == name).unwrap();
        let (sku, used) = (column("SKU"), column("CONSUMPTION"));
        for record in &records[1..] {
            *days.entry(record[sku].clone()).or_default() += record[used].parse::<u64>().unwrap();
        }
    }
    let lines: String = days.iter().map(|(sku, days)| format!("{sku},{days}\n")).collect();
    desk.write(&format!("invoice-{period}.csv"), format!("Part Number,Days\n{lines}"));
}

/// What an operator does by hand before a command, as the text around it says.
fn prepare(desk: &Desk, section: &str, command: &str) {
    if command.contains(" check ") {
        edit(desk);
        let october = desk.read("october.yaml");
        desk.write("september.yaml", october.replace("2026-10", "2026-09"));
        let run = rehearse(desk, "monthend run september.yaml --collect");
        run.arg("--sandbox-fixed").expect(0);
    } else if command.ends_with(" audit october.yaml") {
        let sums = yaml(section, "audit:").trim();
        desk.write("october.yaml", format!("{}{sums}\n", desk.read("october.yaml")));
    } else if command.contains(" columns ") {
        let text = desk.read("october.yaml");
        let (before, examples) = text.split_at(text.find("## units:").unwrap());
        desk.write("october.yaml", format!("{before}{}", examples.replace("## ", "")));
        save_invoice(desk, "october", "2026-10");
    }
}

#[test]
fn the_month_end_of_the_readme_goes_as_it_says() {
    let (desk, section) = (Desk::new(), section());
    desk.write(
        "any-day.yaml",
        "rate_limit: { limiter: { kind: unlimited } }\nreports: { check_calendar: false }\n",
    );
    desk.write("short.yaml", yaml(&section, "version: 1"));
    rehearse(&desk, "monthend plan short.yaml").expect(0).shows(["13 requests"]);

    let commands = section.lines().map(str::trim).filter(|line| line.starts_with("monthend "));
    let commands: Vec<&str> = commands.collect();
    let names: Vec<&str> = commands.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(names, STEPS.map(|(name, ..)| name));

    let mut id = String::new();
    for (command, (name, code, file)) in commands.iter().zip(STEPS) {
        prepare(&desk, &section, command);
        let mut typed = rehearse(&desk, &command.replace("--id ID", &format!("--id {id}")));
        if name == "retry" && !command.contains("--dry-run") {
            typed = typed.arg("--sandbox-fixed");
        }
        let ended = typed.expect(code);
        assert!(desk.has(file), "no {file}: {ended}");
        if name == "run" {
            // "The summary at its end names the next command."
            assert_eq!(ended.hint().arguments()[..2], ["retry", "october.yaml"]);
        } else if name == "reconcile" {
            let line = ended.stdout.lines().find(|line| line.starts_with("differs  "));
            id = line.unwrap().rsplit(' ').next().unwrap().to_owned();
        }
    }
    // "From then on no command changes the month."
    rehearse(&desk, &format!("monthend accept october.yaml --id {id} --reason late")).expect(4);

    let sed = Command::new("sh")
        .args(["-c", inline(&section, "sed ")])
        .current_dir(desk.folder())
        .status();
    assert!(sed.unwrap().success());
    let next = desk.read("october.yaml").replace("2026-10", "2026-11");
    assert_eq!(desk.read("november.yaml"), next.replace("october", "november"));
    let run = rehearse(&desk, "monthend run november.yaml --collect").arg("--sandbox-fixed");
    run.expect(0);
    save_invoice(&desk, "november", "2026-11");
    let earlier: Vec<&&str> = commands.iter().filter(|line| line.contains("september")).collect();
    assert_eq!(earlier.len(), 2, "--previous and --compare");
    for command in earlier {
        let command = command.replace("october", "november").replace("september", "october");
        // The invoice differs in this month, too.
        rehearse(&desk, &command).expect(i32::from(command.contains("audit")));
    }
    assert!(desk.has("november.html"));
    let verify = commands.iter().find(|line| line.contains(" verify ")).unwrap();
    rehearse(&desk, verify).expect(0);

    let combine = inline(&section, "collect --combine").replace("collect", "collect november.yaml");
    rehearse(&desk, &format!("monthend {combine}")).expect(0);
    let written = inline(&section, "-o FILE.xlsx").replace("FILE", "keys");
    rehearse(&desk, &format!("monthend reconcile november.yaml {written}")).expect(1);
    assert!(desk.has("all.xlsx") && desk.has("keys.xlsx"));
}
