//! Why ledgers cannot be merged.

use std::{fmt, path::PathBuf};

use request::{ReportId, RequestId};

/// All conflicts, in the order in which they were found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledgers cannot be merged, and nothing was written{}", lines(.0))]
pub struct MergeError(pub Vec<Conflict>);

/// Only a person can decide these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// A request has two reports.
    Reports { request: RequestId, what: String, held: Vec<(ReportId, PathBuf)> },
    /// Two requests have the same report.
    Owners { report: ReportId, rows: Vec<(RequestId, PathBuf)> },
    /// Two requests have the same file.
    Files { file: String, rows: Vec<(RequestId, PathBuf)> },
    /// Some ledgers are rehearsals, others are not.
    Rehearsal { sandbox: Vec<PathBuf>, real: Vec<PathBuf> },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Reports { request, what, held } => {
                write!(f, "{request} ({what}) has different reports: ")?;
                list(f, held, "in")?;
                write!(f, "; --prefer LEDGER says whose counts")
            }
            Conflict::Owners { report, rows } => {
                write!(f, "report {report} belongs to more than one request: ")?;
                list(f, rows, "in")?;
                write!(f, "; empty the wrong row, or decide it with --prefer")
            }
            Conflict::Files { file, rows } => {
                write!(f, "the file {file} belongs to more than one request: ")?;
                list(f, rows, "in")
            }
            Conflict::Rehearsal { sandbox, real } => {
                let names = |paths: &[PathBuf]| {
                    let names: Vec<String> =
                        paths.iter().map(|p| p.display().to_string()).collect();
                    names.join(", ")
                };
                write!(
                    f,
                    "reports of the sandbox are in {}, those of a real server in {}; a rehearsal is never merged with \
                     a real ledger",
                    names(sandbox),
                    names(real)
                )
            }
        }
    }
}

fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: &[(T, PathBuf)],
    between: &str,
) -> fmt::Result {
    for (n, (item, path)) in items.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        write!(f, "{comma}{item} {between} {}", path.display())?;
    }
    Ok(())
}

fn lines(conflicts: &[Conflict]) -> String {
    conflicts.iter().map(|c| format!("\n  {c}")).collect()
}
