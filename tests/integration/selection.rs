//! `--job`, `--sub-partner`, `--type` and `--period`, the same on every command.

use crate::support::{Desk, Served, own, partner, partners};

/// Ten requests: two of the partner itself, eight of two sub-partners, of which `again` names two once more.
fn jobs() -> String {
    let again =
        partners(["acme"], "USER", "2026-08, 2026-09").replace("name: partners", "name: again");
    own("PARTNER, USER", "2026-09")
        + &partners(["acme", "beta"], "CUSTOMER, USER", "2026-08, 2026-09")
        + &again
}

/// Options and how many of the ten they select.
const SELECTIONS: [(&[&str], usize); 12] = [
    (&[], 10),
    (&["--job", "own"], 2),
    (&["--job", "partners"], 8),
    (&["--job", "again"], 2),
    (&["--job", "again", "--job", "own"], 4),
    (&["--sub-partner", "own"], 2),
    (&["--sub-partner", "acme", "--sub-partner", "own"], 6),
    (&["--type", "PARTNER", "--type", "CUSTOMER"], 5),
    (&["--period", "2026-08"], 4),
    (&["--period", "2026-08-01..2026-09-30"], 10),
    (
        &[
            "--type",
            "user",
            "--sub-partner",
            "beta",
            "--period",
            "2026-09",
        ],
        1,
    ),
    (
        &[
            "--job",
            "partners",
            "--sub-partner",
            "acme",
            "--type",
            "USER",
        ],
        2,
    ),
];

#[test]
fn plan_and_run_select_the_same() {
    for (options, count) in SELECTIONS {
        let server = Served::new("");
        let desk = Desk::with(server.url(), &jobs());
        let plan = options
            .iter()
            .fold(desk.plan().arg("--format=json"), |c, o| c.arg(*o))
            .expect(0)
            .json();
        assert_eq!(plan["requests"], count, "{options:?}");
        options
            .iter()
            .fold(desk.converge(), |c, o| c.arg(*o))
            .expect(0);
        let ledger = desk.ledger().at_rest(count);
        let planned: Vec<&str> = plan["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["request_id"].as_str().unwrap())
            .collect();
        assert_eq!(ledger.column("request_id"), planned, "{options:?}");
        assert_eq!(server.creates().len(), count, "{options:?}");
    }
}

#[test]
fn an_organisation_id_selects_as_its_label_does() {
    let desk = Desk::with("https://webexapis.com/v1", &jobs());
    let plan = |who: String| {
        desk.plan()
            .arg("--format=csv")
            .arg("--sub-partner")
            .arg(who)
            .expect(0)
            .stdout
    };
    assert_eq!(plan("acme".into()), plan(partner("acme")));
}

#[test]
fn what_is_not_selected_stays_as_it_is() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().arg("--type=CUSTOMER").expect(0);
    desk.converge().arg("--sub-partner=beta").expect(0);
    assert_eq!(server.creates().len(), 6);
    // Whatever the order of the runs, the rows stand in plan order.
    let ledger = desk.ledger().at_rest(6);
    let order: Vec<String> = ledger
        .lines
        .iter()
        .map(|l| {
            format!(
                "{} {} {}",
                &l["sub_partner"], &l["billing_start_date"], &l["type"]
            )
        })
        .collect();
    assert_eq!(
        order,
        [
            "acme 2026-08-01 CUSTOMER",
            "acme 2026-09-01 CUSTOMER",
            "beta 2026-08-01 CUSTOMER",
            "beta 2026-08-01 USER",
            "beta 2026-09-01 CUSTOMER",
            "beta 2026-09-01 USER",
        ]
    );
    desk.converge().expect(0);
    assert_eq!(server.creates().len(), 10);
}

#[test]
fn retry_selects_among_the_ledgers_rows() {
    let server = Served::new("");
    let desk = Desk::with(
        server.url(),
        &partners(
            ["refused-403", "refused-404", "good"],
            "USER, CUSTOMER",
            "2026-09",
        ),
    );
    desk.converge().expect(1);
    let sent = server.creates().len();
    desk.retry()
        .arg("--sub-partner=refused-404")
        .arg("--type=USER")
        .expect(1);
    assert_eq!(server.creates().len(), sent + 1);
    // Failures that are not selected do not count.
    desk.retry().arg("--sub-partner=good").expect(0);
    desk.converge().arg("--sub-partner=good").expect(0);
    assert_eq!(server.creates().len(), sent + 1);
}

#[test]
fn a_selector_that_matches_nothing_is_a_usage_error_everywhere() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().expect(0);
    let (sent, before) = (server.exchanges().len(), desk.read("m.ledger.csv"));
    for (options, said) in [
        (&["--job", "ownn"][..], "did you mean \"own\"?"),
        (&["--sub-partner", "acne"], "did you mean \"acme\"?"),
        (
            &["--sub-partner", "nobody-at-all"],
            "--sub-partner nobody-at-all matches nothing",
        ),
        (&["--period", "2026-07"], "--period 2026-07"),
        (
            &["--job", "own", "--type", "CUSTOMER"],
            "no request matches all of the selectors together",
        ),
        (
            &["--type", "USER", "--job", "own", "--job", "gone"],
            "--job gone matches nothing",
        ),
    ] {
        for command in [desk.plan(), desk.converge(), desk.retry(), desk.status()] {
            let ended = options.iter().fold(command, |c, o| c.arg(*o)).expect(2);
            ended.says([said]);
        }
    }
    assert_eq!(server.exchanges().len(), sent);
    assert_eq!(desk.read("m.ledger.csv"), before);
    assert_eq!(desk.files(), ["m.ledger.csv", "m.yaml"]);
}

#[test]
fn a_selector_may_match_the_ledger_only() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().expect(0);
    desk.manifest(server.url(), &own("USER", "2026-09"));
    let sent = server.creates().len();
    desk.converge().arg("--sub-partner=acme").expect(0);
    assert_eq!(server.creates().len(), sent);
}
