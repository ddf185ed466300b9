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
const SELECTIONS: [(&[&str], usize); 15] = [
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
    (&["--type", "user", "--sub-partner", "beta", "--period", "2026-09"], 1),
    (&["--job", "partners", "--sub-partner", "acme", "--type", "USER"], 2),
    (&["--job", "again, own", "--type", "PARTNER,user"], 4),
    (&["--sub-partner", "acme,own", "--period", "2026-08,2026-09"], 6),
    (&["--sub-partner", "own", "--sub-partner", "acme,beta,"], 10),
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
        options.iter().fold(desk.converge(), |c, o| c.arg(*o)).expect(0);
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
        desk.plan().arg("--format=csv").arg("--sub-partner").arg(who).expect(0).stdout
    };
    assert_eq!(plan("acme".into()), plan(partner("acme")));
}

/// A label with a comma is one value; text that nothing is called is several.
#[test]
fn what_exists_with_its_comma_is_one_value() {
    let server = Served::new("");
    let jobs = "  - { name: 'a,b', sub_partners: [{ id: x1, label: 'North, South' }], types: [USER], periods: [2026-08] }\n  \
                - { name: a, sub_partners: [{ id: x2, label: North }], types: [USER], periods: [2026-08] }\n  \
                - { name: b, sub_partners: [{ id: x3, label: South }], types: [USER], periods: [2026-08] }\n";
    let desk = Desk::with(server.url(), jobs);
    desk.converge().expect(0);
    for (option, count) in [
        ("--sub-partner=North, South", 1),
        ("--sub-partner=South,North", 2),
        ("--sub-partner=x1,North", 2),
        ("--job=a,b", 1),
        ("--job=b,a", 2),
    ] {
        let plan = desk.plan().args(["--format=json", option]).expect(0).json();
        assert_eq!(plan["requests"], count, "{option}");
        let status = desk.status().args(["--format=json", option]).expect(0).json();
        assert_eq!(status["total"], count, "{option}");
    }
    // The same from the environment.
    let plan = desk.plan().arg("--format=json").env("MONTHEND_SUB_PARTNER", "South,North");
    assert_eq!(plan.expect(0).json()["requests"], 2);
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
        .map(|l| format!("{} {} {}", &l["sub_partner"], &l["billing_start_date"], &l["type"]))
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
        &partners(["refused-403", "refused-404", "good"], "USER, CUSTOMER", "2026-09"),
    );
    desk.converge().expect(1);
    let sent = server.creates().len();
    desk.retry().arg("--sub-partner=refused-404").arg("--type=USER").expect(1);
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
        (&["--sub-partner", "nobody-at-all"], "--sub-partner nobody-at-all matches nothing"),
        (&["--period", "2026-07"], "--period 2026-07"),
        (
            &["--job", "own", "--type", "CUSTOMER"],
            "no request matches all of the selectors together",
        ),
        (&["--type", "USER", "--job", "own", "--job", "gone"], "--job gone matches nothing"),
        (&["--job", "own,gone"], "--job gone matches nothing"),
        (&["--sub-partner", ","], "--sub-partner , matches nothing"),
        (&["--type", "USER,"], "a value is required for '--type <TYPE>'"),
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

