use std::path::Path;

use super::{CliResult, Exit, print_table};
use crate::{
    audit::{CloseFile, ClosedFileKind, FileVerdict},
    files::folder_of,
    output::{VerifyView, history},
};

/// Reads the close file and the files that it names, and nothing else.
pub(super) fn verify(file: &Path) -> CliResult {
    let (close, sha256) = CloseFile::read(file)?;
    let verdicts: Vec<FileVerdict> = close.verify(file).map(|(_, verdict)| verdict).collect();
    // What was added to the history since.
    let history = close.files.iter().find(|it| it.kind == ClosedFileKind::History);
    let history = history.map(|it| history::read(&folder_of(file).join(&it.path)));
    let lines = history.and_then(Result::ok).unwrap_or_default().lines;
    let view = VerifyView {
        close: &close,
        verdicts: &verdicts,
        sha256: &sha256,
        reopened: history::reopening(&lines, close.closed_at),
    };
    print_table(&view.text())?;
    let is_proven = verdicts.iter().all(|verdict| *verdict == FileVerdict::Unchanged);
    Ok(if is_proven { Exit::Success } else { Exit::Failures })
}
