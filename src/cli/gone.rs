//! Reports that the ledger lacks and that files next to it show: a run would create them again. The ledger may be gone,
//! an older copy may lie in its place, or another ledger may have them.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fmt, fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use tracing::warn;

use super::{
    CliError, CliResult, CommandLine, Context, lines_of, manifest_next_to, named_rows, reports_of,
};
use crate::{
    audit::close_path,
    collect::Names,
    files::{folder_of, paths_next_to, read_first_line},
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
    fn of(text: String, requests: RequestIds) -> Self {
        LedgerTrace { text, requests, ..LedgerTrace::default() }
    }

    /// Whether other ledgers have the rows.
    pub(super) fn can_merge(&self) -> bool {
        !self.others.is_empty()
    }

    /// None where no ledger has the rows.
    pub(super) fn merge(&self, ledger: &Path, command_line: &CommandLine) -> Option<String> {
        self.can_merge().then(|| command_line.merge(&self.others, ledger))
    }

    /// Exit code 4, unless another ledger was named on purpose.
    pub(super) fn refuse(self, ledger: &Path) -> CliResult<()> {
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

/// Refuses to begin where a ledger was before, and nobody said what to do about its reports.
pub(super) fn refuse_gone(ledger: &Path) -> CliResult<()> {
    let refusal = |trace| Err(CliError::Gone { ledger: ledger.to_owned(), trace });
    trace_of(ledger).map_or(Ok(()), refusal)
}

/// What shows that a ledger was at `path`; none where it is still there.
pub(super) fn trace_of(path: &Path) -> Option<LedgerTrace> {
    let ledger = real_ledger(path).ok().filter(|ledger| !ledger.exists())?;
    let history = history::path_of(&ledger);
    let close = close_path(&ledger);
    let text = match history::read(&history) {
        Ok(read) if !history::requests_created(&read.lines).is_empty() => {
            shows_creates(&history, history::requests_created(&read.lines).len())
        }
        Err(e) if history.is_file() => {
            format!("{} cannot be read ({})", history.display(), system_says(&e))
        }
        // Some other thing of that name shows nothing.
        Ok(_) | Err(_) if close.exists() => format!("{} shows a closed month", close.display()),
        Ok(_) | Err(_) => return None,
    };
    Some(LedgerTrace::of(text, RequestIds::default()))
}

fn shows_creates(history: &Path, requests: usize) -> String {
    format!("{} shows creates of {}", history.display(), count(requests, "request"))
}

/// The default folder of collected files, where that is all there is.
pub(super) fn files_of(path: &Path) -> Option<LedgerTrace> {
    let folder = reports_of(path);
    let has_any = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    let text = format!("{} has collected files", folder.display());
    (has_any && !path.exists()).then(|| LedgerTrace::of(text, RequestIds::default()))
}

/// The shares of the ledger at `path`, where these are all there is.
pub(super) fn shares_of(path: &Path) -> Option<LedgerTrace> {
    let is_share = |other: &PathBuf| other != path && family(other) == family(path);
    let others: Vec<PathBuf> = ledgers_next_to(path).filter(is_share).collect();
    (!path.exists() && !others.is_empty()).then(|| LedgerTrace {
        text: format!("{} there", with_verb(&others, "is", "are")),
        others,
        ..LedgerTrace::default()
    })
}

fn with_verb(paths: &[PathBuf], one: &str, several: &str) -> String {
    let verb = if paths.len() == 1 { one } else { several };
    format!("{} {verb}", named(paths.first().map(|path| path.display()), paths.len()))
}

/// What the lines of the history show and the ledger lacks, whatever is planned. `ledger` is the real path.
pub(super) fn forgotten_of_history(
    ledger: &Path,
    reading: &LedgerRead,
    lines: &[HistoryLine],
) -> Option<LedgerTrace> {
    of_history(&history::path_of(ledger), forgotten(reading, lines))
}

fn of_history(history: &Path, requests: RequestIds) -> Option<LedgerTrace> {
    let text = shows_creates(history, requests.len());
    (!requests.is_empty()).then(|| LedgerTrace::of(text, requests))
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
            let is_replaced = |report: &str| row.replaces.iter().any(|old| old.as_str() == report);
            let is_newer = |at| row.updated_at.is_none_or(|then| then < at);
            // No command leaves a row its file and takes its report away.
            let is_edited = !row.collected.file.is_empty();
            is_sent(Some(row))
                && reports.get(text).is_some_and(|known| {
                    let is_known = is_newer(known.at) || (known.is_certain && is_edited);
                    is_known && !is_replaced(known.id)
                })
        }
    };
    ids.filter(|(text, id)| is_forgotten(text, *id)).map(|(_, id)| id).collect()
}

