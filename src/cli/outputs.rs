//! What a command prints and writes besides its ledger.

use std::{
    cell::{OnceCell, RefCell},
    io,
    path::Path,
    time::Duration,
};

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use tracing::warn;

use super::{
    Asked, CliError, CliResult, CommandLine, Context, Format, LockedLedger, SummaryFormat,
    WorkCommand, account, selected_rows, stop_text, variable, without_csv,
};
use crate::{
    collect::combined_files,
    files::{folder_of, old_name},
    ledger::{Ledger, Row, read_file, real_ledger},
    manifest::Settings,
    output::{
        About, Document, DocumentKind, Ending, GithubActions, HistoryReporter, Progress, Reporter,
        Reporters, View, console,
        history::{self, HistoryEvent, HistoryLine, RunStart, Selected},
    },
    plan::Selection,
    run::Finished,
    sending::Stats,
    text::system_says,
};
use request::RequestIds;

pub(super) struct Outputs {
    pub(super) readers: Reporters,
    pub(super) command_line: CommandLine,
    /// The day that the next command needs, to combine the same files.
    pub(super) day_to_combine: Option<NaiveDate>,
    about: About,
    pub(super) format: SummaryFormat,
    /// The API; of a sandbox, where it listens.
    base_url: OnceCell<String>,
    rows: RefCell<FinalRows>,
}

#[derive(Debug)]
enum FinalRows {
    Waiting(Vec<Row>),
    Worked(Box<Finished>, RequestIds),
}

impl Outputs {
    /// Makes all reporters but that of the history, which comes last, once the ledger is held ([`Outputs::begin`]).
    /// Refuses files that would overwrite others: exit code 2, before anything is sent.
    pub(super) fn prepare(
        work: &WorkCommand<'_>,
        (selection, plan): Asked<'_>,
        context: &Context,
        command_line: &CommandLine,
    ) -> CliResult<Self> {
        let why = "--format csv is for --dry-run; a summary is `table` or `json`";
        let format = without_csv(work.format.format, why)?;
        let (manifest_path, manifest) = context.manifest.clone();
        let as_of = plan.map(|_| work.calendar.as_of());
        let about = About {
            command: work.name(),
            manifest,
            manifest_path,
            manifest_sha256: context.origin.sha256.clone(),
            ledger: context.ledger.clone(),
            as_of,
            selection: selected(selection),
            rehearsal: context.is_rehearsal(),
            collects: work.collects,
            job_lines: context.origin.job_lines.clone(),
            began_at: Utc::now(),
        };
        let Settings { limits, retry, .. } = &context.settings;
        let progress = Progress::new(command_line.is_quiet, limits, retry, work.common.grace);
        let mut readers: Vec<Box<dyn Reporter>> = vec![Box::new(progress)];
        let mut guard = context.guard()?;
        let combined = work.how.combine.as_deref().filter(|_| work.collects);
        for file in combined.into_iter().flat_map(combined_files) {
            guard.output("--combine", &file)?;
            guard.refuse("--combine", &old_name(&file))?;
        }
        let outputs = &work.common.outputs;
        for (option, kind, path) in [
            ("--junit", DocumentKind::Junit, &outputs.junit),
            ("--summary-json", DocumentKind::Summary, &outputs.summary_json),
            ("--metrics", DocumentKind::Metrics, &outputs.metrics),
        ] {
            if let Some(path) = path {
                let place = guard.document(option, path)?;
                readers.push(Box::new(Document { kind, place: Some(place) }));
            }
        }
        let ledger = real_ledger(&context.ledger)?;
        if guard.may_be_collected() {
            let reading = read_file(&ledger)?.unwrap_or_default();
            guard.spare_collected(&reading.ledger, folder_of(&ledger))?;
        }
        if work.collects {
            let output = work.how.output.as_deref();
            context.refuse_output_as_for_real(output)?;
            guard.folder("--output", &context.output(output, &ledger))?;
        }
        if format == SummaryFormat::Json {
            readers.push(Box::new(Document { kind: DocumentKind::Summary, place: None }));
        }
        if let Some(actions) = GithubActions::if_on() {
            // That it cannot be written is no reason to stop.
            const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
            variable(STEP_SUMMARY).map_or(Ok(()), |path| guard.keep(STEP_SUMMARY, &path))?;
            readers.push(Box::new(actions));
        }
        Ok(Outputs {
            readers: Reporters::new(readers),
            command_line: command_line.clone(),
            day_to_combine: as_of
                .filter(|_| combined.is_some() && plan.is_some_and(|it| it.is_relative)),
            about,
            format,
            base_url: OnceCell::new(),
            rows: RefCell::new(FinalRows::Waiting(Vec::new())),
        })
    }

