//! What a run needs of the disk. Whatever is made to try it is gone at once.

use std::{fs::OpenOptions, io, path::Path};

use chrono::Utc;

use crate::{
    check::{Failure, Report, Subject},
    cli::{
        error::CliError,
        exit::Exit,
        for_real::existing,
        gone::trace_of,
        target::{Target, real_ledger},
    },
    ledger::{Lock, read_file, refuse_mixing, refuse_second_name, refuse_unmerged},
    whole_file::{folder_of, refuse_mounted, try_folder},
};

/// What a row may take while a run goes on: its lines in the journal, and its line in the new file beside it.
const BYTES_OF_A_ROW: u64 = 4096;
/// For all that has no rows.
const BYTES_BESIDE: u64 = 64 << 10;

/// Tries the ledger: the file, its folder, its lock, and rescued ones beside it. Gives the number of its rows.
pub(super) fn try_ledger(target: &Target, report: &mut Report) -> usize {
    let missing = |subject| (subject, Failure::Ledger);
    let name = target.ledger.display();
    let path = match real_ledger(&target.ledger) {
        Ok(path) => path,
        Err(error) => {
            report.not_ok(missing(Subject::Ledger), error.to_string(), "");
            return 0;
        }
    };
    let reading = read_file(&path).and_then(|reading| {
        refuse_second_name(&path)?;
        let ledger = reading.as_ref().map(|reading| &reading.ledger);
        refuse_mixing(&path, ledger, target.is_rehearsal())?;
        Ok(reading)
    });
    let reading = reading.map_err(CliError::from);
    let for_real = target.refuse_as_for_real();
    let for_real = for_real.and_then(|()| target.refuse_gone_for_real());
    let reading = match for_real.and(reading) {
        Ok(reading) => reading,
        Err(error) => {
            let failure = match error.exit() {
                Exit::Usage => Failure::Usage,
                _ => Failure::Ledger,
            };
            report.not_ok((Subject::Ledger, failure), error.text(), "");
            return 0;
        }
    };
    let rows = reading.as_ref().map_or(0, |reading| reading.ledger.len());
    match (&reading, appendable(&path)) {
        (None, _) => match trace_of(&target.ledger) {
            None => report.ok(
                Subject::Ledger,
                format!("none at {name} yet: a run starts it"),
            ),
            Some(trace) => report.not_ok(
                missing(Subject::Ledger),
                format!("there is none at {name}, but {trace}"),
                "put it back; if it is lost: monthend run with --existing adopt",
            ),
        },
        (Some(_), Ok(())) => report.ok(Subject::Ledger, format!("{name}, rows: {rows}")),
        (Some(_), Err(error)) => report.not_ok(
            missing(Subject::Ledger),
            format!("{name} cannot be written: {error}"),
            match error.kind() {
                io::ErrorKind::ResourceBusy => "", // the error says it
                _ => "give yourself leave to write it",
            },
        ),
    }
    let folder = folder_of(&path);
    match try_folder(folder) {
        Ok(()) => report.ok(
            Subject::LedgerFolder,
            format!("{} can be written", folder.display()),
        ),
        Err(error) => report.not_ok(
            missing(Subject::LedgerFolder),
            format!("{} cannot hold a ledger: {error}", folder.display()),
            "make it, or put the ledger elsewhere (--ledger)",
        ),
    }
    match Lock::peek_holder(&path, Utc::now()) {
        None => report.ok(Subject::Lock, "no run holds the ledger"),
        Some(holder) => report.not_ok(
            missing(Subject::Lock),
            format!("the ledger is in use by {holder}"),
            "wait for it to end",
        ),
    }
    let ledger = reading.as_ref().map(|reading| &reading.ledger);
    match refuse_unmerged(&path, ledger) {
        Ok(()) => report.ok(Subject::Rescued, "none waits to be united"),
        Err(error) => report.not_ok(missing(Subject::Rescued), error.to_string(), ""),
    }
    rows
}

/// Tries the folder of collected files, or where it would be made.
pub(super) fn try_output(target: &Target, report: &mut Report) {
    let output = target.output(None, &target.ledger);
    let there = existing(&output);
    let tried = match there.is_dir() {
        true => try_folder(&there),
        false => Err(io::ErrorKind::NotADirectory.into()),
    };
    if let Err(error) = target.refuse_output_as_for_real(None) {
        let missing = (Subject::Output, Failure::Usage);
        let advice = "name another folder in collect.output or --output";
        return report.not_ok(missing, error.text(), advice);
    }
    match tried {
        Ok(()) if there == output => {
            report.ok(
                Subject::Output,
                format!("{} can be written", output.display()),
            );
        }
        Ok(()) => report.ok(Subject::Output, format!("{} can be made", output.display())),
        Err(error) => report.not_ok(
            (Subject::Output, Failure::Usage),
            format!("{} cannot be written: {error}", there.display()),
            "name another folder in collect.output or --output",
        ),
    }
}

/// Whether there is room for the lines of so many rows.
pub(super) fn try_space(ledger: &Path, rows: usize, report: &mut Report) {
    let path = real_ledger(ledger).unwrap_or_else(|_| ledger.to_owned());
    let needed = BYTES_BESIDE + BYTES_OF_A_ROW * rows as u64;
    let folder = folder_of(&path);
    match available(&existing(folder)) {
        Some(free) if free < needed => report.not_ok(
            (Subject::DiskSpace, Failure::Ledger),
            format!(
                "{} left in {}, and the ledger may need {}",
                size(free),
                folder.display(),
                size(needed)
            ),
            "make room",
        ),
        Some(free) => report.ok(
            Subject::DiskSpace,
            format!(
                "{} left; the ledger needs at most {}, and files to collect as much as they are large",
                size(free),
                size(needed)
            ),
        ),
        None => report.unknown(Subject::DiskSpace, "the system does not tell", ""),
    }
}

/// A run appends to the file before it puts a new one in its place.
fn appendable(path: &Path) -> io::Result<()> {
    refuse_mounted(path)?;
    OpenOptions::new().append(true).open(path).map(drop)
}

/// How many bytes this user may still write there.
#[cfg(unix)]
fn available(folder: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(folder).ok()?;
    // Some network file systems tell nothing and say 0 of 0.
    (space.f_blocks > 0).then(|| space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(not(unix))]
fn available(_: &Path) -> Option<u64> {
    None
}

/// `340 KiB`, `12 MiB`, `3 GiB`: rounded down.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let (mut count, mut unit) = (bytes / 1024, units[0]);
    for larger in &units[1..] {
        if count < 10 * 1024 {
            break;
        }
        (count, unit) = (count / 1024, larger);
    }
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [
            (0, "0 KiB"),
            (348_160, "340 KiB"),
            (12 << 20, "12 MiB"),
            (3 << 40, "3072 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
