use super::{CliResult, Exit, VerifyArgs, print_table};
use crate::{
    audit::{CloseFile, FileVerdict},
    output::VerifyView,
};

/// Reads the close file and the files that it names, and nothing else.
pub(super) fn verify(args: &VerifyArgs) -> CliResult {
    let close = CloseFile::read(&args.file)?;
    let verdicts: Vec<FileVerdict> = close.verify(&args.file).map(|(_, verdict)| verdict).collect();
    let view = VerifyView { close: &close, verdicts: &verdicts };
    print_table(&view.text())?;
    let is_proven = verdicts.iter().all(|verdict| *verdict == FileVerdict::Unchanged);
    Ok(if is_proven { Exit::Success } else { Exit::Failures })
}
