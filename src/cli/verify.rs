use std::path::Path;

use super::{CliResult, Exit, VerifyArgs, print_table};
use crate::{
    audit::{CloseFile, ClosedFileKind, FileVerdict, close_path, is_closed},
    files::folder_of,
    output::{VerifyView, history},
    text::one_line,
};

/// Reads the close file and the files that it names, and nothing else.
pub(super) fn verify(args: &VerifyArgs) -> CliResult {
    let (close, sha256) = CloseFile::read(&args.file)?;
    let verdicts: Vec<FileVerdict> = close.verify(&args.file).map(|(_, verdict)| verdict).collect();
    // What was added to the history since.
    let history = close.files.iter().find(|file| file.kind == ClosedFileKind::History);
    let history = history.map(|file| history::read(&folder_of(&args.file).join(&file.path)));
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

/// What is not as it was when the month was closed, of the files of these kinds: `partners.csv changed`. None where it is
/// not closed. `ledger` is the real path.
pub(super) fn unlike_since_close(
    ledger: &Path,
    is_asked: impl Fn(ClosedFileKind) -> bool,
) -> Vec<String> {
    if !is_closed(ledger) {
        return Vec::new();
    }
    let path = close_path(ledger);
    match CloseFile::read(&path) {
        Ok((mut close, _)) => {
            close.files.retain(|file| is_asked(file.kind));
            let unlike = close.verify(&path).filter(|(_, it)| *it != FileVerdict::Unchanged);
            unlike.map(|(file, it)| format!("{} {}", one_line(&file.path), it.word())).collect()
        }
        Err(_) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            vec![format!("{} broken", one_line(&name))]
        }
    }
}
