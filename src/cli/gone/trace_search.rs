//! Looks for what shows reports that the ledger lacks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    LedgerTrace,
    neighbours::{family, is_of_rehearsals, ledgers_next_to, lost_its_manifest, shares_in_all},
    with_verb,
};
use crate::{
    cli::{context::Context, error::CliError},
    collect::Names,
    files::folder_of,
    ledger::{Ledger, LedgerRead, Row, State, read_file, real_ledger},
    output::{
        Action,
        history::{self, HistoryLine},
    },
    plan::{Partition, Plan, Planned},
    text::count,
};
use request::{RequestId, RequestIds};

/// Requests that `lines` show a create of, and whose report the ledger lacks: it has no row of them, or an older one
/// that a run would send and that does not replace the report.
fn forgotten(reading: &LedgerRead, lines: &[HistoryLine]) -> RequestIds {
    let reports = history::reports_by_request(lines);
    let created = history::requests_created(lines).into_iter();
    let ids = created.filter_map(|text| Some((text, text.parse::<RequestId>().ok()?)));
    let is_forgotten = |text: &str, id: RequestId| match reading.ledger.get(id) {
        None => is_new(reading, id),
        Some(row) => {
            let is_replaced =
                |report_id: &str| row.replaces.iter().any(|old| old.as_str() == report_id);
            let is_newer = |at| row.updated_at.is_none_or(|then| then < at);
            let report = reports.get(text);
            is_sent(Some(row))
                && report.is_some_and(|(newer, at)| is_newer(*at) && !is_replaced(newer))
        }
    };
    ids.filter(|(text, id)| is_forgotten(text, *id)).map(|(_, id)| id).collect()
}

/// What the history shows and the ledger lacks, whatever is planned.
pub(crate) fn forgotten_of_history(path: &Path, reading: &LedgerRead) -> Option<LedgerTrace> {
    let history = history::path_of(&real_ledger(path).ok()?);
    let lines = history::read(&history).unwrap_or_default().lines;
    let requests = forgotten(reading, &lines);
    of_history(&history, requests)
}

fn of_history(history: &Path, requests: RequestIds) -> Option<LedgerTrace> {
    let n = count(requests.len(), "request");
    let text = format!("{} shows creates of {n}", history.display());
    (!requests.is_empty()).then_some(LedgerTrace { text, requests, ..LedgerTrace::default() })
}

/// The ledger does not name the request, not even in a torn line.
fn is_new(reading: &LedgerRead, id: RequestId) -> bool {
    reading.ledger.get(id).is_none() && !reading.unknown.contains(&id)
}

fn is_sent(row: Option<&Row>) -> bool {
    Action::for_row(row) == Action::Send
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceSearch<'a> {
    pub(crate) context: &'a Context,
    pub(crate) plan: &'a Plan,
    pub(crate) selected: &'a RequestIds,
    pub(crate) reading: &'a LedgerRead,
    pub(crate) share: Option<Partition>,
    pub(crate) output: Option<&'a Path>,
}

