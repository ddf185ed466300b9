//! The contents of a report's file: the same for the same seed and request; breakdowns have the same sums.

use std::{collections::BTreeMap, fmt::Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{dice::Dice, org};
use request::{ReportType, Request};

const TEAM: u64 = 8;
const SKUS: [(&str, &str); 4] = [
    ("A-CALL-ESS", "Webex Calling Essentials"),
    ("A-CALL-STD", "Webex Calling Standard"),
    ("A-MEET", "Webex Meetings"),
    ("A-SUITE", "Webex Suite"),
];

/// `contents:` of the reports' files. Organisations are named by a part of their id or of what it decodes to; `own`
/// is the partner itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContentsConfig {
    /// Users of each organisation, a row each in reports of type USER.
    pub users: u64,
    /// CUSTOMER reports of these have a CONSUMPTION that is too high by 0.2.
    pub off_for: Vec<String>,
    /// USER reports of these call the column CONSUMPTION something else.
    pub renamed_for: Vec<String>,
    /// Reports of these have a header and no row.
    pub empty_for: Vec<String>,
}

impl Default for ContentsConfig {
    fn default() -> Self {
        ContentsConfig {
            users: 40,
            off_for: Vec::new(),
            renamed_for: Vec::new(),
            empty_for: Vec::new(),
        }
    }
}

pub(super) fn is_about(request: &Request, named: &[String]) -> bool {
    let org = request.sub_partner.as_ref();
    (named.iter()).any(|text| org.map_or(text == "own", |org| org::contains(org.as_str(), text)))
}

type Lines = BTreeMap<(String, usize), (u64, u64)>;

pub(super) fn csv(dice: Dice, config: &ContentsConfig, request: &Request) -> String {
    let kind = request.report_type;
    let (columns, lacks) = match kind {
        ReportType::Partner => ("", false),
        ReportType::Customer => (",CUSTOMER_ORG_ID", false),
        ReportType::User => (",CUSTOMER_ORG_ID,USER_ID", is_about(request, &config.renamed_for)),
    };
    let consumption = if lacks { "CONSUMED_UNITS" } else { "CONSUMPTION" };
    let mut text = format!(
        "BILLING_START_DATE,BILLING_END_DATE,SUB_PARTNER_ORG_ID{columns},SKU,PRODUCT,QUANTITY,{consumption}\n"
    );
    let org = request.sub_partner.as_ref().map_or("", |org| org.as_str());
    let (start, end) = (request.period.start(), request.period.end());
    let mut lines = lines(dice, config, request);
    if kind == ReportType::Customer
        && is_about(request, &config.off_for)
        && let Some(mut first) = lines.first_entry()
    {
        first.get_mut().1 += 20;
    }
    for ((whom, sku), (users, hundredths)) in lines {
        let (sku, product) = SKUS[sku];
        let (units, rest) = (hundredths / 100, hundredths % 100);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{start},{end},{}{whom},{sku},{product},{users},{units}.{rest:02}",
            cell(org)
        );
    }
    text
}

fn lines(dice: Dice, config: &ContentsConfig, request: &Request) -> Lines {
    let mut lines = Lines::new();
    if is_about(request, &config.empty_for) {
        return lines;
    }
    let org = request.sub_partner.as_ref().map_or("", |org| org.as_str());
    let whose = format!("{org} {} {}", request.period, request.internal);
    for user in 0..config.users {
        let chance = dice.bytes("usage", &whose, user);
        let customer = || dice.uuid("customer", org, user / TEAM);
        let whom = match request.report_type {
            ReportType::Partner => String::new(),
            ReportType::Customer => format!(",{}", customer()),
            ReportType::User => format!(",{},{}", customer(), dice.uuid("user", org, user)),
        };
        let hundredths = u64::from(u16::from_be_bytes([chance[1], chance[2]])) % 3_000 + 1;
        let line = lines.entry((whom, usize::from(chance[0]) % SKUS.len())).or_default();
        line.0 += 1;
        line.1 += hundredths;
    }
    lines
}

fn cell(org: &str) -> String {
    if org.contains([',', '"']) {
        format!("\"{}\"", org.replace('"', "\"\""))
    } else {
        org.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use request::Period;

    /// CONSUMPTION by SKU, in hundredths.
    fn sums(config: &ContentsConfig, kind: ReportType) -> BTreeMap<String, u64> {
        let request = Request {
            sub_partner: Some("acme".parse().unwrap()),
            report_type: kind,
            period: Period::month(2026, 9).unwrap(),
            internal: false,
        };
        let text = csv(Dice::new(7), config, &request);
        let mut sums = BTreeMap::new();
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').rev().collect();
            let hundredths: u64 = cells[0].replace('.', "").parse().unwrap();
            *sums.entry(cells[3].to_owned()).or_default() += hundredths;
        }
        sums
    }

    #[test]
    fn the_breakdowns_of_one_partner_and_period_have_the_same_sums() {
        let config = ContentsConfig::default();
        let all = sums(&config, ReportType::Partner);
        assert_eq!(all.len(), SKUS.len());
        assert_eq!(sums(&config, ReportType::Customer), all);
        assert_eq!(sums(&config, ReportType::User), all);
        let off = ContentsConfig { off_for: vec!["acme".to_owned()], ..config.clone() };
        let total = |sums: BTreeMap<String, u64>| sums.values().sum::<u64>();
        assert_eq!(total(sums(&off, ReportType::Customer)), total(all.clone()) + 20);
        let empty = ContentsConfig { empty_for: vec!["acme".to_owned()], ..config };
        assert!(sums(&empty, ReportType::User).is_empty());
    }
}
