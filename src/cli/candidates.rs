//! `monthend resolve` without `--request`: the rows that a person may decide, with their candidates.

use std::{collections::HashMap, path::Path, time::Duration};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tracing::{info, warn};

use super::{
    CliError, CommandLine, Connection, Context, Exit, LEDGER, ReadSession, ResolveArgs, Signals,
    credentials, credentials_of_sandbox, history_of, is_manifest, limit_patience, of_manifest,
    print_table, read_error_text, read_ledger, target_of, variable, warn_of_run,
};
use crate::{
    api::HttpApi,
    inventory::{ShownCandidate, show_candidates},
    ledger::{Ledger, Row, State},
    manifest::BaseUrl,
    output::{
        CandidateReport, DecisionCommands, Knowledge, UndecidedRow, decisions,
        history::{HistoryEvent, HistoryLine, SeenReport},
        request_name,
    },
    sending::{ReadError, Session},
};
use request::{ReportId, RequestId};

const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Reads only, without the lock.
pub(super) async fn list(args: &ResolveArgs, command_line: &CommandLine) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let mut context = target_of(args)?;
    context.tell_rehearsal();
    let (path, reading) = read_ledger(&context.ledger)?;
    warn_of_run(&path);
    let ledger = &reading.ledger;
    let is_open = |row: &&Row| matches!(row.state, State::InDoubt { .. } | State::Sending { .. });
    let open: Vec<&Row> = ledger.rows().filter(is_open).collect();

    let known = history_of(&path);
    let server = server(args, &context, &known.lines);
    let shown = match server {
        Some(server) if !open.is_empty() => {
            let asked = Asked { ledger, rows: &open, path: &path, signals: &signals };
            asked.ask(&mut context, server).await?
        }
        _ => HashMap::new(),
    };
    let recorded = Recorded::of(&known.lines);
    let rows: Vec<UndecidedRow<'_>> = (open.iter())
        .map(|row| UndecidedRow {
            candidates: candidates(row, ledger, shown.get(&row.id()), &recorded),
            row,
        })
        .collect();
    let commands = DecisionCommands {
        resolve: command_line.next("resolve", LEDGER),
        look_up: of_manifest("retry", args, &context, command_line),
    };
    let name = context.ledger.display().to_string();
    print_table(&decisions(&name, &rows, &commands))?;
    Ok(Exit::Success)
}

/// Refuses a report that the server does not have, or that is of another request. Where the server cannot be asked, a
/// person's word counts.
pub(super) async fn refuse_other_report(
    args: &ResolveArgs,
    context: &mut Context,
    path: &Path,
    row: &Row,
    id: &ReportId,
) -> Result<(), CliError> {
    let known = history_of(path);
    let is_kept = (context.sandbox.as_ref())
        .and_then(|sandbox| sandbox.state.as_ref())
        .is_some_and(|state| state.exists());
    let server =
        if is_kept { Some(AskedServer::Named) } else { server(args, context, &known.lines) };
    let Some(server) = server else {
        return Ok(());
    };
    let asked = Asked {
        ledger: &Ledger::default(),
        rows: &[&row.clone().undecided(String::new(), vec![id.clone()])],
        path,
        signals: &Signals::listen(),
    };
    let shown = asked.ask(context, server).await?;
    let shown = shown.into_values().flatten().find(|(shown, _)| shown == id);
    let why = match shown {
        Some((_, None)) => "the server has no such report",
        Some((_, Some(found))) if !found.can_answer(row.request()) => {
            "it is of another type, period or sub-partner"
        }
        _ => return Ok(()),
    };
    let name = request_name(row);
    Err(CliError::Usage(format!("report {id} is not taken for {name}: {why}")))
}

enum AskedServer {
    Named,
    /// Of the last run. A sandbox gets no other token than its own.
    OfHistory(BaseUrl),
}

/// A rehearsal's sandbox lives in its command alone, so only records are left of it.
fn server(args: &ResolveArgs, context: &Context, lines: &[HistoryLine]) -> Option<AskedServer> {
    if context.sandbox.is_some() {
        return None;
    }
    let is_named = is_manifest(&args.place)
        || args.base_url.is_some()
        || variable("MONTHEND_BASE_URL").is_some();
    if is_named {
        return Some(AskedServer::Named);
    }
    let runs = lines.iter().rev().filter_map(|line| match &line.what {
        HistoryEvent::Run(run) => run.base_url.parse().ok(),
        _ => None,
    });
    runs.map(AskedServer::OfHistory).next()
}

