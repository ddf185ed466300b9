//! What `monthend verify` shows: what was closed, and what has changed since.

use askama::Template;
use chrono::{DateTime, Utc};

use super::{acceptance::acceptance_text, filters, words};
use crate::{
    audit::{CloseFile, FileVerdict},
    ledger::StatusCounts,
    text::one_line,
};

#[derive(Template)]
#[template(path = "verify.txt")]
pub struct VerifyView<'a> {
    pub close: &'a CloseFile,
    /// Of each file, in their order.
    pub verdicts: &'a [FileVerdict],
    /// Of the close file itself.
    pub sha256: &'a str,
    /// When the month was opened again, by whom, and why.
    pub reopened: Option<(DateTime<Utc>, &'a str, &'a str)>,
}

impl VerifyView<'_> {
    fn rows(&self) -> usize {
        let StatusCounts { created, failed, pending, sending, .. } = self.close.counts;
        [created, failed, pending, sending].into_iter().fold(0, usize::saturating_add)
    }

    fn numbers(&self) -> String {
        let StatusCounts { created, collected, empty, failed, pending, sending } =
            self.close.counts;
        let numbers = [
            (created, "created"),
            (collected, "collected"),
            (empty, "empty"),
            (failed, "failed"),
            (pending, "pending"),
            (sending, "in doubt"),
        ];
        words::numbers(&numbers).collect::<Vec<_>>().join(", ")
    }

    fn table(&self) -> String {
        words::columns(&["FILE", "PATH", "HOW"], self.changed(), &[])
    }

    /// Lines of the table.
    fn changed(&self) -> Vec<Vec<String>> {
        let files = self.close.files.iter().zip(self.verdicts);
        let changed = files.filter(|(_, verdict)| **verdict != FileVerdict::Unchanged);
        let lines = changed.map(|(file, verdict)| {
            let how = if let FileVerdict::Changed(how) = verdict { how.as_str() } else { "" };
            vec![verdict.word().to_owned(), one_line(&file.path), how.to_owned()]
        });
        lines.collect()
    }
}
