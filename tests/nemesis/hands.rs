//! People between the runs: one who decides what is in doubt, by the server's own record, and one with a spreadsheet.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use sandbox::StoredReport;
use sandbox::model::{Category, Origin, Record};

use crate::support::{
    Desk, LedgerFile,
    law::{asked, asked_by},
    to_csv,
};

pub(crate) const LEDGER: &str = "m.ledger.csv";
/// Next to it.
pub(crate) const HISTORY: &str = "m.ledger.history.jsonl";

/// All reports that the server ever had, by the state file that it keeps.
pub(crate) fn record(desk: &Desk) -> Vec<StoredReport> {
    let made = all_records(desk).into_iter().filter_map(|record| match record {
        Record::Made(made) => Some(made),
        Record::Deleted { .. } | Record::Renewed { .. } | Record::Tried { .. } => None,
    });
    made.collect()
}

/// The ids of those that are gone.
fn deleted(desk: &Desk) -> BTreeSet<String> {
    let deleted = all_records(desk).into_iter().filter_map(|record| match record {
        Record::Deleted { id } => Some(id),
        Record::Made(_) | Record::Renewed { .. } | Record::Tried { .. } => None,
    });
    deleted.collect()
}

fn all_records(desk: &Desk) -> Vec<Record> {
    let text = desk.read("state");
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let records = whole
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    records.collect()
}

/// Rows that hold somebody else's report, or an old one, although a create of ours made theirs.
pub(crate) fn passed_over(reports: &[StoredReport], ledger: &LedgerFile) -> Vec<String> {
    let ours = reports.iter().filter(|r| r.origin == Origin::Create);
    let ours: BTreeMap<String, &str> = ours.map(|r| (asked(r), &*r.id)).collect();
    let mut passed_over = Vec::new();
    for line in &ledger.lines {
        let (id, made) = (&line["report_id"], ours.get(&asked_by(line)));
        if let Some(made) = made.filter(|made| !id.is_empty() && **made != id) {
            passed_over.push(format!("{made} was made for it: {line:?}"));
        }
    }
    passed_over
}

/// Decides every row in doubt of a ledger at rest: takes what we made for it, else what is there where
/// `takes_others`, else lets it be sent again. `unread` too: rows whose lists could not be read.
pub(crate) fn resolve(desk: &Desk, unread: bool, takes_others: bool) -> Vec<String> {
    let mut told = Vec::new();
    for line in &desk.ledger().lines {
        let is_open = &line["error_code"] == "in_doubt" && &line["status"] == "failed"
            || unread && &line["status"] == "sending";
        if !is_open {
            continue;
        }
        let ledger = desk.ledger();
        let owned: BTreeSet<&str> = ledger.report_ids().into_iter().collect();
        let gone = deleted(desk);
        let fits = |report: &&StoredReport| {
            asked(report) == asked_by(line)
                && report.category == Category::Reconciliation
                && !owned.contains(&*report.id)
                && !gone.contains(&*report.id)
        };
        let reports = record(desk);
        let mut fitting: Vec<&StoredReport> = reports.iter().filter(fits).collect();
        fitting.sort_by_key(|report| (report.origin != Origin::Create, report.number));
        fitting.retain(|report| takes_others || report.origin == Origin::Create);
        let command = desk.monthend(["resolve", LEDGER, "--request", &line["request_id"]]);
        let command = match fitting.first() {
            Some(report) => command.arg("--adopt").arg(&*report.id),
            None => command.arg("--resend"),
        };
        told.push(format!("  {command}"));
        command.expect(0);
    }
    told
}

/// Saves the ledger as another program might: in another order, with a column of notes, quoted, with CRLF and BOM.
pub(crate) fn edit(desk: &Desk, rng: &mut Rng) -> String {
    let mut ledger: LedgerFile = desk.ledger();
    let (shuffles, notes) = (rng.bool(), rng.bool());
    if shuffles {
        rng.shuffle(&mut ledger.lines);
    }
    let mut records = ledger.records();
    if notes && !ledger.header.iter().any(|name| name == "notes") {
        for (number, record) in records.iter_mut().enumerate() {
            let note = match number {
                0 => "notes".to_owned(),
                _ => format!("seen, \"{number}\""),
            };
            record.push(note);
        }
    }
    let (bom, ending) = [("", "\n"), ("\u{feff}", "\r\n")][rng.usize(0..2)];
    desk.write(LEDGER, format!("{bom}{}", to_csv(&records, ending)));
    format!("edits the ledger: shuffled {shuffles}, notes {notes}, {ending:?}")
}
