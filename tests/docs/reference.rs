//! The generated parts of the reference: options from the command line's own definition, the manifest's keys and
//! the ledger's columns from their schemas.
//!
//! A page marks such a part with two comments, `<!-- generated: NAME -->` and `<!-- end of NAME -->`.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use clap::{Arg, Command};
use serde_json::Value;

use crate::{read, root};

/// Two tests may write parts of one page.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares the part `name` of `page` with `content`, or writes it.
fn is_up_to_date(page: &str, name: &str, content: &str) {
    let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = read(page);
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (present, after) = rest.split_once(&end).unwrap();
    let wanted = format!("\n{content}\n");
    if std::env::var_os("MONTHEND_BLESS").is_some() {
        std::fs::write(root().join(page), format!("{before}{begin}{wanted}{end}{after}")).unwrap();
    } else {
        assert_eq!(present, wanted, "{page}: MONTHEND_BLESS=1 cargo test --test docs");
    }
}

/// A table in Markdown.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(header.iter().map(|&cell| cell.to_owned()).collect());
    text += &line(vec!["---".to_owned(); header.len()]);
    rows.into_iter().for_each(|row| text += &line(row));
    text
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// All commands, without clap's own `help`.
fn commands() -> Vec<Command> {
    let mut all = monthend::testing::command();
    all.build();
    let named = all.get_subcommands().filter(|command| command.get_name() != "help");
    named.cloned().collect()
}

#[test]
fn commands_are_listed() {
    let rows = commands().into_iter().map(|command| {
        let mut usage = format!("monthend {}", command.get_name());
        for argument in command.get_positionals() {
            let _ = write!(usage, " {}", value_of(argument));
        }
        let about = command.get_about().map(ToString::to_string);
        vec![code(&usage), about.unwrap_or_default()]
    });
    is_up_to_date("docs/commands.md", "commands", &table(&["command", "does"], rows));
}

fn value_of(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    names.first().map(ToString::to_string).unwrap_or_default()
}

/// A help text without its note `[NAME VALUE]`, and the value.
fn without_note(help: &str, name: &str) -> (String, Option<String>) {
    let Some((before, rest)) = help.split_once(&format!(" [{name}")) else {
        return (help.to_owned(), None);
    };
    let (value, after) = rest.split_once(']').unwrap();
    (format!("{before}{after}"), Some(value.to_owned()))
}

/// An option or argument, as a line of the reference.
#[derive(PartialEq)]
struct Entry {
    heading: String,
    spelling: String,
    variable: String,
    meaning: String,
}

impl Entry {
    fn of(argument: &Arg) -> Self {
        let takes_value = argument.get_action().takes_values();
        let value = if takes_value { value_of(argument) } else { String::new() };
        let spelling = match (argument.get_short(), argument.get_long()) {
            (_, None) => value,
            (None, Some(long)) => format!("--{long} {value}"),
            (Some(short), Some(long)) => format!("-{short}, --{long} {value}"),
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        // What an option does by hand, its help says in clap's manner: `[env: NAME=] [default: VALUE]`.
        let (help, default) = without_note(&help, "default: ");
        let (mut meaning, variable) = without_note(&help, "env: ");
        let values: Vec<String> = if takes_value {
            argument.get_possible_values().iter().map(|v| code(v.get_name())).collect()
        } else {
            Vec::new()
        };
        if !values.is_empty() {
            let _ = write!(meaning, "; {}", values.join(", "));
        }
        if let [default] = argument.get_default_values()
            && takes_value
        {
            let _ = write!(meaning, " (default: `{}`)", default.to_string_lossy());
        }
        if let Some(default) = default {
            let _ = write!(meaning, " (default: {default})");
        }
        Entry {
            heading: argument.get_help_heading().unwrap_or("Options").to_owned(),
            spelling: code(spelling.trim()),
            variable: argument
                .get_env()
                .map(|v| v.to_string_lossy().into_owned())
                .or(variable.map(|name| name.trim_end_matches('=').to_owned()))
                .map(|name| code(&name))
                .unwrap_or_default(),
            meaning,
        }
    }
}

#[test]
fn options_are_listed() {
    let commands = commands();
    let mut options: Vec<(Entry, Vec<&str>)> = Vec::new();
    for command in &commands {
        let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
        for argument in arguments.filter(|a| !["help", "version"].contains(&a.get_id().as_str())) {
            let option = Entry::of(argument);
            match options.iter_mut().find(|(known, _)| *known == option) {
                Some((_, users)) => users.push(command.get_name()),
                None => options.push((option, vec![command.get_name()])),
            }
        }
    }
    // What most commands have comes last: it says least about each.
    options.sort_by_key(|(_, users)| users.len() == commands.len());
    let mut headings: Vec<&str> = Vec::new();
    for (option, _) in &options {
        if !headings.contains(&option.heading.as_str()) {
            headings.push(&option.heading);
        }
    }
    let mut text = String::new();
    for heading in headings {
        let rows = options.iter().filter(|(option, _)| option.heading == heading).map(
            |(option, users)| {
                let users =
                    if users.len() == commands.len() { "all".to_owned() } else { users.join(", ") };
                vec![
                    option.spelling.clone(),
                    option.variable.clone(),
                    users,
                    option.meaning.clone(),
                ]
            },
        );
        let rows = table(&["option", "environment", "commands", "meaning"], rows);
        let _ = write!(text, "{}### {heading}\n\n{rows}", if text.is_empty() { "" } else { "\n" });
    }
    is_up_to_date("docs/commands.md", "options", &text);
}

/// The keys of a manifest, from its JSON Schema.
struct Keys<'a> {
    schema: &'a Value,
    rows: Vec<Vec<String>>,
}

