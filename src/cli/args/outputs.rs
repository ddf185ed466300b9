//! Outputs for machines, and the history.

use clap::{Args, builder::FalseyValueParser};

/// Whether the history beside the ledger goes on.
#[derive(Debug, Args)]
pub(in crate::cli) struct HistoryArgs {
    /// Add nothing to the history beside the ledger (NAME.history.jsonl)
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_NO_HISTORY", value_parser = FalseyValueParser::new())]
    pub(in crate::cli) no_history: bool,
}
