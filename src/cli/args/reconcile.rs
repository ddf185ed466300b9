//! `monthend columns` and `monthend reconcile`: what reads the manifest, the ledger and its files, and asks no server.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    SelectionArgs,
    outputs::{PlanFormat, format_or},
    target::{CalendarArgs, ManifestArgs},
};

/// What these commands have in common.
#[derive(Debug, Args)]
pub(crate) struct OfflineArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,

    #[command(flatten)]
    pub(crate) calendar: CalendarArgs,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ColumnsArgs {
    #[command(flatten)]
    pub(crate) offline: OfflineArgs,

    /// How to show them; `yaml` is the section `files:` of a manifest [env: MONTHEND_FORMAT=] [default: table]
    // The environment is read by hand: it is no mistake where this command does not have that format.
    #[arg(long, value_enum)]
    format: Option<ColumnsFormat>,
}

impl ColumnsArgs {
    pub(crate) fn format(&self) -> ColumnsFormat {
        format_or(self.format, ColumnsFormat::Table)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColumnsFormat {
    Table,
    Csv,
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    pub(crate) offline: OfflineArgs,

    /// Compare this entry of `reconcile:` only
    #[arg(long, env = "MONTHEND_RECONCILE_NAME", value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Show the keys that match, too
    #[arg(long, env = "MONTHEND_RECONCILE_ALL")]
    pub(crate) all: bool,

    /// How to show it: `table` is for people and shows the first keys; `csv`, of one entry, and `json` have all
    #[arg(long, env = "MONTHEND_FORMAT", value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) format: PlanFormat,

    /// Write what `--format csv` shows; where several entries are compared, into FILE-NAME.csv for each
    #[arg(
        long,
        short,
        help_heading = "Outputs",
        env = "MONTHEND_RECONCILE_OUTPUT",
        value_name = "FILE.csv"
    )]
    pub(crate) output: Option<PathBuf>,

    /// Write a test case for each entry and period as JUnit XML
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_RECONCILE_JUNIT", value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}
