//! What was typed, and what to type next.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use clap::{ArgMatches, CommandFactory as _, parser::ValueSource};

use super::{
    args::{Cli, PARTITION_COUNT, is_manifest, is_typed},
    variable,
};
use crate::text::{shell_path, shell_word, typed_path};

/// The command line, to be typed again whole or in part. What came from the environment is still there next time and is
/// left out.
#[derive(Debug, Clone)]
pub(super) struct CommandLine {
    program: String,
    arguments: Vec<String>,
    command: String,
    /// Of the command.
    matches: ArgMatches,
    /// Whether only warnings and errors are said.
    pub(super) is_quiet: bool,
}

/// The options that a follow-up command keeps, by their names in `args`; the constants below are parts of it.
pub(super) const WHERE: [&str; 16] = [
    "ledger",
    "sandbox",
    "sandbox_config",
    "sandbox_fixed",
    "manifest",
    "base_url",
    "partition",
    "job",
    "sub_partner",
    "report_type",
    "period",
    "cause",
    "collect",
    "output",
    "combine",
    "no_content_check",
];

const CALENDAR: [&str; 2] = ["as_of", "no_date_check"];

/// Those that mean the same in a run that is no rehearsal.
const REAL: &[&str] = WHERE.split_at(4).1;
/// Those that name a ledger, whatever is selected.
pub(super) const LEDGER: &[&str] = WHERE.split_at(7).0;

impl CommandLine {
    pub(super) fn new(mut matches: ArgMatches, is_quiet: bool) -> Self {
        let mut words = env::args_os().map(|word| quoted_word(&word));
        let (command, matches) = matches.remove_subcommand().unwrap_or_default(); // clap requires it
        CommandLine {
            program: words.next().unwrap_or_else(|| "monthend".to_owned()),
            arguments: words.collect(),
            command,
            matches,
            is_quiet,
        }
    }

    /// The same command. Without --forget-pause, which would discard the next pause too.
    pub(super) fn again(&self) -> String {
        self.again_with("")
    }

    /// The same command with more `options`, which stand before a `--`: what follows it is no option.
    pub(super) fn again_with(&self, options: &str) -> String {
        let arguments = self.arguments.iter().map(String::as_str);
        let mut words: Vec<&str> = arguments.filter(|word| *word != "--forget-pause").collect();
        if !options.is_empty() {
            let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
            words.insert(end, options);
        }
        format!("{} {}", self.program, words.join(" "))
    }

    /// Another command on the same, with everything that says which requests.
    pub(super) fn on_same(&self, command: &str) -> String {
        self.next(command, &[&WHERE[..], &CALENDAR].concat())
    }

    pub(super) fn for_real(&self) -> String {
        let run = self.next("run", &[REAL, &CALENDAR].concat());
        if self.is("collect") { format!("{run} --collect") } else { run }
    }

    /// Typed values only.
    pub(super) fn values(&self, id: &str) -> Vec<String> {
        let values = self.matches.try_get_raw(id).ok().flatten().into_iter().flatten();
        values.map(|value| value.to_string_lossy().into_owned()).collect()
    }

    /// With relative periods counted from `day`.
    pub(super) fn again_as_of(&self, day: NaiveDate) -> String {
        let mut without = self.clone();
        let arguments = &mut without.arguments;
        if let Some(place) = arguments.iter().position(|word| *word == "--as-of") {
            arguments.drain(place..(place + 2).min(arguments.len()));
        }
        arguments.retain(|word| !word.starts_with("--as-of="));
        without.again_with(&format!("--as-of {day}"))
    }

    /// Typed ones only.
    pub(super) fn has(&self, id: &str) -> bool {
        is_typed(&self.matches, id)
    }

    /// Whether it is about one share of a plan, as typed or by the environment.
    pub(super) fn is_share(&self) -> bool {
        let is_counted = || variable(PARTITION_COUNT).is_some();
        let named = self.matches.try_contains_id("partition");
        named.is_ok_and(|is_named| is_named || is_counted())
    }

    pub(super) fn is(&self, command: &str) -> bool {
        self.command == command
    }

    /// Variables that narrow the command, as `MONTHEND_SUB_PARTNER=Alder`.
    pub(super) fn narrowed_by_environment(&self) -> Vec<String> {
        const NARROW: [(&str, &str); 6] = [
            ("job", "MONTHEND_JOB"),
            ("sub_partner", "MONTHEND_SUB_PARTNER"),
            ("report_type", "MONTHEND_TYPE"),
            ("period", "MONTHEND_PERIOD"),
            ("cause", "MONTHEND_CAUSE"),
            ("no_files", "MONTHEND_NO_FILES"),
        ];
        let matches = &self.matches;
        let narrow = matches.ids().filter_map(|id| NARROW.iter().find(|it| *id == *it.0));
        let of_variable =
            narrow.filter(|(id, _)| matches.value_source(id) == Some(ValueSource::EnvVariable));
        let set = of_variable.filter_map(|(_, name)| Some((name, env::var_os(name)?)));
        set.map(|(name, value)| format!("{name}={}", quoted_word(&value))).collect()
    }

