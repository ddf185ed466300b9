use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use chrono::{NaiveDate, TimeDelta, Utc};
use tokio::time::Instant;
use tracing::error;

use super::{
    CommandLine, Exit, LedgerTrace, Room, files_of, is_manifest, on_manifest, refusal, shares_of,
    trace_of,
};
use crate::{
    api::{Cause, CredentialsError, HttpApiError},
    audit::{AcceptedError, CloseError, ListError, is_closed},
    collect::CombineError,
    files::{is_full, remedy},
    ledger::{LedgerError, Pause, real_ledger},
    manifest::{Discover, ManifestError},
    output::{
        console::{self, CsvError, LogFilterError},
        duration, moment_here,
    },
    plan::{NobodyKnown, PlanError, SelectionError},
    run::{Signal, StopReason},
    sending::{DiscoveryError, ReadError, StopCause},
    text::{count, shell_path, without_details},
};
use sandbox::SandboxError;

pub(super) type CliResult<T = Exit> = Result<T, CliError>;

/// What ends a command before its run has begun. Variants differ in their exit code, or in what is said of them.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// Something typed or written is wrong, or cannot be written.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Ids in the manifest that no real server knows.
    #[error("{0}")]
    OfSandbox(String),
    /// The selection matches nothing in the plan; it would on the day `as_of`.
    #[error("{source}")]
    NotPlanned { source: SelectionError, as_of: Option<NaiveDate> },
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Client(#[from] HttpApiError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What else is wrong with a ledger.
    #[error("{0}")]
    BadLedger(String),
    #[error("{}: {how}; nothing was sent or written", ledger.display())]
    Closed { ledger: PathBuf, how: String },
    /// The ledger is gone, and something shows that it was there.
    #[error("there is no ledger at {}, but {trace}: it was moved, renamed or lost; nothing was sent", ledger.display())]
    Gone { ledger: PathBuf, trace: LedgerTrace },
    /// The ledger is there, and lacks what lies next to it.
    #[error("{} lacks reports that exist: {trace}; nothing was sent", ledger.display())]
    Forgotten { ledger: PathBuf, trace: LedgerTrace },
    #[error("{0}; nothing was sent")]
    NoRoom(Room),
    /// The server does not tell what the command needs.
    #[error("{0}")]
    Stopped(String),
    #[error(transparent)]
    Combine(#[from] CombineError),
    /// A rehearsal ends as the real run would.
    #[error("{0} (a real run would end with this, and so its rehearsal does)")]
    AsForReal(Box<CliError>),
    #[error("interrupted")]
    Interrupted(Signal),
    #[error("cannot write to stdout: {0}")]
    Stdout(#[source] io::Error),
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
}

/// Errors in what was typed or written: exit code 2.
trait UsageError: Error {}

impl UsageError for AcceptedError {}
impl UsageError for CloseError {}
impl UsageError for CredentialsError {}
impl UsageError for LogFilterError {}
impl UsageError for NobodyKnown {}
impl UsageError for PlanError {}
impl UsageError for SandboxError {}
impl UsageError for SelectionError {}

impl<E: UsageError> From<E> for CliError {
    fn from(mistake: E) -> Self {
        CliError::Usage(chain(&mistake))
    }
}

impl From<DiscoveryError> for CliError {
    fn from(error: DiscoveryError) -> Self {
        match error {
            DiscoveryError::Nobody(which) => CliError::Usage(nobody(which)),
            DiscoveryError::Read(error) => CliError::unread("the API for its sub-partners", &error),
        }
    }
}

/// The API has no sub-partners of that kind.
pub(super) fn nobody(which: Discover) -> String {
    let kind = match which {
        Discover::Active => "active",
        Discover::Suspended => "suspended",
        Discover::All => "there at all",
    };
    format!("the API lists no sub-partners that are {kind}, so the manifest bills nobody")
}

/// A ledger's error on one line, and where a manifest was named instead, what to do.
pub(super) fn of_ledger(error: &LedgerError) -> String {
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

impl CliError {
    /// `asked`: who could not be asked, and for what.
    pub(super) fn unread(asked: &str, error: &ReadError) -> Self {
        CliError::Stopped(match error {
            ReadError::Failed(cause) => format!("cannot ask {asked}: {}", cause.text),
            ReadError::Halted(_) => read_error_text(error),
        })
    }

    pub(super) fn unwritable(path: &Path, why: &io::Error) -> Self {
        let (path, why) = (path.display(), refusal(why));
        CliError::Usage(format!("cannot write {path}: {why}; nothing was sent"))
    }

    pub(super) fn two_ledgers(one: &Path, other: &Path) -> Self {
        let (one, other) = (one.display(), other.display());
        CliError::Usage(format!("two ledgers are named, {one} and {other}: which is meant?"))
    }

    pub(super) fn exit(&self) -> Exit {
        use CombineError::Write;
        match self {
            CliError::Usage(_)
            | CliError::Manifest(_)
            | CliError::OfSandbox(_)
            | CliError::NotPlanned { .. }
            | CliError::List(_)
            | CliError::Client(_)
            | CliError::Csv(CsvError::StartsCommand(_)) => Exit::Usage,
            CliError::Ledger(_)
            | CliError::BadLedger(_)
            | CliError::Closed { .. }
            | CliError::Gone { .. }
            | CliError::Forgotten { .. }
            | CliError::Combine(Write { .. })
            | CliError::NoRoom(_) => Exit::Ledger,
            CliError::Stopped(_) => Exit::Stopped,
            CliError::Combine(_) => Exit::Failures,
            CliError::AsForReal(error) => error.exit(),
            CliError::Interrupted(signal) => Exit::Interrupted(*signal),
            CliError::Stdout(_) | CliError::Csv(_) | CliError::Runtime(_) => Exit::Fault,
        }
    }

    pub(super) fn report(&self, command_line: &CommandLine) {
        if let CliError::Manifest(ManifestError::Invalid(problems)) = self {
            for problem in &problems.shown {
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
        let closed = |ledger: &Path| {
            let is_closed = real_ledger(ledger).is_ok_and(|real| is_closed(&real));
            is_closed.then(|| {
                "; the month is closed: put the ledger back from a copy, and let `monthend verify` say whether it is the same"
                    .to_owned()
            })
        };
        match self {
            CliError::AsForReal(error) => error.next_step(command_line),
            CliError::Closed { ledger, .. } => match on_manifest(command_line, "close", ledger) {
                Some(close) => format!(
                    "; another month needs another ledger (--ledger, or a manifest of its own). If the month has to change, this opens it again, with your reason in the place of WHY:\n  {close} --reopen --reason WHY"
                ),
                None => {
                    "; `monthend close MANIFEST --reopen --reason TEXT` opens it again".to_owned()
                }
            },
            CliError::Gone { ledger, .. } => {
                closed(ledger).unwrap_or_else(|| adopt("it", &command_line.again_with(ADOPT)))
            }
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
                if let Some(advice) = closed(path) {
                    return advice;
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
            CliError::NoRoom(_) => format!(". Make room, then:\n  {}", command_line.again()),
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

    /// On one line, where it is not several errors.
    pub(super) fn text(&self) -> String {
        match self {
            CliError::Ledger(error) => of_ledger(error),
            error => chain(error),
        }
    }
}

/// An error with its causes, each said once, without details that only the system needs.
pub(super) fn chain(error: &dyn Error) -> String {
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

pub(super) fn read_error_text(error: &ReadError) -> String {
    match error {
        ReadError::Failed(cause) => cause.text.clone(),
        ReadError::Halted(halt) => stop_text(&halt.clone().into()),
    }
}

const AGAIN: &str = "run the same command again to continue";

pub(super) fn stop_text(reason: &StopReason) -> String {
    match reason {
        StopReason::Pacing(StopCause::WaitTooLong { wait, until }) => {
            let left = until.saturating_duration_since(Instant::now());
            let left = TimeDelta::from_std(left).unwrap_or(Pause::LONGEST);
            let at = Utc::now() + left.min(Pause::LONGEST);
            format!(
                "the server asks for a wait of {}, longer than retry.max_retry_after; the lock file next to the \
                 ledger keeps it, for 24h at most: run the same command again to continue after {}, or discard \
                 the wait with --forget-pause (run, retry, collect)",
                duration(*wait),
                moment_here(at)
            )
        }
        StopReason::Pacing(StopCause::ServerDown { failures }) => down_text(*failures, None),
        StopReason::Down { failures, cause } => down_text(*failures, Some(cause)),
        StopReason::Pacing(StopCause::Stalled { since }) => {
            let since = duration(*since);
            format!("the server accepted nothing for {since} (retry.max_stall); {AGAIN}")
        }
        // A cause that names a variable says what to do.
        StopReason::Credentials(cause) if cause.text.contains("WEBEX_") => cause.text.clone(),
        StopReason::Credentials(cause) => {
            let why = cause.text.trim_end_matches('.');
            format!("the server refused the token: {why}; set a new WEBEX_ACCESS_TOKEN")
        }
        StopReason::Forbidden(why) => format!(
            "the server refuses everything: {}; the token (WEBEX_ACCESS_TOKEN) probably lacks the scope \
             spark-admin:wholesale_billing_reports_write, or is not a partner administrator's",
            why.trim_end_matches('.')
        ),
        StopReason::TooManyFailures(failures) => {
            let rows = count(*failures, "row");
            format!("{rows} failed, which is the --max-failures limit; nothing more was sent")
        }
        StopReason::Interrupted(_) => format!("interrupted; {AGAIN}"),
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
             or check the proxy and api.base_url, then {AGAIN}"
        ),
        Some((_, true)) => format!(
            "the API cannot be reached ({failures} requests in a row): {text}; then {AGAIN}"
        ),
        _ => {
            let so = if text.is_empty() { "" } else { ", the last one so: " };
            format!(
                "the server is down: {failures} requests in a row failed (retry.max_consecutive_failures){so}{text}; {AGAIN} \
                 once it is back"
            )
        }
    }
}

/// Whether a proxy fails, and not the server.
pub(super) fn is_proxy(cause: &Cause) -> bool {
    cause.http_status.is_none() && cause.text.contains("HTTPS_PROXY")
}
