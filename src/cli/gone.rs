//! Reports that the ledger lacks and that files next to it show: a run would create them again. The ledger may be gone,
//! an older copy may lie in its place, or another ledger may have them.

use std::{
    ffi::OsStr,
    fmt, fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use tracing::warn;

use super::{
    command_line::CommandLine, context::Context, error::CliError, resolve_target::manifest_next_to,
};
use crate::{
    collect::Names,
    files::{folder_of, read_first_line},
    ledger::{Ledger, LedgerRead, Row, State, is_header, read_file, real_ledger},
    output::{
        Action,
        history::{self, HistoryLine},
    },
    plan::{Partition, Plan, Planned},
    text::{count, named, system_says},
};
use request::{RequestId, RequestIds};

/// What shows reports that the ledger lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LedgerTrace {
    text: String,
    /// Empty where they are not known.
    pub(super) requests: RequestIds,
    /// Ledgers that have them: merged into this one, nothing is lost.
    others: Vec<PathBuf>,
    /// A run may go on: another ledger was named on purpose.
    pub(super) is_meant: bool,
}

impl LedgerTrace {
    fn of(text: String) -> Self {
        LedgerTrace { text, ..LedgerTrace::default() }
    }

    /// None where no ledger has the rows.
    pub(super) fn merge(&self, ledger: &Path, command_line: &CommandLine) -> Option<String> {
        (!self.others.is_empty()).then(|| command_line.merge(&self.others, ledger))
    }

    /// Exit code 4, unless another ledger was named on purpose.
    fn refuse(self, ledger: &Path) -> Result<(), CliError> {
        if self.is_meant {
            self.warn(ledger);
            return Ok(());
        }
        let is_gone = self.others.is_empty() && !ledger.exists();
        let (ledger, trace) = (ledger.to_owned(), self);
        Err(if is_gone {
            CliError::Gone { ledger, trace }
        } else {
            CliError::Forgotten { ledger, trace }
        })
    }

    pub(super) fn warn(&self, ledger: &Path) {
        let ledger = ledger.display();
        let run = if self.is_meant {
            "a run creates them again. Was the ledger or the manifest renamed? --ledger names a ledger, --existing adopt \
             takes the reports that the server has"
        } else {
            "a run is refused unless --existing says what to do about them (adopt takes them from the server)"
        };
        let merge =
            if self.others.is_empty() { "" } else { "; `monthend merge` takes their rows over" };
        warn!("{ledger} lacks reports that exist: {self}; {run}{merge}");
    }
}

impl fmt::Display for LedgerTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What shows that a ledger was at `path`; none where it is still there.
pub(super) fn trace_of(path: &Path) -> Option<LedgerTrace> {
    let ledger = real_ledger(path).ok()?;
    if ledger.exists() {
        return None;
    }
    let history = history::beside(&ledger);
    let name = history.display();
    match history::read(&history) {
        Ok(read) => {
            let requests = history::requests_created(&read.lines).len();
            if requests > 0 {
                let requests = count(requests, "request");
                let text = format!("{name} shows creates of {requests}");
                return Some(LedgerTrace::of(text));
            }
        }
        Err(e) if history.is_file() => {
            let why = system_says(&e);
            return Some(LedgerTrace::of(format!("{name} cannot be read ({why})")));
        }
        Err(_) => {} // some other thing of that name shows nothing
    }
    let close = ledger.with_extension("close.json");
    close.exists().then(|| LedgerTrace::of(format!("{} shows a closed month", close.display())))
}

/// The default folder of collected files, where that is all there is.
pub(super) fn files_of(path: &Path) -> Option<LedgerTrace> {
    let folder = path.with_extension("reports");
    let has_any = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    let text = format!("{} has collected files", folder.display());
    (has_any && !path.exists()).then(|| LedgerTrace::of(text))
}

pub(super) fn shares_of(path: &Path) -> Option<LedgerTrace> {
    let is_share = |other: &PathBuf| other != path && family(other) == family(path);
    let others: Vec<PathBuf> = ledgers_next_to(path).filter(is_share).collect();
    (!path.exists() && !others.is_empty()).then(|| LedgerTrace {
        text: format!("{} there", with_verb(&others, "is", "are")),
        others,
        ..LedgerTrace::default()
    })
}

/// Requests that `lines` show a create of, and whose report the ledger lacks: it has no row of them, or an older one
/// that a run would send and that does not replace the report.
fn forgotten(reading: &LedgerRead, lines: &[HistoryLine]) -> RequestIds {
    let reports = history::reports_by_request(lines);
    let created = history::requests_created(lines).into_iter();
    let ids = created.filter_map(|text| Some((text, text.parse::<RequestId>().ok()?)));
    let is_forgotten = |text: &str, id: RequestId| match reading.ledger.get(id) {
        None => is_new(reading, id),
        Some(row) => {
            let is_replaced = |id: &str| row.replaces.iter().any(|old| old.as_str() == id);
            let is_newer = |at| row.updated_at.is_none_or(|then| then < at);
            let report = reports.get(text);
            is_sent(Some(row)) && report.is_some_and(|(id, at)| is_newer(*at) && !is_replaced(id))
        }
    };
    ids.filter(|(text, id)| is_forgotten(text, *id)).map(|(_, id)| id).collect()
}

