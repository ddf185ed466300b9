//! The command line: arguments, environment, wiring, exit codes. One file per command.

mod args;
mod connection;
mod error;
mod existing;
mod exit;
mod finish;
mod merge;
mod plan;
mod rescue;
mod resolve;
mod retry;
mod run;
mod sandbox;
mod schema;
mod signals;
mod status;
mod target;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use error::CliError;
use exit::Exit;

use crate::output::console;

/// Runs the command that the arguments name, and gives its exit code (contract, section 2).
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    console::start(cli.log_format, cli.verbosity());
    let exit = match dispatch(cli) {
        Ok(exit) => exit,
        Err(error) => {
            error.report();
            error.exit()
        }
    };
    exit.into()
}

fn dispatch(cli: Cli) -> Result<Exit, CliError> {
    let quiet = cli.quiet;
    // Commands that talk to nobody start nothing.
    match cli.command {
        Command::Status(args) => return status::status(&args),
        Command::Schema(args) => return schema::schema(&args),
        Command::Plan(_)
        | Command::Run(_)
        | Command::Retry(_)
        | Command::Resolve(_)
        | Command::Merge(_)
        | Command::Sandbox(_) => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Plan(args) => plan::plan(&args).await,
            Command::Run(args) => run::run(&args, quiet).await,
            Command::Retry(args) => retry::retry(&args, quiet).await,
            Command::Resolve(args) => resolve::resolve(&args).await,
            Command::Merge(args) => merge::merge(&args).await,
            Command::Sandbox(args) => sandbox::sandbox(&args).await,
            Command::Status(args) => status::status(&args),
            Command::Schema(args) => schema::schema(&args),
        }
    });
    // A reader that hangs (a name lookup, say) must not keep the process.
    runtime.shutdown_background();
    result
}
