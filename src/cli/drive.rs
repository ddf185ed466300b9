//! From an agenda to the end of a run: what `run` and `retry` have in common.

use std::{collections::HashSet, time::Duration};

use chrono::Utc;
use tokio::time::interval;
use tracing::{error, info, warn};

use super::{
    args::SummaryFormat,
    error::{CliError, stop_text},
    rescue::rescue,
    work::Means,
};
use crate::{
    ledger::{Counts, Place, Row, State},
    output::{Readers, Summary, console},
    plan::Agenda,
    request::RequestId,
    runner::{self, BesideOthers, Creates, Event, Finished, Setup},
};

/// Brings the ledger in order on the disk, then its rows to their end. `all`: how many requests
/// there are, selected or not.
pub(super) async fn drive(
    agenda: Agenda,
    creates: Creates,
    (all, selected): (usize, &HashSet<RequestId>),
    means: &Means<'_>,
) -> Result<Finished, CliError> {
    let Agenda {
        ledger,
        work,
        doubts,
        created,
        undecided,
    } = agenda;
    let (held, readers) = (means.held, &means.outputs.readers);
    let written = held.write(&ledger).await;
    written.inspect_err(|_| means.outputs.waiting(&ledger, selected))?;
    let is_in_doubt = |place: &&Place| matches!(ledger.row(**place).state, State::Sending { .. });
    let in_doubt = work.iter().filter(is_in_doubt).count();
    if in_doubt > 0 {
        info!("{in_doubt} of the rows are in doubt from an earlier run; they are looked up first");
    }
    let on_event = |event: &Event| readers.on_event(event);
    let run = runner::run(Setup {
        session: means.session,
        ledger,
        disk: &held.file.disk,
        work,
        doubts,
        creates,
        beside_others: match means.target.is_a_share() {
            true => BesideOthers::Shares,
            false => BesideOthers::No,
        },
        all,
        idle: Counts {
            skipped: created,
            failed: undecided,
            ..Counts::default()
        },
        max_failures: means
            .outputs
            .max_failures
            .map(|most| most.rows(selected.len())),
        concurrency: means.target.settings.limits.concurrency.get(),
        interrupt: means.interrupt.clone(),
        on_event: &on_event,
    });
    Ok(ticking(readers, run).await)
}

/// Does `work` while the readers show what changes without an event.
pub(super) async fn ticking<T>(readers: &Readers, work: impl Future<Output = T>) -> T {
    let ticks = async {
        let mut every = interval(Duration::from_millis(500));
        loop {
            every.tick().await;
            readers.tick();
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = ticks => unreachable!("ticks never end"),
    }
}

/// Says how a run ended: what is missing on the disk, why it stopped, and the summary on stdout.
pub(super) fn tell_end(
    finished: &Finished,
    means: &Means<'_>,
    selected: &HashSet<RequestId>,
    is_outside: impl Fn(&Row) -> bool,
) {
    let rows = || finished.ledger.rows();
    let summary = Summary {
        finished,
        selected: rows().filter(|row| selected.contains(&row.key())).collect(),
        outside: rows().filter(|row| is_outside(row)).collect(),
        ledger: &means.target.ledger,
        rate: means.target.settings.limits.rate,
    };
    if let Some(unsaved) = &finished.unsaved {
        rescue(&means.held.file.path, &finished.ledger, unsaved, Utc::now());
    }
    if let Some(cause) = finished.not_looked_up.first() {
        warn!(
            "{} in doubt could not be looked up ({}); `monthend run` tries again, `monthend resolve` takes your word",
            finished.not_looked_up.len(),
            cause.text
        );
    }
    if let Some(reason) = &finished.stop {
        error!("{}", stop_text(reason));
    }
    if means.outputs.format == SummaryFormat::Table {
        console::say(&summary.text());
    }
}
