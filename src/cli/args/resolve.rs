//! `monthend resolve`

use std::path::PathBuf;

use clap::Args;

use super::{
    outputs::HistoryArgs,
    partition::{PartitionArgs, PartitionArgsError},
    target::{ManifestArgs, RehearsalArgs},
};
use crate::{manifest::BaseUrl, plan::Partition, text::one_line};
use request::{ReportId, RequestId};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("decision"))]
pub(crate) struct ResolveArgs {
    /// The ledger, or the manifest (.yaml, .yml) whose ledger is meant
    #[arg(id = "manifest", value_name = "LEDGER", env = "MONTHEND_MANIFEST")]
    pub(crate) place: PathBuf,

    /// The ledger, whatever a manifest says [env: MONTHEND_LEDGER=]
    // As for the other commands, the variable counts as the manifest's `ledger:`.
    #[arg(id = "ledger", long = "ledger", value_name = "PATH")]
    pub(crate) named: Option<PathBuf>,

    /// The address of the API to ask about candidates [env: MONTHEND_BASE_URL=] [default: the manifest's, else that of
    /// the last run in the history]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<BaseUrl>,

    /// The row's request_id; without it, all rows that a person may decide are listed, with their candidates
    #[arg(long, value_name = "ID", requires = "decision")]
    pub(crate) request: Option<RequestId>,

    /// The row's report is this one
    #[arg(long, value_name = "REPORT_ID", group = "decision", requires = "request")]
    pub(crate) adopt: Option<ReportId>,

    /// The row has no report: the next run sends the request again
    #[arg(long, group = "decision", requires = "request")]
    pub(crate) resend: bool,

    /// The row is created, and its report is discarded: it is recreated, or another is taken
    #[arg(long, requires = "request")]
    pub(crate) replace: bool,

    /// Why, for the history
    #[arg(long, value_name = "TEXT", requires = "request", value_parser = reason)]
    pub(crate) reason: Option<String>,

    /// Work on the ledger of the rehearsals
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(crate) sandbox: bool,

    #[command(flatten)]
    share: PartitionArgs,

    #[command(flatten)]
    pub(crate) history: HistoryArgs,
}

impl ResolveArgs {
    pub(crate) fn partition(&self) -> Result<Option<Partition>, PartitionArgsError> {
        self.share.partition()
    }

    /// The arguments with which `run` works on the same ledger.
    pub(crate) fn manifest(&self) -> ManifestArgs {
        ManifestArgs {
            manifest: self.place.clone(),
            ledger: self.named.clone(),
            base_url: self.base_url.clone(),
            sandbox: RehearsalArgs { sandbox: self.sandbox, ..RehearsalArgs::default() },
        }
    }
}

fn reason(text: &str) -> Result<String, String> {
    match one_line(text) {
        reason if reason.is_empty() => Err("write why".to_owned()),
        reason => Ok(reason),
    }
}