struct Asked<'a> {
    ledger: &'a Ledger,
    rows: &'a [&'a Row],
    path: &'a Path,
    signals: &'a Signals,
}

impl Asked<'_> {
    /// What the server shows of each row's candidates. Where it cannot be asked, what a run recorded is enough.
    async fn ask(
        &self,
        context: &mut Context,
        server: AskedServer,
    ) -> Result<HashMap<RequestId, Vec<ShownCandidate>>, CliError> {
        let credentials = match server {
            AskedServer::OfHistory(url) => {
                let is_sandbox = url.is_sandbox();
                context.settings.api.base_url = url;
                if is_sandbox { credentials_of_sandbox() } else { credentials(context) }
            }
            AskedServer::Named => credentials(context),
        };
        let credentials = match credentials {
            Ok(credentials) => credentials,
            Err(error) => {
                info!("the server is not asked about the candidates: {}", error.text());
                return Ok(HashMap::new());
            }
        };
        limit_patience(&mut context.settings, LONGEST_WAIT);
        let concurrency = context.settings.limits.concurrency.get();
        let asked = match Connection::open(context, credentials).await {
            Ok(connection) => {
                let settings = &context.settings;
                let reads = ReadSession::begin(&connection, settings, self.path, self.signals);
                let shown =
                    self.signals.or(self.ask_about_all(&reads.session, concurrency)).await?;
                shown.map_err(|error| read_error_text(&error))
            }
            Err(error) => Err(error.text()),
        };
        Ok(asked.unwrap_or_else(|why| {
            warn!("the server cannot be asked about the candidates: {why}");
            HashMap::new()
        }))
    }

    async fn ask_about_all(
        &self,
        session: &Session<'_, HttpApi>,
        concurrency: usize,
    ) -> Result<HashMap<RequestId, Vec<ShownCandidate>>, ReadError> {
        let is_taken = |id: &ReportId| taken_by(self.ledger, id).is_some();
        let asked = stream::iter(self.rows).map(async |row| {
            let named = row.state.candidates();
            let shown = show_candidates(session, row.request(), named, is_taken).await?;
            Ok((row.id(), shown))
        });
        asked.buffer_unordered(concurrency).try_collect().await
    }
}

/// The name of the row that has this report, or discarded it.
fn taken_by(ledger: &Ledger, id: &ReportId) -> Option<String> {
    let has_it = |row: &&Row| row.state.report_id() == Some(id) || row.replaces.contains(id);
    ledger.rows().find(has_it).map(request_name)
}

struct Recorded<'a>(HashMap<&'a str, (&'a SeenReport, DateTime<Utc>)>);

impl<'a> Recorded<'a> {
    /// The last line about a report counts.
    fn of(lines: &'a [HistoryLine]) -> Self {
        let mut recorded = HashMap::new();
        for line in lines {
            if let HistoryEvent::Candidates { reports, .. } = &line.what {
                let seen = reports.iter().map(|report| (report, line.at));
                recorded.extend(seen.map(|seen| (seen.0.report_id.as_str(), seen)));
            }
        }
        Recorded(recorded)
    }

    fn knowledge(&self, id: &ReportId) -> Knowledge {
        match self.0.get(id.as_str()) {
            Some((report, at)) => Knowledge::Recorded((*report).clone(), *at),
            None => Knowledge::Nothing,
        }
    }
}

fn candidates(
    row: &Row,
    ledger: &Ledger,
    shown: Option<&Vec<ShownCandidate>>,
    recorded: &Recorded<'_>,
) -> Vec<CandidateReport> {
    let report = |id: &ReportId, knowledge| CandidateReport {
        id: id.clone(),
        knowledge,
        taken_by: taken_by(ledger, id),
    };
    let Some(shown) = shown else {
        let named = row.state.candidates().iter();
        return named.map(|id| report(id, recorded.knowledge(id))).collect();
    };
    let shown = shown.iter().map(|(id, found)| {
        let knowledge = match found {
            Some(found) => {
                let by = found.created_by.as_ref();
                let status = found.status.as_deref();
                Knowledge::Shown(SeenReport::new(&found.id, found.created, by, status))
            }
            None => Knowledge::Gone,
        };
        report(id, knowledge)
    });
    shown.collect()
}
