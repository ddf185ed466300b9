//! A ledger that is gone while what it led to is still there: a run without it would create every report again.

use std::{
    ffi::OsStr,
    fmt, fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use tracing::warn;

use crate::{
    collect::Names,
    history,
    ledger::{Ledger, Row, is_header, read_file, real_ledger},
    plan::{Partition, Plan, Planned},
    text::{count, system_says},
    whole_file::{folder_of, open_regular},
};

/// What shows that there was a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerTrace(String);

impl fmt::Display for LedgerTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What lies next to the place of the ledger at `path` and shows that it was there; none where it is still there.
pub(super) fn trace_of(path: &Path) -> Option<LedgerTrace> {
    let ledger = real_ledger(path).ok()?;
    if ledger.exists() {
        return None;
    }
    let history = history::beside(&ledger);
    let name = history.display();
    match history::read(&history) {
        Ok(read) => {
            let requests = history::requests_created(&read.lines);
            if requests > 0 {
                let requests = count(requests, "request");
                return Some(LedgerTrace(format!("{name} shows creates of {requests}")));
            }
        }
        Err(e) if history.is_file() => {
            let why = system_says(&e);
            return Some(LedgerTrace(format!("{name} cannot be read ({why})")));
        }
        Err(_) => {} // some other thing of that name shows nothing
    }
    let close = ledger.with_extension("close.json");
    close
        .exists()
        .then(|| LedgerTrace(format!("{} shows a closed month", close.display())))
}

/// The collected file of a request of `plan` that is there although no row has it: the ledger that had it is gone. Of a
/// share, only its own requests count. `output` and `ledger_folder` are those of the run.
pub(super) fn collected_file(
    plan: &Plan,
    share: Option<Partition>,
    output: &Path,
    ledger_folder: &Path,
) -> Option<LedgerTrace> {
    if !output.is_dir() {
        return None;
    }
    let is_own = |planned: &&Planned| share.is_none_or(|share| share.holds(&planned.request));
    let own = plan.requests().iter().filter(is_own);
    let rows: Vec<Row> = own.map(Planned::row).collect();
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let names = Names::new(absolute(output), absolute(ledger_folder), rows.iter());
    let mut places = rows.iter().map(|row| names.place(row));
    let file = places.find(|place| place.exists())?;
    Some(LedgerTrace(format!("{} is there", file.display())))
}

/// Warns of another ledger in the folder that has reports for requests of `plan`: this one may have got a new name.
pub(super) fn warn_of_another(ledger: &Path, plan: &Plan, is_rehearsal: bool) {
    let Some((other, reports)) = another(ledger, plan, is_rehearsal) else {
        return;
    };
    let reports = count(reports, "report");
    warn!(
        "{} has {reports} of this plan, and the new ledger {} has none of them: they are created again. Was the ledger or the \
         manifest renamed? --ledger names a ledger, --existing adopt takes the reports that the server has",
        other.display(),
        ledger.display()
    );
}

fn another(ledger: &Path, plan: &Plan, is_rehearsal: bool) -> Option<(PathBuf, usize)> {
    let entries = fs::read_dir(folder_of(ledger)).ok()?;
    let paths = entries.flatten().map(|entry| entry.path());
    let is_table = |path: &PathBuf| path.extension() == Some(OsStr::new("csv"));
    let ledgers = paths.filter(|path| is_table(path) && has_header(path));
    let with_reports = ledgers.filter_map(|path| {
        let read = read_file(&path).ok()??.ledger;
        let reports = reports_of(&read, plan, is_rehearsal);
        (reports > 0).then_some((path, reports))
    });
    with_reports.max_by_key(|(_, reports)| *reports)
}

/// Of a file that may be a ledger, so many bytes are looked at.
const LONGEST_HEADER: u64 = 64 * 1024;

fn has_header(path: &Path) -> bool {
    let mut line = Vec::new();
    let read = open_regular(path).is_ok_and(|file| {
        let mut start = BufReader::new(file.take(LONGEST_HEADER));
        start.read_until(b'\n', &mut line).is_ok()
    });
    read && is_header(&line)
}

/// How many requests of `plan` have a report in `ledger`, of a sandbox's in a rehearsal, else of a real one.
fn reports_of(ledger: &Ledger, plan: &Plan, is_rehearsal: bool) -> usize {
    let rows = plan.requests().iter().filter_map(|it| ledger.get(it.id));
    let reports = rows.filter_map(|row| row.state.report_id());
    reports
        .filter(|id| id.is_from_sandbox() == is_rehearsal)
        .count()
}
