//! The arguments, as clap reads them.

mod close;
mod common;
mod reconcile;

use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Args, Parser, Subcommand, ValueEnum, parser::ValueSource};
use clap_complete::Shell;
use tracing::level_filters::LevelFilter;

pub(super) use close::*;
pub(super) use common::*;
pub(super) use reconcile::*;

use crate::{
    manifest::BaseUrl,
    output::{Color, console::LogFormat},
    text::one_line,
};
use request::{ReportId, RequestId};

/// Creates Webex wholesale billing reports in bulk from a manifest, and keeps a ledger of them.
///
/// Credentials come from the environment: WEBEX_ACCESS_TOKEN or WEBEX_ACCESS_TOKEN_FILE; to renew an expired token,
/// all of WEBEX_CLIENT_ID, WEBEX_CLIENT_SECRET and WEBEX_REFRESH_TOKEN, or their _FILE forms.
#[derive(Debug, Parser)]
#[command(name = "monthend", version = env!("MONTHEND_VERSION"), propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,

    /// Say only warnings and errors on stderr
    #[arg(long, short, global = true, help_heading = "Messages", env = "MONTHEND_QUIET")]
    pub(super) quiet: bool,

    /// Say more on stderr: every retry and every report; -vv: every exchange, too. MONTHEND_LOG sets it per module
    /// (docs/ci.md)
    #[arg(long, short, global = true, help_heading = "Messages", action = ArgAction::Count)]
    pub(super) verbose: u8,

    /// Colour: `auto` is on a terminal and follows NO_COLOR, CLICOLOR_FORCE and TERM=dumb
    #[arg(long, global = true, help_heading = "Messages", env = "MONTHEND_COLOR")]
    #[arg(value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    pub(super) color: Color,

    /// How lines on stderr look: `text` for people, `json` with an object in each line
    #[arg(long, global = true, help_heading = "Messages", env = "MONTHEND_LOG_FORMAT")]
    #[arg(value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    pub(super) log_format: LogFormat,
}

const EXIT_CODES: &str = "\
Exit codes: 0 everything selected is created, and collected where asked for; 1 at least one row failed or is not collected, or something differs; 2 usage or manifest error, no credentials; \
3 stopped early, rows left to do; 4 ledger trouble; 130, 143, 129 interrupted.";

