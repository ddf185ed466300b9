use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    io,
    path::Path,
};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    View,
    causes::{CauseGroup, GroupBy, causes, failed, uncollected},
    rows, stdout, words,
};
use crate::{
    audit::ClosedMonth,
    ledger::{Column, Row, StatusCounts},
    output::history::{HistoryEvent, HistoryLine},
    text::one_line,
};

/// A ledger's counts, by status, type, period, cause and sub-partner.
#[derive(Default, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusView<'a> {
    /// The ledger's path.
    ledger: String,
    /// When the month was closed, and by whom; null: it is open.
    pub closed: Option<ClosedMonth>,
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
    /// For the causes, as people read them.
    #[serde(skip)]
    rows: Vec<&'a Row>,
    /// The command that shows and decides the rows in doubt.
    #[serde(skip)]
    pub resolve: Option<String>,
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

/// One count in CSV.
#[derive(Serialize, JsonSchema)]
struct StatusRow<'a> {
    by: &'static str,
    name: &'a str,
    sub_partner_org_id: Option<&'a str>,
    #[serde(flatten)]
    statuses: StatusCounts,
}

/// In columns, but for long names.
const WIDTH: usize = 100;
/// For whom a cause concerns.
const ROOM: usize = WIDTH - 16;
/// In columns: a narrower terminal shows no column that has only zeros, to have room for a UUID.
const NARROW: usize = 90;
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

impl<'a> StatusView<'a> {
    pub fn new(ledger: String, rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let rows = rows.into_iter().collect();
        let mut view = StatusView { ledger, rows, ..StatusView::default() };
        view.total = view.rows.len();
        view.by_cause =
            words::tally(view.rows.iter().filter_map(|row| Some(failed(row)?.0.to_owned())));
        let mut partners: IndexMap<_, SubPartnerCounts> = IndexMap::new();
        for row in &view.rows {
            let request = row.request();
            let partner = partners.entry(request.sub_partner.as_ref());
            partner.or_insert_with(|| SubPartnerCounts::of(row)).statuses.add(row);
            view.by_status.add(row);
            view.by_type.entry(request.report_type.to_string()).or_default().add(row);
            view.by_period.entry(request.period.to_string()).or_default().add(row);
        }
        let undone = |s: &StatusCounts| (s.failed, s.sending, s.pending);
        partners.sort_by_key(|_, partner| Reverse(undone(&partner.statuses)));
        view.sub_partners = partners.into_values().collect();
        view
    }

    fn causes(&self, cause: fn(&Row) -> Option<(&str, String)>) -> Vec<CauseGroup<'a>> {
        causes(self.rows.iter().copied(), GroupBy::Code, cause)
    }
}

impl View for StatusView<'_> {
    fn table(&self) -> String {
        let all = cells(&self.by_status);
        let is_narrow = stdout::width().is_some_and(|width| width < NARROW);
        let is_shown = |column: &usize| !is_narrow || all[*column] > 0;
        let shown: Vec<usize> = (0..COLUMNS.len()).filter(is_shown).collect();
        let header = |first| {
            let names = shown.iter().map(|column| COLUMNS[*column]);
            [first].into_iter().chain(names).collect::<Vec<&str>>()
        };
        let row = |name: &str, statuses: &StatusCounts| {
            let cells = cells(statuses);
            let counts = shown.iter().map(|column| words::grouped(cells[*column]));
            [name.to_owned()].into_iter().chain(counts).collect()
        };
        let right: Vec<usize> = (1..=shown.len()).collect();
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
        let failures = self.causes(failed);
        if !failures.is_empty() {
            out.push_str("\nFAILED\n");
        }
        for cause in &failures {
            // `monthend resolve` shows the candidates of rows in doubt.
            let (code, whom) = (one_line(cause.code), cause.whom(ROOM));
            let _ = writeln!(out, "{code}  {whom}\n{}", indented(&cause.said_briefly()));
        }
        for cause in self.causes(uncollected) {
            let (whom, said) = (cause.whom(ROOM), indented(&cause.said()));
            let _ = writeln!(out, "\nCREATED AND NOT COLLECTED\n{whom}\n{said}");
        }
        let _ = writeln!(out, "\nledger {}", self.ledger);
        if let Some(ClosedMonth { at, by }) = &self.closed {
            let _ = writeln!(out, "closed {} by {by}", words::time(*at));
        }
        if let Some(resolve) = &self.resolve {
            let why = "to see the rows in doubt with the candidates, and decide";
            let _ = writeln!(out, "\n{why}:\n  {resolve}");
        }
        out
    }

    /// A line for each count, of all rows and by each of type, period, cause and sub-partner.
    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let row = |by, name, statuses| StatusRow { by, name, sub_partner_org_id: None, statuses };
        let mut all = vec![row("all", "", self.by_status)];
        all.extend(self.by_type.iter().map(|(name, counts)| row("type", name, *counts)));
        all.extend(self.by_period.iter().map(|(name, counts)| row("period", name, *counts)));
        all.extend(self.by_cause.iter().map(|(name, failed)| {
            row("cause", name, StatusCounts { failed: *failed, ..StatusCounts::default() })
        }));
        all.extend(self.sub_partners.iter().map(|partner| {
            let org_id = partner.sub_partner_org_id.as_deref();
            let name = partner.sub_partner.as_deref().or(org_id).unwrap_or("own");
            StatusRow { sub_partner_org_id: org_id, ..row("sub_partner", name, partner.statuses) }
        }));
        rows::csv(all, out)
    }

    fn json(&self) -> serde_json::Result<String> {
        rows::json(self)
    }
}