    pub(super) fn elapsed(&self) -> Duration {
        (Utc::now() - self.about.began_at).to_std().unwrap_or_default()
    }

    pub(super) fn begin(&self, work: &WorkCommand<'_>, context: &Context, locked: &LockedLedger) {
        let base_url = context.settings.api.base_url.to_string();
        let base_url = self.base_url.get_or_init(|| base_url);
        if work.common.outputs.history.no_history {
            return;
        }
        let about = &self.about;
        let began = RunStart {
            command: about.command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            manifest: about.manifest.clone(),
            manifest_sha256: about.manifest_sha256.clone(),
            base_url: base_url.clone(),
            rehearsal: about.rehearsal,
            as_of: about.as_of,
            selection: about.selection.clone(),
            account: account(),
        };
        let path = history::path_of(&locked.file.path);
        let history = HistoryReporter::new(path, run_id(), about.began_at, began);
        self.readers.add(Box::new(history));
    }

    pub(super) fn waiting(&self, ledger: &Ledger, selected: &RequestIds) {
        let rows = selected_rows(ledger, selected).into_iter().cloned().collect();
        *self.rows.borrow_mut() = FinalRows::Waiting(rows);
    }

    pub(super) fn worked(&self, finished: Finished, selected: RequestIds) {
        *self.rows.borrow_mut() = FinalRows::Worked(Box::new(finished), selected);
    }

    /// Tells every reporter, and passes `result` on.
    pub(super) fn end(self, result: CliResult) -> CliResult {
        let exit = result.as_ref().map_or_else(CliError::exit, |exit| *exit);
        let final_rows = self.rows.into_inner();
        let (rows, pace, stop) = match &final_rows {
            FinalRows::Waiting(rows) => (rows.iter().collect(), Stats::default(), None),
            FinalRows::Worked(finished, selected) => {
                let worked = selected_rows(&finished.ledger, selected);
                (worked, finished.pace, finished.stop.as_ref())
            }
        };
        let failed = result.as_ref().err().map(CliError::text);
        self.readers.end(&Ending {
            about: &self.about,
            base_url: self.base_url.get().map_or("", String::as_str),
            ended_at: Utc::now(),
            exit_code: exit.code(),
            reason: failed.or(stop.map(stop_text)),
            rows,
            pace,
        });
        result
    }
}

/// For a command that does one thing. A failure is a warning.
pub(super) fn add_to_history(path: &Path, at: DateTime<Utc>, what: HistoryEvent) {
    if let Err(e) = history_line(path, at, what) {
        let path = history::path_of(path);
        warn!("the history {} cannot be written ({})", path.display(), system_says(&e));
    }
}

/// `path` is that of the ledger.
pub(super) fn history_line(path: &Path, at: DateTime<Utc>, what: HistoryEvent) -> io::Result<()> {
    let mut line = Vec::new();
    HistoryLine::new(at, &run_id(), what).write(&mut line)?;
    history::append(&history::path_of(path), &line)
}

fn run_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

fn selected(selection: &Selection) -> Selected {
    let Selection { jobs, sub_partners, types, periods, causes, partition } = selection;
    Selected {
        job: jobs.clone(),
        sub_partner: sub_partners.iter().map(ToString::to_string).collect(),
        r#type: types.iter().map(ToString::to_string).collect(),
        period: periods.iter().map(ToString::to_string).collect(),
        cause: causes.clone(),
        partition: partition.map(|partition| partition.to_string()),
    }
}

pub(super) fn print_view(view: &impl View, format: Format) -> CliResult<()> {
    match format {
        Format::Table => print_table(&view.table()),
        Format::Csv => Ok(console::print_csv(|out| view.csv(out))?),
        Format::Json => print_json(view.json()),
    }
}

pub(super) fn print_table(text: &str) -> CliResult<()> {
    console::print(text).map_err(CliError::Stdout)
}

pub(super) fn print_document(document: &impl Template) -> CliResult<()> {
    let text = document.render().map_err(|e| CliError::Stdout(io::Error::other(e)))?;
    print_table(&text)
}

pub(super) fn print_json(json: serde_json::Result<String>) -> CliResult<()> {
    let json = json.map_err(|e| CliError::Stdout(io::Error::from(e)))?;
    console::print_json(&json).map_err(CliError::Stdout)
}
