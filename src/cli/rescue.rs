//! Saves what is known if the ledger cannot be written: nothing may be lost.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use tracing::{error, warn};

use crate::{
    ledger::{Ledger, Row, Tampered},
    runner::Unsaved,
    whole_file,
};

/// Saves `ledger` beside its file where someone else touched that, or prints the rows that are missing in it.
pub(super) fn rescue(path: &Path, ledger: &Ledger, unsaved: &Unsaved, now: DateTime<Utc>) {
    let tampered = unsaved.error.get_ref().is_some_and(|e| e.is::<Tampered>());
    if tampered {
        match save_beside(path, ledger, now) {
            Ok(saved) if saved == path => {
                warn!(
                    "{} was gone; the whole ledger was written there again",
                    path.display()
                );
            }
            Ok(saved) => error!(
                "{} was changed by someone else and left as it is; the whole ledger of this run is in {}",
                path.display(),
                saved.display()
            ),
            Err(e) => {
                error!("the ledger could not be saved anywhere ({e}); its rows follow");
                print(ledger, ledger.rows());
            }
        }
        return;
    }
    error!("{}: {}", path.display(), unsaved.error);
    if !unsaved.rows.is_empty() {
        error!("these rows are not in the ledger; paste them at its end:");
        print(ledger, &unsaved.rows);
    }
}

/// Where the file is gone, in its place; else beside it, under a name that is free.
fn save_beside(path: &Path, ledger: &Ledger, now: DateTime<Utc>) -> io::Result<PathBuf> {
    let to = if path.exists() {
        path.with_extension(now.format("rescued-%Y%m%dT%H%M%S%3fZ.csv").to_string())
    } else {
        path.to_owned()
    };
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    whole_file::replace(&to, &ledger.to_csv())?;
    Ok(to)
}

/// Rows as they would stand in the file, on stderr as they are: they are meant to be pasted.
fn print<'r>(ledger: &Ledger, rows: impl IntoIterator<Item = &'r Row>) {
    for row in rows {
        // If stderr is gone too, there is no place left.
        let _ = io::stderr().write_all(&ledger.line(row));
    }
}
