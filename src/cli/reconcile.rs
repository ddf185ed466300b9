use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::{
    CliError, CliResult, CommandLine, Exit, FileSources, Format, OfflineInput, OpenedLedger,
    ReconcileArgs, TableFile, chain, on_manifest, print_view, warn_of_unlike,
};
use crate::{
    audit::{
        Acceptances, CollectedFiles, Compared, EntrySides, ListOutcome, ListSummary,
        Reconciliation, is_closed,
    },
    files,
    manifest::{OtherSide, ReconcileEntry},
    output::{ReconcileView, TestCase, checks_junit, write_missing},
    plan::{Planned, Selection},
    tables::TableFormat,
    text::{count, named},
};
use request::{RequestIds, internal_mark};

pub(super) fn reconcile(args: &ReconcileArgs, command_line: &CommandLine) -> CliResult {
    let input = OfflineInput::open(&args.offline)?;
    warn_of_unlike(&input.path, command_line);
    let acceptances = Acceptances::read(&input.path, args.offline.calendar.as_of())?;
    let sources = input.sources();
    let entries = chosen(args, &sources)?;
    let outputs = outputs(args, &sources, &entries)?;
    let (outcomes, mut unselected) = compare_all(&entries, &sources)?;
    if outcomes.is_empty() {
        return Err(nothing_selected(&named(&unselected, unselected.len())));
    }
    if args.name.is_none() {
        let names = sources.manifest.reconcile.iter().map(|entry| &*entry.name);
        unselected.extend(names.filter(|name| !entries.iter().any(|it| &*it.name == *name)));
    }
    let mut notes = input.notes.clone();
    if !unselected.is_empty() {
        let names = named(&unselected, unselected.len());
        notes.push(format!("nothing is selected of these entries of `reconcile:`: {names}"));
    }
    if is_narrowed(sources.selection)
        && entries.iter().any(|it| matches!(it.with, OtherSide::List(_)))
    {
        notes.push(
            "the selection may leave out parts of a month, but a list is about all of it"
                .to_owned(),
        );
    }
    let agrees = outcomes.iter().all(|it| it.is_agreement(&acceptances));
    let exit = if agrees { Exit::Success } else { Exit::Failures };
    let all: Vec<&ListOutcome<'_>> = outcomes.iter().collect();
    // Where a file is left out, keys are on one side only because of that.
    let leaves_out = outcomes.iter().any(|it| !it.missing.is_empty());
    let accept = on_manifest(command_line, "accept", &input.context.ledger)
        .filter(|_| !is_closed(&input.path) && !leaves_out);
    let audit = command_line.on_same("audit");
    let is_whole = *sources.selection == Selection::default() && args.name.is_none();
    let next = if leaves_out {
        Some(("to see what to do about the files that are left out", &*audit))
    } else {
        let why = "to compare plan, server and files, too";
        (agrees && is_whole && accept.is_some()).then_some((why, &*audit))
    };
    let view = ReconcileView {
        outcomes: &all,
        with_matched: args.all,
        notes: &notes,
        acceptances: &acceptances,
        accept: accept.as_deref(),
        next,
        exit_code: exit.code(),
    };
    if args.format == Format::Csv || !outputs.tables.is_empty() {
        // The table and the JSON name these files; the CSV has only keys.
        for outcome in outcomes.iter().filter(|it| !it.missing.is_empty()) {
            let (name, missing) = (&outcome.entry.name, count(outcome.missing.len(), "file"));
            warn!(
                "{name} {}: {missing} left out, so there are keys on the other side only",
                outcome.period
            );
        }
    }
    for (file, of_file) in &outputs.tables {
        file.write(|out| {
            of_file.iter().try_for_each(|entry| view.write(entry, out))?;
            write_missing(outcomes.iter().flat_map(|it| &it.missing), out)
        })?;
        let names = named(of_file.iter().map(|entry| &entry.name), of_file.len());
        let keys = if args.all {
            format!("all keys of {names}")
        } else {
            format!("the keys of {names} that do not match")
        };
        info!("{} has {keys}", file.place.display());
    }
    if let Some(place) = &outputs.junit {
        let cases = outcomes.iter().map(|it| TestCase::of_outcome(it, &acceptances));
        let written = checks_junit("reconcile", &input.manifest.name, cases);
        written
            .and_then(|it| files::replace(place, it.as_bytes()))
            .map_err(|why| CliError::unwritable(place, &why))?;
    }
    print_view(&view, args.format)?;
    Ok(exit)
}

