//! The input of commands that read the manifest, the ledger and the collected files, and ask no server.

use std::path::PathBuf;

use super::{
    CliError, CliResult, Context, OfflineArgs, OpenedLedger, discover_note, plan_with_selected,
    read_ledger, recorded_of,
};
use crate::{
    audit::{CollectedFiles, Files, is_closed},
    files::folder_of,
    ledger::{Ledger, RecordedHashes, refuse_mixing},
    manifest::{Discovered, Manifest},
    plan::{Plan, Planned, Selection, take_known},
    text::count,
};
use request::RequestIds;

/// A manifest, its ledger, its plan, and what is selected.
pub(super) struct OfflineInput {
    pub(super) context: Context,
    pub(super) manifest: Manifest,
    pub(super) selection: Selection,
    ledger: Ledger,
    /// The planned requests. If the selection matches none of them, as of a month that has passed, the rows of the
    /// ledger that it matches.
    plan: Plan,
    /// The real path of the ledger.
    pub(super) path: PathBuf,
    recorded: RecordedHashes,
    /// Sentences for people: what was read in place of what the manifest says.
    pub(super) notes: Vec<String>,
}

impl OfflineInput {
    /// Only reads: takes no lock, and asks no server.
    pub(super) fn open(args: &OfflineArgs) -> CliResult<Self> {
        let selection = args.selection.selection(&[])?;
        let (context, mut manifest) =
            Context::with_manifest(&args.manifest, &args.calendar, selection.partition)?;
        context.tell_sandbox();
        let (path, reading) = read_ledger(&context.ledger)?;
        refuse_mixing(&path, Some(&reading.ledger), context.is_rehearsal())?;
        let ledger = reading.ledger;
        let discovering = take_known(&mut manifest, &ledger, &selection.jobs)?;
        let mut notes = Vec::new();
        if !discovering.is_empty() {
            notes.push(discover_note(&discovering));
        }
        let (calendar, nobody) = (&args.calendar, Discovered::new());
        let plan = match plan_with_selected(&manifest, calendar, &selection, &ledger, &nobody) {
            Ok((plan, _)) => plan,
            Err(error @ CliError::NotPlanned { .. }) => {
                let rows = selection.rows_of(&ledger).unwrap_or_default();
                if rows.is_empty() {
                    return Err(error);
                }
                let rows_are = count(rows.len(), "row");
                notes.push(format!(
                    "nothing that is selected is planned any more; read from the ledger: {rows_are}"
                ));
                Plan::of_rows(rows)
            }
            Err(error) => return Err(error),
        };
        let recorded = recorded_of(&path);
        Ok(OfflineInput { context, manifest, selection, ledger, plan, path, recorded, notes })
    }

    pub(super) fn sources(&self) -> FileSources<'_> {
        static NOBODY: Discovered = Discovered::new();
        FileSources {
            context: &self.context,
            manifest: &self.manifest,
            discovered: &NOBODY,
            selection: &self.selection,
            plan: &self.plan,
            ledger: &self.ledger,
            files: Files {
                folder: folder_of(&self.path),
                recorded: &self.recorded,
                is_closed: is_closed(&self.path),
            },
        }
    }
}

/// The collected files that commands read, and everything that says which they are.
#[derive(Clone, Copy)]
pub(super) struct FileSources<'a> {
    pub(super) context: &'a Context,
    pub(super) manifest: &'a Manifest,
    /// The sub-partners that the API listed; none if it was not asked.
    pub(super) discovered: &'a Discovered,
    pub(super) selection: &'a Selection,
    pub(super) plan: &'a Plan,
    pub(super) ledger: &'a Ledger,
    pub(super) files: Files<'a>,
}

impl<'a> FileSources<'a> {
    /// The requests that `selection` matches; none if one of its selectors matches nothing.
    pub(super) fn ids(&self, selection: &Selection) -> RequestIds {
        let ids = selection.of_plan(self.plan, self.manifest, self.discovered, self.ledger);
        ids.unwrap_or_default()
    }

    /// The files of the requests that `selection` matches.
    pub(super) fn collection(&self, selection: &Selection) -> CollectedFiles<'a> {
        CollectedFiles::new(self.selected(selection), self.ledger, self.files)
    }

    /// The files of the same requests, as they were collected with an earlier ledger.
    pub(super) fn earlier_collection<'e>(
        &'e self,
        selection: &Selection,
        earlier: &'e OpenedLedger,
    ) -> CollectedFiles<'e> {
        let selected = self.selected(selection);
        let collection = CollectedFiles::new(selected, &earlier.ledger, earlier.files());
        collection.of_earlier_ledger(earlier.path.display().to_string())
    }

    fn selected(&self, selection: &Selection) -> impl Iterator<Item = &'a Planned> + use<'a> {
        let selected = self.ids(selection);
        self.plan.requests().iter().filter(move |planned| selected.contains(&planned.id))
    }
}
