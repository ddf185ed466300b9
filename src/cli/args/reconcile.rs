//! `monthend columns`, `units` and `reconcile`: what reads the manifest, the ledger and its files, and asks no server.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{CalendarArgs, Format, ManifestArgs, SelectionArgs};

/// What these commands have in common.
#[derive(Debug, Args)]
pub(in crate::cli) struct OfflineArgs {
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestArgs,

    #[command(flatten)]
    pub(in crate::cli) calendar: CalendarArgs,

    #[command(flatten)]
    pub(in crate::cli) selection: SelectionArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ColumnsArgs {
    #[command(flatten)]
    pub(in crate::cli) offline: OfflineArgs,

    /// How to show them; `yaml` is the section `files:` of a manifest [env: MONTHEND_FORMAT=] [default: table]
    // The environment is read by hand: it is no mistake where this command does not have that format.
    #[arg(long, value_enum)]
    pub(in crate::cli) format: Option<ColumnsFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ColumnsFormat {
    Table,
    Csv,
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UnitsArgs {
    #[command(flatten)]
    pub(in crate::cli) offline: OfflineArgs,

    /// How to show them: `table` shows the first groups and the totals of each period, `csv` all groups, `json` everything
    #[arg(long, env = "MONTHEND_FORMAT", value_enum, default_value_t = Format::Table)]
    pub(in crate::cli) format: Format,

    /// Write what `--format csv` shows; FILE.xlsx has the totals, too
    #[arg(long, short, help_heading = "Outputs", env = "MONTHEND_UNITS_OUTPUT")]
    #[arg(value_name = "FILE.csv|.xlsx")]
    pub(in crate::cli) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReconcileArgs {
    #[command(flatten)]
    pub(in crate::cli) offline: OfflineArgs,

    /// Compare only this entry of `reconcile:`
    #[arg(long, env = "MONTHEND_RECONCILE_NAME", value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,

    /// Show the keys that match, too
    #[arg(long, env = "MONTHEND_RECONCILE_ALL")]
    pub(in crate::cli) all: bool,

    /// How to show it: `table` shows the first keys of each class, `csv` all keys of one entry, `json` everything
    #[arg(long, env = "MONTHEND_FORMAT", value_enum, default_value_t = Format::Table)]
    pub(in crate::cli) format: Format,

    /// Write what `--format csv` shows; of several entries, each into its own FILE-NAME.csv, or into a sheet of
    /// FILE.xlsx
    #[arg(long, short, help_heading = "Outputs", env = "MONTHEND_RECONCILE_OUTPUT")]
    #[arg(value_name = "FILE.csv|.xlsx")]
    pub(in crate::cli) output: Option<PathBuf>,

    /// Write a test case for each entry and period as JUnit XML
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_RECONCILE_JUNIT", value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,
}
