//! What compares this month with an earlier one.

use std::{env, path::PathBuf};

use clap::Args;

use crate::audit::{MaxDrop, MaxDropError};

/// `audit --previous`
#[derive(Debug, Args)]
pub(crate) struct PreviousArgs {
    /// An earlier ledger, with its files next to it: name also whoever has vanished since, and whose figures dropped. It
    /// may be the same ledger, where that has earlier periods
    #[arg(
        id = EARLIER,
        long = "previous",
        help_heading = "Comparing",
        env = "MONTHEND_PREVIOUS",
        value_name = "LEDGER"
    )]
    pub(crate) previous: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) max_drop: MaxDropArgs,
}

/// The option of `audit` and `report` that names the earlier ledger.
pub(crate) const EARLIER: &str = "earlier";

/// `--max-drop`
#[derive(Debug, Args)]
pub(crate) struct MaxDropArgs {
    /// By how much a figure may fall: the sum of `audit.totals`, or without it the number of rows
    /// [env: MONTHEND_MAX_DROP=] [default: 50%]
    // The environment is read by hand: it is no mistake where nothing is compared.
    #[arg(
        long,
        help_heading = "Comparing",
        value_name = "P%",
        requires = EARLIER
    )]
    max_drop: Option<MaxDrop>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("MONTHEND_MAX_DROP is {text:?}: {source}")]
pub(crate) struct MaxDropVariableError {
    text: String,
    source: MaxDropError,
}

impl MaxDropArgs {
    /// The option, else what MONTHEND_MAX_DROP says, else the default.
    pub(crate) fn value(&self) -> Result<MaxDrop, MaxDropVariableError> {
        let named = env::var_os("MONTHEND_MAX_DROP").filter(|text| !text.is_empty());
        match (&self.max_drop, named) {
            (Some(max_drop), _) => Ok(max_drop.clone()),
            (None, None) => Ok(MaxDrop::default()),
            (None, Some(text)) => {
                let text = text.to_string_lossy().into_owned();
                let read = text.parse();
                read.map_err(|source| MaxDropVariableError { text, source })
            }
        }
    }
}
