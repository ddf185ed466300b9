//! The arguments, as clap reads them.

mod cause;
mod check;
mod comparison;
mod init;
mod outputs;
mod partition;
mod reconcile;
mod report;
mod resolve;
mod target;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, ArgMatches, Args, Parser, Subcommand, ValueEnum, parser::ValueSource};

use cause::CauseArgs;
pub(super) use check::{CheckArgs, CheckFormat};
pub(super) use comparison::MaxDropVariableError;
use comparison::PreviousArgs;
pub(super) use init::{CompletionsArgs, InitArgs, ManArgs};
pub(super) use outputs::{HistoryArgs, OutputArgs, PlanFormat, SummaryFormat, WorkFormatArgs};
use outputs::{format_or, without_csv};
use partition::PartitionArgs;
pub(super) use partition::PartitionArgsError;
pub(super) use reconcile::{ColumnsArgs, ColumnsFormat, OfflineArgs, ReconcileArgs};
pub(super) use report::ReportArgs;
pub(super) use resolve::ResolveArgs;
pub(super) use target::{CalendarArgs, ManifestArgs, RehearsalArgs, is_manifest};

use crate::{
    output::{
        Color,
        console::{LogFormat, Verbosity},
    },
    plan::{Selection, SubPartnerSelector},
};
use request::{Period, ReportType, RequestId};

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
    #[arg(
        long,
        global = true,
        help_heading = "Messages",
        env = "MONTHEND_COLOR",
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    pub(super) color: Color,

    /// How lines on stderr look
    #[arg(
        long,
        global = true,
        help_heading = "Messages",
        env = "MONTHEND_LOG_FORMAT",
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(super) log_format: LogFormat,
}

const EXIT_CODES: &str = "\
Exit codes: 0 everything selected is created, and collected where asked for; 1 at least one row failed or is not collected; 2 usage or manifest error, no credentials; \
3 stopped early, rows left to do; 4 ledger trouble; 130, 143, 129 interrupted.";