impl Keys<'_> {
    fn resolved<'v>(&'v self, node: &'v Value) -> &'v Value {
        let name = node["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
        name.map_or(node, |name| &self.schema["$defs"][name])
    }

    /// Adds all keys below `node`, which stands at `place`.
    fn add(&mut self, place: &str, node: &Value) {
        let node = self.resolved(node).clone();
        let required: Vec<&str> =
            node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (key, value) in node["properties"].as_object().into_iter().flatten() {
            let key_place = match place {
                "" => key.clone(),
                _ => format!("{place}.{key}"),
            };
            let target = self.resolved(value);
            let about = [value, target].map(|v| v["description"].as_str());
            let about = about.into_iter().flatten().next().unwrap_or_default().to_owned();
            let default = value.get("default").or_else(|| target.get("default"));
            let default = match (default, required.contains(&key.as_str())) {
                (Some(Value::String(text)), _) => code(text),
                (Some(value), _) => code(&value.to_string()),
                (None, true) => "required".to_owned(),
                (None, false) => String::new(),
            };
            let values = values_of(self.resolved(&target["items"])).or_else(|| values_of(target));
            let about = match values {
                Some(values) => format!("{about} One of {values}"),
                None => about,
            };
            self.rows.push(vec![code(&key_place), default, about]);
            let value = value.clone();
            self.add_forms(&key_place, &value);
        }
    }

    /// Goes on with what a value may look like.
    fn add_forms(&mut self, place: &str, value: &Value) {
        let value = self.resolved(value).clone();
        self.add(place, &value);
        if let Some(items) = value.get("items") {
            self.add_forms(&format!("{place}[]"), items);
        }
        if let Some(values) = value.get("additionalProperties").filter(|it| it.is_object()) {
            self.add_forms(&format!("{place}.*"), values);
        }
        for forms in ["anyOf", "oneOf"] {
            for form in value[forms].as_array().into_iter().flatten() {
                self.add_forms(place, form);
            }
        }
    }
}

/// The words that a value may be.
fn values_of(node: &Value) -> Option<String> {
    let forms = node["oneOf"].as_array().into_iter().flatten().map(|form| &form["const"]);
    let words: Vec<String> = node["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(forms)
        .filter_map(|word| word.as_str().map(code))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[test]
fn keys_of_the_manifest_are_listed() {
    let schema: Value = serde_json::from_str(&read("schemas/manifest.schema.json")).unwrap();
    let mut keys = Keys { schema: &schema, rows: Vec::new() };
    keys.add("", &schema);
    is_up_to_date("docs/manifest.md", "keys", &table(&["key", "default", "meaning"], keys.rows));
}

#[test]
fn columns_of_the_ledger_are_listed() {
    let schema: Value = serde_json::from_str(&read("schemas/ledger.schema.json")).unwrap();
    let rows = schema["fields"].as_array().unwrap().iter().map(|field| {
        let text = |key: &str| field[key].as_str().unwrap_or_default().to_owned();
        vec![code(&text("name")), text("type"), text("description")]
    });
    is_up_to_date("docs/ledger.md", "columns", &table(&["column", "type", "holds"], rows));
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let help = monthend::testing::command().render_help().to_string();
    let page = crate::page::Table::read("docs/exit-codes.md", "code");
    let codes: Vec<&str> = page
        .columns("code", "meaning")
        .into_iter()
        .flat_map(|(codes, _)| codes.split(", "))
        .collect();
    let (_, listed) = help.split_once("Exit codes:").unwrap();
    let words = listed.split(|c: char| !c.is_ascii_digit());
    let listed: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    assert_eq!(codes, listed);
}
