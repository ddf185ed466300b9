//! Merges ledgers; the rules are in `docs/ledger.md`. The result does not depend on the order of the ledgers, except
//! for the order of rows and columns. Callers have to make the paths in `report_file` relative to one folder first.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::{Path, PathBuf},
};

use super::{Ledger, Row, State};
use request::{Doubt, ReportId, RequestId};

#[derive(Debug, Clone, Copy)]
pub struct MergeInput<'a> {
    pub name: &'a Path,
    pub ledger: &'a Ledger,
}

/// Where ledgers hold different reports for one request, the one at index `prefer` decides.
pub fn merge(parts: &[MergeInput<'_>], prefer: Option<usize>) -> Result<Ledger, MergeError> {
    let mut conflicts: Vec<Conflict> = rehearsal(parts).into_iter().collect();
    let columns = MergedColumns::of(parts);
    let mut groups: Vec<Vec<SourceRow<'_>>> = Vec::new();
    let mut places = HashMap::new();
    for (n, part) in parts.iter().enumerate() {
        for row in part.ledger.rows() {
            let place = *places.entry(row.request().id()).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push(SourceRow { part: n, row });
        }
    }
    let mut ledger = Ledger::new(columns.names.clone());
    for group in &groups {
        match merge_row(group, prefer) {
            Ok(mut row) => {
                row.extra = columns.notes(group);
                ledger.fold(row);
            }
            Err(held) => conflicts.push(Conflict::Reports {
                request: group[0].row.id(),
                what: group[0].row.request().to_string(),
                held: held
                    .into_iter()
                    .map(|(known, id)| (id.clone(), parts[known.part].name.to_owned()))
                    .collect(),
            }),
        }
    }
    conflicts.extend(shared(parts, &ledger));
    if conflicts.is_empty() { Ok(ledger) } else { Err(MergeError(conflicts)) }
}

#[derive(Debug, Clone, Copy)]
struct SourceRow<'a> {
    part: usize,
    row: &'a Row,
}

/// The user's own cells are left out. The error is the rows that hold different reports.
fn merge_row<'a>(
    group: &[SourceRow<'a>],
    prefer: Option<usize>,
) -> Result<Row, Vec<(SourceRow<'a>, &'a ReportId)>> {
    let standing: Vec<SourceRow<'_>> = group
        .iter()
        .copied()
        .filter(|known| !group.iter().any(|other| gives_up(other.row, known.row)))
        .collect();
    let owners: Vec<(SourceRow<'_>, &ReportId)> =
        standing.iter().filter_map(|known| Some((*known, known.row.state.report_id()?))).collect();
    let reports: BTreeSet<&ReportId> = owners.iter().map(|(_, id)| *id).collect();
    let preferred = owners.iter().find(|(known, _)| Some(known.part) == prefer);
    let best = match (reports.len() > 1, preferred) {
        (false, _) => standing.iter().map(|k| k.row).max_by(|a, b| precedence(a, b)),
        (true, Some((known, _))) => Some(known.row),
        (true, None) => {
            let mut seen = BTreeSet::new();
            return Err(owners.into_iter().filter(|(_, id)| seen.insert(*id)).collect());
        }
    };
    // Rows cannot give each other up in a circle, so one stands: see `gives_up`.
    let best = best.unwrap_or(group[0].row);
    let mut merged = best.clone();
    let rows = || group.iter().map(|known| known.row);
    merged.attempts = rows().map(|row| row.attempts).max().unwrap_or(0);
    let intent = rows().filter_map(|row| row.state.intent()).min();
    match &mut merged.state {
        State::Failed { intent: kept, .. } => *kept = intent,
        state => state.set_intent(intent),
    }
    let own = merged.state.report_id().filter(|id| !best.replaces.contains(id)).cloned();
    let beaten: Vec<ReportId> =
        reports.into_iter().filter(|id| Some(*id) != own.as_ref()).cloned().collect();
    let replaces = rows().map(|row| row.replaces.to_vec());
    merged.replaces = all_of(replaces.chain([beaten]));
    merged.replaces.retain(|id| Some(id) != own.as_ref());
    Ok(merged)
}

/// Whether `later` says that a person gave up the report of `row`, and not the other way round. Each step leads to a
/// later line or to a row that gives nothing up, so there is no circle of these.
fn gives_up(later: &Row, row: &Row) -> bool {
    let Some(id) = row.state.report_id() else {
        return false;
    };
    let others = later.state.report_id();
    later.replaces.contains(id)
        && others != Some(id)
        && (later.updated_at > row.updated_at || (others.is_some() && row.replaces.is_empty()))
}

/// The greatest row counts. What is merged cell by cell is ignored here, so that the order of ledgers does not matter.
fn precedence(a: &Row, b: &Row) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let status = |row: &Row| match row.state {
        State::Created(_) => 5,
        State::InDoubt { .. } => 4,
        // The server said yes once: that is never sent again, whatever a later answer said.
        State::Sending { doubt: Doubt::SaidYes, .. } => 3,
        State::Sending { .. } => 2,
        State::Failed { .. } => 1,
        State::Pending { .. } => 0,
    };
    let line = |row: &Row| {
        let mut row = row.clone();
        row.attempts = 0;
        row.replaces.clear();
        row.extra.clear();
        match &mut row.state {
            State::Failed { intent, .. } => *intent = None,
            state => state.set_intent(None),
        }
        Ledger::default().line(&row)
    };
    (status(a), a.updated_at).cmp(&(status(b), b.updated_at)).then_with(|| line(a).cmp(&line(b)))
}