    /// The run that makes the missing ledger; none where it is no manifest's ledger.
    pub(super) fn first_run(&self) -> Option<String> {
        let path = |id| self.matches.try_get_one::<PathBuf>(id).ok().flatten();
        match &*self.command {
            "retry" | "collect" => Some(self.next("run", &[LEDGER, &CALENDAR].concat())),
            // They take a manifest in the place of a ledger.
            "status" | "resolve" => {
                let of_environment = || env::var_os("MONTHEND_MANIFEST");
                let is_of_manifest = match path("manifest") {
                    Some(named) => is_manifest(named),
                    None => of_environment().is_some_and(|named| !named.is_empty()),
                };
                is_of_manifest.then(|| self.next("run", LEDGER))
            }
            "report" => {
                let named = path("ledger").filter(|named| is_manifest(named))?;
                let sandbox = self.has("sandbox").then(|| "--sandbox".to_owned());
                let words = [typed_path(named)].into_iter().chain(sandbox);
                Some(self.with("run", words))
            }
            _ => None,
        }
    }

    /// The command that merges `inputs` into `output`.
    pub(super) fn merge(&self, inputs: &[PathBuf], output: &Path) -> String {
        let inputs = inputs.iter().map(|path| path.display().to_string());
        self.with("merge", inputs.chain(["-o".to_owned(), output.display().to_string()]))
    }

    /// Another command on `arguments`, which are quoted where that is needed.
    pub(super) fn with(&self, command: &str, words: impl IntoIterator<Item = String>) -> String {
        let words = words.into_iter().map(|word| quoted_word(OsStr::new(&word)));
        let words: Vec<String> =
            [self.program.clone(), command.to_owned()].into_iter().chain(words).collect();
        words.join(" ")
    }

    /// Another command on the same, with those of the options `kept` that were typed.
    pub(super) fn next(&self, command: &str, kept: &[&str]) -> String {
        let cli = Cli::command();
        let Some(next) = cli.find_subcommand(command) else {
            return self.with(command, []);
        };
        let mut words = vec![self.program.clone(), command.to_owned()];
        for argument in next.get_arguments() {
            let id = argument.get_id().as_str();
            if !kept.contains(&id) || !self.has(id) {
                continue;
            }
            let values = self.matches.get_raw(id).into_iter().flatten();
            match argument.get_long() {
                None => words.extend(values.map(|value| shell_path(Path::new(value)))),
                Some(long) if argument.get_action().takes_values() => {
                    words.extend(values.map(|value| option(long, value)));
                }
                Some(long) => words.push(format!("--{long}")),
            }
        }
        words.join(" ")
    }
}

/// With `=`, since a value may begin as an option does.
fn option(long: &str, value: &OsStr) -> String {
    let value = quoted_word(value);
    let between = if value.starts_with('-') { "=" } else { " " };
    format!("--{long}{between}{value}")
}

pub(super) fn quoted_word(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    match word.split_once('=') {
        Some((option, value)) if option.starts_with("--") => {
            format!("{}={}", shell_word(option), shell_word(value))
        }
        _ => shell_word(&word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(arguments: &[&str]) -> CommandLine {
        let all = [&["monthend"], arguments].concat();
        let mut matches = Cli::command().try_get_matches_from(all).unwrap();
        let (command, matches) = matches.remove_subcommand().unwrap();
        CommandLine {
            program: "monthend".to_owned(),
            arguments: arguments.iter().map(|word| quoted_word(OsStr::new(word))).collect(),
            command,
            matches,
            is_quiet: false,
        }
    }

    #[test]
    fn options_are_kept_with_their_quotes_and_left_out_where_they_say_something_else() {
        let command_line = typed(&[
            "run",
            "my month.yaml",
            "--sandbox",
            "-q",
            "--ledger=a b.csv",
            "--type=user",
            "--type",
            "CUSTOMER",
            "--sub-partner=Acme & Co",
            "--as-of=2026-11-05",
            "--existing=adopt",
        ]);
        assert_eq!(
            command_line.next("retry", &WHERE),
            "monthend retry 'my month.yaml' --ledger 'a b.csv' --sandbox --sub-partner 'Acme & Co' --type user --type CUSTOMER"
        );
        assert_eq!(
            command_line.again(),
            "monthend run 'my month.yaml' --sandbox -q --ledger='a b.csv' --type=user --type CUSTOMER \
             --sub-partner='Acme & Co' --as-of=2026-11-05 --existing=adopt"
        );
        assert_eq!(
            command_line.with("status", ["a b.csv".to_owned()]),
            "monthend status 'a b.csv'"
        );
    }

    #[test]
    fn what_looks_like_an_option_stays_a_name() {
        let command_line = typed(&["run", "--ledger=-l.csv", "--job=-x", "--", "-v.yaml"]);
        let next = command_line.next("retry", &WHERE);
        assert_eq!(next, "monthend retry ./-v.yaml --ledger=-l.csv --job=-x");
        let command_line = typed(&["run", "--as-of", "2026-11-02", "--", "-v.yaml"]);
        assert_eq!(
            command_line.again_with("--existing adopt"),
            "monthend run --as-of 2026-11-02 --existing adopt -- -v.yaml"
        );
        let day = NaiveDate::from_ymd_opt(2026, 10, 2).unwrap();
        assert_eq!(command_line.again_as_of(day), "monthend run --as-of 2026-10-02 -- -v.yaml");
    }
}