/// What the history shows and the ledger lacks, whatever is planned.
pub(super) fn forgotten_of_history(path: &Path, reading: &LedgerRead) -> Option<LedgerTrace> {
    let history = history::beside(&real_ledger(path).ok()?);
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
pub(super) struct TraceSearch<'a> {
    pub(super) context: &'a Context,
    pub(super) plan: &'a Plan,
    pub(super) selected: &'a RequestIds,
    pub(super) reading: &'a LedgerRead,
    pub(super) share: Option<Partition>,
    pub(super) output: Option<&'a Path>,
}

impl TraceSearch<'_> {
    /// Reports of requests that a run would send: in other ledgers of the folder, in the history, and as collected
    /// files.
    pub(super) fn run(&self) -> Option<LedgerTrace> {
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
        let requests = to_send.iter().map(|planned| planned.id);
        let requests = requests.filter(|id| known.requests.contains(id)).collect();
        of_history(&history::beside(&path), requests).or_else(|| self.of_files(&path)).or(of_others)
    }

    /// Refuses to create these reports again; see [`LedgerTrace::refuse`].
    pub(super) fn refuse(&self) -> Result<(), CliError> {
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
        // Empty shares of a set are merged as well: then none is missing.
        let knowing = shares.iter().filter(|(_, requests)| !requests.is_empty());
        let counts: Vec<_> = knowing.map(|(other, _)| shares_in_all(other)).collect();
        shares.retain(|(other, _)| counts.contains(&shares_in_all(other)));
        let is_found = !shares.is_empty();
        if shares.is_empty() {
            let knowing = others.into_iter().filter(|(_, requests)| !requests.is_empty());
            shares.extend(knowing.max_by_key(|(_, requests)| requests.len()));
        }
        let requests: RequestIds = shares.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        let others: Vec<PathBuf> = shares.into_iter().map(|(other, _)| other).collect();
        let reports = count(requests.len(), "report");
        let is_renamed =
            self.context.is_default_ledger() && others.iter().all(|it| lost_its_manifest(it));
        (!others.is_empty()).then(|| LedgerTrace {
            text: format!("{} {reports} of this plan", with_verb(&others, "has", "have")),
            requests,
            others,
            is_meant: !is_found && !is_renamed,
        })
    }

    /// Whether another ledger has the report, a sandbox's in a rehearsal, else a real one; for a request that is new
    /// here, also whether one may exist.
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

    /// Where the ledger is gone, all requests of the share count; else the selected ones that it lacks.
    fn of_files(&self, path: &Path) -> Option<LedgerTrace> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
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

fn with_verb(paths: &[PathBuf], one: &str, several: &str) -> String {
    let verb = if paths.len() == 1 { one } else { several };
    format!("{} {verb}", named(paths.first().map(|path| path.display()), paths.len()))
}

/// What a ledger and its shares have in common: the folder, and the name without `K-of-N`.
fn family(path: &Path) -> Option<(&Path, &str)> {
    let name = path.file_name()?.to_str()?;
    let stem = Partition::of_name(name).map(|(stem, _)| stem);
    Some((folder_of(path), stem.or(name.strip_suffix(".csv"))?))
}

/// Each ledger of rehearsals has a server of its own.
fn is_of_rehearsals(ledger: &Path) -> bool {
    family(ledger).is_some_and(|(_, stem)| stem.ends_with(".sandbox"))
}

/// A default name without its manifest, which was renamed.
fn lost_its_manifest(ledger: &Path) -> bool {
    let name = family(ledger).map_or("", |(_, stem)| stem);
    let name = name.strip_suffix(".sandbox").unwrap_or(name);
    name.ends_with(".ledger") && manifest_next_to(ledger).is_none()
}

/// The N of `K-of-N`.
fn shares_in_all(ledger: &Path) -> Option<NonZeroU32> {
    let name = ledger.file_name()?.to_str()?;
    Some(Partition::of_name(name)?.1.count())
}

/// By name.
fn ledgers_next_to(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder_of(path)).into_iter().flatten();
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut paths: Vec<PathBuf> = names.map(|name| path.with_file_name(name)).collect();
    paths.sort();
    let is_table = |path: &PathBuf| path.extension() == Some(OsStr::new("csv"));
    let has_header = |path: &PathBuf| read_first_line(path).is_ok_and(|line| is_header(&line));
    paths.into_iter().filter(move |path| is_table(path) && has_header(path))
}