/// What only the ledger has is nothing that `plan`, `run` or `audit` works on: to say "nothing to do" or "no differences"
/// of it would be no answer.
#[test]
fn what_only_the_ledger_has_is_a_usage_error_for_what_works_on_the_plan() {
    let server = Served::new("");
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().expect(0);
    desk.manifest(server.url(), &own("USER", "2026-09"));
    let sent = server.creates().len();
    for (options, said) in [
        (
            &["--sub-partner=acme"][..],
            "--sub-partner acme matches nothing in the plan, but the ledger has it",
        ),
        (&["--period=2026-08"], "the only period is 2026-09"),
        (&["--type=CUSTOMER"], "the only type is USER"),
        (&["--job=partners"], "the only job is own"),
        // One value that matches does not make up for one that does not.
        (&["--period=2026-09", "--period=2026-08"], "--period 2026-08"),
    ] {
        for command in ["plan", "run", "audit"] {
            let ended = desk.monthend([command, "m.yaml"]).args(options.iter().copied());
            ended.expect(2).says([said]);
            let offline = desk.monthend(["audit", "m.yaml", "--offline"]);
            offline.args(options.iter().copied()).expect(2).says([said]);
        }
        // These work on the ledger.
        for command in [desk.retry(), desk.status()] {
            command.args(options.iter().copied()).expect(0);
        }
    }
    assert_eq!(server.creates().len(), sent);
    // Nothing in the plan does not mean nothing in a share of it.
    let share = |number: usize| desk.plan().arg(format!("--partition={number}/3"));
    for number in 1..=3 {
        share(number).expect(0);
        share(number).arg("--sub-partner=acme").expect(2);
    }
}

/// A job's requests are its own even where an earlier job names them all.
#[test]
fn a_job_that_is_folded_into_another_selects_what_it_names() {
    let server = Served::new("reports: { completes_after: 0s }");
    let desk = Desk::with(server.url(), &jobs());
    desk.converge().arg("--job=again").arg("--collect").expect(0);
    let audit = desk.monthend(["audit", "m.yaml", "--job=again", "--format=json"]);
    assert_eq!(audit.expect(0).json()["checked"]["requests"], 2);
    // The ledger knows it by the first job's name.
    desk.monthend(["audit", "m.yaml", "--job=partners"]).expect(1);
}

/// The day that is named works as it is printed.
#[test]
fn a_month_of_the_past_is_found_by_the_day_that_is_named() {
    let server = Served::new("reports: { completes_after: 0s }");
    let jobs = "  - { name: monthly, sub_partners: [a1, b1], types: [USER], periods: [previous-month] }\n  \
                - { name: fixed, types: [PARTNER], periods: [2026-05] }\n";
    let desk = Desk::with(server.url(), jobs);
    for day in ["2026-09-14", "2026-10-01"] {
        desk.converge().arg(format!("--as-of={day}")).arg("--collect").expect(0);
    }
    let sent = server.creates().len();
    for (options, day) in [
        (&["--period=2026-08"][..], Some("2026-09-01")),
        (&["--period=2026-08-01..2026-09-15"], Some("2026-09-16")),
        // What matches in each way alone, and not together.
        (&["--job=monthly", "--period=2026-08"], Some("2026-09-01")),
        (&["--sub-partner=b1", "--period=2026-08", "--period=2026-05"], Some("2026-09-01")),
        // A month that the ledger does not have.
        (&["--period=2026-02"], Some("2026-03-01")),
        // No day makes these match.
        (&["--period=2026-08-01..2026-08-20"], None),
        (&["--period=2026-08", "--period=2026-07"], None),
        (&["--job=fixed", "--period=2026-08"], None),
        (&["--type=CUSTOMER", "--period=2026-08"], None),
    ] {
        for command in ["plan", "run", "audit"] {
            let typed = || {
                let typed = desk.monthend([command, "m.yaml", "--as-of", "2026-10-07"]);
                typed.args(options.iter().copied())
            };
            let ended = typed().expect(2);
            let Some(day) = day else {
                assert!(!ended.stderr.contains("with --as-of"), "{ended}");
                continue;
            };
            let last = ended.stderr.lines().last().unwrap();
            assert!(last.ends_with(&format!(" --as-of {day}")), "{ended}");
            if command != "run" {
                let words = shlex::split(last).unwrap();
                let again = desk.monthend(words.into_iter().skip(1)).run();
                assert!(matches!(again.code, Some(0 | 1)), "{again}");
            }
        }
    }
    assert_eq!(server.creates().len(), sent);
    // A month that is not over is no help while the calendar is checked.
    let next = desk.plan().without("MONTHEND_NO_DATE_CHECK").arg("--period=2126-08");
    let ended = next.arg("--as-of=2026-10-07").expect(2);
    assert!(!ended.stderr.contains("with --as-of"), "{ended}");
}
