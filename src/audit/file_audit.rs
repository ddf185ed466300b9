//! The files of requests and of an earlier ledger: for `audit` and `monthend report`.

use super::{
    audited_request::AuditedRequest,
    comparison::MonthPairs,
    difference::{Difference, DifferenceKind},
    figure::{NoAmount, figure},
    files::{FileState, Files},
    outcome::Checked,
    previous::{Previous, dropped, vanished},
    totals::{Summed, Total, compare},
};
use crate::{ledger::Row, manifest::Totals};
use reconcile::Amount;
use request::Request;

pub(super) struct FileAudit<'a, 's> {
    /// In plan order.
    pub(super) subjects: &'s [AuditedRequest<'a>],
    /// `None`: files are not read.
    pub(super) files: Option<Files<'s>>,
    pub(super) totals: Option<&'s Totals>,
    pub(super) previous: Option<&'s Previous<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct FileFindings<'a> {
    /// The differences of each subject, in the order of [`DifferenceKind`].
    pub(super) found: Vec<Vec<Difference>>,
    pub(super) figures: Vec<Result<Amount, NoAmount>>,
    pub(super) pairs: Vec<Pair>,
    /// Indexes of subjects without an earlier row.
    pub(super) new: Vec<usize>,
    pub(super) vanished: Vec<(&'a Row, Difference)>,
    pub(super) totals: Vec<Total>,
    pub(super) checked: Checked,
}

#[derive(Debug)]
pub(super) struct Pair {
    pub(super) place: usize,
    pub(super) then: Result<Amount, NoAmount>,
}

impl<'a> FileAudit<'a, '_> {
    /// Reads every file once, with one row of it in memory. `planned`: the requests of the whole plan.
    pub(super) fn run<'r>(&self, planned: impl IntoIterator<Item = &'r Request>) -> FileFindings<'a>
    where
        'a: 'r,
    {
        let mut examined = FileFindings::default();
        let mut summed = Vec::new();
        for (place, subject) in self.subjects.iter().enumerate() {
            let row = subject.row.filter(|_| subject.report().is_some());
            let file = row.zip(self.files).map(|(row, files)| files.look(row, self.totals));
            let figure = row
                .ok_or(NoAmount::NotCreated)
                .and_then(|row| figure(row, file.as_ref(), self.totals.into()));
            examined.figures.push(figure);
            let checked = &mut examined.checked;
            let (difference, sums) = match file {
                None | Some(FileState::None) => (None, None),
                Some(FileState::Missing(what, remedy)) => {
                    let missing = subject.file_differs(DifferenceKind::FileMissing, what, remedy);
                    (Some(missing), None)
                }
                Some(FileState::Changed(what, remedy)) => {
                    checked.files += 1;
                    let changed = subject.file_differs(DifferenceKind::FileChanged, what, remedy);
                    (Some(changed), None)
                }
                Some(FileState::Unchanged(sums)) => {
                    let is_empty = row.is_some_and(|row| row.collected.rows == Some(0));
                    checked.empty += usize::from(is_empty);
                    checked.files += 1;
                    (None, sums)
                }
            };
            examined.found.push(difference.into_iter().collect());
            let subject = *subject;
            summed.extend(sums.map(|sums| Summed { place, subject, sums }));
        }
        if let Some(totals) = self.totals {
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
        examined: &mut FileFindings<'a>,
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
            examined.pairs.push(Pair { place, then });
        }
        let vanished_rows = months.vanished.into_iter();
        let selected = vanished_rows.filter(|row| previous.selected.contains(&row.key()));
        examined.vanished = selected.map(|row| (row, vanished(row, previous))).collect();
    }
}
