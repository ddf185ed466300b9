//! What `plan` and `run` warn of, and `--strict`.

use crate::support::{Desk, Served, own, partner};

const URL: &str = "https://webexapis.com/v1";

#[test]
fn warnings_are_told_shown_and_fatal_only_where_asked_for() {
    let desk = Desk::new();
    let id = partner("acme");
    let listed =
        format!("AcmeVoice, 12345, {{ id: {id}, label: Acme }}, {{ id: {id}, label: Acme Ltd }}");
    let jobs = format!(
        "  - name: odd\n    sub_partners: [{listed}]\n    types: [USER]\n    periods: [2026-09, {{ start: 2026-09-01, end: 2026-09-15 }}]\n"
    );
    desk.manifest_with(URL, "limits.rate: 1/h\nlimits.burst: 1", &jobs);
    let kinds = [
        "no_organisation",
        "two_labels",
        "partial_month",
        "overlapping_periods",
        "long_run",
    ];
    let plan = desk.plan().expect(0).says([
        "AcmeVoice (m.yaml:",
        "\"Acme\" and \"Acme Ltd\"",
        "2026-09-01..2026-09-15",
        "5 hours at 1/h",
    ]);
    assert_eq!(plan.stderr.lines().count(), kinds.len(), "{plan}");
    let json = desk
        .plan()
        .args(["--format=json", "--quiet"])
        .expect(0)
        .json();
    let warnings = json["warnings"].as_array().unwrap();
    let found: Vec<&str> = warnings
        .iter()
        .map(|w| w["kind"].as_str().unwrap())
        .collect();
    assert_eq!(found, kinds);
    assert_eq!(warnings[0]["count"], 2);
    let strict = desk.plan().arg("--strict").expect(2).says(["--strict"]);
    assert_eq!(strict.stdout, plan.stdout);

    desk.manifest(URL, &own("PARTNER", "2026-09"));
    let plain = desk.plan().arg("--strict").expect(0);
    assert!(plain.stderr.is_empty(), "{plain}");
}

#[test]
fn a_run_says_them_too_and_goes_on() {
    let server = Served::new("");
    let desk = Desk::with(
        server.url(),
        "  - { name: odd, sub_partners: [AcmeVoice], types: [USER], periods: [2026-09] }\n",
    );
    desk.converge().run().says(["AcmeVoice (m.yaml:"]);
    assert_eq!(server.creates().len(), 1);
}
