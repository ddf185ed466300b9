//! What a command works on: the manifest, its ledger, the server; and how the manifest's periods are read.

use std::path::{Path, PathBuf};

use chrono::{NaiveDate, Utc};
use clap::Args;

use crate::manifest::BaseUrl;

#[derive(Debug, Args)]
pub(crate) struct ManifestArgs {
    /// The YAML manifest
    #[arg(env = "MONTHEND_MANIFEST")]
    pub(crate) manifest: PathBuf,

    /// The ledger [env: MONTHEND_LEDGER=] [default: the manifest's `ledger:`, else NAME.ledger.csv next to it]
    // The environment is read by hand: in a rehearsal and in a share it counts as the manifest's, and the option does
    // not.
    #[arg(long, value_name = "PATH")]
    pub(crate) ledger: Option<PathBuf>,

    /// The address of the API, instead of the manifest's `api.base_url` [env: MONTHEND_BASE_URL=]
    // The environment is read by hand: a rehearsal leaves it alone as it does the manifest's, and the option is a
    // contradiction there.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<BaseUrl>,

    #[command(flatten)]
    pub(crate) sandbox: RehearsalArgs,
}

/// How the manifest's periods are read.
#[derive(Debug, Args)]
pub(crate) struct CalendarArgs {
    /// The day that relative periods count from [default: today, UTC]
    #[arg(long, env = "MONTHEND_AS_OF", value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) as_of: Option<NaiveDate>,

    /// Let the server judge periods that are not over, or that begin more than five years ago
    #[arg(long, env = "MONTHEND_NO_DATE_CHECK")]
    pub(crate) no_date_check: bool,
}

impl CalendarArgs {
    pub(crate) fn as_of(&self) -> NaiveDate {
        self.as_of.unwrap_or_else(|| Utc::now().date_naive())
    }
}

// The headings stand at each option: one that is set for a struct reaches whatever comes after it too.

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RehearsalArgs {
    /// Rehearse against a built-in simulator of the API; needs no token and keeps a ledger of its own
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(crate) sandbox: bool,

    /// How the simulator behaves: a YAML file
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX_CONFIG", value_name = "FILE")]
    pub(crate) sandbox_config: Option<PathBuf>,

    /// Rehearse with the refusals fixed
    #[arg(
        long,
        alias = "sandbox-mended",
        help_heading = "Rehearsal",
        env = "MONTHEND_SANDBOX_FIXED"
    )]
    pub(crate) sandbox_fixed: bool,
}

pub(crate) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
}

fn day(text: &str) -> Result<NaiveDate, String> {
    request::day(text).map_err(|_| "write a day as YYYY-MM-DD: 2026-11-24".to_owned())
}
