//! What `monthend verify` shows: what was closed, and what has changed since.

use std::path::Path;

use super::{acceptance::acceptance_text, history::Reopening, words};
use crate::{
    audit::{CloseFile, FileVerdict},
    text::one_line,
};

pub struct VerifyView {
    pub close: CloseFile,
    /// Of each file, in their order.
    pub verdicts: Vec<FileVerdict>,
    /// Of the close file itself.
    pub sha256: String,
    /// Each time that the month was opened again, before and after.
    pub reopened: Vec<Reopening>,
    /// Whether it was not closed after that.
    pub is_open: bool,
    /// Why it may not be the close file of the month.
    pub doubts: Vec<String>,
}

impl VerifyView {
    pub fn text(&self) -> String {
        let close = &self.close;
        let sandbox = if close.rehearsal { "SANDBOX: " } else { "" };
        let (manifest, by) = (one_line(&close.manifest), one_line(&close.by));
        let (at, ledger) = (words::time(close.closed_at), one_line(close.ledger()));
        let mut out =
            format!("{sandbox}{ledger}: {manifest} was closed {at} by {by}, as of {}", close.as_of);
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
            let day = accepted.acceptance.accepted_at.date_naive();
            out.push_str(&format!("accepted {day}: {kind} {id} {message}; {why}\n"));
        }
        for reopened in &self.reopened {
            let (first, last) = if reopened.at < close.closed_at {
                ("closed before, and opened", "")
            } else if self.is_open {
                ("opened", ". The month is open now")
            } else {
                ("opened", ". What counts is a later close file")
            };
            let Reopening { at: then, by: who, reason: why } = reopened;
            let (then, who, why) = (words::time(*then), one_line(who), one_line(why));
            out.push_str(&format!("{first} again {then} by {who}: {why}{last}\n"));
        }
        out.push_str(&format!("SHA-256 of the close file: {}\n\n", self.sha256));
        let unlike = close.files.iter().zip(&self.verdicts);
        let unlike = unlike.filter(|(_, verdict)| !verdict.is_unchanged());
        let lines: Vec<Vec<String>> = unlike
            .map(|(file, verdict)| {
                let how = match verdict {
                    FileVerdict::Changed(how) | FileVerdict::Unreadable(how) => how.as_str(),
                    FileVerdict::Unchanged | FileVerdict::Missing => "",
                };
                vec![verdict.word().to_owned(), one_line(&file.path), how.to_owned()]
            })
            .collect();
        if !lines.is_empty() {
            out.push_str(&words::columns(&["FILE", "PATH", "HOW"], lines, &[]));
            out.push('\n');
        }
        out + &self.end()
    }

    /// How many files were checked, and how that ended.
    fn end(&self) -> String {
        let count = |word| self.verdicts.iter().filter(|it| it.word() == word).count();
        let (unreadable, unchanged) = (count("unreadable"), count("unchanged"));
        let unlike = self.verdicts.len() - unreadable - unchanged;
        let how_many = match unlike {
            0 => "all are".to_owned(),
            n => format!("{} not", words::grouped(n)),
        };
        let checked = words::count(unlike + unchanged, "file");
        let mut out =
            format!("{checked} checked: {how_many} as they were when the month was closed");
        if unreadable > 0 {
            out.push_str(&format!(
                "; {} could not be read: not checked",
                words::grouped(unreadable)
            ));
        }
        if unlike > 0 && !self.is_superseded() {
            out.push_str(
                ". Take them from a copy of the folder, such as the artifact of a pipeline, and verify again",
            );
        } else if !self.doubts.is_empty() {
            out.push_str(". But the close file is in doubt: see the warning");
        }
        out + "\n"
    }

    pub fn is_proven(&self) -> bool {
        self.doubts.is_empty() && self.verdicts.iter().all(FileVerdict::is_unchanged)
    }

    /// Whether the month was opened again after it.
    fn is_superseded(&self) -> bool {
        self.reopened.iter().any(|it| it.at > self.close.closed_at)
    }

    /// What is not as it was: `partners.csv changed`.
    pub fn unlike(&self) -> impl Iterator<Item = String> {
        let all = self.close.files.iter().zip(&self.verdicts);
        let changed = all.filter(|(_, verdict)| !verdict.is_unchanged());
        changed.map(|(file, verdict)| format!("{} {}", one_line(&file.path), verdict.word()))
    }

    /// In the table of several.
    pub fn line(&self) -> Vec<String> {
        let changed = self.verdicts.iter().filter(|it| !it.is_unchanged()).map(FileVerdict::word);
        let mut verdict: Vec<String> =
            words::tally(changed).iter().map(|(word, n)| format!("{n} {word}")).collect();
        if !self.doubts.is_empty() {
            verdict.push("close file in doubt".to_owned());
        }
        if self.is_superseded() {
            verdict.push("opened again".to_owned());
        }
        vec![
            one_line(self.close.ledger()),
            words::time(self.close.closed_at).to_string(),
            one_line(&self.close.by),
            words::grouped(self.close.accepted.len()),
            self.sha256.clone(),
            if verdict.is_empty() { "unchanged".to_owned() } else { verdict.join(", ") },
        ]
    }

    /// Of a file that is none, or that cannot be read.
    pub fn no_line(path: &Path) -> Vec<String> {
        let path = one_line(&path.display().to_string());
        [&*path, "-", "-", "-", "-", "no close file"].map(str::to_owned).to_vec()
    }
}

/// A line for each close file.
pub fn verify_table(lines: Vec<Vec<String>>) -> String {
    words::columns(&["LEDGER", "CLOSED", "BY", "ACCEPTED", "SHA-256", "VERDICT"], lines, &[3])
}
