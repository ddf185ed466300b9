//! What `monthend units` shows: the billable units of each request and group, and the totals of each period.

use std::{collections::BTreeMap, io};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{
    View,
    missing_files::{missing_lines, write_missing},
    rows, words,
};
use crate::{
    audit::{MissingFile, UnitGroup, UnitsFound, request_values},
    manifest::{REQUEST_COLUMNS, UnitsRule},
    tables::{TableColumn, TableWriter},
    text::one_line,
};
use reconcile::{Amount, UnitTotals};
use request::{OrgId, Period, who};

/// Groups in the table; csv, json and files have all.
const SHOWN: usize = 100;

pub struct UnitsView<'a> {
    pub rule: &'a UnitsRule,
    pub found: &'a UnitsFound<'a>,
    pub notes: &'a [String],
    pub exit_code: u8,
}

/// What `monthend units --format json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitsJson<'a> {
    /// Each request and group: by plan, then by group.
    #[serde(serialize_with = "groups_json")]
    #[schemars(with = "Vec<GroupJson<'a>>")]
    units: &'a UnitsView<'a>,
    /// Each period, by date.
    totals: Vec<UnitTotalJson>,
    /// Files that are left out: missing, changed, or not collected.
    missing_files: &'a [MissingFile],
    /// What else there is to know, a sentence each.
    notes: &'a [String],
    /// 0: all files and cells could be read; 1: not.
    exit_code: u8,
}

/// Groups one after the other: all of them at once may be gigabytes.
fn groups_json<S: Serializer>(view: &UnitsView<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(view.found.groups().map(|group| group_json(&view.rule.at, group)))
}

/// One group of the rows of a request.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Group", deny_unknown_fields)]
struct GroupJson<'a> {
    /// The label; null where there is none.
    sub_partner: Option<&'a str>,
    /// The id; null for the partner itself.
    sub_partner_org_id: Option<&'a str>,
    /// First day, YYYY-MM-DD.
    period_start: String,
    /// Last day, included.
    period_end: String,
    /// Its cells in the columns of `units.at`.
    group: BTreeMap<&'a str, String>,
    /// The sum of its cells, as a decimal; null if one of them is not a number.
    usage: Option<String>,
    /// What the usage is divided by.
    divisor: String,
    /// The quotient, with at most six decimals.
    exact: Option<String>,
    /// The true quotient, rounded as `units.round` says.
    units: Option<String>,
}

/// The totals of one period.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Totals", deny_unknown_fields)]
struct UnitTotalJson {
    /// First day, YYYY-MM-DD.
    period_start: String,
    /// Last day, included.
    period_end: String,
    /// The sum of the usage.
    usage: String,
    /// Its quotient, with at most six decimals.
    exact: String,
    /// The sum of the units.
    units: String,
    /// What rounding added: units minus exact.
    rounding: String,
    /// How many groups could be read.
    groups: u64,
    /// In how many of them rounding changed something.
    rounded: u64,
    /// How many groups could not be read; they are in none of the sums.
    unreadable: u64,
}

fn group_json<'g>(at: &'g [String], group: UnitGroup<'g>) -> GroupJson<'g> {
    let request = &group.planned.request;
    let [usage, exact, units] = group.amounts().map(|amount| amount.map(Amount::to_string));
    GroupJson {
        sub_partner: group.planned.label.as_deref(),
        sub_partner_org_id: request.sub_partner.as_ref().map(OrgId::as_str),
        period_start: request.period.start().to_string(),
        period_end: request.period.end().to_string(),
        group: at.iter().map(String::as_str).zip(group.cells).collect(),
        usage,
        divisor: group.divisor.to_string(),
        exact,
        units,
    }
}

fn total_json((period, totals): &(Period, UnitTotals)) -> UnitTotalJson {
    UnitTotalJson {
        period_start: period.start().to_string(),
        period_end: period.end().to_string(),
        usage: totals.usage.to_string(),
        exact: totals.exact.to_string(),
        units: totals.units.to_string(),
        rounding: totals.rounding.to_string(),
        groups: totals.groups,
        rounded: totals.rounded,
        unreadable: totals.unreadable,
    }
}

