//! What `monthend reconcile` shows: classes, sums and keys of each entry and period.

use std::{collections::BTreeMap, io, sync::Arc};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{
    View,
    acceptance::{AcceptedJson, accept_lines, acceptance_text, reason_in_force},
    missing_files::missing_lines,
    rows, words,
};
use crate::{
    audit::{Acceptances, ListOutcome, MissingFile},
    manifest::{OtherSide, ReconcileEntry, UNITS},
    tables::{TableColumn, TableWriter},
    text::{named_phrases, one_line},
};
use reconcile::{Amount, Class, Difference, DifferenceId, Figures, NumberFormat, Side};

/// At most so many keys of a class, and so many unreadable cells, are in a table; csv and json have all.
const SHOWN: usize = 10;

#[derive(Clone, Copy)]
pub struct ReconcileView<'a> {
    /// By entry, then by period.
    pub outcomes: &'a [&'a ListOutcome<'a>],
    /// Whether keys that are matched are shown.
    pub with_matched: bool,
    pub notes: &'a [String],
    pub acceptances: &'a Acceptances,
    /// `monthend accept`, up to `--id`; `None`: nothing can be accepted any more.
    pub accept: Option<&'a str>,
    /// What to do next, and the command.
    pub next: Option<(&'a str, &'a str)>,
    pub exit_code: u8,
}

/// What `monthend reconcile --format json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileJson<'a> {
    /// Each entry and period.
    lists: Vec<ListJson<'a>>,
    /// What else there is to know, a sentence each.
    notes: &'a [String],
    /// 0: all agree; 1: differences, or files that are left out.
    exit_code: u8,
}

/// One entry in one period.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "List", deny_unknown_fields)]
struct ListJson<'a> {
    /// The name of the entry.
    name: &'a str,
    /// The type whose files are compared.
    report: &'static str,
    /// First day, YYYY-MM-DD.
    period_start: String,
    /// Last day, included.
    period_end: String,
    /// Files that are left out: missing, changed, or not collected.
    missing_files: &'a [MissingFile],
    /// What else there is to know, a sentence each.
    notes: &'a [String],
    /// How many keys are in each class.
    counts: BTreeMap<&'static str, u64>,
    /// Over every cell that can be read, by the report's column.
    sums: BTreeMap<&'a str, FiguresJson>,
    /// By class, then by key; those that are `matched` only with `--all`.
    #[serde(serialize_with = "keys_json")]
    #[schemars(with = "Vec<KeyJson<'a>>")]
    differences: (ReconcileView<'a>, &'a ListOutcome<'a>),
}

/// Keys one after the other: all of them at once may be gigabytes.
fn keys_json<S: Serializer>(
    (view, outcome): &(ReconcileView<'_>, &ListOutcome<'_>),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(view.keys(outcome).map(|key| key_json(outcome, key, view.acceptances)))
}

/// One key.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Key")]
#[schemars(deny_unknown_fields)]
struct KeyJson<'a> {
    /// `d` and 16 hexadecimal digits: the same in every run, as long as the figures are.
    id: String,
    /// How it compares: `differs`, `only_in_list` and so on.
    class: &'static str,
    /// The cells of the key, by the report's columns.
    key: BTreeMap<&'a str, String>,
    /// The numbers, by the report's column.
    values: BTreeMap<&'a str, FiguresJson>,
    /// How many rows have the key.
    rows: RowsJson,
    /// Cells that cannot be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<CellJson<'a>>,
    #[serde(flatten)]
    acceptance: AcceptedJson<'a>,
}

/// Decimals; null where the side lacks the key, or a cell cannot be read.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Figures", deny_unknown_fields)]
struct FiguresJson {
    /// Of the report.
    report: Option<String>,
    /// Of the other side.
    list: Option<String>,
    /// Report minus list.
    difference: Option<String>,
    /// True where the two may differ only because units were rounded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rounding: bool,
}

/// How many rows of each side have the key.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Rows", deny_unknown_fields)]
struct RowsJson {
    /// Of the report.
    report: u64,
    /// Of the other side.
    list: u64,
}

/// A cell that cannot be read.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Cell", deny_unknown_fields)]
struct CellJson<'a> {
    /// The file that it is in.
    file: &'a str,
    /// From 1, with the header and what comes before it.
    line: u64,
    /// The column's name; null: all cells of the key are empty.
    column: Option<&'a str>,
    /// Why it cannot be read.
    reason: String,
}

