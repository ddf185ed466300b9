//! What `plan` and `run` warn of, and `--strict`.

use crate::support::{Desk, Served, own, partner, partners};

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
    let kinds = ["no_organisation", "two_labels", "overlapping_periods"];
    let plan = desk.plan().expect(0).says([
        "AcmeVoice (m.yaml:",
        "\"Acme\" and \"Acme Ltd\"",
        "2026-09-01..2026-09-15",
    ]);
    let plan = plan.shows(["about 5h at 1/h"]);
    assert_eq!(plan.stderr.lines().count(), kinds.len(), "{plan}");
    let json = desk.plan().args(["--format=json", "--quiet"]).expect(0).json();
    let warnings = json["warnings"].as_array().unwrap();
    let found: Vec<&str> = warnings.iter().map(|w| w["kind"].as_str().unwrap()).collect();
    assert_eq!(found, kinds);
    assert_eq!(warnings[0]["count"], 2);
    let strict = desk.plan().arg("--strict").expect(2).says(["--strict"]);
    assert_eq!(strict.stdout, plan.stdout);

    // Half a month is no mistake.
    desk.manifest(URL, &own("PARTNER", "{ start: 2026-09-01, end: 2026-09-15 }"));
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

#[test]
fn an_exclusion_of_everything_bills_nobody_and_is_an_error() {
    let jobs = partners(["a"], "USER", "2026-09") + "    exclude: [{ type: USER }]\n";
    let desk = Desk::with("https://webexapis.com/v1", &jobs);
    desk.plan().expect(2).says(["every request of the plan is excluded"]);
    desk.converge().expect(2);
}

/// One name for two organisations.
#[test]
fn a_label_that_is_another_in_the_ledger_is_named() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a", "b"], "USER", "2026-09"));
    desk.converge().expect(0);
    let jobs = partners(["a", "b"], "USER", "2026-09");
    let renamed = jobs.replace("label: a }", "label: b2 }");
    assert_ne!(jobs, renamed);
    desk.manifest(server.url(), &renamed);
    let said = "in the ledger under another label than in the manifest: there a USER 2026-09, in the manifest b2";
    desk.plan().expect(0).says([said]);
    desk.converge().expect(0).says([said]);
    desk.monthend(["audit", "m.yaml", "--no-files"]).expect(0).shows([said]);
}

#[test]
fn the_ledger_of_another_month_is_named() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &partners(["a"], "USER", "2026-09"));
    desk.converge().expect(0);
    desk.manifest(server.url(), &partners(["a"], "USER", "2026-10"));
    let said = "the ledger is one of 2026-09: a month can be closed only in a ledger of its own";
    desk.plan().expect(0).says([said]);
    desk.converge().expect(0).says([said]);
    // From then on it is one of both.
    assert!(!desk.plan().expect(0).stderr.contains("is one of"));
}
