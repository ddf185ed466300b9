use std::{ffi::OsStr, io, path::Path};

use chrono::Utc;
use tracing::info;

use super::{
    CliError, CliResult, Context, Exit, FileSources, Guard, ManifestArgs, OpenedLedger, ReportArgs,
    closed_of, is_manifest, ledger_of_manifest, refusal, summarised_lists, unlike_since_close,
};
use crate::{
    audit::{
        self, Acceptances, CollectedFiles, Difference, FileChecks, Previous, Review, without_row,
    },
    files::{folder_of, read_first_line, replace},
    ledger::{Ledger, Row},
    manifest::{DateCheck, Discovered, LoadOptions, Manifest, RunSettings, Settings},
    output::{
        console,
        page::{self, ListPart, Sources},
    },
    plan::{Plan, Selection, take_known},
};

/// Reads only, without the lock; asks no server.
pub(super) fn report(args: &ReportArgs) -> CliResult {
    let failed = |why: io::Error| {
        let (path, why) = (args.output.display(), refusal(&why));
        CliError::Usage(format!("cannot write the page {path}: {why}"))
    };
    let mut ledger_path = args.ledger.clone();
    let mut manifest = args.manifest.as_deref();
    if is_manifest(&args.ledger) {
        ledger_path = ledger_of_manifest(&args.ledger, None, args.sandbox, None)?;
        manifest = manifest.or(Some(&args.ledger));
    }
    let settings = manifest.map(RunSettings::load).transpose()?;
    let defaults = Settings::default();
    let checks = FileChecks::from(settings.as_ref().map_or(&defaults, |read| &read.settings));
    let totals = checks.totals;
    let ledger = OpenedLedger::read(&ledger_path)?.with_history();
    let is_sandbox = is_rehearsal(&ledger.ledger, &ledger_path);
    let (earlier, max_drop) =
        OpenedLedger::earlier(args.compare.as_deref(), &args.max_drop, is_sandbox)?;
    let ledgers = std::iter::once(&ledger).chain(&earlier);
    guard(&args.output, manifest.zip(settings.as_ref()), ledgers)?;

    let previous = earlier.as_ref().map(|earlier| Previous {
        ledger: &earlier.ledger,
        selected: earlier.ledger.rows().map(Row::key).collect(),
        files: Some(earlier.files()),
        max_drop: &max_drop,
        totals,
    });
    let acceptances = Acceptances::read(&ledger.path, Utc::now().date_naive())?;
    let review = Review {
        ledger: &ledger.ledger,
        files: ledger.files(),
        checks,
        previous: previous.as_ref(),
        acceptances: &acceptances,
    };
    let reviewed = review.run();
    let planned = manifest.and_then(|path| planned(path, &ledger.ledger));
    let lists = match (manifest, &planned) {
        (Some(path), Some(planned)) => {
            let is_apart = args.sandbox || is_named_as_rehearsal(&ledger_path);
            lists(&ManifestArgs::of(path, is_apart), planned, &ledger, &acceptances)?
        }
        _ => Vec::new(),
    };

    let name =
        |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let units = planned.as_ref().and_then(|(loaded, plan)| {
        let rule = loaded.units.as_ref()?;
        let collection = CollectedFiles::new(plan.requests(), &ledger.ledger, ledger.files());
        Some((rule, audit::units(&collection, rule)))
    });
    let page_folder = folder_of(&args.output).canonicalize().map_err(failed)?;
    let sources = Sources {
        name: name(&ledger_path),
        ledger: &ledger.ledger,
        sha256: ledger.sha256.clone(),
        folder: &ledger.folder,
        page_folder: &page_folder,
        is_sandbox,
        manifest: manifest.map(name),
        title: settings.as_ref().map(|read| read.name.clone()),
        closed: closed_of(&ledger.path),
        unlike: unlike_since_close(&ledger.path, |_| true),
        not_in_ledger: planned
            .as_ref()
            .map_or_else(Vec::new, |planned| not_in_ledger(planned, &ledger.ledger, &acceptances)),
        totals,
        units: units.as_ref().map(|(rule, found)| (*rule, found)),
        reviewed: &reviewed,
        lists: &lists,
        earlier: earlier.as_ref().zip(args.compare.as_deref()).map(|(earlier, path)| {
            page::Earlier {
                // As given, since both may have one name; but nobody has to see where a home lies.
                name: if path.is_absolute() { name(path) } else { path.display().to_string() },
                sha256: earlier.sha256.clone(),
                max_drop: &max_drop,
            }
        }),
        now: Utc::now(),
    };
    let page = page::page(&sources).map_err(|e| failed(io::Error::other(e)))?;
    replace(&args.output, page.as_bytes()).map_err(failed)?;
    console::say(format!("{}\n", args.output.display()));
    Ok(Exit::Success)
}

