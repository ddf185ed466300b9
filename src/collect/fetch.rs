//! Fetches one row's file, once the server says that it is ready.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tracing::{Instrument as _, trace_span};

use super::{
    Names, Overwrite,
    content::{NotATable, TableShape},
    download::{Downloads, HostPauses, NotFetched, Patience, fetch},
    fetch_failure::{FetchFailure, in_the_way, unwritable},
    host::Host,
    idle_guard::IdleGuard,
    part_file::{CheckedFile, PartFile, blocking},
    place::{self, InTheWay, Put},
};
use crate::{
    api::{Api, DownloadUrl, Listed},
    files,
    ledger::{Collected, JournalError, Obstacle, RecordedHashes, Row, RowIndex},
    manifest::FileRules,
    run::{DiskTrouble, NotCollected, Shared},
    sending::{Halt, ReadError},
    text::{one_line, system_says},
};
use request::ReportStatus;

/// In bytes. A larger file is no report: the largest that are known have some GiB.
const LARGEST: u64 = 64 * 1024 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct FetchOptions {
    pub(super) overwrite: Overwrite,
    pub(super) any_content: bool,
    pub(super) rules: FileRules,
    /// A download without a byte for so long has broken.
    pub(super) silence: Duration,
}

pub(super) struct Fetcher<'r, A: Api, H> {
    pub(super) shared: &'r Shared<'r, A>,
    pub(super) host: &'r H,
    pub(super) names: Names,
    /// The last hash of each request's file in the history, by `request_id`.
    pub(super) recorded: RecordedHashes,
    pub(super) asking: IdleGuard<'r>,
    pub(super) pauses: HostPauses,
    pub(super) options: FetchOptions,
}

#[derive(Debug)]
pub(super) enum FetchResult {
    Collected {
        row: Box<Row>,
        content: Option<TableShape>,
    },
    Not(Box<Row>, NotCollected),
    /// Not ready; the age of the report, where the server shows it.
    InProgress(Option<Duration>),
    Halted(Halt),
    /// The disk accepts nothing more.
    Disk(DiskTrouble),
    /// Whether the file is a table depends on files that are still to come.
    Odd(Box<ArrivedFile>),
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
    pub(super) async fn look(
        &self,
        place: RowIndex,
    ) -> (Option<FetchResult>, Result<(), JournalError>) {
        let row = self.shared.record.row(place);
        let Some(path) = self.names.recorded(&row) else {
            return (None, Ok(()));
        };
        let found = match place::look(path).await {
            Ok(Some(found)) => found,
            Ok(None) => return (None, Ok(())),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                let why = in_the_way(&row.collected.file, InTheWay::Folder);
                return self.not(row, &why, NotCollected::Refused).await;
            }
            Err(error) => {
                let why = format!("{} cannot be read: {}", row.collected.file, system_says(&error));
                return self.not(row, &why, NotCollected::Refused).await;
            }
        };
        let recorded = self.recorded.get(&row.id());
        if !row.collected.is_file(&found.sha256, recorded) {
            if self.options.overwrite == Overwrite::All {
                return (None, Ok(()));
            }
            let file = &row.collected.file;
            let what = if row.collected.is_file(&found.sha256, None) {
                format!("{file} is not the one that was collected, as the history says")
            } else {
                format!("{file} was changed on the disk")
            };
            let why =
                format!("{what}; `monthend collect --force` replaces it with the server's report");
            return self.not(row, &why, NotCollected::Refused).await;
        }
        let collected = Collected {
            error: String::new(),
            rows: Some(found.content.rows),
            ..Collected::clone(&row.collected)
        };
        let (row, durable) = self.conclude(row, collected).await;
        let content = Some(found.content);
        (Some(FetchResult::Collected { row: Box::new(row), content }), durable)
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
    pub(super) async fn bring(&self, place: RowIndex) -> (FetchResult, Result<(), JournalError>) {
        let mut row = self.shared.record.row(place);
        let report = match self.ask(&row).await {
            Ok(Some(report)) => report,
            Ok(None) if self.is_young(&row) => return (FetchResult::InProgress(None), Ok(())),
            Ok(None) => {
                let why = format!(
                    "{}; `monthend resolve LEDGER --request {} --resend --replace` recreates it",
                    Obstacle::GONE,
                    row.id()
                );
                return settled(self.not(row, &why, NotCollected::Refused).await);
            }
            Err(FetchFailure::Says(why)) => {
                return settled(self.not(row, &why, NotCollected::Refused).await);
            }
            Err(reason) => return (reason.into(), Ok(())),
        };
        if !report.can_answer(row.request()) {
            let why = "the server's report has another type, period or sub-partner than this row";
            return settled(self.not(row, why, NotCollected::Refused).await);
        }
        row.collected_mut().status = one_line(report.status.as_deref().unwrap_or_default());
        let status = row.collected.status();
        if status == ReportStatus::Failed {
            let said = report.errors.as_deref().unwrap_or("it does not say why");
            let why = format!(
                "the server could not generate this report: {said}; \
                 `monthend retry --recreate-failed` recreates it"
            );
            return settled(self.not(row, &why, NotCollected::Failed).await);
        }
        let age = self.age(&report);
        let url = match report.download {
            Some(url) if matches!(status, ReportStatus::Completed | ReportStatus::Unread) => url,
            _ => {
                self.shared.record.keep(&row);
                return (FetchResult::InProgress(age), Ok(()));
            }
        };
        let fetched = match self.fetch(row, url).await {
            Ok(fetched) => fetched,
            Err((row, FetchFailure::Says(why))) => {
                return settled(self.not(*row, &why, NotCollected::Refused).await);
            }
            Err((_, reason)) => return (reason.into(), Ok(())),
        };
        if self.is_doubtful(&fetched).await {
            (FetchResult::Odd(fetched), Ok(()))
        } else {
            self.put(*fetched).await
        }
    }

