//! `monthend collect`

use chrono::Utc;

use super::{
    args::CollectCommandArgs,
    collection::Collection,
    connection::{Connection, credentials},
    drive::{Means, drive, tell_end},
    error::CliError,
    exit::Exit,
    held::HeldLedger,
    signals::Signals,
    target::{Target, real_ledger, tell_repairs},
};
use crate::{
    ledger::LedgerError,
    output::{Progress, Readers},
    plan::Agenda,
    runner::Creates,
    session::News,
};

/// Fetches the files of the ledger's created rows. The manifest's jobs are not looked at.
pub(super) async fn collect(args: &CollectCommandArgs, quiet: bool) -> Result<Exit, CliError> {
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
    tell_repairs(&target.ledger, &reading, "");
    let ledger = reading.into_ledger(&target.ledger)?;
    let collection = Collection::prepare(&args.collect, &target, &held)?;

    // The server.
    let connection = Connection::open(&mut target, credentials).await?;
    let (settings, server) = (&target.settings, &connection.server);
    let readers = Readers::new(vec![Box::new(Progress::new(quiet))]);
    let listener = |news: &News| {
        held.note_pause(server, news);
        readers.on_news(news, Utc::now());
    };
    let session = connection.session(settings, held.pause(server), &listener);
    signals.end_in_order();

    // The work.
    let means = Means {
        target: &target,
        held: &held,
        session: &session,
        readers: &readers,
        interrupt: signals.interrupt(args.common.grace),
        all: ledger.len(),
    };
    let agenda = Agenda::to_collect(ledger, &selected);
    let collecting = Some((&collection, &selected));
    let finished = drive(agenda, Creates::None, collecting, &means).await?;

    // The words.
    tell_end(&finished, &means, &selected, |_| false);
    collection.combine(&finished, &selected)?;
    Ok(Exit::of_collecting(&finished))
}
