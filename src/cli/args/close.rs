//! `monthend accept` and `monthend close`.

use chrono::NaiveDate;
use clap::Args;

use super::{CalendarArgs, HistoryArgs, ManifestArgs, day, reason};
use crate::text::one_line;
use reconcile::DifferenceId;

fn name(text: &str) -> Result<String, String> {
    match one_line(text) {
        name if name.is_empty() => Err("write a name".to_owned()),
        name => Ok(name),
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AcceptArgs {
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestArgs,

    /// The difference, as `audit` and `reconcile` show it (d and 16 digits); may be repeated
    #[arg(long, required = true, value_name = "ID", value_delimiter = ',')]
    pub(in crate::cli) id: Vec<DifferenceId>,

    /// Why it is right as it is
    #[arg(long, required = true, value_name = "TEXT", value_parser = reason)]
    pub(in crate::cli) reason: String,

    /// Who accepts it [default: the login name]
    #[arg(long, env = "MONTHEND_BY", value_name = "NAME", value_parser = name)]
    pub(in crate::cli) by: Option<String>,

    /// The last day on which it is accepted; a day that has passed takes it back [default: no end]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(in crate::cli) until: Option<NaiveDate>,

    #[command(flatten)]
    pub(in crate::cli) history: HistoryArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CloseArgs {
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestArgs,

    #[command(flatten)]
    pub(in crate::cli) calendar: CalendarArgs,

    /// Ask no server: compare plan, ledger, history and files. Needs no token
    #[arg(long, env = "MONTHEND_OFFLINE")]
    pub(in crate::cli) offline: bool,

    /// Who closes it [default: the login name]
    #[arg(long, env = "MONTHEND_BY", value_name = "NAME", value_parser = name)]
    pub(in crate::cli) by: Option<String>,

    /// Open a closed month again, with a --reason: its close file stays, as NAME.close-1.json
    #[arg(long, requires = "reason")]
    pub(in crate::cli) reopen: bool,

    /// Why, for the history
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(in crate::cli) reason: Option<String>,

    #[command(flatten)]
    pub(in crate::cli) history: HistoryArgs,
}
