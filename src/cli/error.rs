use std::{io, path::PathBuf};

use chrono::NaiveDate;
use tracing::error;

use super::{
    args::{MaxDropVariableError, PartitionArgsError, is_manifest},
    command_line::CommandLine,
    exit::Exit,
    gone::{LedgerTrace, files_of, shares_of, trace_of},
    guard::{GuardError, refusal},
    reconcile::ReconcileError,
    room::Shortage,
};
use crate::{
    api::{Cause, CredentialsError, HttpApiError},
    collect::CombineError,
    files::{is_full, remedy},
    ledger::{LedgerError, Pause},
    manifest::{BaseUrlError, Discover, ManifestError, PlanWarningSource},
    output::console::{self, CsvError, LogFilterError},
    plan::{NobodyKnown, PlanError, SelectionError, UnknownRequest},
    run::{Signal, StopReason},
    sending::{DiscoveryError, ReadError, StopCause},
    text::{count, named, shell_path, without_details},
};
use sandbox::SandboxError;

/// What ends a command before its run has begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    LogFilter(#[from] LogFilterError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("name the ledger or the manifest: monthend status m.yaml")]
    NoLedgerNamed,
    /// Ids that no real server knows.
    #[error(
        "{}; use the ids of your own sub-partners (`monthend init FILE --discover` asks the API for them), or \
         rehearse with --sandbox", of_sandbox(.0)
    )]
    OfSandbox(Vec<PlanWarningSource>),
    #[error(
        "--sandbox (or MONTHEND_SANDBOX) asks for a rehearsal, and --base-url names a server: which is meant?"
    )]
    SandboxAndServer,
    #[error("MONTHEND_BASE_URL: {0}")]
    BaseUrl(#[from] BaseUrlError),
    #[error("two ledgers are named, {} and {}: which is meant?", .0.display(), .1.display())]
    TwoLedgers(PathBuf, PathBuf),
    #[error("cannot write {}: {}", path.display(), new_file(why))]
    NewManifest { path: PathBuf, why: io::Error },
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The selection matches nothing in the plan; it would on the day `as_of`.
    #[error("{source}")]
    NotPlanned { source: SelectionError, as_of: Option<NaiveDate> },
    #[error(transparent)]
    NobodyKnown(#[from] NobodyKnown),
    #[error(transparent)]
    Partition(#[from] PartitionArgsError),
    #[error(transparent)]
    MaxDrop(#[from] MaxDropVariableError),
    #[error("--format csv is for --dry-run; a summary is `table` or `json`")]
    CsvOfSummary,
    #[error("--history shows no cells; with it, --format is `table` or `json`")]
    CsvOfLife,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Client(#[from] HttpApiError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger is gone, and something shows that it was there.
    #[error("there is no ledger at {}, but {trace}: it was moved, renamed or lost; nothing was sent", ledger.display())]
    Gone { ledger: PathBuf, trace: LedgerTrace },
    /// The ledger is there, and lacks what lies next to it.
    #[error("{} lacks reports that exist: {trace}; nothing was sent", ledger.display())]
    Forgotten { ledger: PathBuf, trace: LedgerTrace },
    #[error("{}", lines(.0))]
    Ledgers(Vec<LedgerError>),
    #[error("{}: {source}", path.display())]
    TornLine { path: PathBuf, source: UnknownRequest },
    #[error("the folder {} does not exist; make it, or put the ledger {} elsewhere", folder.display(), ledger.display())]
    NoFolder { ledger: PathBuf, folder: PathBuf },
    /// Nothing was sent.
    #[error("{shortage}; nothing was sent")]
    NoRoom { shortage: Shortage },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot read the sandbox configuration {}: {why}", path.display())]
    SandboxConfig { path: PathBuf, why: String },
    #[error("the API lists no sub-partners that are {}, so the manifest bills nobody", discovered(*.0))]
    Nobody(Discover),
    #[error("cannot ask the API for its sub-partners: {}", .0.text)]
    Discovery(Cause),
    #[error("{}", stop_text(.0))]
    Stopped(StopReason),
    #[error("{0}")]
    Unresolvable(String),
    #[error("cannot ask the server for existing reports: {}", .0.text)]
    Existing(Cause),
    #[error(transparent)]
    Combine(#[from] CombineError),
    #[error("cannot ask the server for its reports: {}", .0.text)]
    Audit(Cause),
    #[error("cannot write {}: {}; nothing was sent", path.display(), refusal(why))]
    Output { path: PathBuf, why: io::Error },
    /// No run would make it.
    #[error("there is no ledger at {} to compare with; is the path right?", .0.display())]
    NoEarlier(PathBuf),
    /// A rehearsal ends as the real run would.
    #[error("{0} (a real run would end with this, and so its rehearsal does)")]
    AsForReal(Box<CliError>),
    #[error("{} holds reports of {holds}: a rehearsal and real reports are not compared", path.display())]
    Incomparable { path: PathBuf, holds: &'static str },
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    #[error("cannot write {}: {}", path.display(), refusal(why))]
    Page { path: PathBuf, why: io::Error },
    #[error(transparent)]
    Guard(#[from] GuardError),
    #[error("interrupted")]
    Interrupted(Signal),
    #[error("cannot write to stdout: {0}")]
    Stdout(#[source] io::Error),
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
}

fn new_file(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "the file exists; choose another name".to_owned(),
        _ => refusal(error),
    }
}

fn of_sandbox(ids: &[PlanWarningSource]) -> String {
    let (these, them) =
        if ids.len() == 1 { ("this id is", "it") } else { ("these ids are", "them") };
    format!(
        "{these} from the sandbox, and no real server knows {them}: {}",
        named(ids.iter().take(3), ids.len())
    )
}

fn lines(errors: &[LedgerError]) -> String {
    let lines: Vec<String> = errors.iter().map(of_ledger).collect();
    lines.join("\n")
}

fn of_ledger(error: &LedgerError) -> String {
    match error {
        LedgerError::NotALedger { path, .. } if is_manifest(path) => {
            format!(
                "{} is a manifest; this needs a ledger (a .csv file). `monthend status {}` says where its ledger is",
                path.display(),
                shell_path(path)
            )
        }
        error => chain(error),
    }
}

fn discovered(which: Discover) -> &'static str {
    match which {
        Discover::Active => "active",
        Discover::Suspended => "suspended",
        Discover::All => "there at all",
    }
}

impl From<DiscoveryError> for CliError {
    fn from(error: DiscoveryError) -> Self {
        match error {
            DiscoveryError::Nobody(which) => CliError::Nobody(which),
            DiscoveryError::Read(ReadError::Failed(cause)) => CliError::Discovery(cause),
            DiscoveryError::Read(ReadError::Halted(halt)) => CliError::Stopped(halt.into()),
        }
    }
}

impl CliError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            CliError::LogFilter(_)
            | CliError::Manifest(_)
            | CliError::NoLedgerNamed
            | CliError::OfSandbox(_)
            | CliError::SandboxAndServer
            | CliError::BaseUrl(_)
            | CliError::TwoLedgers(..)
            | CliError::NewManifest { .. }
            | CliError::Plan(_)
            | CliError::Selection(_)
            | CliError::NotPlanned { .. }
            | CliError::NobodyKnown(_)
            | CliError::Partition(_)
            | CliError::MaxDrop(_)
            | CliError::CsvOfSummary
            | CliError::CsvOfLife
            | CliError::Credentials(_)
            | CliError::Client(_)
            | CliError::Sandbox(_)
            | CliError::SandboxConfig { .. }
            | CliError::Unresolvable(_)
            | CliError::Output { .. }
            | CliError::Page { .. }
            | CliError::Reconcile(_)
            | CliError::Guard(_)
            | CliError::Csv(CsvError::StartsCommand(_))
            | CliError::Nobody(_) => Exit::Usage,
            CliError::Ledger(_)
            | CliError::Gone { .. }
            | CliError::Forgotten { .. }
            | CliError::Combine(CombineError::Write { .. })
            | CliError::Ledgers(_)
            | CliError::Incomparable { .. }
            | CliError::NoEarlier(_)
            | CliError::TornLine { .. }
            | CliError::NoFolder { .. }
            | CliError::NoRoom { .. } => Exit::Ledger,
            CliError::Discovery(_)
            | CliError::Audit(_)
            | CliError::Existing(_)
            | CliError::Stopped(_) => Exit::Stopped,
            CliError::Combine(_) => Exit::Failures,
            CliError::AsForReal(error) => error.exit(),
            CliError::Interrupted(signal) => Exit::Interrupted(*signal),
            CliError::Stdout(_) | CliError::Csv(CsvError::Io(_)) | CliError::Runtime(_) => {
                Exit::Fault
            }
        }
    }

    pub(super) fn report(&self, command_line: &CommandLine) {
        if let CliError::Manifest(ManifestError::Invalid(problems)) = self {
            for problem in problems.iter() {
                console::annotate_problem(problem);
            }
            // Several lines each, with the text they are about.
            console::error_with_excerpt("the manifest has errors:", |color| problems.render(color));
        } else {
            error!("{}{}", self.text(), self.next_step(command_line));
        }
    }

    fn next_step(&self, command_line: &CommandLine) -> String {
        const ADOPT: &str = "--existing adopt";
        let adopt = |it: &str, run: &str| {
            format!(
                "; put {it} back, or name it with --ledger. If it is lost, this takes the reports that the server has (--existing \
                 ignore creates all of them again):\n  {run}"
            )
        };
        match self {
            CliError::AsForReal(error) => error.next_step(command_line),
            CliError::Gone { .. } => adopt("it", &command_line.again_with(ADOPT)),
            CliError::Forgotten { ledger, trace } => match trace.merge(ledger, command_line) {
                Some(merge) => format!(
                    "; this takes them over, then run again (or --existing adopt takes them from the server, and --existing \
                     ignore creates them again):\n  {merge}"
                ),
                None => {
                    let run = command_line.first_run().map(|run| format!("{run} {ADOPT}"));
                    let run = run.unwrap_or_else(|| command_line.again_with(ADOPT));
                    adopt("the ledger that has them", &run)
                }
            },
            CliError::NotPlanned { as_of: Some(day), .. } => {
                let again = command_line.again_as_of(*day);
                format!("; with --as-of {day} the plan has it:\n  {again}")
            }
            CliError::Ledger(LedgerError::Missing(path)) => {
                let shares = shares_of(path);
                let merge = shares.as_ref().and_then(|it| it.merge(path, command_line));
                if let (Some(shares), Some(merge)) = (shares, merge) {
                    return format!(", but {shares}; this makes it of its shares:\n  {merge}");
                }
                let trace = trace_of(path).or_else(|| files_of(path));
                match (command_line.first_run(), trace) {
                    (None, None) => "; is the path right?".to_owned(),
                    (None, Some(trace)) => format!(", but {trace}: put the ledger back"),
                    (Some(run), None) => format!("; a run creates it:\n  {run}"),
                    (Some(run), Some(trace)) => {
                        format!(", but {trace}{}", adopt("it", &format!("{run} {ADOPT}")))
                    }
                }
            }
            CliError::NoRoom { .. } => format!(". Make room, then:\n  {}", command_line.again()),
            CliError::Ledger(LedgerError::Io { source, .. }) => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    format!("; {}, or name another ledger (--ledger)", remedy(source))
                }
                _ if is_full(source) => format!("; make room, then:\n  {}", command_line.again()),
                _ => String::new(),
            },
            _ => String::new(),
        }
    }

    /// As [`CliError::text`], where it is clear which entry of `reconcile:` is meant.
    pub(super) fn without_entry(&self) -> String {
        match self {
            CliError::Reconcile(ReconcileError::List { source, .. }) => chain(source),
            error => error.text(),
        }
    }

    /// On one line, where it is not several errors.
    pub(super) fn text(&self) -> String {
        match self {
            CliError::Ledger(error) => of_ledger(error),
            error => chain(error),
        }
    }
}

/// An error with its causes, each said once, without details that only the system needs.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = without_details(&cause.to_string());
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    without_details(&text)
}

