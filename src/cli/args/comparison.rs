//! What compares this month with an earlier one.

use std::path::PathBuf;

use clap::Args;

use crate::audit::MaxDrop;

/// `audit --previous`
#[derive(Debug, Args)]
pub(crate) struct PreviousArgs {
    /// An earlier ledger, with its files beside it: name also whoever has vanished since, and whose figures dropped. It may
    /// be the same ledger, where that has earlier periods
    #[arg(
        long,
        help_heading = "Comparing",
        env = "MONTHEND_PREVIOUS",
        value_name = "LEDGER"
    )]
    pub(crate) previous: Option<PathBuf>,

    /// By how much a figure may fall: the sum of `audit.totals`, or without it the number of rows
    #[arg(
        long,
        help_heading = "Comparing",
        env = "MONTHEND_MAX_DROP",
        value_name = "P%",
        default_value_t,
        requires = "previous"
    )]
    pub(crate) max_drop: MaxDrop,
}
