//! `monthend collect`

use std::collections::HashSet;

use chrono::Utc;

use super::{
    args::CollectCommandArgs,
    collection::Collection,
    connection::{Connection, credentials},
    drive::{Means, tell_end},
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    signals::Signals,
    target::{Target, real_ledger, tell_repairs},
    typed::Typed,
};
use crate::{
    ledger::{Counts, LedgerError, Row, State},
    output::{Progress, Readers},
    session::News,
};

/// Fetches the files of the ledger's created rows. The manifest's jobs are not looked at.
pub(super) async fn collect(args: &CollectCommandArgs, quiet: bool, typed: &Typed) -> Result<Exit, CliError> {
    // Settings and credentials: whatever is wrong is found before the next thing is touched.
    let signals = Signals::listen();
    let mut target = Target::with_settings(&args.common.manifest)?;
    let credentials = credentials(&target)?;

    // The ledger. Where there is none, not even a lock is made.
    let missing = || LedgerError::Missing(target.ledger.clone());
    if !real_ledger(&target.ledger)?.exists() {
        return Err(missing().into());
    }
    let mut held = HeldLedger::take(&target.ledger)?;
    held.file.refuse_mixing(target.is_rehearsal())?;
    let reading = held.file.reading.take().ok_or_else(missing)?;
    let selection = args.common.selection.selection();
    let selected = selection.of_ledger(&reading.ledger)?;
    let repairs = reading.repairs.clone();
    let ledger = reading.into_ledger(&target.ledger)?;
    let collection = Collection::prepare(&args.collect, &target, &held)?;

    // The server.
    target.tell_server();
    tell_repairs(&target.ledger, &repairs, "");
    let connection = Connection::open(&mut target, credentials).await?;
    let (settings, server) = (&target.settings, &connection.server);
    let grace = args.common.grace;
    let progress = Progress::new(quiet, &settings.limits, &settings.retry, grace);
    let readers = Readers::new(vec![Box::new(progress)]);
    let listener = |news: &News| {
        held.note_pause(server, news);
        readers.on_news(news, Utc::now());
    };
    let session = connection.session(settings, held.pause(server), &listener);
    signals.end_in_order();

    // The work.
    held.write(&ledger).await?;
    let means = Means {
        target: &target,
        held: &held,
        session: &session,
        readers: &readers,
        interrupt: signals.interrupt(grace),
        typed,
        all: ledger.len(),
    };
    // Rows that are not created are not its business.
    let is_created = |row: &&Row| matches!(row.state, State::Created(_));
    let created = ledger.rows().filter(is_created).map(Row::key);
    let selected: HashSet<_> = created.filter(|key| selected.contains(key)).collect();
    let counts = Counts::default();
    let finished = collection.run(ledger, counts, &selected, &means).await;

    // The words.
    tell_end(&finished, &means, &selected, |_| false);
    collection.combine(&finished, &selected)?;
    Ok(Exit::of_collecting(&finished))
}
