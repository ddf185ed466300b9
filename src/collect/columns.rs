//! Which columns the files of a type have: vendors add and rename them.

use std::collections::BTreeMap;

use tracing::warn;

use super::TableShape;
use crate::{ledger::Row, manifest::FileRules, text::named};
use request::ReportType;

#[derive(Debug, Default)]
pub(super) struct CollectedHeaders {
    /// By type and header, the files that have it.
    headers: BTreeMap<(ReportType, Vec<String>), Vec<String>>,
    not_utf8: Vec<String>,
}

impl CollectedHeaders {
    pub(super) fn saw(&mut self, row: &Row, content: TableShape) {
        if !content.is_utf8 {
            self.not_utf8.push(row.collected.file.clone());
        }
        let kind = (row.request().report_type, content.columns);
        let files = self.headers.entry(kind).or_default();
        files.push(row.collected.file.clone());
    }

    /// Reports files that differ from most of their type, those that are not as `files:` says, and those that are not
    /// UTF-8: one line each kind.
    pub(super) fn tell(&self, rules: &FileRules) {
        for kind in ReportType::ALL {
            self.tell_unexpected(kind, rules);
            let of_kind = self.headers.iter().filter(|((found, _), _)| *found == kind);
            let mut of_kind: Vec<_> = of_kind.map(|((_, header), files)| (header, files)).collect();
            of_kind.sort_by_key(|(_, files)| std::cmp::Reverse(files.len()));
            let Some(((usual, _), others)) = of_kind.split_first() else {
                continue;
            };
            for (header, files) in others {
                let differences = differences(usual, header);
                warn!(
                    "{}: the columns differ from those of other {kind} reports: {differences}",
                    named(files.first(), files.len())
                );
            }
        }
        if !self.not_utf8.is_empty() {
            let files = named(self.not_utf8.first(), self.not_utf8.len());
            warn!("{files}: not UTF-8; kept as it came");
        }
    }

    fn tell_unexpected(&self, kind: ReportType, rules: &FileRules) {
        let Some(rule) = rules.get(&kind) else { return };
        let of_kind = self.headers.iter().filter(|((found, _), _)| *found == kind);
        for ((_, header), files) in of_kind {
            let found = rule.expected.differences(header);
            if !found.is_empty() {
                let texts =
                    found.iter().take(10).map(|it| format!("{} {}", it.kind.as_str(), it.column));
                warn!(
                    "{}: the columns are not as `files:` in the manifest says: {}",
                    named(files.first(), files.len()),
                    texts.collect::<Vec<_>>().join(", ")
                );
            }
        }
    }
}

fn differences(usual: &[String], header: &[String]) -> String {
    let lacking = |of: &[String], from: &[String]| -> Vec<String> {
        let lacking = of.iter().filter(|name| !from.contains(name));
        lacking.take(10).cloned().collect()
    };
    let (missing, new) = (lacking(usual, header), lacking(header, usual));
    let mut said = Vec::new();
    if !missing.is_empty() {
        said.push(format!("without {}", missing.join(", ")));
    }
    if !new.is_empty() {
        said.push(format!("with {}", new.join(", ")));
    }
    if said.is_empty() {
        said.push("in another order".to_owned());
    }
    said.join(", ")
}
