use tracing::info;

use super::{CliError, CliResult, Exit, Guard, SandboxArgs, Signals, sandbox_config};
use crate::output::console;
use sandbox::{self, Sandbox};

/// Until a signal comes, which is success.
pub(super) async fn sandbox(args: &SandboxArgs) -> CliResult {
    let signals = Signals::listen();
    let mut config = sandbox_config(args.config.as_deref())?;
    config.port = args.port.unwrap_or(config.port);
    config.state = args.state.clone().or(config.state);
    config.fixed |= args.fixed;
    let mut guard = Guard::new();
    if let Some(file) = &args.config {
        guard.input("the sandbox's configuration", file);
    }
    if let Some(state) = &config.state {
        guard.refuse("--state", state)?;
    }
    let running = Sandbox::start(config).await?;
    signals.end_in_order();
    console::print(format!("{}\n", running.base_url())).map_err(CliError::Stdout)?;
    let (token, url) = (sandbox::ACCESS_TOKEN, running.base_url());
    let with = format!("use it with WEBEX_ACCESS_TOKEN={token} and --base-url {url}");
    info!("serving the simulated API; {with}; Ctrl-C stops it");
    signals.caught().await;
    running.stop().await;
    Ok(Exit::Success)
}
