//! What failed, by cause: the failed rows, and created ones without a file.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
};

use super::ending::{Collecting, Ending};
use crate::ledger::{Row, State};

/// Rows with one cause.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    /// As in the ledger; of what is not collected: what the server said of the report, else `not_collected`.
    pub(super) error_code: &'a str,
    /// One line.
    pub(super) message: &'a str,
    /// In the ledger's order.
    pub(super) rows: Vec<&'a Row>,
}

impl Failure<'_> {
    /// How many sub-partners it concerns; the partner itself is none.
    pub(super) fn sub_partners(&self) -> usize {
        let partners = self
            .rows
            .iter()
            .filter_map(|row| row.request().sub_partner.as_ref());
        partners.collect::<HashSet<_>>().len()
    }
}

/// The failed rows by cause, the most frequent first.
pub(super) fn failures<'a>(ending: &Ending<'a>) -> Vec<Failure<'a>> {
    by_cause(ending, |row| match &row.state {
        State::Failed { reason, .. } => Some((&reason.code, &reason.text)),
        State::InDoubt { text, .. } => Some((row.state.error_code(), text)),
        State::Created(_) | State::Pending { .. } | State::Sending { .. } => None,
    })
}

/// Where files were asked for: the created rows without one, by cause.
pub(super) fn uncollected<'a>(ending: &Ending<'a>) -> Vec<Failure<'a>> {
    by_cause(ending, |row| {
        let code = match &*row.collected.status {
            "" => "not_collected",
            status => status,
        };
        match ending.collecting(row) {
            Collecting::Done => None,
            Collecting::Waiting | Collecting::Failed => Some((code, &row.collected.error)),
        }
    })
}

fn by_cause<'a>(
    ending: &Ending<'a>,
    cause: impl Fn(&'a Row) -> Option<(&'a str, &'a str)>,
) -> Vec<Failure<'a>> {
    let mut causes: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in &ending.rows {
        if let Some(cause) = cause(row) {
            causes.entry(cause).or_default().push(row);
        }
    }
    let failures = causes
        .into_iter()
        .map(|((error_code, message), rows)| Failure {
            error_code,
            message,
            rows,
        });
    let mut failures: Vec<Failure<'_>> = failures.collect();
    failures.sort_by_key(|failure| Reverse(failure.rows.len()));
    failures
}