/// The plan, with discovered sub-partners as the ledger has them.
fn planned(manifest: &Path, ledger: &Ledger) -> Option<(Manifest, Plan)> {
    let today = Utc::now().date_naive();
    let options = LoadOptions { as_of: today, today, date_check: DateCheck::Off };
    let planned = Manifest::load(manifest, &options).ok().and_then(|mut manifest| {
        take_known(&mut manifest, ledger, &[]).ok()?;
        let plan = Plan::expand(&manifest, &Discovered::new()).ok()?;
        Some((manifest, plan))
    });
    if planned.is_none() {
        info!("the page is about the ledger alone: its plan is not known");
    }
    planned
}

/// Requests of the plan that the ledger lacks. Relative periods are those of the ledger.
fn not_in_ledger(
    (manifest, plan): &(Manifest, Plan),
    ledger: &Ledger,
    acceptances: &Acceptances,
) -> Vec<Difference> {
    if manifest.is_relative {
        return Vec::new();
    }
    without_row(plan.requests(), ledger, acceptances)
}

/// Each entry of `reconcile:` in each period, as `audit` compares them.
fn lists(
    args: &ManifestArgs,
    (manifest, plan): &(Manifest, Plan),
    ledger: &OpenedLedger,
    acceptances: &Acceptances,
) -> CliResult<Vec<ListPart>> {
    let context = Context::with_settings(args, None)?;
    let sources = FileSources {
        context: &context,
        manifest,
        discovered: &Discovered::new(),
        selection: &Selection::default(),
        plan,
        ledger: &ledger.ledger,
        files: ledger.files(),
    };
    let (lists, _) = summarised_lists(&sources, acceptances);
    Ok(lists)
}

/// By the ledger's reports, or while it has none, by the name that rehearsals give.
fn is_rehearsal(ledger: &Ledger, path: &Path) -> bool {
    ledger.report_ids().any(|id| id.is_from_sandbox())
        || (ledger.report_ids().next().is_none() && is_named_as_rehearsal(path))
}

fn is_named_as_rehearsal(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains(".sandbox."))
}

fn guard<'l>(
    output: &Path,
    manifest: Option<(&Path, &RunSettings)>,
    ledgers: impl Iterator<Item = &'l OpenedLedger> + Clone,
) -> CliResult<()> {
    let mut guard = Guard::new();
    if let Some((path, read)) = manifest {
        guard.manifest(path, &read.origin, &read.settings);
        guard.ledger(&read.ledger);
    }
    for read in ledgers.clone() {
        guard.ledger(&read.path);
    }
    guard.document("--output", output)?;
    for read in ledgers {
        guard.spare_collected(&read.ledger, &read.folder)?;
    }
    // Without the manifest nobody knows which other files are inputs.
    let is_named_so = output.extension().is_some_and(|end| end == "html" || end == "htm");
    let first_line = read_first_line(output).unwrap_or_default().to_ascii_lowercase();
    if !is_named_so && !first_line.is_empty() && !first_line.starts_with(b"<!doctype html") {
        let output = output.display();
        return Err(CliError::Usage(format!(
            "--output cannot be {output}: that file is no HTML page; nothing was done, name another file"
        )));
    }
    Ok(())
}