impl Cli {
    pub(super) fn verbosity(&self) -> Option<Verbosity> {
        match (self.quiet, self.verbose) {
            (true, _) => Some(Verbosity::Quiet),
            (false, 0) => None,
            (false, 1) => Some(Verbosity::Verbose),
            (false, _) => Some(Verbosity::Everything),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a commented manifest to begin with; never over a file that is there
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
    /// Show which columns the collected files have, and in how many; asks no server
    Columns(ColumnsArgs),
    /// Compare the collected files with lists, invoices and earlier collections; asks no server
    Reconcile(ReconcileArgs),
    /// Write an HTML report (one file, works offline)
    Report(ReportArgs),
    /// Count a ledger's rows by status, type, period and cause
    Status(StatusArgs),
    /// Serve the simulator of the API on loopback until stopped
    Sandbox(SandboxArgs),
    /// Print the JSON Schema of the manifest or of what a command prints, or the Table Schema of the ledger
    Schema(SchemaArgs),
    /// Print what a shell needs to complete commands and options
    Completions(CompletionsArgs),
    /// Write manual pages, one for each command, for packagers
    Man(ManArgs),
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
    #[arg(long, env = "MONTHEND_FORMAT", value_enum, default_value_t = PlanFormat::Table)]
    pub(super) format: PlanFormat,

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

    /// For a lost ledger: what to do about reports that the server already has for requests that this ledger has
    /// not sent. Without it, none are looked for, and a ledger that is gone while its history or its files are still
    /// there stops the run
    #[arg(long, env = "MONTHEND_EXISTING", value_enum, value_name = "WHAT")]
    pub(super) existing: Option<OnExisting>,

    #[command(flatten)]
    pub(super) format: WorkFormatArgs,

    #[command(flatten)]
    pub(super) and_collect: AndCollectArgs,
}

/// What makes `run` and `retry` collect too.
#[derive(Debug, Args)]
pub(super) struct AndCollectArgs {
    /// Afterwards wait for the reports to complete, and download them
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_COLLECT")]
    pub(super) collect: bool,

    #[command(flatten)]
    pub(super) how: CollectArgs,
}

impl AndCollectArgs {
    pub(super) fn if_wanted(&self) -> Option<&CollectArgs> {
        self.collect.then_some(&self.how)
    }
}

/// How reports are collected.
#[derive(Debug, Args)]
pub(super) struct CollectArgs {
    /// The folder of the files [env: MONTHEND_OUTPUT=] [default: the manifest's `collect.output`, else the ledger's
    /// path with .reports for .csv]
    // The environment is read by hand: in a rehearsal it counts as the manifest's, and the option does not.
    #[arg(long, help_heading = "Collecting", value_name = "DIR")]
    pub(super) output: Option<PathBuf>,

    /// How long to wait for reports; 0s takes what is ready [default: the manifest's `collect.wait`, else 30m]
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_WAIT", value_name = "DURATION", value_parser = wait)]
    pub(super) wait: Option<Duration>,

    /// Overwrite files that were changed on the disk, and files in the way
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_FORCE")]
    pub(super) force: bool,

    /// Keep what was downloaded even if it is not a CSV table
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_NO_CONTENT_CHECK")]
    pub(super) no_content_check: bool,

    /// Write the rows of all collected files into one CSV file; into one for each type (FILE-user and so on) where
    /// there are several
    #[arg(long, help_heading = "Collecting", env = "MONTHEND_COMBINE", value_name = "FILE")]
    pub(super) combine: Option<PathBuf>,
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

impl RetryArgs {
    pub(super) fn selection(&self) -> Result<Selection, PartitionArgsError> {
        Ok(Selection { causes: self.cause.cause.clone(), ..self.common.selection.selection()? })
    }
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

/// What `run` and `retry` have in common.
#[derive(Debug, Args)]
pub(super) struct WorkArgs {
    #[command(flatten)]
    pub(super) manifest: ManifestArgs,

    /// After a signal, requests in flight have this long to finish
    #[arg(long, env = "MONTHEND_GRACE", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) grace: Duration,

    /// Discard the wait that the server announced to an earlier command on this ledger
    #[arg(long, env = "MONTHEND_FORGET_PAUSE")]
    pub(super) forget_pause: bool,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    #[command(flatten)]
    pub(super) outputs: OutputArgs,
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

    /// The ledger to write; where it is there already, it is one of those to merge
    #[arg(long, short, value_name = "LEDGER")]
    pub(super) output: PathBuf,

    /// Where two of them have different reports for one request, this one counts
    #[arg(long, value_name = "LEDGER")]
    pub(super) prefer: Option<PathBuf>,

    #[command(flatten)]
    pub(super) history: HistoryArgs,
}

/// Which requests; an option may be repeated. Values of one option: any; several options: all must match.
#[derive(Debug, Args)]
pub(super) struct SelectionArgs {
    /// Requests that this job names
    #[arg(long, help_heading = "Selection", env = "MONTHEND_JOB", value_name = "NAME")]
    job: Vec<String>,

    /// Requests of this sub-partner: its id, its label, or `own` for the partner itself
    #[arg(long, help_heading = "Selection", env = "MONTHEND_SUB_PARTNER", value_name = "WHO")]
    sub_partner: Vec<SubPartnerSelector>,

    /// Requests of this type
    #[arg(
        long = "type",
        help_heading = "Selection",
        env = "MONTHEND_TYPE",
        value_name = "TYPE",
        ignore_case = true
    )]
    report_type: Vec<TypeArg>,

    /// Requests whose period lies within: 2026-09, or 2026-09-01..2026-09-15
    #[arg(long, help_heading = "Selection", env = "MONTHEND_PERIOD", value_name = "PERIOD")]
    period: Vec<Period>,

    #[command(flatten)]
    share: PartitionArgs,
}

impl SelectionArgs {
    pub(super) fn selection(&self) -> Result<Selection, PartitionArgsError> {
        Ok(Selection {
            jobs: self.job.clone(),
            sub_partners: self.sub_partner.clone(),
            types: self.report_type.iter().map(|t| t.report_type()).collect(),
            periods: self.period.clone(),
            causes: Vec::new(),
            partition: self.share.partition()?,
        })
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum TypeArg {
    Partner,
    Customer,
    User,
}

impl TypeArg {
    fn report_type(self) -> ReportType {
        match self {
            TypeArg::Partner => ReportType::Partner,
            TypeArg::Customer => ReportType::Customer,
            TypeArg::User => ReportType::User,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The ledger, or the manifest (.yaml, .yml) whose ledger is meant [env: MONTHEND_MANIFEST=]
    // The environment is read by hand: it counts only where no ledger is named.
    #[arg(id = "manifest", value_name = "LEDGER")]
    pub(super) ledger: Option<PathBuf>,

    /// The ledger, whatever a manifest says [env: MONTHEND_LEDGER=]
    // As for the other commands, the variable counts as the manifest's `ledger:`.
    #[arg(id = "ledger", long = "ledger", value_name = "PATH")]
    pub(super) named: Option<PathBuf>,

    /// Show the ledger of the rehearsals
    #[arg(long, help_heading = "Rehearsal", env = "MONTHEND_SANDBOX")]
    pub(super) sandbox: bool,

    /// How to show it; with --history not as csv [env: MONTHEND_FORMAT=] [default: table]
    #[arg(long, value_enum)]
    format: Option<PlanFormat>,

    /// Tell the life of one row: what the history next to the ledger knows of it, and how it stands
    #[arg(long, value_name = "REQUEST_ID")]
    pub(super) history: Option<RequestId>,

    #[command(flatten)]
    pub(super) cause: CauseArgs,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,
}

impl StatusArgs {
    pub(super) fn selection(&self) -> Result<Selection, PartitionArgsError> {
        Ok(Selection { causes: self.cause.cause.clone(), ..self.selection.selection()? })
    }

    /// The option, else the environment variable. A format there that only other commands have is no mistake.
    pub(super) fn format(&self) -> PlanFormat {
        format_or(self.format, PlanFormat::Table)
    }

    /// None for a format that a row's life does not have.
    pub(super) fn life_format(&self) -> Option<SummaryFormat> {
        without_csv(self.format, self.format())
    }
}

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    pub(super) manifest: ManifestArgs,

    #[command(flatten)]
    pub(super) calendar: CalendarArgs,

    /// How to show it: table for people, with the sums of `audit.totals`; csv and json have every difference
    #[arg(long, env = "MONTHEND_FORMAT", value_enum, default_value_t = PlanFormat::Table)]
    pub(super) format: PlanFormat,

    /// Ask no server: compare plan, ledger, history and files. Needs no token
    #[arg(long, env = "MONTHEND_OFFLINE")]
    pub(super) offline: bool,

    /// Do not look at files, and do not miss any
    #[arg(long, env = "MONTHEND_NO_FILES")]
    pub(super) no_files: bool,

    /// Write a test case for each request, sum and list as JUnit XML
    #[arg(long, help_heading = "Outputs", env = "MONTHEND_AUDIT_JUNIT", value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,

    #[command(flatten)]
    pub(super) previous: PreviousArgs,

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

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The schema to print
    #[arg(value_enum)]
    pub(super) which: SchemaKind,
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
}

/// Neither the environment nor a default counts.
pub(super) fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    // Asking for an argument that the command does not have would be a panic.
    matches.try_contains_id(id).is_ok()
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::manifest::duration_of(text)
        .ok_or_else(|| "write a number with its unit: 5s, 500ms, 2m".to_owned())
}

/// As [`duration`], and `0s`.
fn wait(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "0" | "0s" => Ok(Duration::ZERO),
        text => duration(text),
    }
}