impl TraceSearch<'_> {
    /// Reports of requests that a run would send: in other ledgers of the folder, in the history, and as collected
    /// files.
    pub(crate) fn run(&self) -> Option<LedgerTrace> {
        let path = real_ledger(&self.context.ledger).ok()?;
        let planned = self.plan.requests().iter();
        let to_send: Vec<&Planned> = planned
            .filter(|it| self.selected.contains(&it.id) && is_sent(self.reading.ledger.get(it.id)))
            .collect();
        if to_send.is_empty() {
            return None;
        }
        let of_others = self.of_others(&path, &to_send);
        if of_others.as_ref().is_some_and(|trace| !trace.is_meant) {
            return of_others;
        }
        let known = forgotten_of_history(&path, self.reading).unwrap_or_default();
        let ids = to_send.iter().map(|request| request.id);
        let requests = ids.filter(|id| known.requests.contains(id)).collect();
        of_history(&history::path_of(&path), requests)
            .or_else(|| self.of_files(&path))
            .or(of_others)
    }

    /// Refuses to create these reports again; see [`LedgerTrace::refuse`].
    pub(crate) fn refuse(&self) -> Result<(), CliError> {
        self.run().map_or(Ok(()), |trace| trace.refuse(&self.context.ledger))
    }

    fn of_others(&self, path: &Path, to_send: &[&Planned]) -> Option<LedgerTrace> {
        let same = fs::canonicalize(path).ok();
        let is_other = |other: &PathBuf| {
            other != path
                && is_of_rehearsals(other) == is_of_rehearsals(path)
                && (same.is_none() || fs::canonicalize(other).ok() != same)
        };
        let known = ledgers_next_to(path).filter(is_other).filter_map(|other| {
            let ledger = read_file(&other).ok()??.ledger;
            let ids = to_send.iter().map(|planned| planned.id);
            let requests: RequestIds = ids.filter(|id| self.is_known(&ledger, *id)).collect();
            Some((other, requests))
        });
        let (mut shares, others): (Vec<_>, Vec<_>) =
            known.partition(|(other, _)| family(other) == family(path));
        // Merging needs the whole set, so its empty shares are named too.
        let knowing_shares = shares.iter().filter(|(_, requests)| !requests.is_empty());
        let set_sizes: Vec<_> = knowing_shares.map(|(other, _)| shares_in_all(other)).collect();
        shares.retain(|(other, _)| set_sizes.contains(&shares_in_all(other)));
        let are_shares = !shares.is_empty();
        if shares.is_empty() {
            let knowing = others.into_iter().filter(|(_, requests)| !requests.is_empty());
            shares.extend(knowing.max_by_key(|(_, requests)| requests.len()));
        }
        let requests: RequestIds = shares.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        let ledgers: Vec<PathBuf> = shares.into_iter().map(|(ledger, _)| ledger).collect();
        let reports = count(requests.len(), "report");
        let is_renamed =
            self.context.is_default_ledger() && ledgers.iter().all(|it| lost_its_manifest(it));
        (!ledgers.is_empty()).then(|| LedgerTrace {
            text: format!("{} {reports} of this plan", with_verb(&ledgers, "has", "have")),
            requests,
            others: ledgers,
            is_meant: !are_shares && !is_renamed,
        })
    }

    /// Whether `other` shows that the request has a report of our kind (of a sandbox in a rehearsal, else a real one). If
    /// our ledger has no row of the request, a row in doubt there counts too.
    fn is_known(&self, other: &Ledger, id: RequestId) -> bool {
        let Some(theirs) = other.get(id) else {
            return false;
        };
        let ours = self.reading.ledger.get(id);
        match &theirs.state {
            State::Created(report) => {
                let is_replaced = ours.is_some_and(|row| row.replaces.contains(report));
                report.is_from_sandbox() == self.context.is_rehearsal() && !is_replaced
            }
            State::Sending { .. } | State::InDoubt { .. } => is_new(self.reading, id),
            State::Failed { .. } | State::Pending { .. } => false,
        }
    }

    /// If the ledger is gone, the files of all requests of the share count; otherwise only those of selected requests that
    /// it lacks.
    fn of_files(&self, path: &Path) -> Option<LedgerTrace> {
        let absolute =
            |place: &Path| std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
        let output = absolute(&self.context.output(self.output, path));
        if !output.is_dir() {
            return None;
        }
        let is_own = |planned: &&Planned| self.share.is_none_or(|it| it.holds(&planned.request));
        let new = (self.plan.requests().iter())
            .filter(|planned| is_new(self.reading, planned.id))
            .filter(is_own);
        let new: Vec<Row> = new.map(Planned::row).collect();
        let names =
            Names::new(output, absolute(folder_of(path)), self.reading.ledger.rows().chain(&new));
        let is_asked = |row: &&Row| !path.exists() || self.selected.contains(&row.key());
        let there = new.iter().filter(is_asked).filter(|row| names.place(row).exists());
        let there: Vec<&Row> = there.collect();
        let text = match *there.first()? {
            first if there.len() == 1 => format!("{} is there", names.place(first).display()),
            first => {
                let more = count(there.len() - 1, "more collected file");
                format!("{} is there, and {more}", names.place(first).display())
            }
        };
        Some(LedgerTrace {
            text,
            requests: there.iter().map(|row| row.key()).collect(),
            ..LedgerTrace::default()
        })
    }
}