/// What was found of each entry and period, and the names of entries of which no request is selected. Of several errors,
/// a mistake in what was written counts before a ledger that is missing.
fn compare_all<'a>(
    entries: &[&'a ReconcileEntry],
    sources: &FileSources<'a>,
) -> CliResult<(Vec<ListOutcome<'a>>, Vec<&'a str>)> {
    let comparer = Comparer::new(sources);
    let (mut outcomes, mut unselected, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries.iter().copied() {
        match comparer.compare(entry) {
            Ok(periods) if periods.is_empty() => unselected.push(&*entry.name),
            Ok(periods) => {
                for (_, compared) in periods {
                    match compared {
                        Ok(outcome) => outcomes.push(outcome),
                        Err(error) => errors.push(named_entry(entry, error.into())),
                    }
                }
            }
            Err(error) => errors.push(named_entry(entry, error)),
        }
    }
    match errors.into_iter().min_by_key(|error| error.exit().code()) {
        Some(first) => Err(first),
        None => Ok((outcomes, unselected)),
    }
}

fn named_entry(entry: &ReconcileEntry, error: CliError) -> CliError {
    match error {
        CliError::Usage(_) | CliError::List(_) => {
            let why = error.text();
            CliError::Usage(format!("the entry {} of `reconcile:`: {why}", entry.name))
        }
        other => other,
    }
}

/// What all entries are compared from.
struct Comparer<'s, 'a> {
    sources: &'s FileSources<'a>,
    /// Of all types: `--type` selects entries, and their other side may be files of another type.
    selection: Selection,
    collection: CollectedFiles<'a>,
}

impl<'s, 'a> Comparer<'s, 'a> {
    fn new(sources: &'s FileSources<'a>) -> Self {
        let selection = Selection { types: Vec::new(), ..sources.selection.clone() };
        let collection = sources.collection(&selection);
        Comparer { sources, selection, collection }
    }

    /// Compares an entry in each of its periods. Empty if none of its requests is selected.
    fn compare<'e>(&self, entry: &'e ReconcileEntry) -> CliResult<Compared<'e>> {
        let sources = self.sources;
        let (context, mut opened) = (sources.context, None);
        if let OtherSide::Ledger(path) = &entry.with {
            let path = context.as_rehearsed(path);
            opened = Some(OpenedLedger::to_compare_with(&path, context.is_rehearsal())?);
        }
        let earlier = opened.as_ref().map(|it| sources.earlier_collection(&self.selection, it));
        let sides = EntrySides { entry, of_jobs: of_jobs(entry, sources)?, earlier };
        let units = sources.manifest.units.as_ref();
        let compared = Reconciliation { collection: &self.collection, units }.compare(&sides)?;
        warn_of_one_list(entry, compared.len());
        Ok(compared)
    }
}

/// For `audit` and `report`: each entry in each period, and a note that names the lists that are not compared. An entry
/// that cannot be compared is a difference.
pub(super) fn summarised_lists<T: ListSummary>(
    sources: &FileSources<'_>,
    acceptances: &Acceptances,
) -> (Vec<T>, Option<String>) {
    if sources.manifest.reconcile.is_empty() {
        return (Vec::new(), None);
    }
    let comparer = Comparer::new(sources);
    let is_narrowed = is_narrowed(sources.selection);
    let types = &sources.selection.types;
    let mut lists = Vec::new();
    let mut left_out = Vec::new();
    for entry in &sources.manifest.reconcile {
        let is_selected = types.is_empty() || types.contains(&entry.report_type);
        if !is_selected || (is_narrowed && matches!(entry.with, OtherSide::List(_))) {
            left_out.push(&*entry.name);
        } else {
            match comparer.compare(entry) {
                Ok(periods) => {
                    lists.extend(periods.iter().map(|(period, compared)| match compared {
                        Ok(outcome) => T::of(outcome, acceptances),
                        Err(e) => {
                            let why = (&*e.reason(), &*chain(e));
                            T::failed(entry, Some(*period), why, acceptances)
                        }
                    }))
                }
                Err(error) => {
                    let why = (&*reason(&error), &*error.text());
                    lists.push(T::failed(entry, None, why, acceptances));
                }
            }
        }
    }
    let note = (!left_out.is_empty()).then(|| {
        let names = named(&left_out, left_out.len());
        format!(
            "the selection may leave out parts of a month, so these lists were not compared: {names}"
        )
    });
    (lists, note)
}

/// Words that stay the same, whatever files are called: an id is made of them.
fn reason(error: &CliError) -> String {
    match error {
        CliError::List(error) => error.reason(),
        _ => "not comparable".to_owned(),
    }
}

/// Whether a selection may leave out requests of a period. A list is about all of them.
fn is_narrowed(selection: &Selection) -> bool {
    !selection.jobs.is_empty()
        || !selection.sub_partners.is_empty()
        || selection.partition.is_some()
}

