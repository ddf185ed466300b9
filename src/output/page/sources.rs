use std::path::Path;

use chrono::{DateTime, Utc};

use crate::{
    audit::{MaxDrop, Reviewed},
    ledger::Ledger,
    manifest::Totals,
};

#[derive(Debug)]
pub struct Sources<'a> {
    pub name: String,
    pub ledger: &'a Ledger,
    pub sha256: String,
    /// Absolute.
    pub folder: &'a Path,
    /// Absolute.
    pub page_folder: &'a Path,
    pub is_sandbox: bool,
    pub manifest: Option<String>,
    /// How many requests of its plan the ledger does not have, where that is known.
    pub not_in_ledger: usize,
    pub totals: Option<&'a Totals>,
    pub reviewed: &'a Reviewed,
    pub earlier: Option<Earlier<'a>>,
    pub now: DateTime<Utc>,
}

#[derive(Debug)]
pub struct Earlier<'a> {
    pub name: String,
    pub sha256: String,
    pub max_drop: &'a MaxDrop,
}
