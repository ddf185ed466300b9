//! Valid YAML that our parser refuses: a tab after a colon (YAML 1.2.2, 6.3), and a character beyond U+FFFF as a pair
//! of escapes, as JSON writes it (YAML 1.2.2, 1.2).

use std::borrow::Cow;

use saphyr_parser::{Parser, ScalarStyle};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    Plainly,
    /// A changed text with every character at its old place.
    Otherwise(String),
}

/// Halves of pairs are stored among the private characters U+E000 to U+E7FF, since the parser refuses halves.
const KEPT_AT: u32 = 0xe000;
/// The first half of a pair in UTF-16.
const HALVES: u32 = 0xd800;

pub(super) fn as_parsed(text: &str) -> Written {
    let may_differ = text.contains(":\t") || text.contains("\\u");
    if !may_differ || Parser::new_from_str(text).all(|event| event.is_ok()) {
        return Written::Plainly;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find([':', '\\']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let taken = match from.strip_prefix(':') {
            Some(behind) => {
                let tabs = behind.len() - behind.trim_start_matches('\t').len();
                out.push(':');
                out.extend(std::iter::repeat_n(' ', tabs));
                1 + tabs
            }
            None => match pair(from) {
                Some(halves) => {
                    for half in halves {
                        out.push_str(&format!("\\u{:04x}", half - HALVES + KEPT_AT));
                    }
                    12
                }
                // An escape takes the next character, even a backslash.
                None => {
                    let length = from.chars().take(2).map(char::len_utf8).sum();
                    out.push_str(&from[..length]);
                    length
                }
            },
        };
        rest = &from[taken..];
    }
    out.push_str(rest);
    if out == text { Written::Plainly } else { Written::Otherwise(out) }
}

fn pair(text: &str) -> Option<[u32; 2]> {
    let half = |escape: &str| u32::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let halves = [half(text)?, half(text.get(6..)?)?];
    matches!(halves, [0xd800..=0xdbff, 0xdc00..=0xdfff]).then_some(halves)
}

impl Written {
    pub(super) fn restored<'t>(&self, text: &'t str, style: ScalarStyle) -> Cow<'t, str> {
        let kept = |c: char| matches!(u32::from(c), KEPT_AT..0xe800);
        if *self == Written::Plainly || style != ScalarStyle::DoubleQuoted || !text.contains(kept) {
            return text.into();
        }
        let units = text.chars().flat_map(|c| {
            let mut buffer = [0; 2];
            let units = c.encode_utf16(&mut buffer).to_vec();
            if kept(c) {
                // Stored 0x800 above the original.
                vec![units[0] - 0x800]
            } else {
                units
            }
        });
        let chars = char::decode_utf16(units.collect::<Vec<u16>>());
        let restored = chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        restored.collect::<String>().into()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Node, problem::Sink, source::Source, tree::Tree};

    /// The values of a mapping, or what is wrong with it and in which column.
    fn values(text: &str) -> Result<Vec<String>, (usize, usize, String)> {
        let source = Source::from_bytes(Path::new("f"), text.as_bytes().to_vec()).unwrap();
        let sink = Sink::default();
        let read = Tree::read(&source, &sink).map(|tree| {
            let root = Node::root(&tree, &sink);
            let entries = root.entries().unwrap();
            let values = entries.iter().map(|entry| entry.value.text("a text"));
            values.map(|text| text.unwrap().to_owned()).collect()
        });
        let problems = sink.into_problems(&source);
        let first = problems.and_then(|all| all.shown.first().cloned());
        match first {
            None => Ok(read.unwrap()),
            Some(first) => {
                Err((first.place.line(), first.place.column(), first.mistake.message.clone()))
            }
        }
    }

    #[test]
    fn what_libraries_write_is_read() {
        for (text, expected) in [
            ("a:\tx\nb: y\n", ["x", "y"]),
            ("a:\t\tx\nb:\t 'y'\t# why\n", ["x", "y"]),
            ("{ a:\tx, b:\t\"y\" }\n", ["x", "y"]),
            ("{\n\t\"a\":\t\"x\",\n\t\"b\":\t\"y\"\n}\n", ["x", "y"]),
            ("a: \"\\ud83d\\ude00\"\nb: y\n", ["😀", "y"]),
            ("a:\t\"x \\uD83D\\uDE00\\uD83D\\uDE01 \\u00fc\"\nb: y\n", ["x 😀😁 ü", "y"]),
            ("a: \"\\\\ud83d\"\nb:\ty\n", ["\\ud83d", "y"]),
            // As it stands, where the parser takes it so.
            ("a: 'x:\ty'\nb: \"\\ue000\"\n", ["x:\ty", "\u{e000}"]),
        ] {
            assert_eq!(values(text).as_deref(), Ok(&expected.map(str::to_owned)[..]), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_still_found_where_it_stands() {
        for (text, line, column) in [
            ("a:\tx\n\tb: y\n", 2, 1),
            ("a:\t\"\\ud83d\\ude00\"\nb: [\n", 3, 1),
            ("a:\tx\nb: \"\\ud83d\"\n", 2, 4),
            ("a: \"\\ude00\\ud83d\"\n", 1, 4),
            ("a:\tx\na: y\n", 2, 1),
        ] {
            let (at, from, message) = values(text).unwrap_err();
            assert_eq!((at, from), (line, column), "{text:?}: {message}");
        }
    }
}
