//! Exit codes: see `docs/exit-codes.md`.

use std::io;

use clap::{
    Command, CommandFactory as _,
    builder::StyledStr,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Cli, environment};
use crate::{
    output::console,
    run::{Creates, Finished, Signal, StopReason},
    text::without_user,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Every selected request is created, or there was nothing to do.
    Success,
    /// At least one selected row failed.
    Failures,
    /// Usage error, invalid manifest, no credentials; nothing was sent.
    Usage,
    /// Stopped early; rows are left.
    Stopped,
    /// The ledger is in use, not one, damaged, or cannot be written.
    Ledger,
    Interrupted(Signal),
    /// A fault of our own or of the machine, such as a result that cannot be written.
    Fault,
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failures => 1,
            Exit::Usage => 2,
            Exit::Stopped => 3,
            Exit::Ledger => 4,
            Exit::Interrupted(Signal::Int) => 130,
            Exit::Interrupted(Signal::Term) => 143,
            Exit::Interrupted(Signal::Hup) => 129,
            Exit::Fault => 70,
        }
    }

    /// Help and version are results, all else is a usage error.
    pub(super) fn without_command(said: clap::Error) -> Self {
        let said = &with_fitting_tips(said);
        if said.use_stderr() {
            console::complain(&no_manifest(said).unwrap_or_else(|| mistake(said)));
            if let Some(name) = environment::variable_of(&Cli::command(), said) {
                console::complain(&format!("The value comes from the variable {name}.\n"));
            }
            return Exit::Usage;
        }
        match said.print() {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Exit::Fault,
            Ok(()) | Err(_) => Exit::Success,
        }
    }

    /// Where several apply: ledger, signal, stopped, failures. A command that creates nothing does not stop early for rows
    /// that are not created, and yet not all is collected.
    pub(super) fn of_run(finished: &Finished, creates: Creates) -> Self {
        let counts = &finished.counts;
        let to_create = counts.pending + counts.sending;
        match &finished.stop {
            _ if finished.unsaved.is_some() => Exit::Ledger,
            Some(StopReason::Ledger(_) | StopReason::Output(_)) => Exit::Ledger,
            Some(StopReason::Interrupted(signal)) => Exit::Interrupted(*signal),
            Some(_) => Exit::Stopped,
            None if to_create > 0 && creates == Creates::All => Exit::Stopped,
            None if to_create + counts.failed + counts.uncollected > 0 => Exit::Failures,
            None => Exit::Success,
        }
    }
}

/// Clap quotes the wrong value, which may be an address with a user and a password, with its scheme or without.
fn mistake(said: &clap::Error) -> String {
    let text = said.render().to_string();
    match said.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if value.contains('@') => {
            text.replace(value, &without_user(value))
        }
        _ => text,
    }
}

/// Says which command has the option, instead of the advice to pass it as a value.
fn with_fitting_tips(mut said: clap::Error) -> clap::Error {
    let Some(ContextValue::String(unknown)) = said.get(ContextKind::InvalidArg) else {
        return said;
    };
    if said.kind() != ErrorKind::UnknownArgument {
        return said;
    }
    let unknown = unknown.split('=').next().unwrap_or_default().to_owned();
    let cli = Cli::command();
    let has_it = |command: &&Command| {
        let mut options = command.get_arguments().filter(|it| !it.is_hide_set());
        options.any(|it| it.get_long().is_some_and(|long| unknown.strip_prefix("--") == Some(long)))
    };
    let owners: Vec<&str> = cli.get_subcommands().filter(has_it).map(Command::get_name).collect();
    let mut tips = Vec::new();
    if let Some(ContextValue::StyledStrs(of_clap)) = said.remove(ContextKind::Suggested) {
        tips = of_clap;
    }
    tips.retain(|tip| !tip.to_string().contains("as a value"));
    if let [others @ .., last] = &owners[..] {
        said.remove(ContextKind::SuggestedArg); // one like it is not meant
        let and = if others.is_empty() { "" } else { " and " };
        let all = format!("{}{and}{last}", others.join(", "));
        tips = vec![StyledStr::from(format!("{unknown} is an option of {all}"))];
    }
    if !tips.is_empty() {
        said.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    said
}

fn no_manifest(said: &clap::Error) -> Option<String> {
    let ContextValue::Strings(missing) = said.get(ContextKind::InvalidArg)? else {
        return None;
    };
    let is_manifest =
        said.kind() == ErrorKind::MissingRequiredArgument && missing == &["<MANIFEST>"];
    // `Usage: monthend run ...`, with all options that are set.
    let usage = said.get(ContextKind::Usage)?.to_string();
    let command: Vec<&str> = usage.split_whitespace().skip(1).take(2).collect();
    is_manifest.then(|| {
        format!(
            "error: no manifest is named\n\nUsage: {} <MANIFEST>\n\n`monthend init` writes one to begin with. \
             MONTHEND_MANIFEST names it for every command.\n",
            command.join(" ")
        )
    })
}
