mod disk;
mod server;

use std::time::Duration;

use super::{
    args::{CheckArgs, CheckFormat},
    command_line::CommandLine,
    connection::{Connection, credentials},
    context::{Context, real_ledger},
    error::CliError,
    exit::Exit,
    read_session::{ReadSession, limit_patience},
    results,
    signals::Signals,
};
use crate::{
    manifest::Manifest,
    output::{CheckFailure, CheckItem, Checklist},
    plan::Plan,
    text::count,
};

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Sends no create, and changes nothing on the disk.
pub(super) async fn check(args: &CheckArgs, command_line: &CommandLine) -> Result<Exit, CliError> {
    let signals = Signals::listen();
    let mut report = Checklist::default();
    if let Some((mut context, manifest)) = read(args, command_line, &mut report)? {
        context.tell_rehearsal();
        let reading = disk::try_ledger(&context, &mut report);
        disk::try_output(&context, &mut report);
        let plan = ask(&mut context, manifest.as_ref(), &signals, &mut report).await?;
        let planned = plan.as_ref().map_or(0, |plan| plan.requests().len());
        disk::try_space(&context.ledger, reading.ledger.len().max(planned), &mut report);
        if let Some(plan) = &plan {
            let share = args.partition()?;
            disk::try_known(&context, plan, (&reading, share), command_line, &mut report);
        }
    }
    let exit = match report.failure() {
        None => Exit::Success,
        Some(CheckFailure::Usage) => Exit::Usage,
        Some(CheckFailure::Ledger) => Exit::Ledger,
        Some(CheckFailure::Stopped) => Exit::Stopped,
    };
    match args.format() {
        CheckFormat::Table => results::table(&report.table())?,
        CheckFormat::Json => results::json(report.json(exit.code()))?,
    }
    Ok(exit)
}

/// The settings, and the whole manifest where it has no mistakes: else all but its jobs can be tried.
fn read(
    args: &CheckArgs,
    command_line: &CommandLine,
    report: &mut Checklist,
) -> Result<Option<(Context, Option<Manifest>)>, CliError> {
    let share = args.partition()?;
    let error = match Context::with_manifest(&args.manifest, &args.calendar, share) {
        Ok((context, manifest)) => {
            let jobs = count(manifest.jobs.len(), "job");
            report.ok(CheckItem::Manifest, format!("{jobs}, no mistakes"));
            return Ok(Some((context.forgetful(), Some(manifest))));
        }
        Err(error @ (CliError::Manifest(_) | CliError::OfSandbox(_))) => error,
        Err(error) => return Err(error),
    };
    error.report(command_line);
    let name = args.manifest.manifest.display();
    report.not_ok(
        (CheckItem::Manifest, CheckFailure::Usage),
        format!("{name} cannot be used: see the errors on stderr"),
        "fix it, then run `monthend plan`",
    );
    let settings = Context::with_settings(&args.manifest, share);
    Ok(settings.ok().map(|context| (context.forgetful(), None)))
}

async fn ask(
    context: &mut Context,
    manifest: Option<&Manifest>,
    signals: &Signals,
    report: &mut Checklist,
) -> Result<Option<Plan>, CliError> {
    let credentials = match credentials(context) {
        Ok(credentials) => credentials,
        Err(error) => {
            let missing = (CheckItem::Credentials, CheckFailure::Usage);
            report.not_ok(missing, error.text(), "");
            server::unknown("not tested: no credentials", report);
            return Ok(None);
        }
    };
    report.ok(CheckItem::Credentials, "given");
    let Ok(ledger) = real_ledger(&context.ledger) else {
        server::unknown("not tested: the ledger is not where it should be", report);
        return Ok(None);
    };
    limit_patience(&mut context.settings, LONGEST_WAIT);
    let is_in_process = context.sandbox.is_some();
    let address = (!is_in_process).then(|| context.settings.api.base_url.clone());
    match Connection::open(context, credentials).await {
        Ok(connection) => {
            let server = ReadSession::begin(&connection, &context.settings, &ledger, signals);
            server::ask(&server.session, address.as_ref(), manifest, signals, report).await
        }
        Err(error @ CliError::Client(_)) => {
            let broken = (CheckItem::Tls, CheckFailure::Usage);
            report.not_ok(broken, super::error::chain(&error), "");
            server::unknown("the HTTP client cannot be set up", report);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
