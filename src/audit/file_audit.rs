//! The files of requests and of an earlier ledger: for `audit` and `monthend report`.

use super::{
    audited_request::AuditedRequest,
    comparison::MonthPairs,
    contents::{FileContents, FileQuestions},
    difference::{Difference, DifferenceKind},
    figure::{NoAmount, figure},
    files::{FileState, Files},
    outcome::Checked,
    previous::{Previous, dropped, vanished},
    remedy::Remedy,
    totals::{Summed, Total, compare},
};
use crate::{
    manifest::{FileRules, Settings, Totals},
    text::{count, named_phrases, one_line},
};
use reconcile::{Amount, ColumnDifferenceKind};
use request::Request;

/// What is checked of collected files, besides their hashes.
#[derive(Debug, Clone, Copy)]
pub struct FileChecks<'a> {
    /// `None`: no sums are compared.
    pub totals: Option<&'a Totals>,
    pub rules: &'a FileRules,
}

impl<'a> From<&'a Settings> for FileChecks<'a> {
    fn from(settings: &'a Settings) -> Self {
        FileChecks { totals: settings.audit.totals.as_ref(), rules: &settings.files }
    }
}

pub(super) struct FileAudit<'a, 's> {
    /// In plan order.
    pub(super) subjects: &'s [AuditedRequest<'a>],
    /// `None`: files are not read.
    pub(super) files: Option<Files<'s>>,
    pub(super) checks: FileChecks<'s>,
    pub(super) previous: Option<&'s Previous<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct FileFindings {
    /// The differences of each subject, in the order of [`DifferenceKind`].
    pub(super) found: Vec<Vec<Difference>>,
    pub(super) figures: Vec<Result<Amount, NoAmount>>,
    /// Indexes of subjects, with their earlier figures.
    pub(super) pairs: Vec<(usize, Result<Amount, NoAmount>)>,
    /// Indexes of subjects without an earlier row.
    pub(super) new: Vec<usize>,
    pub(super) vanished: Vec<Difference>,
    pub(super) totals: Vec<Total>,
    pub(super) checked: Checked,
}

impl<'a> FileAudit<'a, '_> {
    /// Reads every file once, with one row of it in memory. `planned`: the requests of the whole plan.
    pub(super) fn run<'r>(&self, planned: impl IntoIterator<Item = &'r Request>) -> FileFindings
    where
        'a: 'r,
    {
        let totals = self.checks.totals;
        let mut examined = FileFindings::default();
        let mut summed = Vec::new();
        for (place, subject) in self.subjects.iter().enumerate() {
            let row = subject.row.filter(|_| subject.report().is_some());
            let report_type = subject.planned.request.report_type;
            let rule = self.checks.rules.get(&report_type);
            let questions = FileQuestions { totals, rule };
            let file = row
                .zip(self.files)
                .map(|(row, files)| files.read(row, |it| FileContents::read(it, questions)));
            let figure =
                row.ok_or(NoAmount::NotCreated).and_then(|row| figure(row, file.as_ref(), totals));
            examined.figures.push(figure);
            let checked = &mut examined.checked;
            let mut found = Vec::new();
            match file {
                None | Some(FileState::None) => {}
                Some(FileState::Missing(what, remedy)) => {
                    let about = [subject.sha256()];
                    let kind = DifferenceKind::FileMissing;
                    found.push(subject.file_differs(kind, &about, (what, remedy)));
                }
                Some(FileState::Changed { what, remedy, sha256 }) => {
                    checked.files += 1;
                    let about = [subject.sha256(), &sha256];
                    let kind = DifferenceKind::FileChanged;
                    found.push(subject.file_differs(kind, &about, (what, remedy)));
                }
                Some(FileState::Unchanged(contents)) => {
                    let is_empty = row.is_some_and(|row| row.collected.rows == Some(0));
                    checked.empty += usize::from(is_empty);
                    checked.files += 1;
                    found.extend(columns_changed(subject, &contents));
                    found.extend(key_repeated(subject, &contents));
                    let subject = *subject;
                    summed.extend(contents.sums.map(|sums| Summed { place, subject, sums }));
                }
            }
            examined.found.push(found);
        }
        if let Some(totals) = totals {
            let compared = compare(&summed, totals);
            examined.checked.totals = compared.groups;
            examined.totals = compared.totals;
            for (place, difference) in compared.differences {
                examined.found[place].push(difference);
            }
        }
        if let Some(previous) = self.previous {
            self.compare_months(previous, planned, &mut examined);
        }
        examined
    }

    fn compare_months<'r>(
        &self,
        previous: &Previous<'a>,
        planned: impl IntoIterator<Item = &'r Request>,
        examined: &mut FileFindings,
    ) where
        'a: 'r,
    {
        let request = |subject: &AuditedRequest<'a>| &subject.planned.request;
        let requests: Vec<&'r Request> = self.subjects.iter().map(request).collect();
        let months = MonthPairs::lay(&requests, planned, previous.ledger.rows());
        examined.new = months.new;
        for (place, row) in months.pairs {
            let then = previous.figure(row);
            match (&examined.figures[place], &then) {
                (Ok(now), Ok(then)) => {
                    let subject = &self.subjects[place];
                    examined.checked.compared += 1;
                    examined.found[place].extend(dropped(subject, now, row, then, previous));
                }
                _ => examined.checked.incomparable += 1,
            }
            examined.pairs.push((place, then));
        }
        let vanished_rows = months.vanished.into_iter();
        let selected = vanished_rows.filter(|row| previous.selected.contains(&row.key()));
        examined.vanished = selected.map(|row| vanished(row, previous)).collect();
    }
}

