//! The manifest that `monthend init` writes: it names and explains every key, and can be rehearsed as it is.

use crate::request::OrgId;

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

/// A manifest to begin with, to be saved as `file`: with the sub-partners that were `found`, else with made-up ones.
pub fn starter(file: &str, found: Option<&Found>) -> String {
    let (before, rest) = STARTER.split_once(BEGIN).unwrap_or((STARTER, ""));
    let (made_up, after) = rest.split_once(END).unwrap_or((rest, ""));
    let sub_partners = match found {
        None => made_up.to_owned(),
        Some(found) => listed(found),
    };
    let before = match found {
        None => before.to_owned(),
        Some(_) => before.replace(
            " For a real run put your own sub-partners in the place of the made-up ones.\n",
            " Its sub-partners are those that the API listed.\n",
        ),
    };
    let before = before.replace("FILE", file);
    format!("{before}{sub_partners}{after}")
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
    use crate::manifest::schema;

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
        let text = starter("m.yaml", None);
        for key in all {
            let named = format!("{key}:");
            assert!(
                text.contains(&named),
                "the starter manifest does not name {key}"
            );
        }
        assert!(
            !text.contains("FILE") && !text.contains("<sub-partners>"),
            "{text}"
        );
    }

    #[test]
    fn what_the_api_tells_takes_the_place_of_what_is_made_up() {
        let found = Found {
            active: vec!["a1".parse().unwrap(), "a2".parse().unwrap()],
            suspended: vec!["s1".parse().unwrap()],
        };
        let text = starter("m.yaml", Some(&found));
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
