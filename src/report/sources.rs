use std::path::Path;

use chrono::{DateTime, Utc};

use crate::{
    audit::{MaxDrop, Reviewed},
    history::HistoryLine,
    ledger::Ledger,
    settings::Totals,
};

/// Everything that a page shows.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The name of the ledger's file.
    pub name: String,
    /// Its rows.
    pub ledger: &'a Ledger,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// The folder in which the ledger lies. Absolute.
    pub folder: &'a Path,
    /// The folder in which the page will lie. Absolute.
    pub page_folder: &'a Path,
    /// Whether the ledger is a rehearsal's.
    pub is_sandbox: bool,
    /// The name of the manifest's file, if one was given.
    pub manifest: Option<String>,
    /// How many requests of its plan the ledger does not have, where that is known.
    pub not_in_ledger: usize,
    /// The columns to sum up.
    pub totals: Option<&'a Totals>,
    /// The results of sums, files and the comparison.
    pub reviewed: &'a Reviewed,
    /// The history next to the ledger; empty if there is none.
    pub history: &'a [HistoryLine],
    /// The ledger to compare with.
    pub earlier: Option<Earlier<'a>>,
    /// When the page is made.
    pub now: DateTime<Utc>,
}

/// A ledger to compare with.
#[derive(Debug)]
pub struct Earlier<'a> {
    /// The name of its file.
    pub name: String,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// By how much a figure may fall.
    pub max_drop: &'a MaxDrop,
}
