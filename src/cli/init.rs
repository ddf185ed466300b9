use std::io;

use chrono::Utc;

use super::{
    CliError, CliResult, Connection, Context, Exit, InitArgs, Signals, credentials, refusal,
};
use crate::{
    files,
    manifest::{Discover, Found, starter},
    output::console,
    sending::DiscoveryError,
    text::shell_path,
};

pub(super) async fn init(args: &InitArgs) -> CliResult {
    let signals = Signals::listen();
    let failed = |why: io::Error| {
        let why = match why.kind() {
            io::ErrorKind::AlreadyExists => "the file exists; choose another name".to_owned(),
            _ => refusal(&why),
        };
        CliError::Usage(format!("cannot write {}: {why}", args.file.display()))
    };
    if args.file.symlink_metadata().is_ok() {
        // Before anybody is asked; a file that appears later is noticed below.
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let found = if args.discover { Some(find(args, &signals).await?) } else { None };
    let text = starter(&args.file, Utc::now().date_naive(), found.as_ref());
    let text = text.map_err(|why| failed(io::Error::other(why)))?;
    files::create(&args.file, text.as_bytes()).map_err(failed)?;
    let with = found.map_or_else(String::new, |found| {
        format!(" with the API's sub-partners, {} of them active", found.active.len())
    });
    let (name, word) = (args.file.display(), shell_path(&args.file));
    console::say(format!("wrote {name}{with}; try it with: monthend run {word} --sandbox\n"));
    Ok(Exit::Success)
}

async fn find(args: &InitArgs, signals: &Signals) -> CliResult<Found> {
    let mut context = Context::without_manifest(&args.manifest())?;
    let credentials = credentials(&context)?;
    let ledger = context.ledger.clone();
    let is_rehearsal = context.is_rehearsal();
    let connection = Connection::open(&mut context, credentials).await?;
    let session = connection.read_session(&context.settings, &ledger, signals);
    let ask = async {
        let active = session.sub_partners(Discover::Active).await?;
        let suspended = session.sub_partners(Discover::Suspended).await?;
        Ok(Found { active, suspended, is_sandbox: is_rehearsal })
    };
    let listed = signals.or(ask).await?.map_err(DiscoveryError::Read)?;
    if listed.active.is_empty() {
        return Err(DiscoveryError::Nobody(Discover::Active).into());
    }
    Ok(listed)
}
