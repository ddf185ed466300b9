use std::{ffi::OsStr, io, path::Path};

use chrono::Utc;
use tracing::info;

use super::{
    CliError, CliResult, Context, Exit, FileSources, Guard, ManifestArgs, OpenedLedger, ReportArgs,
    closed_of, is_manifest, ledger_or_of_manifest, recorded_of, refusal, summarised_lists,
    unlike_since_close,
};
use crate::{
    audit::{self, Acceptances, CollectedFiles, FileChecks, Previous, Review, without_row},
    files::{folder_of, read_first_line, replace},
    ledger::{Ledger, Row},
    manifest::{DateCheck, Discovered, LoadOptions, Manifest, Settings},
    output::{
        console,
        page::{self, ListPart, Sources},
    },
    plan::{Plan, Selection, take_known},
};

/// Reads only, without the lock; asks no server.
pub(super) fn report(args: &ReportArgs) -> CliResult {
    let manifest = args.manifest.as_deref();
    let Some(named) = args.ledger.as_deref().or(manifest) else {
        unreachable!("clap requires one of them")
    };
    let ledger_path = ledger_or_of_manifest(named, args.sandbox)?;
    let manifest = manifest.or(Some(named).filter(|path| is_manifest(path)));
    let ledger_of = |path: &Path| ledger_or_of_manifest(path, args.sandbox);
    let compare = args.compare.as_deref().map(ledger_of).transpose()?;
    let output = args.output.clone().unwrap_or_else(|| ledger_path.with_extension("html"));
    let failed = |why: io::Error| {
        let (path, why) = (output.display(), refusal(&why));
        CliError::Usage(format!("cannot write the page {path}: {why}"))
    };
    let is_apart = args.sandbox || is_named_as_rehearsal(&ledger_path);
    let context =
        manifest.map(|path| Context::with_settings(&ManifestArgs::of(path, is_apart), None));
    let context = context.transpose()?;
    let defaults = Settings::default();
    let checks = FileChecks::from(context.as_ref().map_or(&defaults, |it| &it.settings));
    let totals = checks.totals;
    let mut ledger = OpenedLedger::read(&ledger_path)?;
    ledger.recorded = recorded_of(&ledger.path);
    let is_sandbox = is_rehearsal(&ledger.ledger, &ledger_path);
    let earlier = OpenedLedger::earlier(compare.as_deref(), &args.max_drop, is_sandbox)?;
    let ledgers = std::iter::once(&ledger).chain(earlier.as_ref().map(|(earlier, _)| earlier));
    guard((&output, args.compare.as_deref()), context.as_ref(), ledgers)?;

    let previous = earlier.as_ref().map(|(earlier, max_drop)| Previous {
        ledger: &earlier.ledger,
        selected: earlier.ledger.rows().map(Row::key).collect(),
        files: Some(earlier.files()),
        max_drop,
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
    // Each entry of `reconcile:` in each period, as `audit` compares them.
    let lists: Vec<ListPart> = match (&context, &planned) {
        (Some(context), Some((loaded, plan))) => {
            let sources = FileSources {
                context,
                manifest: loaded,
                discovered: &Discovered::new(),
                selection: &Selection::default(),
                plan,
                ledger: &ledger.ledger,
                files: ledger.files(),
            };
            summarised_lists(&sources, &acceptances).0
        }
        _ => Vec::new(),
    };
    // Relative periods are those of the ledger.
    let of_one_month = planned.iter().filter(|(loaded, _)| !loaded.is_relative);
    let not_in_ledger = of_one_month
        .flat_map(|(_, plan)| without_row(plan.requests(), &ledger.ledger, &acceptances));

    let name =
        |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let units = planned.as_ref().and_then(|(loaded, plan)| {
        let rule = loaded.units.as_ref()?;
        let collection = CollectedFiles::new(plan.requests(), &ledger.ledger, ledger.files());
        Some((rule, audit::units(&collection, rule)))
    });
    let page_folder = folder_of(&output).canonicalize().map_err(failed)?;
    let sources = Sources {
        name: name(&ledger_path),
        ledger: &ledger.ledger,
        sha256: ledger.sha256.clone(),
        folder: &ledger.folder,
        page_folder: &page_folder,
        is_sandbox,
        manifest: manifest.map(name),
        title: context.as_ref().map(|it| it.manifest.1.clone()),
        closed: closed_of(&ledger.path),
        unlike: unlike_since_close(&ledger.path, |_| true),
        not_in_ledger: not_in_ledger.collect(),
        totals,
        units: units.as_ref().map(|(rule, found)| (*rule, found)),
        reviewed: &reviewed,
        lists: &lists,
        earlier: earlier.as_ref().zip(compare.as_deref()).map(|((earlier, max_drop), path)| {
            page::Earlier {
                // As given, since both may have one name; but nobody has to see where a home lies.
                name: if path.is_absolute() { name(path) } else { path.display().to_string() },
                sha256: earlier.sha256.clone(),
                max_drop,
            }
        }),
        now: Utc::now(),
    };
    let page = page::page(&sources).map_err(|e| failed(io::Error::other(e)))?;
    replace(&output, page.as_bytes()).map_err(failed)?;
    console::say(format!("{}\n", output.display()));
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

/// By the ledger's reports, or while it has none, by the name that rehearsals give.
fn is_rehearsal(ledger: &Ledger, path: &Path) -> bool {
    ledger.report_ids().any(|id| id.is_from_sandbox())
        || (ledger.report_ids().next().is_none() && is_named_as_rehearsal(path))
}

fn is_named_as_rehearsal(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains(".sandbox."))
}

fn guard<'l>(
    (output, compare): (&Path, Option<&Path>),
    context: Option<&Context>,
    ledgers: impl Iterator<Item = &'l OpenedLedger> + Clone,
) -> CliResult<()> {
    let mut guard = Guard::new();
    if let Some(context) = context {
        guard.manifest(context);
        guard.ledger(&context.plain_ledger);
    }
    if let Some(compare) = compare {
        guard.input("--compare", compare);
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
