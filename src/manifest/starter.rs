//! The manifest that `monthend init` writes: it names and explains every key, and can be rehearsed as it is.

use std::path::Path;

use chrono::NaiveDate;

use super::load::{default_ledger, stem};
use crate::{
    request::{Month, OrgId},
    text::shell_word,
};

const STARTER: &str = include_str!("starter.yaml");
/// Where the made-up sub-partners stand in it.
const BEGIN: &str = "# <sub-partners>\n";
const END: &str = "# </sub-partners>\n";
/// Above what the API listed.
const NO_NAMES: &str = "      # The API lists no names. Control Hub shows each organisation with the UUID behind its id; give it a label:
      # { id: ..., label: ... }
";

/// Sub-partners that the API lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Billed.
    pub active: Vec<OrgId>,
    /// Named, and left out.
    pub suspended: Vec<OrgId>,
}

/// A manifest to begin with, to be saved as `file`, for the month before `today`: with the sub-partners that were `found`,
/// else with made-up ones. Its commented keys say what is in effect without them.
pub fn starter(file: &Path, today: NaiveDate, found: Option<&Found>) -> String {
    let (before, rest) = STARTER.split_once(BEGIN).unwrap_or((STARTER, ""));
    let (made_up, after) = rest.split_once(END).unwrap_or((rest, ""));
    let sub_partners = match found {
        None => made_up.to_owned(),
        Some(found) => listed(found),
    };
    let before = match found {
        None => before.to_owned(),
        Some(_) => before.replace(
            " For a real run replace the made-up sub-partners by your own.\n",
            " Its sub-partners are those that the API listed.\n",
        ),
    };
    let name = stem(file);
    let ledger = default_ledger(file);
    let ledger_name = |extension: &str| {
        let path = ledger.with_extension(extension);
        let name = path.file_name().unwrap_or_default();
        yaml_text(&name.to_string_lossy())
    };
    let this_month = Month::of(today);
    let month = this_month
        .previous()
        .unwrap_or(this_month)
        .period()
        .to_string();
    let filled = |text: &str| {
        text.replace("{month}", &month)
            .replace("{file}", &shell_word(&file.to_string_lossy()))
            .replace("{name}", &yaml_text(&name))
            .replace("{ledger}", &ledger_name("csv"))
            .replace("{output}", &ledger_name("reports"))
    };
    format!("{}{sub_partners}{}", filled(&before), filled(after))
}

/// A text as YAML has to be given it: in quotes where it would be something else without.
fn yaml_text(text: &str) -> String {
    let written = serde_yaml::to_string(text).unwrap_or_default(); // a text can always be written
    written.trim_end().to_owned()
}

fn listed(found: &Found) -> String {
    let uuid = |org: &OrgId| {
        org.uuid()
            .map_or(String::new(), |uuid| format!("   # {uuid}"))
    };
    let active = found.active.iter();
    let active = active.map(|org| format!("      - {{ id: {org} }}{}\n", uuid(org)));
    let suspended = found.suspended.iter();
    let suspended = suspended.map(|org| format!("      # - {{ id: {org} }}   # suspended\n"));
    NO_NAMES.to_owned() + &active.chain(suspended).collect::<String>()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::manifest::{DateCheck, LoadOptions, Manifest, Origin, schema};
    use crate::request::Period;

    /// Every name of a key in a JSON Schema.
    fn keys(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                map.values().for_each(|value| keys(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_named_and_explained() {
        let mut all = Vec::new();
        keys(&schema(), &mut all);
        assert!(all.len() > 30, "{all:?}");
        let text = starter(Path::new("m.yaml"), today(), None);
        for key in all {
            let named = [format!("{key}:"), format!("`{key}`")];
            assert!(
                named.iter().any(|named| text.contains(named)),
                "the starter manifest does not name {key}"
            );
        }
        assert!(
            !text.contains("{file}") && !text.contains("<sub-partners>"),
            "{text}"
        );
    }

    fn today() -> NaiveDate {
        "2026-11-02".parse().unwrap()
    }

    /// The manifest that a starter says, once `edit` has changed it.
    fn read(file: &str, edit: impl Fn(&str) -> String) -> Manifest {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        let text = edit(&starter(&path, today(), None));
        std::fs::write(&path, &text).unwrap();
        let options = LoadOptions {
            as_of: today(),
            today: today(),
            date_check: DateCheck::On,
        };
        let read = Manifest::load(&path, &options);
        let mut read = read.unwrap_or_else(|e| panic!("{e}\n{text}"));
        // What is not about what it says.
        read.path = "".into();
        read.origin = Origin::default();
        read.ledger = read.ledger.strip_prefix(folder.path()).unwrap().to_owned();
        let output = read.settings.collect.output.take();
        let output = output.map(|it| it.strip_prefix(folder.path()).unwrap().to_owned());
        let default = read.ledger.with_extension("reports");
        assert!(output.is_none_or(|it| it == default));
        read.oddities.clear();
        read
    }

    #[test]
    fn a_commented_key_shows_what_is_in_effect_without_it() {
        // A line that would be a key, or an item of a list, without its `#`.
        let is_key = |line: &str| {
            let rest = line.trim_start().strip_prefix("# ").unwrap_or_default();
            let word = rest.trim_start().split(':').next().unwrap_or_default();
            rest.contains(':')
                && !word.is_empty()
                && word.chars().all(|c| c.is_lowercase() || c == '_')
        };
        let uncommented = |text: &str| {
            let lines = text.lines().map(|line| match is_key(line) {
                true => line.replacen("# ", "", 1) + "\n",
                false => line.to_owned() + "\n",
            });
            lines.collect::<String>()
        };
        for file in ["october.yaml", "my month: #1.yaml", "2026.yml", "no"] {
            let as_it_is = read(file, str::to_owned);
            let changed = read(file, uncommented);
            assert_eq!(changed, as_it_is);
        }
        let text = starter(Path::new("m.yaml"), today(), None);
        assert!(text.lines().filter(|line| is_key(line)).count() > 20);
    }

    #[test]
    fn the_month_is_written_out() {
        let month: Period = "2026-10".parse().unwrap();
        let read = read("m.yaml", str::to_owned);
        assert!(!read.is_relative);
        assert!(read.jobs.iter().all(|job| job.periods == [month]));
    }

    #[test]
    fn what_the_api_tells_takes_the_place_of_what_is_made_up() {
        let found = Found {
            active: vec!["a1".parse().unwrap(), "a2".parse().unwrap()],
            suspended: vec!["s1".parse().unwrap()],
        };
        let text = starter(Path::new("m.yaml"), today(), Some(&found));
        assert!(
            text.contains(
                "      - { id: a1 }\n      - { id: a2 }\n      # - { id: s1 }   # suspended\n"
            ),
            "{text}"
        );
        assert!(text.contains("give it a label"), "{text}");
        assert!(
            !text.contains("label: Acme Voice }\n") && !text.contains("made-up"),
            "{text}"
        );
    }
}
