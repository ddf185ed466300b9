//! The rows that a person may decide, with their candidates.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::words::{self, time};
use crate::{
    ledger::{Row, State},
    output::history::SeenReport,
    text::{count, one_line, shell_word},
};
use request::ReportId;

#[derive(Debug)]
pub struct UndecidedRow<'a> {
    pub row: &'a Row,
    pub candidates: Vec<CandidateReport>,
}

#[derive(Debug, Clone)]
pub struct CandidateReport {
    pub id: ReportId,
    pub knowledge: Knowledge,
    /// The name of the row that has it by now, or discarded it.
    pub taken_by: Option<String>,
}

#[derive(Debug, Clone)]
pub enum Knowledge {
    Shown(SeenReport),
    /// The server showed it, at this time, to the run that left the row to a person.
    Recorded(SeenReport, DateTime<Utc>),
    Gone,
    Nothing,
}

#[derive(Debug, Clone)]
pub struct DecisionCommands {
    /// `monthend resolve`, up to `--request`.
    pub resolve: String,
    pub look_up: String,
}

pub fn decisions(ledger: &str, rows: &[UndecidedRow<'_>], commands: &DecisionCommands) -> String {
    if rows.is_empty() {
        return format!("nothing to decide: no row of {ledger} is in doubt\n");
    }
    let mut out = format!("{} to decide in {ledger}\n", count(rows.len(), "row"));
    for undecided in rows {
        let _ = write!(out, "\n{}", about(undecided, commands));
    }
    out.push_str("\n--reason TEXT records in the history why\n");
    out
}

fn about(undecided: &UndecidedRow<'_>, commands: &DecisionCommands) -> String {
    let UndecidedRow { row, candidates } = undecided;
    let decide = format!("{} --request {}", commands.resolve, row.id());
    let mut out = format!("{}  ({})\n", one_line(&words::name(row)), row.id());
    let is_sending = matches!(row.state, State::Sending { .. });
    if is_sending {
        out.push_str("  sending: no look-up has decided this row\n");
    } else {
        let _ = writeln!(out, "  {}", one_line(&row.state.why()));
    }
    if let Some(intent) = row.state.intent() {
        let _ = writeln!(out, "  sent {}", time(intent));
    }
    if is_sending {
        let _ = writeln!(out, "  to look it up on the server:\n    {}", commands.look_up);
    }
    for candidate in candidates {
        let CandidateReport { id, knowledge, taken_by } = candidate;
        let known = match knowledge {
            Knowledge::Shown(report) => facts(report),
            Knowledge::Recorded(report, at) => {
                format!("{} (as of {})", facts(report), time(*at))
            }
            Knowledge::Gone => "the server has no such report now".to_owned(),
            Knowledge::Nothing => "nothing is known of it".to_owned(),
        };
        let _ = writeln!(out, "  report {id}\n    {known}");
        match (taken_by, knowledge) {
            (Some(other), _) => {
                let _ = writeln!(out, "    it belongs to {}", one_line(other));
            }
            (None, Knowledge::Gone) => {}
            (None, _) => {
                // An id may begin as an option does.
                let equals = if id.as_str().starts_with('-') { "=" } else { " " };
                let id = shell_word(id.as_str());
                let _ =
                    writeln!(out, "    if this is the one:\n      {decide} --adopt{equals}{id}");
            }
        }
    }
    let none =
        if candidates.is_empty() { "if it has no report" } else { "if none of them is the one" };
    let _ = writeln!(out, "  {none}, to send it again:\n    {decide} --resend");
    out
}

/// `created 2026-11-02 03:04:06 UTC by Y2lz, COMPLETED`, as far as it was shown.
fn facts(report: &SeenReport) -> String {
    let created = match report.created {
        Some(created) => format!("created {}", time(created)),
        None => "created at a time that the server does not show".to_owned(),
    };
    let by = match &report.created_by {
        Some(by) => format!("by {by}"),
        None => "by a person that the server does not show".to_owned(),
    };
    let status = report.status.as_ref();
    let status = status.map_or_else(String::new, |status| format!(", {status}"));
    one_line(&format!("{created} {by}{status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use request::{Period, ReportType, Request};

    #[test]
    fn an_id_is_one_word_for_a_shell_and_no_option() {
        let request = Request {
            sub_partner: None,
            report_type: ReportType::User,
            period: Period::month(2026, 9).unwrap(),
            internal: false,
        };
        let ids = ["Y2lz", "$(pwn)", "--resend", "a'b"].map(|id| id.parse::<ReportId>().unwrap());
        let row = Row::planned(request, "j".into(), None);
        let row = row.undecided("which?".to_owned(), ids.to_vec());
        let candidates = ids.into_iter().map(|id| CandidateReport {
            id,
            knowledge: Knowledge::Nothing,
            taken_by: None,
        });
        let undecided = UndecidedRow { row: &row, candidates: candidates.collect() };
        let commands = DecisionCommands { resolve: "resolve".to_owned(), look_up: String::new() };
        let text = decisions("l.csv", &[undecided], &commands);
        let typed = text.lines().filter_map(|line| line.split_once("--adopt"));
        let typed: Vec<&str> = typed.map(|(_, id)| id).collect();
        assert_eq!(typed, [" Y2lz", " '$(pwn)'", "=--resend", " \"a'b\""]);
    }
}
