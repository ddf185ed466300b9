//! A rehearsal fails where the real run would: it reads the real ledger and the real folder of files, and changes
//! neither.

use std::{io, path::Path};

use super::{CliError, Context, Guard, missing_folder, nearest_folder, no_folder, trace_of};
use crate::ledger::{read_file, real_ledger, refuse_mixing, refuse_unmerged};

impl Context {
    pub(super) fn refuse_as_for_real(&self) -> Result<(), CliError> {
        match self.ledger_for_real() {
            Some(ledger) => self.look_at(&ledger).map_err(as_for_real),
            None => Ok(()),
        }
    }

    fn look_at(&self, ledger: &Path) -> Result<(), CliError> {
        let mut guard = Guard::new();
        guard.manifest(&self.manifest.0, &self.origin, &self.settings);
        guard.keep_ledger(ledger)?;
        let path = real_ledger(ledger)?;
        if let Some(folder) = missing_folder(&path) {
            return Err(no_folder(ledger, folder));
        }
        let reading = read_file(&path)?;
        let rows = reading.as_ref().map(|reading| &reading.ledger);
        refuse_mixing(&path, rows, self.settings.api.base_url.is_sandbox())?;
        Ok(refuse_unmerged(&path, rows)?)
    }

    pub(super) fn refuse_gone_for_real(&self) -> Result<(), CliError> {
        let Some(ledger) = self.ledger_for_real() else {
            return Ok(());
        };
        match trace_of(&ledger) {
            Some(trace) => Err(as_for_real(CliError::Gone { ledger, trace })),
            None => Ok(()),
        }
    }

    pub(super) fn refuse_output_as_for_real(&self, option: Option<&Path>) -> Result<(), CliError> {
        let Some(path) = self.output_for_real(option) else {
            return Ok(());
        };
        if nearest_folder(&path).is_dir() {
            return Ok(());
        }
        let why = io::Error::from(io::ErrorKind::NotADirectory);
        Err(as_for_real(CliError::unwritable(&path, &why)))
    }
}

fn as_for_real(error: CliError) -> CliError {
    CliError::AsForReal(Box::new(error))
}
