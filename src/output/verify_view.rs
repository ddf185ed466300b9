//! What `monthend verify` shows: what was closed, and what has changed since.

use chrono::{DateTime, Utc};

use super::{acceptance::acceptance_text, words};
use crate::{
    audit::{CloseFile, FileVerdict},
    text::one_line,
};

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
    pub fn text(&self) -> String {
        let close = self.close;
        let sandbox = if close.rehearsal { "SANDBOX: " } else { "" };
        let (manifest, by) = (one_line(&close.manifest), one_line(&close.by));
        let at = words::time(close.closed_at);
        let mut out = format!("{sandbox}{manifest} was closed {at} by {by}, as of {}", close.as_of);
        out.push_str(if close.offline { "; no server was asked\n" } else { "\n" });
        let counts = &close.counts;
        let by_status = [counts.created, counts.failed, counts.pending, counts.sending];
        let rows = by_status.into_iter().fold(0, usize::saturating_add);
        let numbers = [
            (counts.created, "created"),
            (counts.collected, "collected"),
            (counts.empty, "empty"),
            (counts.failed, "failed"),
            (counts.pending, "pending"),
            (counts.sending, "in doubt"),
        ];
        let numbers: Vec<String> = words::numbers(&numbers).collect();
        out.push_str(&format!("{}: {}\n", words::count(rows, "request"), numbers.join(", ")));
        for accepted in &close.accepted {
            let (id, kind) = (one_line(&accepted.id), one_line(&accepted.kind));
            let (message, why) =
                (one_line(&accepted.message), acceptance_text(&accepted.acceptance));
            out.push_str(&format!("accepted: {kind} {id} {message}; {why}\n"));
        }
        if let Some((then, who, why)) = self.reopened {
            let (then, who, why) = (words::time(then), one_line(who), one_line(why));
            out.push_str(&format!(
                "opened again {then} by {who}: {why}. What counts is a later close file\n"
            ));
        }
        out.push_str(&format!("SHA-256 of the close file: {}\n\n", self.sha256));
        let changed = close.files.iter().zip(self.verdicts);
        let changed = changed.filter(|(_, verdict)| **verdict != FileVerdict::Unchanged);
        let lines: Vec<Vec<String>> = changed
            .map(|(file, verdict)| {
                let how = if let FileVerdict::Changed(how) = verdict { how.as_str() } else { "" };
                let what = one_line(&file.path);
                vec![verdict.word().to_owned(), what, how.to_owned()]
            })
            .collect();
        let all = words::count(self.verdicts.len(), "file");
        if lines.is_empty() {
            return out
                + &format!("{all} checked: all are as they were when the month was closed\n");
        }
        let number = words::grouped(lines.len());
        out.push_str(&words::columns(&["FILE", "PATH", "HOW"], lines, &[]));
        out + &format!(
            "\n{all} checked: {number} not as they were when the month was closed. Take them from a copy of the folder, such as the \
             artifact of a pipeline, and verify again\n"
        )
    }
}
