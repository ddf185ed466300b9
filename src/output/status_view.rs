use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _};

use foldhash::HashMap;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::{
    causes::{CauseGroup, GroupBy, causes, failed, uncollected},
    words, wrap,
};
use crate::{
    ledger::{Row, State, StatusCounts, neutralise},
    text::one_line,
};
use request::who;

/// A ledger's counts, by status, type, period, cause and sub-partner.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusView {
    /// The ledger's path.
    ledger: String,
    /// The rows that are counted.
    total: usize,
    /// All of them.
    by_status: StatusCounts,
    /// By report type.
    by_type: BTreeMap<String, StatusCounts>,
    /// By period: `2026-09`, or its first and last day.
    by_period: BTreeMap<String, StatusCounts>,
    /// Failed rows by their `error_code`.
    by_cause: BTreeMap<String, usize>,
    /// Those that failed most first.
    sub_partners: Vec<SubPartnerCounts>,
    /// Causes with whom they concern and what was said.
    #[serde(skip)]
    concerned: Vec<Concern>,
    /// The same of created reports whose files are not there.
    #[serde(skip)]
    uncollected: Vec<Concern>,
}

/// A cause, as people read it.
#[derive(Debug, Clone, PartialEq)]
struct Concern {
    code: String,
    whom: String,
    /// A line for each message.
    said: Vec<String>,
}

/// One sub-partner's counts, or those of the partner itself.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(rename = "SubPartner")]
struct SubPartnerCounts {
    /// Its id; null for the partner itself.
    sub_partner_org_id: Option<String>,
    /// Its label; null where it has none.
    sub_partner: Option<String>,
    #[serde(flatten)]
    statuses: StatusCounts,
    /// As people read it.
    #[serde(skip)]
    who: String,
}

pub fn status_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<StatusView>();
    schema.insert("title".to_owned(), "monthend status".into());
    schema.to_value()
}

/// In columns, but for long names.
const WIDTH: usize = 100;
const COLUMNS: [&str; 6] = ["CREATED", "COLLECTED", "EMPTY", "FAILED", "PENDING", "SENDING"];
const SHOWN: usize = 10;

/// In the order of [`COLUMNS`].
fn cells(counts: &StatusCounts) -> [usize; COLUMNS.len()] {
    let StatusCounts { created, failed, pending, sending, collected, empty } = *counts;
    [created, collected, empty, failed, pending, sending]
}

impl SubPartnerCounts {
    fn of(row: &Row) -> Self {
        let org_id = row.request().sub_partner.as_ref();
        SubPartnerCounts {
            sub_partner_org_id: org_id.map(ToString::to_string),
            sub_partner: row.label.as_deref().map(ToOwned::to_owned),
            statuses: StatusCounts::default(),
            who: words::who(row),
        }
    }
}

