//! The command line: arguments, environment, exit codes, and one file per command.

mod accept;
mod account;
mod args;
mod audit;
mod check;
mod close;
mod collection;
mod columns;
mod command_line;
mod connection;
mod context;
mod documents;
mod environment;
mod error;
mod existing;
mod exit;
mod gone;
mod guard;
mod hints;
mod init;
mod locked_ledger;
mod merge;
mod offline;
mod opened_ledger;
mod outputs;
mod plan;
mod planning;
mod reconcile;
mod report;
mod resolve;
mod room;
mod run;
mod run_context;
mod sandbox;
mod signals;
mod status;
mod table_file;
mod units;
mod verify;

use std::{
    io,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::ExitCode,
    thread,
};

use clap::CommandFactory as _;
use tracing::info;

// What the commands are built from.
use self::{
    account::{account, by},
    args::{
        AcceptArgs, AuditArgs, CalendarArgs, CheckArgs, Cli, CloseArgs, CollectArgs,
        CollectCommandArgs, ColumnsArgs, ColumnsFormat, Command, Format, InitArgs, ManifestArgs,
        MaxDropArgs, MergeArgs, OfflineArgs, OnExisting, PlanArgs, ReconcileArgs, RehearsalArgs,
        ReportArgs, ResolveArgs, RetryArgs, RunArgs, SandboxArgs, SchemaKind, StatusArgs,
        SummaryFormat, UnitsArgs, WorkArgs, WorkFormatArgs, format_or, is_manifest, without_csv,
    },
    audit::{AuditInput, AuditRequest, Audited},
    collection::{Collection, requests_to_combine},
    command_line::{CommandLine, LEDGER, WHERE, quoted_word},
    connection::{Connection, HttpSession, credentials, credentials_of_sandbox, limit_patience},
    context::{
        Context, ledger_of, ledger_or_of_manifest, reports_of, sandbox_config, sandbox_ledger,
    },
    environment::variable,
    error::{CliError, CliResult, chain, is_proxy, nobody, of_ledger, read_error_text, stop_text},
    existing::take_existing,
    exit::Exit,
    gone::{
        LedgerTrace, files_of, find_trace, forgotten_of_history, ledgers_next_to, refuse_gone,
        refuse_mixed_up, shares_of, trace_of,
    },
    guard::{Guard, refusal, sandbox_state_of},
    hints::{
        after_audit, commands_for, manifest_next_to, of_manifest, on_manifest, verify_command,
    },
    locked_ledger::{
        LockedLedger, announced_pause, missing_folder, remember_pause, require_folder,
    },
    offline::{FileSources, OfflineInput},
    opened_ledger::{
        OpenedLedger, RepairNote, closed_by, closed_of, history_of, lines_of, read_ledger,
        recorded_of, repair_notes, tell_repairs, warn_all, warn_of_closed, warn_of_lost_close,
        warn_of_run, warn_where_refused,
    },
    outputs::{
        Outputs, add_to_history, history_line, print_document, print_json, print_table, print_view,
    },
    plan::{collecting, created_rows, dry_run, give_up_failed, selected_rows, tell_nothing_to_do},
    planning::{
        discover_note, discovered, named_rows, plan_with_selected, relabelled, tell_leftovers,
        warn_of_plan,
    },
    reconcile::summarised_lists,
    room::{Room, nearest_folder, size_text},
    run::{Asked, Mode, WorkCommand, run},
    run_context::{Rows, RunContext, run_session, ticking},
    signals::Signals,
    table_file::TableFile,
    verify::{unlike_since_close, warn_of_unlike},
};
use crate::{
    manifest::YEAR,
    output::console::{self, LogFilter},
    tables,
    text::one_line,
};

/// Exit codes: docs/exit-codes.md.
pub fn main() -> ExitCode {
    ExitCode::from(contained(run_command).code())
}

