use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::model::{OtherReport, Person, Record, SandboxConfig, Server, report::Category};
use request::Period;

/// The file of this report, as cells; `restated` times there was an earlier one.
fn rows(config: &ContentsConfig, kind: ReportType, restated: usize) -> Vec<Vec<String>> {
    let config = SandboxConfig { contents: config.clone(), seed: 7, ..SandboxConfig::default() };
    let start = "2026-11-03T00:00:00Z".parse().unwrap();
    let mut server = Server::new(config.clone(), start, String::new());
    for number in 0..=restated {
        server.put(OtherReport {
            request: Request {
                sub_partner: Some("acme".parse().unwrap()),
                report_type: kind,
                period: Period::month(2026, 9).unwrap(),
                internal: false,
            },
            made: start + Duration::from_secs(number as u64),
            listed_at_once: true,
            category: Category::Reconciliation,
            by: Person::Us,
        });
    }
    let Some(Record::Made(report)) = server.take_records().pop() else {
        panic!("no report");
    };
    let text = csv(Dice::new(7), &config.contents, &report);
    text.lines().map(cells).collect()
}

fn cells(line: &str) -> Vec<String> {
    let (mut all, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            other => all.last_mut().unwrap().push(other),
        }
    }
    all
}

/// CONSUMPTION by SKU.
fn sums(config: &ContentsConfig, kind: ReportType, restated: usize) -> BTreeMap<String, u64> {
    let rows = rows(config, kind, restated);
    let place = |name: &str| rows[0].iter().position(|cell| cell == name).unwrap();
    let mut sums = BTreeMap::new();
    for row in &rows[1..] {
        let days: u64 = row[place("CONSUMPTION")].parse().unwrap();
        *sums.entry(row[place("SKU")].clone()).or_default() += days;
    }
    sums
}

fn config(text: &str) -> Result<ContentsConfig, serde_yaml::Error> {
    serde_yaml::from_str(text)
}

#[test]
fn the_breakdowns_of_one_partner_and_period_have_the_same_sums_but_for_workspaces() {
    let plain = ContentsConfig::default();
    for restated in [0, 1, 2] {
        let all = sums(&plain, ReportType::Partner, restated);
        assert_eq!(all.len(), SKUS.len());
        assert_eq!(sums(&plain, ReportType::Customer, restated), all);
        let mut of_users = all.clone();
        assert!(of_users.remove("A-COMMON-AREA") > Some(0));
        assert_eq!(sums(&plain, ReportType::User, restated), of_users);
    }
    let total = |text: &str, kind| sums(&config(text).unwrap(), kind, 0).values().sum::<u64>();
    let [customer, user] = [ReportType::Customer, ReportType::User];
    assert_eq!(total("off_for: [acme]", customer), total("{}", customer) + 1);
    assert_eq!(total("workspaces: 0", customer), total("{}", user));
    assert_eq!(total("empty_for: [acme]", user), 0);
}

#[test]
fn usage_is_whole_days_of_the_period() {
    let rows = rows(&ContentsConfig::default(), ReportType::User, 0);
    assert_eq!(rows.len(), 41);
    let days: Vec<u64> = rows[1..].iter().map(|row| row.last().unwrap().parse().unwrap()).collect();
    assert!(days.iter().all(|days| (1..=30).contains(days)), "{days:?}");
    assert!(days.contains(&30) && days.iter().any(|days| *days < 30), "{days:?}");
    let names: BTreeSet<&String> = rows[1..].iter().map(|row| &row[4]).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let ids: BTreeSet<&String> = rows[1..].iter().map(|row| &row[5]).collect();
    assert!(ids.len() == 5 && ids.iter().all(|id| id.len() == 6), "{ids:?}");
}

#[test]
fn a_second_report_of_the_same_request_has_some_other_figures() {
    let plain = ContentsConfig::default();
    let [first, second, third] = [0, 1, 2].map(|restated| rows(&plain, ReportType::User, restated));
    assert_eq!(first, rows(&plain, ReportType::User, 0));
    assert_eq!(second, rows(&plain, ReportType::User, 1));
    assert_eq!(second.len(), first.len() + 1, "one user is late");
    let same = first.iter().filter(|row| second.contains(row)).count();
    assert!((25..41).contains(&same), "{same}");
    assert_ne!(second, third);
    // Two at about the same time are the same.
    let late = config("restated_after: 2s").unwrap();
    assert_eq!(first, rows(&late, ReportType::User, 1));
}

#[test]
fn the_header_may_be_set() {
    let text = "header: { CUSTOMER: [{ Part Number: SKU }, { Region: }, { Who: CUSTOMER_NAME }, { \"Usage, days\": CONSUMPTION }] }";
    let set = config(text).unwrap();
    let customer = rows(&set, ReportType::Customer, 0);
    assert_eq!(customer[0], ["Part Number", "Region", "Who", "Usage, days"]);
    assert!(customer[1][0].starts_with("A-") && customer[1][1].is_empty(), "{customer:?}");
    assert_eq!(rows(&set, ReportType::User, 0)[0].len(), 12, "others are as before");
    assert_eq!(config(&serde_yaml::to_string(&set).unwrap()).unwrap(), set);
    for (bad, why) in [
        ("header: { CUSTOMER: [{ A: SKUS }] }", "\"SKUS\" is not one of BILLING_START_DATE, "),
        ("header: { CUSTOMER: [{ A: SKU, B: SKU }] }", "write `- NAME: COLUMN` for each"),
        ("header: { PARTNER: [{ Who: USER_ID }] }", "\"USER_ID\" is not one of"),
        ("header: { USER: [] }", "the header of USER: write"),
    ] {
        let told = config(bad).unwrap_err().to_string();
        assert!(told.contains(why), "{bad}: {told}");
    }
}