impl StatusView {
    pub fn new<'a>(ledger: String, rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut view = StatusView {
            ledger,
            total: 0,
            by_status: StatusCounts::default(),
            by_type: BTreeMap::new(),
            by_period: BTreeMap::new(),
            by_cause: BTreeMap::new(),
            sub_partners: Vec::new(),
            concerned: Vec::new(),
            uncollected: Vec::new(),
        };
        let rows: Vec<&Row> = rows.into_iter().collect();
        let mut places: HashMap<_, usize> = HashMap::default();
        let mut types: BTreeMap<_, StatusCounts> = BTreeMap::new();
        let mut periods: BTreeMap<_, StatusCounts> = BTreeMap::new();
        for row in &rows {
            let place = *places.entry(row.request().sub_partner.as_ref()).or_insert_with(|| {
                view.sub_partners.push(SubPartnerCounts::of(row));
                view.sub_partners.len() - 1
            });
            view.sub_partners[place].statuses.add(row);
            view.total += 1;
            view.by_status.add(row);
            let request = row.request();
            let by_type = types.entry(request.report_type);
            by_type.or_default().add(row);
            let by_period = periods.entry(request.period);
            by_period.or_default().add(row);
            if matches!(row.state, State::Failed { .. } | State::InDoubt { .. }) {
                let code = row.state.error_code().to_owned();
                *view.by_cause.entry(code).or_default() += 1;
            }
        }
        view.by_type = types.iter().map(|(t, s)| (t.to_string(), *s)).collect();
        view.by_period = periods.iter().map(|(p, s)| (p.to_string(), *s)).collect();
        let undone = |s: &StatusCounts| (s.failed, s.sending, s.pending);
        view.sub_partners.sort_by_key(|partner| Reverse(undone(&partner.statuses)));
        let concern = |cause: &CauseGroup<'_>, said| Concern {
            code: one_line(cause.code),
            whom: cause.whom(WIDTH - 16),
            said,
        };
        let causes_of = |cause: fn(&Row) -> Option<(&str, String)>| {
            causes(rows.iter().copied(), GroupBy::Code, cause)
        };
        // `monthend resolve` shows the candidates of rows in doubt.
        let (concerned, uncollected) = (causes_of(failed), causes_of(uncollected));
        let concerned = concerned.iter();
        let concerned = concerned.map(|cause| concern(cause, cause.said_briefly()));
        view.concerned = concerned.collect();
        let uncollected = uncollected.iter();
        view.uncollected = uncollected.map(|cause| concern(cause, cause.said())).collect();
        view
    }

    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// A line for each count, of all rows and by each of type, period, cause and sub-partner.
    pub fn csv(&self) -> csv::Result<String> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record([
            "by",
            "name",
            "sub_partner_org_id",
            "created",
            "failed",
            "pending",
            "sending",
            "collected",
            "empty",
        ])?;
        let mut line = |by: &str, name: &str, org_id: &str, s: &StatusCounts| {
            let counts = [s.created, s.failed, s.pending, s.sending, s.collected, s.empty];
            let (name, org_id) = (neutralise(name), neutralise(org_id));
            let cells = [by.to_owned(), name.into_owned(), org_id.into_owned()];
            out.write_record(cells.into_iter().chain(counts.map(|n| n.to_string())))
        };
        line("all", "", "", &self.by_status)?;
        for (name, statuses) in &self.by_type {
            line("type", name, "", statuses)?;
        }
        for (name, statuses) in &self.by_period {
            line("period", name, "", statuses)?;
        }
        for (name, failed) in &self.by_cause {
            let failed = StatusCounts { failed: *failed, ..StatusCounts::default() };
            line("cause", name, "", &failed)?;
        }
        for partner in &self.sub_partners {
            let (label, org_id) = (&partner.sub_partner, &partner.sub_partner_org_id);
            let name = who(label.as_deref(), org_id.as_deref());
            let org_id = org_id.as_deref().unwrap_or_default();
            line("sub_partner", name, org_id, &partner.statuses)?;
        }
        words::csv_text(out)
    }

    pub fn table(&self) -> String {
        let header = |first| [&[first], &COLUMNS[..]].concat();
        let row = |name: &str, statuses: &StatusCounts| {
            [vec![name.to_owned()], cells(statuses).map(words::grouped).to_vec()].concat()
        };
        let right: Vec<usize> = (1..=COLUMNS.len()).collect();
        let block = |first, rows: Vec<Vec<String>>| words::columns(&header(first), rows, &right);
        let lines =
            |of: &BTreeMap<String, StatusCounts>| of.iter().map(|(name, s)| row(name, s)).collect();
        let mut out = block("ALL", vec![row(&words::count(self.total, "row"), &self.by_status)]);
        out.push('\n');
        out.push_str(&block("TYPE", lines(&self.by_type)));
        out.push('\n');
        out.push_str(&block("PERIOD", lines(&self.by_period)));
        let of = self.sub_partners.iter().take(SHOWN);
        let of = of.map(|partner| row(&partner.who, &partner.statuses));
        out.push('\n');
        out.push_str(&block("SUB-PARTNER", of.collect()));
        let more = self.sub_partners.len().saturating_sub(SHOWN);
        out.push_str(&words::more(more, "sub-partner", "--sub-partner shows one of them"));
        if !self.concerned.is_empty() {
            out.push_str("\nFAILED\n");
        }
        for Concern { code, whom, said } in &self.concerned {
            let _ = writeln!(out, "{code}  {whom}\n{}", indented(said));
        }
        for Concern { whom, said, .. } in &self.uncollected {
            let _ = writeln!(out, "\nCREATED AND NOT COLLECTED\n{whom}\n{}", indented(said));
        }
        let _ = writeln!(out, "\nledger {}", self.ledger);
        out
    }
}

/// None is cut off: what to do stands at its end.
fn indented(lines: &[String]) -> String {
    let lines = lines.iter();
    let lines = lines.map(|line| wrap::wrapped(&format!("  {line}"), WIDTH));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_schema_is_up_to_date() {
        crate::tests::is_checked_in("status", &status_schema());
    }
}
