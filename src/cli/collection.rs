//! From options to the collecting of a ledger's rows: what `collect`, `run --collect` and `retry --collect` share.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tracing::{info, warn};

use super::{args::CollectArgs, error::CliError, held::HeldLedger, target::Target};
use crate::{
    api::HttpApi,
    collect::{self, HttpHost, Overwrite, Part, combine},
    ledger::{FileDisk, Row, State},
    request::RequestIds,
    runner::{self, Finished, Workbench},
    settings::Settings,
};

/// How files are collected, and where to.
#[derive(Debug)]
pub(super) struct Collection {
    /// Absolute.
    output: PathBuf,
    /// Absolute.
    ledger_folder: PathBuf,
    wait: Duration,
    overwrite: Overwrite,
    any_content: bool,
    /// `--combine`
    combined: Option<PathBuf>,
}

impl Collection {
    /// Reads options, environment and manifest. That files can be written there is known already ([`Outputs::prepare`]).
    ///
    /// # Errors
    /// An output is one of the files that rows of `ledger` have already, or the working folder is gone: exit code 2,
    /// before anything is sent.
    ///
    /// [`Outputs::prepare`]: super::outputs::Outputs::prepare
    pub(super) fn prepare(
        args: &CollectArgs,
        target: &Target,
        held: &HeldLedger,
    ) -> Result<Self, CliError> {
        let output = target.output(args.output.as_deref(), &held.file.path);
        let failed = |why| CliError::Output {
            path: output.clone(),
            why,
        };
        let absolute = |path: &Path| std::path::absolute(path);
        let ledger = absolute(&held.file.path).map_err(failed)?;
        Ok(Collection {
            output: absolute(&output).map_err(failed)?,
            ledger_folder: ledger.parent().unwrap_or(Path::new("/")).to_owned(),
            wait: args.wait.unwrap_or(target.settings.collect.wait),
            overwrite: match args.force {
                true => Overwrite::All,
                false => Overwrite::Ours,
            },
            any_content: args.no_content_check,
            combined: args.combine.clone(),
        })
    }

    /// Does the run of `setup`, and beside it collects the selected rows that are created, before it and in it.
    pub(super) async fn run(
        &self,
        setup: runner::Setup<'_, '_, HttpApi, FileDisk>,
        selected: &RequestIds,
        settings: &Settings,
    ) -> Finished {
        let is_wanted =
            |row: &Row| selected.contains(&row.key()) && matches!(row.state, State::Created(_));
        let created = setup.ledger.places().filter(|(_, row)| is_wanted(row));
        let host = HttpHost::new(&settings.api);
        let how = collect::Setup {
            host: &host,
            created: created.map(|(place, _)| place).collect(),
            output: self.output.clone(),
            ledger_folder: self.ledger_folder.clone(),
            wait: self.wait,
            overwrite: self.overwrite,
            any_content: self.any_content,
            concurrency: settings.limits.concurrency.get(),
            silence: settings.api.request_timeout,
        };
        runner::run_with(setup, async |bench: Workbench<'_, '_, HttpApi>, created| {
            collect::collect(how, bench, created).await
        })
        .await
    }

    /// Writes what `--combine` asks for, of all collected files of the selection; nothing after a run that stopped early.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(super) fn combine(
        &self,
        finished: &Finished,
        selected: &RequestIds,
    ) -> Result<(), CliError> {
        let Some(target) = &self.combined else {
            return Ok(());
        };
        if finished.stop.is_some() || finished.unsaved.is_some() {
            return Ok(());
        }
        let is_collected = |row: &&Row| selected.contains(&row.key()) && row.is_collected();
        let parts: Vec<Part<'_>> = (finished.ledger.rows().filter(is_collected))
            .map(|row| Part {
                row,
                file: self.ledger_folder.join(&row.collected.file),
            })
            .collect();
        if parts.is_empty() {
            warn!("no file is collected, so there is nothing to combine");
        }
        for combined in combine(target, &parts)? {
            combined.notes().iter().for_each(|note| warn!("{note}"));
            info!("{combined}");
        }
        Ok(())
    }
}
