//! The arguments of `init`, `completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::target::{ManifestArgs, RehearsalArgs};
use crate::manifest::BaseUrl;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The manifest to write
    #[arg(default_value = "month-end.yaml")]
    pub(crate) file: PathBuf,

    /// Ask the API for your sub-partners, and list them
    #[arg(long, env = "MONTHEND_DISCOVER")]
    pub(crate) discover: bool,

    /// The address of the API to ask [env: MONTHEND_BASE_URL=]
    #[arg(long, value_name = "URL")]
    base_url: Option<BaseUrl>,

    #[command(flatten)]
    sandbox: RehearsalArgs,
}

impl InitArgs {
    /// The arguments with which `run` reaches the same API.
    pub(crate) fn manifest(&self) -> ManifestArgs {
        ManifestArgs {
            manifest: self.file.clone(),
            ledger: None,
            base_url: self.base_url.clone(),
            sandbox: self.sandbox.clone(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that completes
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write monthend.1 and the pages of all commands into
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}