impl Cli {
    /// As `-q` and `-v` say; `None` without them.
    pub(super) fn verbosity(&self) -> Option<LevelFilter> {
        match (self.quiet, self.verbose) {
            (true, _) => Some(LevelFilter::WARN),
            (false, 0) => None,
            (false, 1) => Some(LevelFilter::DEBUG),
            (false, _) => Some(LevelFilter::TRACE),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a commented manifest to begin with; never overwrites a file
    Init(InitArgs),
    /// Test everything a run needs: files, network, token; creates nothing
    Check(CheckArgs),
    /// Show what a manifest means and what a run would do; sends nothing
    Plan(PlanArgs),
    /// Create every planned report that the ledger does not show as created
    Run(RunArgs),
    /// Send again the ledger's rows that are failed, pending or sending
    Retry(RetryArgs),
    /// Wait for created reports to complete, and download them
    Collect(CollectCommandArgs),
    /// List the rows in doubt with their candidates, or decide one by hand: take a report, or send it again
    Resolve(ResolveArgs),
    /// Merge ledgers (copies, shares, rescued ones)
    Merge(MergeArgs),
    /// Name every difference between plan, ledger, server and files; changes nothing
    Audit(AuditArgs),
    /// Show which columns the collected files have
    Columns(ColumnsArgs),
    /// Show the billable units of each group, and what rounding adds
    Units(UnitsArgs),
    /// Compare the collected files with lists, invoices and earlier collections
    Reconcile(ReconcileArgs),
    /// Accept a difference that `audit` or `reconcile` shows, with a reason: it is shown, and does not count
    Accept(AcceptArgs),
    /// Close a month: prove it, and keep a hash of every file that proves it
    Close(CloseArgs),
    /// Compare all files of a closed month with their hashes; needs no network, no token and no manifest
    Verify {
        /// The close files (NAME.close.json), with their files where they were then
        #[arg(required = true, value_name = "FILE.close.json")]
        files: Vec<PathBuf>,

        /// Those of rehearsals: NAME.sandbox.close.json
        #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
        sandbox: bool,
    },
    /// Write an HTML report (one file, works offline)
    Report(ReportArgs),
    /// Count a ledger's rows by status, type, period and cause
    Status(StatusArgs),
    /// Serve the simulator of the API on loopback until stopped
    Sandbox(SandboxArgs),
    /// Print the JSON Schema of the manifest or of what a command prints, or the Table Schema of the ledger
    Schema {
        /// The schema to print
        #[arg(value_enum)]
        which: SchemaKind,
    },
    /// Print what a shell needs to complete commands and options
    Completions {
        /// The shell that completes
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write manual pages, one for each command, for packagers
    Man {
        /// The folder to write monthend.1 and the pages of all commands into
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

impl Command {
    pub(super) fn is_long(&self) -> bool {
        matches!(self, Command::Run(_) | Command::Retry(_) | Command::Collect(_))
    }
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) manifest: ManifestArgs,

    #[command(flatten)]
    pub(super) calendar: CalendarArgs,

    /// How to show it: `table` is for people and shows the first rows, `csv` and `json` show all
    #[arg(long, env = "MONTHEND_FORMAT", value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,

    /// End with 2 if the plan has warnings
    #[arg(long, env = "MONTHEND_STRICT")]
    pub(super) strict: bool,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) common: WorkArgs,

    #[command(flatten)]
    pub(super) calendar: CalendarArgs,

    /// For a lost ledger, reports that the server already has: `adopt` records the newest of each request instead of
    /// creating another, `stop` lists them and ends with 1, `ignore` creates them again. Without it, none are looked
    /// for, and a ledger that is gone while its history or its files are still there stops the run
    #[arg(long, env = "MONTHEND_EXISTING", value_enum)]
    #[arg(value_name = "WHAT", hide_possible_values = true)]
    pub(super) existing: Option<OnExisting>,

    #[command(flatten)]
    pub(super) format: WorkFormatArgs,

    #[command(flatten)]
    pub(super) and_collect: AndCollectArgs,
}

#[derive(Debug, Args)]
pub(super) struct CollectCommandArgs {
    #[command(flatten)]
    pub(super) common: WorkArgs,

    #[command(flatten)]
    pub(super) collect: CollectArgs,

    #[command(flatten)]
    pub(super) format: WorkFormatArgs,

    // For --combine. Accepted without it, for scripts that give every command the same options.
    #[command(flatten)]
    pub(super) calendar: CalendarArgs,
}

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    #[command(flatten)]
    pub(super) common: WorkArgs,

    /// Also recreate reports with status FAILED; the old report is discarded
    #[arg(long, env = "MONTHEND_RECREATE_FAILED")]
    pub(super) recreate_failed: bool,

    #[command(flatten)]
    pub(super) cause: CauseArgs,

    #[command(flatten)]
    pub(super) format: WorkFormatArgs,

    #[command(flatten)]
    pub(super) and_collect: AndCollectArgs,

    // As for `collect`: rows have their dates.
    #[command(flatten)]
    pub(super) calendar: CalendarArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnExisting {
    /// Do not ask the server; create them again
    Ignore,
    /// Record the newest report of each instead of creating another
    Adopt,
    /// List them, send nothing, exit with 1
    Stop,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The ledgers to merge
    #[arg(required = true, value_name = "LEDGER")]
    pub(super) ledgers: Vec<PathBuf>,

    /// The ledger to write; if it exists, its rows are merged, too
    #[arg(long, short, value_name = "LEDGER")]
    pub(super) output: PathBuf,

    /// Where two of them have different reports for one request, this one counts
    #[arg(long, value_name = "LEDGER")]
    pub(super) prefer: Option<PathBuf>,

    #[command(flatten)]
    pub(super) history: HistoryArgs,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The ledger, or its manifest (.yaml, .yml) [env: MONTHEND_MANIFEST=]
    // The environment is read by hand: it counts only where no ledger is named.
    #[arg(id = "manifest", value_name = "LEDGER")]
    pub(super) ledger: Option<PathBuf>,

    /// The ledger, instead of the manifest's [env: MONTHEND_LEDGER=]
    // As for the other commands, the variable counts as the manifest's `ledger:`.
    #[arg(id = "ledger", long = "ledger", value_name = "PATH")]
    pub(super) named: Option<PathBuf>,

    /// Show the ledger of the rehearsals
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(super) sandbox: bool,

    /// How to show it; --history has no csv [env: MONTHEND_FORMAT=] [default: table]
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,

    /// List the rows as a table: request id, name, state and file
    #[arg(long, conflicts_with = "history")]
    pub(super) rows: bool,

    /// Show the history of one row, and the row as it is now (--rows lists the ids); without an id, the commands and
    /// decisions of the whole ledger
    #[arg(long, value_name = "REQUEST_ID", value_parser = listed_request)]
    pub(super) history: Option<Option<RequestId>>,

    #[command(flatten)]
    pub(super) cause: CauseArgs,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,
}

fn listed_request(text: &str) -> Result<RequestId, String> {
    text.parse().map_err(|why: request::RequestIdError| {
        format!("{why}; `monthend status --rows` lists them (a ledger stands before --history)")
    })
}

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    pub(super) manifest: ManifestArgs,

    #[command(flatten)]
    pub(super) calendar: CalendarArgs,

    /// How to show it: table for people, with the sums of `audit.totals`; csv and json have every difference
    #[arg(long, env = "MONTHEND_FORMAT", value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,

    /// With --format csv: the sums of `audit.totals` instead of the differences, with their totals
    #[arg(long, env = "MONTHEND_TOTALS")]
    pub(super) totals: bool,

    /// Ask no server: compare plan, ledger, history and files. Needs no token
    #[arg(long, env = "MONTHEND_OFFLINE")]
    pub(super) offline: bool,

    /// Do not look at files, and do not report missing ones
    #[arg(long, env = "MONTHEND_NO_FILES")]
    pub(super) no_files: bool,

    /// Write a test case for each request, sum and list as JUnit XML
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_AUDIT_JUNIT", value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,

    /// An earlier ledger or its manifest, with its files next to it: also report who has vanished since, and whose
    /// figures dropped. It may be the same ledger, where that has earlier periods
    #[arg(id = EARLIER, long = "previous", value_name = "LEDGER")]
    #[arg(help_heading = "Comparing", env = "MONTHEND_PREVIOUS")]
    pub(super) previous: Option<PathBuf>,

    #[command(flatten)]
    pub(super) max_drop: MaxDropArgs,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,
}

#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// How the simulator behaves: a YAML file
    #[arg(long, env = "MONTHEND_SANDBOX_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// The port of 127.0.0.1 to listen on [default: `port` of the configuration, else a free one]
    #[arg(long, env = "MONTHEND_SANDBOX_PORT", value_name = "PORT")]
    pub(super) port: Option<u16>,

    /// Keep the reports in this file from one start to the next [default: not kept]
    #[arg(long, env = "MONTHEND_SANDBOX_STATE", value_name = "FILE")]
    pub(super) state: Option<PathBuf>,

    /// Accept the sub-partners that were refused
    #[arg(long, alias = "mended", env = "MONTHEND_SANDBOX_FIXED")]
    pub(super) fixed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaKind {
    /// JSON Schema of the YAML manifest
    Manifest,
    /// Frictionless Table Schema of the CSV ledger
    Ledger,
    /// JSON Schema of what `plan --format json` prints, and --dry-run
    Plan,
    /// JSON Schema of what `status --format json` prints
    Status,
    /// JSON Schema of what `audit --format json` prints
    Audit,
    /// JSON Schema of one line of the history next to a ledger
    History,
    /// JSON Schema of what `run --summary-json` writes
    Summary,
    /// JSON Schema of what `check --format json` prints
    Check,
    /// JSON Schema of what `columns --format json` prints
    Columns,
    /// JSON Schema of what `reconcile --format json` prints
    Reconcile,
    /// JSON Schema of what `units --format json` prints
    Units,
    /// JSON Schema of the file that `close` writes
    Close,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) manifest: ManifestArgs,

    #[command(flatten)]
    pub(super) calendar: CalendarArgs,

    #[command(flatten)]
    pub(super) share: PartitionArgs,

    /// How to show it [env: MONTHEND_FORMAT=] [default: table]
    #[arg(long, value_enum)]
    pub(super) format: Option<SummaryFormat>,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The ledger, or its manifest (.yaml, .yml) [default: the one of --manifest]
    #[arg(required_unless_present = "manifest")]
    pub(super) ledger: Option<PathBuf>,

    /// The page to write: an HTML file [default: the ledger's name with .html]
    #[arg(long, short, env = "MONTHEND_REPORT", value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// An earlier ledger or its manifest, with its files next to it: show its figures, who has vanished, and whose
    /// figures dropped
    #[arg(id = EARLIER, long = "compare", value_name = "EARLIER_LEDGER")]
    #[arg(help_heading = "Comparing", env = "MONTHEND_COMPARE")]
    pub(super) compare: Option<PathBuf>,

    #[command(flatten)]
    pub(super) max_drop: MaxDropArgs,

    /// The manifest, for its `audit.totals`, `files` and `reconcile` [default: the one that is named instead of a ledger]
    #[arg(long, env = "MONTHEND_MANIFEST", value_name = "MANIFEST")]
    pub(super) manifest: Option<PathBuf>,

    /// Show the ledger of the manifest's rehearsals
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(super) sandbox: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("decision"))]
pub(super) struct ResolveArgs {
    /// The ledger, or its manifest (.yaml, .yml)
    #[arg(id = "manifest", value_name = "LEDGER", env = "MONTHEND_MANIFEST")]
    pub(super) place: PathBuf,

