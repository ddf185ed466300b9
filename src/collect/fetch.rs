//! Fetches one row's file, once the server says that it is ready.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tracing::{Instrument as _, trace_span};

use super::{
    CollectInput, Names, Overwrite,
    content::{NotATable, TableShape},
    download::{Downloads, HostPauses, NotFetched, fetch},
    host::Host,
    idle_guard::IdleGuard,
    part_file::{CheckedFile, PartFile, blocking},
    place::{self, InTheWay},
};
use crate::{
    api::{Api, DownloadUrl, Listed},
    files,
    ledger::{Collected, JournalError, Obstacle, Row, RowIndex},
    run::{DiskTrouble, NotCollected, Shared},
    sending::{Halt, ReadError},
    text::{one_line, system_says},
};
use request::ReportStatus;

/// In bytes. A larger file is no report: the largest that are known have some GiB.
const LARGEST: u64 = 64 * 1024 * 1024 * 1024;

pub(super) struct Fetcher<'r, A: Api, H> {
    pub(super) shared: &'r Shared<'r, A>,
    pub(super) input: CollectInput<'r, H>,
    pub(super) names: Names,
    pub(super) asking: IdleGuard<'r>,
    pub(super) pauses: HostPauses,
}

/// What became of a row, or why its complete report has no file.
#[derive(Debug)]
pub(super) enum FetchResult {
    Collected {
        row: Box<Row>,
        content: TableShape,
        recorded: Result<(), JournalError>,
    },
    /// The row says why.
    Not(Box<Row>, NotCollected, Result<(), JournalError>),
    /// Not ready; the age of the report, where the server shows it.
    InProgress(Option<Duration>),
    Halted(Halt),
    /// The disk accepts nothing more.
    Disk(DiskTrouble),
    /// Whether the file is a table depends on files that are still to come.
    Odd(Box<ArrivedFile>),
    /// The run stops.
    Left,
}

/// Why a row gets no file now.
enum FetchFailure {
    Says(String),
    /// The server could not generate the report.
    Server(String),
    /// The age of the report, where the server shows it.
    InProgress(Option<Duration>),
    Halted(Halt),
    Disk(DiskTrouble),
    Left,
}

#[derive(Debug)]
pub(super) struct ArrivedFile {
    row: Row,
    part: PartFile,
    whole: CheckedFile,
    place: PathBuf,
    /// As the ledger spells it.
    name: String,
}