/// None is cut off: what to do stands at its end.
fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The rows of a ledger, one by one.
pub struct RowsView<'a> {
    pub ledger: &'a Path,
    pub rows: &'a [&'a Row],
    /// The command that shows the history of a row, up to its id.
    pub history: String,
}

impl RowsView<'_> {
    pub fn table(&self) -> String {
        let folder = self.ledger.parent().unwrap_or(Path::new(""));
        let rows = self.rows.iter().map(|row| {
            let (word, code) = (row.state.word(), row.state.error_code());
            let state = match code {
                "" if row.is_collected() => "collected".to_owned(),
                "" => word.to_owned(),
                code => format!("{word} {code}"),
            };
            let file = Some(&row.collected.file).filter(|file| !file.is_empty());
            let file = file.map_or_else(String::new, |it| folder.join(it).display().to_string());
            vec![row.id().to_string(), words::name(row), state, file]
        });
        let table = words::columns(&["REQUEST ID", "NAME", "STATE", "FILE"], rows.collect(), &[]);
        let count = words::count(self.rows.len(), "row");
        let (ledger, history) = (self.ledger.display(), &self.history);
        let why = "to see the history of a row, with its REQUEST ID";
        format!("{table}\n{count}\nledger {ledger}\n\n{why}:\n  {history} REQUEST_ID\n")
    }
}

/// The life of one row: the lines of the history about it, and its state now; or what was done with the ledger.
pub struct LifeView<'a> {
    row: Option<&'a Row>,
    /// Of this row, with its commands and the pauses between its attempts; each with its fields.
    lines: Vec<(&'a HistoryLine, Value)>,
}

impl<'a> LifeView<'a> {
    pub fn new(row: &'a Row, lines: &'a [HistoryLine]) -> Self {
        let id = row.id().to_string();
        let is_about = |fields: &Value| fields["request_id"] == *id;
        let of_all_or_it = lines.iter().filter_map(|line| {
            let fields = serde_json::to_value(&line.what).ok()?;
            (fields["request_id"].is_null() || is_about(&fields)).then_some((line, fields))
        });
        let mut told: Vec<(&HistoryLine, Value)> = of_all_or_it.collect();
        let about = || told.iter().filter(|(_, fields)| is_about(fields)).map(|(line, _)| line);
        let runs: HashSet<&str> = about().map(|line| &*line.run).collect();
        let first = about().map(|line| line.at).min();
        let last = about().map(|line| line.at).max();
        told.retain(|(line, fields)| {
            let is_between = (first..=last).contains(&Some(line.at));
            let is_end = matches!(line.what, HistoryEvent::Run(_) | HistoryEvent::End(_));
            is_about(fields) || (runs.contains(&*line.run) && (is_between || is_end))
        });
        told.sort_by_key(|(line, _)| line.at);
        LifeView { row: Some(row), lines: told }
    }

    /// The commands, and what people decided.
    pub fn of_ledger(lines: &'a [HistoryLine]) -> Self {
        const KINDS: [&str; 6] =
            ["run", "end", "resolve", "accepted_difference", "closed", "reopened"];
        let all =
            lines.iter().filter_map(|line| Some((line, serde_json::to_value(&line.what).ok()?)));
        let told = all.filter(|(_, event)| KINDS.contains(&kind(event)));
        LifeView { row: None, lines: told.collect() }
    }

    /// A line for each line of the history: time, kind and fields.
    pub fn text(&self) -> String {
        let Some(row) = self.row else {
            return self.commands();
        };
        let mut out = format!("{}  {}\n", row.id(), one_line(&words::name(row)));
        if self.lines.is_empty() {
            out.push_str("the history says nothing of it\n");
        }
        for (line, event) in &self.lines {
            let (at, kind) = (words::time(line.at), kind(event));
            out.push_str(&format!("{at}  {kind:<13}  {}\n", fields(event)));
        }
        let columns = Column::ALL.into_iter().skip_while(|column| *column != Column::Status);
        let cell = |column: Column| (column.name().to_owned(), column.text(row).into());
        let now = Value::Object(columns.map(cell).collect());
        out.push_str(&format!("now: {}\n", fields(&now)));
        out
    }

    /// A line for each command and decision. How a command ended stands in its own line.
    fn commands(&self) -> String {
        let (ends, others): (Vec<_>, Vec<_>) =
            self.lines.iter().partition(|(_, event)| kind(event) == "end");
        let lines = others.into_iter().map(|(line, event)| {
            let end = ends.iter().find(|(end, _)| end.run == line.run);
            let end = end.map_or_else(String::new, |(_, end)| fields(end));
            let request_id = event["request_id"].as_str().unwrap_or_default();
            let said = one_line(&[request_id, &fields(event), &end].join(" "));
            format!("{}  {:<19}  {said}\n", words::time(line.at), kind(event))
        });
        lines.collect()
    }

    pub fn json(&self) -> serde_json::Result<String> {
        let lines: Vec<&HistoryLine> = self.lines.iter().map(|(line, _)| *line).collect();
        rows::json(&lines)
    }
}

fn kind(event: &Value) -> &str {
    event["kind"].as_str().unwrap_or_default()
}

/// `outcome=created report_id=…`, without what is empty. On one line: anybody can write the file.
fn fields(of: &Value) -> String {
    let mut out = Vec::new();
    for (name, value) in of.as_object().into_iter().flatten() {
        let is_said = matches!(&**name, "kind" | "request_id") || is_empty(value);
        match value {
            _ if is_said => {}
            Value::Object(_) => out.push(fields(value)),
            Value::String(text) if !text.contains([' ', '"', '=']) => {
                out.push(format!("{name}={text}"));
            }
            value => out.push(format!("{name}={value}")),
        }
    }
    one_line(&out.join(" "))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
