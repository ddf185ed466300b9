use std::path::{Path, PathBuf};

use tracing::warn;

use super::{
    CliError, CliResult, CommandLine, Exit, is_manifest, ledger_or_of_manifest, print_table,
    verify_command,
};
use crate::{
    audit::{
        CloseError, CloseFile, ClosedFileKind, FileVerdict, close_path, is_closed,
        is_place_of_reopened,
    },
    ledger::real_ledger,
    output::{VerifyView, history, verify_table},
    text::{named, one_line},
};

/// Files in a message.
const NAMED: usize = 5;

/// Reads the close files and the files that they name, and nothing else.
pub(super) fn verify(files: &[PathBuf], sandbox: bool, command_line: &CommandLine) -> CliResult {
    let (mut texts, mut lines, mut worst) = (Vec::new(), Vec::new(), Exit::Success);
    for path in files {
        let exit = match verify_one(path, sandbox) {
            Ok(view) => {
                view.doubts.iter().for_each(|doubt| warn!("{doubt}"));
                texts.push(view.text());
                lines.push(view.line());
                if view.is_proven() { Exit::Success } else { Exit::Failures }
            }
            Err(error) => {
                error.report(command_line);
                lines.push(VerifyView::no_line(path));
                error.exit()
            }
        };
        worst = if exit.code() > worst.code() { exit } else { worst };
    }
    if lines.len() > 1 {
        texts.push(verify_table(lines));
    }
    print_table(&texts.join("\n"))?;
    Ok(worst)
}

/// Whoever names the ledger or the manifest is told which close file belongs to it.
fn verify_one(path: &Path, sandbox: bool) -> CliResult<VerifyView> {
    if !is_manifest(path) && path.extension().is_none_or(|end| end != "csv") {
        let path = if sandbox { of_rehearsal(path) } else { path.to_owned() };
        return Ok(verified(&path, |_| true)?);
    }
    let ledger = ledger_or_of_manifest(path, sandbox)?;
    let close = close_path(&real_ledger(&ledger)?);
    let is_there =
        if close.exists() { "" } else { ", which is not there: the month is not closed" };
    let (path, close) = (path.display(), close.display());
    Err(CliError::Usage(format!("{path} is no close file; that of the month is {close}{is_there}")))
}

/// As `--sandbox` turns `NAME.csv` into `NAME.sandbox.csv`.
fn of_rehearsal(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.split_once(".close") {
        Some((stem, end)) if !stem.ends_with(".sandbox") => {
            path.with_file_name(format!("{stem}.sandbox.close{end}"))
        }
        _ => path.to_owned(),
    }
}

/// Files of the other kinds are left out.
fn verified(
    path: &Path,
    is_asked: impl Fn(ClosedFileKind) -> bool,
) -> Result<VerifyView, CloseError> {
    let (mut close, sha256) = CloseFile::read(path)?;
    close.files.retain(|file| is_asked(file.kind));
    let verdicts: Vec<FileVerdict> = close.verify(path).map(|(_, verdict)| verdict).collect();
    let ledger = path.with_file_name(close.ledger());
    let is_current = close_path(&ledger).file_name() == path.file_name();
    // What was added to the history since is read, too.
    let lines = history::read(&history::path_of(&ledger)).unwrap_or_default().lines;
    let mut reopened = history::reopenings(&lines);
    let mut checked = close.files.iter().zip(&verdicts);
    if !checked.any(|(file, it)| file.kind == ClosedFileKind::History && it.is_unchanged()) {
        reopened.retain(|it| it.at > close.closed_at);
    }
    let mut doubts = Vec::new();
    let recorded = history::recorded_close(&lines, (!is_current).then_some(close.closed_at));
    if recorded.is_some_and(|it| it != sha256) {
        let why = "the history names another SHA-256 for the close file: this is not the one that `close` wrote";
        doubts.push(format!("{}: {why}", path.display()));
    }
    if !is_current && !is_place_of_reopened(&ledger, path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.rsplit_once(".close").map_or("", |(stem, _)| stem);
        let other = format!("{stem}.csv");
        let why = format!("{} closes {}, as its name does not say", path.display(), close.ledger());
        if path.with_file_name(&other).exists() {
            doubts.push(format!("{why}: nothing of {other} was checked"));
        } else {
            warn!("{why}");
        }
    }
    let is_open = history::last_close(&lines).is_none() && (is_current || !is_closed(&ledger));
    Ok(VerifyView { close, verdicts, sha256, reopened, is_open, doubts })
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
    let name = one_line(&path.file_name().unwrap_or_default().to_string_lossy());
    match verified(&path, is_asked) {
        Ok(view) => {
            let doubts = view.doubts.iter().map(|_| format!("{name} changed")).take(1);
            doubts.chain(view.unlike()).collect()
        }
        Err(_) => vec![format!("{name} broken")],
    }
}

/// Names what was changed since the month was closed, but for collected files: whoever reads them hashes them.
pub(super) fn warn_of_unlike(ledger: &Path, command_line: &CommandLine) {
    let unlike = unlike_since_close(ledger, |kind| kind != ClosedFileKind::Report);
    if !unlike.is_empty() {
        let names = named(unlike.iter().take(NAMED), unlike.len());
        let verify = verify_command(ledger, command_line);
        warn!("changed or missing since the month was closed: {names}; `{verify}` shows it");
    }
}
