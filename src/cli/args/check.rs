//! The arguments of `check`.

use clap::{Args, ValueEnum};

use super::target::{CalendarArgs, ManifestArgs};

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,

    #[command(flatten)]
    pub(crate) calendar: CalendarArgs,

    /// How to show it [env: MONTHEND_FORMAT=] [default: table]
    #[arg(long, value_enum)]
    format: Option<CheckFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    Table,
    Json,
}

impl CheckArgs {
    /// The option, else the environment variable. A format there that only other commands have is no mistake.
    pub(crate) fn format(&self) -> CheckFormat {
        let named = || CheckFormat::from_str(&std::env::var("MONTHEND_FORMAT").ok()?, false).ok();
        self.format.or_else(named).unwrap_or(CheckFormat::Table)
    }
}
