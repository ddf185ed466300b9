//! What went wrong, by cause.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    sources::Sources,
    words::{count, who},
};
use crate::{
    ledger::{Row, State},
    text::one_line,
};

/// So many requests of one cause stand on the page.
const SHOWN: usize = 1_000;

/// One cause of failures.
pub(super) struct Cause {
    pub(super) code: String,
    pub(super) text: String,
    /// `12 requests of 4 sub-partners`
    pub(super) requests: String,
    pub(super) rows: Vec<Failed>,
    /// So many more than `rows`.
    pub(super) more: usize,
    pub(super) has_tracking: bool,
}

/// One request that failed.
pub(super) struct Failed {
    pub(super) who: String,
    pub(super) report_type: &'static str,
    pub(super) period: String,
    pub(super) attempts: u32,
    pub(super) tracking: String,
    pub(super) id: String,
}

/// All causes, the most frequent first.
pub(super) fn causes(sources: &Sources<'_>) -> Vec<Cause> {
    let mut causes: BTreeMap<(String, String), Vec<&Row>> = BTreeMap::new();
    for row in sources.ledger.rows() {
        if let Some(cause) = cause(row) {
            causes.entry(cause).or_default().push(row);
        }
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, rows)| Reverse(rows.len()));
    let cause = |((code, text), rows): ((String, String), Vec<&Row>)| {
        let mut whom: Vec<_> = rows.iter().map(|row| &row.request().sub_partner).collect();
        whom.sort();
        whom.dedup();
        let tracking = |row: &Row| row.last_answer.tracking_id.as_deref().map(one_line);
        Cause {
            code,
            text,
            requests: format!(
                "{} of {}",
                count(rows.len(), "request"),
                count(whom.len(), "sub-partner")
            ),
            more: rows.len().saturating_sub(SHOWN),
            has_tracking: rows.iter().any(|row| tracking(row).is_some()),
            rows: (rows.iter().take(SHOWN))
                .map(|row| Failed {
                    who: who(row),
                    report_type: row.request().report_type.as_str(),
                    period: row.request().period.to_string(),
                    attempts: row.attempts,
                    tracking: tracking(row).unwrap_or_default(),
                    id: row.id().to_string(),
                })
                .collect(),
        }
    };
    causes.into_iter().map(cause).collect()
}

/// Code and text. Rows in doubt have one cause, though each names candidates of its own.
fn cause(row: &Row) -> Option<(String, String)> {
    let (code, text) = match &row.state {
        State::Failed { reason, .. } => (one_line(&reason.code), one_line(&reason.text)),
        State::InDoubt { .. } => (
            row.state.error_code().to_owned(),
            "a person has to decide (monthend resolve)".to_owned(),
        ),
        State::Created(_) if !row.collected.error.is_empty() => {
            ("not collected".to_owned(), one_line(&row.collected.error))
        }
        _ => return None,
    };
    Some((code, text))
}
