use super::{
    sources::Sources,
    words::{count, who},
};
use crate::{
    ledger::{Row, State},
    output::{self, GroupBy, failed_or_uncollected},
    text::one_line,
};

/// The most requests of one cause on the page,
const SHOWN: usize = 1_000;
/// and of all causes together; after these only the first ones of each cause.
const OF_ALL: usize = 5_000;
const FIRST: usize = 20;
/// The most causes: if each request has its own message, nobody reads them here.
const CAUSES: usize = 100;

pub(super) struct PageCause {
    pub(super) code: String,
    pub(super) text: String,
    /// `12 requests of 4 sub-partners`
    pub(super) requests: String,
    pub(super) rows: Vec<Failed>,
    pub(super) more: usize,
    pub(super) has_tracking: bool,
}

pub(super) struct Failed {
    pub(super) who: String,
    pub(super) report_type: &'static str,
    pub(super) period: String,
    pub(super) attempts: u32,
    pub(super) tracking: String,
    pub(super) id: String,
}

pub(super) fn causes(sources: &Sources<'_>) -> (Vec<PageCause>, String) {
    let rows = sources.ledger.rows();
    let causes = output::causes(rows, GroupBy::Message, failed_or_uncollected);
    let mut room = OF_ALL;
    let shown = causes.iter().take(CAUSES).map(|of| {
        let cause = cause(of, SHOWN.min(room.max(FIRST)));
        room = room.saturating_sub(cause.rows.len());
        cause
    });
    let shown = shown.collect();
    let more = causes.get(CAUSES..).unwrap_or_default();
    let requests: usize = more.iter().map(|of| of.rows.len()).sum();
    let more = match more.len() {
        0 => String::new(),
        n => format!(
            "… and {} with {}; the ledger has all.",
            count(n, "more cause"),
            count(requests, "request")
        ),
    };
    (shown, more)
}

fn cause(of: &output::CauseGroup<'_>, most: usize) -> PageCause {
    let rows = &of.rows;
    let tracking = |row: &Row| row.last_answer.tracking_id.as_deref().map(one_line);
    let requests = count(rows.len(), "request");
    PageCause {
        code: one_line(of.code),
        text: match rows[..] {
            // Each row names its own candidates.
            [row, ..] if matches!(row.state, State::InDoubt { .. }) => {
                "a person has to decide (monthend resolve)".to_owned()
            }
            _ => one_line(of.message()),
        },
        requests: match of.sub_partners() {
            0 => requests,
            partners => format!("{requests} of {}", count(partners, "sub-partner")),
        },
        more: rows.len().saturating_sub(most),
        has_tracking: rows.iter().any(|row| tracking(row).is_some()),
        rows: (rows.iter().take(most))
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
}