pub(super) fn stop_text(reason: &StopReason) -> String {
    use crate::output::duration;
    match reason {
        StopReason::Pacing(StopCause::WaitTooLong { wait, until }) => {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            let left = chrono::TimeDelta::from_std(left).unwrap_or(Pause::LONGEST);
            let at = chrono::Utc::now() + left.min(Pause::LONGEST);
            format!(
                "the server asks for a wait of {}, longer than retry.max_retry_after; the lock file next to the \
                 ledger keeps it, for 24h at most: run the same command again to continue after {}, or discard \
                 the wait with --forget-pause (run, retry, collect)",
                duration(*wait),
                at.format("%Y-%m-%d %H:%M:%S UTC")
            )
        }
        StopReason::Pacing(StopCause::ServerDown { failures }) => down_text(*failures, None),
        StopReason::Down { failures, cause } => down_text(*failures, Some(cause)),
        StopReason::Pacing(StopCause::Stalled { since }) => format!(
            "the server accepted nothing for {} (retry.max_stall); run the same command again to continue",
            duration(*since)
        ),
        // A cause that names a variable says what to do.
        StopReason::Credentials(cause) if cause.text.contains("WEBEX_") => cause.text.clone(),
        StopReason::Credentials(cause) => format!(
            "the server refused the token: {}; set a new WEBEX_ACCESS_TOKEN",
            cause.text.trim_end_matches('.')
        ),
        StopReason::Forbidden(why) => format!(
            "the server refuses everything: {}; the token (WEBEX_ACCESS_TOKEN) probably lacks the scope \
             spark-admin:wholesale_billing_reports_write, or is not a partner administrator's",
            why.trim_end_matches('.')
        ),
        StopReason::TooManyFailures(failures) => format!(
            "{} failed, which is the --max-failures limit; nothing more was sent",
            count(*failures, "row")
        ),
        StopReason::Interrupted(_) => {
            "interrupted; run the same command again to continue".to_owned()
        }
        StopReason::Output(trouble) => format!("{}; {}", trouble.why, trouble.remedy),
        StopReason::Ledger(error) => {
            format!("the ledger cannot be written: {error}; nothing more was sent")
        }
    }
}

fn down_text(failures: u32, cause: Option<&Cause>) -> String {
    let text = cause.map_or("", |cause| cause.text.trim_end_matches('.'));
    match cause.map(|cause| (cause.http_status, is_proxy(cause))) {
        // 511 is what networks that want a sign-in answer (RFC 6585, 6).
        Some((Some(..500 | 511), _)) => format!(
            "something else answers in the API's place ({failures} requests in a row): {text}; sign in to the network, \
             or check the proxy and api.base_url, then run the same command again to continue"
        ),
        Some((_, true)) => format!(
            "the API cannot be reached ({failures} requests in a row): {text}; then run the same command again to continue"
        ),
        _ => {
            let last = match text {
                "" => String::new(),
                text => format!(", the last one so: {text}"),
            };
            format!(
                "the server is down: {failures} requests in a row failed (retry.max_consecutive_failures){last}; \
                 run the same command again to continue once it is back"
            )
        }
    }
}

/// Whether a proxy fails, and not the server.
pub(super) fn is_proxy(cause: &Cause) -> bool {
    cause.http_status.is_none() && cause.text.contains("HTTPS_PROXY")
}