impl View for ReconcileView<'_> {
    fn table(&self) -> String {
        let mut out = String::new();
        for outcome in self.outcomes {
            out.push_str(&self.section(outcome));
            out.push('\n');
        }
        out.push_str(&words::notes(self.notes));
        let all: usize = self.outcomes.iter().map(|it| it.outcome.differences().len()).sum();
        let counts = self.outcomes.iter().map(|it| it.accepted_of(self.acceptances).all() as usize);
        let accepted: usize = counts.sum();
        let differ = all - accepted;
        let missing: usize = self.outcomes.iter().map(|it| it.missing.len()).sum();
        let compared = words::count(self.outcomes.len(), "comparison");
        let mut rest = String::new();
        if accepted > 0 {
            rest.push_str(&format!(", {} accepted", words::grouped(accepted)));
        }
        if missing > 0 {
            rest.push_str(&format!(", {} left out", words::count(missing, "file")));
        }
        out.push_str(&match differ {
            0 if rest.is_empty() => format!("{compared}: all agree\n"),
            0 => format!("{compared}: no differences{rest}\n"),
            n => format!("{compared}: {}{rest}\n", words::count(n, "difference")),
        });
        if let Some(command) = self.accept {
            out.push_str(&accept_lines(command, &self.first_ids(), differ, "--format json has"));
        }
        if let Some((why, command)) = self.next {
            out.push_str(&format!("\n{why}:\n  {command}\n"));
        }
        out
    }

    /// Of the first entry: others have other columns.
    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let Some(first) = self.outcomes.first() else { return Ok(()) };
        let mut out = TableWriter::csv(out);
        self.write(first.entry, &mut out)?;
        out.finish()
    }

    fn json(&self) -> serde_json::Result<String> {
        rows::json(&ReconcileJson {
            lists: self.outcomes.iter().map(|it| self.list_json(it)).collect(),
            notes: self.notes,
            exit_code: self.exit_code,
        })
    }
}

fn number_columns(entry: &ReconcileEntry) -> impl Iterator<Item = &str> {
    entry.compare.iter().map(|pair| pair.report.as_str())
}

fn key_columns(entry: &ReconcileEntry) -> impl Iterator<Item = &str> {
    entry.key.iter().map(|pair| pair.report.as_str())
}

/// Those of the report and the list, and their difference; `absent` where there is none.
pub(super) fn figure_texts(of: &Figures, absent: &str) -> [String; 3] {
    let text = |amount: &Option<Amount>| {
        amount.as_ref().map_or_else(|| absent.to_owned(), Amount::to_string)
    };
    [&of.report, &of.list, &of.difference].map(text)
}

fn table_columns(entry: &ReconcileEntry) -> Vec<TableColumn> {
    let mut columns = ["class", "id"].map(TableColumn::text).to_vec();
    columns.extend(["period_start", "period_end"].map(TableColumn::date));
    columns.extend(key_columns(entry).map(TableColumn::text));
    for column in number_columns(entry) {
        let ends = ["report", "list", "difference"];
        columns.extend(ends.map(|end| TableColumn::number(format!("{column}_{end}"))));
        if column == UNITS {
            columns.push(TableColumn::text(format!("{column}_rounding")));
        }
    }
    columns.extend(["rows_report", "rows_list"].map(TableColumn::number));
    columns.push(TableColumn::text("accepted"));
    columns
}

fn line(outcome: &ListOutcome<'_>, key: Difference, acceptances: &Acceptances) -> Vec<String> {
    let (period, id) = (outcome.period, outcome.id(&key));
    let mut cells = vec![
        key.class.to_string(),
        id.to_string(),
        period.start().to_string(),
        period.end().to_string(),
    ];
    let is_rounding = outcome.is_rounding(&key);
    cells.extend(key.key);
    for (column, figures) in number_columns(outcome.entry).zip(&key.figures) {
        cells.extend(figure_texts(figures, ""));
        if column == UNITS {
            cells.push(if is_rounding { "rounding" } else { "" }.to_owned());
        }
    }
    let accepted = reason_in_force(acceptances.get(id).map(Arc::as_ref)).unwrap_or_default();
    cells.extend([key.rows_report.to_string(), key.rows_list.to_string(), accepted.to_owned()]);
    cells
}

