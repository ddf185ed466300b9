use std::{
    io,
    path::{Path, PathBuf},
};

use super::{CliError, CliResult, Guard};
use crate::{
    files::NewFile,
    tables::{TableFormat, TableWriter},
};

/// A file that `--output` names for tables.
#[derive(Debug)]
pub(super) struct TableFile {
    /// Where the path leads to: what stands there may be called otherwise.
    pub(super) place: PathBuf,
    format: TableFormat,
}

impl TableFile {
    pub(super) fn format(path: &Path) -> CliResult<TableFormat> {
        TableFormat::of(path).ok_or_else(|| {
            let path = path.display();
            CliError::Usage(format!("--output cannot write {path}: name a .csv or .xlsx file"))
        })
    }

    pub(super) fn new(guard: &mut Guard, path: &Path) -> CliResult<Self> {
        let format = TableFile::format(path)?;
        Ok(TableFile { place: guard.output("--output", path)?, format })
    }

    /// The file appears whole, with what `write` adds.
    pub(super) fn write(
        &self,
        write: impl FnOnce(&mut TableWriter<'_>) -> io::Result<()>,
    ) -> CliResult<()> {
        let write_file = || {
            let mut file = NewFile::begin(&self.place)?;
            let mut out = TableWriter::new(&mut file, self.format)?;
            write(&mut out)?;
            out.finish()?;
            file.put_in_place()
        };
        write_file().map_err(|why| CliError::unwritable(&self.place, &why))
    }
}