/// The list itself where all that are not empty are the same, else the sorted union.
fn all_of<T: Ord>(lists: impl IntoIterator<Item = Vec<T>>) -> Vec<T> {
    let mut lists: Vec<Vec<T>> = lists.into_iter().filter(|list| !list.is_empty()).collect();
    lists.dedup();
    if lists.len() < 2 {
        return lists.pop().unwrap_or_default();
    }
    let all: BTreeSet<T> = lists.into_iter().flatten().collect();
    all.into_iter().collect()
}

/// The user's columns of all inputs.
struct MergedColumns {
    names: Vec<String>,
    /// For each input, where each of its columns stands.
    places: Vec<Vec<usize>>,
}

/// Between the notes of several ledgers.
const BETWEEN: &str = " | ";

impl MergedColumns {
    /// By name; where one header has a name twice, its second one is another column.
    fn of(parts: &[MergeInput<'_>]) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut known: BTreeMap<(String, usize), usize> = BTreeMap::new();
        let places = parts.iter().map(|part| {
            let mut times: BTreeMap<&str, usize> = BTreeMap::new();
            let columns = part.ledger.extra_columns().iter();
            let place = columns.map(|name| {
                let time = times.entry(name).or_default();
                *time += 1;
                *known.entry((name.clone(), *time)).or_insert_with(|| {
                    names.push(name.clone());
                    names.len() - 1
                })
            });
            place.collect()
        });
        let places = places.collect();
        MergedColumns { names, places }
    }

    /// A note of one ledger is kept; different notes stand side by side.
    fn notes(&self, group: &[SourceRow<'_>]) -> Vec<String> {
        let mut cells = vec![Vec::new(); self.names.len()];
        for known in group {
            for (place, note) in self.places[known.part].iter().zip(&known.row.extra) {
                if !note.is_empty() {
                    cells[*place].push(note.split(BETWEEN).map(str::to_owned).collect());
                }
            }
        }
        cells.into_iter().map(|notes| all_of(notes).join(BETWEEN)).collect()
    }
}

/// Counts replaced reports and candidates, too.
fn rehearsal(parts: &[MergeInput<'_>]) -> Option<Conflict> {
    let holding = |sandbox: bool| -> Vec<PathBuf> {
        let is_such = |id: &ReportId| id.is_from_sandbox() == sandbox;
        let parts = parts.iter().filter(|part| part.ledger.rows().flat_map(ids).any(is_such));
        parts.map(|part| part.name.to_owned()).collect()
    };
    let (sandbox, real) = (holding(true), holding(false));
    (!sandbox.is_empty() && !real.is_empty()).then_some(Conflict::Rehearsal { sandbox, real })
}

fn ids(row: &Row) -> impl Iterator<Item = &ReportId> {
    let candidates = match &row.state {
        State::InDoubt { candidates, .. } => candidates.as_slice(),
        _ => &[],
    };
    let own = row.state.report_id().into_iter();
    own.chain(&row.replaces).chain(candidates)
}

/// Reports and files that more than one row has.
fn shared(parts: &[MergeInput<'_>], ledger: &Ledger) -> Vec<Conflict> {
    let mut owners: BTreeMap<&ReportId, Vec<&Row>> = BTreeMap::new();
    let mut files: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in ledger.rows() {
        if let Some(id) = row.state.report_id() {
            owners.entry(id).or_default().push(row);
        }
        if !row.collected.file.is_empty() {
            files.entry(&row.collected.file).or_default().push(row);
        }
    }
    let named = |rows: Vec<&Row>, says: &dyn Fn(&Row) -> bool| -> Vec<(RequestId, PathBuf)> {
        let name = |row: &Row| {
            let part = parts.iter().find(|part| {
                let held = part.ledger.get(row.request().id());
                held.is_some_and(says)
            });
            part.map_or_else(PathBuf::new, |part| part.name.to_owned())
        };
        rows.into_iter().map(|row| (row.id(), name(row))).collect()
    };
    let owners = owners.into_iter().filter(|(_, rows)| rows.len() > 1);
    let owners = owners.map(|(id, rows)| Conflict::Owners {
        report: id.clone(),
        rows: named(rows, &|row| row.state.report_id() == Some(id)),
    });
    let files = files.into_iter().filter(|(_, rows)| rows.len() > 1);
    let files = files.map(|(file, rows)| Conflict::Files {
        file: file.to_owned(),
        rows: named(rows, &|row| row.collected.file == file),
    });
    owners.chain(files).collect()
}

/// All conflicts, in the order in which they were found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledgers cannot be merged, and nothing was written{}", lines(.0))]
pub struct MergeError(pub Vec<Conflict>);

/// Only a person can decide these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// A request has two reports.
    Reports { request: RequestId, what: String, held: Vec<(ReportId, PathBuf)> },
    /// Two requests have the same report.
    Owners { report: ReportId, rows: Vec<(RequestId, PathBuf)> },
    /// Two requests have the same file.
    Files { file: String, rows: Vec<(RequestId, PathBuf)> },
    /// Some ledgers are rehearsals, others are not.
    Rehearsal { sandbox: Vec<PathBuf>, real: Vec<PathBuf> },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Reports { request, what, held } => {
                write!(f, "{request} ({what}) has different reports: ")?;
                list(f, held, "in")?;
                write!(f, "; --prefer LEDGER says whose counts")
            }
            Conflict::Owners { report, rows } => {
                write!(f, "report {report} belongs to more than one request: ")?;
                list(f, rows, "in")?;
                write!(f, "; empty the wrong row, or decide it with --prefer")
            }
            Conflict::Files { file, rows } => {
                write!(f, "the file {file} belongs to more than one request: ")?;
                list(f, rows, "in")
            }
            Conflict::Rehearsal { sandbox, real } => {
                let names = |paths: &[PathBuf]| {
                    let names: Vec<String> =
                        paths.iter().map(|p| p.display().to_string()).collect();
                    names.join(", ")
                };
                write!(
                    f,
                    "reports of the sandbox are in {}, those of a real server in {}; a rehearsal is never merged with \
                     a real ledger",
                    names(sandbox),
                    names(real)
                )
            }
        }
    }
}

fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: &[(T, PathBuf)],
    between: &str,
) -> fmt::Result {
    for (n, (item, path)) in items.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        write!(f, "{comma}{item} {between} {}", path.display())?;
    }
    Ok(())
}

fn lines(conflicts: &[Conflict]) -> String {
    conflicts.iter().map(|c| format!("\n  {c}")).collect()
}