impl<'a> ReconcileView<'a> {
    /// Adds a table of the keys of an entry in all its periods; a header alone where none is shown.
    pub fn write(&self, entry: &ReconcileEntry, out: &mut TableWriter<'_>) -> io::Result<()> {
        out.begin(&entry.name, table_columns(entry))?;
        for outcome in self.outcomes.iter().filter(|it| it.entry.name == entry.name) {
            for key in self.keys(outcome) {
                out.row(line(outcome, key, self.acceptances))?;
            }
        }
        Ok(())
    }

    /// Of the first differences that count. Nobody has read what is unreadable: it is for correction.
    fn first_ids(&self) -> Vec<DifferenceId> {
        let keys = self.outcomes.iter().flat_map(|it| {
            let readable = it.outcome.differences().filter(|key| key.class != Class::Unreadable);
            readable.map(|key| it.id(&key))
        });
        keys.filter(|id| self.acceptances.in_force(*id).is_none()).take(SHOWN).collect()
    }

    fn keys(&self, outcome: &'a ListOutcome<'a>) -> impl Iterator<Item = Difference> + use<'a> {
        let matched = self.with_matched.then(|| outcome.outcome.matched());
        outcome.outcome.differences().chain(matched.into_iter().flatten())
    }

    fn list_json(&self, outcome: &'a ListOutcome<'a>) -> ListJson<'a> {
        let sums =
            number_columns(outcome.entry).zip(outcome.outcome.sums()).map(|(column, sums)| {
                let figures = FiguresJson {
                    report: Some(sums.report.to_string()),
                    list: Some(sums.list.to_string()),
                    difference: Some(sums.difference().to_string()),
                    rounding: false,
                };
                (column, figures)
            });
        let counts = Class::ALL.map(|class| (class.as_str(), outcome.outcome.count(class)));
        ListJson {
            name: &outcome.entry.name,
            report: outcome.entry.report_type.as_str(),
            period_start: outcome.period.start().to_string(),
            period_end: outcome.period.end().to_string(),
            missing_files: &outcome.missing,
            notes: &outcome.notes,
            counts: counts.into(),
            sums: sums.collect(),
            differences: (*self, outcome),
        }
    }

    fn section(&self, outcome: &'a ListOutcome<'a>) -> String {
        let entry = outcome.entry;
        let files = words::count(outcome.files_of(Side::Report), "file");
        let other = one_line(&outcome.other_side());
        let mut out = format!(
            "{}: {} {} ({files}) and {other}\n",
            entry.name, entry.report_type, outcome.period
        );
        let accepted = outcome.accepted_of(self.acceptances);
        let counts = Class::ALL.into_iter().filter_map(|class| {
            let count = outcome.outcome.count(class);
            let accepted = match accepted.of(class) {
                0 => String::new(),
                n => format!(" ({} accepted)", words::grouped(n as usize)),
            };
            (count > 0 || class == Class::Matched)
                .then(|| format!("{} {class}{accepted}", words::grouped(count as usize)))
        });
        out.push_str(&format!("  {}\n", counts.collect::<Vec<_>>().join(", ")));
        for (column, sums) in number_columns(outcome.entry).zip(outcome.outcome.sums()) {
            let difference = sums.difference();
            out.push_str(&format!(
                "  {}: report {}, list {}, difference {difference}\n",
                one_line(column),
                sums.report,
                sums.list
            ));
        }
        out.push_str(&missing_lines(&outcome.missing));
        out.push_str(&words::notes(&outcome.notes));
        out.push_str(&self.key_table(outcome));
        out
    }

    fn key_table(&self, outcome: &'a ListOutcome<'a>) -> String {
        let mut header: Vec<String> = vec!["CLASS".to_owned()];
        header.extend(key_columns(outcome.entry).map(one_line));
        let first_number = header.len();
        for pair in &outcome.entry.compare {
            let list = if pair.list == pair.report { "LIST" } else { pair.list.as_str() };
            header.extend([one_line(&pair.report), one_line(list), "DIFFERENCE".to_owned()]);
        }
        header.push("ROWS".to_owned());
        let right: Vec<usize> = (first_number..header.len()).collect();
        // The last column has `rounding` and `accepted`, where they apply.
        header.extend(["ID".to_owned(), String::new()]);
        let mut cells = Vec::new();
        let mut unreadable = Vec::new();
        let mut has_unread_list = false;
        let mut shown: BTreeMap<Class, usize> = BTreeMap::new();
        let mut said = Vec::new();
        for key in self.keys(outcome) {
            let count = shown.entry(key.class).or_default();
            *count += 1;
            let mut of_list = key.unreadable.iter().filter(|cell| cell.side == Side::List);
            has_unread_list |= of_list.any(|cell| cell.number.is_some());
            if *count <= SHOWN {
                unreadable.extend(cell_texts(outcome, &key));
                let id = outcome.id(&key);
                cells.push(table_cells(outcome, &key, self.acceptances.in_force(id).is_some()));
                let acceptance = self.acceptances.get(id).filter(|_| key.class != Class::Matched);
                said.extend(acceptance.map(|it| format!("  {id} {}\n", acceptance_text(it))));
            }
        }
        if cells.is_empty() {
            return String::new();
        }
        let mut out = "\n".to_owned() + &words::columns(&header, cells, &right);
        for (class, count) in shown {
            if count > SHOWN {
                let more = words::grouped(count - SHOWN);
                out.push_str(&format!(
                    "… and {more} more {class} (--format json and -o FILE have all)\n"
                ));
            }
        }
        said.iter().for_each(|line| out.push_str(line));
        if !unreadable.is_empty() {
            let all = unreadable.len();
            let named = named_phrases(unreadable.iter().take(SHOWN), all);
            out.push_str(&format!("cannot be read: {named}\n"));
            if let OtherSide::List(list) = &outcome.entry.with
                && list.format != NumberFormat::Comma
                && has_unread_list
            {
                out.push_str(
                    "if the decimal mark of the list is a comma, write `decimal: \",\"` for it\n",
                );
            }
        }
        out
    }
}

