//! The life of one row: the lines of the history about it, and its state now.

use std::collections::HashSet;

use serde_json::Value;

use super::{rows, words};
use crate::{
    ledger::{Column, Row},
    output::history::{HistoryEvent, HistoryLine},
    text::one_line,
};

pub struct LifeView<'a> {
    row: &'a Row,
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
        told.retain(|(line, fields)| match line.what {
            HistoryEvent::Run(_) | HistoryEvent::End(_) => runs.contains(&*line.run),
            HistoryEvent::Pause { .. } | HistoryEvent::Failing { .. } => {
                runs.contains(&*line.run) && Some(line.at) >= first && Some(line.at) <= last
            }
            _ => is_about(fields),
        });
        told.sort_by_key(|(line, _)| line.at);
        LifeView { row, lines: told }
    }

    /// A line for each line of the history: time, kind and fields.
    pub fn text(&self) -> String {
        let mut out = format!("{}  {}\n", self.row.id(), one_line(&words::name(self.row)));
        if self.lines.is_empty() {
            out.push_str("the history says nothing of it\n");
        }
        for (line, event) in &self.lines {
            let kind = event["kind"].as_str().unwrap_or_default();
            out.push_str(&format!("{}  {kind:<13}  {}\n", words::time(line.at), fields(event)));
        }
        let columns = Column::ALL.into_iter().skip_while(|column| *column != Column::Status);
        let cell = |column: Column| (column.name().to_owned(), column.text(self.row).into());
        let now = Value::Object(columns.map(cell).collect());
        out.push_str(&format!("now: {}\n", fields(&now)));
        out
    }

    pub fn json(&self) -> serde_json::Result<String> {
        let lines: Vec<&HistoryLine> = self.lines.iter().map(|(line, _)| *line).collect();
        rows::json(&lines)
    }
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
