use tracing::{info, warn};

use super::{CliError, CliResult, Exit, Format, OfflineInput, TableFile, UnitsArgs, print_view};
use crate::{audit, output::UnitsView};

pub(super) fn units(args: &UnitsArgs) -> CliResult {
    let input = OfflineInput::open(&args.offline)?;
    let Some(rule) = &input.manifest.units else {
        let why = "the manifest has no `units:`, which says what usage is divided by and how it is rounded \
                   (docs/reconciling.md, \"Billable units\")";
        return Err(CliError::Usage(why.to_owned()));
    };
    let sources = input.sources();
    let mut guard = input.context.guard()?;
    let output = args.output.as_deref().map(|path| TableFile::new(&mut guard, path)).transpose()?;
    guard.spare_collected(sources.ledger, sources.files.folder)?;
    let found = audit::units(&sources.collection(&input.selection), rule);
    if found.is_empty() {
        return Err(CliError::Usage(format!(
            "`units:` reads {} files without internal organisations, and no such request is selected",
            rule.report_type
        )));
    }
    let mut notes = input.notes.clone();
    notes.extend(found.unreadable.iter().map(|cell| format!("cannot be read: {cell}")));
    let is_whole = found.missing.is_empty() && found.unreadable.is_empty();
    let exit = if is_whole { Exit::Success } else { Exit::Failures };
    let view = UnitsView { rule, found: &found, notes: &notes, exit_code: exit.code() };
    if args.format == Format::Csv {
        // The table and the JSON tell it themselves.
        for file in &found.missing {
            warn!("{} was left out: {}", file.subject, file.why);
        }
        notes.iter().for_each(|note| warn!("{note}"));
    }
    if let Some(file) = &output {
        file.write(|out| view.write(out))?;
        info!("{} has the units of each group", file.place.display());
    }
    print_view(&view, args.format)?;
    Ok(exit)
}