/// So many keys of a file are named in a message.
const NAMED: usize = 3;

fn columns_changed(subject: &AuditedRequest<'_>, contents: &FileContents) -> Option<Difference> {
    let columns = &contents.columns;
    let look =
        Remedy::Look("look at the file; if the change is right, correct `files:` in the manifest");
    if let Some(why) = &contents.no_table {
        let about = [subject.sha256()];
        let why = (format!("it is no table: {why}"), look);
        return Some(subject.file_differs(DifferenceKind::ColumnsChanged, &about, why));
    }
    let of = |kind| {
        let names = columns.iter().filter(move |it| it.kind == kind);
        names.map(|it| one_line(&it.column)).collect::<Vec<_>>()
    };
    let phrase = |kind, lacks: &str| {
        let names = of(kind);
        let column = if names.len() == 1 { "column" } else { "columns" };
        (!names.is_empty()).then(|| format!("{lacks} {column} {}", names.join(", ")))
    };
    let phrases: Vec<String> = [
        phrase(ColumnDifferenceKind::Missing, "it lacks the"),
        phrase(ColumnDifferenceKind::Unexpected, "it has the unexpected"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let about: Vec<&str> =
        columns.iter().flat_map(|it| [it.kind.as_str(), it.column.as_str()]).collect();
    let why = (phrases.join(", and "), look);
    (!columns.is_empty()).then(|| subject.file_differs(DifferenceKind::ColumnsChanged, &about, why))
}

fn key_repeated(subject: &AuditedRequest<'_>, contents: &FileContents) -> Option<Difference> {
    let repeated = &contents.repeated;
    let shown = repeated.iter().take(NAMED).map(|(cells, rows)| {
        format!("{} ({})", one_line(&cells.join(", ")), count(*rows as usize, "row"))
    });
    let keys = named_phrases(shown, repeated.len());
    let what = match repeated.len() {
        0 => return None,
        1 => format!("a key occurs more than once: {keys}"),
        n => format!("{} occur more than once: {keys}", count(n, "key")),
    };
    let rows: Vec<String> = repeated.iter().map(|(_, rows)| rows.to_string()).collect();
    let about: Vec<&str> = repeated
        .iter()
        .zip(&rows)
        .flat_map(|((cells, _), rows)| cells.iter().map(String::as_str).chain([rows.as_str()]))
        .collect();
    let look = "look at the file; if its rows may be alike, leave `key` out of `files:`";
    let why = (what, Remedy::Look(look));
    Some(subject.file_differs(DifferenceKind::KeyRepeated, &about, why))
}