    /// Whether the file is one cell that neither `files:` nor another file of its type has as a column.
    async fn is_doubtful(&self, fetched: &ArrivedFile) -> bool {
        let Some(name) = fetched.whole.content.only_cell() else {
            return false;
        };
        if self.options.any_content {
            return false;
        }
        let rule = self.options.rules.get(&fetched.row.request().report_type);
        if rule.is_some_and(|rule| rule.has_column(name)) {
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
    pub(super) async fn put(
        &self,
        fetched: ArrivedFile,
    ) -> (FetchResult, Result<(), JournalError>) {
        let doubtful = self.is_doubtful(&fetched).await;
        let ArrivedFile { row, part, whole, place, name } = fetched;
        let only = whole.content.only_cell().filter(|_| doubtful);
        let only = only.map(|only| NotATable::OneCell(only.to_owned()));
        if let Some(flaw) = whole.content.flaw.as_ref().or(only.as_ref())
            && !self.options.any_content
        {
            return match place::reject(&part, &place, self.options.overwrite).await {
                Ok((kept, is_kept)) => {
                    let kept = self.names.spelled(&kept);
                    let kept = if is_kept {
                        format!("kept as {kept}")
                    } else {
                        format!("not kept, since {kept} is another file")
                    };
                    let why = format!("no report: {flaw}; {kept}");
                    settled(self.not(row, &why, NotCollected::Refused).await)
                }
                Err(error) => self.unwritten(row, &name, &error).await,
            };
        }
        let ours = row.collected.sha256.clone();
        match place::put(&part, &whole, &place, ours, self.options.overwrite).await {
            Ok(Put::There) => {}
            Ok(Put::InTheWay(what)) => {
                let why = in_the_way(&name, what);
                return settled(self.not(row, &why, NotCollected::Refused).await);
            }
            Err(error) => return self.unwritten(row, &name, &error).await,
        }
        let collected = Collected {
            status: ReportStatus::COMPLETED.to_owned(),
            file: name,
            sha256: whole.sha256,
            error: String::new(),
            rows: Some(whole.content.rows),
        };
        let (row, recorded) = self.conclude(row, collected).await;
        let (row, content) = (Box::new(row), Some(whole.content));
        (FetchResult::Collected { row, content }, recorded)
    }

    async fn unwritten(
        &self,
        row: Row,
        name: &str,
        error: &io::Error,
    ) -> (FetchResult, Result<(), JournalError>) {
        match unwritable(name, error) {
            FetchFailure::Says(why) => settled(self.not(row, &why, NotCollected::Refused).await),
            reason => (reason.into(), Ok(())),
        }
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

    /// Returns the row where there is no file.
    async fn fetch(
        &self,
        row: Row,
        url: DownloadUrl,
    ) -> Result<Box<ArrivedFile>, (Box<Row>, FetchFailure)> {
        let place = self.names.place(&row);
        let name = self.names.spelled(&place);
        match self.fetch_to(&row, &place, &name, url).await {
            Ok((part, whole)) => Ok(Box::new(ArrivedFile { row, part, whole, place, name })),
            Err(reason) => Err((Box::new(row), reason)),
        }
    }

    async fn fetch_to(
        &self,
        row: &Row,
        place: &Path,
        name: &str,
        url: DownloadUrl,
    ) -> Result<(PartFile, CheckedFile), FetchFailure> {
        let disk = |error: io::Error| unwritable(name, &error);
        let folder = place.parent().unwrap_or(Path::new(".")).to_owned();
        blocking(move || files::make_folder(&folder)).await.map_err(disk)?;
        let mut part = PartFile::begin(place, row.id()).await.map_err(disk)?;
        let patience = Patience {
            largest: LARGEST,
            silence: self.options.silence,
            longest_wait: self.shared.session.policy().max_retry_after,
            pauses: &self.pauses,
        };
        let downloads = Downloads { session: self.shared.session, host: self.host, patience };
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
        Ok((part, whole))
    }

    async fn not(
        &self,
        row: Row,
        why: &str,
        missing: NotCollected,
    ) -> (Option<FetchResult>, Result<(), JournalError>) {
        let collected = Collected { error: one_line(why), ..Collected::clone(&row.collected) };
        let (row, recorded) = self.conclude(row, collected).await;
        (Some(FetchResult::Not(row.into(), missing)), recorded)
    }

    async fn conclude(&self, mut row: Row, to: Collected) -> (Row, Result<(), JournalError>) {
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
        (row, recorded)
    }
}

fn settled(
    (brought, recorded): (Option<FetchResult>, Result<(), JournalError>),
) -> (FetchResult, Result<(), JournalError>) {
    (brought.unwrap_or(FetchResult::Left), recorded)
}