impl<A: Api, H: Host> Fetcher<'_, A, H> {
    /// `None` where the file has to be fetched.
    pub(super) async fn look(&self, place: RowIndex) -> Option<FetchResult> {
        let row = self.shared.record.row(place);
        let file = &row.collected.file;
        let why = match place::look(self.names.recorded(&row)?).await {
            Ok(None) => return None,
            Ok(Some(found)) => {
                let is_own = |recorded| row.collected.is_file(&found.sha256, recorded);
                if is_own(self.input.recorded.get(&row.id())) {
                    let collected = Collected {
                        error: String::new(),
                        rows: Some(found.content.rows),
                        ..Collected::clone(&row.collected)
                    };
                    return Some(self.collected(row, collected, found.content).await);
                }
                if self.input.overwrite == Overwrite::All {
                    return None;
                }
                let what = if is_own(None) {
                    "is not the one that was collected, as the history says"
                } else {
                    "was changed on the disk"
                };
                format!(
                    "{file} {what}; `monthend collect --force` replaces it with the server's report"
                )
            }
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                in_the_way(file, InTheWay::Folder)
            }
            Err(error) => format!("{file} cannot be read: {}", system_says(&error)),
        };
        Some(self.not(row, &why, NotCollected::Refused).await)
    }

    /// Keeps a report status in memory; the final rewrite has it.
    pub(super) fn note_status(&self, place: RowIndex, word: &str) {
        let mut row = self.shared.record.row(place);
        let word = one_line(word);
        if row.collected.status != word {
            row.collected_mut().status = word;
            self.shared.record.keep(&row);
        }
    }

    /// Reads a row's report, and fetches its file where it is complete.
    pub(super) async fn bring(&self, place: RowIndex) -> FetchResult {
        let mut row = self.shared.record.row(place);
        match self.fetch_ready(&mut row).await {
            Ok(file) if self.is_doubtful(&file).await => FetchResult::Odd(file),
            Ok(file) => self.put(*file).await,
            Err(reason) => self.failed(row, reason).await,
        }
    }

    async fn fetch_ready(&self, row: &mut Row) -> Result<Box<ArrivedFile>, FetchFailure> {
        let Some(report) = self.ask(row).await? else {
            if self.is_young(row) {
                return Err(FetchFailure::InProgress(None));
            }
            return Err(FetchFailure::Says(format!(
                "{}; `monthend resolve LEDGER --request {} --resend --replace` recreates it",
                Obstacle::GONE,
                row.id()
            )));
        };
        if !report.can_answer(row.request()) {
            let why = "the server's report has another type, period or sub-partner than this row";
            return Err(FetchFailure::Says(why.to_owned()));
        }
        row.collected_mut().status = one_line(report.status.as_deref().unwrap_or_default());
        let status = row.collected.status();
        if status == ReportStatus::Failed {
            let said = report.errors.as_deref().unwrap_or("it does not say why");
            return Err(FetchFailure::Server(format!(
                "the server could not generate this report: {said}; \
                 `monthend retry --recreate-failed` recreates it"
            )));
        }
        let age = self.age(&report);
        match report.download {
            Some(url) if matches!(status, ReportStatus::Completed | ReportStatus::Unread) => {
                self.fetch(row, url).await
            }
            _ => {
                self.shared.record.keep(row);
                Err(FetchFailure::InProgress(age))
            }
        }
    }

    async fn failed(&self, row: Row, reason: FetchFailure) -> FetchResult {
        match reason {
            FetchFailure::Says(why) => self.not(row, &why, NotCollected::Refused).await,
            FetchFailure::Server(why) => self.not(row, &why, NotCollected::Failed).await,
            FetchFailure::InProgress(age) => FetchResult::InProgress(age),
            FetchFailure::Halted(halt) => FetchResult::Halted(halt),
            FetchFailure::Disk(trouble) => FetchResult::Disk(trouble),
            FetchFailure::Left => FetchResult::Left,
        }
    }

    /// Whether the file is one cell that neither `files:` nor another file of its type has as a column.
    async fn is_doubtful(&self, fetched: &ArrivedFile) -> bool {
        let Some(name) = fetched.whole.content.only_cell() else {
            return false;
        };
        if self.input.any_content {
            return false;
        }
        let rule = self.input.rules.get(&fetched.row.request().report_type);
        if rule.is_some_and(|rule| rule.expected.columns.iter().any(|it| it == name)) {
            return false;
        }
        let others: Vec<PathBuf> = {
            let ledger = self.shared.record.ledger();
            let kind = fetched.row.request().report_type;
            let rows = ledger
                .rows()
                .filter(|row| row.request().report_type == kind && row.id() != fetched.row.id());
            rows.filter_map(|row| self.names.recorded(row)).collect()
        };
        for other in others {
            if let Ok(Some(other)) = place::look(other).await
                && other.content.only_cell().is_none()
                && other.content.columns.iter().any(|column| column == name)
            {
                return false;
            }
        }
        true
    }

    /// Puts a file in its place, or next to it where it is no table, and records that in its row.
    pub(super) async fn put(&self, fetched: ArrivedFile) -> FetchResult {
        let doubtful = self.is_doubtful(&fetched).await;
        let ArrivedFile { row, part, whole, place, name } = fetched;
        let only = whole.content.only_cell().filter(|_| doubtful);
        let only = only.map(|only| NotATable::OneCell(only.to_owned()));
        let overwrite = self.input.overwrite;
        let reason = if let Some(flaw) = whole.content.flaw.as_ref().or(only.as_ref())
            && !self.input.any_content
        {
            match place::reject(&part, &place, overwrite).await {
                Ok((path, is_kept)) => {
                    let kept = self.names.spelled(&path);
                    FetchFailure::Says(if is_kept {
                        format!("no report: {flaw}; kept as {kept}")
                    } else {
                        format!("no report: {flaw}; not kept, since {kept} is another file")
                    })
                }
                Err(error) => unwritable(&name, &error),
            }
        } else {
            let ours = row.collected.sha256.clone();
            match place::put(&part, &whole, &place, ours, overwrite).await {
                Ok(None) => {
                    let collected = Collected {
                        status: ReportStatus::COMPLETED.to_owned(),
                        file: name,
                        sha256: whole.sha256,
                        error: String::new(),
                        rows: Some(whole.content.rows),
                    };
                    return self.collected(row, collected, whole.content).await;
                }
                Ok(Some(what)) => FetchFailure::Says(in_the_way(&name, what)),
                Err(error) => unwritable(&name, &error),
            }
        };
        self.failed(row, reason).await
    }

    pub(super) fn age(&self, report: &Listed) -> Option<Duration> {
        let age = self.shared.session.server_now() - report.created?;
        age.to_std().ok()
    }

    /// Records that a report was not ready in time. `updated_at` stays: it says since when the report is waited for.
    pub(super) async fn still_in_progress(
        &self,
        place: RowIndex,
        age: Duration,
    ) -> (Row, NotCollected, Result<(), JournalError>) {
        let mut row = self.shared.record.row(place);
        let mut missing = NotCollected::InProgress;
        let why = match row.collected.status() {
            ReportStatus::Unread => {
                format!("the server does not show this report yet{}", Collected::WAITS)
            }
            ReportStatus::Completed => {
                missing = NotCollected::Refused;
                "the server says that it is complete and gives no address to fetch it from"
                    .to_owned()
            }
            status => {
                let word = &row.collected.status;
                let age = match age.as_secs() {
                    seconds @ ..120 => format!("{seconds} s"),
                    seconds => format!("{} min", seconds / 60),
                };
                if status == ReportStatus::InProgress {
                    format!("{word} for {age}{}", Collected::WAITS)
                } else {
                    missing = NotCollected::Refused;
                    format!(
                        "{word} for {age}: the server's word is not known here and may be final; `monthend collect` \
                         waits again, `monthend resolve LEDGER --request {} --resend --replace` recreates it",
                        row.id()
                    )
                }
            }
        };
        row.collected_mut().error = why;
        let recorded = self.shared.record.note(&row).await;
        (row, missing, recorded)
    }

    async fn ask(&self, row: &Row) -> Result<Option<Listed>, FetchFailure> {
        let Some(id) = row.state.report_id() else {
            return Err(FetchFailure::Left);
        };
        let _asking = self.asking.begin();
        let read = tokio::select! {
            biased;
            () = self.shared.stopping.wait() => return Err(FetchFailure::Left),
            read = self.shared.session.get(id) => read,
        };
        read.map_err(|error| match error {
            ReadError::Halted(halt) => FetchFailure::Halted(halt),
            ReadError::Failed(cause) => {
                FetchFailure::Says(format!("the server could not be asked: {}", cause.text))
            }
        })
    }

    /// Whether a report may not be found yet because it was created just now.
    fn is_young(&self, row: &Row) -> bool {
        let settle = self.shared.session.policy().settle;
        let age = row.updated_at.map(|at| self.shared.session.now() - at);
        age.is_some_and(|age| age.to_std().is_ok_and(|age| age < settle))
    }

    async fn fetch(&self, row: &Row, url: DownloadUrl) -> Result<Box<ArrivedFile>, FetchFailure> {
        let place = self.names.place(row);
        let name = self.names.spelled(&place);
        let disk = |error: io::Error| unwritable(&name, &error);
        let folder = place.parent().unwrap_or(Path::new(".")).to_owned();
        blocking(move || files::make_folder(&folder)).await.map_err(disk)?;
        let mut part = PartFile::begin(&place, row.id()).await.map_err(disk)?;
        let downloads = Downloads {
            session: self.shared.session,
            host: self.input.host,
            largest: LARGEST,
            silence: self.input.silence,
            pauses: &self.pauses,
        };
        let renew = async || {
            let fresh = self.ask(row).await?.and_then(|report| report.download);
            fresh.ok_or_else(|| {
                FetchFailure::Says("the server gives no fresh address for it".to_owned())
            })
        };
        let fetched = fetch(downloads, url, renew, &mut part)
            .instrument(trace_span!("download", request_id = %row.id()))
            .await;
        let whole = fetched.map_err(|error| match error {
            NotFetched::Host(why) => FetchFailure::Says(why),
            NotFetched::Api(reason) => reason,
            NotFetched::Disk(error) => disk(error),
        })?;
        Ok(Box::new(ArrivedFile { row: row.clone(), part, whole, place, name }))
    }

    async fn collected(&self, row: Row, to: Collected, content: TableShape) -> FetchResult {
        let (row, recorded) = self.conclude(row, to).await;
        FetchResult::Collected { row, content, recorded }
    }

    async fn not(&self, row: Row, why: &str, missing: NotCollected) -> FetchResult {
        let collected = Collected { error: one_line(why), ..Collected::clone(&row.collected) };
        let (row, recorded) = self.conclude(row, collected).await;
        FetchResult::Not(row, missing, recorded)
    }

    async fn conclude(&self, mut row: Row, to: Collected) -> (Box<Row>, Result<(), JournalError>) {
        row.collected = to.into();
        let is_known = {
            let ledger = self.shared.record.ledger();
            let known = ledger.get(row.id());
            known.is_some_and(|known| known.collected == row.collected)
        };
        let recorded = if is_known {
            Ok(())
        } else {
            self.shared.record.conclude(&mut row, self.shared.session.now()).await
        };
        (Box::new(row), recorded)
    }
}

/// Why a file cannot take its place, and what helps.
fn in_the_way(name: &str, what: InTheWay) -> String {
    match what {
        InTheWay::Folder => format!(
            "{} {name}; move it away, then `monthend collect` downloads it",
            Obstacle::FOLDER
        ),
        InTheWay::NoFile => {
            format!("{name} is a link or no file at all; `monthend collect --force` replaces it")
        }
        InTheWay::File => format!(
            "{name} is in the way: no row has this file; `monthend collect --force` overwrites it"
        ),
    }
}

/// Whether a write error is about this file or the whole disk.
fn unwritable(name: &str, error: &io::Error) -> FetchFailure {
    let why = format!("{name} cannot be written: {}", system_says(error));
    if files::is_full(error) || error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        let remedy = files::remedy(error);
        FetchFailure::Disk(DiskTrouble { why, remedy })
    } else {
        FetchFailure::Says(why)
    }
}
