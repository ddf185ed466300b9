//! Collecting a ledger's rows: what `collect`, `run --collect` and `retry --collect` share.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use tracing::{info, warn};

use super::{
    CliError, CliResult, CollectArgs, Context, LockedLedger, RunContext, created_rows, discovered,
    history_of, named_rows, refuse_mixed_up, selected_rows,
};
use crate::{
    api::HttpApi,
    collect::{
        CollectInput, CollectedFile, HttpHost, Overwrite, collect, combine, located, set_aside,
    },
    ledger::{Ledger, RecordedHashes, Row},
    manifest::{Manifest, Settings},
    output::history,
    plan::Plan,
    run::{Finished, NewReports, Shared},
    tables::TableFormat,
    text::count,
};
use request::RequestIds;

#[derive(Debug)]
pub(super) struct Collection<'a> {
    args: &'a CollectArgs,
    /// Absolute.
    output: PathBuf,
    /// Absolute.
    ledger_folder: PathBuf,
    /// The hashes of files by the history.
    recorded: RecordedHashes,
}

impl<'a> Collection<'a> {
    /// Refuses a `ledger` that is mixed up. `Outputs::prepare` has tried that files can be written.
    pub(super) fn prepare(
        args: &'a CollectArgs,
        context: &Context,
        locked: &LockedLedger,
        ledger: &Ledger,
    ) -> CliResult<Self> {
        let path = &locked.file.path;
        let history = history_of(path);
        refuse_mixed_up(ledger, path, &history.lines)?;
        let output = context.output(args.output.as_deref(), path);
        let failed = |why| CliError::unwritable(&output, &why);
        let absolute = |place: &Path| std::path::absolute(place);
        let ledger_path = absolute(path).map_err(failed)?;
        Ok(Collection {
            args,
            output: absolute(&output).map_err(failed)?,
            ledger_folder: ledger_path.parent().unwrap_or(Path::new("/")).to_owned(),
            recorded: history::recorded_hashes(&history.lines),
        })
    }

    /// As rows are created.
    pub(super) async fn collect(
        &self,
        shared: &Shared<'_, HttpApi>,
        new_reports: NewReports,
        selected: &RequestIds,
        settings: &Settings,
    ) -> Vec<Row> {
        let created = {
            let ledger = shared.record.ledger();
            let wanted = created_rows(&ledger, selected).into_iter();
            wanted.filter_map(|row| ledger.place(row.key())).collect()
        };
        let host = HttpHost::new(&settings.api);
        let input = CollectInput {
            host: &host,
            recorded: self.recorded.clone(),
            created,
            output: self.output.clone(),
            ledger_folder: self.ledger_folder.clone(),
            wait: self.args.wait.unwrap_or(settings.collect.wait),
            overwrite: if self.args.force { Overwrite::All } else { Overwrite::Ours },
            any_content: self.args.no_content_check,
            rules: settings.files.clone(),
            concurrency: settings.limits.concurrency.get(),
            silence: settings.api.request_timeout,
        };
        collect(input, shared, new_reports).await
    }

    /// A run that was interrupted has not looked at every row.
    pub(super) fn count_uncollected(&self, finished: &mut Finished, selected: &RequestIds) {
        let created = created_rows(&finished.ledger, selected).into_iter();
        let left = created.filter(|row| !row.is_collected()).count();
        finished.counts.uncollected = finished.counts.uncollected.max(left);
    }

