//! The rows that a person may decide, with their candidates.

use askama::Template;
use chrono::{DateTime, Utc};

use super::{
    filters,
    words::{self, time},
};
use crate::{
    ledger::{Row, State},
    output::history::SeenReport,
    text::shell_word,
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

#[derive(Template)]
#[template(path = "decisions.txt")]
pub struct Decisions<'a> {
    pub ledger: &'a str,
    pub rows: &'a [UndecidedRow<'a>],
    /// `monthend resolve`, up to `--request`.
    pub resolve: String,
    /// The command that looks rows up on the server.
    pub look_up: String,
}

impl UndecidedRow<'_> {
    fn is_sending(&self) -> bool {
        matches!(self.row.state, State::Sending { .. })
    }
}

impl CandidateReport {
    fn is_gone(&self) -> bool {
        matches!(self.knowledge, Knowledge::Gone)
    }

    fn facts(&self) -> String {
        match &self.knowledge {
            Knowledge::Shown(report) => facts(report),
            Knowledge::Recorded(report, at) => format!("{} (as of {})", facts(report), time(*at)),
            Knowledge::Gone => "the server has no such report now".to_owned(),
            Knowledge::Nothing => "nothing is known of it".to_owned(),
        }
    }

    /// What follows an option: an id may begin as an option does.
    fn argument(&self) -> String {
        let equals = if self.id.as_str().starts_with('-') { "=" } else { " " };
        format!("{equals}{}", shell_word(self.id.as_str()))
    }
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
    format!("{created} {by}{status}")
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
        let text = Decisions {
            ledger: "l.csv",
            rows: &[undecided],
            resolve: "resolve".to_owned(),
            look_up: String::new(),
        };
        let text = text.render().unwrap();
        let typed = text.lines().filter_map(|line| line.split_once("--adopt"));
        let typed: Vec<&str> = typed.map(|(_, id)| id).collect();
        assert_eq!(typed, [" Y2lz", " '$(pwn)'", "=--resend", " \"a'b\""]);
    }
}