    /// The ledger, instead of the manifest's [env: MONTHEND_LEDGER=]
    // As for the other commands, the variable counts as the manifest's `ledger:`.
    #[arg(id = "ledger", long = "ledger", value_name = "PATH")]
    pub(super) named: Option<PathBuf>,

    /// The address of the API to ask about candidates [env: MONTHEND_BASE_URL=] [default: the manifest's, else that of
    /// the last run in the history]
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<BaseUrl>,

    /// The row's request_id; without it, all rows that a person may decide are listed, with their candidates
    #[arg(long, value_name = "ID", requires = "decision")]
    pub(super) request: Option<RequestId>,

    /// The row's report is this one
    #[arg(long, value_name = "REPORT_ID", group = "decision", requires = "request")]
    pub(super) adopt: Option<ReportId>,

    /// The row has no report: the next run sends the request again
    #[arg(long, group = "decision", requires = "request")]
    pub(super) resend: bool,

    /// Of a created row: discard its report, and create it again or take another one
    #[arg(long, requires = "request")]
    pub(super) replace: bool,

    /// Why, for the history
    #[arg(long, value_name = "TEXT", requires = "request", value_parser = reason)]
    pub(super) reason: Option<String>,

    /// Work on the ledger of the rehearsals
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(super) sandbox: bool,