fn table_cells(outcome: &ListOutcome<'_>, key: &Difference, is_accepted: bool) -> Vec<String> {
    let mut cells = vec![key.class.to_string()];
    cells.extend(key.key.iter().map(|cell| words::shortened(cell)));
    cells.extend(key.figures.iter().flat_map(|it| figure_texts(it, "-")));
    cells.push(format!("{}/{}", key.rows_report, key.rows_list));
    cells.push(outcome.id(key).to_string());
    let marks = [(outcome.is_rounding(key), "rounding"), (is_accepted, "accepted")];
    let marks: Vec<&str> = marks.iter().filter(|it| it.0).map(|it| it.1).collect();
    cells.push(marks.join(" "));
    cells
}

fn unreadable_cells<'a>(outcome: &'a ListOutcome<'a>, key: &Difference) -> Vec<CellJson<'a>> {
    let cells = key.unreadable.iter().map(|cell| CellJson {
        file: outcome.file(cell.side, cell.file),
        line: cell.line,
        column: cell.number.and_then(|number| outcome.entry.compare.get(number)).map(|pair| {
            if cell.side == Side::Report { pair.report.as_str() } else { pair.list.as_str() }
        }),
        reason: match cell.number {
            Some(_) => cell.why.to_string(),
            None => "all cells of the key are empty".to_owned(),
        },
    });
    cells.collect()
}

/// `crm.csv line 9, days: not a number`
pub(super) fn cell_texts(outcome: &ListOutcome<'_>, key: &Difference) -> Vec<String> {
    let texts = unreadable_cells(outcome, key).into_iter().map(|cell| {
        let column = cell.column.map_or(String::new(), |column| format!(", {}", one_line(column)));
        format!("{} line {}{column}: {}", one_line(cell.file), cell.line, cell.reason)
    });
    texts.collect()
}

fn key_json<'a>(
    outcome: &'a ListOutcome<'a>,
    key: Difference,
    acceptances: &'a Acceptances,
) -> KeyJson<'a> {
    let id = outcome.id(&key);
    let is_rounding = outcome.is_rounding(&key);
    let written = |amount: &Option<Amount>| amount.as_ref().map(Amount::to_string);
    let values = number_columns(outcome.entry).zip(&key.figures).map(|(column, it)| {
        let figures = FiguresJson {
            report: written(&it.report),
            list: written(&it.list),
            difference: written(&it.difference),
            rounding: is_rounding && column == UNITS,
        };
        (column, figures)
    });
    KeyJson {
        id: id.to_string(),
        class: key.class.as_str(),
        values: values.collect(),
        rows: RowsJson { report: key.rows_report, list: key.rows_list },
        unreadable: unreadable_cells(outcome, &key),
        acceptance: acceptances.get(id).map(Arc::as_ref).into(),
        key: key_columns(outcome.entry).zip(key.key).collect(),
    }
}
