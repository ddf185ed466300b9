//! The environment: an empty variable is an unset one, a flag's variable says yes or no, and unknown names are reported.

use std::{collections::BTreeSet, env, ffi::OsStr, path::PathBuf};

use clap::{
    Arg, ArgMatches, Command, CommandFactory as _, Error, FromArgMatches as _,
    builder::{Resettable, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use tracing::warn;

use super::args::{Cli, is_typed};
use crate::text::{hold_address, one_line};

/// Variables that the argument parser does not read.
const READ_BY_HAND: [&str; 9] = [
    "MONTHEND_BASE_URL",
    "MONTHEND_FORMAT",
    "MONTHEND_LEDGER",
    "MONTHEND_LOG",
    "MONTHEND_MANIFEST",
    "MONTHEND_MAX_DROP",
    "MONTHEND_OUTPUT",
    "MONTHEND_PARTITION_COUNT",
    "MONTHEND_PARTITION_INDEX",
];

const PREFIX: &str = "MONTHEND_";

/// Old and new name. The old one counts where the new one is not set.
const RENAMED: [(&str, &str); 1] = [("MONTHEND_SANDBOX_MENDED", "MONTHEND_SANDBOX_FIXED")];

/// Help is an error, as in clap.
pub(super) fn read_arguments() -> Result<(Cli, ArgMatches), Error> {
    let command = adapted(Cli::command());
    let with_help = with_short_help(command.clone());
    let matches = with_help.try_get_matches()?;
    check(&command, &matches)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if cli.verbose > 0 {
        let command_line = matches.subcommand().map(|(_, command_line)| command_line);
        if command_line.is_some_and(|command_line| is_typed(command_line, "quiet")) {
            let text = "-q and -v contradict each other\n";
            return Err(Error::raw(ErrorKind::ArgumentConflict, text).with_cmd(&command));
        }
        cli.quiet = false; // what was typed counts before a variable
    }
    Ok((cli, matches))
}

/// In the help of a command, the options of all commands are one line; with `-h`, no variables are named.
fn with_short_help(command: Command) -> Command {
    const COMMON: &str = "Options of every command, see monthend --help: -q, --quiet; -v, --verbose; --color; --log-format";
    let typed: Vec<_> = env::args_os().skip(1).take_while(|it| it != "--").collect();
    let is_brief = typed.iter().any(|it| it == "-h");
    let is_of_one = typed.iter().any(|it| command.find_subcommand(it).is_some());
    let is_asked = is_brief || typed.iter().any(|it| it == "--help" || it == "help");
    if !is_asked {
        return command;
    }
    let without_variable = |it: Arg| it.hide_env(is_brief);
    let common = |it: Arg| {
        let is_common = it.get_help_heading() == Some("Messages");
        without_variable(it).hide(is_of_one && is_common)
    };
    let each = |it: Command| it.mut_args(without_variable).after_help(COMMON);
    command.mut_args(common).mut_subcommands(each)
}

/// From now on no text from outside shows the password of a proxy.
pub(super) fn hold_proxies() {
    let is_proxy = |name: &OsStr| name.to_string_lossy().to_ascii_lowercase().ends_with("_proxy");
    for (_, address) in env::vars_os().filter(|(name, _)| is_proxy(name)) {
        hold_address(&address.to_string_lossy());
    }
}

/// Removes variables that are empty or say no, so that nothing requires them and nothing conflicts with them.
fn adapted(command: Command) -> Command {
    command.mut_args(adapted_argument).mut_subcommands(adapted)
}

fn adapted_argument(argument: Arg) -> Arg {
    let Some(mut name) = argument.get_env().map(OsStr::to_owned) else {
        return argument;
    };
    let mut argument = argument;
    for (before, now) in RENAMED {
        if name == now && env::var_os(now).is_none() && env::var_os(before).is_some() {
            name = before.into();
            argument = argument.env(before);
        }
    }
    let value = env::var_os(&name);
    let is_flag = !argument.get_action().takes_values();
    let counts = |text: &OsStr| !(is_empty(text) || is_flag && yes_or_no(text) == Some(false));
    let argument = if is_flag { argument.value_parser(YesOrNo) } else { argument };
    if value.is_none_or(|value| counts(&value)) {
        argument
    } else {
        argument.env(Resettable::Reset)
    }
}

/// A path that a variable names.
pub(super) fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn is_empty(value: &OsStr) -> bool {
    value.to_string_lossy().trim().is_empty()
}

fn yes_or_no(value: &OsStr) -> Option<bool> {
    match &*value.to_string_lossy().trim().to_lowercase() {
        "true" | "1" | "yes" | "y" | "on" | "t" => Some(true),
        "false" | "0" | "no" | "n" | "off" | "f" => Some(false),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy)]
struct YesOrNo;

impl TypedValueParser for YesOrNo {
    type Value = bool;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<bool, Error> {
        yes_or_no(value).ok_or_else(|| {
            let name = argument.and_then(Arg::get_env).unwrap_or_default();
            let (name, value) = (name.to_string_lossy(), one_line(&value.to_string_lossy()));
            refusal(command, &format!("{name} is {value:?}: write true or false"))
        })
    }
}

fn refusal(command: &Command, text: &str) -> Error {
    Error::raw(ErrorKind::InvalidValue, format!("{text}\n")).with_cmd(command)
}

/// What the parser cannot see: options that need others, and a variable that it does not read.
fn check(command: &Command, matches: &ArgMatches) -> Result<(), Error> {
    let Some((name, command_line)) = matches.subcommand() else {
        return Ok(());
    };
    let is_rehearsal = || matches!(command_line.try_get_one::<bool>("sandbox"), Ok(Some(true)));
    for (id, long) in [("sandbox_config", "--sandbox-config"), ("sandbox_fixed", "--sandbox-fixed")]
    {
        if is_typed(command_line, id) && !is_rehearsal() {
            let mut error = Error::new(ErrorKind::MissingRequiredArgument).with_cmd(command);
            let needed = ContextValue::Strings(vec![format!("--sandbox (for {long})")]);
            error.insert(ContextKind::InvalidArg, needed);
            return Err(error);
        }
    }
    let has_format = (command.find_subcommand(name))
        .is_some_and(|it| it.get_arguments().any(|it| it.get_id() == "format"));
    let format = env::var_os("MONTHEND_FORMAT").unwrap_or_default();
    let format = format.to_string_lossy();
    if has_format && !["", "table", "csv", "json"].contains(&format.trim()) {
        let format = one_line(&format);
        let why = format!("MONTHEND_FORMAT is {format:?}: write table, csv or json");
        return Err(refusal(command, &why));
    }
    Ok(())
}

/// None where an option was typed.
pub(super) fn variable_of(command: &Command, error: &Error) -> Option<String> {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let long = wrong.split_whitespace().next()?.trim_start_matches("--");
    let is_typed =
        env::args().any(|word| word.trim_start_matches("--").split('=').next() == Some(long));
    let arguments = command.get_subcommands().flat_map(Command::get_arguments);
    let mut arguments = arguments.chain(command.get_arguments());
    let argument = arguments.find(|it| it.get_long() == Some(long))?;
    let name = argument.get_env()?.to_string_lossy().into_owned();
    (!is_typed && env::var_os(&name).is_some()).then_some(name)
}

/// Warns of each unknown variable with our prefix, and says which one may have been meant; never its value.
pub(super) fn warn_of_unknown(command: &Command) {
    let mut known: BTreeSet<String> = READ_BY_HAND.map(str::to_owned).into();
    let all = std::iter::once(command).chain(command.get_subcommands());
    let variables = all.flat_map(Command::get_arguments).filter_map(Arg::get_env);
    known.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    known.extend(RENAMED.map(|(before, _)| before.to_owned()));
    for (name, value) in env::vars_os() {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) || known.contains(&*name) || is_empty(&value) {
            continue;
        }
        let distance = |other: &&String| strsim::damerau_levenshtein(&name, other);
        if let Some(nearest) = known.iter().min_by_key(distance) {
            let nearest = format!("the nearest one that does is {nearest}");
            warn!("the variable {} means nothing to monthend; {nearest}", one_line(&name));
        }
    }
}
