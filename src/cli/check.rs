//! `monthend check`

mod disk;
mod server;

use std::time::Duration;

use super::{
    args::{CheckArgs, CheckFormat},
    connection::credentials,
    converse::{converse, limit_patience},
    error::CliError,
    exit::Exit,
    results,
    signals::Signals,
    target::{Target, real_ledger},
    typed::Typed,
};
use crate::{
    api::HttpApi,
    check::{Failure, Report, Subject},
    manifest::Manifest,
    output::CheckView,
    session::Session,
    text::count,
};

/// A check does not wait for what a run would wait for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Tries what a run will need, and sends no create. Changes nothing on the disk.
pub(super) async fn check(args: &CheckArgs, typed: &Typed) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let mut report = Report::default();
    if let Some((mut target, manifest)) = read(args, typed, &mut report)? {
        target.tell_rehearsal();
        let rows = disk::try_ledger(&target, &mut report);
        disk::try_output(&target, &mut report);
        let planned = ask(&mut target, manifest.as_ref(), &signals, &mut report).await?;
        disk::try_space(&target.ledger, rows.max(planned), &mut report);
    }
    let exit = match report.failure() {
        None => Exit::Success,
        Some(Failure::Usage) => Exit::Usage,
        Some(Failure::Ledger) => Exit::Ledger,
        Some(Failure::Stopped) => Exit::Stopped,
    };
    let view = CheckView::new(&report, exit.code());
    match args.format() {
        CheckFormat::Table => results::table(&view.table())?,
        CheckFormat::Json => results::json(view.json())?,
    }
    Ok(exit)
}

/// The settings, and the whole manifest where it has no mistakes: with mistakes in its jobs all else can be tried.
fn read(
    args: &CheckArgs,
    typed: &Typed,
    report: &mut Report,
) -> Result<Option<(Target, Option<Manifest>)>, CliError> {
    let share = args.partition()?;
    let error = match Target::with_manifest(&args.manifest, &args.calendar, share) {
        Ok((target, manifest)) => {
            let jobs = count(manifest.jobs.len(), "job");
            report.ok(Subject::Manifest, format!("{jobs}, no mistakes"));
            return Ok(Some((target.forgetful(), Some(manifest))));
        }
        Err(error @ (CliError::Manifest(_) | CliError::OfSandbox(_))) => error,
        Err(error) => return Err(error),
    };
    error.report(typed);
    let name = args.manifest.manifest.display();
    report.not_ok(
        (Subject::Manifest, Failure::Usage),
        format!("{name} cannot be used: see the errors on stderr"),
        "fix it, then run `monthend plan`",
    );
    let settings = Target::with_settings(&args.manifest, share);
    Ok(settings.ok().map(|target| (target.forgetful(), None)))
}

/// Asks the server, if it can be asked. Gives the number of planned requests.
async fn ask(
    target: &mut Target,
    manifest: Option<&Manifest>,
    signals: &Signals,
    report: &mut Report,
) -> Result<usize, CliError> {
    let credentials = match credentials(target) {
        Ok(credentials) => credentials,
        Err(error) => {
            let missing = (Subject::Credentials, Failure::Usage);
            report.not_ok(missing, error.text(), "");
            server::unknown("not tested: no credentials", report);
            return Ok(0);
        }
    };
    report.ok(Subject::Credentials, "given");
    let Ok(ledger) = real_ledger(&target.ledger) else {
        server::unknown("not tested: the ledger is not where it should be", report);
        return Ok(0);
    };
    limit_patience(&mut target.settings, LONGEST_WAIT);
    let is_in_process = target.sandbox.is_some();
    let address = (!is_in_process).then(|| target.settings.api.base_url.clone());
    let mut planned = 0;
    let asking = async |session: &Session<'_, HttpApi>| {
        planned = server::ask(session, address.as_ref(), manifest, signals, report).await?;
        Ok(())
    };
    match converse(target, credentials, &ledger, signals, asking).await {
        Err(error @ CliError::Client(_)) => {
            let broken = (Subject::Tls, Failure::Usage);
            report.not_ok(broken, super::error::chain(&error), "");
            server::unknown("the HTTP client cannot be set up", report);
            Ok(0)
        }
        asked => asked.map(|()| planned),
    }
}