/// Refuses a ledger in which reports stand in other rows than those that have them by the history: a column that a
/// spreadsheet sorted without the others. Their files would go by the names of other sub-partners.
pub(super) fn refuse_mixed_up(
    ledger: &Ledger,
    path: &Path,
    lines: &[HistoryLine],
) -> CliResult<()> {
    let reports = history::reports_by_request(lines);
    let certain = reports.iter().filter(|(_, known)| known.is_certain);
    let owners: HashMap<&str, &str> =
        certain.map(|(request, known)| (known.id, *request)).collect();
    let is_mixed_up = |row: &&Row| {
        let owner = row.state.report_id().and_then(|id| owners.get(id.as_str()));
        owner.is_some_and(|owner| *owner != row.id().to_string())
    };
    let rows: Vec<&Row> = ledger.rows().filter(is_mixed_up).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (path, n, names) = (path.display(), count(rows.len(), "row"), named_rows(&rows));
    Err(CliError::BadLedger(format!(
        "{path}: {n} with a report that the history gives to another row: {names}. Was a column sorted without the others? \
         Put the ledger back from a copy, or move it away: `monthend run --existing adopt` then takes the reports from the \
         server"
    )))
}

/// The ledger does not name the request, not even in a torn line.
fn is_new(reading: &LedgerRead, id: RequestId) -> bool {
    reading.ledger.get(id).is_none() && !reading.unknown.contains(&id)
}

fn is_sent(row: Option<&Row>) -> bool {
    Action::for_row(row) == Action::Send
}

/// Reports of selected requests that a run would send: in other ledgers of the folder, in the history, and as collected
/// files. `output`: the folder of collected files that an option names.
pub(super) fn find_trace(
    context: &Context,
    reading: &LedgerRead,
    (plan, selected): (&Plan, &RequestIds),
    output: Option<&Path>,
) -> Option<LedgerTrace> {
    let path = real_ledger(&context.ledger).ok()?;
    let is_to_send = |id: &RequestId| selected.contains(id) && is_sent(reading.ledger.get(*id));
    let to_send: Vec<RequestId> = plan.ids().filter(is_to_send).collect();
    if to_send.is_empty() {
        return None;
    }
    let of_others = of_others(context, reading, &path, &to_send);
    if of_others.as_ref().is_some_and(|trace| !trace.is_meant) {
        return of_others;
    }
    let known = forgotten(reading, &lines_of(&path));
    let requests = to_send.into_iter().filter(|id| known.contains(id)).collect();
    of_history(&history::path_of(&path), requests)
        .or_else(|| {
            let output = context.output(output, &path);
            of_files(&path, &output, reading, (plan, selected, context.apart.share))
        })
        .or(of_others)
}