impl UnitsView<'_> {
    /// A table of all groups; in a workbook the totals follow on a sheet of their own.
    pub fn write(&self, out: &mut TableWriter<'_>) -> io::Result<()> {
        let [label, org, start, end] = REQUEST_COLUMNS;
        let mut columns = vec![TableColumn::text(label), TableColumn::text(org)];
        columns.extend([start, end].map(TableColumn::date));
        columns.extend(self.rule.at.iter().map(TableColumn::text));
        columns.extend(["usage", "divisor", "exact", "units"].map(TableColumn::number));
        out.begin(self.rule.report_type.as_str(), columns)?;
        for group in self.found.groups() {
            let [usage, exact, units] = group.amounts().map(text);
            let figures = [usage, group.divisor.to_string(), exact, units];
            out.row(request_values(group.planned).iter().chain(&group.cells).chain(&figures))?;
        }
        if out.has_sheets() {
            self.write_totals(out)?;
        }
        write_missing(&self.found.missing, out)
    }

    fn write_totals(&self, out: &mut TableWriter<'_>) -> io::Result<()> {
        let mut columns = ["period_start", "period_end"].map(TableColumn::date).to_vec();
        let figures = ["usage", "exact", "units", "rounding", "groups", "rounded", "unreadable"];
        columns.extend(figures.map(TableColumn::number));
        out.begin("totals", columns)?;
        for (period, totals) in self.found.totals() {
            let days = [period.start(), period.end()].map(|day| day.to_string());
            let counts = [totals.groups, totals.rounded, totals.unreadable];
            let counts = counts.map(|count| count.to_string());
            out.row(days.into_iter().chain(words::unit_amounts(&totals)).chain(counts))?;
        }
        Ok(())
    }

    fn group_table(&self) -> String {
        let mut header = vec!["SUB-PARTNER".to_owned(), "PERIOD".to_owned()];
        header.extend(self.rule.at.iter().map(|name| one_line(name)));
        let first = header.len();
        header.extend(["USAGE", "EXACT", "UNITS"].map(str::to_owned));
        let mut groups = self.found.groups();
        let shown = groups.by_ref().take(SHOWN).map(|group| {
            let request = &group.planned.request;
            let org = request.sub_partner.as_ref().map(OrgId::as_str);
            let who = words::shortened(who(group.planned.label.as_deref(), org));
            let mut cells = vec![who, request.period.to_string()];
            cells.extend(group.cells.iter().map(|cell| words::shortened(cell)));
            cells.extend(group.amounts().map(|it| it.map_or("-".to_owned(), Amount::to_string)));
            cells
        });
        let shown: Vec<Vec<String>> = shown.collect();
        if shown.is_empty() {
            return String::new();
        }
        let table = words::figures(&header, shown, first..header.len());
        let hint = "--format csv or json, and -o FILE have all";
        format!("{table}{}\n", words::more(groups.count(), "group", hint))
    }
}

fn text(amount: Option<&Amount>) -> String {
    amount.map_or_else(String::new, Amount::to_string)
}

fn totals_table(totals: &[(Period, UnitTotals)]) -> String {
    let header = ["TOTAL", "USAGE", "EXACT", "UNITS", "ROUNDING", "GROUPS", "ROUNDED"];
    let rows = totals.iter().map(|(period, totals)| {
        let mut cells = vec![period.to_string()];
        cells.extend(words::unit_amounts(totals));
        cells.extend([totals.groups, totals.rounded].map(|n| words::grouped(n as usize)));
        cells
    });
    words::figures(&header, rows.collect(), 1..header.len())
}

impl View for UnitsView<'_> {
    fn table(&self) -> String {
        let mut out = self.group_table();
        let periods = self.found.totals();
        if !periods.is_empty() {
            out.push_str(&totals_table(&periods));
            out.push('\n');
        }
        out.push_str(&missing_lines(&self.found.missing));
        out.push_str(&words::notes(self.notes));
        for (period, UnitTotals { units, rounding, groups, rounded, unreadable, .. }) in &periods {
            let groups = words::count(*groups as usize, "group");
            let unread = match unreadable {
                0 => String::new(),
                n => format!("; {} cannot be read", words::count(*n as usize, "group")),
            };
            out.push_str(&format!(
                "{period}: {units} units; rounding added {rounding} in {rounded} of {groups}{unread}\n"
            ));
        }
        if periods.is_empty() {
            out.push_str("no file was read\n");
        }
        out
    }

    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut out = TableWriter::csv(out);
        self.write(&mut out)?;
        out.finish()
    }

    fn json(&self) -> serde_json::Result<String> {
        rows::json(&UnitsJson {
            units: self,
            totals: self.found.totals().iter().map(total_json).collect(),
            missing_files: &self.found.missing,
            notes: self.notes,
            exit_code: self.exit_code,
        })
    }
}
