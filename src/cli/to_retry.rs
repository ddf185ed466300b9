use chrono::{DateTime, Utc};
use tracing::info;

use super::args::RetryArgs;
use crate::{
    ledger::{Ledger, LedgerRead, Row, RowIndex, State},
    plan::{UnknownRequest, WorkList},
    text::count,
};
use request::{ReportStatus, RequestIds};

/// The unfinished selected rows, and with `--recreate-failed` those whose report could not be generated, which
/// `on_given_up` gets.
pub(super) fn to_retry(
    mut reading: LedgerRead,
    selected: &RequestIds,
    args: &RetryArgs,
    on_given_up: impl Fn(&Row, DateTime<Utc>),
) -> Result<WorkList, UnknownRequest> {
    if args.recreate_failed {
        give_up_failed(&mut reading.ledger, selected, on_given_up);
    }
    let work_list = WorkList::to_retry(reading, selected)?;
    tell_nothing_to_do(&work_list);
    Ok(work_list)
}

fn tell_nothing_to_do(work_list: &WorkList) {
    if !work_list.work.is_empty() {
        return;
    }
    let decide = match work_list.untouched.failed {
        0 => String::new(),
        n => format!(" ({} in doubt, for you to decide)", count(n, "row")),
    };
    info!(
        "nothing to retry{decide}; requests that the ledger does not have are created by `monthend run`"
    );
}

/// Discards the reports of `selected` that the server could not generate, as `resolve --resend --replace` does.
fn give_up_failed(
    ledger: &mut Ledger,
    selected: &RequestIds,
    on_given_up: impl Fn(&Row, DateTime<Utc>),
) {
    let failed = ledger.places().filter(|(_, row)| {
        matches!(row.state, State::Created(_))
            && selected.contains(&row.key())
            && row.collected.status() == ReportStatus::Failed
    });
    let failed: Vec<RowIndex> = failed.map(|(place, _)| place).collect();
    for place in &failed {
        let mut row = ledger.row(*place).clone().given_up();
        let now = Utc::now();
        row.updated_at = Some(now);
        on_given_up(&row, now);
        ledger.replace(*place, row);
    }
    if !failed.is_empty() {
        info!("reports that the server could not generate, to be recreated: {}", failed.len());
    }
}