fn run_command() -> Exit {
    environment::hold_proxies();
    let (cli, command_line) = match environment::read_arguments() {
        Ok((cli, matches)) => {
            let command_line = CommandLine::new(matches, cli.quiet);
            (cli, command_line)
        }
        Err(help_or_mistake) => return Exit::without_command(help_or_mistake),
    };
    let filter = LogFilter::of_environment();
    let said = filter.as_ref().cloned().unwrap_or_default();
    console::start(cli.log_format, (cli.verbosity(), &said), cli.color);
    environment::warn_of_unknown(&Cli::command());
    let is_long = cli.command.is_long();
    let done = filter.map_err(CliError::from);
    let exit = match done.and_then(|_| dispatch(cli, &command_line)) {
        Ok(exit) => exit,
        Err(error) => {
            error.report(&command_line);
            error.exit()
        }
    };
    let narrowed = command_line.narrowed_by_environment();
    if !narrowed.is_empty() && !command_line.is("audit") {
        info!("narrowed by the environment: {}", narrowed.join(" "));
    }
    if is_long {
        console::end_log(exit.code());
    }
    exit
}

/// The command line's definition, for its documentation.
pub fn command() -> clap::Command {
    Cli::command()
}

fn dispatch(cli: Cli, command_line: &CommandLine) -> CliResult {
    match cli.command {
        Command::Plan(args) => run_async(plan::plan(&args)),
        Command::Run(args) => run_async(run(WorkCommand::of_run(&args), command_line)),
        Command::Retry(args) => run_async(run(WorkCommand::of_retry(&args), command_line)),
        Command::Collect(args) => run_async(run(WorkCommand::of_collect(&args), command_line)),
        Command::Resolve(args) => run_async(resolve::resolve(&args, command_line)),
        Command::Merge(args) => run_async(merge::merge(&args)),
        Command::Audit(args) => run_async(audit::audit(&args, command_line)),
        Command::Close(args) => run_async(close::close(&args, command_line)),
        Command::Check(args) => run_async(check::check(&args, command_line)),
        Command::Init(args) => run_async(init::init(&args)),
        Command::Sandbox(args) => run_async(sandbox::sandbox(&args)),
        // These talk to nobody and start nothing.
        Command::Status(args) => status::status(&args, command_line),
        Command::Columns(args) => columns::columns(&args),
        Command::Units(args) => units::units(&args),
        Command::Reconcile(args) => reconcile::reconcile(&args, command_line),
        Command::Accept(args) => accept::accept(&args, command_line),
        Command::Verify { files, sandbox } => verify::verify(&files, sandbox, command_line),
        Command::Report(args) => report::report(&args),
        Command::Schema { which } => documents::schema(which),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { folder } => documents::man(&folder),
    }
}

fn run_async(command: impl Future<Output = CliResult>) -> CliResult {
    try_machine().map_err(CliError::Runtime)?;
    // One thread for the wire: handing each exchange to another and back costs more than the exchange itself. A thread
    // for the disk is kept, once there is one: a second one may not be had later.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(YEAR)
        .build()
        .map_err(CliError::Runtime)?;
    drop(runtime.spawn_blocking(|| ()));
    let result = runtime.block_on(command);
    // A thread that hangs (in a name lookup, say) must not keep the process.
    runtime.shutdown_background();
    result
}

/// Pipes for files, connections and what waits for them, on top of what is open at the start.
const PIPES: usize = 16;

/// Tries what every command needs that talks to a server: in the middle of a run there would be no good end.
fn try_machine() -> io::Result<()> {
    let pipes: io::Result<Vec<_>> = (0..PIPES).map(|_| io::pipe()).collect();
    pipes.map_err(|e| {
        io::Error::other(format!(
            "too few files may be open at once ({e}); raise the limit, for instance with `ulimit -n 1024`"
        ))
    })?;
    let second = thread::Builder::new().spawn(|| ());
    second.map(drop).map_err(|e| {
        io::Error::other(format!(
            "a second thread cannot be started ({e}); raise the limit on processes (`ulimit -u`), or that of the container"
        ))
    })
}

/// A panic is a fault, said in plain words: the ledger is on the disk line by line.
fn contained(command: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(say));
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or(Exit::Fault)
}

fn say(panic: &PanicHookInfo<'_>) {
    if tables::is_contained() {
        return;
    }
    console::clear_bar();
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what = text.or(payload.downcast_ref::<String>().map(String::as_str));
    let what = what.unwrap_or("no reason given");
    let place =
        panic.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    console::complain(&format!(
        "error: a fault of monthend itself: {}{place}\nNothing that was written is lost. Run the same command again; if it comes again, report this line.\n",
        one_line(what)
    ));
}
