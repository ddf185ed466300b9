//! Outputs for machines, and the history.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::run::MaxFailures;

/// What `run`, `retry` and `collect` write for machines, and what makes them stop early.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write the selected rows as JUnit XML
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_JUNIT", value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Write the summary as JSON
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_SUMMARY_JSON", value_name = "FILE")]
    pub(crate) summary_json: Option<PathBuf>,

    /// Write figures for Prometheus, in its text format
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_METRICS", value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// Send nothing new once so many rows of this run have failed: a number, or a share of the selected rows such as 5%
    // Negative values get the same error as other wrong ones.
    #[arg(long, env = "MONTHEND_MAX_FAILURES", value_name = "N|P%", allow_hyphen_values = true)]
    pub(crate) max_failures: Option<MaxFailures>,

    #[command(flatten)]
    pub(crate) history: HistoryArgs,
}

/// `--dry-run`, and how what it shows or the summary looks.
#[derive(Debug, Args)]
pub(crate) struct WorkFormatArgs {
    /// Only show what would be sent or downloaded, as `plan` does; send and write nothing
    #[arg(long, env = "MONTHEND_DRY_RUN")]
    pub(crate) dry_run: bool,

    /// How the summary on stdout looks, table or json, or what --dry-run shows, csv too [env: MONTHEND_FORMAT=]
    /// [default: table]
    // The environment is read by hand: it is no mistake where this command does not have that format.
    #[arg(
        long,
        help_heading = "Outputs",
        value_enum,
        hide_possible_values = true,
        value_name = "FORMAT"
    )]
    format: Option<PlanFormat>,
}

/// How a plan or a list of rows looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Table,
    Csv,
    Json,
}

/// How the summary on stdout looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// Text for people
    Table,
    /// One JSON object
    Json,
}

impl WorkFormatArgs {
    pub(crate) fn format(&self) -> PlanFormat {
        format_or(self.format, PlanFormat::Table)
    }

    /// None for a format that a summary does not have.
    pub(crate) fn summary_format(&self) -> Option<SummaryFormat> {
        without_csv(self.format, self.format())
    }
}

/// The option, else what MONTHEND_FORMAT names, else `default`. A format there that only other commands have is no
/// mistake.
pub(crate) fn format_or<F: ValueEnum>(option: Option<F>, default: F) -> F {
    let named = || F::from_str(&std::env::var("MONTHEND_FORMAT").ok()?, false).ok();
    option.or_else(named).unwrap_or(default)
}

/// None where csv was typed; the variable is no mistake.
pub(crate) fn without_csv(typed: Option<PlanFormat>, format: PlanFormat) -> Option<SummaryFormat> {
    match (typed, format) {
        (Some(PlanFormat::Csv), _) => None,
        (_, PlanFormat::Json) => Some(SummaryFormat::Json),
        (_, PlanFormat::Table | PlanFormat::Csv) => Some(SummaryFormat::Table),
    }
}

/// Whether the history next to the ledger goes on.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Add nothing to the history next to the ledger (NAME.history.jsonl)
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_NO_HISTORY")]
    pub(crate) no_history: bool,
}