    #[command(flatten)]
    pub(super) share: PartitionArgs,

    #[command(flatten)]
    pub(super) history: HistoryArgs,
}

impl ResolveArgs {
    /// The arguments with which `run` works on the same ledger.
    pub(super) fn manifest(&self) -> ManifestArgs {
        ManifestArgs {
            ledger: self.named.clone(),
            base_url: self.base_url.clone(),
            ..ManifestArgs::of(&self.place, self.sandbox)
        }
    }
}

fn reason(text: &str) -> Result<String, String> {
    match one_line(text) {
        reason if reason.is_empty() => Err("write why".to_owned()),
        // As the printed commands have it.
        reason if reason == "WHY" => Err("write your reason in the place of WHY".to_owned()),
        reason => Ok(reason),
    }
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The manifest to write
    #[arg(default_value = "month-end.yaml")]
    pub(super) file: PathBuf,

    /// Ask the API for your sub-partners, and list them
    #[arg(long, env = "MONTHEND_DISCOVER")]
    pub(super) discover: bool,

    /// The address of the API to ask [env: MONTHEND_BASE_URL=]
    #[arg(long, value_name = "URL")]
    base_url: Option<BaseUrl>,

    #[command(flatten)]
    sandbox: RehearsalArgs,
}

impl InitArgs {
    /// The arguments with which `run` reaches the same API.
    pub(super) fn manifest(&self) -> ManifestArgs {
        ManifestArgs {
            base_url: self.base_url.clone(),
            sandbox: self.sandbox.clone(),
            ..ManifestArgs::of(&self.file, false)
        }
    }
}

/// Neither the environment nor a default counts.
pub(super) fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    // Asking for an argument that the command does not have would be a panic.
    matches.try_contains_id(id).is_ok()
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}