    /// For `--combine`; nothing after a run that stopped early. A combined file of an earlier run is set aside where
    /// none is written. A workbook has numbers in the columns that the manifest says hold them.
    pub(super) fn combine(
        &self,
        finished: &Finished,
        requests: &RequestIds,
        manifest: Option<&Manifest>,
    ) -> CliResult<()> {
        let Some(place) = &self.args.combine else {
            return Ok(());
        };
        let is_over = finished.stop.is_none() && finished.unsaved.is_none();
        let parts = if is_over { self.parts(&finished.ledger, requests) } else { Vec::new() };
        let numbers = manifest.map(Manifest::number_columns).unwrap_or_default();
        let mut left_out = selected_rows(&finished.ledger, requests);
        left_out.retain(|row| !row.is_collected());
        let combined = combine(place, &parts, &numbers, &left_out)?;
        if numbers.is_empty() && TableFormat::of(place) == Some(TableFormat::Workbook) {
            info!(
                "all cells are text: no `audit.totals`, `units` or `compare` of the manifest names a column of numbers"
            );
        }
        for file in &combined {
            file.notes().iter().for_each(|note| warn!("{note}"));
            info!("{file}");
        }
        let earlier = set_aside(place, &combined)?;
        let name = place.display();
        match (parts.len(), requests.len() - parts.len()) {
            _ if !is_over => warn!("the command stopped early, so {name} is not written"),
            (0, _) => warn!("{}, so {name} is not written", none_of(&finished.ledger, requests)),
            (_, 0) => {}
            (_, n) => {
                let all = count(requests.len(), "report");
                warn!("{name} is incomplete: {n} of {all} are missing");
            }
        }
        for (file, old) in earlier {
            let file = file.display();
            warn!("{file} was from an earlier run; it is now {}", old.display());
        }
        Ok(())
    }

    /// The files of `selected` that lie in another folder stay there.
    pub(super) fn tell_elsewhere(&self, ledger: &Ledger, selected: &RequestIds) {
        let rows = selected_rows(ledger, selected).into_iter();
        let collected = rows.filter(|row| row.is_collected());
        let places = collected.map(|row| located(&self.ledger_folder, &row.collected.file));
        let elsewhere: Vec<PathBuf> = places.filter(|it| !it.starts_with(&self.output)).collect();
        if let Some(first) = elsewhere.first() {
            let folder = first.ancestors().nth(3).unwrap_or(first); // PERIOD/TYPE/PARTNER.csv
            let (output, folder) = (self.output.display(), folder.display());
            let files = count(elsewhere.len(), "file");
            info!(
                "collected before, and not in {output}: {files} in {folder}; files keep their place"
            );
        }
    }

    fn parts<'l>(&self, ledger: &'l Ledger, requests: &RequestIds) -> Vec<CollectedFile<'l>> {
        let mut rows = selected_rows(ledger, requests);
        rows.retain(|row| row.is_collected());
        let file = |row: &Row| self.ledger_folder.join(&row.collected.file);
        rows.into_iter().map(|row| CollectedFile { row, file: file(row) }).collect()
    }
}

/// The files that `retry` and `collect` combine: those of the requests that `run` would take. None without a manifest.
pub(super) async fn requests_to_combine(
    run: &RunContext<'_>,
    ledger: &Ledger,
) -> CliResult<Option<RequestIds>> {
    let (selection, Some(manifest)) = (run.selection, run.manifest) else {
        return Ok(None);
    };
    let discovered = discovered(&run.session, manifest, run.signals).await?;
    let plan = Plan::expand(manifest, &discovered)?;
    let requests = selection.to_combine(&plan, manifest, &discovered, ledger);
    let mut left_out = created_rows(ledger, &selection.of_ledger(ledger)?);
    left_out.retain(|row| !requests.contains(&row.key()));
    if !left_out.is_empty() {
        let reports = count(left_out.len(), "report");
        let names = named_rows(&left_out);
        info!("--combine leaves out {reports} that the plan does not have: {names}");
    }
    Ok(Some(requests))
}

/// Perhaps the ledger is of another month.
fn none_of(ledger: &Ledger, requests: &RequestIds) -> String {
    let periods = ledger.rows().map(|row| row.request().period.to_string());
    let periods: BTreeSet<String> = periods.collect();
    if periods.is_empty() || ledger.rows().any(|row| requests.contains(&row.key())) {
        return "no file is collected".to_owned();
    }
    let (planned, periods) = (count(requests.len(), "request"), Vec::from_iter(periods));
    format!(
        "the ledger has none of the {planned} of the plan, but rows of {}: `monthend run` creates them, or --as-of names the \
         day that the plan's periods count from",
        periods.join(", ")
    )
}
