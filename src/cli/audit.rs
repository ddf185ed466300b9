//! `monthend audit`

use std::path::Path;

use tracing::warn;

use super::{
    args::{AuditArgs, PlanFormat},
    connection::credentials,
    converse::converse,
    error::CliError,
    exit::Exit,
    plan::discovered,
    read_only::ReadOnly,
    results,
    signals::Signals,
    status::warn_of_rescued,
    target::{Target, Then, real_ledger, tell_repairs},
};
use crate::{
    api::HttpApi,
    audit::{MaxDrop, Previous, Scope},
    ledger::{read_file, refuse_mixing},
    output::AuditView,
    plan::Plan,
    session::{ReadError, Session},
};

/// Names every difference between plan, ledger, server and files. Reads only, without the lock.
pub(super) async fn audit(args: &AuditArgs) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let selection = args.selection.selection()?;
    let (mut target, manifest) =
        Target::with_manifest(&args.manifest, &args.calendar, selection.partition)?;
    target.tell_rehearsal();
    let credentials = credentials(&target)?;

    // The ledger.
    let path = real_ledger(&target.ledger)?;
    let reading = read_file(&path)?;
    let known = reading.as_ref().map(|reading| &reading.ledger);
    refuse_mixing(&path, known, target.is_rehearsal())?;
    warn_of_rescued(&target.ledger, known);
    if reading.is_none() {
        let path = target.ledger.display();
        warn!("no ledger at {path}: nothing of the plan is created, as far as is known");
    }
    let reading = reading.unwrap_or_default();
    tell_repairs(&target.ledger, &reading, Then::Left);

    // The server, and the plan where it has to be asked for that.
    let concurrency = target.settings.limits.concurrency.get();
    let totals = target.settings.audit.totals.clone();
    let ask = async |session: &Session<'_, HttpApi>| {
        let discovered = discovered(session, &manifest, &signals).await?;
        let plan = Plan::expand(&manifest, &discovered)?;
        let selected = selection.of_plan(&plan, &manifest, &discovered, &reading.ledger)?;
        let scope = Scope::new(&plan, &selected, &reading.ledger);
        let held = tokio::select! {
            biased;
            signal = signals.caught() => return Err(CliError::Interrupted(signal)),
            held = scope.ask(session, concurrency) => {
                held.map_err(|e| match e {
                    ReadError::Halted(halt) => CliError::Stopped(halt.into()),
                    ReadError::Failed(cause) => CliError::Audit(cause),
                })?
            }
        };
        Ok((plan, selected, held))
    };
    // What can be wrong with the earlier ledger is said before the server is asked.
    let earlier = (args.previous.previous.as_deref())
        .map(|path| ReadOnly::to_compare_with(path, target.is_rehearsal()))
        .transpose()?;
    let max_drop = match earlier {
        Some(_) => args.previous.max_drop.value()?,
        None => MaxDrop::default(),
    };
    let (plan, selected, held) = converse(&mut target, credentials, &path, &signals, ask).await?;

    // The files.
    signals.end_at_once();
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = (!args.no_files).then_some(folder);
    let scope = Scope::new(&plan, &selected, &reading.ledger);
    let previous = earlier.as_ref().map(|earlier| Previous {
        ledger: &earlier.ledger,
        selected: selection.of_earlier(&earlier.ledger, &manifest),
        folder: (!args.no_files).then_some(&*earlier.folder),
        max_drop: &max_drop,
        totals: totals.as_ref(),
    });
    let audit = scope.compare(&held, folder, totals.as_ref(), previous.as_ref());

    // The words.
    let view = AuditView::new(&audit);
    match args.format {
        PlanFormat::Table => results::table(&view.table())?,
        PlanFormat::Csv => results::csv(view.csv())?,
        PlanFormat::Json => results::json(view.json())?,
    }
    Ok(match audit.differences.is_empty() {
        true => Exit::Success,
        false => Exit::Failures,
    })
}
