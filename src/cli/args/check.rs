//! The arguments of `check`.

use clap::{Args, ValueEnum};

use super::{
    outputs::format_or,
    partition::{PartitionArgs, PartitionArgsError},
    target::{CalendarArgs, ManifestArgs},
};
use crate::plan::Partition;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,

    #[command(flatten)]
    pub(crate) calendar: CalendarArgs,

    #[command(flatten)]
    partition: PartitionArgs,

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
    pub(crate) fn partition(&self) -> Result<Option<Partition>, PartitionArgsError> {
        self.partition.partition()
    }

    pub(crate) fn format(&self) -> CheckFormat {
        format_or(self.format, CheckFormat::Table)
    }
}
