//! The contents of a report's file: the same for the same seed and request; breakdowns have the same sums, but for
//! workspaces, which no user has.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    dice::Dice,
    header::{self, Header},
    org,
    report::StoredReport,
    span::Span,
};
use request::{ReportType, Request};

/// Users of a customer.
const TEAM: u64 = 8;
const SKUS: [(&str, &str); 5] = [
    ("A-CALL-ESS", "Webex Calling Essentials"),
    ("A-CALL-STD", "Webex Calling Standard"),
    ("A-MEET", "Webex Meetings"),
    ("A-SUITE", "Webex Suite"),
    ("A-COMMON-AREA", "Webex Calling Common Area"),
];
/// The place of that which workspaces have, and no user.
const COMMON_AREA: usize = SKUS.len() - 1;
const CUSTOMERS: &str = include_str!("customers.txt");

/// `contents:` of the reports' files. Organisations are named by a part of their id or of what it decodes to; `own`
/// is the partner itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContentsConfig {
    /// Users of each organisation, a row each in reports of type USER.
    pub users: u64,
    /// Workspaces of each organisation. They are in PARTNER and CUSTOMER reports, with a SKU of their own, and in no
    /// USER report.
    pub workspaces: u64,
    /// The columns of a type's files, in order: each a name, and which column it is the name of. Left out: all columns.
    #[serde(deserialize_with = "header::valid")]
    pub header: Header,
    /// A second report of the same request has some other figures, if the first was made at least so long before.
    pub restated_after: Span,
    /// CUSTOMER reports of these have a CONSUMPTION that is too high by 1.
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
            workspaces: 6,
            header: Header::default(),
            restated_after: Span(std::time::Duration::from_secs(1)),
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

/// The file of a report.
pub(super) fn csv(dice: Dice, config: &ContentsConfig, report: &StoredReport) -> String {
    let request = &report.request;
    let kind = request.report_type;
    let columns = header::columns(&config.header, kind);
    let is_renamed = kind == ReportType::User && is_about(request, &config.renamed_for);
    let mut text = row(&columns, |name, column| {
        if is_renamed && column == "CONSUMPTION" { "CONSUMED_UNITS" } else { name }.to_owned()
    });
    let usage = Usage { dice, config, request, restated: report.restated };
    for (group, sums) in usage.lines() {
        text += &row(&columns, |_, column| usage.text(column, group, sums));
    }
    text
}

fn row(columns: &[(&str, &str)], text: impl Fn(&str, &str) -> String) -> String {
    let cells = columns.iter().map(|(name, column)| cell(&text(name, column)));
    cells.collect::<Vec<_>>().join(",") + "\n"
}

/// Customer, user and place of the SKU; 0 where the type has no such column.
type Group = (u64, u64, usize);
/// Of users or workspaces: how many, and the days of all.
type Sums = (u64, u64);

struct Usage<'a> {
    dice: Dice,
    config: &'a ContentsConfig,
    request: &'a Request,
    restated: usize,
}

impl Usage<'_> {
    fn lines(&self) -> BTreeMap<Group, Sums> {
        let mut lines = BTreeMap::new();
        let (config, kind) = (self.config, self.request.report_type);
        if is_about(self.request, &config.empty_for) {
            return lines;
        }
        let customers = config.users.div_ceil(TEAM).max(1);
        let mut add = |customer: u64, user: u64, sku: usize, days: u64| {
            let group = match kind {
                ReportType::Partner => (0, 0, sku),
                ReportType::Customer => (customer, 0, sku),
                ReportType::User => (customer, user, sku),
            };
            let sums: &mut Sums = lines.entry(group).or_default();
            *sums = (sums.0 + 1, sums.1 + days);
        };
        // A restatement has one whom the first report lacked.
        for user in 0..config.users + u64::from(self.restated > 0) {
            let sku = usize::from(self.dice.bytes("package", self.org(), user)[0]) % COMMON_AREA;
            add((user / TEAM).min(customers - 1), user, sku, self.days("usage", user));
        }
        let workspaces = if kind == ReportType::User { 0 } else { config.workspaces };
        for workspace in 0..workspaces {
            let chance = self.dice.bytes("workspace", self.org(), workspace)[0];
            let days = self.days("workspace usage", workspace);
            add(u64::from(chance) % customers, 0, COMMON_AREA, days);
        }
        let is_off = kind == ReportType::Customer && is_about(self.request, &config.off_for);
        if let Some(mut first) = lines.first_entry() {
            first.get_mut().1 += u64::from(is_off);
        }
        lines
    }

    /// On how many days of the period a package was held: mostly on all of them.
    fn days(&self, purpose: &str, number: u64) -> u64 {
        let all = self.request.period.days();
        let subject = format!("{} {} {}", self.org(), self.request.period, self.request.internal);
        let first = self.dice.bytes(purpose, &subject, number);
        let restated = format!("{purpose}, restated {}", self.restated);
        let again = self.dice.bytes(&restated, &subject, number);
        let chance = if self.restated > 0 && again[0] < 40 { again } else { first };
        if chance[0] < 66 { 1 + u64::from(chance[1]) % all } else { all }
    }

    /// A cell of this column; empty without one.
    fn text(&self, column: &str, (customer, user, sku): Group, (quantity, days): Sums) -> String {
        let (dice, org, period) = (self.dice, self.org(), self.request.period);
        let digits = || dice.bytes("external id", org, customer);
        match column {
            "BILLING_START_DATE" => period.start().to_string(),
            "BILLING_END_DATE" => period.end().to_string(),
            "SUB_PARTNER_ORG_ID" => org.to_owned(),
            "CUSTOMER_ORG_ID" => dice.uuid("customer", org, customer),
            "CUSTOMER_NAME" => {
                let first = usize::from(dice.bytes("names", org, 0)[0]) % CUSTOMERS.lines().count();
                let mut names = CUSTOMERS.lines().cycle().skip(first);
                names.nth(customer as usize).unwrap_or_default().to_owned()
            }
            "CUSTOMER_EXTERNAL_ID" => format!("{:03}{:03}", digits()[0], digits()[1]),
            "USER_ID" => dice.uuid("user", org, user),
            "SKU" => SKUS[sku].0.to_owned(),
            "PRODUCT" => SKUS[sku].1.to_owned(),
            "LICENSE_ID" => {
                let license = dice.uuid("license", &format!("{org} {customer}"), sku as u64);
                BASE64_URL_SAFE_NO_PAD.encode(format!("ciscospark://us/LICENSE/{license}"))
            }
            "QUANTITY" => quantity.to_string(),
            "CONSUMPTION" => days.to_string(),
            _ => String::new(),
        }
    }

    fn org(&self) -> &str {
        self.request.sub_partner.as_ref().map_or("", |org| org.as_str())
    }
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
