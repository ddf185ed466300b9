use clap::CommandFactory as _;

use super::{
    args::{Cli, CompletionsArgs, ManArgs},
    error::CliError,
    exit::Exit,
};
use crate::output::console;

pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "monthend", &mut text);
    console::print(&*String::from_utf8_lossy(&text)).map_err(CliError::Stdout)?;
    Ok(Exit::Success)
}

pub(super) fn man(args: &ManArgs) -> Result<Exit, CliError> {
    let failed = |why| CliError::Output { path: args.folder.clone(), why };
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)?;
    Ok(Exit::Success)
}
