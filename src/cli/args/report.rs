//! `monthend report`

use std::path::PathBuf;

use clap::Args;

use super::comparison::{EARLIER, MaxDropArgs};

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The ledger, or the manifest (.yaml, .yml) whose ledger is meant
    pub(crate) ledger: PathBuf,

    /// The page to write: an HTML file
    #[arg(long, short, env = "MONTHEND_REPORT", value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// An earlier ledger, with its files next to it: show what was then, who has vanished, and whose figures dropped
    #[arg(
        id = EARLIER,
        long = "compare",
        help_heading = "Comparing",
        env = "MONTHEND_COMPARE",
        value_name = "EARLIER_LEDGER"
    )]
    pub(crate) compare: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) max_drop: MaxDropArgs,

    /// The manifest, for the sums of its `audit.totals` [default: the one that is named instead of a ledger]
    #[arg(long, env = "MONTHEND_MANIFEST", value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,

    /// Of a manifest: show the ledger of its rehearsals
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(crate) sandbox: bool,
}