/// Shares of the same plan, else the one other ledger that has most of the requests.
fn of_others(
    context: &Context,
    reading: &LedgerRead,
    path: &Path,
    to_send: &[RequestId],
) -> Option<LedgerTrace> {
    let same = fs::canonicalize(path).ok();
    let is_other = |other: &PathBuf| {
        other != path
            && is_of_rehearsals(other) == is_of_rehearsals(path)
            && (same.is_none() || fs::canonicalize(other).ok() != same)
    };
    let known = ledgers_next_to(path).filter(is_other).filter_map(|other| {
        let ledger = read_file(&other).ok()??.ledger;
        let is_it = |id: &RequestId| is_known(context, reading, &ledger, *id);
        let requests: RequestIds = to_send.iter().copied().filter(is_it).collect();
        Some((other, requests))
    });
    let (mut shares, others): (Vec<_>, Vec<_>) =
        known.partition(|(other, _)| family(other) == family(path));
    // Merging needs the whole set, so its empty shares are named too.
    let knowing_shares = shares.iter().filter(|(_, requests)| !requests.is_empty());
    let set_sizes: Vec<_> = knowing_shares.map(|(other, _)| shares_in_all(other)).collect();
    shares.retain(|(other, _)| set_sizes.contains(&shares_in_all(other)));
    let are_shares = !shares.is_empty();
    if !are_shares {
        let knowing = others.into_iter().filter(|(_, requests)| !requests.is_empty());
        shares.extend(knowing.max_by_key(|(_, requests)| requests.len()));
    }
    let (ledgers, requests): (Vec<PathBuf>, Vec<RequestIds>) = shares.into_iter().unzip();
    let requests: RequestIds = requests.into_iter().flatten().collect();
    let reports = count(requests.len(), "report");
    let is_renamed = context.is_default_ledger() && ledgers.iter().all(|it| lost_its_manifest(it));
    (!ledgers.is_empty()).then(|| LedgerTrace {
        text: format!("{} {reports} of this plan", with_verb(&ledgers, "has", "have")),
        requests,
        others: ledgers,
        is_meant: !are_shares && !is_renamed,
    })
}

/// Whether `other` shows that the request has a report of our kind (of a sandbox in a rehearsal, else a real one). If
/// our ledger has no row of the request, a row in doubt there counts too.
fn is_known(context: &Context, reading: &LedgerRead, other: &Ledger, id: RequestId) -> bool {
    match other.get(id).map(|theirs| &theirs.state) {
        Some(State::Created(report)) => {
            let ours = reading.ledger.get(id);
            let is_replaced = ours.is_some_and(|row| row.replaces.contains(report));
            report.is_from_sandbox() == context.is_rehearsal() && !is_replaced
        }
        Some(State::Sending { .. } | State::InDoubt { .. }) => is_new(reading, id),
        Some(State::Failed { .. } | State::Pending { .. }) | None => false,
    }
}

/// If the ledger is gone, the files of all requests of the share count; otherwise only those of selected requests that
/// it lacks.
fn of_files(
    path: &Path,
    output: &Path,
    reading: &LedgerRead,
    (plan, selected, share): (&Plan, &RequestIds, Option<Partition>),
) -> Option<LedgerTrace> {
    let absolute = |place: &Path| std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    if !absolute(output).is_dir() {
        return None;
    }
    let new = plan.own(share).filter(|it| is_new(reading, it.id));
    let new: Vec<Row> = new.map(Planned::row).collect();
    let rows = reading.ledger.rows().chain(&new);
    let names = Names::new(absolute(output), absolute(folder_of(path)), rows);
    let is_asked = |row: &&Row| !path.exists() || selected.contains(&row.key());
    let there: Vec<&Row> =
        new.iter().filter(is_asked).filter(|row| names.place(row).exists()).collect();
    let first = names.place(there.first()?);
    let more = match there.len() {
        1 => String::new(),
        n => format!(", and {}", count(n - 1, "more collected file")),
    };
    let requests = there.iter().map(|row| row.key()).collect();
    Some(LedgerTrace::of(format!("{} is there{more}", first.display()), requests))
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
    let stem = family(ledger).map_or("", |(_, stem)| stem);
    let plain = stem.strip_suffix(".sandbox").unwrap_or(stem);
    plain.ends_with(".ledger") && manifest_next_to(ledger).is_none()
}

/// The N of `K-of-N`.
fn shares_in_all(ledger: &Path) -> Option<NonZeroU32> {
    let name = ledger.file_name()?.to_str()?;
    Some(Partition::of_name(name)?.1.count())
}

/// The ledgers in the folder of `path`, by name.
pub(super) fn ledgers_next_to(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let is_table = |file: &PathBuf| file.extension() == Some(OsStr::new("csv"));
    let has_header = |file: &PathBuf| read_first_line(file).is_ok_and(|line| is_header(&line));
    paths_next_to(path).into_iter().filter(move |file| is_table(file) && has_header(file))
}
