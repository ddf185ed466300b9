//! Outputs for machines, and the history.

use clap::{Args, builder::FalseyValueParser};

/// Whether the history beside the ledger goes on.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Add nothing to the history beside the ledger (NAME.history.jsonl)
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_NO_HISTORY", value_parser = FalseyValueParser::new())]
    pub(crate) no_history: bool,
}