/// The entries that `--name` and `--type` select.
fn chosen<'a>(
    args: &ReconcileArgs,
    sources: &FileSources<'a>,
) -> CliResult<Vec<&'a ReconcileEntry>> {
    let names =
        |entries: &[&ReconcileEntry]| named(entries.iter().map(|entry| &entry.name), entries.len());
    let all: Vec<&ReconcileEntry> = sources.manifest.reconcile.iter().collect();
    if all.is_empty() {
        let why = "the manifest has no `reconcile:`, so there is nothing to compare the files with (docs/reconciling.md \
                   shows how to write it)";
        return Err(CliError::Usage(why.to_owned()));
    }
    let mut entries = all.clone();
    if let Some(name) = &args.name {
        entries.retain(|entry| **name == *entry.name);
        if entries.is_empty() {
            return Err(CliError::Usage(format!(
                "no entry of `reconcile:` is called {name}; they are {}",
                names(&all)
            )));
        }
    }
    let types = &sources.selection.types;
    entries.retain(|entry| types.is_empty() || types.contains(&entry.report_type));
    if entries.is_empty() {
        return Err(nothing_selected(&names(&all)));
    }
    if args.format == Format::Csv && entries.len() > 1 {
        let several = names(&entries);
        return Err(CliError::Usage(format!(
            "--format csv shows one entry of `reconcile:`; name it with --name: {several}"
        )));
    }
    Ok(entries)
}

fn nothing_selected(entries: &str) -> CliError {
    CliError::Usage(format!("nothing is selected of these entries of `reconcile:`: {entries}"))
}

/// The requests that the jobs of an entry name; `None`: all. An error if the plan has none that the entry compares.
fn of_jobs(entry: &ReconcileEntry, sources: &FileSources<'_>) -> CliResult<Option<RequestIds>> {
    let jobs: Vec<String> = entry.jobs.iter().map(|job| job.to_string()).collect();
    let named_jobs = named(&jobs, jobs.len());
    let ids = (!jobs.is_empty()).then(|| sources.ids(&Selection { jobs, ..Selection::default() }));
    let is_compared = |planned: &Planned| {
        planned.request.report_type == entry.report_type
            && planned.request.internal == entry.internal
            && ids.as_ref().is_none_or(|ids| ids.contains(&planned.id))
    };
    if sources.plan.requests().iter().any(is_compared) {
        return Ok(ids);
    }
    let whose = if ids.is_some() { format!(" of {named_jobs}") } else { String::new() };
    let requests = format!("{}{}", entry.report_type, internal_mark(entry.internal));
    Err(CliError::Usage(format!(
        "it compares {requests} files, and the plan has no such request{whose}"
    )))
}

fn warn_of_one_list(entry: &ReconcileEntry, periods: usize) {
    if let OtherSide::List(list) = &entry.with
        && periods > 1
        && !list.is_per_period()
    {
        warn!(
            "the entry {} of `reconcile:` compares {periods} periods with the same list, {}; with {{period}} in its name \
             each period has its own",
            entry.name, list.written
        );
    }
}

/// Where outputs are written: the places that their paths lead to.
struct OutputFiles<'a> {
    /// With the entries whose keys are in them.
    tables: Vec<(TableFile, Vec<&'a ReconcileEntry>)>,
    junit: Option<PathBuf>,
}

fn outputs<'a>(
    args: &ReconcileArgs,
    sources: &FileSources<'_>,
    entries: &[&'a ReconcileEntry],
) -> CliResult<OutputFiles<'a>> {
    let mut guard = sources.context.guard()?;
    let mut tables = Vec::new();
    if let Some(path) = &args.output {
        match (TableFile::format(path)?, entries) {
            (TableFormat::Csv, [_, _, ..]) => {
                for entry in entries {
                    let file = TableFile::new(&mut guard, &with_name(path, &entry.name))?;
                    tables.push((file, vec![*entry]));
                }
            }
            _ => tables.push((TableFile::new(&mut guard, path)?, entries.to_vec())),
        }
    }
    let junit = args.junit.as_deref().map(|path| guard.document("--junit", path)).transpose()?;
    guard.spare_collected(sources.ledger, sources.files.folder)?;
    Ok(OutputFiles { tables, junit })
}

/// `x.csv` becomes `x-NAME.csv`.
fn with_name(path: &Path, name: &str) -> PathBuf {
    let mut file = path.file_stem().unwrap_or_default().to_owned();
    file.push(format!("-{name}.csv"));
    path.with_file_name(file)
}
