//! `--cause`

use clap::Args;

/// Which rows, by what became of them.
#[derive(Debug, Args)]
pub(crate) struct CauseArgs {
    /// Rows that failed, or wait, for this reason: their `error_code`, such as http_403
    #[arg(long, help_heading = "Selection", env = "MONTHEND_CAUSE", value_name = "CODE")]
    pub(crate) cause: Vec<String>,
}
